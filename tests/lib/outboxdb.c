/*
 * outboxdb.c - see outboxdb.h.
 */
#include "lib/outboxdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/scratch.h"

sqlite3 *
outboxdb_connect(const struct outboxdb *place)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(place->path, &db) != SQLITE_OK)
		fail_msg("%s: %s", place->path, sqlite3_errmsg(db));
	return db;
}

int
outboxdb_set_up_empty(void **state)
{
	struct outboxdb *place = calloc(1, sizeof(*place));
	void *directory;

	assert_non_null(place);
	(void)scratch_setup(&directory);
	place->directory = directory;
	(void)snprintf(place->path, sizeof(place->path), "%s/shop.db", place->directory);
	*state = place;
	return 0;
}

int
outboxdb_set_up(void **state)
{
	struct outboxdb *place;
	struct text report;

	(void)outboxdb_set_up_empty(state);
	place = *state;
	text_init(&report, 4096);
	if (store_init(place->path, &report) != STORE_OK)
		fail_msg("%s", text_string(&report));
	text_free(&report);
	place->app = outboxdb_connect(place);
	return 0;
}

int
outboxdb_tear_down(void **state)
{
	struct outboxdb *place = *state;
	void *directory = place->directory;

	store_close(place->store);
	(void)sqlite3_close(place->app);
	(void)scratch_teardown(&directory);
	free(place);
	(void)sql_text(NULL, "%s", "");
	return 0;
}

struct store *
outboxdb_serve(struct outboxdb *place)
{
	struct store_identity identity;
	struct text why;

	text_init(&why, 4096);
	if (store_open(place->path, STORE_DAEMON, &place->store, &why) != STORE_OK)
		fail_msg("%s", text_string(&why));
	text_free(&why);
	assert_int_equal(store_identity(place->store, &identity), STORE_OK);
	store_expect(place->store, &identity);
	return place->store;
}

__attribute__((format(printf, 1, 0))) static char *
formatted(const char *format, va_list arguments)
{
	char *text = NULL;

	assert_true(vasprintf(&text, format, arguments) >= 0);
	return text;
}

void
sql(sqlite3 *db, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = formatted(format, arguments);
	va_end(arguments);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	free(text);
}

void
sql_refused(sqlite3 *db, const char *text, const char *words)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
		fail_msg("not refused: %s", text);
	if (strstr(sqlite3_errmsg(db), words) == NULL)
		fail_msg("%s: %s, expected: %s", text, sqlite3_errmsg(db), words);
}

static sqlite3_stmt *
first_row(sqlite3 *db, const char *text)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	rc = sqlite3_step(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	if (rc == SQLITE_ROW)
		return statement;
	(void)sqlite3_finalize(statement);
	return NULL;
}

int64_t
sql_integer(sqlite3 *db, const char *format, ...)
{
	va_list arguments;
	sqlite3_stmt *row;
	int64_t value = -1;
	char *text;

	va_start(arguments, format);
	text = formatted(format, arguments);
	va_end(arguments);
	row = first_row(db, text);
	if (row != NULL && sqlite3_column_type(row, 0) != SQLITE_NULL)
		value = sqlite3_column_int64(row, 0);
	(void)sqlite3_finalize(row);
	free(text);
	return value;
}

const char *
sql_text(sqlite3 *db, const char *format, ...)
{
	static char *last;
	va_list arguments;
	sqlite3_stmt *row;
	char *text;

	free(last);
	last = NULL;
	if (db == NULL)
		return ""; /* only forget */
	va_start(arguments, format);
	text = formatted(format, arguments);
	va_end(arguments);
	row = first_row(db, text);
	if (row != NULL && sqlite3_column_text(row, 0) != NULL)
		last = strdup((const char *)sqlite3_column_text(row, 0));
	(void)sqlite3_finalize(row);
	free(text);
	return last == NULL ? "" : last;
}
