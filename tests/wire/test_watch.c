/*
 * test_watch.c - hints from a real writer, and the ladder of looks after them. Where the ladder is
 * looked at, the hints are real and the time is made.
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
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
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
readable(int descriptor, int ms)
{
	struct pollfd fd = {.fd = descriptor, .events = POLLIN};
	return poll(&fd, 1, ms) == 1;
}

/* Did an event come that asks for looks? Ends its ladder. */
static bool
hint_came(struct watch *watch, bool *renamed)
{
	static int64_t now;
	bool came;

	now += 10000000;
	*renamed = watch_drain(watch, now);
	came = watch_is_open(watch);
	assert_true(!came || watch_next_us(watch, now) == 0);
	watch_looked(watch, now + 3000000, false);
	assert_false(watch_is_open(watch));
	return came;
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
	int64_t start = now_us();
	int version = data_version(place->reader);

	watch_looked(place->watch, start, false);
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = watch_is_deaf(place->watch) ? -1 : watch_fd(place->watch),
			.events = POLLIN},
		    {.fd = watch_timer(place->watch, now_us()), .events = POLLIN}};
		int64_t now = now_us();
		if (now - start > limit_ms * 1000)
			return -1;
		poll(fds, 2, (int)(watch_next_us(place->watch, now) / 1000 + 1));
		now = now_us();
		watch_drain(place->watch, now);
		if (watch_next_us(place->watch, now) > 0)
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
		bool written, renamed;
	} cases[] = {{"shop.db-wal", true, true}, {"shop.db", false, true},
	    {"shop.db-shm", false, false}, {"shop.db-walx", false, false},
	    {"shop.dbx", false, false}, {"other.db", false, false}, {"shop", false, false},
	    {"shop.db-journal", false, false}};
	bool renamed;

	sqlite3_close(place->reader); /* what follows is no database */
	place->reader = NULL;
	hint_came(place->watch, &renamed);
	assert_false(hint_came(place->watch, &renamed));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[300], away[320];
		snprintf(path, sizeof(path), "%s/%s", place->directory, cases[i].name);
		snprintf(away, sizeof(away), "%s/away", place->directory);
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		assert_true(fd >= 0);
		hint_came(place->watch, &renamed);
		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(hint_came(place->watch, &renamed), cases[i].written);
		assert_false(renamed);
		assert_int_equal(rename(path, away), 0);
		assert_int_equal(hint_came(place->watch, &renamed), cases[i].renamed);
		assert_int_equal(renamed, cases[i].renamed);
		assert_int_equal(write(fd, "x", 1), 1); /* it is not the -wal any more */
		assert_false(hint_came(place->watch, &renamed) && !renamed);
		assert_int_equal(rename(away, path), 0);
		hint_came(place->watch, &renamed);
		assert_int_equal(renamed, cases[i].renamed);
		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(hint_came(place->watch, &renamed), cases[i].written);
		assert_int_equal(unlink(path), 0);
		hint_came(place->watch, &renamed);
		assert_int_equal(renamed, cases[i].renamed);
		close(fd);
		hint_came(place->watch, &renamed);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		hint_came(place->watch, &renamed);
		assert_int_equal(renamed, cases[i].renamed);
		assert_int_equal(write(fd, "x", 1), 1); /* a new file */
		assert_int_equal(hint_came(place->watch, &renamed), cases[i].written);
		close(fd);
	}
}

static void
test_reading_is_no_hint(void **state)
{
	struct watched *place = *state;

	watch_drain(place->watch, 0);
	watched_sql(place->reader, "SELECT count(*) FROM t; BEGIN; SELECT * FROM t; ROLLBACK");
	assert_false(readable(watch_fd(place->watch), 20));
}

/* --- the ladder --- */

static void
write_at(struct watched *place, int64_t us)
{
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_false(watch_drain(place->watch, us));
	assert_true(watch_is_open(place->watch));
	assert_int_equal(watch_next_us(place->watch, us), 0);
}

static void
test_the_ladder(void **state)
{
	struct watched *place = *state;
	struct watch *watch = place->watch;
	const int64_t hint = 7000000;
	int64_t now = hint;
	int looks = 1;

	watch_drain(watch, 0);
	assert_int_equal(watch_next_us(watch, 1000000), 0); /* never looked */
	watch_looked(watch, 1000000, false);
	assert_int_equal(watch_next_us(watch, 1000000), 5000000);
	watch_looked(watch, 4000000, false);
	assert_int_equal(watch_next_us(watch, 4000000), 5000000);
	assert_int_equal(watch_next_us(watch, 8999999), 1);
	assert_int_equal(watch_next_us(watch, 9000000), 0);
	assert_int_equal(watch_next_us(watch, 9900000), 0);

	write_at(place, hint);
	watch_looked(watch, hint, false);
	while (watch_is_open(watch)) {
		int64_t age = now - hint;
		int64_t next = watch_next_us(watch, now);

		assert_in_range(next, age < 1000 ? 40 : age / 2, age < 1000 ? 1000 : 4 * age);
		assert_int_equal(watch_is_deaf(watch), age == 0);
		now += next;
		watch_looked(watch, now, false);
		looks++;
	}
	assert_int_equal(now, hint + 2000000);
	assert_in_range(looks, 8, 16);
	assert_int_equal(watch_next_us(watch, now), 5000000);

	/* A look that comes late stands for all the rungs that it missed. */
	write_at(place, hint + 9000000);
	watch_looked(watch, hint + 9000000, false);
	watch_looked(watch, hint + 9500000, false);
	assert_in_range(watch_next_us(watch, hint + 9500000), 400000, 1500000);
}

static void
test_news_end_the_ladder_when_they_are_the_hinted_ones(void **state)
{
	struct watched *place = *state;
	struct watch *watch = place->watch;

	watch_looked(watch, 1000000, false);
	write_at(place, 2000000);
	watch_looked(watch, 2000000, true); /* may be an older commit's */
	assert_true(watch_is_open(watch));
	watch_looked(watch, 2000200, true);
	assert_false(watch_is_open(watch));
	assert_int_equal(watch_next_us(watch, 2000200), 5000000);

	write_at(place, 3000000);
	watch_looked(watch, 3000000, false);
	write_at(place, 3000100); /* anew */
	watch_looked(watch, 3000100, true);
	assert_true(watch_is_open(watch));
}

/* How long a commit that takes so long waits to be seen. */
static int64_t
commit_that_takes(struct watched *place, int64_t at, int64_t us, int *looks)
{
	int64_t now = at;

	write_at(place, at);
	watch_looked(place->watch, now, false);
	for (*looks = 1; watch_is_open(place->watch); ++*looks) {
		now += watch_next_us(place->watch, now) + 20; /* a timer comes a little late */
		watch_looked(place->watch, now, now >= at + us);
		if (now >= at + us)
			break;
	}
	assert_false(watch_is_open(place->watch));
	return now - at - us;
}

static void
test_it_learns_how_long_commits_take(void **state)
{
	struct watched *place = *state;
	static const int64_t takes_us[] = {300, 5200, 90, 20000};
	int64_t at = 10000000;

	watch_looked(place->watch, at, false);
	for (size_t i = 0; i < sizeof(takes_us) / sizeof(takes_us[0]); i++)
		for (int n = 0; n < 100; n++) {
			int64_t us = takes_us[i] + n * 7 % 16 * takes_us[i] / 160;
			int looks;
			int64_t late = commit_that_takes(place, at += 1000000, us, &looks);

			assert_in_range(looks, 1, 14);
			assert_in_range(late, 0, n < 20 ? 3 * us + 200 : us / 8 + 250);
		}
}

/* Commits that concern nobody cost a look at their hint and one or two when they are due, however
 * much they vary. */
static void
test_commits_that_concern_nobody_are_looked_at_less(void **state)
{
	struct watched *place = *state;
	int64_t at = 10000000;
	int close = 0;
	int patient = 0;
	int looks;

	watch_looked(place->watch, at, false);
	for (int n = 0; n < 200; n++) {
		(void)commit_that_takes(place, at += 1000000, 1000 + n * 7 % 10 * 100, &looks);
		watch_matters(place->watch, n < 100);
		close += n >= 50 && n < 100 ? looks : 0;
		patient += n >= 150 ? looks : 0;
	}
	assert_in_range(
	    patient, 50, 100); /* for 50 commits; the last look of each is not counted */
	assert_true(close > patient + 50);
	watch_matters(place->watch, true);
	(void)commit_that_takes(place, at += 1000000, 1000, &looks);
	assert_true(looks > 2);
}

/* Our own commits are hints as well: somebody else may have begun to write at once. */
static void
test_own_commits_ask_for_few_looks(void **state)
{
	struct watched *place = *state;
	struct watch *watch = place->watch;
	int64_t now = 20000000;
	int looks = 0;

	watch_looked(watch, 10000000, false);
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	watch_wrote(watch);
	assert_false(watch_drain(watch, now));
	assert_true(watch_is_open(watch));
	for (; watch_is_open(watch); looks++) {
		assert_in_range(watch_next_us(watch, now), 50, 2000000);
		now += watch_next_us(watch, now);
		watch_looked(watch, now, false);
	}
	assert_in_range(looks, 3, 8);
	assert_int_equal(now, 22000000);
	write_at(place, 30000000); /* the next hint is not ours */
}

static void
test_who_writes_without_end_is_not_looked_at_all_the_time(void **state)
{
	struct watched *place = *state;
	int64_t now = 10000000;
	int looks = 0;

	watch_looked(place->watch, now, false);
	for (int i = 0; i < 1000; i++, now += 100) { /* 100 ms */
		watched_sql(place->reader, "INSERT INTO t VALUES (1)");
		if (watch_is_deaf(place->watch) && watch_next_us(place->watch, now) > 0)
			continue;
		watch_drain(place->watch, now);
		if (watch_next_us(place->watch, now) > 0)
			continue;
		watch_looked(place->watch, now, looks % 2 == 0);
		looks++;
	}
	assert_in_range(looks, 50, 100);
}

static void
test_the_timer_says_when_to_look(void **state)
{
	struct watched *place = *state;
	int64_t start = now_us();

	watch_drain(place->watch, start);
	watch_looked(place->watch, start + 3000000, false);
	assert_false(watch_is_open(place->watch));
	assert_int_equal(watch_timer(place->watch, now_us()), -1);
	start = now_us();
	write_at(place, start);
	watch_looked(place->watch, start, false);
	assert_true(readable(watch_timer(place->watch, now_us()), 1000));
	assert_in_range(now_us() - start, 40, 1000000);
	assert_int_equal(watch_next_us(place->watch, now_us()), 0);
	watch_looked(place->watch, start + 300, false); /* set anew, it is quiet */
	assert_true(watch_timer(place->watch, now_us()) != -1);
	watch_looked(place->watch, start + 300000000, false);
	assert_int_equal(watch_timer(place->watch, now_us()), -1);
}

static void
test_an_overflow_is_a_hint(void **state)
{
	struct watched *place = *state;
	int queued = 16384;
	FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	char a[300], b[300];
	bool renamed;

	if (limit && fscanf(limit, "%d", &queued) == 1 && queued > 200000)
		skip();
	if (limit)
		fclose(limit);
	hint_came(place->watch, &renamed);
	snprintf(a, sizeof(a), "%s/a", place->directory);
	snprintf(b, sizeof(b), "%s/b", place->directory);
	for (int i = 0; i <= queued / 2; i++) {
		close(open(a, O_WRONLY | O_CREAT, 0600));
		assert_int_equal(rename(a, b), 0);
	}
	assert_true(hint_came(place->watch, &renamed));
	assert_true(renamed);
}

static void
test_links_lead_to_the_real_directory(void **state)
{
	struct watched *place = *state;
	char link[300], directory[300];
	static const char *const how[] = {"elsewhere/link.db", "door/shop.db"};
	bool renamed;

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
		assert_true(hint_came(watch, &renamed));
		watch_close(watch);
	}
}

static void
test_names_without_a_directory(void **state)
{
	struct watched *place = *state;
	char here[4096];
	bool renamed;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(place->directory), 0);
	struct watch *watch = watch_open("shop.db");
	struct watch *later = watch_open("not-yet.db");
	assert_int_equal(chdir(here), 0);
	assert_non_null(watch);
	assert_non_null(later);
	watched_sql(place->reader, "INSERT INTO t VALUES (1)");
	assert_true(hint_came(watch, &renamed));
	assert_false(hint_came(later, &renamed));
	snprintf(here, sizeof(here), "%s/not-yet.db-wal", place->directory);
	int fd = open(here, O_WRONLY | O_CREAT, 0600);
	assert_true(hint_came(later, &renamed));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(hint_came(later, &renamed));
	assert_false(renamed);
	close(fd);
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
	    WITH_PLACE(test_it_learns_how_long_commits_take),
	    WITH_PLACE(test_commits_that_concern_nobody_are_looked_at_less),
	    WITH_PLACE(test_own_commits_ask_for_few_looks),
	    WITH_PLACE(test_who_writes_without_end_is_not_looked_at_all_the_time),
	    WITH_PLACE(test_the_timer_says_when_to_look),
	    WITH_PLACE(test_an_overflow_is_a_hint),
	    WITH_PLACE(test_links_lead_to_the_real_directory),
	    WITH_PLACE(test_names_without_a_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
