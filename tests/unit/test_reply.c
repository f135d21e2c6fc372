/*
 * test_reply.c - the corpus in data/json, the getters, and what does not fit into a file.
 *
 * A file in data/json/reject is named REASON--WHAT.json, and must be refused for that reason: the
 * reason is what reply_parse() says, with everything but letters and digits as hyphens.
 */
#include "core/jsoncheck.h"
#include "core/reply.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_SIZE_MAX = 65536, PATH_SIZE = 512, ACCEPT_MIN = 60, REJECT_MIN = 150 };

/* ---- helpers ---- */

static struct reply *
parse(const char *text)
{
	const char *why;
	struct reply *reply = reply_parse(text, strlen(text), &why);

	if (reply == NULL)
		fail_msg("%s: %s", text, why);
	assert_null(why);
	return reply;
}

static void
expect_refused(const char *text, size_t length, const char *expected)
{
	const char *why = NULL;
	struct reply *reply = reply_parse(text, length, &why);

	assert_null(reply);
	assert_string_equal(why, expected);
}

/* pattern, count times. */
static char *
repeat(const char *pattern, size_t count)
{
	size_t length = strlen(pattern);
	char *text = malloc(count * length + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * length, pattern, length);
	text[count * length] = '\0';
	return text;
}

/* ---- the corpus ---- */

static size_t
read_file(const char *path, char *data)
{
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	size_t length = fread(data, 1, FILE_SIZE_MAX, file);
	assert_true(length < FILE_SIZE_MAX);
	(void)fclose(file);
	return length;
}

static void
reason_as_name(const char *why, char *name, size_t size)
{
	size_t length = 0;

	for (; *why != '\0' && length + 3 < size; why++) {
		int word =
		    (*why >= '0' && *why <= '9') || ((*why | 0x20) >= 'a' && (*why | 0x20) <= 'z');
		if (word)
			name[length++] = *why;
		else if (length > 0)
			name[length++] = '-';
	}
	memcpy(name + length, "--", 3);
}

static int
count_node(void *context, const char *name, enum reply_type type, const char *text)
{
	(void)name;
	assert_true(type != REPLY_ABSENT);
	assert_int_equal(text != NULL, type == REPLY_STRING || type == REPLY_NUMBER);
	++*(size_t *)context;
	return 0;
}

static int
check_file(const char *name, const char *data, size_t length, int acceptable)
{
	char *exact = malloc(length + (length == 0)); /* so that ASan and valgrind see the end */
	const char *why;
	char reason[128];
	size_t nodes = 0;
	int faults = 0;

	assert_non_null(exact);
	memcpy(exact, data, length);
	struct reply *reply = reply_parse(exact, length, &why);
	free(exact);
	reason_as_name(why != NULL ? why : "", reason, sizeof(reason));
	if ((reply != NULL) != acceptable) {
		print_error("%s: %s\n", name, reply != NULL ? "accepted" : why);
		faults = 1;
	} else if (reply == NULL && strncmp(name, reason, strlen(reason)) != 0) {
		print_error("%s: refused, but because of: %s\n", name, why);
		faults = 1;
	}
	if (reply != NULL) {
		assert_int_equal(reply_walk(reply, count_node, &nodes), 0);
		assert_true(nodes > 0);
	}
	reply_free(reply);
	return faults;
}

static void
check_directory(const char *path, int acceptable, int files_min)
{
	static char data[FILE_SIZE_MAX];
	DIR *directory = opendir(path); /* tests run in the top directory */
	int files = 0;
	int faults = 0;

	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		char file[PATH_SIZE];
		if (strstr(entry->d_name, ".json") == NULL)
			continue;
		assert_true(snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) < PATH_SIZE);
		faults += check_file(entry->d_name, data, read_file(file, data), acceptable);
		files++;
	}
	(void)closedir(directory);
	assert_int_equal(faults, 0);
	assert_true(files >= files_min);
}

static void
test_accepts(void **state)
{
	(void)state;
	check_directory("tests/unit/data/json/accept", 1, ACCEPT_MIN);
}

static void
test_rejects(void **state)
{
	(void)state;
	check_directory("tests/unit/data/json/reject", 0, REJECT_MIN);
}

/* ---- lengths and sizes ---- */

static void
test_length_is_explicit(void **state)
{
	const char *why;

	(void)state;
	expect_refused(NULL, 0, "empty document");
	expect_refused("{}", 0, "empty document");
	expect_refused("{}", 1, "unexpected end");
	struct reply *reply = reply_parse("{}garbage", 2, &why);
	assert_non_null(reply);
	reply_free(reply);
	reply = reply_parse("12345", 3, &why);
	int64_t value;
	assert_non_null(reply);
	assert_int_equal(reply_integer_at(reply, "", &value), 0);
	assert_int_equal(value, 123);
	reply_free(reply);
}

/* A document cut anywhere is never a document. */
static void
test_every_prefix_is_refused(void **state)
{
	static const char text[] = "{\"meta\":{\"ok\":true,\"n\":-1.5e3},\"a\":[null,"
				   "\"\\u00e4\\ud83d\\ude00 \xc3\xa4\",{}]}";

	(void)state;
	for (size_t length = 0; length < strlen(text); length++) {
		const char *why;
		char *exact = malloc(length + 1);
		assert_non_null(exact);
		memcpy(exact, text, length);
		struct reply *reply = reply_parse(exact, length, &why);
		if (reply != NULL)
			fail_msg("accepted %zu bytes of %s", length, text);
		free(exact);
	}
	reply_free(parse(text));
}

static void
test_deep(void **state)
{
	(void)state;
	for (size_t count = 33; count <= 1000000; count *= 7) {
		char *arrays = repeat("[", count);
		char *objects = repeat("{\"a\":", count);
		expect_refused(arrays, strlen(arrays), "too deep");
		expect_refused(objects, strlen(objects), "too deep");
		free(arrays);
		free(objects);
	}
	char *million = repeat("[", 1000000);
	expect_refused(million, 1000000, "too deep");
	free(million);
}

/* "[[],[],...]" with that many values in all. */
static char *
many_values(size_t count)
{
	char *text = repeat("[],", count - 1);
	char *all = malloc(strlen(text) + 3);

	assert_non_null(all);
	assert_true(sprintf(all, "[%s", text) > 0);
	all[strlen(all) - 1] = ']'; /* for the last comma */
	free(text);
	return all;
}

static void
test_values_limit(void **state)
{
	const char *why;
	char *fits = many_values(JSON_VALUES_MAX);
	char *too_many = many_values(JSON_VALUES_MAX + 1);

	(void)state;
	struct reply *reply = reply_parse(fits, strlen(fits), &why);
	assert_non_null(reply);
	size_t nodes = 0;
	assert_int_equal(reply_walk(reply, count_node, &nodes), 0);
	assert_int_equal(nodes, JSON_VALUES_MAX);
	reply_free(reply);
	expect_refused(too_many, strlen(too_many), "too many values");
	free(fits);
	free(too_many);
}

/* 99,999 members, with and without a duplicate at the far ends. Compared pairwise, this takes
 * minutes. */
static void
test_many_members(void **state)
{
	enum { MEMBERS = JSON_VALUES_MAX - 1 };
	char *text = malloc((size_t)MEMBERS * 16 + 3);
	size_t length = 1;
	const char *why;

	(void)state;
	assert_non_null(text);
	text[0] = '{';
	for (int i = 0; i < MEMBERS; i++)
		length += (size_t)sprintf(text + length, "\"%07d\":%d,", i, i % 10);
	text[length - 1] = '}';
	struct reply *reply = reply_parse(text, length, &why);
	assert_non_null(reply);
	int64_t value;
	assert_int_equal(reply_integer_at(reply, "/0099998", &value), 0);
	assert_int_equal(value, 8);
	reply_free(reply);
	memcpy(strstr(text, "\"0099998\""), "\"0000000\"", 9);
	expect_refused(text, length, "duplicate member name");
	free(text);
}

/* ---- the getters ---- */

static void
test_types(void **state)
{
	struct reply *reply =
	    parse("{\"n\":null,\"t\":true,\"f\":false,\"i\":1,\"s\":\"x\",\"o\":{},"
		  "\"a\":[]}");

	(void)state;
	assert_int_equal(reply_type_at(reply, ""), REPLY_OBJECT);
	assert_int_equal(reply_type_at(reply, "/n"), REPLY_NULL);
	assert_int_equal(reply_type_at(reply, "/t"), REPLY_BOOLEAN);
	assert_int_equal(reply_type_at(reply, "/f"), REPLY_BOOLEAN);
	assert_int_equal(reply_type_at(reply, "/i"), REPLY_NUMBER);
	assert_int_equal(reply_type_at(reply, "/s"), REPLY_STRING);
	assert_int_equal(reply_type_at(reply, "/o"), REPLY_OBJECT);
	assert_int_equal(reply_type_at(reply, "/a"), REPLY_ARRAY);
	assert_int_equal(reply_type_at(reply, "/x"), REPLY_ABSENT);
	assert_int_equal(reply_type_at(reply, "/N"), REPLY_ABSENT);
	reply_free(reply);
}

/* RFC 6901, section 5. */
static void
test_pointers_of_the_rfc(void **state)
{
	static const char text[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/"
				   "b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
				   "\"k\\\"l\":6,\" \":7,\"m~n\":8}";
	static const char *const pointers[] = {
	    "/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"};
	struct reply *reply = parse(text);

	(void)state;
	assert_string_equal(reply_string_at(reply, "/foo/0"), "bar");
	assert_string_equal(reply_string_at(reply, "/foo/1"), "baz");
	for (int i = 0; i < 9; i++) {
		int64_t value;
		assert_int_equal(reply_integer_at(reply, pointers[i], &value), 0);
		assert_int_equal(value, i);
	}
	reply_free(reply);
}

static void
test_pointers_that_find_nothing(void **state)
{
	static const char *const pointers[] = {"a", "a/b", "/a/", "/a/b/", "/a/b/0", "/a//b", "//a",
	    "/A", "/a/B", "/a~", "/a~2", "/~", "/a~1", "/list/3", "/list/-", "/list/-1", "/list/01",
	    "/list/00", "/list/+1", "/list/ 1", "/list/1 ", "/list/1x", "/list/", "/list/0/x",
	    "/list/4294967296", "/list/18446744073709551616", "/list/1.0", "/list/1e0", "/a\\/b",
	    "#/a", "/s/0", "/s/", "/tilde~", "/tilde~1x", "/0"};
	struct reply *reply =
	    parse("{\"a\":{\"b\":1},\"list\":[1,2,3],\"s\":\"xyz\",\"tilde~\":1}");

	(void)state;
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		const char *start;
		size_t length;
		if (reply_type_at(reply, pointers[i]) != REPLY_ABSENT)
			fail_msg("%s finds something", pointers[i]);
		assert_int_equal(reply_slice_at(reply, pointers[i], &start, &length), -1);
		assert_null(reply_string_at(reply, pointers[i]));
	}
	assert_int_equal(reply_type_at(reply, "/tilde~0"), REPLY_NUMBER);
	assert_int_equal(reply_type_at(reply, "/list/0"), REPLY_NUMBER);
	assert_int_equal(reply_type_at(reply, "/list/2"), REPLY_NUMBER);
	reply_free(reply);
}

static void
test_strings(void **state)
{
	struct reply *reply =
	    parse("{\"a\":\"\\ud83d\\ude00 \\u00e4\\n\\/\\\"\",\"e\":\"\",\"i\":1,"
		  "\"n\":null,\"o\":{}}");

	(void)state;
	assert_string_equal(reply_string_at(reply, "/a"), "\xf0\x9f\x98\x80 \xc3\xa4\n/\"");
	assert_string_equal(reply_string_at(reply, "/e"), "");
	assert_null(reply_string_at(reply, "/i"));
	assert_null(reply_string_at(reply, "/n"));
	assert_null(reply_string_at(reply, "/o"));
	assert_null(reply_string_at(reply, ""));
	reply_free(reply);
}

static void
expect_integer(const char *text, int64_t expected)
{
	struct reply *reply = parse(text);
	int64_t value = 42;

	assert_int_equal(reply_integer_at(reply, "/0", &value), 0);
	assert_true(value == expected);
	reply_free(reply);
}

static void
expect_no_integer(const char *text)
{
	struct reply *reply = parse(text);
	int64_t value = 42;

	if (reply_integer_at(reply, "/0", &value) != -1)
		fail_msg("%s is taken for an integer", text);
	assert_int_equal(value, 42);
	reply_free(reply);
}

static void
test_integers(void **state)
{
	(void)state;
	expect_integer("[0]", 0);
	expect_integer("[-0]", 0);
	expect_integer("[200]", 200);
	expect_integer("[ -1 ]", -1);
	expect_integer("[2147483648]", 2147483648);
	expect_integer("[9007199254740993]", 9007199254740993);
	expect_integer("[9223372036854775807]", INT64_MAX);
	expect_integer("[-9223372036854775808]", INT64_MIN);
	expect_no_integer("[9223372036854775808]");
	expect_no_integer("[-9223372036854775809]");
	expect_no_integer("[18446744073709551816]"); /* 200 modulo 2^64 */
	expect_no_integer("[4294967296200000000000000000000000000200]");
	expect_no_integer("[200.0]");
	expect_no_integer("[2e2]");
	expect_no_integer("[2E2]");
	expect_no_integer("[200e0]");
	expect_no_integer("[\"200\"]");
	expect_no_integer("[true]");
	expect_no_integer("[null]");
	expect_no_integer("[[200]]");
	expect_no_integer("[{\"a\":200}]");
	expect_no_integer("[]");
}

static void
test_booleans(void **state)
{
	struct reply *reply = parse("[true,false,\"true\",1,0,null]");
	bool value = false;

	(void)state;
	assert_int_equal(reply_boolean_at(reply, "/0", &value), 0);
	assert_true(value);
	assert_int_equal(reply_boolean_at(reply, "/1", &value), 0);
	assert_false(value);
	assert_int_equal(reply_boolean_at(reply, "/2", &value), -1);
	assert_int_equal(reply_boolean_at(reply, "/3", &value), -1);
	assert_int_equal(reply_boolean_at(reply, "/4", &value), -1);
	assert_int_equal(reply_boolean_at(reply, "/5", &value), -1);
	assert_int_equal(reply_boolean_at(reply, "/6", &value), -1);
	reply_free(reply);
}

static void
expect_slice(const struct reply *reply, const char *pointer, const char *expected)
{
	const char *start;
	size_t length;

	assert_int_equal(reply_slice_at(reply, pointer, &start, &length), 0);
	if (length != strlen(expected) || memcmp(start, expected, length) != 0)
		fail_msg("%s is %.*s, not %s", pointer, (int)length, start, expected);
}

static void
test_slices(void **state)
{
	struct reply *reply =
	    parse(" \n{ \"\\u0061\" : 10.10 , \"s\":\"}\\\"]\\\\\" ,\"e\" : { } ,\n"
		  "\"o\": {\"x\" :[1e999 ,\t2, {\"]\":\"[\"}]  }, \"z\":null\t} \n");

	(void)state;
	expect_slice(reply, "",
	    "{ \"\\u0061\" : 10.10 , \"s\":\"}\\\"]\\\\\" ,\"e\" : { } ,\n"
	    "\"o\": {\"x\" :[1e999 ,\t2, {\"]\":\"[\"}]  }, \"z\":null\t}");
	expect_slice(reply, "/a", "10.10");
	expect_slice(reply, "/s", "\"}\\\"]\\\\\"");
	expect_slice(reply, "/e", "{ }");
	expect_slice(reply, "/o", "{\"x\" :[1e999 ,\t2, {\"]\":\"[\"}]  }");
	expect_slice(reply, "/o/x", "[1e999 ,\t2, {\"]\":\"[\"}]");
	expect_slice(reply, "/o/x/0", "1e999");
	expect_slice(reply, "/o/x/1", "2");
	expect_slice(reply, "/o/x/2", "{\"]\":\"[\"}");
	expect_slice(reply, "/o/x/2/]", "\"[\"");
	expect_slice(reply, "/z", "null");
	reply_free(reply);
}

/* ---- the walk ---- */

struct trail {
	char text[512];
	size_t length;
	int stop_after;
};

static int
note(void *context, const char *name, enum reply_type type, const char *text)
{
	struct trail *trail = context;
	int added = snprintf(trail->text + trail->length, sizeof(trail->text) - trail->length,
	    "%s=%d%s%s;", name != NULL ? name : "", (int)type, text != NULL ? ":" : "",
	    text != NULL ? text : "");

	assert_true(added > 0);
	trail->length += (size_t)added;
	return --trail->stop_after == 0 ? 7 : 0;
}

static void
test_walk(void **state)
{
	struct reply *reply = parse(" {\"a\" : [1.50, {\"b\":\"x\\ny\", \"c\":{ }} , [ ], true ] "
				    ",\"d\":null, \"\\u0065\":-0}");
	struct trail trail = {.stop_after = 0};

	(void)state;
	assert_int_equal(reply_walk(reply, note, &trail), 0);
	assert_string_equal(trail.text, "=5;a=6;=3:1.50;=5;b=4:x\ny;c=5;=6;=2;d=1;e=3:-0;");
	trail = (struct trail){.stop_after = 3};
	assert_int_equal(reply_walk(reply, note, &trail), 7);
	assert_string_equal(trail.text, "=5;a=6;=3:1.50;");
	reply_free(reply);

	reply = parse("\"only\"");
	trail = (struct trail){.stop_after = 0};
	assert_int_equal(reply_walk(reply, note, &trail), 0);
	assert_string_equal(trail.text, "=4:only;");
	reply_free(reply);
}

/* ---- every allocation of cJSON, failed once ---- */

static long allocations_left;

static void *
counted_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void
test_allocation_failures(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\",{\"b\":null}],\"c\":\"y\"}";
	cJSON_Hooks hooks = {counted_malloc, free};
	struct reply *reply = NULL;
	long n = 0;

	(void)state;
	cJSON_InitHooks(&hooks);
	while (reply == NULL) {
		const char *why;
		allocations_left = n++;
		reply = reply_parse(text, strlen(text), &why);
		if (reply == NULL)
			assert_string_equal(why, "out of memory");
	}
	cJSON_InitHooks(NULL);
	assert_true(n > 10);
	reply_free(reply);
}

static void
test_free_null(void **state)
{
	(void)state;
	reply_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_accepts),
	    cmocka_unit_test(test_rejects),
	    cmocka_unit_test(test_length_is_explicit),
	    cmocka_unit_test(test_every_prefix_is_refused),
	    cmocka_unit_test(test_deep),
	    cmocka_unit_test(test_values_limit),
	    cmocka_unit_test(test_many_members),
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_pointers_of_the_rfc),
	    cmocka_unit_test(test_pointers_that_find_nothing),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_integers),
	    cmocka_unit_test(test_booleans),
	    cmocka_unit_test(test_slices),
	    cmocka_unit_test(test_walk),
	    cmocka_unit_test(test_allocation_failures),
	    cmocka_unit_test(test_free_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
