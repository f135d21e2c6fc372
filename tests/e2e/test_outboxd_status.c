/*
 * test_outboxd_status.c - what an operator sees: status, wait, outbox_health; a silent stop is seen
 * within a minute.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "lib/daemon.h"

static const char *
status(struct stand *stand, int *code, const char *more)
{
	const char *words[] = {"status", "--config", stand->config, more, NULL};

	return stand_command(stand, code, words);
}

static const char *
wait_for(struct stand *stand, int *code, const char *timeout, int64_t id, const char *more)
{
	char number[24];
	const char *words[] = {
	    "wait", "--database", stand->database, "--timeout", timeout, number, more, NULL};

	snprintf(number, sizeof(number), "%lld", (long long)id);
	return stand_command(stand, code, words);
}

static void
assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static const cJSON *
member(const cJSON *object, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

	if (found == NULL)
		fail_msg("no member %s", name);
	return found;
}

static void
status_tells_what_there_is(void **state)
{
	struct stand *stand = *state;
	int code;
	int64_t id;

	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "vrio", "vrio", "");
	stand_configure(stand);
	assert_says(status(stand, &code, NULL), "NOT RUNNING");
	assert_int_equal(code, 2);

	stand_start(stand);
	id = stand_order(stand, "riverty", "riverty", "A-1");
	assert_string_equal(stand_await(stand, id), "succeeded");
	assert_says(status(stand, &code, NULL), "1 results in 60 min");
	assert_int_equal(code, 0);

	gateway_script(stand->gateway, "A-2 submit 1 lose\n");
	id = stand_order(stand, "vrio", "vrio", "A-2");
	assert_string_equal(stand_await(stand, id), "unknown");
	assert_says(status(stand, &code, NULL), "1 row(s) wait for a person");
	assert_int_equal(code, 1);
	assert_says(status(stand, &code, NULL), "vrio order A-2  unknown since ");
	assert_says(status(stand, &code, "2"), "may or may not have happened");

	assert_string_equal(
	    stand_ask(stand, "command, destination", "'hold', 'vrio'", NULL), "done");
	assert_says(status(stand, &code, NULL), "held: vrio since ");
	/* No terminal: one look. */
	assert_says(status(stand, &code, "--watch"), "--watch needs a terminal");
	assert_int_equal(code, 1);
}

static void
json_has_every_name(void **state)
{
	static const char *const top[] = {"level", "why", "at", "database", "status", "running",
	    "pid", "heartbeat_age_s", "mode_reason", "last_error", "wal_bytes", "window_s",
	    "results_per_minute", "stuck_rows", "destinations", "stuck"};
	static const char *const of_destination[] = {"name", "rows", "oldest_due_age_s", "held",
	    "held_cause", "held_reason", "held_since", "last_hour"};
	struct stand *stand = *state;
	const cJSON *destination;
	cJSON *json;
	int code;

	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	gateway_script(stand->gateway, "B-1 submit 1 lose\n");
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "vrio", "vrio", "B-1")), "unknown");
	json = cJSON_Parse(status(stand, &code, "--json"));
	assert_non_null(json);
	assert_int_equal(code, 1);
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		(void)member(json, top[i]);
	assert_string_equal(member(json, "level")->valuestring, "attention");
	assert_true(cJSON_IsTrue(member(json, "running")));
	assert_int_equal(member(json, "stuck_rows")->valueint, 1);
	destination = cJSON_GetArrayItem(member(json, "destinations"), 0);
	for (size_t i = 0; i < sizeof(of_destination) / sizeof(of_destination[0]); i++)
		(void)member(destination, of_destination[i]);
	assert_int_equal(member(member(destination, "rows"), "unknown")->valueint, 1);
	assert_int_equal(
	    member(member(member(destination, "last_hour"), "results"), "unknown")->valueint, 1);
	assert_string_equal(
	    member(cJSON_GetArrayItem(member(json, "stuck"), 0), "reference")->valuestring, "B-1");
	cJSON_Delete(json);
}

/* What others wrote is shown, and steers neither the terminal nor the JSON. */
static void
strange_texts_are_harmless(void **state)
{
	struct stand *stand = *state;
	cJSON *json;
	int code;

	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	stand_exec(stand, "INSERT INTO outbox (destination, operation, reference) VALUES "
			  "('nowhere', 'x', 'a' || char(27) || "
			  "'[2J\"' || CAST(x'ff' AS TEXT))");
	assert_string_equal(stand_await(stand, 1), "held");
	assert_null(strchr(status(stand, &code, NULL), 27));
	json = cJSON_Parse(status(stand, &code, "--json"));
	assert_non_null(json);
	cJSON_Delete(json);
}

/* No byte that steers a terminal; "\n" ends our lines only. */
static void
assert_steers_nothing(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
		if ((*at < 0x20 && *at != '\n') || *at == 0x7f ||
		    (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
			fail_msg("the byte %02x in:\n%s", *at, text);
	assert_null(strstr(text, "\nforged"));
}

static void
no_text_steers_the_terminal(void **state)
{
	struct stand *stand = *state;
	const char *row[] = {"status", "--database", stand->database, "1", NULL};
	const char *hold[] = {
	    "hold", "--config", stand->config, "a\x1b[2J\nforged", "--text", "x", NULL};
	int code;

	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	stand_exec(stand, "INSERT INTO outbox (destination, operation, reference, body) VALUES "
			  "('a' || char(27, 10) || 'forged', 'b' || char(155, 10) || 'forged', "
			  "'c' || char(7, 10) || 'forged', '{}')");
	assert_string_equal(stand_await(stand, 1), "held");
	assert_steers_nothing(status(stand, &code, NULL));
	assert_steers_nothing(stand_command(stand, &code, row));
	assert_steers_nothing(stand_command(stand, &code, hold));
	assert_string_equal(stand_ask(stand, "command, outbox_id, argument, text",
				"'resolve', 1, 'failed', 'd' || char(27, 10) || 'forged'", NULL),
	    "done");
	assert_steers_nothing(wait_for(stand, &code, "5s", 1, NULL));
	assert_steers_nothing(stand_command(stand, &code, row));
}

static void
wait_returns_with_the_result(void **state)
{
	struct stand *stand = *state;
	int code;
	int64_t id;

	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
	gateway_script(stand->gateway, "W-1 submit 1 delay 300\nW-2 submit 1 reject\n");
	id = stand_order(stand, "riverty", "riverty", "W-1");
	assert_says(wait_for(stand, &code, "30s", id, NULL), "1 succeeded (HTTP 200)");
	assert_int_equal(code, 0);
	/* At once, by inotify: the slow safety look alone would come after up to 5 s. */
	assert_int_equal(
	    stand_number(stand,
		"SELECT (julianday('now') - 2440587.5) * 86400000.0 - finished_at < 3000 FROM "
		"outbox_result WHERE outbox_id = %lld",
		(long long)id),
	    1);
	id = stand_order(stand, "riverty", "riverty", "W-2");
	assert_says(wait_for(stand, &code, "30s", id, NULL), "2 failed");
	assert_int_equal(code, 1);
	(void)wait_for(stand, &code, "30s", 77, NULL);
	assert_int_equal(code, 1);
}

static void
wait_gives_up_in_time(void **state)
{
	struct stand *stand = *state;
	cJSON *json;
	const char *said;
	int code;
	int64_t id;

	stand_destination(stand, "riverty", "riverty", "");
	stand_configure(stand);
	id = stand_order(stand, "riverty", "riverty", "W-3");
	said = wait_for(stand, &code, "200ms", id, NULL);
	assert_says(said, "1 queued");
	assert_says(said, "outboxd is not running");
	assert_int_equal(code, 75);
	said = wait_for(stand, &code, "10ms", id, "--json");
	json = cJSON_Parse(strchr(said, '{'));
	assert_non_null(json);
	assert_true(cJSON_IsTrue(member(json, "timeout")));
	assert_true(cJSON_IsNull(member(cJSON_GetArrayItem(member(json, "rows"), 0), "result")));
	cJSON_Delete(json);
	(void)wait_for(stand, &code, "soon", id, NULL);
	assert_int_equal(code, 64);
}

/* As if it had happened that long ago: the daemon is dead or stopped, nobody else writes there. */
static void
set_heartbeat_back(struct stand *stand, int seconds)
{
	stand_exec(stand, "UPDATE outbox_meta SET value = value - %d WHERE name = 'heartbeat_at'",
	    seconds * 1000);
}

static void
a_silent_stop_is_seen_within_a_minute(void **state)
{
	struct stand *stand = *state;
	int code;

	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
	assert_true(stand_wait(stand, "SELECT status = 'running' FROM outbox_health"));
	/* A living daemon's heartbeat is never older than 20 s and what a turn takes. */
	assert_int_equal(stand_number(stand, "SELECT heartbeat_age_s < 30 FROM outbox_health"), 1);

	stand_kill(stand);
	set_heartbeat_back(stand, 45);
	assert_string_equal(stand_text(stand, "SELECT status FROM outbox_health"), "running");
	/* The command sees at once that nobody holds the lock. */
	assert_says(status(stand, &code, NULL), "NOT RUNNING");
	assert_int_equal(code, 2);
	set_heartbeat_back(stand, 15);
	assert_true(stand_wait(stand, "SELECT status = 'silent' FROM outbox_health"));
	assert_int_equal(stand_number(stand, "SELECT heartbeat_age_s >= 60 FROM outbox_health"), 1);

	stand_start(stand);
	assert_true(stand_wait(stand, "SELECT status = 'running' FROM outbox_health"));
	/* One that hangs holds its lock, and is silent all the same. */
	stand_signal(stand, SIGSTOP);
	set_heartbeat_back(stand, 61);
	assert_string_equal(stand_text(stand, "SELECT status FROM outbox_health"), "silent");
	assert_says(status(stand, &code, NULL), "outboxd: silent");
	assert_int_equal(code, 2);
	stand_signal(stand, SIGCONT);
}

static void
health_counts_what_waits(void **state)
{
	struct stand *stand = *state;

	stand_exec(stand,
	    "INSERT INTO outbox (destination, operation) VALUES ('a', 'x'), ('a', 'x'), ('b', 'x');"
	    "INSERT INTO outbox (destination, operation, after_id) VALUES ('b', 'x', 1);"
	    "INSERT INTO outbox (destination, operation, not_before) VALUES ('c', 'x', "
	    "9000000000000)");
	assert_string_equal(
	    stand_text(stand,
		"SELECT status || ' ' || blocked || ' ' || queued || ' ' || in_flight || ' ' || "
		"retry || ' ' || pending || ' ' || (oldest_due_age_s < 60) FROM outbox_health"),
	    "never started 1 4 0 0 0 1");
	/* Past expires_at for more than a minute, and nobody there to expire it. */
	stand_exec(stand,
	    "INSERT INTO outbox (destination, operation, expires_at) VALUES ('a', 'x', 1000)");
	assert_int_equal(
	    stand_number(stand, "SELECT id FROM outbox_stuck WHERE cause = 'late'"), 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)
	    TEST(status_tells_what_there_is),
	    TEST(json_has_every_name),
	    TEST(strange_texts_are_harmless),
	    TEST(no_text_steers_the_terminal),
	    TEST(wait_returns_with_the_result),
	    TEST(wait_gives_up_in_time),
	    TEST(a_silent_stop_is_seen_within_a_minute),
	    TEST(health_counts_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
