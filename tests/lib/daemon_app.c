/*
 * daemon_app.c - the app's and the operator's side of a stand: plain SQL on connections of their
 * own.
 */
#include "lib/daemon.h"
#include "lib/daemon_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/scratch.h"

enum { SQL_MAX = 16384, TEXTS = 16, TEXT_MAX = 4096, BUSY_MS = 30000 };

static sqlite3 *
open_app(struct stand *stand)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(stand->database, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		fail_msg("%s: %s", stand->database, sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, BUSY_MS);
	return db;
}

__attribute__((format(printf, 2, 0))) static const char *
format_sql(char *sql, const char *format, va_list arguments)
{
	int length = vsnprintf(sql, SQL_MAX, format, arguments);

	stand_must(length >= 0 && length < SQL_MAX, "SQL too long");
	return sql;
}

static int
run(struct stand *stand, const char *sql, char *error, size_t size)
{
	sqlite3 *db = open_app(stand);
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (code != SQLITE_OK)
		snprintf(error, size, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	return code;
}

void
stand_exec(struct stand *stand, const char *format, ...)
{
	char sql[SQL_MAX];
	char error[256] = "";
	va_list arguments;

	va_start(arguments, format);
	format_sql(sql, format, arguments);
	va_end(arguments);
	if (run(stand, sql, error, sizeof(error)) != SQLITE_OK)
		fail_msg("%s\n%s", error, sql);
}

int
stand_try(struct stand *stand, const char *format, ...)
{
	char sql[SQL_MAX];
	char error[256] = "";
	va_list arguments;

	va_start(arguments, format);
	format_sql(sql, format, arguments);
	va_end(arguments);
	return run(stand, sql, error, sizeof(error));
}

/* The first column of the first row, as text; NULL: none. */
static bool
scalar(struct stand *stand, const char *sql, char *text, size_t size)
{
	sqlite3 *db = open_app(stand);
	sqlite3_stmt *statement = NULL;
	const unsigned char *value = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		fail_msg("%s\n%s", sqlite3_errmsg(db), sql);
	if (code == SQLITE_ROW)
		value = sqlite3_column_text(statement, 0);
	if (value != NULL)
		snprintf(text, size, "%s", (const char *)value);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value != NULL;
}

int64_t
stand_number(struct stand *stand, const char *format, ...)
{
	char sql[SQL_MAX];
	char text[TEXT_MAX] = "";
	va_list arguments;

	va_start(arguments, format);
	format_sql(sql, format, arguments);
	va_end(arguments);
	return scalar(stand, sql, text, sizeof(text)) ? strtoll(text, NULL, 10) : -1;
}

const char *
stand_text(struct stand *stand, const char *format, ...)
{
	static char texts[TEXTS][TEXT_MAX];
	static size_t turn;
	char *text = texts[turn++ % TEXTS];
	char sql[SQL_MAX];
	va_list arguments;

	va_start(arguments, format);
	format_sql(sql, format, arguments);
	va_end(arguments);
	text[0] = '\0';
	(void)scalar(stand, sql, text, TEXT_MAX);
	return text;
}

int64_t
stand_insert(struct stand *stand, const char *columns, const char *values, ...)
{
	char list[SQL_MAX / 2];
	char sql[SQL_MAX];
	sqlite3 *db;
	int64_t id;
	va_list arguments;

	va_start(arguments, values);
	vsnprintf(list, sizeof(list), values, arguments);
	va_end(arguments);
	snprintf(sql, sizeof(sql), "INSERT INTO outbox (%s) VALUES (%s)", columns, list);
	db = open_app(stand);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s\n%s", sqlite3_errmsg(db), sql);
	id = sqlite3_last_insert_rowid(db);
	sqlite3_close(db);
	return id;
}

int64_t
stand_order(
    struct stand *stand, const char *destination, const char *profile, const char *reference)
{
	if (strcmp(profile, "riverty") == 0)
		return stand_insert(stand, "destination, operation, reference, body",
		    "'%s', 'authorize', '%s', "
		    "'{\"order\":{\"number\":\"%s\",\"totalGrossAmount\":10.10}}'",
		    destination, reference, reference);
	if (strcmp(profile, "vrio") == 0)
		return stand_insert(stand, "destination, operation, reference, body",
		    "'%s', 'order', '%s', "
		    "'{\"connection_order_id\":\"%s\",\"action\":\"process\"}'",
		    destination, reference, reference);
	if (strcmp(profile, "travlinq") == 0)
		return stand_insert(stand, "destination, operation, reference, headers, body",
		    "'%s', 'flight-book', '%s', "
		    "'{\"conversationId\":\"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002\"}', "
		    "'{\"offerId\":\"%s\"}'",
		    destination, reference, reference);
	return stand_insert(stand, "destination, operation, reference, path, body",
	    "'%s', 'post', '%s', '/generic/pay', '{\"reference\":\"%s\"}'", destination, reference,
	    reference);
}

void
stand_show(struct stand *stand)
{
	sqlite3 *db = open_app(stand);
	sqlite3_stmt *statement = NULL;
	char *log = scratch_read(scratch_path(stand->dir, "outboxd.log"), NULL);
	size_t length = strlen(log);

	sqlite3_prepare_v2(db,
	    "SELECT id, destination, operation, reference, state, result, attempts, polls, reason "
	    "FROM "
	    "outbox_status ORDER BY state = 'done', id LIMIT 60",
	    -1, &statement, NULL);
	while (statement != NULL && sqlite3_step(statement) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(statement); i++) {
			const unsigned char *text = sqlite3_column_text(statement, i);

			fprintf(stderr, "%s%s", i == 0 ? "" : " | ",
			    text == NULL ? "-" : (const char *)text);
		}
		fputc('\n', stderr);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	fprintf(stderr, "... outboxd.log ends:\n%s\n", length > 6000 ? log + length - 6000 : log);
	free(log);
}

bool
stand_wait(struct stand *stand, const char *format, ...)
{
	char sql[SQL_MAX];
	int64_t until = stand_clock_ms() + STAND_PATIENCE_MS;
	va_list arguments;

	va_start(arguments, format);
	format_sql(sql, format, arguments);
	va_end(arguments);
	do {
		char text[TEXT_MAX] = "";

		if (scalar(stand, sql, text, sizeof(text)) && strtoll(text, NULL, 10) != 0)
			return true;
		stand_sleep_ms(10);
	} while (stand_clock_ms() < until);
	fprintf(stderr, "waited in vain for: %s\n", sql);
	stand_show(stand);
	return false;
}

bool
stand_wait_settled(struct stand *stand)
{
	return stand_wait(stand, "SELECT NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE state NOT "
				 "IN ('done', 'held'))");
}

const char *
stand_outcome(struct stand *stand, int64_t id)
{
	return stand_text(stand,
	    "SELECT coalesce(result, state) FROM outbox_status WHERE id = %lld", (long long)id);
}

const char *
stand_await(struct stand *stand, int64_t id)
{
	if (!stand_wait(stand,
		"SELECT state IN ('done', 'held') FROM outbox_status WHERE id = %lld",
		(long long)id))
		return "(not in time)";
	return stand_outcome(stand, id);
}

const char *
stand_ask(struct stand *stand, const char *columns, const char *values, const char **answer)
{
	int64_t id;
	sqlite3 *db = open_app(stand);
	char sql[SQL_MAX];

	snprintf(sql, sizeof(sql), "INSERT INTO outbox_control (%s) VALUES (%s)", columns, values);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s\n%s", sqlite3_errmsg(db), sql);
	id = sqlite3_last_insert_rowid(db);
	sqlite3_close(db);
	if (!stand_wait(stand, "SELECT status <> 'open' FROM outbox_control WHERE id = %lld",
		(long long)id))
		return "open";
	if (answer != NULL)
		*answer = stand_text(
		    stand, "SELECT answer FROM outbox_control WHERE id = %lld", (long long)id);
	return stand_text(
	    stand, "SELECT status FROM outbox_control WHERE id = %lld", (long long)id);
}
