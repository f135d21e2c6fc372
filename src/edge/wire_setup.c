/*
 * wire_setup.c - how a libcurl handle is set up.
 *
 * Handles are used again and again, and so that nothing of one request can reach the next, every
 * option either never changes (wire_setup_handle) or is set anew for each request
 * (wire_setup_request).
 */
#include "edge/wire_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	IDLE_CONNECTION_S_MAX =
	    55, /* common keep-alive limits are 60 s: leave before the gateway does */
	CONNECTION_AGE_S_MAX = 600, /* then look at the name and the certificate again */
	CA_CACHE_S = 60,            /* a repaired ca_file counts soon */
	KEEP_LINE_BYTES = 16 * 1024,
};

static const struct {
	CURLoption option;
	long value;
} fixed_longs[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_NOPROGRESS, 1},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_MAXREDIRS, 0},
    {CURLOPT_UNRESTRICTED_AUTH, 0},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_HTTP_CONTENT_DECODING, 0}, /* an unasked-for gzip stays raw: no bombs */
    {CURLOPT_TRANSFER_ENCODING, 0},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSL_OPTIONS, 0},
    {CURLOPT_HSTS_CTRL, 0},
    {CURLOPT_TCP_NODELAY, 1},
    {CURLOPT_TCP_FASTOPEN, 0}, /* would send before the hook */
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_TCP_KEEPIDLE, 30},
    {CURLOPT_TCP_KEEPINTVL, 15},
    {CURLOPT_TIMEOUT_MS, 0}, /* the owner's: libcurl's would throw away an answer that is here */
    {CURLOPT_LOW_SPEED_LIMIT, 0},
    {CURLOPT_LOW_SPEED_TIME, 0},
    {CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S_MAX},
    {CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_S_MAX},
#if LIBCURL_VERSION_NUM >= 0x075700
    {CURLOPT_QUICK_EXIT, 1}, /* a stuck resolver must not block the loop */
    {CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S},
#endif
};

static const struct {
	CURLoption option;
	const char *value;
} fixed_strings[] = {
    {CURLOPT_PROXY, ""}, /* whatever the environment says */
    {CURLOPT_NOPROXY, "*"},
    {CURLOPT_DEFAULT_PROTOCOL, "https"},
    {CURLOPT_REDIR_PROTOCOLS_STR, "https"}, /* never used; libcurl 7.88 takes no empty list */
    {CURLOPT_USERAGENT, "outboxd"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *
wire_setup_version_refusal(const curl_version_info_data *info)
{
	if (info->version_num < 0x075500)
		return "libcurl is older than 7.85.0";
	if (!(info->features & CURL_VERSION_SSL))
		return "libcurl was built without TLS";
	if (!(info->features & CURL_VERSION_ASYNCHDNS))
		return "libcurl was built without an asynchronous resolver";
	return NULL;
}

/* Unknown to the libcurl that runs, though the one we were built with knew it: a comfort, not a
 * guard. */
static bool
is_comfort(CURLoption option)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	return option == CURLOPT_QUICK_EXIT || option == CURLOPT_CA_CACHE_TIMEOUT;
#else
	(void)option;
	return false;
#endif
}

int
wire_setup_handle(struct wire_transfer *transfer)
{
	CURL *easy = transfer->easy;
	CURLcode bad = CURLE_OK;

	for (size_t i = 0; i < COUNT(fixed_longs) && !bad; i++) {
		bad = curl_easy_setopt(easy, fixed_longs[i].option, fixed_longs[i].value);
		if (bad == CURLE_UNKNOWN_OPTION && is_comfort(fixed_longs[i].option))
			bad = CURLE_OK;
	}
	for (size_t i = 0; i < COUNT(fixed_strings) && !bad; i++)
		bad = curl_easy_setopt(easy, fixed_strings[i].option, fixed_strings[i].value);

	if (bad || curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) ||
	    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->words) ||
	    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, wire_on_before_send) ||
	    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer) ||
	    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, wire_on_open_socket) ||
	    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer) ||
	    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, wire_on_close_socket) ||
	    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->wire) ||
	    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, wire_on_header) ||
	    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, wire_on_body) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer))
		return -1;
	return 0;
}

static bool
is_plain(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0;
}

/* A method or a header's name: no white space, no control character, nothing that separates (RFC
 * 9110). */
static bool
is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", text[i]))
			return false;
	return length > 0;
}

/* Headers that libcurl writes from what it knows; a second voice could cut or double a request. */
static bool
is_ours(const char *name, size_t length)
{
	static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Connection",
	    "Host", "Expect", "Upgrade", "TE", "Trailer"};
	for (size_t i = 0; i < COUNT(ours); i++)
		if (strlen(ours[i]) == length && strncasecmp(ours[i], name, length) == 0)
			return true;
	return false;
}

static const char *
header_refusal(const char *line)
{
	const char *colon = strchr(line, ':');

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return "a request header without a proper name";
	if (is_ours(line, (size_t)(colon - line)))
		return "a request header that only the daemon may write";
	const char *value = colon + 1 + strspn(colon + 1, " \t");
	if (*value == '\0')
		return "a request header without a value";
	for (; *value; value++)
		if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return "a control character in a request header";
	return NULL;
}

const char *
wire_setup_refusal(const struct wire_request *request)
{
	if (!is_token(request->method, strlen(request->method)))
		return "not a request method";
	if (!is_plain(request->url) && strncasecmp(request->url, "https://", 8) != 0)
		return "neither an https nor an http URL";
	if (request->body_length > 0 && strcmp(request->method, "HEAD") == 0)
		return "a HEAD with a body";
	for (const char *c = request->url; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return "a character in the URL that must not be there";
	for (size_t i = 0; i < request->header_count; i++) {
		const char *why = header_refusal(request->headers[i]);
		if (why)
			return why;
	}
	return NULL;
}

static int
grow(void **memory, size_t *capacity, size_t wanted, size_t unit)
{
	if (wanted <= *capacity)
		return 0;
	void *larger = realloc(*memory, wanted * unit);
	if (!larger)
		return -1;
	*memory = larger;
	*capacity = wanted;
	return 0;
}

/* libcurl only walks the list, so it may stand in two blocks of ours instead of two allocations a
 * line. */
static int
copy_headers(struct wire_transfer *transfer, const struct wire_request *request)
{
	/* Take back what libcurl adds by itself; a line of the request's own goes before. */
	static char no_accept[] = "Accept:", no_expect[] = "Expect:", no_type[] = "Content-Type:";
	static struct curl_slist type = {no_type, NULL}, expect = {no_expect, &type};
	static struct curl_slist accept = {no_accept, &expect};
	size_t bytes = 0;
	void *nodes = transfer->nodes;
	void *lines = transfer->lines;

	for (size_t i = 0; i < request->header_count; i++)
		bytes += strlen(request->headers[i]) + 1;
	int failed = grow(&nodes, &transfer->node_capacity, request->header_count + 1,
			 sizeof(struct curl_slist)) != 0 ||
		     grow(&lines, &transfer->line_capacity, bytes + 1, 1) != 0;
	transfer->nodes = nodes;
	transfer->lines = lines;
	if (failed)
		return -1;

	char *at = transfer->lines;
	for (size_t i = 0; i < request->header_count; i++) {
		bool last = i + 1 == request->header_count;
		transfer->nodes[i] =
		    (struct curl_slist){at, last ? &accept : &transfer->nodes[i + 1]};
		at = stpcpy(at, request->headers[i]) + 1;
	}
	transfer->line_bytes = bytes;
	if (curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER,
		request->header_count > 0 ? transfer->nodes : &accept))
		return -1;
	return 0;
}

void
wire_setup_forget(struct wire_transfer *transfer)
{
	if (transfer->lines)
		explicit_bzero(transfer->lines, transfer->line_bytes);
	transfer->line_bytes = 0;
	if (transfer->line_capacity > KEEP_LINE_BYTES) {
		free(transfer->lines);
		transfer->lines = NULL;
		transfer->line_capacity = 0;
	}
}

/* Order matters: each of these also sets the method. */
static CURLcode
set_method_and_body(CURL *easy, const struct wire_request *request)
{
	const char *method = request->method;
	bool post = strcmp(method, "POST") == 0;
	bool carries = post || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0 ||
		       request->body_length > 0;
	const char *custom = NULL;
	CURLcode bad = curl_easy_setopt(
	    easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(carries ? request->body_length : 0));

	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
		    request->body_length > 0 ? (const char *)request->body : "");
	if (!bad && !carries) /* HTTPGET also takes NOBODY back */
		bad = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	else if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_POST, 1L);
	if (!bad && strcmp(method, "HEAD") == 0)
		bad = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (!post && (carries || strcmp(method, "GET") != 0))
		custom = method;
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, custom);
	return bad;
}

/* A destination's own ca_file is the only trust; else the system's, which stands in one file or one
 * directory. */
static CURLcode
set_trust(struct wire_transfer *transfer, const struct wire_request *request)
{
	CURL *easy = transfer->easy;
	const char *file = request->ca_file ? request->ca_file : transfer->wire->ca_file;
	const char *directory = file ? NULL : transfer->wire->ca_directory;
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_CAINFO, file);

	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_CAPATH, directory);
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_SSLCERT, request->client_cert);
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_SSLKEY, request->client_key);
	return bad;
}

CURLcode
wire_setup_request(struct wire_transfer *transfer, const struct wire_request *request)
{
	CURL *easy = transfer->easy;
	bool plain = is_plain(request->url);
	bool head_only = strcmp(request->method, "HEAD") == 0;
	long fresh = request->fresh_connection ? 1 : 0;
	size_t cap = request->response_max > 0 ? request->response_max : 1;
	int64_t connect_ms = request->connect_timeout_ms;

	if (connect_ms < 1 || connect_ms > INT_MAX) /* 0 would be libcurl's own five minutes */
		connect_ms = connect_ms < 1 ? 1 : INT_MAX;

	transfer->peer = (struct peer_policy){
	    .allow_private = request->allow_private,
	    .allow_loopback = request->allow_loopback,
	    .plain = plain,
	};
	wire_answer_init(&transfer->answer, head_only, request->response_max);
	if (copy_headers(transfer, request) != 0)
		return CURLE_OUT_OF_MEMORY;

	CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, request->url);
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
		    plain && request->allow_loopback ? "http" : "https");
	if (!bad)
		bad = set_method_and_body(easy, request);
	if (!bad)
		bad = set_trust(transfer, request);
	if (!bad)
		bad = curl_easy_setopt(
		    easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(head_only ? 0 : cap));
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
	if (!bad)
		bad = curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh);
	return bad;
}
