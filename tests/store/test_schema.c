/*
 * test_schema.c - the tables as the app sees them: what an INSERT makes, what is refused, what the
 * views say in every state, and that an old SQLite can read it all (T19, T23, promise P7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/outboxdb.h"
#include "lib/scratch.h"
#include "schema_sql.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
insert(sqlite3 *db, const char *reference)
{
	sql(db,
	    "INSERT INTO outbox (destination, operation, reference, body) VALUES ('vrio', 'order', "
	    "'%s', '{}')",
	    reference);
}

/* As the daemon would: past the guards. */
static void
force(sqlite3 *db, const char *format, int64_t id)
{
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(db,
	    "PRAGMA ignore_check_constraints = ON; UPDATE outbox_delivery SET %s WHERE outbox_id = "
	    "%lld;"
	    "PRAGMA ignore_check_constraints = OFF;"
	    "UPDATE outbox_delivery SET open = (state <> 'done' AND state <> 'held') WHERE "
	    "outbox_id = %lld",
	    format, (long long)id, (long long)id);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

static const char *
column(sqlite3 *db, const char *name, int64_t id)
{
	return sql_text(
	    db, "SELECT %s FROM outbox_delivery WHERE outbox_id = %lld", name, (long long)id);
}

static int64_t
now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

/* --- what an insert makes --- */

static void
test_an_insert_makes_a_delivery(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;
	int64_t created_at;

	insert(app, "A");
	assert_string_equal(column(app, "state", 1), "queued");
	assert_string_equal(column(app, "destination || operation || reference", 1), "vrioorderA");
	assert_int_equal(sql_integer(app, "SELECT due_at FROM outbox_delivery"), 0);
	assert_int_equal(sql_integer(app, "SELECT deadline_at FROM outbox_delivery"), -1);
	created_at = sql_integer(app, "SELECT created_at FROM outbox");
	assert_in_range(created_at, now_ms() - 5000, now_ms() + 5000);
	assert_int_equal(sql_integer(app, "SELECT created_at FROM outbox_delivery"), created_at);
	assert_in_range(sql_integer(app, "SELECT eligible_at FROM outbox_delivery"), created_at - 5,
	    created_at + 5000);
}

static void
test_times_of_the_app(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	sql(app, "INSERT INTO outbox (destination, operation, not_before, expires_at) "
		 "VALUES ('d', 'o', 9000000000000, 9000000000001)");
	assert_int_equal(sql_integer(app, "SELECT due_at FROM outbox_delivery"), 9000000000000);
	assert_int_equal(
	    sql_integer(app, "SELECT eligible_at FROM outbox_delivery"), 9000000000000);
	assert_int_equal(
	    sql_integer(app, "SELECT deadline_at FROM outbox_delivery"), 9000000000001);
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, not_before) VALUES ('d', 'o', 1.5)",
	    "CHECK");
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, expires_at) VALUES ('d', 'o', 'soon')",
	    "CHECK");
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, created_at) VALUES ('d', 'o', 'now')",
	    "CHECK");
	sql_refused(
	    app, "INSERT INTO outbox (destination, operation) VALUES (NULL, 'o')", "NOT NULL");
	sql_refused(app, "INSERT INTO outbox (destination) VALUES ('d')", "NOT NULL");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_delivery"), 1);
}

/* Many rows in one statement, and the app's own ROLLBACK takes the deliveries along. */
static void
test_in_the_apps_transaction(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	sql(app, "BEGIN; INSERT INTO outbox (destination, operation, body) VALUES ('d', 'o', '1'), "
		 "('d', 'o', '2'); ROLLBACK");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_delivery"), 0);
	sql(app, "INSERT INTO outbox (destination, operation, body) VALUES ('d', 'o', '1'), ('d', "
		 "'o', '2')");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_delivery"), 2);
}

/* --- the same order twice --- */

static void
test_a_reference_is_used_once(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', 'A')",
	    "UNIQUE");
	/* another operation, another destination, no reference at all: other transactions */
	sql(app, "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', "
		 "'process', 'A')");
	sql(app, "INSERT INTO outbox (destination, operation, reference) VALUES ('other', 'order', "
		 "'A')");
	sql(app, "INSERT INTO outbox (destination, operation) VALUES ('vrio', 'order'), ('vrio', "
		 "'order')");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_delivery"), 5);
	/* The same bytes in another type give the same key: SQLite alone would take them for
	 * another reference. */
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', "
	    "CAST('A' AS BLOB))",
	    "already used");
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', CAST('order' "
	    "AS BLOB), 'A')",
	    "already used");
	sql(app, "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', "
		 "CAST('B' AS BLOB))");
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', 'B')",
	    "already used");
}

/* INSERT OR REPLACE fires no DELETE trigger: it must not reset a row in flight. With recursive
 * triggers neither. */
static void
test_or_replace(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	force(app,
	    "state = 'sending', kind = 'keyless', request_hash = x'00', exposed_at = 5, due_at = "
	    "NULL",
	    1);
	for (int recursive = 0; recursive < 2; recursive++) {
		sql(app, "PRAGMA recursive_triggers = %d", recursive);
		sql_refused(app,
		    "INSERT OR REPLACE INTO outbox (destination, operation, reference) VALUES "
		    "('vrio', 'order', 'A')",
		    "outbox:");
		sql_refused(app,
		    "REPLACE INTO outbox (id, destination, operation, reference) VALUES (1, "
		    "'vrio', 'order', 'B')",
		    "outbox:");
		sql_refused(app,
		    "REPLACE INTO outbox (id, destination, operation) VALUES (1, 'vrio', 'order')",
		    "outbox:");
		assert_string_equal(column(app, "state || exposed_at", 1), "sending5");
		assert_string_equal(
		    sql_text(app, "SELECT reference FROM outbox WHERE id = 1"), "A");
	}
	force(app, "state = 'done', result = 'succeeded'", 1);
	for (int recursive = 0; recursive < 2; recursive++) {
		sql(app, "PRAGMA recursive_triggers = %d", recursive);
		sql_refused(app,
		    "REPLACE INTO outbox (id, destination, operation) VALUES (1, 'vrio', 'order')",
		    "outbox:");
		sql_refused(app,
		    "REPLACE INTO outbox (destination, operation, reference) VALUES ('vrio', "
		    "'order', 'A')",
		    "outbox:");
	}
	assert_string_equal(column(app, "result", 1), "succeeded");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox"), 1);
}

static void
test_or_ignore_and_upsert(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	sql(app, "INSERT OR IGNORE INTO outbox (destination, operation, reference, body) "
		 "VALUES ('vrio', 'order', 'A', 'other')");
	sql(app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', 'A') "
	    "ON CONFLICT (destination, operation, reference) DO NOTHING");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox"), 1);
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_delivery"), 1);
	assert_string_equal(sql_text(app, "SELECT body FROM outbox"), "{}");
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', 'A') "
	    "ON CONFLICT (destination, operation, reference) DO UPDATE SET body = excluded.body",
	    "never changed");
	/* what OR IGNORE lets in has its delivery, too */
	sql(app, "INSERT OR IGNORE INTO outbox (destination, operation, reference) VALUES ('vrio', "
		 "'order', 'B')");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_delivery"), 2);
}

/* Deleted or purged: the id and the reference stay taken (T23). */
static void
test_ids_and_references_outlive_their_rows(void **state)
{
	static const char *const inserts[] = {"INSERT", "INSERT OR REPLACE", "INSERT OR ABORT",
	    "INSERT OR FAIL", "INSERT OR ROLLBACK", "INSERT OR IGNORE"};
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	force(app, "state = 'done', result = 'succeeded'", 1);
	sql(app, "DELETE FROM outbox WHERE id = 1");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox"), 0);
	for (size_t i = 0; i < COUNT(inserts); i++) {
		char text[200];

		(void)snprintf(text, sizeof(text),
		    "%s INTO outbox (destination, operation, reference) VALUES ('vrio', 'order', "
		    "'A')",
		    inserts[i]);
		sql_refused(app, text, "reference was already used");
		(void)snprintf(text, sizeof(text),
		    "%s INTO outbox (id, destination, operation) VALUES (1, 'd', 'o')", inserts[i]);
		sql_refused(app, text, "id was used before");
	}
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox"), 0);
	insert(app, "B");
	assert_int_equal(
	    sql_integer(app, "SELECT max(id) FROM outbox"), 2); /* ids are not reissued */
	assert_string_equal(
	    sql_text(app, "SELECT result FROM outbox_status WHERE reference = 'A'"), "succeeded");
}

/* --- chains --- */

static const char *
child_of(sqlite3 *app, int64_t parent)
{
	int64_t child;

	sql(app,
	    "INSERT INTO outbox (destination, operation, after_id) VALUES ('vrio', 'order', %lld)",
	    (long long)parent);
	child = sql_integer(app, "SELECT max(id) FROM outbox");
	return sql_text(app,
	    "SELECT state || ' ' || coalesce(due_at, 'asleep') FROM outbox_delivery WHERE "
	    "outbox_id = %lld",
	    (long long)child);
}

static void
test_children(void **state)
{
	static const struct {
		const char *parent;
		const char *child;
	} cases[] = {
	    {"state = 'queued'", "blocked asleep"},
	    {"state = 'held', hold_cause = 'operator'", "blocked asleep"},
	    {"state = 'pending', kind = 'keyless', request_hash = x'00', fetch_url = 'u'",
		"blocked asleep"},
	    {"state = 'done', result = 'succeeded'", "queued 0"},
	    {"state = 'done', result = 'succeeded', reason = 'resolved by me: ok'", "queued 0"},
	    {"state = 'done', result = 'succeeded', reason = 'action_required'", "blocked 0"},
	    {"state = 'done', result = 'failed'", "blocked 0"},
	    {"state = 'done', result = 'expired'", "blocked 0"},
	    {"state = 'done', result = 'canceled'", "blocked 0"},
	    {"state = 'done', result = 'invalid'", "blocked 0"},
	    {"state = 'done', result = 'unknown'", "blocked 0"},
	};
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char reference[16];
		int64_t parent;

		(void)snprintf(reference, sizeof(reference), "p%d", (int)i);
		insert(app, reference);
		parent = sql_integer(app, "SELECT max(id) FROM outbox");
		force(app, cases[i].parent, parent);
		if (strcmp(child_of(app, parent), cases[i].child) != 0)
			fail_msg("%s: %s", cases[i].parent, child_of(app, parent));
	}
	sql_refused(app,
	    "INSERT INTO outbox (destination, operation, after_id) VALUES ('d', 'o', 4711)",
	    "CHECK");
	sql_refused(app,
	    "INSERT INTO outbox (id, destination, operation, after_id) VALUES (9999, 'd', 'o', "
	    "4711)",
	    "after_id names no row");
	sql_refused(app,
	    "INSERT INTO outbox (id, destination, operation, after_id) VALUES (9999, 'd', 'o', "
	    "9999)",
	    "CHECK");
}

/* A parent that was purged is known by its kept delivery. With foreign keys on, the app's own
 * PRAGMA decides. */
static void
test_children_of_a_purged_parent(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	force(app, "state = 'done', result = 'succeeded'", 1);
	sql(app, "DELETE FROM outbox WHERE id = 1");
	assert_string_equal(child_of(app, 1), "queued 0");
}

static void
test_foreign_keys_of_the_app(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	sql(app, "PRAGMA foreign_keys = ON");
	insert(app, "A");
	assert_string_equal(child_of(app, 1), "blocked asleep");
	assert_string_equal(sql_text(app, "PRAGMA foreign_key_check"), "");
}

/* --- what is refused --- */

static void
test_rows_are_never_changed(void **state)
{
	static const char *const columns[] = {"id", "destination", "operation", "path", "headers",
	    "content_type", "reference", "idempotency_key", "after_id", "not_before", "expires_at",
	    "created_at"};
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "X");
	insert(app, "A");
	for (int done = 0; done < 2; done++) {
		for (size_t i = 0; i < COUNT(columns); i++) {
			char text[120];

			(void)snprintf(text, sizeof(text),
			    "UPDATE outbox SET %s = 1, body = NULL WHERE id = 2", columns[i]);
			sql_refused(app, text, "never changed");
			(void)snprintf(text, sizeof(text),
			    "UPDATE OR IGNORE outbox SET %s = 1 WHERE id = 2", columns[i]);
			sql_refused(app, text, "never changed");
		}
		force(app, "state = 'done', result = 'succeeded'", 2);
	}
}

static void
test_bodies_may_be_blanked(void **state)
{
	static const struct {
		const char *where;
		bool allowed;
	} cases[] = {
	    {"state = 'queued', result = NULL", false},
	    {"state = 'held', hold_cause = 'operator'", false},
	    {"state = 'done', hold_cause = NULL, result = 'unknown'", false},
	    {"state = 'done', result = 'succeeded'", true},
	    {"state = 'done', result = 'failed'", true},
	    {"state = 'done', result = 'canceled'", true},
	};
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	for (size_t i = 0; i < COUNT(cases); i++) {
		force(app, cases[i].where, 1);
		sql_refused(app, "UPDATE outbox SET body = 'other'", "never changed");
		sql_refused(app, "UPDATE outbox SET body = 0", "never changed");
		if (!cases[i].allowed) {
			sql_refused(app, "UPDATE outbox SET body = NULL", "never changed");
			sql_refused(app, "UPDATE outbox SET body = ''", "never changed");
			sql_refused(app, "DELETE FROM outbox", "cannot be deleted");
		}
	}
	sql(app, "UPDATE outbox SET body = ''");
	sql(app, "UPDATE outbox SET body = x''");
	sql(app, "UPDATE outbox SET body = NULL");
	assert_int_equal(sql_integer(app, "SELECT body IS NULL FROM outbox"), 1);
}

/* Deleting keeps delivery and result; attempts go. */
static void
test_delete(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	force(app, "state = 'done', result = 'failed', reason = 'declined'", 1);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(app, "INSERT INTO outbox_attempt (outbox_id, n, phase, started_at, ended_at, evidence) "
		 "VALUES (1, 1, 'submit', 1, 2, 'answered')");
	sql(app,
	    "INSERT INTO outbox_result (outbox_id, result, finished_at) VALUES (1, 'failed', 3)");
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
	sql(app, "DELETE FROM outbox WHERE id = 1");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_attempt"), 0);
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_result"), 1);
	assert_string_equal(
	    sql_text(app, "SELECT result || reason FROM outbox_status"), "faileddeclined");
}

static void
test_guards(void **state)
{
	static const char *const refused[] = {
	    "UPDATE outbox_delivery SET state = 'retry'",
	    "UPDATE outbox_delivery SET exposed_at = NULL",
	    "UPDATE OR IGNORE outbox_delivery SET idempotency_key = 'mine'",
	    "DELETE FROM outbox_delivery",
	    "INSERT INTO outbox_delivery (outbox_id, destination, operation, created_at, state, "
	    "eligible_at) "
	    "VALUES (99, 'd', 'o', 1, 'queued', 1)",
	    "INSERT INTO outbox_delivery (outbox_id, destination, operation, created_at, state, "
	    "eligible_at, result) "
	    "VALUES (1, 'd', 'o', 1, 'done', 1, 'succeeded')",
	    "INSERT OR REPLACE INTO outbox_delivery (outbox_id, destination, operation, "
	    "created_at, state, eligible_at) "
	    "VALUES (1, 'vrio', 'order', 1, 'queued', 1)",
	    "REPLACE INTO outbox_delivery SELECT * FROM outbox_delivery",
	    "INSERT INTO outbox_result (outbox_id, result, finished_at) VALUES (2, 'succeeded', 1)",
	    "REPLACE INTO outbox_result (outbox_id, result, finished_at) VALUES (1, 'succeeded', "
	    "1)",
	    "UPDATE outbox_result SET result = 'succeeded'",
	    "DELETE FROM outbox_result",
	    "UPDATE outbox_control SET status = 'done'",
	    "UPDATE outbox_control SET text = 'I never said that'",
	    "DELETE FROM outbox_control",
	    "REPLACE INTO outbox_control (id, command) VALUES (1, 'resolve')",
	    "INSERT INTO outbox_control (command, status) VALUES ('retry', 'done')",
	    "INSERT INTO outbox_control (command, answer) VALUES ('retry', 'done')",
	};
	sqlite3 *app = ((struct outboxdb *)*state)->app;
	char *before;

	insert(app, "A");
	sql(app, "INSERT INTO outbox_control (command, outbox_id, text) VALUES ('cancel', 1, "
		 "'customer called')");
	force(app, "state = 'done', result = 'unknown', exposed_at = 5", 1);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(app,
	    "INSERT INTO outbox_result (outbox_id, result, finished_at) VALUES (1, 'unknown', 3)");
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
	before = strdup(sql_text(app, "SELECT group_concat(state || result || exposed_at) || "
				      "(SELECT result FROM outbox_result) || "
				      "(SELECT group_concat(id || command || status || text) FROM "
				      "outbox_control) FROM outbox_delivery"));
	for (int recursive = 0; recursive < 2; recursive++) {
		sql(app, "PRAGMA recursive_triggers = %d", recursive);
		for (size_t i = 0; i < COUNT(refused); i++)
			sql_refused(app, refused[i], "outbox");
	}
	assert_string_equal(
	    before, sql_text(app, "SELECT group_concat(state || result || exposed_at) || (SELECT "
				  "result FROM outbox_result) || "
				  "(SELECT group_concat(id || command || status || text) FROM "
				  "outbox_control) FROM outbox_delivery"));
	free(before);
	/* what the operator may do stays possible */
	sql(app, "INSERT INTO outbox_control (command, outbox_id, argument, text) VALUES "
		 "('resolve', 1, 'failed', 'gone')");
	sql(app, "INSERT INTO outbox_control (command, destination) VALUES ('hold', 'vrio')");
	assert_int_equal(
	    sql_integer(app, "SELECT count(*) FROM outbox_control WHERE status = 'open'"), 3);
}

/* --- views --- */

static const struct {
	const char *facts;
	const char *status; /* state, result, next_at set? */
	const char *stuck;  /* cause, or "" */
} rows[] = {
    {"state = 'blocked', due_at = NULL", "blocked - -", ""},
    {"state = 'queued', due_at = 0", "queued - -", ""},
    {"state = 'queued', due_at = 9000000000000", "queued - 2255", ""},
    {"state = 'queued', deadline_at = 1000", "queued - -", "late"},
    {"state = 'retry', deadline_at = 1000, exposed_at = 5, due_at = 1000", "retry - 1970", ""},
    {"state = 'claimed', kind = 'keyless', request_hash = x'00', due_at = NULL", "claimed - -", ""},
    {"state = 'sending', kind = 'keyed', request_hash = x'00', exposed_at = 5, due_at = NULL",
	"sending - -", ""},
    {"state = 'retry', due_at = 1000", "retry - 1970", ""},
    {"state = 'pending', request_hash = x'00', fetch_url = 'https://g/1', exposed_at = 5, due_at = "
     "1000",
	"pending - 1970", ""},
    {"state = 'pending', request_hash = x'00', fetch_url = 'https://g/1', exposed_at = 5, "
     "deadline_at = 1000",
	"pending - -", "late"},
    {"state = 'held', hold_cause = 'configuration', resume_state = 'queued', due_at = NULL",
	"held - -", "held"},
    {"state = 'held', hold_cause = 'operator', resume_state = 'queued', due_at = NULL", "held - -",
	"held"},
    {"state = 'held', hold_cause = 'fetch_url', resume_state = 'pending', due_at = NULL",
	"held - -", "held"},
    {"state = 'held', hold_cause = 'redirect', resume_state = 'pending', due_at = NULL", "held - -",
	"held"},
    {"state = 'held', hold_cause = 'frozen', resume_state = 'retry', due_at = NULL", "held - -",
	"held"},
    {"state = 'held', hold_cause = 'key_conflict', resume_state = 'retry', due_at = NULL",
	"held - -", "held"},
    {"state = 'held', hold_cause = 'restored', resume_state = 'blocked', due_at = NULL", "held - -",
	"held"},
    {"state = 'done', result = 'succeeded', due_at = NULL", "done succeeded -", ""},
    {"state = 'done', result = 'failed', due_at = NULL", "done failed -", ""},
    {"state = 'done', result = 'expired', due_at = NULL", "done expired -", ""},
    {"state = 'done', result = 'canceled', due_at = NULL", "done canceled -", ""},
    {"state = 'done', result = 'invalid', due_at = NULL", "done invalid -", ""},
    {"state = 'done', result = 'unknown', due_at = NULL", "done unknown -", "unknown"},
};

static void
test_views_of_every_state(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	for (size_t i = 0; i < COUNT(rows); i++) {
		char reference[16];
		int64_t id;

		(void)snprintf(reference, sizeof(reference), "r%d", (int)i);
		insert(app, reference);
		id = sql_integer(app, "SELECT max(id) FROM outbox");
		force(app, rows[i].facts, id);
		if (strcmp(sql_text(app,
			       "SELECT state || ' ' || coalesce(result, '-') || ' ' || "
			       "coalesce(substr(next_at, 1, 4), '-') "
			       "FROM outbox_status WHERE id = %lld",
			       (long long)id),
			rows[i].status) != 0)
			fail_msg("%s: outbox_status", rows[i].facts);
		if (strcmp(sql_text(app,
			       "SELECT group_concat(cause) FROM outbox_stuck WHERE id = %lld",
			       (long long)id),
			rows[i].stuck) != 0)
			fail_msg("%s: outbox_stuck", rows[i].facts);
		assert_int_equal(sql_integer(app,
				     "SELECT count(*) FROM outbox_stuck WHERE id = %lld AND "
				     "(advice IS NULL OR since IS NULL)",
				     (long long)id),
		    0);
	}
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_status"), COUNT(rows));
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_health"), 1);
	assert_string_equal(
	    sql_text(app,
		"SELECT blocked || ' ' || queued || ' ' || in_flight || ' ' || retry || ' ' || "
		"pending || ' ' || "
		"held_rows || ' ' || unknown || ' ' || held_destinations FROM outbox_health"),
	    "1 3 2 2 2 7 1 0");
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_health"), "never started");
	assert_string_equal(sql_text(app, "SELECT strftime('%%s', since) <= strftime('%%s', 'now') "
					  "FROM outbox_stuck LIMIT 1"),
	    "1");
}

/* A row that is held long before its not_before has not waited since then. */
static void
test_stuck_since_the_past(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	assert_string_equal(child_of(app, 1), "blocked asleep");
	force(app, "state = 'done', result = 'unknown', due_at = NULL", 1);
	force(app, "eligible_at = 4102444800000", 2);
	insert(app, "B");
	force(app, "state = 'held', hold_cause = 'operator', eligible_at = 4102444800000", 3);
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_stuck"), 3);
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_stuck "
					  "WHERE julianday(since) > julianday('now')"),
	    0);
}

static void
test_stuck_chains_and_destinations(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	insert(app, "A");
	assert_string_equal(child_of(app, 1), "blocked asleep");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_stuck"), 0);
	force(app, "state = 'done', result = 'unknown', due_at = NULL", 1);
	assert_string_equal(sql_text(app, "SELECT group_concat(id || cause) FROM outbox_stuck"),
	    "1unknown,2parent");
	force(app,
	    "state = 'done', result = 'succeeded', reason = 'action_required', due_at = NULL", 1);
	assert_string_equal(sql_text(app, "SELECT reason FROM outbox_stuck WHERE id = 2"),
	    "waits for outbox row 1, which is succeeded (action_required)");
	force(app, "state = 'done', result = 'succeeded', reason = NULL, due_at = NULL", 1);
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_stuck"), 0);
	sql(app, "INSERT INTO outbox_destination (destination, held, cause, reason, since) "
		 "VALUES ('vrio', 1, 'credentials', '401', 5)");
	assert_string_equal(sql_text(app, "SELECT id || cause || reason FROM outbox_stuck"),
	    "2destinationdestination held: 401");
	/* once only, also when it is late as well */
	force(app, "state = 'queued', deadline_at = 1000, due_at = 0", 2);
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM outbox_stuck"), 1);
	assert_int_equal(sql_integer(app, "SELECT held_destinations FROM outbox_health"), 1);
}

static void
test_health(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	sql(app, "INSERT INTO outbox_meta VALUES ('heartbeat_at', %lld)", (long long)now_ms());
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_health"), "running");
	insert(app, "A");
	force(app, "due_at = 0, eligible_at = eligible_at - 7000", 1);
	assert_in_range(sql_integer(app, "SELECT oldest_due_age_s FROM outbox_health"), 6, 12);
	force(app, "due_at = 9000000000000", 1);
	assert_int_equal(sql_integer(app, "SELECT oldest_due_age_s FROM outbox_health"), 0);
	force(app, "state = 'done', result = 'unknown'", 1);
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_health"), "attention");
	sql(app, "INSERT INTO outbox_meta VALUES ('mode', 'adopt')");
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_health"), "adopt");
	sql(app, "UPDATE outbox_meta SET value = value - 61000 WHERE name = 'heartbeat_at'");
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_health"), "silent");
	/* Written by a clock that was ahead: for a year it would seem fresh. */
	sql(app, "UPDATE outbox_meta SET value = value + 31536000000 WHERE name = 'heartbeat_at'");
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_health"), "silent");
}

/* The columns that documents promise, by name. */
static void
test_promised_columns(void **state)
{
	static const char *const promised[] = {
	    "SELECT id, destination, operation, path, headers, body, content_type, reference, "
	    "idempotency_key, after_id, "
	    "not_before, expires_at, created_at FROM outbox",
	    "SELECT id, destination, operation, reference, state, result, http_status, attempts, "
	    "polls, idempotency_key, "
	    "fetch_url, next_at, reason, created_at, finished_at FROM outbox_status",
	    "SELECT outbox_id, result, http_status, body, reason, finished_at, revision FROM "
	    "outbox_result",
	    "SELECT outbox_id, n, phase, started_at, ended_at, evidence, http_status, error, rule "
	    "FROM outbox_attempt",
	    "SELECT id, command, outbox_id, destination, argument, key_mode, text, created_by, "
	    "created_at, status, answer, "
	    "done_at FROM outbox_control",
	    "SELECT id, reason FROM outbox_stuck",
	    "SELECT status FROM outbox_health",
	};
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	for (size_t i = 0; i < COUNT(promised); i++)
		sql(app, "%s", promised[i]);
	/* everything but command may be left out */
	sql(app, "INSERT INTO outbox_control (command) VALUES ('clock')");
	assert_string_equal(sql_text(app, "SELECT status FROM outbox_control"), "open");
}

/* --- readable by old SQLite --- */

/* SQL without comments and without what stands in quotes. */
static char *
bare(const char *text)
{
	char *out = calloc(1, strlen(text) + 1);
	size_t n = 0;

	assert_non_null(out);
	while (*text != '\0') {
		if (strncmp(text, "--", 2) == 0) {
			text += strcspn(text, "\n");
		} else if (*text == '\'') {
			text += 1 + strcspn(text + 1, "'");
			text += *text == '\'';
		} else {
			out[n++] = (char)toupper((unsigned char)*text++);
		}
	}
	return out;
}

static bool
holds_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
		bool starts = at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '_');
		bool ends = !isalnum((unsigned char)at[length]) && at[length] != '_';

		if ((starts && ends) || !isalpha((unsigned char)*word))
			return true;
	}
	return false;
}

/* One construct that SQLite 3.26 cannot parse, and the app can no longer open its own database. */
static void
test_old_sqlite_can_read_it(void **state)
{
	static const char *const newer[] = {"STRICT", "RETURNING", "GENERATED", "STORED", "VIRTUAL",
	    "->", "IIF", "UNIXEPOCH", "FILTER", "NULLS", "MATERIALIZED", "SQLITE_SCHEMA", "TRUE",
	    "FALSE", "DISTINCT FROM", "RIGHT JOIN", "FULL JOIN", "UPDATE FROM", "WINDOW", "OVER",
	    "JSON", "JSON_EXTRACT", "JSON_VALID", "FORMAT", "CONCAT", "OCTET_LENGTH", "STRING_AGG",
	    "SIGN", "POW", "LN", "FLOOR", "CEIL", "JSONB", "TIMEDIFF", "SUBSTRING"};

	(void)state;
	for (int i = 0; i <= schema_migration_count; i++) {
		char *text = bare(i < schema_migration_count ? schema_migrations[i] : schema_code);

		assert_true(strstr(text, "CREATE") != NULL || strstr(text, "ALTER") != NULL);
		for (size_t j = 0; j < COUNT(newer); j++)
			if (holds_word(text, newer[j]))
				fail_msg("%s in %s", newer[j],
				    i < schema_migration_count ? "a migration" : "code.sql");
		free(text);
	}
	assert_true(holds_word("A -> B", "->"));
	assert_true(holds_word("CREATE TABLE T(A) STRICT", "STRICT"));
	assert_false(holds_word("RESTRICTED", "STRICT"));
}

/* The merchant's pragmas stay the merchant's. */
static void
test_user_version_is_not_ours(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	assert_int_equal(sql_integer(app, "PRAGMA user_version"), 0);
	assert_int_equal(sql_integer(app, "PRAGMA application_id"), 0);
	assert_string_equal(sql_text(app, "PRAGMA integrity_check"), "ok");
	assert_int_equal(sql_integer(app, "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE "
					  "'outbox%%' AND name NOT LIKE 'sqlite_%%'"),
	    0);
}

/* Apps with defensive settings can read and write it, too. */
static void
test_untrusted_schema(void **state)
{
	sqlite3 *app = ((struct outboxdb *)*state)->app;

	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sql(app, "PRAGMA cell_size_check = ON; PRAGMA case_sensitive_like = ON; PRAGMA "
		 "recursive_triggers = ON");
	insert(app, "A");
	sql(app,
	    "SELECT * FROM outbox_status; SELECT * FROM outbox_stuck; SELECT * FROM outbox_health");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, outboxdb_set_up, outboxdb_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_insert_makes_a_delivery),
	    TEST(test_times_of_the_app),
	    TEST(test_in_the_apps_transaction),
	    TEST(test_a_reference_is_used_once),
	    TEST(test_or_replace),
	    TEST(test_or_ignore_and_upsert),
	    TEST(test_ids_and_references_outlive_their_rows),
	    TEST(test_children),
	    TEST(test_children_of_a_purged_parent),
	    TEST(test_foreign_keys_of_the_app),
	    TEST(test_rows_are_never_changed),
	    TEST(test_bodies_may_be_blanked),
	    TEST(test_delete),
	    TEST(test_guards),
	    TEST(test_views_of_every_state),
	    TEST(test_stuck_since_the_past),
	    TEST(test_stuck_chains_and_destinations),
	    TEST(test_health),
	    TEST(test_promised_columns),
	    TEST(test_old_sqlite_can_read_it),
	    TEST(test_user_version_is_not_ours),
	    TEST(test_untrusted_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
