/*
 * store_house.c - what keeps the database small: the way through the history for purge, giving
 * pages back, an empty WAL.
 */
#include "edge/store_parts.h"

#include <string.h>

int
store_ids_at(struct store *store, const char *destination, const char *state, int64_t up_to,
    int64_t *ids, int limit)
{
	bool held = state != NULL && strcmp(state, state_name(STATE_HELD)) == 0;
	bool unknown = state != NULL && strcmp(state, result_name(RESULT_UNKNOWN)) == 0;
	int parsed = state_parse(state);
	struct binder binder;

	if (!unknown && (parsed == -1 || parsed == STATE_DONE || parsed == STATE_CLAIMED ||
			    parsed == STATE_SENDING))
		return -2;
	binder = store_bind(store, held      ? STATEMENT_HELD_AT
				   : unknown ? STATEMENT_UNKNOWN_AT
					     : STATEMENT_OPEN_AT);
	bind_text(&binder, 1, destination);
	if (!held && !unknown)
		bind_text(&binder, 2, state);
	bind_integer(&binder, held || unknown ? 2 : 3, up_to);
	bind_integer(&binder, held || unknown ? 3 : 4, limit);
	return store_ids(store, &binder, ids, limit);
}

int
store_past(struct store *store, const struct store_past *after, int64_t until,
    struct store_past *past, int limit)
{
	struct binder binder = store_bind(store, STATEMENT_PURGE_NEXT);
	sqlite3_stmt *row = binder.statement;
	int count = 0;
	int rc;

	bind_integer(&binder, 1, after->finished_at);
	bind_integer(&binder, 2, after->id);
	bind_integer(&binder, 3, until);
	bind_integer(&binder, 4, limit);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW && count < limit) {
		past[count].finished_at = sqlite3_column_int64(row, 0);
		past[count].id = sqlite3_column_int64(row, 1);
		past[count++].purgeable = sqlite3_column_int(row, 2) != 0;
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? count : -1;
}

static int64_t
pragma(struct store *store, enum statement statement)
{
	struct binder binder = store_bind(store, statement);
	int64_t value = store_step(store, &binder) == SQLITE_ROW
			    ? sqlite3_column_int64(binder.statement, 0)
			    : 0;

	store_finish(&binder);
	return value;
}

bool
store_has_free_pages(struct store *store)
{
	enum { INCREMENTAL = 2 };

	return pragma(store, STATEMENT_AUTO_VACUUM) == INCREMENTAL &&
	       pragma(store, STATEMENT_FREE_PAGES) > 0;
}

enum store_status
store_vacuum(struct store *store)
{
	struct binder binder = store_bind(store, STATEMENT_INCREMENTAL_VACUUM);
	int rc;

	while ((rc = store_step(store, &binder)) == SQLITE_ROW)
		binder.rc = SQLITE_OK; /* a step is a page */
	store_finish(&binder);
	/* Pages are no rows: the commit must not think that nothing was written. */
	store->changes_at_begin--;
	return store_status_of(rc);
}

enum store_status
store_truncate_wal(struct store *store)
{
	int rc;

	(void)sqlite3_busy_timeout(store->db, 0);
	rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_busy_timeout(store->db, STORE_READ_BUSY_MS);
	if (rc == SQLITE_OK)
		store->wal_frames = 0;
	return store_status_of(rc);
}
