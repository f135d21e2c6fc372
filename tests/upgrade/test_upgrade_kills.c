/*
 * test_upgrade_kills.c - the next version's init, killed in front of each of its system calls, and
 * met by a full disk or an I/O error at each that writes: what it leaves is the old database or the
 * new one, whole, with every row; and the next init finishes.
 *
 * In `make test` for some seconds, in random order; OUTBOXD_EXTENT=whole tries all.
 * OUTBOXD_POINT="NAME N" one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "edge/store.h"
#include "lib/kept.h"
#include "lib/scratch.h"
#include "lib/tally.h"
#include "lib/traced.h"

enum { POINTS_MAX = 4000, NAMES_MAX = 96 };

struct point {
	char call[32];
	int when;
};

struct trial {
	struct stand *stand;
	void *directory;
	char next[400];
	char *bytes[2]; /* the database as it was left, and its -wal */
	size_t lengths[2];
	char *old_definitions;
	char *new_definitions;
	char *rows;
	char original[400]; /* a copy to compare columns with */
	long old;
	long upgraded;
};

static void
put_image(struct trial *trial)
{
	char path[400];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", trial->stand->database, i == 0 ? "" : "-wal");
		scratch_write(path, trial->bytes[i], trial->lengths[i]);
	}
	snprintf(path, sizeof(path), "%s-shm", trial->stand->database);
	(void)unlink(path);
}

/* Runs init under strace; the exit status, or 128 + the signal that ended it. */
static int
run_init(const struct trial *trial, const char *options)
{
	char command[2400];
	int status;

	snprintf(command, sizeof(command),
	    "ASAN_OPTIONS=detect_leaks=0 exec strace -f %s '%s' init --database '%s' >'%s/said' "
	    "2>&1",
	    options, trial->next, trial->stand->database, (char *)trial->directory);
	status = system(command);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static char *
one_word(const char *database, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	char *word = NULL;

	assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		word = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return word;
}

/* Old or new, whole, with every row: how many of these are not so. */
static long
judge(struct trial *trial, const char *point)
{
	char *definitions = kept_definitions(trial->stand->database);
	char *rows = kept_picture(trial->stand->database, trial->original);
	char *integrity = one_word(trial->stand->database, "PRAGMA integrity_check");
	bool old = strcmp(definitions, trial->old_definitions) == 0;
	long violations = 0;

	if (!old && strcmp(definitions, trial->new_definitions) != 0) {
		fprintf(stderr, "%s: neither the old schema nor the new one:\n%s\n", point,
		    definitions);
		violations++;
	}
	if (strcmp(rows, trial->rows) != 0) {
		fprintf(stderr, "%s: rows differ\n", point);
		violations++;
	}
	if (integrity == NULL || strcmp(integrity, "ok") != 0) {
		fprintf(stderr, "%s: integrity: %s\n", point, integrity == NULL ? "-" : integrity);
		violations++;
	}
	trial->old += old;
	trial->upgraded += !old;
	free(definitions);
	free(rows);
	free(integrity);
	return violations;
}

static long
try_point(struct trial *trial, const struct point *point, const char *what)
{
	char options[200];
	char name[200];
	long violations;
	int status;

	put_image(trial);
	snprintf(options, sizeof(options), "-o /dev/null -e inject=%.31s:%s:when=%d", point->call,
	    what, point->when);
	snprintf(name, sizeof(name), "%.31s %d (%s)", point->call, point->when, what);
	status = run_init(trial, options);
	violations = judge(trial, name);
	/* Whoever was told "done" has the new one. */
	if (status == 0) {
		char *definitions = kept_definitions(trial->stand->database);

		if (strcmp(definitions, trial->new_definitions) != 0) {
			fprintf(stderr, "%s: status 0, and not upgraded\n", name);
			violations++;
		}
		free(definitions);
	}
	if (run_init(trial, "-o /dev/null -e trace=none") != 0) {
		fprintf(stderr, "%s: the next init fails\n", name);
		violations++;
	}
	return violations + judge(trial, name);
}

/* Every call once the database is opened. */
static size_t
list_points(struct trial *trial, struct point *points)
{
	struct {
		char name[32];
		int count;
	} calls[NAMES_MAX];
	size_t names = 0;
	size_t count = 0;
	bool own = false;
	char options[500];
	char line[4096];
	FILE *log;

	put_image(trial);
	snprintf(options, sizeof(options), "-o '%s/strace'", (char *)trial->directory);
	assert_int_equal(run_init(trial, options), 0);
	log = fopen(scratch_path(trial->directory, "strace"), "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log) != NULL && count < POINTS_MAX) {
		const char *name = line + strspn(line, "0123456789 ");
		size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
		size_t i = 0;

		if (length == 0 || name[length] != '(' || length >= sizeof(calls[0].name))
			continue;
		own = own || (strstr(line, "shop.db") != NULL && strncmp(name, "exec", 4) != 0);
		while (i < names &&
		       (strncmp(calls[i].name, name, length) != 0 || calls[i].name[length] != '\0'))
			i++;
		assert_true(i < NAMES_MAX);
		if (i == names) {
			memset(&calls[names], 0, sizeof(calls[0]));
			memcpy(calls[names++].name, name, length);
		}
		calls[i].count++;
		if (!own)
			continue;
		memcpy(points[count].call, calls[i].name, sizeof(points[0].call));
		points[count++].when = calls[i].count;
	}
	fclose(log);
	return count;
}

static void
shuffle(struct point *points, size_t count, uint64_t seed)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = tally_random(&seed) % i;
		struct point point = points[i - 1];

		points[i - 1] = points[other];
		points[other] = point;
	}
}

static void
set_up(struct trial *trial)
{
	char name[40];
	char *slash;

	memset(trial, 0, sizeof(*trial));
	(void)scratch_setup(&trial->directory);
	trial->stand = stand_new(NULL);
	snprintf(name, sizeof(name), "schema-%d.sql", store_schema_version());
	kept_load(trial->stand, kept_path(name));
	snprintf(trial->next, sizeof(trial->next), "%s", stand_binary());
	slash = strrchr(trial->next, '/');
	snprintf(slash, sizeof(trial->next) - (size_t)(slash - trial->next),
	    "/tests/upgrade/outboxd-next");
	for (int i = 0; i < 2; i++) {
		char path[400];

		snprintf(path, sizeof(path), "%s%s", trial->stand->database, i == 0 ? "" : "-wal");
		trial->bytes[i] = scratch_read(path, &trial->lengths[i]);
	}
	snprintf(
	    trial->original, sizeof(trial->original), "%s/original.db", (char *)trial->directory);
	stand_exec(trial->stand, "VACUUM INTO '%s'", trial->original);
	trial->old_definitions = kept_definitions(trial->original);
	trial->rows = kept_picture(trial->original, NULL);
	put_image(trial);
	assert_int_equal(run_init(trial, "-o /dev/null -e trace=none"), 0);
	trial->new_definitions = kept_definitions(trial->stand->database);
	assert_string_not_equal(trial->new_definitions, trial->old_definitions);
}

static void
tear_down(struct trial *trial)
{
	free(trial->bytes[0]);
	free(trial->bytes[1]);
	free(trial->old_definitions);
	free(trial->new_definitions);
	free(trial->rows);
	stand_free(trial->stand);
	scratch_teardown(&trial->directory);
}

/* what: in strace's words; only: the calls that it may befall (NULL: all). */
static void
strike_everywhere(const char *title, const char *const *kinds, const char *const *only)
{
	static struct point points[POINTS_MAX];
	struct trial trial;
	const char *given = getenv("OUTBOXD_POINT");
	int64_t until = stand_clock_ms() + extent_of(8, 60, 3600) * 1000;
	long violations = 0;
	long tried = 0;
	size_t count;

	if (!traced_possible())
		skip();
	set_up(&trial);
	count = list_points(&trial, points);
	assert_true(count > 60);
	if (given != NULL) {
		count = 1;
		assert_int_equal(sscanf(given, "%31s %d", points[0].call, &points[0].when), 2);
	}
	shuffle(points, count, tally_seed());
	for (size_t i = 0; i < count && stand_clock_ms() < until; i++) {
		bool meant = only == NULL;

		for (size_t j = 0; only != NULL && only[j] != NULL; j++)
			meant = meant || strcmp(points[i].call, only[j]) == 0;
		for (size_t k = 0; meant && kinds[k] != NULL; k++) {
			violations += try_point(&trial, &points[i], kinds[k]);
			tried++;
		}
	}
	tally(title, tried, violations,
	    "%zu calls; left the old database %ld times, the new one %ld times (each twice: before "
	    "and"
	    " after another init)",
	    count, trial.old, trial.upgraded);
	tear_down(&trial);
	assert_int_equal(violations, 0);
	assert_true(tried > 0);
}

static void
killed_at_every_call(void **state)
{
	static const char *const kinds[] = {"signal=KILL", NULL};

	(void)state;
	strike_everywhere("upgrade killed at every syscall", kinds, NULL);
}

static void
failing_at_every_write(void **state)
{
	static const char *const kinds[] = {"error=ENOSPC", "error=EIO", NULL};
	static const char *const only[] = {
	    "pwrite64", "write", "ftruncate", "fdatasync", "fsync", "fallocate", NULL};

	(void)state;
	strike_everywhere("upgrade on a full or failing disk", kinds, only);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(killed_at_every_call), cmocka_unit_test(failing_at_every_write)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
