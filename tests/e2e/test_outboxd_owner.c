/*
 * test_outboxd_owner.c - whose database is it: second daemons, stops, restored backups, copies,
 * replaced files.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"

enum { EX_TEMPORARY = 75 };

static void
usual(struct stand *stand)
{
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "riverty", "riverty", "");
}

static void
order(struct stand *stand, const char *destination, const char *reference)
{
	(void)stand_order(stand, destination, destination, reference);
}

static void
all_succeeded(struct stand *stand)
{
	assert_true(stand_wait(stand,
	    "SELECT NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE result IS NOT 'succeeded')"));
}

/* Copies of shop.db and its companions; a missing -wal is a missing -wal in the copy too. */
static void
copy_database(const char *from, const char *to)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < 3; i++) {
		char source[400];
		char target[400];
		size_t length;
		char *bytes;

		snprintf(source, sizeof(source), "%s%s", from, suffixes[i]);
		snprintf(target, sizeof(target), "%s%s", to, suffixes[i]);
		if (access(source, F_OK) == -1) {
			(void)unlink(target);
			continue;
		}
		bytes = scratch_read(source, &length);
		if (access(target, F_OK) == 0) { /* cp: the same inode */
			FILE *file = fopen(target, "r+");

			assert_non_null(file);
			assert_int_equal(ftruncate(fileno(file), 0), 0);
			assert_int_equal(fwrite(bytes, 1, length, file), length);
			fclose(file);
		} else {
			scratch_write(target, bytes, length);
		}
		free(bytes);
	}
}

static void
no_requests_for(struct stand *stand, int ms)
{
	int before = gateway_requests(stand->gateway, NULL, NULL);

	stand_sleep_ms(ms);
	if (gateway_requests(stand->gateway, NULL, NULL) != before)
		stand_show(stand);
	assert_int_equal(gateway_requests(stand->gateway, NULL, NULL), before);
}

static void
wait_held(struct stand *stand)
{
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_meta WHERE name = 'mode' AND value = 'held'"));
}

static void
only_one_daemon_serves(void **state)
{
	struct stand *stand = *state;
	struct stand second = *stand;

	usual(stand);
	stand_start(stand);
	order(stand, "vrio", "one-1");
	all_succeeded(stand);
	for (int i = 0; i < 8; i++) {
		second.pid = 0;
		second.destinations = stand->destinations;
		stand_start(&second);
		assert_int_equal(stand_wait_end(&second, 20000), EX_TEMPORARY);
	}
	assert_true(stand_runs(stand));
	order(stand, "vrio", "one-2");
	all_succeeded(stand);
	assert_true(stand_log_has(stand, "another outboxd"));
	oracle_check(stand, ORACLE_FINISHED);
}

static void
sigterm_waits_for_answers(void **state)
{
	struct stand *stand = *state;
	int64_t began;

	assert_int_equal(gateway_script(stand->gateway,
			     "d-1 submit 1 delay 1500ms\nd-2 submit 1 delay 1500ms\n"),
	    0);
	usual(stand);
	stand_start(stand);
	order(stand, "vrio", "d-1");
	order(stand, "riverty", "d-2");
	assert_true(
	    stand_wait(stand, "SELECT count(*) = 2 FROM outbox_status WHERE state = 'sending'"));
	began = stand_clock_ms();
	stand_signal(stand, SIGTERM);
	for (int waited = 0; waited < STAND_PATIENCE_MS && !stand_log_has(stand, "event=stopping");
	     waited += 10)
		stand_sleep_ms(10);
	order(stand, "vrio", "d-3"); /* not claimed any more */
	assert_int_equal(stand_wait_end(stand, 30000), 0);
	assert_true(stand_clock_ms() - began < 20000);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'succeeded'"),
	    2);
	assert_string_equal(stand_outcome(stand, 3), "queued");
	assert_int_equal(gateway_requests(stand->gateway, "d-3", NULL), 0);
	oracle_check(stand, ORACLE_UNDERWAY);
	/* Past the drain time it goes without them; then they are in doubt, as after a kill. */
	assert_int_equal(
	    gateway_script(stand->gateway, "d-4 submit 1 silence\nd-5 submit 1 silence\n"), 0);
	snprintf(stand->head, sizeof(stand->head), "drain = \"500ms\";");
	stand_start(stand);
	order(stand, "vrio", "d-4");
	order(stand, "riverty", "d-5");
	assert_true(
	    stand_wait(stand, "SELECT count(*) = 2 FROM outbox_status WHERE state = 'sending'"));
	began = stand_clock_ms();
	assert_int_equal(stand_stop(stand), 0);
	assert_true(stand_clock_ms() - began < 15000);
	stand_start(stand);
	assert_string_equal(stand_await(stand, 4), "unknown");
	assert_string_equal(stand_await(stand, 5), "succeeded");
	oracle_check(stand, ORACLE_FINISHED);
}

/* What a restored database holds that may have been sent since: nothing leaves until a person has
 * looked. */
static void
a_restored_backup_sends_nothing_until_adopted(void **state)
{
	struct stand *stand = *state;
	const char *backup = scratch_path(stand->dir, "backup.db");
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	const char *row_2[] = {"status", "--database", stand->database, "2", NULL};
	char key[64];
	int status;

	usual(stand);
	stand_start(stand);
	order(stand, "vrio", "b-0");
	all_succeeded(stand);
	assert_int_equal(stand_stop(stand), 0);
	order(stand, "vrio", "b-1");    /* 2 */
	order(stand, "riverty", "b-2"); /* 3 */
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
	copy_database(stand->database, backup);
	stand_start(stand);
	all_succeeded(stand);
	snprintf(key, sizeof(key), "%s",
	    stand_text(stand, "SELECT idempotency_key FROM outbox_status WHERE id = 3"));
	order(stand, "vrio", "b-3"); /* 4, in no backup */
	all_succeeded(stand);
	stand_kill(stand);
	assert_int_equal(gateway_effects(stand->gateway, NULL), 4);

	copy_database(backup, stand->database);
	stand_start(stand);
	wait_held(stand);
	order(stand, "riverty", "b-4"); /* between restore and adopt: the id 4 again */
	no_requests_for(stand, 800);
	assert_string_equal(stand_ask(stand, "command, outbox_id", "'cancel', 2", NULL), "refused");
	/* Row 2 was sent, and the backup does not know. */
	assert_non_null(strstr(stand_command(stand, &status, row_2), "may have been sent since"));
	/* A restart is no adoption. */
	stand_kill(stand);
	stand_start(stand);
	wait_held(stand);
	no_requests_for(stand, 500);

	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	assert_string_equal(stand_await(stand, 2), "held"); /* keyless: may have been sent */
	assert_true(stand_wait(stand, "SELECT count(*) = 1 FROM outbox_status WHERE reference = "
				      "'b-2' AND result = 'succeeded'"));
	assert_string_equal(
	    stand_text(stand, "SELECT idempotency_key FROM outbox_status WHERE id = 3"), key);
	assert_true(stand_wait(stand, "SELECT count(*) = 1 FROM outbox_status WHERE reference = "
				      "'b-4' AND result = 'succeeded'"));
	assert_int_equal(gateway_effects(stand->gateway, "b-1"), 1);
	assert_int_equal(gateway_effects(stand->gateway, "b-2"), 1);
	assert_int_equal(gateway_distinct_hashes(stand->gateway, "b-2"), 1);
	assert_int_equal(gateway_requests(stand->gateway, "b-1", "submit"), 1);
	oracle_check(stand, ORACLE_RESTORED);
	/* Ids that the gateway may have seen are not given again. */
	order(stand, "riverty", "b-5");
	assert_true(stand_number(stand, "SELECT id FROM outbox WHERE reference = 'b-5'") > 4);
	/* The app sells b-3 again after the restore: the same row, as far as VRIO can tell; a
	 * person decides b-1. */
	assert_string_equal(stand_ask(stand, "command, outbox_id, argument, text",
				"'resolve', 2, 'succeeded', 'seen'", NULL),
	    "done");
	assert_int_equal(stand_stop(stand), 0);
}

/* .restore and cp under a running daemon keep the inode: noticed at the next write. */
static void
a_database_set_back_under_the_daemon_stops_it(void **state)
{
	struct stand *stand = *state;
	const char *backup = scratch_path(stand->dir, "backup.db");

	usual(stand);
	stand_start(stand);
	order(stand, "vrio", "s-1");
	all_succeeded(stand);
	{
		char command[1000];

		snprintf(command, sizeof(command),
		    "sqlite3 '%s' \".timeout 10000\" \".backup '%s'\"", stand->database, backup);
		assert_int_equal(system(command), 0);
		order(stand, "vrio", "s-2");
		all_succeeded(stand);
		snprintf(command, sizeof(command),
		    "sqlite3 '%s' \".timeout 10000\" \".restore '%s'\"", stand->database, backup);
		assert_int_equal(system(command), 0);
	}
	(void)stand_try(stand, "INSERT INTO outbox (destination, operation, reference, body) "
			       "VALUES ('vrio', 'order', 's-2',"
			       " '{\"connection_order_id\":\"s-2\"}')");
	assert_int_equal(stand_wait_end(stand, 30000), EX_TEMPORARY);
	assert_int_equal(gateway_requests(stand->gateway, "s-2", "submit"), 1);
	stand_start(stand);
	wait_held(stand);
	no_requests_for(stand, 500);
	assert_int_equal(gateway_requests(stand->gateway, "s-2", "submit"), 1);
}

static void
a_replaced_file_stops_the_daemon(void **state)
{
	struct stand *stand = *state;
	const char *copy = scratch_path(stand->dir, "copy.db");

	usual(stand);
	stand_start(stand);
	order(stand, "vrio", "r-1");
	all_succeeded(stand);
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
	copy_database(stand->database, copy);
	assert_int_equal(rename(copy, stand->database), 0);
	assert_int_equal(stand_wait_end(stand, 30000), EX_TEMPORARY);
	(void)unlink(scratch_path(stand->dir, "shop.db-wal"));
	(void)unlink(scratch_path(stand->dir, "shop.db-shm"));
	order(stand, "vrio", "r-2");
	stand_start(stand);
	wait_held(stand);
	no_requests_for(stand, 500);
	assert_int_equal(gateway_requests(stand->gateway, "r-2", NULL), 0);
}

/* A second machine with a copy, or the same machine at another path. */
static void
a_copy_elsewhere_sends_nothing(void **state)
{
	struct stand *stand = *state;
	const char *elsewhere = scratch_path(stand->dir, "copy");
	char original[300];

	usual(stand);
	stand_start(stand);
	order(stand, "vrio", "e-1");
	all_succeeded(stand);
	assert_int_equal(stand_stop(stand), 0);
	order(stand, "vrio", "e-2");
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(original, sizeof(original), "%s", stand->database);
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	snprintf(stand->database, sizeof(stand->database), "%s/shop.db", elsewhere);
	copy_database(original, stand->database);
	stand_start(stand); /* same state_dir, other path */
	wait_held(stand);
	no_requests_for(stand, 500);
	stand_kill(stand);
	/* no witness at all, but served before */
	(void)rename(scratch_path(stand->dir, "state"), scratch_path(stand->dir, "state.away"));
	stand_start(stand);
	wait_held(stand);
	no_requests_for(stand, 500);
	stand_kill(stand);
	(void)rename(scratch_path(stand->dir, "state"), scratch_path(stand->dir, "state.new"));
	(void)rename(scratch_path(stand->dir, "state.away"), scratch_path(stand->dir, "state"));
	/* The original goes on. */
	snprintf(stand->database, sizeof(stand->database), "%s", original);
	stand_start(stand);
	all_succeeded(stand);
	oracle_check(stand, ORACLE_FINISHED);
}

/* kill -9 and start, again and again, with nothing restored: never a false alarm. */
static void
restarts_need_no_adoption(void **state)
{
	struct stand *stand = *state;

	usual(stand);
	for (int i = 0; i < 25; i++) {
		char name[16];

		snprintf(name, sizeof(name), "k-%d", i);
		order(stand, i % 2 == 0 ? "riverty" : "vrio", name);
		stand_start(stand);
		stand_sleep_ms(i * 3);
		stand_kill(stand);
	}
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	assert_int_equal(
	    stand_number(
		stand, "SELECT count(*) FROM outbox_meta WHERE name = 'mode' AND value = 'held'"),
	    0);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* A gateway that dies, and comes back remembering. */
static void
the_gateway_dies_too(void **state)
{
	struct stand *stand;
	static const char *words[] = {"--memory", NULL, "--no-fsync", NULL};
	static char memory[300];

	stand_free(*state);
	snprintf(memory, sizeof(memory), "%s/outboxd-memory-%d",
	    getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"), (int)getpid());
	words[1] = memory;
	*state = stand = stand_new(words);
	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
	for (int i = 0; i < 60; i++) {
		char name[16];

		snprintf(name, sizeof(name), "g-%d", i);
		order(stand, "riverty", name);
		if (i % 20 == 10) {
			gateway_kill(stand->gateway);
			stand_sleep_ms(200);
			assert_int_equal(gateway_restart(stand->gateway), 0);
		}
	}
	all_succeeded(stand);
	oracle_check(stand, ORACLE_FINISHED);
	(void)unlink(memory);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

/* A row under an id that an older schema let the app choose. */
static void
order_at(struct stand *stand, int64_t id, const char *destination, const char *operation,
    const char *reference, const char *body)
{
	stand_exec(stand,
	    "DROP TRIGGER IF EXISTS outbox_insert; BEGIN IMMEDIATE;"
	    "INSERT INTO outbox (id, destination, operation, reference, body) VALUES "
	    "(%lld, '%s', '%s', '%s', '%s');"
	    "INSERT INTO outbox_delivery (outbox_id, destination, operation, reference, "
	    "created_at, state, due_at, eligible_at) SELECT id, destination, operation, reference, "
	    "created_at, 'queued', 0, created_at FROM outbox WHERE id = %lld; COMMIT",
	    (long long)id, destination, operation, reference, body, (long long)id);
}

static void
no_id_is_overlooked(void **state)
{
	struct stand *stand = *state;
	const char *backup = scratch_path(stand->dir, "backup.db");
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	int status;

	usual(stand);
	order_at(stand, 0, "vrio", "order", "id-0", "{\"connection_order_id\":\"id-0\"}");
	order_at(stand, -7, "vrio", "order", "id-7", "{\"connection_order_id\":\"id-7\"}");
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
	copy_database(stand->database, backup);
	stand_start(stand);
	all_succeeded(stand);
	stand_kill(stand);
	copy_database(backup, stand->database);
	stand_start(stand);
	wait_held(stand);
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	assert_string_equal(stand_await(stand, 0), "held");
	assert_string_equal(stand_await(stand, -7), "held");
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), 2);
	/* Nor after a kill. */
	assert_int_equal(
	    gateway_script(stand->gateway, "id-1 submit 1 silence\nid-2 submit 1 silence\n"), 0);
	order_at(stand, -1, "vrio", "order", "id-1", "{\"connection_order_id\":\"id-1\"}");
	order_at(stand, -2, "riverty", "authorize", "id-2", "{\"order\":{\"number\":\"id-2\"}}");
	assert_true(
	    stand_wait(stand, "SELECT count(*) = 2 FROM outbox_status WHERE state = 'sending'"));
	stand_kill(stand);
	stand_start(stand);
	assert_string_equal(stand_await(stand, -1), "unknown");
	assert_string_equal(stand_await(stand, -2), "succeeded");
	/* What nobody configured is held. */
	order_at(stand, -3, "nowhere", "order", "id-3", "{}");
	assert_string_equal(stand_await(stand, -3), "held");
}

/* A backup that does not know of a new key: under the old one the order would be sent a second
 * time (P1, P4). */
static void
a_new_key_outlives_a_backup(void **state)
{
	struct stand *stand = *state;
	const char *backup = scratch_path(stand->dir, "backup.db");
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	int status;

	usual(stand);
	order_at(stand, 1, "riverty", "authorize", "nk-1", "{\"order\":{\"number\":\"nk-1\"}}");
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
	copy_database(stand->database, backup);
	stand_exec(stand, "INSERT INTO outbox_control (command, outbox_id) VALUES ('hold', 1)");
	stand_start(stand);
	assert_string_equal(stand_await(stand, 1), "held");
	stand_exec(stand, "INSERT INTO outbox_control (command, outbox_id, key_mode) VALUES "
			  "('retry', 1, 'new')");
	all_succeeded(stand);
	stand_kill(stand);
	copy_database(backup, stand->database);
	stand_start(stand);
	wait_held(stand);
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	assert_string_equal(stand_await(stand, 1), "held");
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(only_one_daemon_serves), TEST(no_id_is_overlooked),
	    TEST(a_new_key_outlives_a_backup), TEST(sigterm_waits_for_answers),
	    TEST(a_restored_backup_sends_nothing_until_adopted),
	    TEST(a_database_set_back_under_the_daemon_stops_it),
	    TEST(a_replaced_file_stops_the_daemon), TEST(a_copy_elsewhere_sends_nothing),
	    TEST(restarts_need_no_adoption), TEST(the_gateway_dies_too)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
