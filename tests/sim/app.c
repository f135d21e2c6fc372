/*
 * app.c - the app: its rows, its locks, its own list of what was accepted.
 */
#include "sim/app.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/store.h"
#include "lib/fvfs.h"
#include "sim/edges_sim.h"
#include "sim/gateway.h"
#include "sim/sometimes.h"
#include "sim/world.h"

enum kind_of_row {
	ROW_RIVERTY,
	ROW_CAPTURE,
	ROW_GENERIC,
	ROW_VRIO,
	ROW_BOOK,
	ROW_SEARCH,
	ROW_BAD,
	ROW_KINDS,
};

/* What can never be sent, or not as it stands. */
static const struct {
	const char *destination;
	const char *operation;
	const char *path;
	const char *headers;
	const char *body;
	const char *key;
} bad_rows[] = {
    {"riv", "authorize", NULL, NULL, "{\"card\":\"4111111111111111\"}", NULL},
    {"riv", "authorize", NULL, NULL, "{\"order\":", NULL},
    {"riv", "authorize", "/other/path", NULL, "{}", NULL},
    {"riv", "authorize", NULL, NULL, "{}", "a key with blanks"},
    {"riv", "surprise", NULL, NULL, "{}", NULL},
    {"nobody", "order", NULL, NULL, "{}", NULL},
    {"vrio", "order", NULL, NULL, "{}", "key-for-keyless"},
    {"trav", "flight-book", NULL, "{\"Authorization\":\"x\"}", "{}", NULL},
    {"gen", "post", "/a/../b", NULL, "{}", NULL},
};
enum { BAD_ROWS = sizeof(bad_rows) / sizeof(bad_rows[0]) };

static struct {
	sqlite3 *db;
	sqlite3_stmt *insert;
	bool normal;
	bool locked;
	int64_t rows[ORDERS_MAX * 2]; /* what a chain may hang on */
	int row_count;
	int64_t lifetime; /* of plain orders, 0: none */
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} cache[48];
} app;

sqlite3 *
app_db(void)
{
	return app.db;
}

bool
app_is_normal(void)
{
	return app.normal;
}

void
app_begin(bool normal)
{
	assert(app.db == NULL);
	app.normal = normal;
	app.locked = false;
	app.row_count = 0;
	app.lifetime = 0;
}

void
app_orders_expire(int64_t lifetime)
{
	app.lifetime = lifetime;
}

void
app_open(void)
{
	int rc;

	allocations_pause();
	fvfs_quiet(true);
	rc = sqlite3_open_v2(DATABASE, &app.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	assert(rc == SQLITE_OK);
	rc = sqlite3_exec(app.db,
	    app.normal ? "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 40"
		       : "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 40",
	    NULL, NULL, NULL);
	assert(rc == SQLITE_OK);
	rc = sqlite3_prepare_v3(app.db,
	    "INSERT INTO outbox (destination, operation, path, headers, body, reference, "
	    "idempotency_key, after_id, not_before, expires_at) VALUES "
	    "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
	    -1, SQLITE_PREPARE_PERSISTENT, &app.insert, NULL);
	if (rc != SQLITE_OK)
		world_violation("harness", "prepare: %s", sqlite3_errmsg(app.db));
	fvfs_quiet(false);
	allocations_resume();
}

void
app_close(void)
{
	allocations_pause();
	fvfs_quiet(true);
	for (size_t i = 0; i < sizeof(app.cache) / sizeof(app.cache[0]); i++) {
		(void)sqlite3_finalize(app.cache[i].statement);
		app.cache[i].statement = NULL;
		app.cache[i].sql = NULL;
	}
	(void)sqlite3_finalize(app.insert);
	app.insert = NULL;
	(void)sqlite3_close(app.db);
	app.db = NULL;
	app.locked = false;
	fvfs_quiet(false);
	allocations_resume();
}

sqlite3_stmt *
app_statement(const char *sql)
{
	size_t i = 0;

	while (app.cache[i].sql != NULL && app.cache[i].sql != sql)
		i++;
	assert(i < sizeof(app.cache) / sizeof(app.cache[0]));
	if (app.cache[i].sql == NULL) {
		app.cache[i].sql = sql;
		(void)sqlite3_prepare_v3(
		    app.db, sql, -1, SQLITE_PREPARE_PERSISTENT, &app.cache[i].statement, NULL);
	}
	return app.cache[i].statement;
}

int64_t
app_number(const char *sql, int64_t argument)
{
	sqlite3_stmt *statement;
	int64_t number = -1;

	allocations_pause();
	fvfs_quiet(true);
	statement = app_statement(sql);
	(void)sqlite3_bind_int64(statement, 1, argument);
	if (sqlite3_step(statement) == SQLITE_ROW &&
	    sqlite3_column_type(statement, 0) != SQLITE_NULL)
		number = sqlite3_column_int64(statement, 0);
	(void)sqlite3_reset(statement);
	fvfs_quiet(false);
	allocations_resume();
	return number;
}

bool
app_held(const char *destination)
{
	sqlite3_stmt *statement;
	bool held;

	allocations_pause();
	fvfs_quiet(true);
	statement =
	    app_statement("SELECT 1 FROM outbox_destination WHERE held AND destination = ?1");
	(void)sqlite3_bind_text(statement, 1, destination, -1, SQLITE_STATIC);
	held = sqlite3_step(statement) == SQLITE_ROW;
	(void)sqlite3_reset(statement);
	fvfs_quiet(false);
	allocations_resume();
	return held;
}

/* --- rows --- */

struct row {
	const char *destination;
	const char *operation;
	const char *path;
	const char *headers;
	const char *body;
	const char *reference;
	const char *key;
	int64_t after;
	int64_t not_before;
	int64_t expires_at;
};

static void
bind_optional(int index, int64_t value)
{
	if (value > 0)
		(void)sqlite3_bind_int64(app.insert, index, value);
	else
		(void)sqlite3_bind_null(app.insert, index);
}

/* The new row's id, 0 when it was refused. certain: its commit returned. */
static int64_t
insert_row(const struct row *row, bool *certain)
{
	int64_t id = 0;
	int rc;

	*certain = false;
	if (app.locked || app.insert == NULL)
		return 0;
	allocations_pause();
	fvfs_quiet(true);
	(void)sqlite3_bind_text(app.insert, 1, row->destination, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(app.insert, 2, row->operation, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(app.insert, 3, row->path, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(app.insert, 4, row->headers, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(app.insert, 5, row->body, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(app.insert, 6, row->reference, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(app.insert, 7, row->key, -1, SQLITE_STATIC);
	bind_optional(8, row->after);
	bind_optional(9, row->not_before);
	bind_optional(10, row->expires_at);
	rc = sqlite3_step(app.insert);
	if (rc == SQLITE_DONE) {
		id = sqlite3_last_insert_rowid(app.db);
		*certain = world_dead() == DEATH_NONE;
	}
	world_say("app: insert %s/%s -> row %lld (%s) %s", row->destination, row->operation,
	    (long long)id, rc == SQLITE_DONE ? "ok" : sqlite3_errmsg(app.db), row->body);
	(void)sqlite3_reset(app.insert);
	fvfs_quiet(false);
	allocations_resume();
	if (id > 0 && *certain)
		hint();
	return id;
}

static void
insert_bad(void)
{
	int which = world_below(BAD_ROWS);
	struct row row = {.destination = bad_rows[which].destination,
	    .operation = bad_rows[which].operation,
	    .path = bad_rows[which].path,
	    .headers = bad_rows[which].headers,
	    .body = bad_rows[which].body,
	    .key = bad_rows[which].key};
	bool certain;

	sometimes(inserted_bad);
	(void)insert_row(&row, &certain);
}

static int64_t
a_parent(void)
{
	return app.row_count == 0 ? 0 : app.rows[world_below(app.row_count)];
}

static void
describe(const struct order *order, enum kind_of_row kind, struct row *row)
{
	static char path[64];

	row->destination = gateway_name[order->gateway];
	switch (kind) {
	case ROW_RIVERTY:
		row->operation = "authorize";
		break;
	case ROW_CAPTURE:
		(void)snprintf(path, sizeof(path), "/api/v3/orders/O%d/captures", order->number);
		row->operation = "capture";
		row->path = path;
		break;
	case ROW_GENERIC:
		(void)snprintf(path, sizeof(path), "/things/%d", order->number);
		row->operation = "post";
		row->path = path;
		break;
	case ROW_VRIO:
		row->operation = "order";
		break;
	case ROW_BOOK:
		row->operation = "flight-book";
		row->headers = world_chance(300) ? "{\"conversationId\":\"c-1\"}" : NULL;
		break;
	case ROW_SEARCH:
		row->operation = "flight-search";
		break;
	case ROW_BAD:
	case ROW_KINDS:
		break;
	}
}

static void
fill(struct order *order, enum kind_of_row kind)
{
	static const enum gateway gateways[ROW_KINDS] = {GATEWAY_RIVERTY, GATEWAY_RIVERTY,
	    GATEWAY_GENERIC, GATEWAY_VRIO, GATEWAY_TRAVLINQ, GATEWAY_TRAVLINQ, GATEWAY_COUNT};

	order->gateway = gateways[kind];
	order->keyed = kind <= ROW_GENERIC;
	order->safe = kind == ROW_SEARCH;
	order->play = world_chance(350) ? PLAY_ACCEPT : (enum play)world_below(PLAY_COUNT);
	order->inserted = world_true();
	order->wrong_clock = world_skew() != 0;
}

static void
insert_order(struct order *order, enum kind_of_row kind, bool plain)
{
	char body[80];
	char reference[24];
	struct row row = {.body = body};

	describe(order, kind, &row);
	(void)snprintf(body, sizeof(body), "{\"order\":%d,\"kind\":%d}", order->number, (int)kind);
	(void)snprintf(reference, sizeof(reference), "o%d", order->number);
	if (plain || order->number % 4 != 3)
		row.reference = reference;
	if (!plain && (kind == ROW_CAPTURE || world_chance(100)))
		row.after = a_parent();
	if (!plain && order->keyed && world_chance(150)) {
		/* now and then one that another order has already */
		(void)snprintf(order->own_key, sizeof(order->own_key), "own-%d",
		    world_chance(300) ? order->number / 2 : order->number);
		row.key = order->own_key;
	}
	if (!plain && world_skew() == 0 && world_chance(120))
		row.not_before = world_wall() + world_between(0, SECONDS(60));
	if (!plain && world_chance(120))
		row.expires_at = world_wall() + world_between(0, SECONDS(60));
	if (plain && app.lifetime > 0)
		row.expires_at = world_wall() + app.lifetime;
	order->expires_at = row.expires_at > 0 ? row.expires_at : -1;
	order->after_row = row.after;
	order->row = insert_row(&row, &order->certain);
	order->certain = order->certain && !app.normal;
	if (order->row > 0 && app.row_count < ORDERS_MAX)
		app.rows[app.row_count++] = order->row;
}

/* The same order again, after a restore undid it: same reference, same body, hence the same key. */
static void
insert_again(struct order *order)
{
	char body[80];
	char reference[24];
	struct row row = {.body = body, .reference = reference};
	enum kind_of_row kind = order->gateway == GATEWAY_GENERIC ? ROW_GENERIC : ROW_RIVERTY;

	describe(order, kind, &row);
	(void)snprintf(body, sizeof(body), "{\"order\":%d,\"kind\":%d}", order->number, (int)kind);
	(void)snprintf(reference, sizeof(reference), "o%d", order->number);
	order->inserted_again = true;
	order->after_row = 0;
	order->expires_at = -1;
	order->row = insert_row(&row, &order->certain);
	order->certain = order->certain && !app.normal;
}

static bool
may_insert_again(const struct order *order)
{
	return order->row == 0 && order->keyed && order->gateway == GATEWAY_GENERIC &&
	       order->own_key[0] == '\0' && order->number % 4 != 3 && !order->rekeyed &&
	       world_true() - order->inserted < KEY_WINDOW_MS / 2 && order->frozen;
}

void
app_insert(void)
{
	struct order *order;
	enum kind_of_row kind = (enum kind_of_row)world_below(ROW_KINDS);

	/* A row that is written by a clock years ahead waits for years: seen, and not what a seed
	 * should end with. */
	if (app.locked || world_skew() > SECONDS(60))
		return;
	for (int i = 0; i < order_count(); i++)
		if (may_insert_again(order_at(i)) && world_chance(300)) {
			insert_again(order_at(i));
			return;
		}
	if (kind == ROW_BAD) {
		insert_bad();
		return;
	}
	order = order_new();
	if (order == NULL)
		return;
	fill(order, kind);
	insert_order(order, kind, false);
}

void
app_insert_plain(int which)
{
	static const enum kind_of_row kinds[] = {ROW_RIVERTY, ROW_VRIO, ROW_GENERIC, ROW_BOOK,
	    ROW_VRIO, ROW_GENERIC, ROW_RIVERTY, ROW_BOOK};
	static const enum play plays[] = {PLAY_ACCEPT, PLAY_ACCEPT, PLAY_LATER, PLAY_LATER,
	    PLAY_LATER, PLAY_ACCEPT, PLAY_DECLINE, PLAY_ACCEPT};
	struct order *order = order_new();

	if (order == NULL)
		return;
	fill(order, kinds[which % 8]);
	order->play = plays[which % 8];
	insert_order(order, kinds[which % 8], true);
}

static void
quiet_exec(const char *sql)
{
	allocations_pause();
	fvfs_quiet(true);
	(void)sqlite3_exec(app.db, sql, NULL, NULL, NULL);
	fvfs_quiet(false);
	allocations_resume();
}

bool
app_is_locked(void)
{
	return app.locked;
}

void
app_lock(void)
{
	if (app.locked)
		return;
	quiet_exec("BEGIN IMMEDIATE");
	app.locked = sqlite3_get_autocommit(app.db) == 0;
	if (app.locked) {
		sometimes(database_busy);
		world_schedule(world_between(5, world_chance(500) ? 100 : 5000), HAPPENS_UNLOCK, 0);
	}
}

void
app_unlock(void)
{
	if (!app.locked)
		return;
	quiet_exec("COMMIT");
	app.locked = false;
}

void
app_checkpoint(void)
{
	static const char *const ways[] = {"PRAGMA wal_checkpoint(PASSIVE)",
	    "PRAGMA wal_checkpoint(FULL)", "PRAGMA wal_checkpoint(RESTART)",
	    "PRAGMA wal_checkpoint(TRUNCATE)"};

	if (app.locked)
		return;
	sometimes(checkpointed);
	quiet_exec(ways[world_below(4)]);
}

void
app_recount(bool restored)
{
	for (int i = 0; i < order_count(); i++) {
		struct order *order = order_at(i);
		int64_t found;

		if (restored && order->row == 0)
			order->row = order->lost_row;
		if (order->row == 0 || (order->certain && !restored))
			continue;
		found =
		    app_number("SELECT json_extract(body, '$.order') FROM outbox WHERE id = ?1 AND "
			       "body LIKE '{\"order\":%'",
			order->row);
		if (found != order->number) {
			world_say(
			    "order %d (row %lld) is gone", order->number, (long long)order->row);
			order->lost_row = order->row;
			order->row = 0;
			order->certain = false;
		}
		if (restored) {
			order->sent = 0; /* the backup knows nothing of it */
			order->state = -1;
			order->result = -1;
			order->resubmit = 0;
			order->decision = 0;
		}
	}
	if (!restored)
		return;
	gateway_app_was_restored();
	app.row_count = 0;
	for (int i = 0; i < order_count(); i++)
		if (order_at(i)->row > 0)
			app.rows[app.row_count++] = order_at(i)->row;
}

/* A row in words. */
static void
explain_row(int64_t id, char *why, int size)
{
	sqlite3_stmt *row = NULL;

	allocations_pause();
	fvfs_quiet(true);
	(void)sqlite3_prepare_v2(app.db,
	    "SELECT printf('row %d (%s/%s, %s %s %s, due %s, exposed %s, %s)', outbox_id, "
	    "destination, "
	    "operation, state, coalesce(result, ''), coalesce(hold_cause, ''), due_at, exposed_at, "
	    "reason) "
	    "FROM outbox_delivery WHERE outbox_id = ?1",
	    -1, &row, NULL);
	(void)sqlite3_bind_int64(row, 1, id);
	if (sqlite3_step(row) == SQLITE_ROW)
		(void)snprintf(why, (size_t)size, "%s", sqlite3_column_text(row, 0));
	(void)sqlite3_finalize(row);
	fvfs_quiet(false);
	allocations_resume();
}

static int64_t
open_row(void)
{
	return app_number("SELECT min(outbox_id) FROM outbox_delivery WHERE state <> 'done' OR "
			  "result = 'unknown' OR "
			  "?1 < 0",
	    0);
}

static int64_t
open_request(void)
{
	return app_number("SELECT min(id) FROM outbox_control WHERE status = 'open' AND ?1 = 0", 0);
}

static int64_t
held_destinations(void)
{
	return app_number("SELECT count(*) FROM outbox_destination WHERE held AND ?1 = 0", 0);
}

bool
app_is_settled(void)
{
	return open_row() == -1 && open_request() == -1 && held_destinations() == 0;
}

void
app_explain(char *why, int size)
{
	if (open_row() != -1)
		explain_row(open_row(), why, size);
	else if (open_request() != -1)
		(void)snprintf(why, (size_t)size, "request %lld", (long long)open_request());
	else
		(void)snprintf(
		    why, (size_t)size, "%lld held destination(s)", (long long)held_destinations());
}

void
app_make_template(void)
{
	struct text report;
	enum store_status status;
	sqlite3 *db;

	fvfs_reset();
	text_init(&report, 4096);
	status = store_init(DATABASE, &report);
	if (status != STORE_OK) {
		(void)fprintf(stderr, "%s\n", text_string(&report));
		abort();
	}
	text_free(&report);
	(void)sqlite3_open_v2(DATABASE, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	/* The same secret for every run: libcrypto's randomness is not ours. */
	(void)sqlite3_exec(db,
	    "UPDATE outbox_meta SET value = zeroblob(32) WHERE name = 'key_secret';"
	    "PRAGMA wal_checkpoint(TRUNCATE)",
	    NULL, NULL, NULL);
	(void)sqlite3_close(db);
	fvfs_keep_template();
}
