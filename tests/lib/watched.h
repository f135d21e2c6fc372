/*
 * watched.h - a database in a directory of its own, a watch on it, and a process that writes to it.
 */
#ifndef OUTBOXD_TESTS_WATCHED_H
#define OUTBOXD_TESTS_WATCHED_H

#include <sqlite3.h>
#include <sys/types.h>

#include "edge/watch.h"

struct watched {
	char directory[200];
	char database[240];
	sqlite3 *reader; /* as the daemon's: stays open */
	struct watch *watch;
};

/* For cmocka; *state is the struct. The database has a table t (a). */
int watched_set_up(void **state);
int watched_tear_down(void **state);

void watched_sql(sqlite3 *db, const char *sql);

/* Starts this program again: SQLite's locks do not survive a fork. pause_ms before each row. */
pid_t watched_write_elsewhere(
    const struct watched *place, int rows, int pause_ms, const char *synchronous);
/* What it does there, for a main() with five arguments: its exit status. */
int watched_write_rows(char **arguments);

#endif
