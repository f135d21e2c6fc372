/*
 * test_outboxd_app.c - what the app sees (P20): a writer that waits 100 ms for the lock at most,
 * beside a busy daemon, never meets SQLITE_BUSY. 20 s here, ten minutes in the whole torture.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"

enum { APP_PATIENCE_MS = 100, PAUSE_MS = 4, INSERTS_MAX = 400000, CHUNK = 256 };

static double *times;
static long count;

static int
by_size(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1000.0 + (double)now.tv_nsec / 1e6;
}

/* One order with its outbox row, as the README tells apps to do it. false: SQLITE_BUSY. */
static bool
sell(sqlite3 *db, long number)
{
	char sql[600];
	const char *destination = number % 2 == 0 ? "generic" : "riverty";
	double began = now_ms();
	int code;

	if (number % 2 == 0)
		snprintf(sql, sizeof(sql),
		    "BEGIN IMMEDIATE; INSERT INTO outbox (destination, operation, reference, path, "
		    "body) VALUES ('%s', 'post',"
		    " 'p-%ld', '/generic/pay', '{\"reference\":\"p-%ld\"}'); COMMIT",
		    destination, number, number);
	else
		snprintf(sql, sizeof(sql),
		    "BEGIN IMMEDIATE; INSERT INTO outbox (destination, operation, reference, body) "
		    "VALUES ('%s', 'authorize',"
		    " 'p-%ld', '{\"order\":{\"number\":\"p-%ld\",\"totalGrossAmount\":1.00}}'); "
		    "COMMIT",
		    destination, number, number);
	code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	times[count++] = now_ms() - began;
	if (code == SQLITE_OK)
		return true;
	if (code != SQLITE_BUSY)
		fail_msg("%s", sqlite3_errmsg(db));
	fprintf(stderr, "insert %ld: SQLITE_BUSY after %.1f ms\n", number, times[count - 1]);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

static void
the_app_is_never_busy(void **state)
{
	struct stand *stand = *state;
	int64_t until = stand_clock_ms() + extent_of(20, 30, 600) * 1000;
	sqlite3 *db = NULL;
	long busy = 0;
	long done;

	times = calloc(INSERTS_MAX, sizeof(*times));
	assert_non_null(times);
	stand_destination(stand, "generic", "generic", "");
	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
	assert_true(stand_wait_listening(stand));
	assert_int_equal(sqlite3_open(stand->database, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, APP_PATIENCE_MS);
	for (long i = 0; stand_clock_ms() < until && count < INSERTS_MAX; i++) {
		if (!sell(db, i))
			busy++;
		if (i % CHUNK != 0) /* now and then without a pause */
			stand_sleep_ms(PAUSE_MS);
	}
	sqlite3_close(db);
	assert_true(stand_wait_settled(stand));
	done = (long)stand_number(
	    stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'succeeded'");
	qsort(times, (size_t)count, sizeof(*times), by_size);
	tally("the app's inserts beside a busy daemon, 100 ms patience", count, busy,
	    "SQLITE_BUSY %ld; insert p50 %.2f ms, p99 %.2f ms, max %.2f ms; %ld delivered", busy,
	    times[count / 2], times[count * 99 / 100], times[count - 1], done);
	assert_int_equal(busy, 0);
	assert_int_equal(done, count);
	assert_true(done > 500);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
	free(times);
}

/* The log is a pipe that nobody empties: a journal that hangs must not shut the shop. */
static void
a_log_that_nobody_reads_keeps_nobody_waiting(void **state)
{
	struct stand *stand = *state;
	const char *name = scratch_path(stand->dir, "outboxd.log");
	int reader;

	(void)unlink(name);
	assert_int_equal(mkfifo(name, 0600), 0);
	reader = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_true(fcntl(reader, F_SETPIPE_SZ, 4096) >= 4096);
	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	while (stand_number(
		   stand, "SELECT count(*) FROM outbox_meta WHERE name = 'heartbeat_at'") == 0)
		stand_sleep_ms(20);
	stand_exec(stand,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
	    "INSERT INTO outbox (destination, operation, body, expires_at) "
	    "SELECT 'vrio', 'order', '{}', 1000 FROM n");
	for (int i = 0; i < 40; i++) {
		int rc = stand_try(stand,
		    "INSERT INTO outbox (destination, operation, body, not_before) "
		    "VALUES ('vrio', 'order', '{}', 9000000000000)");

		if (rc != SQLITE_OK)
			stand_kill(stand);
		assert_int_equal(rc, SQLITE_OK);
		stand_sleep_ms(20);
	}
	stand_kill(stand);
	close(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_log_that_nobody_reads_keeps_nobody_waiting, stand_setup, stand_teardown),
	    cmocka_unit_test_setup_teardown(the_app_is_never_busy, stand_setup, stand_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
