/*
 * store.c - open, identify, begin and commit. What rows and operators need stands in store_rows.c
 * and store_operator.c, the tables' creation in store_init.c.
 */
#include "edge/store_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum store_status
store_status_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return STORE_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STORE_BUSY;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return STORE_REFUSED;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return STORE_CORRUPT;
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* a table or column of ours is gone */
		return STORE_CONFIG;
	default: /* IOERR, FULL, NOMEM, CANTOPEN, READONLY, INTERRUPT, PROTOCOL: perhaps better
		    later */
		return STORE_FULL;
	}
}

const char *
store_error(const struct store *store)
{
	return store->db == NULL ? "out of memory" : sqlite3_errmsg(store->db);
}

struct binder
store_bind(struct store *store, enum statement statement)
{
	struct binder binder = {.statement = store->statements[statement], .rc = SQLITE_OK};

	if (binder.statement == NULL) {
		binder.rc = sqlite3_prepare_v3(store->db, statement_sql[statement], -1,
		    SQLITE_PREPARE_PERSISTENT, &store->statements[statement], NULL);
		binder.statement = store->statements[statement];
	}
	return binder;
}

/* What nobody binds is NULL: store_finish() leaves every statement so. */
void
bind_integer(struct binder *binder, int index, int64_t value)
{
	if (binder->rc == SQLITE_OK)
		binder->rc = sqlite3_bind_int64(binder->statement, index, value);
}

void
bind_time(struct binder *binder, int index, int64_t value)
{
	if (value != TIME_NONE)
		bind_integer(binder, index, value);
}

void
bind_text(struct binder *binder, int index, const char *text)
{
	if (text != NULL && binder->rc == SQLITE_OK)
		binder->rc = sqlite3_bind_text(binder->statement, index, text, -1, SQLITE_STATIC);
}

void
bind_blob(struct binder *binder, int index, const void *bytes, size_t length)
{
	if (bytes != NULL && binder->rc == SQLITE_OK)
		binder->rc =
		    sqlite3_bind_blob64(binder->statement, index, bytes, length, SQLITE_STATIC);
}

int
store_step(struct store *store, struct binder *binder)
{
	/* SQLite gives a transaction up by itself, for want of memory or disk. What follows would
	 * be committed alone. */
	if (binder->rc == SQLITE_OK && store->writing && sqlite3_get_autocommit(store->db) != 0)
		binder->rc = SQLITE_ABORT;
	if (binder->rc == SQLITE_OK)
		binder->rc = sqlite3_step(binder->statement);
	return binder->rc;
}

void
store_finish(struct binder *binder)
{
	if (binder->statement == NULL)
		return;
	(void)sqlite3_reset(binder->statement);
	(void)sqlite3_clear_bindings(binder->statement);
}

int
store_finish_row(struct binder *binder, int rc)
{
	/* sqlite3_column_text() has no other way to say it than the next step, or the reset. */
	if (rc == SQLITE_ROW && sqlite3_reset(binder->statement) == SQLITE_NOMEM)
		rc = SQLITE_NOMEM;
	store_finish(binder);
	return rc;
}

enum store_status
store_run(struct store *store, struct binder *binder)
{
	int rc = store_step(store, binder);

	store_finish(binder);
	return store_status_of(rc);
}

int64_t
store_column_time(sqlite3_stmt *statement, int column)
{
	int64_t time = sqlite3_column_int64(statement, column);

	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return TIME_NONE;
	return time == TIME_NONE ? 0 : time; /* an app's -1 is as long ago as 0 */
}

const char *
store_column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text == NULL ? "" : (const char *)text;
}

int
store_ids(struct store *store, struct binder *binder, int64_t *ids, int limit)
{
	int count = 0;
	int rc;

	while ((rc = store_step(store, binder)) == SQLITE_ROW && count < limit) {
		ids[count++] = sqlite3_column_int64(binder->statement, 0);
		binder->rc = SQLITE_OK;
	}
	store_finish(binder);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? count : -1;
}

void
store_alone(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void
configure(struct store *store)
{
	sqlite3 *db = store->db;

	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, STORE_READ_BUSY_MS);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	/* One plan a statement: else those that touch a partial index are prepared anew for each
	 * binding. */
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
	if (store->role != STORE_DAEMON)
		return;
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (store_wal_reset_is_fixed())
		return;
	/* On unfixed versions a second passive checkpointer is the danger: store_checkpoint() steps
	 * in instead. */
	(void)sqlite3_wal_hook(db, store_note_wal, store);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* A failure that passes must not look like a faulty configuration: after that nobody starts the
 * daemon again. */
static enum store_status
cannot_read(const struct store *store, enum store_status status, struct text *why)
{
	text_format(why, "cannot read %s: %s", store->path, store_error(store));
	return status;
}

/* What was asked for must be what is. */
static enum store_status
read_back(struct store *store, struct text *why)
{
	struct binder binder = store_bind(store, STATEMENT_JOURNAL_MODE);
	int rc = store_step(store, &binder);
	bool wal = rc == SQLITE_ROW && strcmp(store_column_text(binder.statement, 0), "wal") == 0;
	bool full = false;

	rc = store_finish_row(&binder, rc);
	if (rc == SQLITE_ROW) {
		binder = store_bind(store, STATEMENT_SYNCHRONOUS);
		rc = store_step(store, &binder);
		full = rc == SQLITE_ROW && sqlite3_column_int(binder.statement, 0) == 2;
		store_finish(&binder);
	}
	if (rc != SQLITE_ROW)
		return cannot_read(store, store_status_of(rc), why);
	if (!wal)
		text_format(why, "%s is not in WAL mode; run: outboxd init --database %s",
		    store->path, store->path);
	else if (!full)
		text_format(
		    why, "SQLite does not accept PRAGMA synchronous = FULL for %s", store->path);
	return wal && full ? STORE_OK : STORE_CONFIG;
}

static enum store_status
check_schema(struct store *store, struct text *why)
{
	struct binder binder = store_bind(store, STATEMENT_HAS_META);
	int rc = store_step(store, &binder);
	bool present = rc == SQLITE_ROW && sqlite3_column_int(binder.statement, 0) == 1;
	int64_t version = -1;
	enum store_status status;

	store_finish(&binder);
	if (rc != SQLITE_ROW)
		return cannot_read(store, store_status_of(rc), why);
	if (!present) {
		text_format(why, "%s has no outbox tables; run: outboxd init --database %s",
		    store->path, store->path);
		return STORE_CONFIG;
	}
	status = store_meta_read(store, "schema_version", &version);
	if (status != STORE_OK && status != STORE_NOTHING)
		return cannot_read(store, status, why);
	if (version == store_schema_version())
		return STORE_OK;
	if (version > store_schema_version())
		text_format(why,
		    "%s has outbox schema %lld, this outboxd knows %d; install the newer outboxd "
		    "that upgraded it "
		    "(there is no way back but a backup from before the upgrade)",
		    store->path, (long long)version, store_schema_version());
	else
		text_format(why,
		    "%s has outbox schema %lld, this outboxd works with %d; upgrade it: outboxd "
		    "init --database %s",
		    store->path, (long long)version, store_schema_version(), store->path);
	return STORE_CONFIG;
}

static enum store_status
set_up(struct store *store, struct text *why)
{
	struct stat file;
	enum store_status status;
	int rc;

	store->wal_path = sqlite3_mprintf("%s-wal", store->path);
	if (store->wal_path == NULL) {
		text_format(why, "out of memory");
		return STORE_FULL;
	}
	if (stat(store->path, &file) == -1) {
		text_format(why, "%s is gone", store->path);
		return STORE_CONFIG;
	}
	store->inode = file.st_ino;
	store->device = file.st_dev;
	rc = sqlite3_open_v2(store->path, &store->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK) {
		text_format(why, "cannot open %s: %s", store->path, store_error(store));
		return store_status_of(rc);
	}
	configure(store);
	rc = sqlite3_exec(store->db, statement_sql[STATEMENT_SETUP], NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return cannot_read(store, store_status_of(rc), why);
	status = check_schema(store, why);
	if (status == STORE_OK && store->role == STORE_DAEMON)
		status = read_back(store, why);
	if (status == STORE_OK && store->role == STORE_DAEMON)
		(void)store_heal(
		    store); /* if the last run ended with a refused sync; readers may prevent it */
	/* The way back is kept ready: where memory is short, it could not be prepared, and the app
	 * would find the database busy. */
	if (status == STORE_OK && store_bind(store, STATEMENT_ROLLBACK).rc != SQLITE_OK) {
		text_format(why, "out of memory");
		status = STORE_FULL;
	}
	return status;
}

enum store_status
store_open(const char *path, enum store_role role, struct store **result, struct text *why)
{
	struct store *store = calloc(1, sizeof(*store));
	enum store_status status;

	*result = NULL;
	if (store == NULL) {
		text_format(why, "out of memory");
		return STORE_FULL;
	}
	store->role = role;
	store->body_max = 1024 * 1024;
	store->path = realpath(path, NULL);
	if (store->path == NULL && errno == ENOMEM) {
		text_format(why, "out of memory");
		status = STORE_FULL;
	} else if (store->path == NULL) {
		text_format(why,
		    "%s does not exist or cannot be reached; create it: outboxd init --database %s",
		    path, path);
		status = STORE_CONFIG;
	} else {
		status = set_up(store, why);
	}
	if (status != STORE_OK)
		store_close(store);
	else
		*result = store;
	return status;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(store->statements[i]);
	sqlite3_value_free(store->destination_value);
	(void)sqlite3_close(store->db);
	sqlite3_free(store->wal_path);
	free(store->path);
	free(store);
}

void
store_limit_body(struct store *store, int64_t bytes)
{
	store->body_max = bytes;
}

enum store_status
store_identity(struct store *store, struct store_identity *identity)
{
	struct binder binder = store_bind(store, STATEMENT_IDENTITY);
	int rc = store_step(store, &binder);

	memset(identity, 0, sizeof(*identity));
	if (rc == SQLITE_ROW) {
		(void)snprintf(identity->database_id, sizeof(identity->database_id), "%s",
		    store_column_text(binder.statement, 0));
		identity->epoch = sqlite3_column_int64(binder.statement, 1);
		identity->write_counter = sqlite3_column_int64(binder.statement, 2);
	}
	rc = store_finish_row(&binder, rc);
	if (rc != SQLITE_ROW)
		return store_status_of(rc);
	binder = store_bind(store, STATEMENT_OUTBOX_ID_MAX);
	rc = store_step(store, &binder);
	if (rc == SQLITE_ROW)
		identity->outbox_id_max = sqlite3_column_int64(binder.statement, 0);
	store_finish(&binder);
	return rc == SQLITE_ROW ? STORE_OK : store_status_of(rc);
}

void
store_expect(struct store *store, const struct store_identity *identity)
{
	store->expected = *identity;
	store->expecting = true;
}

const struct store_identity *
store_expected(const struct store *store)
{
	return &store->expected;
}

bool
store_in_place(const struct store *store)
{
	struct stat file;

	return stat(store->path, &file) == 0 && file.st_ino == store->inode &&
	       file.st_dev == store->device;
}

static int64_t
number(struct store *store, enum statement statement)
{
	struct binder binder = store_bind(store, statement);
	int64_t value = -1;

	if (store_step(store, &binder) == SQLITE_ROW)
		value = sqlite3_column_int64(binder.statement, 0);
	store_finish(&binder);
	return value;
}

int64_t
store_data_version(struct store *store)
{
	return number(store, STATEMENT_DATA_VERSION);
}

int64_t
store_newest(struct store *store)
{
	return number(store, STATEMENT_NEWEST);
}

enum store_status
store_meta_read(struct store *store, const char *name, int64_t *value)
{
	struct binder binder = store_bind(store, STATEMENT_META_GET);
	bool found;
	int rc;

	bind_text(&binder, 1, name);
	rc = store_step(store, &binder);
	found = rc == SQLITE_ROW && sqlite3_column_type(binder.statement, 0) == SQLITE_INTEGER;
	if (found)
		*value = sqlite3_column_int64(binder.statement, 0);
	store_finish(&binder);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_status_of(rc);
	return found ? STORE_OK : STORE_NOTHING;
}

int64_t
store_meta_integer(struct store *store, const char *name, int64_t otherwise)
{
	int64_t value = otherwise;

	return store_meta_read(store, name, &value) == STORE_OK ? value : otherwise;
}

enum store_status
store_meta_set_integer(struct store *store, const char *name, int64_t value)
{
	struct binder binder = store_bind(store, STATEMENT_META_SET);

	bind_text(&binder, 1, name);
	bind_integer(&binder, 2, value);
	return store_run(store, &binder);
}

enum store_status
store_meta_set_text(struct store *store, const char *name, const char *value)
{
	struct binder binder = store_bind(store, STATEMENT_META_SET);

	bind_text(&binder, 1, name);
	bind_text(&binder, 2, value);
	return store_run(store, &binder);
}

enum store_status
store_meta_blob(struct store *store, const char *name, void *bytes, size_t length)
{
	struct binder binder = store_bind(store, STATEMENT_META_GET);
	enum store_status status = STORE_NOTHING;
	int rc;

	bind_text(&binder, 1, name);
	rc = store_step(store, &binder);
	if (rc == SQLITE_ROW && (size_t)sqlite3_column_bytes(binder.statement, 0) == length) {
		memcpy(bytes, sqlite3_column_blob(binder.statement, 0), length);
		status = STORE_OK;
	} else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		status = store_status_of(rc);
	}
	store_finish(&binder);
	return status;
}

enum store_status
store_set_epoch(struct store *store, int64_t epoch)
{
	store->expected.epoch = epoch;
	return store_meta_set_integer(store, "epoch", epoch);
}

enum store_status
store_raise_outbox_id(struct store *store, int64_t id)
{
	struct binder binder = store_bind(store, STATEMENT_ADD_SEQUENCE);
	enum store_status status;

	bind_integer(&binder, 1, id);
	status = store_run(store, &binder);
	if (status != STORE_OK)
		return status;
	binder = store_bind(store, STATEMENT_RAISE_SEQUENCE);
	bind_integer(&binder, 1, id);
	return store_run(store, &binder);
}
