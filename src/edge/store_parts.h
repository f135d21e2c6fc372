/*
 * store_parts.h - what the store's own files share. Nobody else includes it.
 */
#ifndef OUTBOXD_EDGE_STORE_PARTS_H
#define OUTBOXD_EDGE_STORE_PARTS_H

#include <sqlite3.h>

#include "edge/store.h"
#include "schema_sql.h"

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared when first needed */
	char *path;                                /* real path */
	char *wal_path;                            /* from sqlite3_mprintf() */
	uint64_t inode;                            /* of the file that was opened */
	uint64_t device;
	enum store_role role;
	struct store_identity expected;
	bool expecting;
	bool writing; /* a write transaction was begun, and not ended */
	bool still;   /* writes are not counted */
	bool counted; /* the transaction at hand is */
	bool doubt;   /* the last transaction failed, or perhaps it did not */
	int64_t body_max;
	enum store_sync sync;
	uint64_t wal_inode; /* 0: not seen yet */
	int wal_frames;     /* in the WAL after our last commit, where we watch them */
	int64_t (*clock_us)(void);
	int64_t began_us;
	int64_t held_us;
	int64_t sync_us;
	int64_t version; /* data_version at the last begin */
	bool neighbour;  /* it had moved */
	enum { CHILDREN_UNKNOWN, CHILDREN_NONE, CHILDREN_SOME } children; /* in this transaction */
	int changes_at_begin;  /* sqlite3_total_changes() once the transaction had begun */
	char destination[256]; /* what store_next_destination() returned last */
	sqlite3_value
	    *destination_value; /* the same, whole: long, with a NUL byte, or no text at all */
};

/* A statement ready to bind, or NULL with the error in db. Binding errors are collected in rc. */
struct binder {
	sqlite3_stmt *statement;
	int rc;
};

struct binder store_bind(struct store *store, enum statement statement);
void bind_integer(struct binder *binder, int index, int64_t value);
void bind_time(struct binder *binder, int index, int64_t value); /* TIME_NONE: NULL */
void bind_text(
    struct binder *binder, int index, const char *text); /* NULL: NULL; must outlive the step */
void bind_blob(struct binder *binder, int index, const void *bytes, size_t length);

/* Steps once: SQLITE_ROW, SQLITE_DONE or an error. Ends with store_finish(). */
int store_step(struct store *store, struct binder *binder);
void store_finish(struct binder *binder);
/* After the only row: rc, or SQLITE_NOMEM when there was no memory for one of its columns. It then
 * read as NULL. */
int store_finish_row(struct binder *binder, int rc);
/* For statements without rows: step, finish, and the status. */
enum store_status store_run(struct store *store, struct binder *binder);

enum { STORE_READ_BUSY_MS = 250 }; /* how long anything but a write transaction waits */

/* Within a transaction: the tables of version `from` (0: none) become the newest, triggers and
 * views are replaced, and what the merchant hung on our tables stays. report says what went wrong.
 */
enum store_status store_migrate(struct store *store, int64_t from, struct text *report);

/* Does this SQLite carry the fix for the WAL-reset race? */
bool store_wal_reset_is_fixed(void);
/* A wal hook: notes the WAL's length instead of checkpointing. */
int store_note_wal(void *store, sqlite3 *db, const char *schema, int frames);
/* Copies the whole WAL into the database file, synced; OK when nothing is left in it. */
enum store_status store_heal(struct store *store);

enum store_status store_status_of(int rc);
int64_t store_column_time(sqlite3_stmt *statement, int column);
/* The column as text, "" for NULL. */
const char *store_column_text(sqlite3_stmt *statement, int column);
int store_ids(struct store *store, struct binder *binder, int64_t *ids, int limit);

#endif
