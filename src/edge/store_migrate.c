/*
 * store_migrate.c - the migrations, and what must survive them: the triggers and indexes that a
 * merchant hung on our tables, which SQLite drops with a table that is built anew.
 */
#include "edge/store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 256 };

struct part {
	char *type;
	char *name;
	char *sql;
};

struct parts {
	struct part part[PARTS_MAX];
	size_t count;
};

static enum store_status
note_parts(struct store *store, struct parts *parts)
{
	struct binder binder = store_bind(store, STATEMENT_FOREIGN_PARTS);
	enum store_status status = STORE_OK;
	int rc;

	while ((rc = store_step(store, &binder)) == SQLITE_ROW && parts->count < PARTS_MAX) {
		struct part *part = &parts->part[parts->count++];

		part->type = strdup(store_column_text(binder.statement, 0));
		part->name = strdup(store_column_text(binder.statement, 1));
		part->sql = strdup(store_column_text(binder.statement, 2));
		binder.rc = SQLITE_OK;
		if (part->type == NULL || part->name == NULL || part->sql == NULL)
			status = STORE_FULL;
	}
	store_finish(&binder);
	if (status == STORE_OK && rc != SQLITE_DONE)
		status = rc == SQLITE_ROW ? STORE_REFUSED : store_status_of(rc);
	return status;
}

static void
free_parts(struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++) {
		free(parts->part[i].type);
		free(parts->part[i].name);
		free(parts->part[i].sql);
	}
	free(parts);
}

static bool
is_gone(struct store *store, const struct part *part)
{
	struct binder binder = store_bind(store, STATEMENT_HAS_PART);
	bool gone;

	bind_text(&binder, 1, part->type);
	bind_text(&binder, 2, part->name);
	gone = store_step(store, &binder) == SQLITE_ROW &&
	       sqlite3_column_int(binder.statement, 0) == 0;
	store_finish(&binder);
	return gone;
}

static enum store_status
run(struct store *store, const char *sql, const char *what, struct text *report)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		text_format(report, "%s: %s: %s; nothing was changed", store->path, what,
		    store_error(store));
	return store_status_of(rc);
}

static enum store_status
put_back(struct store *store, const struct parts *parts, struct text *report)
{
	enum store_status status = STORE_OK;

	for (size_t i = 0; status == STORE_OK && i < parts->count; i++) {
		char what[160];

		(void)snprintf(what, sizeof(what), "your own %s %.100s does not fit the new tables",
		    parts->part[i].type, parts->part[i].name);
		if (is_gone(store, &parts->part[i]))
			status = run(store, parts->part[i].sql, what, report);
	}
	return status;
}

enum store_status
store_migrate(struct store *store, int64_t from, struct text *report)
{
	struct parts *parts = calloc(1, sizeof(*parts));
	enum store_status status = parts == NULL ? STORE_FULL : note_parts(store, parts);

	if (status != STORE_OK)
		text_format(report, "%s: %s; nothing was changed", store->path,
		    parts == NULL ? "out of memory"
		    : status == STORE_REFUSED
			? "too many triggers and indexes of your own on the outbox tables"
			: store_error(store));
	/* A table that is built anew is renamed while triggers and views (ours are replaced below,
	 * the merchant's stay) already speak of the name that it is to have. */
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, NULL);
	for (int64_t i = from; status == STORE_OK && i < schema_migration_count; i++)
		status = run(store, schema_migrations[i], "upgrading", report);
	if (status == STORE_OK)
		status = run(store, schema_code, "replacing triggers and views", report);
	if (status == STORE_OK)
		status = put_back(store, parts, report);
	if (parts != NULL)
		free_parts(parts);
	return status;
}
