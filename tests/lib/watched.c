/*
 * watched.c - the frame of the watch's tests.
 */
#include "lib/watched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void
watched_sql(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

int
watched_set_up(void **state)
{
	struct watched *place = calloc(1, sizeof(*place));
	const char *parent = getenv("TMPDIR");

	snprintf(place->directory, sizeof(place->directory), "%s/outboxd-watch-XXXXXX",
	    parent ? parent : "/tmp");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->database, sizeof(place->database), "%s/shop.db", place->directory);
	assert_int_equal(sqlite3_open(place->database, &place->reader), SQLITE_OK);
	watched_sql(place->reader, "PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
	place->watch = watch_open(place->database);
	assert_non_null(place->watch);
	*state = place;
	return 0;
}

int
watched_tear_down(void **state)
{
	struct watched *place = *state;
	char command[300];

	watch_close(place->watch);
	sqlite3_close(place->reader);
	snprintf(command, sizeof(command), "rm -rf '%s'", place->directory);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

pid_t
watched_write_elsewhere(
    const struct watched *place, int rows, int pause_ms, const char *synchronous)
{
	char count[16], pause[16], self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(length > 0);
	self[length] = '\0';
	snprintf(count, sizeof(count), "%d", rows);
	snprintf(pause, sizeof(pause), "%d", pause_ms);
	pid_t child = fork();
	if (child == 0) {
		execl(self, "writer", place->database, count, pause, synchronous, NULL);
		_exit(127);
	}
	return child;
}

int
watched_write_rows(char **arguments)
{
	sqlite3 *db;
	char pragma[64];

	snprintf(pragma, sizeof(pragma), "PRAGMA synchronous=%s", arguments[4]);
	if (sqlite3_open(arguments[1], &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 2000) != SQLITE_OK ||
	    sqlite3_exec(db, pragma, NULL, NULL, NULL) != SQLITE_OK)
		return 1;
	for (int i = 0; i < atoi(arguments[2]); i++) {
		usleep((useconds_t)atoi(arguments[3]) * 1000);
		if (sqlite3_exec(db, "INSERT INTO t VALUES (1)", NULL, NULL, NULL) != SQLITE_OK)
			return 2;
	}
	return sqlite3_close(db) == SQLITE_OK ? 0 : 3;
}
