/*
 * outboxdb.h - a database with the outbox tables in a directory of its own, and the app's
 * connection to it, with the settings that SQLite gives to any app.
 */
#ifndef OUTBOXD_TESTS_OUTBOXDB_H
#define OUTBOXD_TESTS_OUTBOXDB_H

#include <sqlite3.h>

#include "edge/store.h"

struct outboxdb {
	char *directory;
	char path[240];
	sqlite3 *app;
	struct store *store; /* the daemon's; NULL until outboxdb_serve() */
};

/* For cmocka; *state is the struct. _empty: no database is there yet. */
int outboxdb_set_up(void **state);
int outboxdb_set_up_empty(void **state);
int outboxdb_tear_down(void **state);

/* Opens the store as the daemon does, and takes the database's identity as the expected one. */
struct store *outboxdb_serve(struct outboxdb *place);

/* Another connection like the app's; closed by the caller. */
sqlite3 *outboxdb_connect(const struct outboxdb *place);

/* Runs SQL, which must succeed. */
void sql(sqlite3 *db, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Runs SQL, which must be refused with these words in the message. */
void sql_refused(sqlite3 *db, const char *text, const char *words);
/* The first column of the first row. A missing row, and NULL, are -1; as text "". The text lives
 * until the next call. */
int64_t sql_integer(sqlite3 *db, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *sql_text(sqlite3 *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
