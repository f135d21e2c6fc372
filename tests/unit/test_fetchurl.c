/* test_fetchurl.c - the table in data/fetch-urls.txt, lengths, origins, and every failed
 * allocation. */
#include "core/fetchurl.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_SIZE = 1024, COLUMNS_MAX = 8, CASES_MIN = 200 };

static const char table[] = "tests/unit/data/fetch-urls.txt"; /* tests run in the top directory */

static const char *const verdicts[] = {
    [FETCHURL_ADMITTED] = "admitted",
    [FETCHURL_MISSING] = "missing",
    [FETCHURL_REFUSED] = "refused",
    [FETCHURL_NO_MEMORY] = "no memory",
};

static void
unescape(char *text)
{
	char *out = text;

	if (strcmp(text, "\"\"") == 0)
		text += 2;
	while (*text != '\0') {
		unsigned byte;
		if (sscanf(text, "\\x%2x", &byte) == 1) {
			*out++ = (char)byte;
			text += 4;
		} else {
			if (*text == '\\')
				text++;
			*out++ = *text++;
		}
	}
	*out = '\0';
}

static int
wrong(int number, const char *candidate, const char *what, const char *found, const char *expected)
{
	print_error(
	    "%s:%d: %s: %s is %s, not %s\n", table, number, candidate, what, found, expected);
	return 1;
}

static int
check_case(const struct fetchurl_policy *policy, int number, char **columns, size_t count)
{
	char *url;
	const char *why;
	int faults = 0;

	assert_true(count == (strcmp(columns[0], "admitted") == 0 ? 3 : 2));
	unescape(columns[1]);
	enum fetchurl_verdict verdict = fetchurl_resolve(policy, columns[1], &url, &why);
	if (strcmp(verdicts[verdict], columns[0]) != 0)
		faults = wrong(number, columns[1], "the verdict", verdicts[verdict], columns[0]);
	else if (verdict == FETCHURL_ADMITTED && strcmp(url, columns[2]) != 0)
		faults = wrong(number, columns[1], "the URL", url, columns[2]);
	assert_int_equal(url != NULL, verdict == FETCHURL_ADMITTED);
	assert_int_equal(why == NULL, verdict == FETCHURL_ADMITTED);
	free(url);
	return faults;
}

static size_t
split(char *line, char **columns)
{
	size_t count = 0;
	char *rest = NULL;

	for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < COLUMNS_MAX;
	     word = strtok_r(NULL, " \n", &rest))
		columns[count++] = word;
	return count;
}

static void
test_table(void **state)
{
	static char policy_line[LINE_SIZE]; /* the policy points into it */
	char line[LINE_SIZE];
	char *policy_columns[COLUMNS_MAX];
	struct fetchurl_policy policy = {0};
	int number = 0;
	int cases = 0;
	int faults = 0;
	FILE *file = fopen(table, "r");

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		char *columns[COLUMNS_MAX];
		number++;
		assert_non_null(strchr(line, '\n'));
		if (strncmp(line, "policy ", 7) == 0) {
			memcpy(policy_line, line, sizeof(line));
			size_t count = split(policy_line, policy_columns);
			assert_true(count >= 3);
			policy.submit_url = policy_columns[1];
			policy.path_prefix =
			    strcmp(policy_columns[2], "-") == 0 ? NULL : policy_columns[2];
			policy.origins = policy_columns + 3;
			policy.origin_count = count - 3;
			for (size_t i = 0; i < policy.origin_count; i++)
				assert_true(fetchurl_is_origin(policy.origins[i]));
		} else if (line[0] != '#' && line[0] != '\n') {
			size_t count = split(line, columns);
			faults += check_case(&policy, number, columns, count);
			cases++;
		}
	}
	(void)fclose(file);
	assert_true(cases >= CASES_MIN);
	assert_int_equal(faults, 0);
}

static const struct fetchurl_policy plain = {.submit_url = "https://gw.example/orders"};

static void
test_null_is_missing(void **state)
{
	char *url;
	const char *why;

	(void)state;
	assert_int_equal(fetchurl_resolve(&plain, NULL, &url, &why), FETCHURL_MISSING);
	assert_null(url);
	assert_non_null(why);
}

static void
expect_length(const char *start, size_t length, enum fetchurl_verdict expected)
{
	char *candidate = malloc(length + 1);
	char *url;
	const char *why;

	assert_non_null(candidate);
	memset(candidate, 'a', length);
	memcpy(candidate, start, strlen(start));
	candidate[length] = '\0';
	assert_int_equal(fetchurl_resolve(&plain, candidate, &url, &why), expected);
	free(url);
	free(candidate);
}

static void
test_lengths(void **state)
{
	(void)state;
	expect_length("https://gw.example/", FETCHURL_LENGTH_MAX, FETCHURL_ADMITTED);
	expect_length("https://gw.example/", FETCHURL_LENGTH_MAX + 1, FETCHURL_REFUSED);
	expect_length("https://gw.example/", 1000000, FETCHURL_REFUSED);
	/* the resolved URL counts as well */
	expect_length("/", FETCHURL_LENGTH_MAX - strlen("https://gw.example"), FETCHURL_ADMITTED);
	expect_length(
	    "/", FETCHURL_LENGTH_MAX - strlen("https://gw.example") + 1, FETCHURL_REFUSED);
}

/* What was admitted and stored is admitted again, unchanged, when it is read back. */
static void
test_admitted_is_stable(void **state)
{
	char *url;
	char *again;
	const char *why;

	(void)state;
	assert_int_equal(fetchurl_resolve(&plain, "HTTPS://GW.example:443/a/../b?c", &url, &why),
	    FETCHURL_ADMITTED);
	assert_int_equal(fetchurl_resolve(&plain, url, &again, &why), FETCHURL_ADMITTED);
	assert_string_equal(url, again);
	free(url);
	free(again);
}

static void
test_unreadable_policy_admits_nothing(void **state)
{
	struct fetchurl_policy policy = {.submit_url = "not a URL"};
	char *origins[] = {"https://", "%", "https://gw.example/orders"};
	char *url;
	const char *why;

	(void)state;
	assert_int_equal(
	    fetchurl_resolve(&policy, "https://gw.example/x", &url, &why), FETCHURL_REFUSED);
	policy = plain;
	policy.origins = origins;
	policy.origin_count = 2;
	assert_int_equal(
	    fetchurl_resolve(&policy, "https://evil.com/x", &url, &why), FETCHURL_REFUSED);
}

static void
test_is_origin(void **state)
{
	static const char *const good[] = {"https://gw.example", "https://gw.example/",
	    "https://gw.example:8443", "HTTPS://GW.example", "https://127.0.0.1:1/",
	    "https://[::1]", "https://[::1]:8443/"};
	static const char *const bad[] = {"", "gw.example", "http://gw.example", "https://",
	    "https:///", "https:/gw.example", "https:///gw.example", "https://gw.example/x",
	    "https://gw.example//", "https://gw.example/..", "https://gw.example/?",
	    "https://gw.example?", "https://gw.example#", "https://gw.example/#",
	    "https://@gw.example", "https://u@gw.example", "https://u:p@gw.example",
	    "https://gw.example.", "https://gw.example./", "https://gw.example:x",
	    "https://gw.example:65536", "https://gw.example ", " https://gw.example",
	    "https://gw.example\n", "https://gw\\.example", "https://gw%2eexample",
	    "https://g\xc3\xa4.example", "ftp://gw.example", "file:///", "https://[fe80::1%25eth0]",
	    "https://[::1", "//gw.example"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!fetchurl_is_origin(good[i]))
			fail_msg("%s is an origin", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (fetchurl_is_origin(bad[i]))
			fail_msg("%s is no origin", bad[i]);
	assert_false(fetchurl_is_origin(NULL));
}

/* ---- every allocation that libcurl makes for us, failed once ---- */

static int64_t allocations_left = INT64_MAX;

static int
may_allocate(void)
{
	return allocations_left-- > 0;
}

static void *
counted_malloc(size_t size)
{
	return may_allocate() ? malloc(size) : NULL;
}

static void *
counted_realloc(void *old, size_t size)
{
	return may_allocate() ? realloc(old, size) : NULL;
}

static char *
counted_strdup(const char *text)
{
	return may_allocate() ? strdup(text) : NULL;
}

static void *
counted_calloc(size_t count, size_t size)
{
	return may_allocate() ? calloc(count, size) : NULL;
}

/* The number of failed runs until one succeeds. */
static int
sweep(const struct fetchurl_policy *policy, const char *candidate, enum fetchurl_verdict expected)
{
	for (int n = 0;; n++) {
		char *url;
		const char *why;
		allocations_left = n;
		enum fetchurl_verdict verdict = fetchurl_resolve(policy, candidate, &url, &why);
		int64_t left = allocations_left;
		allocations_left = INT64_MAX;
		assert_int_equal(url != NULL, verdict == FETCHURL_ADMITTED);
		free(url);
		if (left >= 0) {
			assert_int_equal(verdict, expected);
			return n;
		}
		/* libcurl 7.88 reads a relative URL alone when it cannot print its base */
		if (verdict != FETCHURL_NO_MEMORY)
			assert_string_equal(why, "the fetch URL is malformed");
	}
}

static void
test_allocation_failures(void **state)
{
	char *origins[] = {"https://poll.example"};
	struct fetchurl_policy policy = {.submit_url = "https://gw.example/orders",
	    .path_prefix = "/x",
	    .origins = origins,
	    .origin_count = 1};

	(void)state;
	assert_true(sweep(&policy, "/x/1?a", FETCHURL_ADMITTED) > 10);
	assert_true(sweep(&policy, "https://poll.example/x/1", FETCHURL_ADMITTED) > 10);
	assert_true(sweep(&policy, "https://evil.com/x/1", FETCHURL_REFUSED) > 10);
	for (int n = 0, done = 0; !done; n++) {
		allocations_left = n;
		int is_origin = fetchurl_is_origin("https://gw.example");
		done = allocations_left >= 0;
		allocations_left = INT64_MAX;
		assert_int_equal(is_origin, done);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_null_is_missing),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_admitted_is_stable),
	    cmocka_unit_test(test_unreadable_policy_admits_nothing),
	    cmocka_unit_test(test_is_origin),
	    cmocka_unit_test(test_allocation_failures),
	};

	if (curl_global_init_mem(CURL_GLOBAL_NOTHING, counted_malloc, free, counted_realloc,
		counted_strdup, counted_calloc) != CURLE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
