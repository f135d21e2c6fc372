/* test_text.c - limits, growth, and that a failure stays. text.c is included to refuse it memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int reallocs_left = -1; /* negative: any number */

static void *
scarce_realloc(void *old, size_t size)
{
	if (reallocs_left == 0)
		return NULL;
	if (reallocs_left > 0)
		reallocs_left--;
	return realloc(old, size);
}

#define realloc scarce_realloc
#include "core/text.c"
#undef realloc

static void
test_empty(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 10);
	assert_string_equal(text_string(&text), "");
	assert_null(text.data);
	assert_false(text.failed);
	text_free(&text);
	text_free(&text);
}

static void
test_add_and_format(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 1000);
	assert_int_equal(text_add(&text, "id=", 3), 0);
	assert_int_equal(text_format(&text, "%d %s", 42, "x"), 0);
	assert_int_equal(text_add(&text, NULL, 0), 0);
	assert_int_equal(text_format(&text, "%s", ""), 0);
	assert_string_equal(text_string(&text), "id=42 x");
	assert_int_equal(text.length, 7);
	text_free(&text);
	assert_string_equal(text_string(&text), "");
}

static void
test_bytes_with_nul(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 10);
	assert_int_equal(text_add(&text, "a\0b", 3), 0);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.data, "a\0b", 4);
	text_free(&text);
}

static void
test_limit_is_exact(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 5);
	assert_int_equal(text_add(&text, "abc", 3), 0);
	assert_int_equal(text_add(&text, "de", 2), 0);
	assert_true(text.capacity <= 6);
	assert_false(text.failed);
	assert_int_equal(text_add(&text, "f", 1), -1);
	assert_true(text.failed);
	assert_string_equal(text_string(&text), "abcde");
	text_free(&text);
}

static void
test_format_past_limit_changes_nothing(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 5);
	assert_int_equal(text_format(&text, "%s", "abc"), 0);
	assert_int_equal(text_format(&text, "%s", "def"), -1);
	assert_string_equal(text_string(&text), "abc");
	assert_int_equal(text.length, 3);
	assert_int_equal(text_add(&text, "d", 1), -1); /* it would fit, but the text has failed */
	assert_int_equal(text_add(&text, "", 0), -1);
	assert_int_equal(text_format(&text, "d"), -1);
	assert_string_equal(text_string(&text), "abc");
	text_free(&text);
	assert_false(text.failed); /* usable again, with the same limit */
	assert_int_equal(text_add(&text, "abcde", 5), 0);
	assert_int_equal(text_add(&text, "f", 1), -1);
	text_free(&text);
}

static void
test_no_room_at_all(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 0);
	assert_int_equal(text_add(&text, "", 0), 0);
	assert_non_null(text.data);
	assert_int_equal(text_add(&text, "a", 1), -1);
	text_free(&text);
}

static void
test_huge_lengths(void **state)
{
	volatile size_t huge = SIZE_MAX; /* a constant draws a compiler's warning */
	struct text text;

	(void)state;
	text_init(&text, SIZE_MAX);
	assert_int_equal(text_add(&text, "abc", 3), 0);
	assert_int_equal(text_add(&text, "x", huge), -1);
	assert_string_equal(text_string(&text), "abc");
	text_free(&text);
}

static void
test_no_memory(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 1000);
	reallocs_left = 0;
	assert_int_equal(text_add(&text, "x", 1), -1);
	assert_string_equal(text_string(&text), "");
	text_free(&text);

	reallocs_left = 1;
	assert_int_equal(text_add(&text, "abc", 3), 0);
	assert_int_equal(text_format(&text, "%500d", 1), -1);
	reallocs_left = -1;
	assert_true(text.failed);
	assert_int_equal(text_add(&text, "x", 1), -1);
	assert_string_equal(text_string(&text), "abc");
	text_free(&text);
}

static void
test_grows(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 100000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(text_format(&text, "%09d\n", i), 0);
	assert_int_equal(text.length, 100000);
	assert_int_equal(text_add(&text, "x", 1), -1);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(strtol(text.data + i * 10, NULL, 10), (long)i);
	text_free(&text);
}

static void
test_format_grows(void **state)
{
	struct text text;
	char word[301];

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	text_init(&text, 700);
	assert_int_equal(text_format(&text, "%s", "ab"), 0);
	assert_int_equal(text_format(&text, "%s", word), 0);
	assert_int_equal(text_format(&text, "%s", word), 0);
	assert_int_equal(text.length, 602);
	assert_int_equal(strlen(text.data), 602);
	assert_int_equal(text_format(&text, "%s", word), -1);
	assert_int_equal(strlen(text.data), 602);
	text_free(&text);
}

static void
test_copy(void **state)
{
	char to[4] = "zzz";

	(void)state;
	text_copy(to, sizeof(to), "abc");
	assert_string_equal(to, "abc");
	text_copy(to, sizeof(to), "defg");
	assert_string_equal(to, "def");
	text_copy(to, sizeof(to), "");
	assert_string_equal(to, "");
	text_copy(to, 1, "abc");
	assert_string_equal(to, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_add_and_format),
	    cmocka_unit_test(test_bytes_with_nul),
	    cmocka_unit_test(test_limit_is_exact),
	    cmocka_unit_test(test_format_past_limit_changes_nothing),
	    cmocka_unit_test(test_no_room_at_all),
	    cmocka_unit_test(test_huge_lengths),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_grows),
	    cmocka_unit_test(test_format_grows),
	    cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
