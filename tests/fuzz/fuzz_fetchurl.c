/*
 * fuzz_fetchurl.c - any candidate: what is admitted begins with an admitted origin, is plain, and
 * is admitted again unchanged. The oracle looks at text only, not through libcurl.
 */
#include "core/fetchurl.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void
check(const struct fetchurl_policy *policy, const char *candidate, const char *start,
    const char *other_start)
{
	char *url;
	char *again;
	const char *why;
	enum fetchurl_verdict verdict = fetchurl_resolve(policy, candidate, &url, &why);

	assert((verdict == FETCHURL_ADMITTED) == (url != NULL));
	assert((verdict == FETCHURL_ADMITTED) == (why == NULL));
	assert(verdict != FETCHURL_NO_MEMORY);
	if (verdict != FETCHURL_ADMITTED)
		return;
	assert(starts_with(url, start) || (other_start != NULL && starts_with(url, other_start)));
	assert(strlen(url) <= FETCHURL_LENGTH_MAX);
	for (const char *c = url; *c != '\0'; c++)
		assert(*c > 0x20 && *c < 0x7f && *c != '#');
	size_t path = strcspn(url, "?");
	assert(
	    memchr(url, '\\', path) == NULL && memchr(url, '@', strcspn(url + 8, "/") + 8) == NULL);
	assert(fetchurl_resolve(policy, url, &again, &why) == FETCHURL_ADMITTED);
	assert(strcmp(url, again) == 0);
	free(url);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char listed[] = "https://poll.example:8443";
	static char *origins[] = {listed};
	static const struct fetchurl_policy plain = {.submit_url = "https://api.vrio.app/orders/1"};
	static const struct fetchurl_policy prefix = {
	    .submit_url = "https://api.vrio.app/orders/1", .path_prefix = "/api"};
	static const struct fetchurl_policy two = {
	    .submit_url = "https://api.vrio.app/orders/1", .origins = origins, .origin_count = 1};
	char *candidate = malloc(size + 1);

	assert(candidate != NULL);
	memcpy(candidate, data, size);
	candidate[size] = '\0';
	check(&plain, candidate, "https://api.vrio.app/", NULL);
	check(&prefix, candidate, "https://api.vrio.app/api", NULL);
	check(&two, candidate, "https://api.vrio.app/", "https://poll.example:8443/");
	(void)fetchurl_is_origin(candidate);
	free(candidate);
	return 0;
}
