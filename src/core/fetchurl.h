/*
 * fetchurl.h - resolve and admit a fetch URL.
 *
 * A fetch URL comes from the gateway's answer and will receive the merchant's credentials: it
 * is hostile until proven otherwise. It must have the scheme, host and port of the request that it
 * answers (or of an origin that the operator listed), after parsing by libcurl's own URL parser, so
 * that what is checked is what will be contacted.
 */
#ifndef OUTBOXD_CORE_FETCHURL_H
#define OUTBOXD_CORE_FETCHURL_H

#include <stddef.h>

enum { FETCHURL_LENGTH_MAX = 2048 };

enum fetchurl_verdict {
	FETCHURL_ADMITTED,
	FETCHURL_MISSING, /* NULL, empty, or the submit URL itself (whatever its query and fragment)
			   */
	FETCHURL_REFUSED, /* another origin, outside the prefix, or malformed */
	FETCHURL_NO_MEMORY,
};

/* Who may be contacted. */
struct fetchurl_policy {
	const char
	    *submit_url; /* absolute: relative URLs resolve against it; its origin is admitted */
	const char *path_prefix; /* or NULL */
	char *const *origins;    /* further "https://host[:port]" that the operator listed */
	size_t origin_count;
};

/*
 * Resolves candidate. When admitted, *url is the normalised absolute URL (malloc'd, the caller
 * frees). Otherwise *url is NULL and *why a constant sentence fragment. Rules: at most
 * FETCHURL_LENGTH_MAX characters, only 0x21-0x7e, no user name, no fragment, scheme https (http
 * only when the admitted origin itself is http), host compared in ASCII without case and with no
 * trailing dot, port equal with defaults filled in, path prefix on the normalised path (whole
 * segments: "/api" admits "/api" and "/api/x", not "/apix"), and no "%2e", "%2f", "%5c", backslash
 * or segment that starts with ".." in the path. The origin in *url is spelled as the policy spells
 * it.
 */
enum fetchurl_verdict fetchurl_resolve(
    const struct fetchurl_policy *policy, const char *candidate, char **url, const char **why);

/* Whether url is "https://host[:port]" with nothing behind it but an optional "/". For
 * configuration. */
int fetchurl_is_origin(const char *url);

#endif
