/*
 * checks.c - what both configuration files must get right. Knows no file and no setting.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "edge/checks.h"

enum {
	HEADER_NAME_MAX = 64,
	HEADER_VALUE_MAX = 4096,
	PATH_MAX_LENGTH = 1024,
	POINTER_MAX = 256,
	URL_MAX = 1024,
	PLACEHOLDER_MAX = 32,
};

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

const char *
check_header_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > HEADER_NAME_MAX)
		return "a header name has 1 to 64 characters";
	if (strspn(name, ALPHANUMERIC "!#$%&'*+-.^_`|~") != length)
		return "not a header name; write letters, digits and hyphens, without a colon or "
		       "blank";
	return NULL;
}

const char *
check_header_free(const char *name)
{
	static const char *const reserved[] = {"Host", "Content-Length", "Content-Type",
	    "Content-Encoding", "Transfer-Encoding", "Connection", "Expect", "Accept-Encoding",
	    "TE", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			return "outboxd sets this header itself; take it out";
	return NULL;
}

bool
check_is_setting_name(const char *name)
{
	static const char digits[] = "0123456789";

	return name[0] != '\0' && strchr(digits, name[0]) == NULL &&
	       strspn(name, ALPHANUMERIC "_-") == strlen(name) && name[0] != '_' && name[0] != '-';
}

const char *
check_header_value(const char *value)
{
	size_t length = strlen(value);

	if (length == 0 || length > HEADER_VALUE_MAX)
		return "a header value has 1 to 4096 characters";
	for (const char *at = value; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
			return "a header value holds printable ASCII characters only";
	if (value[0] == ' ' || value[length - 1] == ' ')
		return "a header value must not begin or end with a blank; take it out";
	return NULL;
}

/* Bytes of the UTF-8 sequence at text, 0 when it is not well-formed (RFC 3629). */
static size_t
utf8_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80   ? 1
			: text[0] < 0xc2 ? 0
			: text[0] < 0xe0 ? 2
			: text[0] < 0xf0 ? 3
			: text[0] < 0xf5 ? 4
					 : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

const char *
check_utf8(const char *value)
{
	const unsigned char *at = (const unsigned char *)value;

	while (*at != '\0') {
		size_t length = utf8_length(at);

		if (length == 0)
			return "not UTF-8; save it as UTF-8";
		if (*at < 0x20 || *at == 0x7f)
			return "holds a control character; take it out";
		at += length;
	}
	return NULL;
}

/* A literal segment at [start, start + length). */
static const char *
check_segment(const char *start, size_t length)
{
	if (length == 0)
		return "an empty segment; write single slashes";
	if ((length == 1 && start[0] == '.') || (length == 2 && memcmp(start, "..", 2) == 0))
		return "\".\" and \"..\" are not allowed; write the path they lead to";
	for (size_t i = 0; i < length; i++)
		if (strchr(ALPHANUMERIC "._~-:+,=@$!", start[i]) == NULL)
			return "a path holds letters, digits and ._~-:+,=@$! only; write it "
			       "without "
			       "query, percent sign or blank";
	return NULL;
}

/* A "{name}" or, at the end, "{name...}" segment. */
static const char *
check_placeholder(const char *start, size_t length, bool last)
{
	size_t name = length - 2;

	if (start[length - 1] != '}')
		return "a placeholder is a whole segment; write \"{name}\"";
	if (length > 5 && memcmp(start + length - 4, "...", 3) == 0) {
		if (!last)
			return "\"{name...}\" stands at the end only; write \"{name}\" here";
		name -= 3;
	}
	if (length < 3 || name > PLACEHOLDER_MAX || strspn(start + 1, ALPHANUMERIC "_") < name)
		return "a placeholder's name has 1 to 32 letters, digits or _; write \"{name}\"";
	return NULL;
}

static const char *
check_segments(const char *path, bool pattern)
{
	size_t placeholders = 0;

	if (path[0] != '/' || strlen(path) > PATH_MAX_LENGTH)
		return "a path begins with / and has at most 1024 characters";
	while (path[0] == '/') {
		const char *start = path + 1;
		size_t length = strcspn(start, "/");
		const char *wrong;

		path = start + length;
		if (length == 0 && *path == '\0' && !pattern)
			break;
		if (pattern && start[0] == '{') {
			wrong = check_placeholder(start, length, *path == '\0');
			placeholders++;
		} else {
			wrong = check_segment(start, length);
		}
		if (wrong != NULL)
			return wrong;
	}
	if (pattern && placeholders == 0)
		return "a pattern needs a \"{name}\" segment; write path instead of path_pattern";
	return NULL;
}

const char *
check_path(const char *path)
{
	return check_segments(path, false);
}

const char *
check_path_pattern(const char *pattern)
{
	return check_segments(pattern, true);
}

const char *
check_pointer(const char *pointer)
{
	if (strlen(pointer) > POINTER_MAX)
		return "a JSON pointer has at most 256 characters";
	if (pointer[0] != '\0' && pointer[0] != '/')
		return "a JSON pointer begins with /; write for instance \"/error/code\"";
	for (const char *at = pointer; *at != '\0'; at++)
		if (*at == '~' && at[1] != '0' && at[1] != '1')
			return "in a JSON pointer write ~0 for ~ and ~1 for /";
	return check_utf8(pointer);
}

/* The parts of a URL that count. */
struct url_parts {
	char *scheme;
	char *host;
	char *port; /* NULL: the scheme's default */
	char *path;
};

static int
split(const char *url, struct url_parts *parts)
{
	CURLU *handle = curl_url();
	int split = -1;

	*parts = (struct url_parts){0};
	if (handle == NULL)
		return -1;
	if (curl_url_set(handle, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
	    curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
	    curl_url_get(handle, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
	    curl_url_get(handle, CURLUPART_PATH, &parts->path, 0) == CURLUE_OK) {
		/* No port is CURLUE_NO_PORT: the default. */
		curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_NO_DEFAULT_PORT);
		split = 0;
	}
	curl_url_cleanup(handle);
	return split;
}

static void
parts_free(struct url_parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_free(parts->path);
}

static bool
host_is_loopback(const char *host)
{
	return strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static const char *
check_host(const char *host)
{
	size_t length = strlen(host);

	if (length == 0 || length > 253 || host[length - 1] == '.')
		return "the host is empty, too long or ends with a dot; write https://host";
	if (host[0] != '[' && strspn(host, ALPHANUMERIC ".-_") != length)
		return "the host holds letters, digits, dots and hyphens only; write an "
		       "international "
		       "name in its xn-- form";
	return NULL;
}

static const char *
check_parts(struct url_parts *parts, bool plain_loopback, bool origin)
{
	size_t length = strlen(parts->path);
	const char *wrong = check_host(parts->host);

	if (wrong != NULL)
		return wrong;
	for (char *at = parts->host; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	if (parts->port != NULL && strcmp(parts->port, "0") == 0)
		return "there is no port 0; write https://host:port";
	if (strcmp(parts->scheme, "http") == 0) {
		if (!plain_loopback)
			return "plain http is for tests with allow_plain_loopback = true only; "
			       "write https://";
		if (!host_is_loopback(parts->host))
			return "plain http goes to 127.0.0.1 or [::1] only; write https://";
	} else if (strcmp(parts->scheme, "https") != 0) {
		return "the scheme must be https; write https://host";
	}
	if (length > 0 && parts->path[length - 1] == '/')
		parts->path[--length] = '\0';
	if (origin && length > 0)
		return "an origin has no path; write https://host or https://host:port";
	return length > 0 ? check_path(parts->path) : NULL;
}

const char *
check_base_url(const char *url, bool plain_loopback, bool origin, char **normal)
{
	struct url_parts parts;
	const char *wrong;
	const char *raw;

	*normal = NULL;
	if (strlen(url) > URL_MAX || strstr(url, "://") == NULL)
		return "not an absolute URL of at most 1024 characters; write https://host";
	for (const char *at = url; *at != '\0'; at++) {
		if ((unsigned char)*at <= 0x20 || (unsigned char)*at > 0x7e)
			return "a blank, control or non-ASCII character; write https://host";
		if (strchr("?#@\\%", *at) != NULL)
			return "user name, query, fragment, percent sign and backslash are not "
			       "allowed; "
			       "write https://host[:port][/prefix]";
	}
	/* As written: libcurl would resolve "..", and take any number of slashes before a host. */
	raw = strstr(url, "://") + strlen("://");
	if (raw[0] == '/')
		return "empty parts are not allowed; write https://host[:port][/prefix]";
	raw = strchr(raw, '/');
	wrong = raw != NULL ? check_path(raw) : NULL;
	if (wrong != NULL)
		return wrong;
	if (split(url, &parts) != 0)
		wrong = "libcurl cannot parse it; write https://host[:port][/prefix]";
	else
		wrong = check_parts(&parts, plain_loopback, origin);
	if (wrong == NULL && asprintf(normal, "%s://%s%s%s%s", parts.scheme, parts.host,
				 parts.port != NULL ? ":" : "",
				 parts.port != NULL ? parts.port : "", parts.path) < 0) {
		*normal = NULL;
		wrong = "out of memory; try again";
	}
	parts_free(&parts);
	return wrong;
}

bool
check_is_loopback(const char *url)
{
	struct url_parts parts;
	bool loopback = split(url, &parts) == 0 &&
			(host_is_loopback(parts.host) || strcasecmp(parts.host, "localhost") == 0);

	parts_free(&parts);
	return loopback;
}
