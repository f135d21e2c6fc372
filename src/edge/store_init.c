/*
 * store_init.c - create or upgrade the tables in the merchant's database, in one transaction
 * (store_migrate.c has the way).
 */
#include "edge/store_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int
store_schema_version(void)
{
	return schema_migration_count;
}

/* A random UUID (version 4) that names this database for its whole life. */
static void
new_database_id(char id[37])
{
	unsigned char random[16];
	char *out = id;

	sqlite3_randomness(sizeof(random), random);
	random[6] = (unsigned char)((random[6] & 0x0f) | 0x40);
	random[8] = (unsigned char)((random[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(random); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		(void)sqlite3_snprintf(3, out, "%02x", random[i]);
		out += 2;
	}
}

static enum store_status
set_meta_blob(struct store *store, const char *name, const void *bytes, size_t length)
{
	struct binder binder = store_bind(store, STATEMENT_META_SET);

	bind_text(&binder, 1, name);
	bind_blob(&binder, 2, bytes, length);
	return store_run(store, &binder);
}

static enum store_status
first_values(struct store *store)
{
	unsigned char secret[KEY_SECRET_SIZE];
	char id[37];
	enum store_status status;

	new_database_id(id);
	if (key_secret_new(secret) == -1)
		return STORE_FULL;
	status = store_meta_set_text(store, "database_id", id);
	if (status == STORE_OK)
		status = store_meta_set_integer(store, "epoch", 0);
	if (status == STORE_OK)
		status = store_meta_set_integer(store, "write_counter", 0);
	if (status == STORE_OK)
		status = set_meta_blob(store, "key_secret", secret, sizeof(secret));
	return status;
}

/* What the tables promise of bytes, and the app's TEXT as it is sent, holds for UTF-8 alone. */
static bool
is_utf_8(struct store *store, struct text *report, enum store_status *status)
{
	struct binder binder = store_bind(store, STATEMENT_ENCODING);
	int rc = store_step(store, &binder);
	const char *encoding = rc == SQLITE_ROW ? store_column_text(binder.statement, 0) : "";
	bool fits = strcmp(encoding, "UTF-8") == 0;

	*status = rc != SQLITE_ROW ? store_status_of(rc) : fits ? STORE_OK : STORE_CONFIG;
	if (rc != SQLITE_ROW)
		text_format(report, "cannot read %s: %s", store->path, store_error(store));
	else if (!fits)
		text_format(report,
		    "%s stores its text as %s; outboxd works with UTF-8 only (PRAGMA encoding)",
		    store->path, encoding);
	store_finish(&binder);
	return fits;
}

/* The version that is there: 0 for none, -1 when it cannot be used (report says why). */
static int64_t
present_version(struct store *store, struct text *report, enum store_status *status)
{
	struct binder binder = store_bind(store, STATEMENT_HAS_META);
	int rc = store_step(store, &binder);
	bool ours = rc == SQLITE_ROW && sqlite3_column_int(binder.statement, 0) == 1;
	int64_t version;

	store_finish(&binder);
	*status = store_status_of(rc);
	if (*status != STORE_OK) {
		text_format(report, "cannot read %s: %s", store->path, store_error(store));
		return -1;
	}
	if (!ours) {
		binder = store_bind(store, STATEMENT_FOREIGN_NAMES);
		if (store_step(store, &binder) != SQLITE_ROW) {
			store_finish(&binder);
			return is_utf_8(store, report, status) ? 0 : -1;
		}
		text_format(report,
		    "%s already has a %s named %s that is not outboxd's; rename it, then run init "
		    "again",
		    store->path, store_column_text(binder.statement, 0),
		    store_column_text(binder.statement, 1));
		store_finish(&binder);
		*status = STORE_CONFIG;
		return -1;
	}
	version = store_meta_integer(store, "schema_version", -1);
	if (version >= 1 && version <= schema_migration_count)
		return version;
	*status = STORE_CONFIG;
	text_format(report,
	    "%s has outbox schema %lld, this outboxd knows 1 to %d; install the newer outboxd that "
	    "upgraded it "
	    "(there is no way back but a backup from before the upgrade)",
	    store->path, (long long)version, schema_migration_count);
	return -1;
}

static enum store_status
create_or_upgrade(struct store *store, struct text *report)
{
	enum store_status status = store_begin(store, 5000, STORE_SYNC_IN_COMMIT);
	int64_t from;

	if (status != STORE_OK) {
		text_format(report, "%s: %s; try again", store->path, store_error(store));
		return status;
	}
	from = present_version(store, report, &status);
	if (from != -1)
		status = store_migrate(store, from, report);
	if (status == STORE_OK && from == 0)
		status = first_values(store);
	if (status == STORE_OK)
		status = store_meta_set_integer(store, "schema_version", schema_migration_count);
	if (status != STORE_OK) {
		store_rollback(store);
		return status;
	}
	status = store_commit(store);
	if (status != STORE_OK)
		text_format(report, "%s: %s; nothing was changed", store->path, store_error(store));
	else if (from == 0)
		text_format(report, "created the outbox tables (schema %d) in %s",
		    schema_migration_count, store->path);
	else if (from < schema_migration_count)
		text_format(report, "upgraded the outbox tables in %s from schema %lld to %d",
		    store->path, (long long)from, schema_migration_count);
	else
		text_format(report, "%s has the outbox tables (schema %d) already", store->path,
		    schema_migration_count);
	return status;
}

static enum store_status
turn_wal_on(struct store *store, struct text *report)
{
	struct binder binder = store_bind(store, STATEMENT_JOURNAL_MODE);
	bool was = store_step(store, &binder) == SQLITE_ROW &&
		   strcmp(store_column_text(binder.statement, 0), "wal") == 0;
	bool is;

	store_finish(&binder);
	if (was)
		return STORE_OK;
	binder = store_bind(store, STATEMENT_TURN_WAL_ON);
	is = store_step(store, &binder) == SQLITE_ROW &&
	     strcmp(store_column_text(binder.statement, 0), "wal") == 0;
	store_finish(&binder);
	if (is) {
		text_format(report, "turned WAL mode on for %s (it stays on for every program)\n",
		    store->path);
		return STORE_OK;
	}
	text_format(report,
	    "cannot turn WAL mode on for %s: %s; close other programs that use it and try again",
	    store->path, store_error(store));
	return STORE_CONFIG;
}

static bool
is_new(const char *path)
{
	struct stat file;

	return stat(path, &file) == -1 || file.st_size == 0;
}

enum store_status
store_init(const char *path, struct text *report)
{
	struct store *store = calloc(1, sizeof(*store));
	/* A file of our own making can give pages back after a purge; a merchant's stays as its
	 * owner made it. */
	bool ours = is_new(path);
	enum store_status status = STORE_FULL;
	int rc;

	if (store == NULL) {
		text_format(report, "out of memory");
		return status;
	}
	store->path = strdup(path);
	if (store->path == NULL)
		goto out;
	rc = sqlite3_open_v2(path, &store->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		/* Our own triggers do not run while we replace them, nor do the merchant's. */
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
		(void)sqlite3_busy_timeout(store->db, 5000);
		rc = sqlite3_exec(store->db, statement_sql[STATEMENT_SETUP], NULL, NULL, NULL);
		if (rc == SQLITE_OK && ours)
			rc = sqlite3_exec(
			    store->db, statement_sql[STATEMENT_MAKE_INCREMENTAL], NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		text_format(report, "cannot open %s: %s", path, store_error(store));
		status = store_status_of(rc);
		goto out;
	}
	/* A database that cannot be used stays as it is, WAL mode included. */
	if (present_version(store, report, &status) == -1)
		goto out;
	status = turn_wal_on(store, report);
	if (status == STORE_OK)
		status = create_or_upgrade(store, report);
out:
	store_close(store);
	return status;
}
