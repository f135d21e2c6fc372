/*
 * test_log.c - the lines as they arrive at standard error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cJSON.h"
#include "edge/log.h"
#include "lib/scratch.h"

static int real_stderr = -1;

/* From here on standard error is a file. */
static void
capture(const char *directory)
{
	int fd = open(scratch_path(directory, "err"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	assert_true(fd >= 0);
	if (real_stderr < 0)
		real_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static char *
captured(const char *directory)
{
	dup2(real_stderr, STDERR_FILENO);
	return scratch_read(scratch_path(directory, "err"), NULL);
}

/* Pretends that the captured file is the journal's socket. */
static void
journal(bool on)
{
	struct stat status;
	char stream[64];

	unsetenv("JOURNAL_STREAM");
	if (!on)
		return;
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(
	    stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void
check_line(void **state, const char *text, const char *expected)
{
	char *line;
	char whole[1024];

	capture(*state);
	journal(true);
	log_write(LOG_LEVEL_INFO, "e", LOG_TEXT("t", text));
	line = captured(*state);
	snprintf(whole, sizeof(whole), "<6>event=e t=%s\n", expected);
	assert_string_equal(line, whole);
	free(line);
}

static void
test_quoting(void **state)
{
	log_configure(false, LOG_LEVEL_INFO);
	check_line(state, "plain-word/1.5", "plain-word/1.5");
	check_line(state, "two words", "\"two words\"");
	check_line(state, "", "\"\"");
	check_line(state, NULL, "-");
	check_line(state, "a=b", "\"a=b\"");
	check_line(state, "say \"x\" \\", "\"say \\\"x\\\" \\\\\"");
	check_line(state, "forged\n<3>event=held id=1", "\"forged\\n<3>event=held id=1\"");
	check_line(state, "\t\r\x1b[2J\x7f", "\"\\t\\r\\x1b[2J\\x7f\"");
	check_line(state, "M\xc3\xbcller", "\"M\xc3\xbcller\"");
	check_line(state, "\xff\xc3 \xc0\x80", "\"\\xff\\xc3 \\xc0\\x80\"");
	/* A C1 control, a right-to-left override, a surrogate. */
	check_line(state, "\xc2\x9b", "\"\\xc2\\x9b\"");
	check_line(state, "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"");
	check_line(state, "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"");
	check_line(state, "\xe0\x82\xa9", "\"\\xe0\\x82\\xa9\""); /* overlong */
	check_line(state, "\xf0\x9f\x92\xb6", "\"\xf0\x9f\x92\xb6\"");
	check_line(
	    state, "cut in a character \xf0\x9f\x92", "\"cut in a character \\xf0\\x9f\\x92\"");
}

/* A word's last byte is no beginning of the line: what follows is a field of its own. */
static void
test_fields_are_apart(void **state)
{
	char *line;

	capture(*state);
	journal(true);
	log_write(LOG_LEVEL_INFO, "e", LOG_TEXT("t", "<b>x</b>"), LOG_TEXT("u", "y>"),
	    LOG_NUMBER("n", 1));
	line = captured(*state);
	assert_string_equal(line, "<6>event=e t=\"<b>x</b>\" u=\"y>\" n=1\n");
	free(line);
}

static void
test_cut(void **state)
{
	char text[500];
	char expected[300];

	log_configure(false, LOG_LEVEL_INFO);
	memset(text, 'a', sizeof(text));
	text[200] = '\0';
	check_line(state, text, text);
	text[200] = 'a';
	text[sizeof(text) - 1] = '\0';
	snprintf(expected, sizeof(expected), "\"%.200s...\"", text);
	check_line(state, text, expected);
}

static void
test_numbers(void **state)
{
	char *line;

	log_configure(false, LOG_LEVEL_INFO);
	capture(*state);
	journal(true);
	log_write(LOG_LEVEL_ERROR, "e", LOG_NUMBER("min", INT64_MIN), LOG_NUMBER("id", 7));
	line = captured(*state);
	assert_string_equal(line, "<3>event=e min=-9223372036854775808 id=7\n");
	free(line);
}

static void
test_outside_the_journal(void **state)
{
	char *line;
	int year, ms;
	char rest[128];

	log_configure(false, LOG_LEVEL_INFO);
	capture(*state);
	journal(false);
	log_write(LOG_LEVEL_WARNING, "held", LOG_NUMBER("id", 7));
	line = captured(*state);
	assert_int_equal(
	    sscanf(line, "time=%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ %127[^\n]", &year, &ms, rest), 3);
	assert_in_range(year, 2024, 9999);
	assert_string_equal(rest, "level=warning event=held id=7");
	free(line);

	/* Redirected since: the variable is still there and names another file. */
	capture(*state);
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_write(LOG_LEVEL_WARNING, "held", LOG_NUMBER("id", 7));
	line = captured(*state);
	assert_memory_equal(line, "time=", 5);
	free(line);
}

static void
test_levels(void **state)
{
	char *line;

	log_configure(false, LOG_LEVEL_WARNING);
	capture(*state);
	journal(true);
	log_write(LOG_LEVEL_NOTICE, "quiet", LOG_NUMBER("id", 1));
	log_write(LOG_LEVEL_WARNING, "loud", LOG_NUMBER("id", 2));
	line = captured(*state);
	assert_string_equal(line, "<4>event=loud id=2\n");
	free(line);
}

static void
test_json(void **state)
{
	static const char nasty[] = "q\" b\\ n\n c\x01 \xc3\xbc \xff \xe2\x80\xa8";
	cJSON *json;
	char *line;

	log_configure(true, LOG_LEVEL_INFO);
	capture(*state);
	journal(false);
	log_write(LOG_LEVEL_INFO, "attempt", LOG_NUMBER("id", 5), LOG_TEXT("error", nasty));
	line = captured(*state);
	json = cJSON_Parse(line);
	assert_non_null(json);
	assert_non_null(cJSON_GetObjectItem(json, "time"));
	assert_string_equal(cJSON_GetObjectItem(json, "level")->valuestring, "info");
	assert_string_equal(cJSON_GetObjectItem(json, "event")->valuestring, "attempt");
	assert_int_equal(cJSON_GetObjectItem(json, "id")->valueint, 5);
	assert_string_equal(cJSON_GetObjectItem(json, "error")->valuestring,
	    "q\" b\\ n\n c\x01 \xc3\xbc \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	cJSON_Delete(json);
	free(line);

	capture(*state);
	journal(true);
	log_write(LOG_LEVEL_INFO, "start", LOG_NUMBER("id", 5));
	line = captured(*state);
	assert_string_equal(line, "<6>{\"level\":\"info\",\"event\":\"start\",\"id\":5}\n");
	free(line);
}

/* More text than a line holds: the line ends well-formed and says so. */
static void
test_long_line(void **state)
{
	struct log_field fields[100];
	char text[300];
	cJSON *json;
	char *line;

	memset(text, 1, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < 99; i++)
		fields[i] = LOG_TEXT("f", text);
	fields[99] = (struct log_field){.name = NULL};

	log_configure(true, LOG_LEVEL_INFO);
	capture(*state);
	journal(false);
	log_event(LOG_LEVEL_INFO, "long", fields);
	line = captured(*state);
	json = cJSON_Parse(line);
	assert_non_null(json);
	assert_int_equal(cJSON_GetObjectItem(json, "cut")->valueint, 1);
	assert_in_range(strlen(line), 10000, 16384);
	cJSON_Delete(json);
	free(line);
}

static void
test_errno_survives(void **state)
{
	capture(*state);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_write(LOG_LEVEL_ERROR, "e", LOG_NUMBER("id", 1));
	assert_int_equal(errno, ENOENT);
	free(captured(*state));
}

/* Nothing before log_release() as long as there is room, then all of it, in order. */
static void
test_gathered(void **state)
{
	char text[401];
	char expected[100];
	const char *at;
	char *lines;

	log_configure(false, LOG_LEVEL_INFO);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture(*state);
	journal(true);
	log_gather();
	log_write(LOG_LEVEL_INFO, "first", LOG_NUMBER("n", 0));
	lines = captured(*state);
	assert_string_equal(lines, "");
	free(lines);

	capture(*state);
	for (int i = 1; i <= 200; i++) /* more than there is room for */
		log_write(LOG_LEVEL_INFO, "one", LOG_NUMBER("n", i), LOG_TEXT("t", text));
	log_release();
	log_write(LOG_LEVEL_INFO, "last", LOG_NUMBER("n", 201));
	lines = captured(*state);
	at = lines;
	for (int i = 0; i <= 201; i++) {
		snprintf(expected, sizeof(expected), " n=%d", i);
		at = strstr(at, expected);
		assert_non_null(at);
		at = strchr(at, '\n');
		assert_non_null(at);
	}
	assert_string_equal(at, "\n");
	free(lines);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_quoting),
	    TEST(test_fields_are_apart),
	    TEST(test_cut),
	    TEST(test_numbers),
	    TEST(test_outside_the_journal),
	    TEST(test_levels),
	    TEST(test_json),
	    TEST(test_long_line),
	    TEST(test_gathered),
	    TEST(test_errno_survives),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
