/*
 * test_settings.c - what libconfig would have let pass: the scan of the bytes, and the walk against
 * a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/settings.h"
#include "lib/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct target {
	char *name;
	int number;
	bool flag;
	int64_t wait;
	int64_t room;
	int colour;
	char **words;
	size_t word_count;
	int *codes;
	size_t code_count;
};

static void
read_words(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct target *into = target;

	settings_strings(
	    settings, setting, 1, 3, "[\"a\", \"b\"]", &into->words, &into->word_count);
}

static void
read_codes(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct target *into = target;

	settings_integers(settings, setting, 3, 400, 599, "[401]", &into->codes, &into->code_count);
}

static const char *const colours[] = {"red", "green", NULL};

#define AT(member) offsetof(struct target, member)

static const struct setting_rule rules[] = {
    {"name", SETTING_STRING, true, 2, 8, AT(name), NULL, NULL, "\"text\""},
    {"number", SETTING_INTEGER, false, -5, 500, AT(number), NULL, NULL, "7"},
    {"flag", SETTING_BOOLEAN, false, 0, 0, AT(flag), NULL, NULL, "true"},
    {"wait", SETTING_DURATION, false, 10, 7 * 86400000LL, AT(wait), NULL, NULL, "\"25s\""},
    {"room", SETTING_SIZE, false, 64, 16 << 20, AT(room), NULL, NULL, "\"64KiB\""},
    {"colour", SETTING_CHOICE, false, 0, 0, AT(colour), colours, NULL, "\"red\""},
    {"words", SETTING_OTHER, false, 0, 0, 0, NULL, read_words, NULL},
    {"codes", SETTING_OTHER, false, 0, 0, 0, NULL, read_codes, NULL},
};

static void
target_free(struct target *target)
{
	free(target->name);
	free(target->codes);
	settings_free_strings(target->words, target->word_count);
}

/* Loads bytes as a file; how many problems there are, and their text. */
static int
load(const char *directory, const char *bytes, size_t length, struct target *target,
    struct text *problems)
{
	const char *file = scratch_path(directory, "a.conf");
	struct settings settings;
	int count;

	scratch_write(file, bytes, length);
	*target = (struct target){0};
	text_init(problems, 1 << 20);
	if (settings_open(&settings, file, problems) == 0)
		settings_walk(&settings, settings_root(&settings), rules, COUNT(rules), target);
	count = settings.problem_count;
	settings_close(&settings);
	return count;
}

struct bad {
	const char *text;
	unsigned line; /* 0: none is told */
	const char *what;
	const char *write;
};

#define NAME "name = \"ab\";\n"

static const struct bad bads[] = {
    /* integers that libconfig would turn into others */
    {NAME "number = 3000000000;\n", 2, "too large", "9 digits"},
    {NAME "number = 1000000000;\n", 2, "too large", "9 digits"},
    {NAME "\nnumber = -9999999999;\n", 3, "too large", "9 digits"},
    {NAME "number = 30L;\n", 2, "30L", "take the L away"},
    {NAME "number = 3000000000L;\n", 2, "3000000000L", "take the L away"},
    {NAME "number = 0x10;\n", 2, "hexadecimal", "decimal"},
    {NAME "number = 010;\n", 2, "010", "without the leading 0"},
    {NAME "number = 11111111111111111111111111111111111111111111111111;\n", 2, "50 characters",
	"at most 9"},
    {NAME "number = 501;\n", 2, "out of range", "write -5 to 500"},
    {NAME "/* a\n b */ # c\n// d\nnumber = 501;\n", 5, "out of range", "write -5 to 500"},
    {NAME "number = -6;\n", 2, "out of range", "write -5 to 500"},
    {NAME "number = 30.5;\n", 2, "decimal point", "write 7"},
    {NAME "number = 1e2;\n", 2, "decimal point", "write 7"},
    {NAME "number = \"7\";\n", 2, "but is a string", "without quotes"},
    {NAME "number = true;\n", 2, "but is true or false", "write 7"},
    {NAME "number = [ 7 ];\n", 2, "but is an array", "write 7"},
    /* booleans that libconfig would not find */
    {NAME "flag = 1;\n", 2, "but is a number", "true or false without quotes"},
    {NAME "flag = \"yes\";\n", 2, "but is a string", "true or false without quotes"},
    {NAME "flag = yes;\n", 2, "not understood", "NAME = VALUE"},
    /* durations and sizes */
    {NAME "wait = 30;\n", 2, "but is a number", "\"25s\""},
    {NAME "wait = 30s;\n", 2, "30s", "\"30s\" in double quotes"},
    {NAME "wait = \"30\";\n", 2, "\"30\" is not", "\"25s\""},
    {NAME "wait = \"1.5s\";\n", 2, "\"1.5s\" is not", "\"25s\""},
    {NAME "wait = \"1m30s\";\n", 2, "\"1m30s\" is not", "\"25s\""},
    {NAME "wait = \"-1s\";\n", 2, "\"-1s\" is not", "\"25s\""},
    {NAME "wait = \" 1s\";\n", 2, "\" 1s\" is not", "\"25s\""},
    {NAME "wait = \"1 s\";\n", 2, "\"1 s\" is not", "\"25s\""},
    {NAME "wait = \"1S\";\n", 2, "\"1S\" is not", "\"25s\""},
    {NAME "wait = \"s\";\n", 2, "\"s\" is not", "\"25s\""},
    {NAME "wait = \"\";\n", 2, "\"\" is not", "\"25s\""},
    {NAME "wait = \"1000000000ms\";\n", 2, "is not a duration", "\"25s\""},
    {NAME "wait = \"999999999d\";\n", 2, "out of range", "\"10ms\" to \"7d\""},
    {NAME "wait = \"9ms\";\n", 2, "out of range", "\"10ms\" to \"7d\""},
    {NAME "room = \"64KB\";\n", 2, "is not a size", "\"64KiB\""},
    {NAME "room = \"64kib\";\n", 2, "is not a size", "\"64KiB\""},
    {NAME "room = \"25s\";\n", 2, "is not a size", "\"64KiB\""},
    {NAME "room = 65536;\n", 2, "but is a number", "\"64KiB\""},
    {NAME "room = \"17MiB\";\n", 2, "out of range", "\"64B\" to \"16MiB\""},
    /* strings, choices, lists */
    {"name = \"a\";\n", 1, "1 characters", "2 to 8"},
    {"name = \"123456789\";\n", 1, "9 characters", "2 to 8"},
    {"name = 5;\n", 1, "but is a number", "double quotes"},
    {"name = { };\n", 1, "but is a group", "double quotes"},
    {"number = 5;\n", 0, "name is missing", "name = \"text\";"},
    {"", 0, "name is missing", "name = \"text\";"},
    {NAME "colour = \"gren\";\n", 2, "\"gren\"", "write \"green\""},
    {NAME "colour = \"Red\";\n", 2, "\"Red\"", "write \"red\""},
    {NAME "colour = \"blue\";\n", 2, "\"blue\"", "one of \"red\", \"green\""},
    {NAME "words = [ ];\n", 2, "0 elements", "1 to 3"},
    {NAME "words = [ \"a\", \"b\", \"c\", \"d\" ];\n", 2, "4 elements", "1 to 3"},
    {NAME "words = ( \"a\",\n 2 );\n", 3, "words[1]: must be a string", "[\"a\", \"b\"]"},
    {NAME "codes = [ 401,\n 600 ];\n", 3, "600 is out of range", "400 to 599"},
    {NAME "codes = [ \"401\" ];\n", 2, "must be a whole number", "[401]"},
    {NAME "codes = 401;\n", 2, "but is a number", "[401]"},
    /* names */
    {NAME "numbr = 5;\n", 2, "numbr: unknown setting", "write number"},
    {NAME "Number = 5;\n", 2, "Number: unknown setting", "write number"},
    {NAME "wiat = \"5s\";\n", 2, "wiat: unknown setting", "write wait"},
    {NAME "quetzal = 5;\n", 2, "unknown setting", "one of name, number, flag"},
    {NAME "number = 5;\n\nnumber = 6;\n", 4, "already given", "take one of them out"},
    /* the text itself */
    {NAME "@include \"/etc/shadow\"\n", 2, "@include", "into this file"},
    {"@include \"a.conf\"\n", 1, "@include", "into this file"},
    {"name = \"ab\"; /* */ @include \"x\"\n", 1, "@include", "into this file"},
    {NAME "number = 5\nflag = true;;\n", 3, "not understood", "NAME = VALUE"},
    {"name = \"ab;\nnumber = 5;\n", 1, "not closed on its line", "write \""},
    {NAME "/* never\nclosed\n", 2, "never closed", "*/"},
    {"name = \"a\\x00b\";\n", 1, "\\x00", "take it out"},
    {"name = \"a\\qb\";\n", 1, "escape", "\\\\"},
    {"name = \"a\tb\";\n", 1, "control character", "take it out"},
    {"\xef\xbb\xbfname = \"ab\";\n", 1, "byte order mark", "UTF-8"},
    {NAME "n\xc3\xa4me = 5;\n", 2, "outside a string", "double quotes"},
    {NAME "number = (5;\n", 2, "not understood", "close every"},
    {NAME "number = [ 1, \"b\" ];\n", 2, "one type only", "write all"},
    {"name = ((((((((((((((((( 1 )))))))))))))))));\n", 1, "deeper than 16", "close"},
};

/* Every problem names its file, and says what to do. */
static void
check_bad(const char *directory, const struct bad *bad)
{
	struct target target;
	struct text problems;
	char place[64] = "a.conf: ";
	int count = load(directory, bad->text, strlen(bad->text), &target, &problems);
	const char *told = text_string(&problems);

	if (bad->line > 0)
		snprintf(place, sizeof(place), "a.conf:%u: ", bad->line);
	if (count != 1 || strstr(told, place) == NULL || strstr(told, bad->what) == NULL ||
	    strstr(told, bad->write) == NULL || strchr(told, '\n') != told + strlen(told) - 1)
		fail_msg("%s\nexpected 1 problem at \"%s\" with \"%s\" and \"%s\", got %d:\n%s",
		    bad->text, place, bad->what, bad->write, count, told);
	target_free(&target);
	text_free(&problems);
}

static void
test_bad(void **state)
{
	for (size_t i = 0; i < COUNT(bads); i++)
		check_bad(*state, &bads[i]);
}

static void
test_good(void **state)
{
	static const char good[] = "# comment @include \"x\" 3000000000 {{{{{{{{{{{{{{{{{{\n"
				   "/* 30s \" */ // 0x\n"
				   "name : \"@a\" \"#/*\"\r\n"
				   "number = -5, flag = TRUE\n"
				   "wait = \"7d\"; room = \"64B\"; colour = \"green\";\n"
				   "words = \"one\"; codes = [ ];\n";
	struct target target;
	struct text problems;

	assert_int_equal(load(*state, good, strlen(good), &target, &problems), 0);
	assert_string_equal(target.name, "@a#/*");
	assert_int_equal(target.number, -5);
	assert_true(target.flag);
	assert_int_equal(target.wait, 7 * 86400000LL);
	assert_int_equal(target.room, 64);
	assert_int_equal(target.colour, 1);
	assert_int_equal(target.word_count, 1);
	assert_string_equal(target.words[0], "one");
	assert_int_equal(target.code_count, 0);
	target_free(&target);
	text_free(&problems);
}

static void
test_units(void **state)
{
	static const struct {
		const char *text;
		int64_t wait;
		int64_t room;
	} cases[] = {
	    {"wait = \"200ms\";", 200, 0},
	    {"wait = \"25s\";", 25000, 0},
	    {"wait = \"10m\";", 600000, 0},
	    {"wait = \"24h\";", 86400000, 0},
	    {"wait = \"2d\";", 172800000, 0},
	    {"room = \"500B\";", 0, 500},
	    {"room = \"64KiB\";", 0, 65536},
	    {"room = \"1MiB\";", 0, 1048576},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target target;
		struct text problems;
		char text[64];

		snprintf(text, sizeof(text), NAME "%s", cases[i].text);
		assert_int_equal(load(*state, text, strlen(text), &target, &problems), 0);
		assert_int_equal(target.wait, cases[i].wait);
		assert_int_equal(target.room, cases[i].room);
		target_free(&target);
		text_free(&problems);
	}
}

/* All of them, not only the first. */
static void
test_collects(void **state)
{
	static const char text[] =
	    "number = 501;\nflag = 1;\nwait = 5;\ncolour = \"x\";\nfoo = 1;\n";
	struct target target;
	struct text problems;

	assert_int_equal(load(*state, text, strlen(text), &target, &problems), 6);
	for (unsigned line = 1; line <= 5; line++) {
		char place[32];

		snprintf(place, sizeof(place), "a.conf:%u: ", line);
		assert_non_null(strstr(text_string(&problems), place));
	}
	assert_non_null(strstr(text_string(&problems), "a.conf: name is missing"));
	target_free(&target);
	text_free(&problems);
}

static void
test_too_many(void **state)
{
	struct text text;
	struct text problems;
	struct target target;
	size_t lines = 0;

	text_init(&text, 1 << 20);
	text_format(&text, NAME);
	for (int i = 0; i < 1000; i++)
		text_format(&text, "q%dxyzzy = 1;\n", i);
	assert_int_equal(load(*state, text.data, text.length, &target, &problems), 1000);
	for (const char *at = text_string(&problems); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, SETTINGS_PROBLEMS_MAX + 1);
	target_free(&target);
	text_free(&problems);
	text_free(&text);
}

/* A text with no room for the problems is not a file without problems. */
static void
test_no_room(void **state)
{
	const char *file = scratch_path(*state, "a.conf");
	struct settings settings;
	struct text problems;

	scratch_write(file, "@", 1);
	text_init(&problems, 3);
	assert_int_equal(settings_open(&settings, file, &problems), -1);
	assert_int_equal(settings.problem_count, 1);
	settings_close(&settings);
	text_free(&problems);
}

static void
test_bytes(void **state)
{
	static const char nul[] = NAME "# \0\nnumber = 5;\n";
	struct target target;
	struct text problems;
	char *large = malloc(SETTINGS_FILE_MAX + 1);

	assert_int_equal(load(*state, nul, sizeof(nul) - 1, &target, &problems), 1);
	assert_non_null(strstr(text_string(&problems), "a.conf:2: a NUL byte"));
	text_free(&problems);
	assert_non_null(large);
	memset(large, ' ', SETTINGS_FILE_MAX + 1);
	memcpy(large, "name=\"ab\";", 10);
	assert_int_equal(load(*state, large, SETTINGS_FILE_MAX, &target, &problems), 0);
	target_free(&target);
	text_free(&problems);
	assert_int_equal(load(*state, large, SETTINGS_FILE_MAX + 1, &target, &problems), 1);
	assert_non_null(strstr(text_string(&problems), "larger than 1 MiB"));
	text_free(&problems);
	memset(large, '(', SETTINGS_FILE_MAX);
	assert_int_equal(load(*state, large, SETTINGS_FILE_MAX, &target, &problems), 1);
	text_free(&problems);
	free(large);
}

static void
check_place(const char *file, const char *what)
{
	struct settings settings;
	struct text problems;

	text_init(&problems, 4096);
	assert_int_equal(settings_open(&settings, file, &problems), -1);
	assert_non_null(strstr(text_string(&problems), what));
	settings_close(&settings);
	text_free(&problems);
}

static void
test_no_file(void **state)
{
	const char *fifo = scratch_path(*state, "fifo");

	assert_int_equal(mkfifo(fifo, 0600), 0);
	check_place(scratch_path(*state, "none.conf"), "none.conf: cannot be opened");
	check_place(*state, "not a regular file");
	check_place(fifo, "not a regular file");
	check_place("/dev/zero", "not a regular file");
}

/* Terminals and logs: what came from the file is shown as plain text, and cut. */
static void
test_shown(void **state)
{
	char text[100];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_string_equal(settings_shown("a\x1b[31m\nb"), "a?[31m?b");
	assert_int_equal(strlen(settings_shown(text)), 63);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bad, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_good, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_units, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_collects, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_too_many, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_no_room, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_bytes, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_no_file, scratch_setup, scratch_teardown),
	    cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
