/*
 * test_store.c - the daemon's side of the tables: open and refuse, what is due, moves, results,
 * requests, replaced, busy and full databases, and that the loop's statements find their rows by an
 * index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/store_parts.h" /* for the connection itself: a small disk */
#include "lib/outboxdb.h"
#include "lib/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BUSY_MS = 50 };

static const unsigned char some_hash[KEY_HASH_SIZE] = {1, 2, 3};

/* --- small steps --- */

/* Of SQLite, for all connections of this process. */
static void
limit_memory(bool none_left)
{
	(void)sqlite3_hard_heap_limit64(
	    none_left ? 1 : 0); /* 0: that is off, but not the soft one that came with it */
	(void)sqlite3_soft_heap_limit64(none_left ? 1 : 0);
}

static void
insert(sqlite3 *db, const char *destination, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		sql(db,
		    "INSERT INTO outbox (destination, operation, body) VALUES ('%s', 'order', "
		    "'{}')",
		    destination);
}

static void
begin(struct store *store)
{
	enum store_status status = store_begin(store, BUSY_MS, STORE_SYNC_IN_COMMIT);

	if (status != STORE_OK)
		fail_msg("begin: %d %s", (int)status, store_error(store));
}

static void
commit(struct store *store)
{
	assert_int_equal(store_commit(store), STORE_OK);
}

static struct store_row *
row_of(struct store *store, int64_t id)
{
	struct store_row *row;

	assert_int_equal(store_row(store, id, &row), STORE_OK);
	assert_int_equal(row->txn.id, id);
	return row;
}

static void
apply(struct store *store, int64_t id, const struct txn_step *step)
{
	struct store_row *row = row_of(store, id);
	enum state from = row->txn.state;

	if (txn_apply(&row->txn, step) == -1)
		fail_msg("%s + %s", state_name(from), event_name(step->event));
	assert_int_equal(store_move(store, from, &row->txn, row->reason,
			     row->txn.has_fetch_url ? "https://g/f" : NULL, NULL),
	    STORE_OK);
	store_row_free(row);
}

/* The first claim; own: the key is the app's. */
static enum store_status
try_claim(struct store *store, int64_t id, enum kind kind, const char *key, bool own, int64_t now)
{
	struct store_row *row = row_of(store, id);
	struct txn_step step = {.event = EVENT_CLAIM, .now = now};
	struct store_frozen frozen = {.method = "POST",
	    .url = "https://g/orders",
	    .key_header = key == NULL ? NULL : "Key",
	    .key = key,
	    .own_key = own,
	    .hash = some_hash};
	enum state from = row->txn.state;
	enum store_status status;

	row->txn.frozen = true;
	row->txn.kind = kind;
	assert_int_equal(txn_apply(&row->txn, &step), 0);
	status = store_move(store, from, &row->txn, row->reason, NULL, &frozen);
	store_row_free(row);
	return status;
}

/* From queued to sending. */
static void
send_off(struct store *store, int64_t id, enum kind kind, const char *key, int64_t now)
{
	struct txn_step step = {.event = EVENT_SEND, .now = now};

	assert_int_equal(try_claim(store, id, kind, key, false, now), STORE_OK);
	if (kind == KIND_KEYLESS)
		apply(store, id, &step);
}

static void
event(struct store *store, int64_t id, enum event event, int64_t now, int64_t due_at)
{
	struct txn_step step = {.event = event,
	    .now = now,
	    .due_at = due_at,
	    .deadline_at = now + 1000,
	    .hold = HOLD_OPERATOR,
	    .result = RESULT_UNKNOWN};

	apply(store, id, &step);
}

static void
finish(struct store *store, int64_t id, enum result result)
{
	struct txn_step step = {.event = EVENT_FINISH, .now = 1, .result = result};

	apply(store, id, &step);
}

/* --- init --- */

static enum store_status
init(const struct outboxdb *place, const char *words)
{
	struct text report;
	enum store_status status;

	text_init(&report, 4096);
	status = store_init(place->path, &report);
	if (strstr(text_string(&report), words) == NULL)
		fail_msg("init says: %s; expected: %s", text_string(&report), words);
	text_free(&report);
	return status;
}

static enum store_status
try_open(const struct outboxdb *place, enum store_role role, const char *words)
{
	struct store *store;
	struct text why;
	enum store_status status;

	text_init(&why, 4096);
	status = store_open(place->path, role, &store, &why);
	assert_int_equal(store == NULL, status != STORE_OK);
	if (strstr(text_string(&why), words) == NULL)
		fail_msg("open says: %s; expected: %s", text_string(&why), words);
	text_free(&why);
	store_close(store);
	return status;
}

static void
test_init_twice(void **state)
{
	struct outboxdb *place = *state;
	char *identity;

	assert_int_equal(try_open(place, STORE_DAEMON, "outboxd init --database"), STORE_CONFIG);
	assert_int_equal(init(place, "created the outbox tables"), STORE_OK);
	place->app = outboxdb_connect(place);
	insert(place->app, "d", 1);
	identity =
	    strdup(sql_text(place->app, "SELECT group_concat(name || '=' || hex(value)) || (SELECT "
					"count(*) FROM sqlite_master) FROM outbox_meta"));
	assert_int_equal(init(place, "already"), STORE_OK);
	assert_string_equal(identity,
	    sql_text(place->app, "SELECT group_concat(name || '=' || hex(value)) || (SELECT "
				 "count(*) FROM sqlite_master) FROM outbox_meta"));
	free(identity);
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM outbox_delivery"), 1);
	assert_int_equal(sql_integer(place->app,
			     "SELECT length(value) FROM outbox_meta WHERE name = 'database_id'"),
	    36);
	assert_int_equal(sql_integer(place->app,
			     "SELECT length(value) FROM outbox_meta WHERE name = 'key_secret'"),
	    32);
	assert_int_equal(try_open(place, STORE_DAEMON, ""), STORE_OK);
	assert_int_equal(try_open(place, STORE_CLIENT, ""), STORE_OK);
}

static void
test_init_beside_the_merchants_tables(void **state)
{
	struct outboxdb *place = *state;

	place->app = outboxdb_connect(place);
	sql(place->app, "PRAGMA user_version = 42; PRAGMA application_id = 7;"
			"CREATE TABLE orders (id INTEGER PRIMARY KEY, total TEXT);"
			"CREATE TABLE outbox_archive (a);"
			"CREATE TRIGGER orders_log AFTER INSERT ON orders BEGIN SELECT 1; END;"
			"INSERT INTO orders (total) VALUES ('10.10')");
	assert_int_equal(init(place, "turned WAL mode on"), STORE_OK);
	assert_int_equal(sql_integer(place->app, "PRAGMA user_version"), 42);
	assert_string_equal(sql_text(place->app, "PRAGMA journal_mode"), "wal");
	assert_int_equal(sql_integer(place->app, "PRAGMA application_id"), 7);
	assert_string_equal(sql_text(place->app, "SELECT total FROM orders"), "10.10");
	sql(place->app, "BEGIN; INSERT INTO orders (total) VALUES ('1');"
			"INSERT INTO outbox (destination, operation) VALUES ('d', 'o'); COMMIT");
}

/* What has one of our names and is not ours is neither used nor dropped, and the database stays as
 * it was. */
static void
test_init_refuses_foreign_objects(void **state)
{
	static const char *const foreign[][2] = {
	    {"CREATE TABLE outbox (id)", "table named outbox"},
	    {"CREATE TABLE OutBox (id)", "table named OutBox"},
	    {"CREATE VIEW outbox AS SELECT 1", "view named outbox"},
	    {"CREATE TABLE outbox_result (id)", "table named outbox_result"},
	    {"CREATE VIEW outbox_status AS SELECT 1", "view named outbox_status"},
	    {"CREATE TABLE orders (id); CREATE TRIGGER outbox_insert AFTER INSERT ON orders BEGIN "
	     "SELECT 1; END",
		"trigger named outbox_insert"},
	    {"CREATE TABLE orders (id); CREATE INDEX outbox_delivery_due ON orders (id)",
		"index named outbox_delivery_due"},
	};
	struct outboxdb *place = *state;

	for (size_t i = 0; i < COUNT(foreign); i++) {
		char *before;

		(void)unlink(place->path);
		place->app = outboxdb_connect(place);
		sql(place->app, "%s", foreign[i][0]);
		before =
		    strdup(sql_text(place->app, "SELECT group_concat(sql) FROM sqlite_master"));
		assert_int_equal(init(place, foreign[i][1]), STORE_CONFIG);
		assert_string_equal(
		    before, sql_text(place->app, "SELECT group_concat(sql) FROM sqlite_master"));
		assert_string_equal(sql_text(place->app, "PRAGMA journal_mode"), "delete");
		free(before);
		(void)sqlite3_close(place->app);
		place->app = NULL;
	}
}

/* Its TEXT would not be the bytes that are sent. */
static void
test_init_refuses_utf_16(void **state)
{
	struct outboxdb *place = *state;

	place->app = outboxdb_connect(place);
	sql(place->app, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE orders (id)");
	assert_int_equal(init(place, "UTF-16le"), STORE_CONFIG);
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM sqlite_master"), 1);
	assert_string_equal(sql_text(place->app, "PRAGMA journal_mode"), "delete");
}

/* The list of our names is complete: after init it finds every object of ours. */
static void
test_the_list_of_names_is_complete(void **state)
{
	struct outboxdb *place = *state;

	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM (%s)",
			     statement_sql[STATEMENT_FOREIGN_NAMES]),
	    sql_integer(
		place->app, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'outbox%%'"));
	assert_int_equal(
	    sql_integer(place->app, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"),
	    13);
}

static void
test_foreign_triggers_are_named(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct text names;

	text_init(&names, 4096);
	assert_int_equal(store_foreign_triggers(store, &names), STORE_OK);
	assert_string_equal(text_string(&names), "");
	sql(place->app, "CREATE TRIGGER outbox_spy AFTER UPDATE ON outbox_delivery BEGIN SELECT "
			"RAISE(ABORT, 'no'); END;"
			"CREATE TRIGGER Mine AFTER INSERT ON OUTBOX BEGIN SELECT 1; END;"
			"CREATE TABLE orders (id);"
			"CREATE TRIGGER theirs AFTER INSERT ON orders BEGIN SELECT 1; END");
	assert_int_equal(store_foreign_triggers(store, &names), STORE_OK);
	assert_non_null(strstr(text_string(&names), "outbox_spy on outbox_delivery"));
	assert_non_null(strstr(text_string(&names), "Mine on OUTBOX"));
	assert_null(strstr(text_string(&names), "theirs"));
	text_free(&names);
	/* and it cannot stop us */
	insert(place->app, "d", 1);
	begin(store);
	send_off(store, 1, KIND_KEYED, "k", 5);
	commit(store);
}

/* A claim divides no page: whatever it writes was kept free when the row came. */
static void
test_claims_fit_in_their_place(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	int64_t pages;

	insert(place->app, "d", 100);
	pages = sql_integer(place->app, "PRAGMA page_count");
	begin(store);
	for (int64_t id = 1; id <= 100; id++) {
		char key[40];

		(void)snprintf(key, sizeof(key), "%08d-0000-8000-8000-000000000000", (int)id);
		send_off(store, id, KIND_KEYED, key, 1790000000000);
	}
	commit(store);
	assert_int_equal(sql_integer(place->app, "PRAGMA page_count"), pages);
	assert_int_equal(sql_integer(place->app, "SELECT count(room) FROM outbox_delivery"), 0);
}

static void
test_newer_schema(void **state)
{
	struct outboxdb *place = *state;

	sql(place->app, "UPDATE outbox_meta SET value = value + 1 WHERE name = 'schema_version'");
	assert_int_equal(try_open(place, STORE_DAEMON, "install the newer outboxd"), STORE_CONFIG);
	assert_int_equal(try_open(place, STORE_CLIENT, "install the newer outboxd"), STORE_CONFIG);
	assert_int_equal(init(place, "install the newer outboxd"), STORE_CONFIG);
	assert_int_equal(
	    sql_integer(place->app, "SELECT value FROM outbox_meta WHERE name = 'schema_version'"),
	    store_schema_version() + 1);
	sql(place->app, "UPDATE outbox_meta SET value = 0 WHERE name = 'schema_version'");
	assert_int_equal(try_open(place, STORE_DAEMON, "upgrade it"), STORE_CONFIG);
	sql(place->app, "DELETE FROM outbox_meta WHERE name = 'schema_version'");
	assert_int_equal(try_open(place, STORE_DAEMON, "schema"), STORE_CONFIG);
}

static void
test_not_usable(void **state)
{
	struct outboxdb *place = *state;
	char text[4096];

	sql(place->app, "PRAGMA journal_mode = DELETE");
	assert_int_equal(try_open(place, STORE_DAEMON, "not in WAL mode"), STORE_CONFIG);
	(void)sqlite3_close(place->app);
	place->app = NULL;
	memset(text, 'x', sizeof(text));
	scratch_write(place->path, text, sizeof(text));
	assert_int_equal(try_open(place, STORE_DAEMON, "not a database"), STORE_CORRUPT);
	assert_int_equal(init(place, "not a database"), STORE_CORRUPT);
	(void)unlink(place->path);
	assert_int_equal(try_open(place, STORE_DAEMON, "does not exist"), STORE_CONFIG);
	assert_int_not_equal(access(place->path, F_OK), 0); /* and is not made by opening it */
	assert_int_equal(symlink("/nowhere", place->path), 0);
	assert_int_equal(try_open(place, STORE_DAEMON, "does not exist"), STORE_CONFIG);
}

/* A lost table is no reason to crash. */
static void
test_lost_tables(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_rows rows;

	insert(place->app, "d", 1);
	sql(place->app, "ALTER TABLE outbox_delivery RENAME TO elsewhere");
	assert_int_equal(store_due(store, "d", STATE_QUEUED, 5, true, 9, &rows), STORE_CONFIG);
	assert_int_equal(rows.count, 0);
	assert_int_equal(store_ids_past_deadline(store, 5, (int64_t[1]){0}, 1), -1);
}

/* --- rows --- */

static void
test_due_in_order(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	static const int64_t not_before[] = {30, 10, 20, 10, 9000};
	static const int64_t expected[] = {2, 4, 3, 1};
	struct store_rows rows;
	int64_t due_at;

	for (size_t i = 0; i < COUNT(not_before); i++)
		sql(place->app,
		    "INSERT INTO outbox (destination, operation, not_before) VALUES ('d', 'o', %d)",
		    (int)not_before[i]);
	insert(place->app, "other", 3);
	assert_int_equal(store_due(store, "d", STATE_QUEUED, 100, true, 10, &rows), STORE_OK);
	assert_int_equal(rows.count, 4);
	for (size_t i = 0; i < 4; i++) {
		if (i < 2) /* the same moment: any order */
			assert_true(rows.row[i]->txn.id == 2 || rows.row[i]->txn.id == 4);
		else
			assert_int_equal(rows.row[i]->txn.id, expected[i]);
		assert_string_equal(rows.row[i]->destination, "d");
	}
	store_rows_free(&rows);
	assert_int_equal(store_due(store, "d", STATE_QUEUED, 100, true, 3, &rows), STORE_OK);
	assert_int_equal(rows.count, 3);
	store_rows_free(&rows);
	assert_int_equal(store_due(store, "d", STATE_QUEUED, 9, true, 3, &rows), STORE_OK);
	assert_int_equal(rows.count, 0);
	store_rows_free(&rows);
	assert_int_equal(store_due(store, "d", STATE_RETRY, 100, true, 3, &rows), STORE_OK);
	assert_int_equal(rows.count, 0);
	store_rows_free(&rows);
	assert_int_equal(store_next_due(store, "d", STATE_QUEUED, true, &due_at), STORE_OK);
	assert_int_equal(due_at, 10);
	assert_int_equal(store_next_due(store, "d", STATE_RETRY, true, &due_at), STORE_OK);
	assert_int_equal(due_at, TIME_NONE);
}

/* Many apps write -1 where they mean nothing. It is no reason to overlook a row. */
static void
test_minus_one_is_a_time(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_row *row;
	int64_t at;

	sql(place->app,
	    "INSERT INTO outbox (destination, operation, not_before, expires_at) VALUES ('d', 'o', "
	    "-1, -1), ('d', 'o', 5, NULL)");
	assert_int_equal(store_next_due(store, "d", STATE_QUEUED, true, &at), STORE_OK);
	assert_int_equal(at, 0);
	assert_int_equal(store_next_deadline(store, &at), STORE_OK);
	assert_int_equal(at, 0);
	row = row_of(store, 1);
	assert_int_equal(row->txn.due_at, 0);
	assert_int_equal(row->txn.deadline_at, 0);
	store_row_free(row);
}

/* The time is not trusted: exposed rows wait. */
static void
test_due_unexposed_only(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_rows rows;
	int64_t due_at;

	insert(place->app, "d", 2);
	begin(store);
	send_off(store, 1, KIND_KEYED, "k1", 5);
	event(store, 1, EVENT_AGAIN, 6, 7);
	send_off(store, 2, KIND_KEYED, "k2", 5);
	event(store, 2, EVENT_UNSENT, 6, 8);
	commit(store);
	assert_int_equal(store_due(store, "d", STATE_RETRY, 100, true, 10, &rows), STORE_OK);
	assert_int_equal(rows.count, 2);
	store_rows_free(&rows);
	assert_int_equal(store_due(store, "d", STATE_RETRY, 100, false, 10, &rows), STORE_OK);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.row[0]->txn.id, 2);
	store_rows_free(&rows);
	assert_int_equal(store_next_due(store, "d", STATE_RETRY, false, &due_at), STORE_OK);
	assert_int_equal(due_at, 8);
	assert_int_equal(store_next_due(store, "d", STATE_RETRY, true, &due_at), STORE_OK);
	assert_int_equal(due_at, 7);
}

/* Every number and word of a row survives the trip to the disk and back. */
static void
test_move_keeps_everything(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_row *row;
	struct txn txn;

	sql(place->app, "INSERT INTO outbox (destination, operation, path, headers, body, "
			"content_type, reference, "
			"idempotency_key) VALUES ('d', 'o', '/p', '{\"a\":1}', x'007B7D', "
			"'text/x', 'ref', 'own')");
	begin(store);
	send_off(store, 1, KIND_KEYED, "the-key", 5);
	row = row_of(store, 1);
	txn = row->txn;
	store_row_free(row);
	txn.state = STATE_HELD;
	txn.resume_state = STATE_PENDING;
	txn.hold = HOLD_FETCH_URL;
	txn.has_fetch_url = true;
	txn.due_at = TIME_NONE;
	txn.eligible_at = 11;
	txn.deadline_at = 12;
	txn.exposed_at = 13;
	txn.exposed_before = 14;
	txn.started_at = INT64_C(1) << 50;
	txn.attempts = 15;
	txn.polls = 16;
	txn.failures = 17;
	txn.generation = 18;
	assert_int_equal(
	    store_move(store, STATE_SENDING, &txn, "because", "https://g/f", NULL), STORE_OK);
	commit(store);
	row = row_of(store, 1);
	assert_memory_equal(&row->txn, &txn, sizeof(txn));
	assert_string_equal(row->reason, "because");
	assert_string_equal(row->fetch_url, "https://g/f");
	assert_string_equal(row->method, "POST");
	assert_string_equal(row->url, "https://g/orders");
	assert_string_equal(row->key_header, "Key");
	assert_string_equal(row->key, "the-key");
	assert_memory_equal(row->request_hash, some_hash, KEY_HASH_SIZE);
	assert_string_equal(row->path, "/p");
	assert_string_equal(row->headers, "{\"a\":1}");
	assert_string_equal(row->content_type, "text/x");
	assert_string_equal(row->own_key, "own");
	assert_string_equal(row->reference, "ref");
	assert_true(row->present);
	assert_false(row->malformed);
	assert_int_equal(row->body_length, 3);
	assert_memory_equal(row->body, "\0{}", 3);
	store_row_free(row);
	/* every state and cause is accepted by the table */
	for (int cause = 1; cause < HOLD_COUNT; cause++) {
		begin(store);
		txn.hold = (enum hold_cause)cause;
		assert_int_equal(store_move(store, STATE_HELD, &txn, NULL, "u", NULL), STORE_OK);
		commit(store);
	}
}

/* A row that is not where it should be: a bug dies, before anything is sent. */
static void
test_move_from_another_state_dies(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_row *row;
	int status;
	pid_t child;

	insert(place->app, "d", 1);
	begin(store);
	row = row_of(store, 1);
	child = fork(); /* it writes nothing: the move finds no row */
	if (child == 0) {
		(void)close(STDERR_FILENO);
		row->txn.state = STATE_PENDING;
		row->txn.has_fetch_url = true;
		(void)signal(SIGABRT, SIG_DFL);
		(void)store_move(store, STATE_RETRY, &row->txn, NULL, "u", NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	store_row_free(row);
	store_rollback(store);
}

/* What the table does not allow is refused, and its savepoint leaves the others alone. */
static void
test_a_bad_row_is_isolated(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_row *row;

	insert(place->app, "d", 2);
	begin(store);
	assert_int_equal(store_row_begin(store), STORE_OK);
	send_off(store, 1, KIND_KEYED, "k1", 5);
	assert_int_equal(store_row_end(store, true), STORE_OK);
	assert_int_equal(store_row_begin(store), STORE_OK);
	send_off(store, 2, KIND_KEYED, "k2", 5);
	row = row_of(store, 2);
	row->txn.state = STATE_PENDING; /* without a URL */
	assert_int_equal(
	    store_move(store, STATE_SENDING, &row->txn, NULL, NULL, NULL), STORE_REFUSED);
	store_row_free(row);
	assert_int_equal(store_row_end(store, false), STORE_OK);
	commit(store);
	assert_string_equal(
	    sql_text(place->app,
		"SELECT group_concat(state || coalesce(idempotency_key, '')) FROM outbox_delivery"),
	    "sendingk1,queued");
}

static void
test_a_key_has_one_owner(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 2);
	insert(place->app, "other", 1);
	insert(place->app, "d", 2);
	begin(store);
	assert_int_equal(try_claim(store, 1, KIND_KEYED, "k", true, 5), STORE_OK);
	assert_int_equal(store_row_begin(store), STORE_OK);
	assert_int_equal(try_claim(store, 2, KIND_KEYED, "k", true, 5), STORE_REFUSED);
	assert_int_equal(store_row_end(store, false), STORE_OK);
	assert_int_equal(
	    try_claim(store, 3, KIND_KEYED, "k", true, 5), STORE_OK); /* another destination */
	assert_int_equal(try_claim(store, 4, KIND_KEYLESS, NULL, false, 5), STORE_OK);
	assert_int_equal(try_claim(store, 5, KIND_KEYLESS, NULL, false, 5), STORE_OK);
	assert_int_equal(store_key_owner(store, "d", "k"), 1);
	assert_int_equal(store_key_owner(store, "other", "k"), 3);
	assert_int_equal(store_key_owner(store, "d", "K"), 0);
	assert_int_equal(store_thaw(store, 4), STORE_REFUSED); /* not while it is in flight */
	event(store, 1, EVENT_UNSENT, 6, 7);
	assert_int_equal(store_thaw(store, 1), STORE_OK);
	assert_int_equal(store_key_owner(store, "d", "k"), 0);
	assert_int_equal(try_claim(store, 2, KIND_KEYED, "k", true, 5), STORE_OK);
	commit(store);
	assert_int_equal(sql_integer(place->app,
			     "SELECT kind IS NULL AND request_hash IS NULL FROM outbox_delivery"),
	    1);
}

static void
test_bodies(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_row *row;

	sql(place->app, "INSERT INTO outbox (destination, operation, body) VALUES ('d', 'o', "
			"'gr\xc3\xbc\xc3\x9f'), "
			"('d', 'o', ''), ('d', 'o', NULL), ('d', 'o', zeroblob(100)), ('d', 'o', "
			"CAST(x'610062' AS TEXT))");
	store_limit_body(store, 99);
	row = row_of(store, 1);
	assert_int_equal(row->body_length, 6);
	assert_memory_equal(row->body, "gr\xc3\xbc\xc3\x9f", 7);
	store_row_free(row);
	row = row_of(store, 2);
	assert_int_equal(row->body_length, 0);
	store_row_free(row);
	row = row_of(store, 3);
	assert_null(row->body);
	assert_int_equal(row->body_length, 0);
	store_row_free(row);
	row = row_of(store, 4);
	assert_null(row->body); /* too large: not loaded */
	assert_int_equal(row->body_length, 100);
	store_row_free(row);
	row = row_of(store, 5);
	assert_int_equal(row->body_length, 3);
	assert_memory_equal(row->body, "a\0b", 3);
	store_row_free(row);
	/* a pending row is only polled: its body stays on disk */
	begin(store);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	event(store, 1, EVENT_PENDING, 6, 7);
	commit(store);
	row = row_of(store, 1);
	assert_null(row->body);
	store_row_free(row);
}

static void
test_malformed_columns(void **state)
{
	static const char *const values[] = {"path) VALUES ('d', 'o', x'2F70')",
	    "headers) VALUES ('d', 'o', x'7B7D')",
	    "path) VALUES ('d', 'o', CAST(x'2F0070' AS TEXT))",
	    "content_type) VALUES ('d', 'o', x'61')",
	    "idempotency_key) VALUES ('d', 'o', CAST(x'6100' AS TEXT))",
	    "reference) VALUES ('d', 'o', CAST(x'610062' AS TEXT))"};
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	for (size_t i = 0; i < COUNT(values); i++) {
		struct store_row *row;

		sql(place->app, "INSERT INTO outbox (destination, operation, %s", values[i]);
		row = row_of(store, (int64_t)i + 1);
		if (!row->malformed)
			fail_msg("%s", values[i]);
		store_row_free(row);
	}
	sql(place->app,
	    "INSERT INTO outbox (destination, operation, path, reference) VALUES ('d', 'o', 5, 7)");
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM outbox"), COUNT(values) + 1);
}

/* --- destinations by name --- */

static void
test_destinations_are_stepped_through(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	char seen[600] = "";
	char name[256] = "";

	insert(place->app, "b", 3);
	insert(place->app, "a", 2);
	insert(place->app, "c", 1);
	begin(store);
	finish(store, 6, RESULT_CANCELED);
	commit(store);
	while (store_next_destination(store, name) == STORE_OK) {
		assert_true(strlen(seen) < 300);
		strcat(seen, name);
	}
	assert_string_equal(seen, "ab"); /* open rows only */
	assert_int_equal(store_next_destination(store, strcpy(name, "b")), STORE_NOTHING);
	assert_int_equal(store_next_destination(store, strcpy(name, "")), STORE_OK);
	assert_string_equal(name, "a");
	assert_int_equal(store_next_destination(store, strcpy(name, "aa")), STORE_OK);
	assert_string_equal(name, "b");
}

/* Whoever recovers or adopts must not take a failure for the end of the list. */
static void
test_destinations_need_memory(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	char name[256] = "";

	insert(place->app, "a", 1);
	limit_memory(true);
	assert_int_equal(store_next_destination(store, name), STORE_FULL);
	limit_memory(false);
	assert_int_equal(store_next_destination(store, name), STORE_OK);
	limit_memory(true);
	assert_int_equal(
	    store_next_destination(store, strcpy(name, "")), STORE_FULL); /* its copy */
	limit_memory(false);
}

/* A name that is longer than any buffer, holds a NUL, or is no text at all: refused, and if it is
 * there all the same, passed. */
static void
test_strange_destinations(void **state)
{
	static const char *const strange[] = {"printf('%.500c', 'x')", "printf('%.128c', 'x')",
	    "CAST(x'610062' AS TEXT)", "x'61'", "x''", "''", "CAST(x'00' AS TEXT)"};
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	char name[256] = "";
	int steps = 0;

	insert(place->app, "a", 1);
	for (size_t i = 0; i < COUNT(strange); i++) {
		char text[200];

		(void)snprintf(text, sizeof(text),
		    "INSERT INTO outbox (destination, operation) VALUES (%s, 'o')", strange[i]);
		sql_refused(place->app, text, "CHECK");
	}
	sql(place->app,
	    "INSERT INTO outbox (destination, operation) VALUES (printf('%%.127c', 'y'), 'o')");
	sql(place->app, "PRAGMA ignore_check_constraints = ON");
	for (size_t i = 0; i < COUNT(strange); i++)
		sql(place->app, "INSERT INTO outbox (destination, operation) VALUES (%s, 'o')",
		    strange[i]);
	insert(place->app, "z", 1);
	for (; store_next_destination(store, name) == STORE_OK; steps++) {
		assert_true(name[0] != '\0');
		assert_in_range(steps, 0, 20);
	}
	assert_in_range(steps, 3, 20);
}

/* --- ids --- */

static void
test_ids(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	int64_t ids[10];

	insert(place->app, "d", 5);
	begin(store);
	for (int64_t id = 1; id <= 3; id++)
		send_off(store, id, KIND_KEYLESS, NULL, 5);
	event(store, 3, EVENT_PENDING, 6, 7);
	event(store, 4, EVENT_HOLD, 6, 7);
	commit(store);
	assert_int_equal(store_ids_in_flight(store, "d", STATE_SENDING, 0, ids, 10), 2);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], 2);
	assert_int_equal(store_ids_in_flight(store, "d", STATE_SENDING, 1, ids, 10), 1);
	assert_int_equal(ids[0], 2);
	assert_int_equal(store_ids_in_flight(store, "d", STATE_SENDING, 0, ids, 1), 1);
	assert_int_equal(
	    store_ids_in_flight(store, "d", STATE_PENDING, 0, ids, 10), 0); /* not being polled */
	begin(store);
	event(store, 3, EVENT_POLL, 8, 9);
	commit(store);
	assert_int_equal(store_ids_in_flight(store, "d", STATE_PENDING, 0, ids, 10), 1);
	assert_int_equal(store_ids_in_state(store, "d", STATE_QUEUED, 0, ids, 10), 1);
	assert_int_equal(ids[0], 5);
	assert_int_equal(store_ids_held(store, HOLD_OPERATOR, 0, ids, 10), 1);
	assert_int_equal(store_ids_held(store, HOLD_RESTORED, 0, ids, 10), 0);
	assert_int_equal(store_ids_held(store, HOLD_OPERATOR, 4, ids, 10), 0);
}

/* expires_at is for what was never sent; the end of polling is not an expires_at. */
static void
test_deadlines(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	int64_t deadline_at;
	int64_t ids[10];

	assert_int_equal(store_next_deadline(store, &deadline_at), STORE_OK);
	assert_int_equal(deadline_at, TIME_NONE);
	for (int i = 0; i < 5; i++)
		sql(place->app,
		    "INSERT INTO outbox (destination, operation, expires_at) VALUES ('d', 'o', %d)",
		    50 - i * 10);
	begin(store);
	send_off(store, 5, KIND_KEYED, "k", 5); /* expires_at 10, but sent */
	send_off(store, 4, KIND_SAFE, NULL, 5);
	event(store, 4, EVENT_PENDING, 6, 7);
	event(store, 4, EVENT_HOLD, 8, 9); /* a held fetch, whose polling ends at 1006 */
	event(store, 3, EVENT_HOLD, 8, 9); /* held, and never sent: it expires all the same */
	commit(store);
	assert_int_equal(store_next_deadline(store, &deadline_at), STORE_OK);
	assert_int_equal(deadline_at, 30);
	assert_int_equal(store_ids_past_deadline(store, 29, ids, 10), 0);
	assert_int_equal(store_ids_past_deadline(store, 40, ids, 10), 2);
	assert_int_equal(ids[0], 3);
	assert_int_equal(ids[1], 2);
	assert_int_equal(store_ids_past_deadline(store, 5000, ids, 10), 3);
	assert_int_equal(store_ids_past_deadline(store, 5000, ids, 1), 1);
}

static void
test_bring_forward(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	sql(place->app,
	    "INSERT INTO outbox (destination, operation, not_before) VALUES ('d', 'o', 90000)");
	insert(place->app, "d", 2);
	insert(place->app, "other", 1);
	begin(store);
	for (int64_t id = 2; id <= 4; id++) {
		send_off(store, id, KIND_SAFE, NULL, 5);
		event(store, id, EVENT_AGAIN, 6, id == 2 ? 80000 : 70);
	}
	assert_int_equal(store_bring_forward(store, "d", 500), STORE_OK);
	commit(store);
	assert_string_equal(
	    sql_text(place->app, "SELECT group_concat(due_at) FROM outbox_delivery"),
	    "90000,500,70,70");
}

/* What a clock ten years ahead wrote does not keep a row polled for ten years. */
static void
test_shorten_polling(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 2);
	insert(place->app, "other", 1);
	begin(store);
	for (int64_t id = 1; id <= 3; id++) {
		send_off(store, id, KIND_KEYLESS, NULL, 5);
		event(store, id, EVENT_PENDING, id == 2 ? 6 : 80000, 7);
	}
	assert_int_equal(store_shorten_polling(store, "d", 5000), STORE_OK);
	commit(store);
	assert_string_equal(
	    sql_text(place->app, "SELECT group_concat(deadline_at) FROM outbox_delivery"),
	    "5000,1006,81000");
}

/* --- chains --- */

static void
test_a_result_wakes_its_children(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_parent parent;

	insert(place->app, "d", 1);
	sql(place->app, "INSERT INTO outbox (destination, operation, after_id) VALUES ('d', 'o', "
			"1), ('e', 'o', 1), ('e', 'o', 2)");
	assert_int_equal(store_parent(store, 99, &parent), STORE_NOTHING);
	assert_int_equal(store_parent(store, 1, &parent), STORE_OK);
	assert_int_equal(parent.state, STATE_QUEUED);
	assert_int_equal(parent.result, RESULT_NONE);
	begin(store);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	finish(store, 1, RESULT_SUCCEEDED);
	commit(store);
	assert_string_equal(sql_text(place->app, "SELECT group_concat(coalesce(due_at, 'asleep')) "
						 "FROM outbox_delivery WHERE state = 'blocked'"),
	    "0,0,asleep");
	begin(store);
	assert_int_equal(store_sleep_child(store, 2), STORE_OK);
	assert_int_equal(store_sleep_child(store, 1), STORE_OK); /* no child: nothing happens */
	commit(store);
	assert_int_equal(sql_integer(place->app,
			     "SELECT due_at IS NULL FROM outbox_delivery WHERE outbox_id = 2"),
	    1);
	assert_int_equal(store_parent(store, 1, &parent), STORE_OK);
	assert_int_equal(parent.result, RESULT_SUCCEEDED);
	assert_false(parent.action_required);
	sqlite3_db_config(place->app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(place->app,
	    "UPDATE outbox_delivery SET reason = 'action_required' WHERE outbox_id = 1");
	assert_int_equal(store_parent(store, 1, &parent), STORE_OK);
	assert_true(parent.action_required);
}

/* That there are none is asked once a transaction. */
static void
test_a_child_that_was_just_released_wakes(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 2);
	sql(place->app,
	    "INSERT INTO outbox (destination, operation, after_id) VALUES ('d', 'o', 2)");
	begin(store);
	event(store, 3, EVENT_HOLD, 5, TIME_NONE);
	commit(store);
	begin(store);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	finish(store, 1, RESULT_SUCCEEDED);
	event(store, 3, EVENT_RELEASE, 6, 6);
	assert_int_equal(store_sleep_child(store, 3), STORE_OK);
	send_off(store, 2, KIND_KEYLESS, NULL, 7);
	finish(store, 2, RESULT_SUCCEEDED);
	commit(store);
	assert_int_equal(sql_integer(place->app, "SELECT due_at FROM outbox_delivery WHERE state = "
						 "'blocked' AND due_at IS NOT NULL"),
	    0);
	assert_int_equal(
	    sql_integer(place->app, "SELECT count(*) FROM outbox_delivery WHERE due_at = 0"), 1);
}

static void
test_a_child_whose_end_was_taken_back_wakes(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 1);
	sql(place->app,
	    "INSERT INTO outbox (destination, operation, after_id) VALUES ('d', 'o', 1)");
	begin(store);
	assert_int_equal(store_row_begin(store), STORE_OK);
	finish(store, 2, RESULT_CANCELED);
	assert_int_equal(store_row_end(store, false), STORE_OK);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	finish(store, 1, RESULT_SUCCEEDED);
	commit(store);
	assert_string_equal(
	    sql_text(place->app, "SELECT state || ' ' || coalesce(due_at, 'asleep') "
				 "FROM outbox_delivery WHERE outbox_id = 2"),
	    "blocked 0");
}

/* --- attempts --- */

static void
attempt(struct store *store, enum phase phase, int64_t at, enum evidence evidence, int status,
    const char *rule)
{
	struct store_attempt attempt = {.outbox_id = 1,
	    .phase = phase,
	    .started_at = at,
	    .ended_at = at + 1,
	    .evidence = evidence,
	    .http_status = status,
	    .rule = rule};

	begin(store);
	assert_int_equal(store_attempt(store, &attempt), STORE_OK);
	commit(store);
}

static void
test_runs_of_equal_polls(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	int64_t since;
	int count;
	bool was;

	insert(place->app, "d", 1);
	attempt(store, PHASE_SUBMIT, 10, EVIDENCE_MAYBE_SENT, 0, "lost");
	attempt(store, PHASE_SUBMIT, 20, EVIDENCE_MAYBE_SENT, 0,
	    "lost"); /* submits are never compressed */
	attempt(store, PHASE_SUBMIT, 30, EVIDENCE_ANSWERED, 202, "later");
	for (int i = 0; i < 100; i++)
		attempt(store, PHASE_POLL, 100 + i, EVIDENCE_ANSWERED, 202, "later");
	attempt(store, PHASE_POLL, 300, EVIDENCE_ANSWERED, 200, "later"); /* another status */
	attempt(store, PHASE_POLL, 310, EVIDENCE_ANSWERED, 200, "other"); /* another rule */
	attempt(store, PHASE_POLL, 320, EVIDENCE_UNSENT, 0, "unsent");
	attempt(store, PHASE_POLL, 330, EVIDENCE_UNSENT, 0, "unsent");
	attempt(store, PHASE_POLL, 340, EVIDENCE_ANSWERED, 202, "later"); /* a new run */
	assert_string_equal(sql_text(place->app, "SELECT group_concat(n || phase || started_at || "
						 "'-' || ended_at || 'x' || count, ' ') "
						 "FROM (SELECT * FROM outbox_attempt ORDER BY n)"),
	    "1submit10-11x1 2submit20-21x1 3submit30-31x1 4poll100-200x100 5poll300-301x1 "
	    "6poll310-311x1 7poll320-331x2 "
	    "8poll340-341x1");
	assert_int_equal(
	    store_same_rule(store, 1, PHASE_POLL, "later", 0, &count, &since), STORE_OK);
	assert_int_equal(count, 1); /* polls in a row */
	assert_int_equal(since, 340);
	assert_int_equal(
	    store_same_rule(store, 1, PHASE_SUBMIT, "later", 0, &count, &since), STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(
	    store_same_rule(store, 1, PHASE_SUBMIT, "never", 0, &count, &since), STORE_OK);
	assert_int_equal(count, 0);
	assert_int_equal(since, TIME_NONE);
	assert_int_equal(store_last_rule(store, 1, "later", 0, &was), STORE_OK);
	assert_true(was);
	assert_int_equal(store_last_rule(store, 1, "later", 342, &was), STORE_OK);
	assert_false(was); /* long ago */
	assert_int_equal(store_last_rule(store, 1, "unsent", 0, &was), STORE_OK);
	assert_false(was);
	assert_int_equal(store_last_rule(store, 2, "later", 0, &was), STORE_OK);
	assert_false(was);
}

/* --- results --- */

static void
write_result(struct store *store, int64_t id, const struct store_outcome *outcome, int64_t now)
{
	begin(store);
	assert_int_equal(store_result(store, id, outcome, now), STORE_OK);
	commit(store);
}

static void
test_results_have_revisions(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_result_facts facts;

	insert(place->app, "d", 2);
	assert_int_equal(store_result_read(store, 1, &facts), STORE_NOTHING);
	write_result(store, 1,
	    &(struct store_outcome){.result = RESULT_UNKNOWN,
		.http_status = 500,
		.body = "{}",
		.body_length = 2,
		.body_is_text = true,
		.reason = "why"},
	    7);
	assert_int_equal(store_result_read(store, 1, &facts), STORE_OK);
	assert_int_equal(facts.result, RESULT_UNKNOWN);
	assert_int_equal(facts.http_status, 500);
	assert_int_equal(facts.body_length, 2);
	assert_int_equal(facts.finished_at, 7);
	assert_int_equal(facts.revision, 1);
	begin(store);
	assert_int_equal(store_result_withdrawn(store, 1, "retried by me"), STORE_OK);
	commit(store);
	write_result(store, 1, &(struct store_outcome){.result = RESULT_SUCCEEDED}, 9);
	assert_int_equal(store_result_read(store, 1, &facts), STORE_OK);
	assert_int_equal(facts.result, RESULT_SUCCEEDED);
	assert_int_equal(facts.revision, 3);
	assert_int_equal(facts.http_status, 0);
	assert_string_equal(
	    sql_text(place->app,
		"SELECT typeof(body) || typeof(http_status) || typeof(reason) FROM outbox_result"),
	    "nullnullnull"); /* nothing of the first one is left */
	write_result(store, 2,
	    &(struct store_outcome){.result = RESULT_FAILED, .body = "a\0b", .body_length = 3}, 9);
	assert_string_equal(
	    sql_text(place->app,
		"SELECT typeof(body) || hex(body) FROM outbox_result WHERE outbox_id = 2"),
	    "blob610062");
}

static void
test_purge(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_past start = {.finished_at = 0};
	struct store_past past[10];

	sql(place->app, "INSERT INTO outbox (destination, operation, reference, body) VALUES ('d', "
			"'o', 'a', '1'), ('d', 'o', 'b', '2'), "
			"('d', 'o', 'c', '3')");
	for (int64_t id = 1; id <= 3; id++) {
		begin(store);
		send_off(store, id, KIND_KEYLESS, NULL, 5);
		finish(store, id, id == 2 ? RESULT_UNKNOWN : RESULT_SUCCEEDED);
		commit(store);
		write_result(store, id,
		    &(struct store_outcome){.result = id == 2 ? RESULT_UNKNOWN : RESULT_SUCCEEDED},
		    10 * id);
	}
	attempt(store, PHASE_SUBMIT, 10, EVIDENCE_ANSWERED, 200, "ok");
	assert_int_equal(store_past(store, &start, 9, past, 10), 0);
	assert_int_equal(store_past(store, &start, 20, past, 10), 2);
	assert_int_equal(store_past(store, &start, 100, past, 10), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(past[i].id, i + 1);
		assert_int_equal(past[i].finished_at, 10 * (i + 1));
		assert_int_equal(past[i].purgeable, i != 1); /* never what is unknown */
	}
	assert_int_equal(store_past(store, &past[0], 100, past, 10), 2); /* on from there */
	assert_int_equal(past[0].id, 2);
	assert_int_equal(store_past(store, &past[1], 100, past, 10), 0);
	assert_int_equal(store_past(store, &start, 100, past, 1), 1);
	begin(store);
	assert_int_equal(store_erase_body(store, 3), STORE_OK);
	assert_int_equal(store_purge(store, 1), STORE_OK);
	commit(store);
	assert_int_equal(store_past(store, &start, 100, past, 10), 3);
	assert_false(past[0].purgeable); /* once */
	assert_true(past[2].purgeable);
	assert_string_equal(
	    sql_text(place->app, "SELECT group_concat(id || coalesce(body, '-')) FROM outbox"),
	    "22,3-");
	assert_string_equal(
	    sql_text(
		place->app, "SELECT reference || state || result FROM outbox_status WHERE id = 1"),
	    "adonesucceeded");
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM outbox_result"), 3);
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM outbox_attempt"), 0);
	sql_refused(place->app,
	    "INSERT INTO outbox (destination, operation, reference) VALUES ('d', 'o', 'a')",
	    "already used");
}

/* --- requests and held destinations --- */

static void
test_control(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_control request = {.command = (char *)"resolve",
	    .outbox_id = 7,
	    .argument = (char *)"failed",
	    .text = (char *)"they said so",
	    .created_by = (char *)"uid 0"};
	struct store_control found[4] = {{0}};
	struct store *client;
	struct text text;
	int64_t id;

	text_init(&text, 1000);
	assert_int_equal(store_open(place->path, STORE_CLIENT, &client, &text), STORE_OK);
	assert_false(store_control_waiting(store));
	assert_int_equal(store_control_insert(client, &request, &id), STORE_OK);
	assert_int_equal(id, 1);
	sql(place->app, "INSERT INTO outbox_control (command, destination, key_mode) VALUES "
			"('hold', 'd', 'same'), ('x', NULL, NULL)");
	assert_true(store_control_waiting(store));
	assert_int_equal(store_control_open(store, STORE_BEFORE_ALL, found, 2), 2);
	assert_string_equal(found[0].command, "resolve");
	assert_int_equal(found[0].outbox_id, 7);
	assert_string_equal(found[0].argument, "failed");
	assert_string_equal(found[0].text, "they said so");
	assert_string_equal(found[0].created_by, "uid 0");
	assert_null(found[0].destination);
	assert_int_equal(found[1].outbox_id, 0);
	assert_string_equal(found[1].destination, "d");
	assert_string_equal(found[1].key_mode, "same");
	store_control_free(&found[0]);
	store_control_free(&found[1]);
	assert_int_equal(store_control_read(client, 1, &text), 0);
	begin(store);
	assert_int_equal(store_control_answer(store, 1, true, "so be it", 5), STORE_OK);
	assert_int_equal(store_control_answer(store, 2, false, "no", 6), STORE_OK);
	assert_int_equal(
	    store_control_answer(store, 1, false, "changed my mind", 7), STORE_OK); /* once */
	commit(store);
	text_free(&text);
	text_init(&text, 1000);
	assert_int_equal(store_control_read(client, 1, &text), 1);
	assert_string_equal(text_string(&text), "so be it");
	assert_int_equal(store_control_read(client, 2, &text), 2);
	assert_int_equal(store_control_read(client, 99, &text), -1);
	assert_int_equal(store_control_open(store, STORE_BEFORE_ALL, found, 4), 1);
	assert_string_equal(found[0].command, "x");
	store_control_free(&found[0]);
	store_close(client);
	text_free(&text);
}

static void
note_destination(void *context, const struct store_destination *found)
{
	char *text = context;

	(void)snprintf(text + strlen(text), 400 - strlen(text), "%s:%d:%s:%s:%d:%d ", found->name,
	    found->held, found->cause, found->reason, (int)found->since, (int)found->released_at);
}

static void
test_destinations(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	char seen[400] = "";

	begin(store);
	assert_int_equal(store_destination_release(store, "a", 4), STORE_OK); /* nothing there */
	assert_int_equal(store_destination_hold(store, "a", "credentials", "401", 5), STORE_OK);
	assert_int_equal(
	    store_destination_hold(store, "a", "trust", "cert", 6), STORE_OK); /* held since 5 */
	assert_int_equal(store_destination_hold(store, "b", "redirect", "302", 7), STORE_OK);
	assert_int_equal(store_destination_release(store, "b", 8), STORE_OK);
	assert_int_equal(store_destination_release(store, "b", 9), STORE_OK); /* once */
	commit(store);
	assert_int_equal(store_destinations(store, note_destination, seen), STORE_OK);
	assert_string_equal(seen, "a:1:trust:cert:5:-1 b:0:redirect:302:7:8 ");
	begin(store);
	assert_int_equal(store_destination_hold(store, "b", "rule", "again", 20), STORE_OK);
	commit(store);
	seen[0] = '\0';
	assert_int_equal(store_destinations(store, note_destination, seen), STORE_OK);
	assert_non_null(strstr(seen, "b:1:rule:again:20:8"));
}

static void
note_count(void *context, const struct store_count *count)
{
	char *text = context;

	(void)snprintf(text + strlen(text), 400 - strlen(text), "%s:%s:%d:%d ", count->destination,
	    count->state, (int)count->count,
	    count->oldest_due == TIME_NONE ? -1
	    : count->oldest_due > 1000000  ? 1
					   : 0);
}

static void
test_counts(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	char seen[400] = "";

	insert(place->app, "a", 3);
	insert(place->app, "b", 3);
	begin(store);
	event(store, 1, EVENT_HOLD, 5, 6);
	send_off(store, 4, KIND_KEYLESS, NULL, 5);
	finish(store, 4, RESULT_UNKNOWN);
	send_off(store, 5, KIND_KEYLESS, NULL, 5);
	commit(store);
	assert_int_equal(store_counts(store, note_count, seen), STORE_OK);
	assert_string_equal(
	    seen, "a:queued:2:1 b:queued:1:1 b:sending:1:-1 a:held:1:-1 b:unknown:1:-1 ");
}

/* --- meta and identity --- */

static void
test_meta(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	unsigned char secret[KEY_SECRET_SIZE];
	struct store_identity identity;

	assert_int_equal(store_meta_integer(store, "clock_mark", 77), 77);
	begin(store);
	assert_int_equal(store_meta_set_integer(store, "clock_mark", INT64_C(1) << 60), STORE_OK);
	assert_int_equal(store_meta_set_text(store, "mode", "adopt"), STORE_OK);
	assert_int_equal(store_meta_set_text(store, "mode", NULL), STORE_OK);
	commit(store);
	assert_int_equal(store_meta_integer(store, "clock_mark", 77), INT64_C(1) << 60);
	assert_int_equal(store_meta_integer(store, "mode", 77), 77);
	assert_int_equal(store_meta_blob(store, "key_secret", secret, sizeof(secret)), STORE_OK);
	assert_int_equal(store_meta_blob(store, "key_secret", secret, 5), STORE_NOTHING);
	assert_int_equal(store_meta_blob(store, "nothing", secret, sizeof(secret)), STORE_NOTHING);
	assert_int_equal(store_identity(store, &identity), STORE_OK);
	assert_int_equal(identity.outbox_id_max, 0);
	begin(store);
	assert_int_equal(store_raise_outbox_id(store, 500), STORE_OK);
	assert_int_equal(store_raise_outbox_id(store, 400), STORE_OK);
	commit(store);
	insert(place->app, "d", 1);
	assert_int_equal(store_identity(store, &identity), STORE_OK);
	assert_int_equal(identity.outbox_id_max, 501);
	assert_int_equal(identity.write_counter, 2);
	begin(store);
	assert_int_equal(store_set_epoch(store, 9), STORE_OK);
	commit(store);
	begin(store); /* it knows its own epoch */
	store_rollback(store);
	assert_int_equal(store_identity(store, &identity), STORE_OK);
	assert_int_equal(identity.epoch, 9);
}

/* A transaction that writes nothing, or is rolled back, is not counted. */
static void
test_the_write_counter(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	int64_t version;

	insert(place->app, "d", 1);
	version = store_data_version(store);
	begin(store);
	commit(store);
	begin(store);
	event(store, 1, EVENT_HOLD, 5, 6);
	store_rollback(store);
	assert_int_equal(
	    sql_integer(place->app, "SELECT value FROM outbox_meta WHERE name = 'write_counter'"),
	    0);
	for (int i = 0; i < 3; i++) {
		begin(store);
		event(store, 1, i % 2 == 0 ? EVENT_HOLD : EVENT_RELEASE, 5, 6);
		commit(store);
		assert_int_equal(sql_integer(place->app,
				     "SELECT value FROM outbox_meta WHERE name = 'write_counter'"),
		    i + 1);
	}
	assert_int_equal(store_data_version(store), version); /* our own commits do not move it */
	insert(place->app, "d", 1);
	assert_int_not_equal(store_data_version(store), version);
}

/* --- another database under the open connection --- */

static void
expect_replaced(struct store *store, sqlite3 *app)
{
	int64_t before =
	    sql_integer(app, "SELECT value FROM outbox_meta WHERE name = 'write_counter'");

	assert_int_equal(store_begin(store, BUSY_MS, STORE_SYNC_IN_COMMIT), STORE_REPLACED);
	/* and it let go of the lock, having written nothing */
	assert_int_equal(
	    sql_integer(app, "SELECT value FROM outbox_meta WHERE name = 'write_counter'"), before);
	insert(app, "d", 1);
	assert_int_equal(store_begin(store, BUSY_MS, STORE_SYNC_IN_COMMIT), STORE_REPLACED);
}

static void
test_another_counter_is_noticed(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	sql(place->app, "UPDATE outbox_meta SET value = value + 1 WHERE name = 'write_counter'");
	expect_replaced(store, place->app);
}

static void
test_another_epoch_is_noticed(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	sql(place->app, "UPDATE outbox_meta SET value = value + 1 WHERE name = 'epoch'");
	expect_replaced(store, place->app);
}

static void
test_another_database_is_noticed(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	sql(place->app, "UPDATE outbox_meta SET value = 'other' WHERE name = 'database_id'");
	expect_replaced(store, place->app);
}

/* ".restore" through SQLite keeps the inode: yesterday's rows would be sent once more. */
static void
test_a_restore_is_noticed(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	const char *yesterday = scratch_path(place->directory, "yesterday.db");
	sqlite3_backup *backup;
	sqlite3 *source;

	insert(place->app, "d", 1);
	sql(place->app, "VACUUM INTO '%s'", yesterday);
	begin(store);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	commit(store);
	assert_int_equal(sqlite3_open(yesterday, &source), SQLITE_OK);
	backup = sqlite3_backup_init(place->app, "main", source, "main");
	assert_non_null(backup);
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	(void)sqlite3_close(source);
	assert_true(store_in_place(store));
	assert_string_equal(sql_text(place->app, "SELECT state FROM outbox_delivery"), "queued");
	expect_replaced(store, place->app);
}

static void
copy(const char *from, const char *to)
{
	char *bytes;
	size_t length;
	FILE *file = fopen(to, "r+"); /* the inode stays */

	if (file == NULL)
		file = fopen(to, "w");
	assert_non_null(file);
	bytes = scratch_read(from, &length);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(ftruncate(fileno(file), (off_t)length), 0);
	assert_int_equal(fclose(file), 0);
	free(bytes);
}

/* "cp yesterday.db shop.db" while the daemon has it open: the same inode, other pages. */
static void
copy_yesterday_over_it(struct outboxdb *place, bool wal)
{
	struct store *store = outboxdb_serve(place);
	const char *yesterday = scratch_path(place->directory, "yesterday.db");

	insert(place->app, "d", 1);
	sql(place->app, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (wal)
		copy(place->path, yesterday);
	else
		sql(place->app, "VACUUM INTO '%s'", yesterday);
	begin(store);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	commit(store);
	sql(place->app, "PRAGMA wal_checkpoint(TRUNCATE)");
	(void)sqlite3_close(place->app);
	place->app = NULL;
	copy(yesterday, place->path);
	assert_true(store_in_place(store));
}

static void
test_a_copy_over_it_is_noticed(void **state)
{
	struct outboxdb *place = *state;

	copy_yesterday_over_it(place, true);
	assert_int_equal(store_begin(place->store, BUSY_MS, STORE_SYNC_IN_COMMIT), STORE_REPLACED);
	place->app = outboxdb_connect(place);
	assert_string_equal(sql_text(place->app, "SELECT state FROM outbox_delivery"), "queued");
	insert(place->app, "d", 1); /* the app goes on */
	expect_replaced(place->store, place->app);
}

/* A copy in rollback mode cannot be written while we hold it open: whatever we say, we do not write
 * either. */
static void
test_a_copy_in_rollback_mode(void **state)
{
	struct outboxdb *place = *state;

	copy_yesterday_over_it(place, false);
	assert_int_equal(store_begin(place->store, BUSY_MS, STORE_SYNC_IN_COMMIT), STORE_REPLACED);
}

/* "mv": another inode. */
static void
test_a_move_over_it_is_noticed(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	const char *copy = scratch_path(place->directory, "copy.db");

	assert_true(store_in_place(store));
	sql(place->app, "VACUUM INTO '%s'", copy);
	assert_int_equal(rename(copy, place->path), 0);
	assert_false(store_in_place(store));
	assert_int_equal(unlink(place->path), 0);
	assert_false(store_in_place(store));
}

/* --- beside others --- */

static void
test_busy(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	struct store_row *row;

	insert(place->app, "d", 1);
	sql(place->app, "BEGIN IMMEDIATE");
	assert_int_equal(store_begin(store, 0, STORE_SYNC_IN_COMMIT), STORE_BUSY);
	assert_int_equal(store_begin(store, BUSY_MS, STORE_SYNC_IN_COMMIT), STORE_BUSY);
	row = row_of(store, 1); /* reading goes on */
	store_row_free(row);
	sql(place->app, "INSERT INTO outbox (destination, operation) VALUES ('d', 'o'); COMMIT");
	begin(store);
	event(store, 2, EVENT_HOLD, 5, 6);
	commit(store);
}

/* The app reads, with the settings that it gets by default, while we write; it sees all of a commit
 * or nothing. */
static void
test_the_app_reads_meanwhile(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 2);
	begin(store);
	send_off(store, 1, KIND_KEYED, "k", 5);
	assert_string_equal(
	    sql_text(place->app, "SELECT group_concat(state) FROM outbox_status"), "queued,queued");
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM outbox_stuck"), 0);
	sql_refused(
	    place->app, "INSERT INTO outbox (destination, operation) VALUES ('d', 'o')", "locked");
	commit(store);
	assert_string_equal(sql_text(place->app, "SELECT group_concat(state) FROM outbox_status"),
	    "sending,queued");
	insert(place->app, "d", 1);
	/* a reader's snapshot is no obstacle */
	sql(place->app, "BEGIN; SELECT count(*) FROM outbox");
	begin(store);
	event(store, 1, EVENT_AGAIN, 6, 7);
	commit(store);
	assert_string_equal(
	    sql_text(place->app, "SELECT state FROM outbox_status WHERE id = 1"), "sending");
	sql(place->app, "COMMIT");
	assert_string_equal(
	    sql_text(place->app, "SELECT state FROM outbox_status WHERE id = 1"), "retry");
}

/* Both ways of syncing write the same, and FULL is what results of keyless rows get. */
static void
test_both_ways_to_sync(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 1);
	for (int i = 0; i < 6; i++) {
		enum store_sync sync = i % 2 == 0 ? STORE_SYNC_AFTER_COMMIT : STORE_SYNC_IN_COMMIT;

		assert_int_equal(store_begin(store, BUSY_MS, sync), STORE_OK);
		event(store, 1, i % 2 == 0 ? EVENT_HOLD : EVENT_RELEASE, 5, 6);
		assert_int_equal(store_commit(store), STORE_OK);
		assert_string_equal(sql_text(place->app, "SELECT state FROM outbox_status"),
		    i % 2 == 0 ? "held" : "queued");
	}
}

/* A database may not grow beyond this in our connection. */
static void
limit_pages(struct store *store, int64_t pages)
{
	sql(store->db, "PRAGMA max_page_count = %lld", (long long)pages);
}

/* No space left: nothing is half written, the row stays as it was, and it goes on when there is
 * space again. */
static void
test_full(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);
	static char large[200000];
	struct store_outcome outcome = {.result = RESULT_UNKNOWN,
	    .body = large,
	    .body_length = sizeof(large),
	    .body_is_text = true};
	enum store_status status;

	memset(large, 'x', sizeof(large));
	insert(place->app, "d", 1);
	begin(store);
	send_off(store, 1, KIND_KEYLESS, NULL, 5);
	commit(store);
	limit_pages(store, sql_integer(place->app, "PRAGMA page_count"));
	begin(store);
	assert_int_equal(store_row_begin(store), STORE_OK);
	status = store_result(store, 1, &outcome, 5);
	assert_int_equal(status, STORE_FULL);
	status = store_row_end(store, false); /* SQLite may have given up the whole transaction */
	assert_true(status == STORE_OK || status == STORE_FULL);
	store_rollback(store);
	assert_int_equal(sql_integer(place->app, "SELECT count(*) FROM outbox_result"), 0);
	assert_string_equal(sql_text(place->app, "SELECT state FROM outbox_status"), "sending");
	limit_pages(store, 100000);
	begin(store);
	finish(store, 1, RESULT_UNKNOWN);
	assert_int_equal(store_result(store, 1, &outcome, 5), STORE_OK);
	commit(store);
	assert_int_equal(
	    sql_integer(place->app, "SELECT length(body) FROM outbox_result"), sizeof(large));
}

/* No memory left, at the first transaction that has to be taken back: the app must not wait until
 * there is. */
static void
test_the_way_back_needs_no_memory(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 1);
	begin(store);
	event(store, 1, EVENT_HOLD, 5, 6);
	limit_memory(true);
	store_rollback(store);
	limit_memory(false);
	assert_false(store_in_transaction(store));
	insert(place->app, "d", 1);
	assert_string_equal(
	    sql_text(place->app, "SELECT state FROM outbox_status WHERE id = 1"), "queued");
}

/* A transaction that could not be taken back is half of one: the look that comes next must not
 * commit it. */
static void
test_reading_commits_nothing(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	insert(place->app, "d", 1);
	begin(store);
	event(store, 1, EVENT_HOLD, 5, 6);
	store_begin_reading(store);
	store_end_reading(store);
	assert_false(store_in_transaction(store));
	assert_string_equal(sql_text(place->app, "SELECT state FROM outbox_status"), "queued");
	assert_int_equal(
	    sql_integer(place->app, "SELECT value FROM outbox_meta WHERE name = 'write_counter'"),
	    0);
}

/* SQLite may give up a transaction in a statement whose failure nobody sees: what follows must not
 * be committed by itself. */
static void
test_nothing_is_written_behind_a_lost_transaction(void **state)
{
	struct outboxdb *place = *state;
	struct store *store = outboxdb_serve(place);

	begin(store);
	assert_int_equal(sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_meta_set_text(store, "mode", "torn"), STORE_FULL);
	assert_int_equal(store_commit(store), STORE_OK); /* nothing was written */
	assert_string_not_equal(
	    sql_text(place->app, "SELECT value FROM outbox_meta WHERE name = 'mode'"), "torn");
	begin(store);
	assert_int_equal(store_meta_set_text(store, "mode", "whole"), STORE_OK);
	commit(store);
}

/* --- indexes --- */

/* The loop's statements: their cost must not grow with the history, nor with the backlog of others.
 */
static const enum statement in_the_loop[] = {STATEMENT_DUE, STATEMENT_ROW, STATEMENT_NEXT_DUE,
    STATEMENT_NEXT_DESTINATION, STATEMENT_IN_STATE, STATEMENT_IN_FLIGHT, STATEMENT_HELD_BY,
    STATEMENT_PAST_DEADLINE, STATEMENT_NEXT_DEADLINE, STATEMENT_BRING_FORWARD, STATEMENT_MOVE,
    STATEMENT_FIRST_CLAIM, STATEMENT_THAW, STATEMENT_KEY_OWNER, STATEMENT_PARENT,
    STATEMENT_WAKE_CHILDREN, STATEMENT_SLEEP_CHILD, STATEMENT_ATTEMPT, STATEMENT_LAST_ATTEMPT,
    STATEMENT_SAME_RULE, STATEMENT_LAST_RULE, STATEMENT_RESULT, STATEMENT_RESULT_WITHDRAWN,
    STATEMENT_ERASE_BODY, STATEMENT_CONTROL_OPEN, STATEMENT_CONTROL_ANY, STATEMENT_CONTROL_ANSWER,
    STATEMENT_CONTROL_READ, STATEMENT_DESTINATION_HOLD, STATEMENT_DESTINATION_RELEASE,
    STATEMENT_META_GET, STATEMENT_META_SET, STATEMENT_IDENTITY, STATEMENT_COUNT_WRITE,
    STATEMENT_PURGE_NEXT, STATEMENT_PURGE_OUTBOX, STATEMENT_PURGE_ATTEMPTS,
    STATEMENT_STATUS_ATTEMPTS, STATEMENT_STATUS_RESULT};

/* A SCAN is allowed where the index holds open rows only, and only through it. */
static bool
is_cheap(const char *detail)
{
	if (strncmp(detail, "SCAN", 4) != 0)
		return true;
	return strstr(detail, "CONSTANT ROW") != NULL ||
	       strstr(detail, "outbox_control_open") != NULL;
}

static void
check_plan(sqlite3 *db, enum statement statement)
{
	char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", statement_sql[statement]);
	bool sorted = statement == STATEMENT_DUE || statement == STATEMENT_NEXT_DUE ||
		      statement == STATEMENT_NEXT_DESTINATION ||
		      statement == STATEMENT_PAST_DEADLINE;
	sqlite3_stmt *plan;

	if (sqlite3_prepare_v2(db, text, -1, &plan, NULL) != SQLITE_OK)
		fail_msg("%s: %s", statement_names[statement], sqlite3_errmsg(db));
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(plan, 3);

		if (!is_cheap(detail) || (sorted && strstr(detail, "TEMP B-TREE") != NULL))
			fail_msg("%s: %s", statement_names[statement], detail);
		if (statement == STATEMENT_DUE && strncmp(detail, "SEARCH d", 8) == 0)
			assert_non_null(strstr(detail,
			    "outbox_delivery_due (destination=? AND state=? AND due_at<?)"));
	}
	(void)sqlite3_finalize(plan);
	sqlite3_free(text);
}

static void
test_indexes_are_used(void **state)
{
	struct outboxdb *place = *state;

	(void)outboxdb_serve(place);
	for (int analyzed = 0; analyzed < 2; analyzed++) {
		for (size_t i = 0; i < COUNT(in_the_loop); i++)
			check_plan(place->app, in_the_loop[i]);
		/* An app that runs ANALYZE on a nearly empty outbox must not lead the planner
		 * astray. */
		insert(place->app, "d", 3);
		sql(place->app, "ANALYZE");
		(void)sqlite3_close(place->app);
		place->app = outboxdb_connect(place);
	}
	assert_false(is_cheap("SCAN outbox_delivery"));
}

/* Every statement can be prepared, by an app's connection too. */
static void
test_every_statement_is_valid(void **state)
{
	struct outboxdb *place = *state;

	for (int i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_stmt *statement;

		if (sqlite3_prepare_v2(place->app, statement_sql[i], -1, &statement, NULL) !=
		    SQLITE_OK)
			fail_msg("%s: %s", statement_names[i], sqlite3_errmsg(place->app));
		(void)sqlite3_finalize(statement);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, outboxdb_set_up, outboxdb_tear_down)
#define TEST_EMPTY(name)                                                                           \
	cmocka_unit_test_setup_teardown(name, outboxdb_set_up_empty, outboxdb_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_EMPTY(test_init_twice),
	    TEST_EMPTY(test_init_beside_the_merchants_tables),
	    TEST_EMPTY(test_init_refuses_foreign_objects),
	    TEST_EMPTY(test_init_refuses_utf_16),
	    TEST(test_the_list_of_names_is_complete),
	    TEST(test_foreign_triggers_are_named),
	    TEST(test_claims_fit_in_their_place),
	    TEST(test_newer_schema),
	    TEST(test_not_usable),
	    TEST(test_lost_tables),
	    TEST(test_minus_one_is_a_time),
	    TEST(test_due_in_order),
	    TEST(test_due_unexposed_only),
	    TEST(test_move_keeps_everything),
	    TEST(test_move_from_another_state_dies),
	    TEST(test_a_bad_row_is_isolated),
	    TEST(test_a_key_has_one_owner),
	    TEST(test_bodies),
	    TEST(test_malformed_columns),
	    TEST(test_destinations_are_stepped_through),
	    TEST(test_destinations_need_memory),
	    TEST(test_strange_destinations),
	    TEST(test_ids),
	    TEST(test_deadlines),
	    TEST(test_bring_forward),
	    TEST(test_shorten_polling),
	    TEST(test_a_result_wakes_its_children),
	    TEST(test_a_child_whose_end_was_taken_back_wakes),
	    TEST(test_a_child_that_was_just_released_wakes),
	    TEST(test_runs_of_equal_polls),
	    TEST(test_results_have_revisions),
	    TEST(test_purge),
	    TEST(test_control),
	    TEST(test_destinations),
	    TEST(test_counts),
	    TEST(test_meta),
	    TEST(test_the_write_counter),
	    TEST(test_another_counter_is_noticed),
	    TEST(test_another_epoch_is_noticed),
	    TEST(test_another_database_is_noticed),
	    TEST(test_a_restore_is_noticed),
	    TEST(test_a_copy_over_it_is_noticed),
	    TEST(test_a_copy_in_rollback_mode),
	    TEST(test_a_move_over_it_is_noticed),
	    TEST(test_busy),
	    TEST(test_the_app_reads_meanwhile),
	    TEST(test_both_ways_to_sync),
	    TEST(test_full),
	    TEST(test_the_way_back_needs_no_memory),
	    TEST(test_reading_commits_nothing),
	    TEST(test_nothing_is_written_behind_a_lost_transaction),
	    TEST(test_indexes_are_used),
	    TEST(test_every_statement_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
