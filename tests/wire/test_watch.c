/*
 * test_watch.c - hints from a real writer, and the ladder of looks after them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include "lib/watched.h"

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
data_version(sqlite3 *db)
{
	sqlite3_stmt *statement;

	assert_int_equal(
	    sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return version;
}

static bool
readable(const struct watch *watch, int ms)
{
	struct pollfd fd = {.fd = watch_fd(watch), .events = POLLIN};
	return poll(&fd, 1, ms) == 1;
}

static void
expect_exit_0(pid_t child)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* The owner's loop: waits and looks until it has seen so many rows; answers how long the last one
 * took. */
static int64_t
watch_until(struct watched *place, int rows, int64_t limit_ms)
{
	int64_t start = now_ms();
	int version = data_version(place->reader);

	watch_looked(place->watch, start, false);
	for (;;) {
		int64_t now = now_ms();
		if (now - start > limit_ms)
			return -1;
		if (readable(place->watch, (int)watch_next_ms(place->watch, now)))
			watch_drain(place->watch, now_ms());
		now = now_ms();
		if (watch_next_ms(place->watch, now) > 0)
			continue;
		int seen = data_version(place->reader);
		watch_looked(place->watch, now, seen != version);
		version = seen;
		sqlite3_stmt *count;
		sqlite3_prepare_v2(place->reader, "SELECT count(*) FROM t", -1, &count, NULL);
		sqlite3_step(count);
		bool all = sqlite3_column_int(count, 0) >= rows;
		sqlite3_finalize(count);
		if (all)
			return now - start;
	}
}

static void
test_every_commit_is_noticed_soon(void **state)
{
	struct watched *place = *state;
	static const char *const synchronous[] = {"FULL", "NORMAL"};

	for (int i = 0; i < 2; i++) {
		watched_sql(place->reader, "DELETE FROM t");
		pid_t child = watched_write_elsewhere(place, 30, 20, synchronous[i]);
		int64_t took = watch_until(place, 30, 4500);
		expect_exit_0(child);
		assert_true(took >= 0); /* long before the safety look */
	}
}

static void
test_commits_in_close_succession_are_noticed_soon(void **state)
{
	struct watched *place = *state;

	for (int round = 0; round < 20; round++) {
		watched_sql(place->reader, "DELETE FROM t");
		pid_t child = watched_write_elsewhere(place, 7, 0, "FULL");
		int64_t took = watch_until(place, 7, 2500);
		expect_exit_0(child);
		assert_true(took >= 0);
	}
}

static void
test_what_is_a_hint(void **state)
{
	struct watched *place = *state;
	static const struct {
		const char *name;
		bool hint;
	} cases[] = {{"shop.db-wal", true}, {"shop.db", true}, {"shop.db-shm", false},
	    {"shop.db-walx", false}, {"shop.dbx", false}, {"other.db", false}, {"shop", false},
	    {"shop.db-journal", false}};

	sqlite3_close(place->reader); /* what follows is no database */
	place->reader = NULL;
	watch_drain(place->watch, 0);
	assert_false(watch_drain(place->watch, 0));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[300], away[320];
		snprintf(path, sizeof(path), "%s/%s", place->directory, cases[i].name);
		snprintf(away, sizeof(away), "%s/away", place->directory);
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		assert_true(fd >= 0);
		watch_drain(place->watch, 0);
		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(watch_drain(place->watch, 0), cases[i].hint);
		assert_int_equal(rename(path, away), 0);
		assert_int_equal(watch_drain(place->watch, 0), cases[i].hint);
		assert_int_equal(rename(away, path), 0);
		assert_int_equal(watch_drain(place->watch, 0), cases[i].hint);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(watch_drain(place->watch, 0), cases[i].hint);
		close(open(path, O_WRONLY | O_CREAT, 0600));
		assert_int_equal(watch_drain(place->watch, 0), cases[i].hint);
		close(fd);
	}
}

static void
test_reading_is_no_hint(void **state)
{
	struct watched *place = *state;

	watch_drain(place->watch, 0);
	watched_sql(place->reader, "SELECT count(*) FROM t; BEGIN; SELECT * FROM t; ROLLBACK");
	assert_false(readable(place->watch, 20));
}

static void
test_the_ladder(void **state)
{
	struct watched *place = *state;
	static const int64_t rungs[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};

	watch_drain(place->watch, 0);
	assert_int_equal(watch_next_ms(place->watch, 1000), 0); /* never looked */
	watch_looked(place->watch, 1000, false);
	assert_int_equal(watch_next_ms(place->watch, 1000), 5000);
	assert_int_equal(watch_next_ms(place->watch, 5999), 1);
	assert_int_equal(watch_next_ms(place->watch, 6000), 0);
	assert_int_equal(watch_next_ms(place->watch, 9000), 0);
	watch_looked(place->watch, 6000, true);
	assert_int_equal(watch_next_ms(place->watch, 6000), 5000);

	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(watch_drain(place->watch, 7000));
	assert_false(watch_drain(place->watch, 7000));
	for (size_t i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++) {
		assert_int_equal(watch_next_ms(place->watch, 7000), rungs[i]);
		assert_int_equal(watch_next_ms(place->watch, 7000 + rungs[i]), 0);
		watch_looked(place->watch, 7000 + rungs[i], false);
	}
	assert_int_equal(watch_next_ms(place->watch, 9000), 5000);

	/* A look that comes late stands for all the rungs that it missed. */
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(watch_drain(place->watch, 10000));
	watch_looked(place->watch, 10007, false);
	assert_int_equal(watch_next_ms(place->watch, 10007), 3);
}

static void
test_news_end_the_ladder_when_they_are_the_hinted_ones(void **state)
{
	struct watched *place = *state;

	watch_looked(place->watch, 1000, false);
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(watch_drain(place->watch, 2000));
	watch_looked(place->watch, 2000, true); /* may be an older commit's */
	assert_int_equal(watch_next_ms(place->watch, 2000), 1);
	watch_looked(place->watch, 2001, true);
	assert_int_equal(watch_next_ms(place->watch, 2001), 5000);

	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(watch_drain(place->watch, 3000));
	watch_looked(place->watch, 3001, false);
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(watch_drain(place->watch, 3001)); /* anew */
	watch_looked(place->watch, 3001, true);
	assert_int_equal(watch_next_ms(place->watch, 3001), 1);
}

static void
test_an_overflow_is_a_hint(void **state)
{
	struct watched *place = *state;
	int queued = 16384;
	FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	char a[300], b[300];

	if (limit && fscanf(limit, "%d", &queued) == 1 && queued > 200000)
		skip();
	if (limit)
		fclose(limit);
	watch_drain(place->watch, 0);
	snprintf(a, sizeof(a), "%s/a", place->directory);
	snprintf(b, sizeof(b), "%s/b", place->directory);
	for (int i = 0; i < queued; i++) { /* alternating names are not merged */
		int fd = open(i % 2 ? a : b, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(write(fd, "x", 1), 1);
		close(fd);
	}
	bool hint = false;
	while (readable(place->watch, 0))
		hint = watch_drain(place->watch, 0) || hint;
	assert_true(hint);
}

static void
test_links_lead_to_the_real_directory(void **state)
{
	struct watched *place = *state;
	char link[300], directory[300];
	static const char *const how[] = {"elsewhere/link.db", "door/shop.db"};

	snprintf(directory, sizeof(directory), "%s/elsewhere", place->directory);
	assert_int_equal(mkdir(directory, 0700), 0);
	snprintf(link, sizeof(link), "%s/elsewhere/link.db", place->directory);
	assert_int_equal(symlink(place->database, link), 0);
	snprintf(link, sizeof(link), "%s/door", place->directory);
	assert_int_equal(symlink(place->directory, link), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(link, sizeof(link), "%s/%s", place->directory, how[i]);
		struct watch *watch = watch_open(link);
		assert_non_null(watch);
		pid_t child = watched_write_elsewhere(place, 1, 0, "FULL");
		expect_exit_0(child);
		assert_true(watch_drain(watch, 0));
		watch_close(watch);
	}
}

static void
test_names_without_a_directory(void **state)
{
	struct watched *place = *state;
	char here[4096];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(place->directory), 0);
	struct watch *watch = watch_open("shop.db");
	struct watch *later = watch_open("not-yet.db");
	assert_int_equal(chdir(here), 0);
	assert_non_null(watch);
	assert_non_null(later);
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(watch_drain(watch, 0));
	assert_false(watch_drain(later, 0));
	watch_close(watch);
	watch_close(later);
	errno = 0;
	assert_null(watch_open("/nonexistent/directory/shop.db"));
	assert_int_equal(errno, ENOENT);
	watch_close(NULL);
}

int
main(int count, char **arguments)
{
	if (count == 5)
		return watched_write_rows(arguments);
	const struct CMUnitTest tests[] = {
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, watched_set_up, watched_tear_down)
	    WITH_PLACE(test_every_commit_is_noticed_soon),
	    WITH_PLACE(test_commits_in_close_succession_are_noticed_soon),
	    WITH_PLACE(test_what_is_a_hint),
	    WITH_PLACE(test_reading_is_no_hint),
	    WITH_PLACE(test_the_ladder),
	    WITH_PLACE(test_news_end_the_ladder_when_they_are_the_hinted_ones),
	    WITH_PLACE(test_an_overflow_is_a_hint),
	    WITH_PLACE(test_links_lead_to_the_real_directory),
	    WITH_PLACE(test_names_without_a_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
