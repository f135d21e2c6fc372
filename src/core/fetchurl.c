/*
 * fetchurl.c - why: whoever can write a fetch URL decides where the merchant's credentials go.
 * Every part is compared after libcurl's own parser has read it, because that is the parser which
 * will connect, and what is admitted is printed again from the parsed parts.
 */
#include "core/fetchurl.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is compared of a URL. Each part is libcurl's or NULL. */
struct parts {
	char *scheme;
	char *host;
	char *port; /* with the scheme's default filled in */
	char *path;
	bool has_user;
	bool has_password;
	bool has_zone;
};

static void
parts_free(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_free(parts->path);
}

static enum fetchurl_verdict
refuse(const char **why, const char *reason)
{
	*why = reason;
	return FETCHURL_REFUSED;
}

static enum fetchurl_verdict
no_memory(const char **why)
{
	*why = "out of memory";
	return FETCHURL_NO_MEMORY;
}

static bool
is_visible_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x21 || *text > 0x7e)
			return false;
	return true;
}

/* Whether a part that may be absent is there. */
static CURLUcode
part_exists(CURLU *handle, CURLUPart part, bool *exists)
{
	char *value = NULL;
	CURLUcode code = curl_url_get(handle, part, &value, 0);

	curl_free(value);
	*exists = code == CURLUE_OK;
	return code == CURLUE_OUT_OF_MEMORY ? code : CURLUE_OK;
}

/* The caller frees the parts whatever the answer. */
static CURLUcode
parts_get(CURLU *handle, struct parts *parts)
{
	CURLUcode code = curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0);

	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_HOST, &parts->host, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_PATH, &parts->path, 0);
	if (code == CURLUE_OK)
		code = part_exists(handle, CURLUPART_USER, &parts->has_user);
	if (code == CURLUE_OK)
		code = part_exists(handle, CURLUPART_PASSWORD, &parts->has_password);
	if (code == CURLUE_OK)
		code = part_exists(handle, CURLUPART_ZONEID, &parts->has_zone);
	return code;
}

static bool
same_origin(const struct parts *a, const struct parts *b)
{
	return curl_strequal(a->scheme, b->scheme) && curl_strequal(a->host, b->host) &&
	       strcmp(a->port, b->port) == 0;
}

/* *found gets the parts of an admitted origin. One that libcurl cannot read admits nothing. */
static CURLUcode
origin_matches(const char *origin, const struct parts *candidate, struct parts *found, bool *match)
{
	CURLU *handle = curl_url();
	CURLUcode code = handle != NULL ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;

	if (code == CURLUE_OK)
		code = curl_url_set(handle, CURLUPART_URL, origin, CURLU_DISALLOW_USER);
	if (code == CURLUE_OK)
		code = parts_get(handle, found);
	*match = code == CURLUE_OK && same_origin(candidate, found);
	curl_url_cleanup(handle);
	return code;
}

/* Looks for the candidate's origin. *found then has its parts as the policy writes them. */
static enum fetchurl_verdict
find_origin(const struct fetchurl_policy *policy, const struct parts *candidate,
    struct parts *found, bool *is_submit, const char **why)
{
	for (size_t i = 0; i <= policy->origin_count; i++) {
		const char *origin = i == 0 ? policy->submit_url : policy->origins[i - 1];
		bool match;
		CURLUcode code = origin_matches(origin, candidate, found, &match);
		if (code == CURLUE_OUT_OF_MEMORY)
			return no_memory(why);
		*is_submit = i == 0;
		if (match)
			return FETCHURL_ADMITTED;
		parts_free(found);
		*found = (struct parts){0};
	}
	return refuse(why, "the fetch URL has another origin");
}

/*
 * Forms that a server may decode into a step upwards, anywhere before the query. Asked of the
 * candidate as it came, too, because newer libcurls resolve "%2e%2e" as well as plain "..".
 */
static bool
has_odd_escape(const char *text)
{
	const char *query = strchr(text, '?');

	for (const char *escape = strchr(text, '%');
	     escape != NULL && (query == NULL || escape < query); escape = strchr(escape + 1, '%'))
		if (curl_strnequal(escape, "%2e", 3) || curl_strnequal(escape, "%2f", 3) ||
		    curl_strnequal(escape, "%5c", 3))
			return true;
	return false;
}

/* libcurl has already resolved plain "..". */
static bool
path_is_plain(const char *path)
{
	return !has_odd_escape(path) && strchr(path, '\\') == NULL && strstr(path, "/..") == NULL;
}

/* Whole segments only. */
static bool
path_has_prefix(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(path, prefix, length) != 0)
		return false;
	return length == 0 || prefix[length - 1] == '/' || path[length] == '/' ||
	       path[length] == '\0';
}

/* The admitted URL, printed from its parts. */
static enum fetchurl_verdict
print_url(CURLU *handle, const struct parts *origin, char **url, const char **why)
{
	char *printed = NULL;
	CURLUcode code = curl_url_set(handle, CURLUPART_HOST, origin->host, 0);

	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_URL, &printed, CURLU_NO_DEFAULT_PORT);
	if (code == CURLUE_OUT_OF_MEMORY)
		return no_memory(why);
	if (code != CURLUE_OK)
		return refuse(why, "the fetch URL is malformed");
	if (strlen(printed) > FETCHURL_LENGTH_MAX) {
		curl_free(printed);
		return refuse(why, "the fetch URL is too long");
	}
	*url = strdup(printed); /* libcurl's memory may not be malloc's */
	curl_free(printed);
	return *url != NULL ? FETCHURL_ADMITTED : no_memory(why);
}

/* Reads the candidate as a link on the page at submit_url. */
static enum fetchurl_verdict
parse_candidate(CURLU *handle, const char *submit_url, const char *candidate, struct parts *parts,
    const char **why)
{
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, submit_url, CURLU_DISALLOW_USER);

	if (code == CURLUE_OK)
		code = curl_url_set(handle, CURLUPART_URL, candidate, CURLU_DISALLOW_USER);
	if (code == CURLUE_OK)
		code = parts_get(handle, parts);
	if (code == CURLUE_OUT_OF_MEMORY)
		return no_memory(why);
	if (code == CURLUE_USER_NOT_ALLOWED)
		return refuse(why, "the fetch URL has a user name");
	if (code != CURLUE_OK)
		return refuse(why, "the fetch URL is malformed");
	return FETCHURL_ADMITTED;
}

/* What is wrong with an origin that may otherwise be admitted, or NULL. */
static const char *
origin_fault(const struct parts *parts)
{
	size_t length = strlen(parts->host);

	if (!curl_strequal(parts->scheme, "https") && !curl_strequal(parts->scheme, "http"))
		return "the fetch URL is not https";
	if (length == 0 || parts->host[length - 1] == '.')
		return "the fetch URL's host ends in a dot";
	if (parts->has_user || parts->has_password)
		return "the fetch URL has a user name";
	if (parts->has_zone)
		return "the fetch URL has a zone";
	return NULL;
}

/* Everything behind the parsing. */
static enum fetchurl_verdict
admit(const struct fetchurl_policy *policy, const char *candidate, CURLU *handle,
    const struct parts *parts, struct parts *origin, char **url, const char **why)
{
	bool is_submit = false;
	const char *fault = origin_fault(parts);
	if (fault != NULL)
		return refuse(why, fault);

	enum fetchurl_verdict verdict = find_origin(policy, parts, origin, &is_submit, why);
	if (verdict != FETCHURL_ADMITTED)
		return verdict;
	if (is_submit && strcmp(parts->path, origin->path) == 0) {
		*why = "the fetch URL is the submit URL";
		return FETCHURL_MISSING;
	}
	if (strchr(candidate, '#') != NULL)
		return refuse(why, "the fetch URL has a fragment");
	if (!path_is_plain(parts->path) || has_odd_escape(candidate))
		return refuse(why, "the fetch URL's path has an escaped or odd segment");
	if (policy->path_prefix != NULL && !path_has_prefix(parts->path, policy->path_prefix))
		return refuse(why, "the fetch URL is outside the path prefix");
	return print_url(handle, origin, url, why);
}

enum fetchurl_verdict
fetchurl_resolve(
    const struct fetchurl_policy *policy, const char *candidate, char **url, const char **why)
{
	struct parts parts = {0};
	struct parts origin = {0};

	*url = NULL;
	*why = NULL;
	if (candidate == NULL || *candidate == '\0') {
		*why = "there is no fetch URL";
		return FETCHURL_MISSING;
	}
	if (*candidate == '#') { /* libcurl would resolve it against the directory (7.88) */
		*why = "the fetch URL is the submit URL";
		return FETCHURL_MISSING;
	}
	if (strnlen(candidate, FETCHURL_LENGTH_MAX + 1) > FETCHURL_LENGTH_MAX)
		return refuse(why, "the fetch URL is too long");
	if (!is_visible_ascii(candidate))
		return refuse(why, "the fetch URL has a space, control or non-ASCII character");

	CURLU *handle = curl_url();
	if (handle == NULL)
		return no_memory(why);
	enum fetchurl_verdict verdict =
	    parse_candidate(handle, policy->submit_url, candidate, &parts, why);
	if (verdict == FETCHURL_ADMITTED)
		verdict = admit(policy, candidate, handle, &parts, &origin, url, why);
	parts_free(&parts);
	parts_free(&origin);
	curl_url_cleanup(handle);
	return verdict;
}

/* Asked of the text as well as of the parser, which would resolve "https://host/.." to a bare host.
 */
static bool
looks_like_origin(const char *url)
{
	static const char origin_scheme[] = "https://";

	if (strnlen(url, FETCHURL_LENGTH_MAX + 1) > FETCHURL_LENGTH_MAX || !is_visible_ascii(url))
		return false;
	if (!curl_strnequal(url, origin_scheme, strlen(origin_scheme)))
		return false;
	const char *host = url + strlen(origin_scheme);
	size_t length = strcspn(host, "/?#\\@%");
	return length > 0 && (host[length] == '\0' || strcmp(host + length, "/") == 0);
}

int
fetchurl_is_origin(const char *url)
{
	struct parts parts = {0};
	CURLU *handle = NULL;
	int is_origin = 0;

	if (url != NULL && looks_like_origin(url))
		handle = curl_url();
	if (handle != NULL &&
	    curl_url_set(handle, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
	    parts_get(handle, &parts) == CURLUE_OK)
		is_origin = origin_fault(&parts) == NULL;
	parts_free(&parts);
	curl_url_cleanup(handle);
	return is_origin;
}
