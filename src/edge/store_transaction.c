/*
 * store_transaction.c - begin, commit, and when a commit is durable.
 */
#include "edge/store_parts.h"

#include <string.h>
#include <sys/stat.h>

static enum store_status
run(struct store *store, enum statement statement)
{
	struct binder binder = store_bind(store, statement);

	return store_run(store, &binder);
}

static bool
matches(const struct store *store, const char *database_id, int64_t epoch, int64_t write_counter)
{
	const struct store_identity *expected = &store->expected;

	return strcmp(database_id, expected->database_id) == 0 && epoch == expected->epoch &&
	       write_counter == expected->write_counter;
}

/* A transaction of ours that failed for want of memory may have happened, or stay in SQLite's page
 * cache all the same. */
static bool
was_ours(const struct store *store, int64_t write_counter)
{
	return store->doubt && write_counter == store->expected.write_counter + 1;
}

bool
store_is_expected(const struct store *store, const struct store_identity *identity)
{
	return matches(store, identity->database_id, identity->epoch,
	    identity->write_counter - (was_ours(store, identity->write_counter) ? 1 : 0));
}

/* Is this still the database that we know, at the commit that we know? */
static enum store_status
recognise(struct store *store)
{
	struct binder binder = store_bind(store, STATEMENT_IDENTITY);
	int rc = store_step(store, &binder);
	int64_t counter = sqlite3_column_int64(binder.statement, 2);
	bool ours = was_ours(store, counter);
	bool same = rc == SQLITE_ROW &&
		    matches(store, store_column_text(binder.statement, 0),
			sqlite3_column_int64(binder.statement, 1), counter - (ours ? 1 : 0));

	rc = store_finish_row(&binder, rc);
	if (rc != SQLITE_ROW)
		return store_status_of(rc);
	if (!same)
		return STORE_REPLACED;
	store->doubt = false;
	return ours ? STORE_UNSYNCED
		    : STORE_OK; /* what it says, memory does not know: start anew */
}

/* The pragma takes effect when it is prepared: it is never kept. */
static enum store_status
set_sync(struct store *store, enum store_sync sync)
{
	enum statement statement =
	    sync == STORE_SYNC_IN_COMMIT ? STATEMENT_SYNC_IN_COMMIT : STATEMENT_SYNC_AFTER_COMMIT;
	int rc = SQLITE_OK;

	if (store->sync != sync)
		rc = sqlite3_exec(store->db, statement_sql[statement], NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		store->sync = sync;
	return store_status_of(rc);
}

static int64_t
time_us(const struct store *store)
{
	return store->clock_us == NULL ? 0 : store->clock_us();
}

void
store_time_by(struct store *store, int64_t (*clock_us)(void))
{
	store->clock_us = clock_us;
}

int64_t
store_held_us(const struct store *store)
{
	return store->held_us;
}

int64_t
store_sync_us(const struct store *store)
{
	return store->sync_us;
}

bool
store_has_neighbour(const struct store *store)
{
	return store->neighbour;
}

int
store_changes(const struct store *store)
{
	return sqlite3_total_changes(store->db);
}

static void
note_neighbour(struct store *store)
{
	int64_t version = store_data_version(store);

	store->neighbour = version != store->version;
	store->version = version;
}

static void
roll_back(struct store *store)
{
	/* Nothing to roll back is fine: SQLite may have done it by itself. */
	if (sqlite3_get_autocommit(store->db) == 0 && run(store, STATEMENT_ROLLBACK) != STORE_OK) {
		store->doubt = store->expecting && store->counted;
		(void)run(store, STATEMENT_ROLLBACK);
	}
	store->writing = false;
}

enum store_status
store_begin(struct store *store, int busy_ms, enum store_sync sync)
{
	enum store_status status = set_sync(store, sync);

	if (status != STORE_OK)
		return status;
	(void)sqlite3_busy_timeout(store->db, busy_ms);
	status = run(store, STATEMENT_BEGIN);
	(void)sqlite3_busy_timeout(store->db, STORE_READ_BUSY_MS);
	if (status != STORE_OK)
		return status;
	store->writing = true;
	store->children = CHILDREN_UNKNOWN;
	store->began_us = time_us(store);
	store->held_us = 0;
	store->sync_us = 0;
	note_neighbour(store);
	if (store->expecting) {
		status = recognise(store);
		store->counted = !store->still;
		if (status != STORE_OK)
			store->counted = false;
		if (status == STORE_OK && store->counted)
			status = run(store, STATEMENT_COUNT_WRITE);
	}
	if (status != STORE_OK)
		store_rollback(store);
	store->changes_at_begin = sqlite3_total_changes(store->db);
	return status;
}

/* Is the -wal that we sync still the one that others read? */
static bool
wal_in_place(struct store *store)
{
	struct stat wal;

	if (stat(store->wal_path, &wal) == -1)
		return false;
	if (store->wal_inode == 0)
		store->wal_inode = wal.st_ino;
	return wal.st_ino == store->wal_inode;
}

/*
 * A sync that failed is final: the kernel has dropped the pages, and a second one would report
 * success. Only copying everything into the database file helps.
 */
enum store_status
store_heal(struct store *store)
{
	int frames = -1;
	int rc =
	    sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, NULL);

	return rc == SQLITE_OK && frames == 0 ? STORE_OK : STORE_UNSYNCED;
}

/* The WAL's own sync, outside the write lock. */
static enum store_status
sync_wal(struct store *store)
{
	sqlite3_file *wal = NULL;
	int rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);

	if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL)
		return STORE_UNSYNCED;
	rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	if (rc != SQLITE_OK)
		return store_heal(store);
	return wal_in_place(store) ? STORE_OK : STORE_REPLACED;
}

enum store_status
store_commit(struct store *store)
{
	enum store_status status;

	if (store->expecting && sqlite3_total_changes(store->db) == store->changes_at_begin) {
		roll_back(store); /* nothing was written: no commit, no count, no sync */
		return STORE_OK;
	}
	status = run(store, STATEMENT_COMMIT);
	if (status != STORE_OK) {
		store_rollback(store);
		return status;
	}
	store->writing = false;
	store->held_us = time_us(store) - store->began_us;
	if (store->expecting && store->counted)
		store->expected.write_counter++;
	if (store->sync == STORE_SYNC_IN_COMMIT)
		return STORE_OK;
	status = sync_wal(store);
	store->sync_us = time_us(store) - store->began_us - store->held_us;
	return status;
}

void
store_stand_still(struct store *store, bool still)
{
	store->still = still;
}

void
store_rollback(struct store *store)
{
	store->doubt = store->expecting && store->counted;
	roll_back(store);
}

bool
store_in_doubt(const struct store *store)
{
	return store->doubt;
}

bool
store_in_transaction(const struct store *store)
{
	return sqlite3_get_autocommit(store->db) == 0;
}

void
store_begin_reading(struct store *store)
{
	(void)run(store, STATEMENT_BEGIN_READING);
}

void
store_end_reading(struct store *store)
{
	/* Nothing to commit, and perhaps something that must not be: half of a transaction that
	 * could not be rolled back. */
	if (sqlite3_get_autocommit(store->db) == 0)
		(void)run(store, STATEMENT_ROLLBACK);
}

enum store_status
store_row_begin(struct store *store)
{
	return run(store, STATEMENT_ROW_BEGIN);
}

enum store_status
store_row_end(struct store *store, bool keep)
{
	/* A transaction that SQLite itself gave up has no savepoint left. */
	if (sqlite3_get_autocommit(store->db) != 0)
		return STORE_FULL;
	if (!keep) {
		enum store_status status = run(store, STATEMENT_ROW_ROLLBACK);

		store->children = CHILDREN_UNKNOWN; /* there may be one again */
		if (status != STORE_OK)
			return status;
	}
	return run(store, STATEMENT_ROW_COMMIT);
}

/* Does this SQLite carry the fix for the WAL-reset race (sqlite.org/wal.html)? */
bool
store_wal_reset_is_fixed(void)
{
	int version = sqlite3_libversion_number();

	if (version >= 3051003)
		return version != 3052000;
	return (version >= 3050007 && version < 3051000) ||
	       (version >= 3044006 && version < 3045000);
}

int64_t
store_wal_bytes(const struct store *store)
{
	struct stat wal;

	return stat(store->wal_path, &wal) == 0 ? wal.st_size : 0;
}

int
store_note_wal(void *context, sqlite3 *db, const char *schema, int frames)
{
	struct store *store = context;

	(void)db;
	(void)schema;
	store->wal_frames = frames;
	return SQLITE_OK;
}

void
store_checkpoint(struct store *store, int wal_frames_max)
{
	if (store->wal_frames <= wal_frames_max)
		return;
	store->wal_frames = 0; /* whatever comes of it: not again before the next commit */
	(void)sqlite3_busy_timeout(store->db, 0);
	(void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	(void)sqlite3_busy_timeout(store->db, STORE_READ_BUSY_MS);
}
