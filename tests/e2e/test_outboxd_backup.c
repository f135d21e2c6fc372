/*
 * test_outboxd_backup.c - backup and restore as the manual describes them, by every way that
 * merchants have: .backup, VACUUM INTO, cp of a stopped daemon's files, and copied WAL segments as
 * Litestream ships them. Restored in place, and beside an original that goes on: nothing is sent
 * until adopt, which says what was found; then keyed rows go on under their keys, and a person
 * decides about the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/backup.h"
#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"

enum { EX_TEMPORARY = 75, CRITICAL = 2 };

/* --- the day --- */

static void
order(struct stand *stand, const char *destination, const char *reference)
{
	(void)stand_order(stand, destination, destination, reference);
}

static void
ask(struct stand *stand, const char *columns, const char *values)
{
	const char *answer = "";

	if (strcmp(stand_ask(stand, columns, values, &answer), "done") != 0)
		fail_msg("%s: %s", values, answer);
}

/* v-1 and r-1 are open when the backup is made, and delivered afterwards; v-2 is in no backup. */
static void
live_through_a_day(struct stand *stand, int way, const char *copy)
{
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "riverty", "riverty", "");
	stand_exec(stand, "CREATE TABLE orders (seen INTEGER); INSERT INTO orders VALUES (0)");
	stand_start(stand);
	order(stand, "vrio", "v-0");
	order(stand, "riverty", "r-0");
	assert_true(stand_wait_settled(stand));
	ask(stand, "command, destination", "'hold', 'vrio'");
	ask(stand, "command, destination", "'hold', 'riverty'");
	order(stand, "vrio", "v-1");    /* 3 */
	order(stand, "riverty", "r-1"); /* 4 */
	backup_ways[way].back_up(stand, copy);
	ask(stand, "command, destination", "'release', 'vrio'");
	ask(stand, "command, destination", "'release', 'riverty'");
	order(stand, "vrio", "v-2"); /* 5 */
	assert_true(stand_wait_settled(stand));
	assert_int_equal(gateway_effects(stand->gateway, NULL), 5);
}

static void
wait_for_adopt(struct stand *stand)
{
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_meta WHERE name = 'mode' AND value = 'held'"));
}

/* "outboxd WORD --config": its status and these words in what it says. */
static void
says(struct stand *stand, const char *word, int status, const char *text)
{
	const char *words[] = {word, "--config", stand->config, NULL};
	int got;
	const char *output = stand_command(stand, &got, words);

	if (got != status || strstr(output, text) == NULL)
		fail_msg(
		    "%s: status %d, expected %d with \"%s\": %s", word, got, status, text, output);
}

static void
quiet_for(struct stand *stand, int ms)
{
	int before = gateway_requests(stand->gateway, NULL, NULL);

	stand_sleep_ms(ms);
	assert_int_equal(gateway_requests(stand->gateway, NULL, NULL), before);
}

/* After adopt: what a person and the gateway see of v-1 and r-1. */
static void
go_on_after_adopt(struct stand *stand, const char *key)
{
	/* The destinations were held when the backup was made, and so they are again. */
	ask(stand, "command, destination", "'release', 'riverty'");
	ask(stand, "command, destination", "'release', 'vrio'");
	assert_string_equal(stand_await(stand, 4), "succeeded");
	assert_string_equal(
	    stand_text(stand, "SELECT idempotency_key FROM outbox_delivery WHERE outbox_id = 4"),
	    key);
	assert_int_equal(gateway_effects(stand->gateway, "r-1"), 1);
	assert_int_equal(gateway_distinct_hashes(stand->gateway, "r-1"), 1);
	assert_string_equal(stand_outcome(stand, 3), "held");
	assert_int_equal(gateway_requests(stand->gateway, "v-1", "submit"), 1);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_stuck WHERE id = 3 AND advice LIKE"
				" '%%restored: ask the gateway%%'"),
	    1);
	ask(stand, "command, outbox_id, argument, text",
	    "'resolve', 3, 'succeeded', 'found in the portal'");
	/* The id of v-2, which the database no longer knows, is not given again. */
	order(stand, "vrio", "v-3");
	assert_string_equal(
	    stand_await(stand, stand_number(stand, "SELECT max(id) FROM outbox")), "succeeded");
	assert_true(stand_number(stand, "SELECT max(id) FROM outbox") > 5);
}

/* The manual's steps: stop, remove the companions, put the backup there, init (VACUUM INTO leaves
 * no WAL mode), start. */
static void
in_place(struct stand *stand, const char *copy)
{
	stand_kill(stand);
	backup_shell("rm -f '%s' '%s-wal' '%s-shm' && cp '%s' '%s'", stand->database,
	    stand->database, stand->database, copy, stand->database);
	backup_shell(
	    "if [ -e '%s-wal' ]; then cp '%s-wal' '%s-wal'; fi", copy, copy, stand->database);
	stand_configure(stand);
	says(stand, "init", 0, "already");
	stand_start(stand);
}

static void
restored_in_place(int way)
{
	struct stand *stand = stand_new(NULL);
	char *copy = strdup(scratch_path(stand->dir, "backup.db"));
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	char key[64];
	const char *output;
	int status;

	print_message("%s, restored in place\n", backup_ways[way].name);
	live_through_a_day(stand, way, copy);
	snprintf(key, sizeof(key), "%s",
	    stand_text(stand, "SELECT idempotency_key FROM outbox_delivery WHERE outbox_id = 4"));
	in_place(stand, copy);
	wait_for_adopt(stand);
	says(stand, "check", EX_TEMPORARY, "the database is older than what was served last");
	says(stand, "status", CRITICAL, "outboxd adopt");
	quiet_for(stand, 300);
	/* What --resend would do is counted before it is done. */
	{
		const char *resend[] = {"adopt", "--config", stand->config, "--resend", NULL};

		output = stand_command(stand, &status, resend);
		assert_int_equal(status, 1);
		assert_non_null(strstr(output,
		    "1 row(s) may already have been sent and would be sent again: say --count 1"));
	}
	quiet_for(stand, 100);
	output = stand_command(stand, &status, words);
	if (status != 0 ||
	    strstr(output, "1 row(s) that may already have been sent are held") == NULL)
		fail_msg("adopt: %s", output);
	go_on_after_adopt(stand, key);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_RESTORED);
	free(copy);
	stand_free(stand);
}

/* To another file, with a configuration and a state_dir of its own, while the original goes on;
 * then that one ends. */
static void
restored_beside(int way)
{
	struct stand *stand = stand_new(NULL);
	char *copy = strdup(scratch_path(stand->dir, "backup.db"));
	const char *elsewhere = scratch_path(stand->dir, "elsewhere");
	struct stand second;
	char key[64];
	const char *output;
	int status;

	print_message("%s, restored beside the original\n", backup_ways[way].name);
	live_through_a_day(stand, way, copy);
	snprintf(key, sizeof(key), "%s",
	    stand_text(stand, "SELECT idempotency_key FROM outbox_delivery WHERE outbox_id = 4"));
	second = *stand;
	second.pid = 0;
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	snprintf(second.database, sizeof(second.database), "%s/shop.db", elsewhere);
	snprintf(second.config, sizeof(second.config), "%s/outboxd.conf", elsewhere);
	in_place(&second, copy);
	wait_for_adopt(&second);
	says(&second, "check", EX_TEMPORARY,
	    "state_dir holds no witness of it: it may be a copy or a backup");
	says(&second, "status", CRITICAL, "outboxd adopt");
	order(&second, "riverty", "never"); /* an app that writes to the wrong file */
	quiet_for(stand, 300);
	order(stand, "riverty", "r-9");
	assert_string_equal(stand_await(stand, 6), "succeeded");
	assert_int_equal(gateway_requests(stand->gateway, "never", NULL), 0);
	assert_string_equal(stand_outcome(&second, 3), "queued");

	assert_int_equal(stand_stop(stand), 0);
	{
		const char *words[] = {"adopt", "--config", second.config, NULL};

		output = stand_command(&second, &status, words);
		if (status != 0 ||
		    strstr(output, "1 row(s) that may already have been sent are held") == NULL)
			fail_msg("adopt: %s", output);
	}
	ask(&second, "command, destination", "'release', 'riverty'");
	assert_string_equal(stand_await(&second, 4), "succeeded");
	assert_string_equal(
	    stand_text(&second, "SELECT idempotency_key FROM outbox_delivery WHERE outbox_id = 4"),
	    key);
	assert_int_equal(gateway_effects(stand->gateway, "r-1"), 1);
	assert_string_equal(stand_outcome(&second, 3), "held");
	assert_int_equal(gateway_requests(stand->gateway, "v-1", "submit"), 1);
	assert_int_equal(stand_stop(&second), 0);
	free(copy);
	stand_free(stand);
}

static void
every_way_in_place(void **state)
{
	(void)state;
	for (int way = 0; way < BACKUP_WAYS; way++)
		restored_in_place(way);
}

static void
every_way_beside_the_original(void **state)
{
	(void)state;
	for (int way = 0; way < BACKUP_WAYS; way++)
		restored_beside(way);
}

/* Whoever stops outboxd and copies a backup over the file may forget what lies beside it. A -wal
 * that was left there would lay its newer pages over the older file: half of the past, and a
 * witness that finds nothing wrong. An orderly stop leaves none. */
static void
a_backup_laid_over_the_file_alone(void **state)
{
	struct stand *stand = stand_new(NULL);
	char *copy = strdup(scratch_path(stand->dir, "backup.db"));
	const char *wal = scratch_path(stand->dir, "shop.db-wal");
	struct stat left;

	(void)state;
	live_through_a_day(stand, 0, copy);
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "later-%d", i);
		order(stand, "riverty", name);
	}
	assert_true(stand_wait_settled(stand));
	assert_int_equal(stand_stop(stand), 0);
	assert_true(stat(wal, &left) == -1 || left.st_size == 0);
	backup_shell("cp '%s' '%s'", copy, stand->database);
	stand_start(stand);
	wait_for_adopt(stand);
	says(stand, "check", EX_TEMPORARY, "the database is older than what was served last");
	quiet_for(stand, 500);
	assert_int_equal(gateway_requests(stand->gateway, "v-1", "submit"), 1);
	free(copy);
	stand_free(stand);
}

/* Moved house: everything stopped, the whole directory to another disk, nothing missing. Nobody is
 * asked about any row. */
static void
a_moved_database_goes_on_whole(void **state)
{
	struct stand *stand = stand_new(NULL);
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	char old[300];
	const char *output;
	int status;

	(void)state;
	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	order(stand, "vrio", "m-1");
	assert_true(stand_wait_settled(stand));
	assert_int_equal(stand_stop(stand), 0);
	order(stand, "vrio", "m-2");
	snprintf(old, sizeof(old), "%s", stand->database);
	assert_int_equal(mkdir(scratch_path(stand->dir, "disk"), 0700), 0);
	snprintf(stand->database, sizeof(stand->database), "%s",
	    scratch_path(stand->dir, "disk/shop.db"));
	backup_shell("mv '%s'* '%s/disk/'", old, (char *)stand->dir);
	stand_start(stand);
	wait_for_adopt(stand);
	says(stand, "check", EX_TEMPORARY, "the database was moved or copied: it is now ");
	output = stand_command(stand, &status, words);
	if (status != 0 || strstr(output, "0 row(s)") == NULL)
		fail_msg("adopt: %s", output);
	assert_string_equal(stand_await(stand, 2), "succeeded");
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
	stand_free(stand);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_in_place),
	    cmocka_unit_test(every_way_beside_the_original),
	    cmocka_unit_test(a_backup_laid_over_the_file_alone),
	    cmocka_unit_test(a_moved_database_goes_on_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
