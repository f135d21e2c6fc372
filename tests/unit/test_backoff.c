/* test_backoff.c - full jitter without overflow, and what Retry-After may say (T43). */
#include "core/backoff.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* splitmix64: the same words in every run. */
static uint64_t
next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The largest delay there can be: random is the window itself. */
static void
expect_window(int64_t base_ms, int64_t cap_ms, int failures, int64_t window_ms)
{
	assert_true(backoff_delay_ms(base_ms, cap_ms, failures, (uint64_t)window_ms) == window_ms);
	assert_true(backoff_delay_ms(base_ms, cap_ms, failures, (uint64_t)window_ms + 1) == 0);
	assert_true(backoff_delay_ms(base_ms, cap_ms, failures, 0) == 0);
}

static void
test_windows(void **state)
{
	(void)state;
	expect_window(2000, 600000, 1, 2000);
	expect_window(2000, 600000, 2, 4000);
	expect_window(2000, 600000, 3, 8000);
	expect_window(2000, 600000, 9, 512000);
	expect_window(2000, 600000, 10, 600000);
	expect_window(2000, 600000, 11, 600000);
	expect_window(2000, 600000, 64, 600000);
	expect_window(2000, 600000, INT_MAX, 600000);
	expect_window(2000, 600000, 0, 2000);
	expect_window(2000, 600000, -1, 2000);
	expect_window(2000, 600000, INT_MIN, 2000);
	expect_window(2000, 1000, 1, 1000);
	expect_window(1, 1, 1, 1);
	expect_window(1, INT64_MAX, 63, INT64_C(1) << 62);
	expect_window(1, INT64_MAX, 64, INT64_MAX);
	expect_window(3, INT64_MAX, 64, INT64_MAX);
	expect_window(INT64_MAX, INT64_MAX, INT_MAX, INT64_MAX);
}

/* Uniform: each tenth of the window gets its tenth, within five standard deviations. */
static void
test_uniform(void **state)
{
	enum { DRAWS = 100000 };
	int tenths[10] = {0};
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		int64_t delay_ms = backoff_delay_ms(1000, 600000, 4, next_random(&seed));
		assert_in_range(delay_ms, 0, 8000);
		tenths[delay_ms == 8000 ? 9 : delay_ms / 800]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(tenths[i], DRAWS / 10 - 475, DRAWS / 10 + 475);
}

static void
test_always_in_range(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t base_ms =
		    1 + (int64_t)(next_random(&seed) >> (1 + next_random(&seed) % 62));
		int64_t cap_ms = 1 + (int64_t)(next_random(&seed) >> (2 + next_random(&seed) % 61));
		int failures = (int)(next_random(&seed) >> (32 + next_random(&seed) % 31));
		int64_t delay_ms =
		    backoff_delay_ms(base_ms / 2 + 1, cap_ms, failures, next_random(&seed));
		assert_true(delay_ms >= 0 && delay_ms <= cap_ms);
	}
}

/* ---- Retry-After ---- */

static const int64_t now_ms = INT64_C(784111777000); /* Sun, 06 Nov 1994 08:49:37 GMT */
static const int64_t cap_ms = 600000;

struct retry_case {
	const char *value;
	int64_t expected_ms;
};

static void
expect_all(const struct retry_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t found_ms = backoff_retry_after_ms(cases[i].value, now_ms, cap_ms);
		if (found_ms != cases[i].expected_ms)
			fail_msg("\"%s\" asks for %lld ms, not %lld", cases[i].value,
			    (long long)found_ms, (long long)cases[i].expected_ms);
	}
}

static void
test_seconds(void **state)
{
	static const struct retry_case cases[] = {
	    {"0", 0},
	    {"5", 5000},
	    {" 5 ", 5000},
	    {"\t5\t \t", 5000},
	    {"0005", 5000},
	    {"599", 599000},
	    {"600", 600000},
	    {"601", 600000},
	    {"1000000000", 600000},
	    {"9223372036854775", 600000},
	    {"9223372036854776", 600000},
	    {"9223372036854775807", 600000},
	    {"9223372036854775808", 600000},
	    {"18446744073709551616", 600000},
	    {"18446744073709551621", 600000}, /* 5 modulo 2^64 */
	    {"99999999999999999999999999999999999999999999999999999999999999999999999999", 600000},
	    {"00000000000000000000000000000000000000000000000000000000000000000000000005", 5000},
	    {"-1", 0},
	    {"-0", 0},
	    {"-5", 0},
	    {"-99999999999999999999999999", 0},
	};

	(void)state;
	expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_dates(void **state)
{
	static const struct retry_case cases[] = {
	    {"Sun, 06 Nov 1994 08:49:42 GMT", 5000},
	    {" Sun, 06 Nov 1994 08:49:42 GMT\t", 5000},
	    {"Sunday, 06-Nov-94 08:49:42 GMT", 5000},
	    {"Sun Nov  6 08:49:42 1994", 5000},
	    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
	    {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
	    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	    {"Sat, 05 Nov 1994 08:49:42 GMT", 0},
	    {"Sun, 06 Nov 1994 08:59:37 GMT", 600000},
	    {"Sun, 06 Nov 1994 08:59:38 GMT", 600000},
	    {"Fri, 31 Dec 9999 23:59:59 GMT", 600000},
	    {"Mon, 06 Nov 1995 08:49:37 GMT", 600000},
	};

	(void)state;
	expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

/* What curl_getdate alone would take for a date stands here too. */
static void
test_neither(void **state)
{
	static const struct retry_case cases[] = {
	    {NULL, -1},
	    {"", -1},
	    {" \t ", -1},
	    {"1e9", -1},
	    {"5.5", -1},
	    {"5.", -1},
	    {"+5", -1},
	    {"-", -1},
	    {"--5", -1},
	    {"- 5", -1},
	    {"-5.5", -1},
	    {"5s", -1},
	    {"5 s", -1},
	    {"5 5", -1},
	    {"5, 10", -1},
	    {"5,5", -1},
	    {"0x10", -1},
	    {"\"5\"", -1},
	    {"\xef\xbc\x95", -1},
	    {"5\n", -1},
	    {"\n5", -1},
	    {"\v5", -1},
	    {"soon", -1},
	    {"tomorrow", -1},
	    {"never", -1},
	    {"20301231 23:59", -1},
	    {"2030-12-31T23:59:59Z", -1},
	    {"06 Nov 1994 08:49:42 GMT", -1},
	    {"Nov 6", -1},
	    {"Sunday", -1},
	    {"Sun", -1},
	    {"Sun, 06 Nov 1994", -1},
	    {"Sun, 06 Nov 1994 GMT and more", -1},
	    {"Sun, 06 Nov 1994 08:49 GMT    ", -1},
	    {"Sun, 99 Nov 1994 08:49:42 GMT", -1},
	    {"Sun, 06 Foo 1994 08:49:42 GMT", -1},
	    {"Sun, 06 Nov 1994 25:49:42 GMT", -1},
	    {"Sun, 06 Nov 1994 08:49:42 GMT, Sun, 06 Nov 1994 08:49:43 GMT", -1},
	    {"Sun, 06 Nov 1994 08:49:42 GMT and a very long tail behind it", -1},
	    {"Sun, :: :: :: :: :: :: ::", -1},
	};

	(void)state;
	expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_odd_clocks(void **state)
{
	static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";

	(void)state;
	assert_true(backoff_retry_after_ms(date, INT64_MIN, cap_ms) == cap_ms);
	assert_true(backoff_retry_after_ms(date, INT64_MAX, cap_ms) == 0);
	assert_true(backoff_retry_after_ms(date, 0, INT64_MAX) == now_ms);
	assert_true(backoff_retry_after_ms(date, -1, INT64_MAX) == now_ms + 1);
	assert_true(backoff_retry_after_ms(date, now_ms - 1, cap_ms) == 1);
	assert_true(backoff_retry_after_ms(date, INT64_MIN, INT64_MAX) == INT64_MAX);
	assert_true(backoff_retry_after_ms("9223372036854775", 0, INT64_MAX) ==
		    INT64_C(9223372036854775000));
	assert_true(backoff_retry_after_ms("9223372036854776", 0, INT64_MAX) == INT64_MAX);
	assert_true(backoff_retry_after_ms("5", 0, 0) == 0);
	assert_true(backoff_retry_after_ms("5", 0, 999) == 999);
	assert_true(backoff_retry_after_ms("0", 0, 999) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_windows),
	    cmocka_unit_test(test_uniform),
	    cmocka_unit_test(test_always_in_range),
	    cmocka_unit_test(test_seconds),
	    cmocka_unit_test(test_dates),
	    cmocka_unit_test(test_neither),
	    cmocka_unit_test(test_odd_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
