/*
 * test_outboxd_house.c - decisions on many rows only with their count, purge beside a busy app, and
 * card data that leaves no trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon.h"
#include "lib/scratch.h"

#define MANY "command, destination, state, count, argument, text, created_by"

static void
asked(struct stand *stand, const char *columns, const char *values, const char *wanted,
    const char *part)
{
	const char *answer = "";
	const char *status = stand_ask(stand, columns, values, &answer);

	if (strcmp(status, wanted) != 0 || strstr(answer, part) == NULL)
		fail_msg("(%s): %s: %s", values, status, answer);
}

/* `count` rows whose result is unknown, at a gateway without keys. */
static void
lose_some(struct stand *stand, int count)
{
	stand_destination(stand, "vrio", "vrio",
	    "concurrency = 1; probe_interval = \"100ms\"; probe_interval_max = \"100ms\";");
	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
	gateway_script(stand->gateway, "L-* submit 1 lose\n");
	for (int i = 1; i <= count; i++) {
		char reference[16];

		snprintf(reference, sizeof(reference), "L-%d", i);
		(void)stand_order(stand, "vrio", "vrio", reference);
	}
	assert_true(stand_wait_settled(stand));
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'unknown'"),
	    count);
}

static void
many_rows_need_their_count(void **state)
{
	struct stand *stand = *state;
	const char *words[] = {"retry", "--config", stand->config, "--destination", "vrio",
	    "--state", "unknown", "--count", "3", "--resubmit", "--i-checked-with-gateway",
	    "no such orders, spoke to Jane", NULL};
	int before;
	int code;

	lose_some(stand, 4);
	before = gateway_requests(stand->gateway, NULL, "submit");
	asked(stand, MANY, "'retry', 'vrio', 'unknown', NULL, 'resubmit', 'checked', 'jane'",
	    "refused", "say how many");
	asked(stand, MANY, "'retry', 'vrio', 'unknown', 5, 'resubmit', 'checked', 'jane'",
	    "refused", "there are 4 rows");
	asked(stand, MANY, "'retry', 'vrio', 'unknown', 0, 'resubmit', 'checked', 'jane'",
	    "refused", "there are 4 rows");
	asked(stand, MANY, "'retry', 'vrio', 'strange', 4, 'resubmit', 'checked', 'jane'",
	    "refused", "state is one of");
	asked(stand, MANY, "'retry', 'vrio', NULL, 4, 'resubmit', 'checked', 'jane'", "refused",
	    "needs destination, state and count");
	/* One word is missing for each of them: none goes. */
	asked(stand, MANY, "'retry', 'vrio', 'unknown', 4, NULL, NULL, 'jane'", "refused",
	    "nothing was done");
	assert_non_null(strstr(stand_command(stand, &code, words), "there are 4 rows"));
	assert_int_equal(code, 1);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'unknown'"),
	    4);
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), before);

	words[8] = "4";
	(void)stand_command(stand, &code, words);
	assert_int_equal(code, 0);
	assert_true(stand_wait(
	    stand, "SELECT count(*) = 4 FROM outbox_delivery WHERE result = 'succeeded'"));
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), before + 4);
}

static void
many_rows_are_decided_in_one_go(void **state)
{
	struct stand *stand = *state;

	lose_some(stand, 3);
	/* Up to a row. */
	asked(stand, MANY ", outbox_id",
	    "'resolve', 'vrio', 'unknown', 2, 'failed', 'not there', 'jane', 2", "done", "2 rows");
	assert_string_equal(stand_outcome(stand, 2), "failed");
	assert_string_equal(stand_outcome(stand, 3), "unknown");
	asked(stand, "command, destination", "'hold', 'riverty'", "done", "");
	for (int i = 0; i < 20; i++)
		(void)stand_insert(stand, "destination, operation, reference",
		    "'riverty', 'authorize', 'C-%d'", i);
	asked(stand, MANY, "'hold', 'riverty', 'queued', 20, NULL, 'wait', 'jane'", "done",
	    "20 rows");
	asked(
	    stand, MANY, "'release', 'riverty', 'held', 20, NULL, NULL, 'jane'", "done", "20 rows");
	asked(stand, MANY, "'cancel', 'riverty', 'queued', 20, NULL, 'shop closed', 'jane'", "done",
	    "20 rows");
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_result WHERE result = "
					     "'canceled' AND reason LIKE '%%jane: shop closed'"),
	    20);
}

/* A database without its witness: what it holds may have been sent before. */
static void
adopt_sends_again_only_with_a_count(void **state)
{
	struct stand *stand = *state;

	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "vrio", "vrio", "D-1")), "succeeded");
	assert_int_equal(stand_stop(stand), 0);
	(void)stand_order(stand, "vrio", "vrio", "D-2");
	(void)stand_order(stand, "vrio", "vrio", "D-3");
	assert_int_equal(remove(scratch_path(stand->dir, "state/witness")), 0);
	stand_start(stand);
	asked(stand, "command, argument", "'adopt', 'resend'", "refused",
	    "2 row(s) may already have been sent");
	asked(
	    stand, "command, argument, count", "'adopt', 'resend', 1", "refused", "say --count 2");
	assert_string_equal(stand_outcome(stand, 2), "queued");
	asked(stand, "command, argument, count", "'adopt', 'resend', 2", "done", "adopted");
	assert_string_equal(stand_await(stand, 2), "succeeded");
	assert_string_equal(stand_await(stand, 3), "succeeded");
}

/* --- purge --- */

static void
purge_leaves_results_and_references(void **state)
{
	struct stand *stand = *state;
	const char *words[] = {"purge", "--config", stand->config, "--older-than", "0s", NULL};
	int code;

	lose_some(stand, 1);
	for (int i = 0; i < 250; i++) {
		char reference[16];

		snprintf(reference, sizeof(reference), "P-%d", i);
		(void)stand_order(stand, "riverty", "riverty", reference);
	}
	assert_true(stand_wait_settled(stand));
	asked(stand, "command", "'purge'", "refused", "say how old");
	asked(stand, "command, argument", "'purge', '1d'", "done", "0 rows were purged");
	assert_non_null(strstr(stand_command(stand, &code, words), "250 rows were purged"));
	assert_int_equal(code, 0);
	/* What is unknown stays, whole. */
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox"), 1);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_attempt"), 1);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_result"), 251);
	assert_int_not_equal(stand_try(stand, "INSERT INTO outbox (destination, operation, "
					      "reference) VALUES ('riverty', 'authorize', 'P-1')"),
	    0);
}

/*
 * How long the app waits for the write lock; its own commit, whose sync is the disk's affair, comes
 * on top. One insert.
 */
static int64_t
wait_for_lock(sqlite3 *app)
{
	int64_t began = stand_clock_ms();
	int64_t took;

	assert_int_equal(sqlite3_exec(app, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	took = stand_clock_ms() - began;
	assert_int_equal(sqlite3_exec(app,
			     "INSERT INTO outbox (destination, operation, not_before) VALUES "
			     "('riverty', 'authorize', 9000000000000)",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_exec(app, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	return took;
}

/* The app hardly ever waits while thousands of rows leave, and the pages with them. */
static void
the_app_hardly_notices_a_purge(void **state)
{
	struct stand *stand = *state;
	int64_t worst = 0;
	int64_t pages;
	int waits = 0;
	int long_waits = 0;
	sqlite3 *app = NULL;

	/* A database of outboxd's own making gives pages back. */
	assert_int_equal(stand_number(stand, "PRAGMA auto_vacuum"), 2);
	stand_exec(stand,
	    "INSERT INTO outbox (destination, operation, body, expires_at) WITH RECURSIVE n (i) AS "
	    "(SELECT 1 UNION ALL SELECT i + 1 FROM n "
	    "WHERE i < 3000) SELECT 'riverty', 'authorize', hex(randomblob(4000)), 1000 FROM n");
	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	pages = stand_number(stand, "PRAGMA page_count");
	stand_exec(stand, "INSERT INTO outbox_control (command, argument) VALUES ('purge', '0s')");
	assert_int_equal(sqlite3_open(stand->database, &app), SQLITE_OK);
	sqlite3_busy_timeout(app, 30000);
	while (
	    stand_number(stand, "SELECT count(*) FROM outbox_control WHERE status = 'open'") != 0) {
		int64_t took = wait_for_lock(app);

		waits++;
		long_waits += took > 100;
		if (took > worst)
			worst = took;
		stand_sleep_ms(2);
	}
	sqlite3_close(app);
	assert_string_equal(stand_text(stand, "SELECT answer FROM outbox_control"),
	    "3000 rows were purged; their results and references stay");
	print_message("%d inserts, the longest wait %lld ms, %d of more than 100 ms\n", waits,
	    (long long)worst, long_waits);
	/* None at all on a quiet machine (measured: 5 to 60 ms at most); tests share theirs with
	 * others' syncs. */
	assert_true(waits > 100);
	assert_true(long_waits <= waits / 100);
	if (!stand_wait(
		stand, "SELECT page_count < %lld FROM pragma_page_count", (long long)pages * 3 / 4))
		fail_msg("%lld pages, and none given back", (long long)pages);
}

/* --- card data --- */

static int
traces(struct stand *stand, const char *needle)
{
	static const char *const names[] = {"shop.db", "shop.db-wal", "shop.db-shm", "outboxd.log"};
	int found = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = scratch_path(stand->dir, names[i]);
		struct stat file;
		size_t length;
		char *bytes;

		if (stat(path, &file) == -1)
			continue;
		bytes = scratch_read(path, &length);
		found += memmem(bytes, length, needle, strlen(needle)) != NULL;
		free(bytes);
	}
	return found;
}

static bool
no_traces_in_time(struct stand *stand, const char *needle)
{
	int64_t until = stand_clock_ms() + 20000;

	while (traces(stand, needle) > 0 && stand_clock_ms() < until)
		stand_sleep_ms(50);
	return traces(stand, needle) == 0;
}

static void
erased_card_data_leaves_no_trace(void **state)
{
	static const char card[] = "4111111111111111";
	struct stand *stand = *state;
	int64_t sent;
	int64_t lost;

	stand_destination(stand, "vrio", "vrio", "card_data = \"erase\";");
	stand_configure(stand);
	gateway_script(stand->gateway, "E-2 submit 1 lose\n");
#define CARD_ROW(reference, path)                                                                  \
	stand_insert(stand, "destination, operation, reference, path, body",                       \
	    "'vrio', 'order', '%s', %s, "                                                          \
	    "'{\"connection_order_id\":\"%s\",\"creditCardNumber\":\"%s\",\"x\":\"' || "           \
	    "hex(zeroblob(9000)) || '\"}'",                                                        \
	    reference, path, reference, card)
	sent = CARD_ROW("E-1", "NULL");
	(void)CARD_ROW("E-3", "'/elsewhere'"); /* invalid: never sent, and erased all the same */
	assert_true(traces(stand, card) > 0);
	stand_start(stand);
	assert_string_equal(stand_await(stand, sent), "succeeded");
	assert_string_equal(stand_await(stand, 2), "invalid");
	assert_true(no_traces_in_time(stand, card));
	/* While it is unknown it stays, for who must ask the gateway; resolved, it goes. */
	lost = CARD_ROW("E-2", "NULL");
	assert_string_equal(stand_await(stand, lost), "unknown");
	assert_true(traces(stand, card) > 0);
	asked(stand, "command, outbox_id, argument, text", "'resolve', 3, 'failed', 'not there'",
	    "done", "");
	assert_true(no_traces_in_time(stand, card));
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox WHERE length(body) > 0"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)
	    TEST(many_rows_need_their_count),
	    TEST(many_rows_are_decided_in_one_go),
	    TEST(adopt_sends_again_only_with_a_count),
	    TEST(purge_leaves_results_and_references),
	    TEST(the_app_hardly_notices_a_purge),
	    TEST(erased_card_data_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
