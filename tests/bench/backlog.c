/*
 * backlog.c - does a long history, or a long queue, cost anything?
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"
#include "edge/store.h"

enum { BATCH = 100, BATCHES = 20, LOOKS = 200, WAL_FRAMES = 2048 };

static const char oldest[] = "shop0"; /* open rows scattered among the finished */

/* The rows that came last, of each run. */
static const char *const newest[] = {
    "shop1", "shop2", "shop3", "shop4", "shop5", "shop6", "shop7", "shop8", "shop9"};
enum { RUNS_MAX = 9 };

/* The same outbox with a short and with a long history. */
struct size {
	int64_t rows;
	int64_t step; /* every step-th is open; 0: none */
	struct samples scattered_us, scattered_cpu_us, bare_us;
	struct samples newest_us;
	struct samples look_us, bare_look_us;
	struct samples drain_cpu_us, drain_scattered_cpu_us;
};

/* When what is open is due that is nobody's business yet. (The app said not_before: outboxd has no
 * reason to bring it forward.) */
static int64_t
later(void)
{
	return wall_ms() + (int64_t)3 * 3600 * 1000;
}

/* Rows come in by the app's own way, triggers and all; then most are finished at once, as outboxd
 * would have left them. */
static void
fill(const struct shop *shop, const struct size *size)
{
	sqlite3 *db = shop_connect(shop);

	progress("backlog: filling %lld rows", (long long)size->rows);
	sql(db,
	    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
	    "PRAGMA cache_size = -400000; BEGIN;"
	    "INSERT INTO outbox (destination, operation, path, reference, body) "
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld) "
	    "SELECT '%s', 'post', '/d/' || i, printf('r-%%09d', i), %s FROM n;",
	    (long long)size->rows, oldest, body_sql);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (size->step != 1)
		sql(db,
		    "UPDATE outbox_delivery SET state = 'done', open = 0, result = 'succeeded', "
		    "due_at = NULL, exposed_at = created_at, started_at = created_at, attempts = "
		    "1, "
		    "kind = 'keyed', method = 'POST', url = 'http://127.0.0.1:8080/d/' || "
		    "outbox_id, key_header = 'Idempotency-Key', idempotency_key = "
		    "printf('%%08x-0000-8000-8000-000000000000', outbox_id), "
		    "request_hash = randomblob(32), room = NULL "
		    "WHERE %lld = 0 OR outbox_id %% %lld <> 0;"
		    "INSERT INTO outbox_attempt (outbox_id, n, phase, started_at, ended_at, "
		    "evidence, http_status, rule) "
		    "SELECT outbox_id, 1, 'submit', created_at, created_at, 'answered', 200, "
		    "'done' FROM outbox_delivery WHERE state = 'done';"
		    "INSERT INTO outbox_result (outbox_id, result, http_status, body, finished_at) "
		    "SELECT outbox_id, 'succeeded', 200, "
		    "'{\"outcome\":\"Accepted\",\"checkoutId\":\"4b0c1f2e-9f6c\"}', created_at "
		    "FROM outbox_delivery WHERE state = 'done';"
		    "UPDATE outbox_delivery SET due_at = %lld, eligible_at = %lld WHERE open = 1;",
		    (long long)size->step, (long long)size->step, (long long)later(),
		    (long long)later());
	sql(db, "COMMIT; PRAGMA journal_mode = WAL;");
	(void)sqlite3_close(db);
	disk_settle();
}

/* --- claims, by the daemon's own functions in this process --- */

/* What a claim writes for one row. */
static void
claim_row(struct store *store, struct store_row *row)
{
	unsigned char hash[KEY_HASH_SIZE];
	struct txn_step step = {.event = EVENT_CLAIM, .now = wall_ms()};
	struct txn after;
	char key[64];
	char url[64];
	struct store_frozen frozen = {.method = "POST",
	    .url = url,
	    .key_header = "Idempotency-Key",
	    .key = key,
	    .hash = hash};

	memset(hash, (int)row->txn.id, sizeof(hash));
	(void)snprintf(key, sizeof(key), "%08llx-0000-8000-8000-000000000000",
	    (unsigned long long)row->txn.id);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:8080%s", row->path);
	row->txn.frozen = true;
	row->txn.kind = KIND_KEYED;
	after = row->txn;
	if (txn_apply(&after, &step) == -1 ||
	    store_move(store, row->txn.state, &after, NULL, NULL, &frozen) != STORE_OK)
		die("cannot claim row %lld: %s", (long long)row->txn.id, store_error(store));
}

/* One claim as the daemon makes it: read without the write lock, written in one transaction,
 * durable. */
static void
claim_batch(struct store *store, const char *destination)
{
	struct store_rows rows;

	if (store_due(store, destination, STATE_QUEUED, later(), true, BATCH, &rows) != STORE_OK ||
	    rows.count != BATCH)
		die("cannot find %d due rows", BATCH);
	if (store_begin(store, 1000, STORE_SYNC_AFTER_COMMIT) != STORE_OK)
		die("cannot begin: %s", store_error(store));
	for (size_t i = 0; i < rows.count; i++)
		claim_row(store, rows.row[i]);
	if (store_commit(store) != STORE_OK)
		die("cannot commit: %s", store_error(store));
	store_rows_free(&rows);
}

static double
own_cpu_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The middle one of some claims, a row of it; checkpoints come between them. */
static void
measure_claims(
    struct store *store, const char *destination, struct samples *us, struct samples *cpu_us)
{
	struct samples each = {0};
	struct samples each_cpu = {0};

	for (int i = 0; i < BATCHES; i++) {
		double cpu = own_cpu_us();
		int64_t begin = now_ns();

		claim_batch(store, destination);
		sample(&each, (double)(now_ns() - begin) / 1e3 / BATCH);
		sample(&each_cpu, (own_cpu_us() - cpu) / BATCH);
		store_checkpoint(store, WAL_FRAMES);
	}
	sample(us, median(&each));
	if (cpu_us != NULL)
		sample(cpu_us, median(&each_cpu));
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *text)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
		die("%s: %s", text, sqlite3_errmsg(db));
	return statement;
}

/* Beside the claims' WAL, as a daemon that is at work finds it; and the same question asked of bare
 * SQLite. */
static void
measure_looks(const struct shop *shop, struct store *store, struct size *size)
{
	sqlite3 *db = shop_connect(shop);
	sqlite3_stmt *ask = prepare(db,
	    "SELECT due_at FROM outbox_delivery WHERE open = 1 AND destination = 'shop0' "
	    "AND state = 'retry' ORDER BY due_at LIMIT 1");
	struct samples each = {0};
	struct samples each_bare = {0};
	int64_t at;

	for (int i = 0; i < BATCHES; i++) {
		int64_t begin = now_ns();

		for (int j = 0; j < LOOKS; j++)
			if (store_next_due(store, oldest, STATE_RETRY, true, &at) != STORE_OK)
				die("cannot look");
		sample(&each, (double)(now_ns() - begin) / 1e3 / LOOKS);
		begin = now_ns();
		for (int j = 0; j < LOOKS; j++) {
			(void)sqlite3_step(ask);
			(void)sqlite3_reset(ask);
		}
		sample(&each_bare, (double)(now_ns() - begin) / 1e3 / LOOKS);
	}
	(void)sqlite3_finalize(ask);
	(void)sqlite3_close(db);
	sample(&size->look_us, median(&each));
	sample(&size->bare_look_us, median(&each_bare));
}

static void
measure_store(const struct shop *shop, const char *last, struct size *size)
{
	struct store *store = NULL;
	struct store_identity identity;
	struct text why;

	progress("backlog: claims among %lld rows", (long long)size->rows);
	text_init(&why, 4096);
	if (store_open(shop->database, STORE_DAEMON, &store, &why) != STORE_OK ||
	    store_identity(store, &identity) != STORE_OK)
		die("cannot open %s: %s", shop->database, text_string(&why));
	store_expect(store, &identity);
	measure_claims(store, last, &size->newest_us, NULL);
	if (size->step > 0)
		measure_claims(store, oldest, &size->scattered_us, &size->scattered_cpu_us);
	measure_looks(shop, store, size);
	store_close(store);
	text_free(&why);
}

/* Those claims never happened. */
static void
unclaim(const struct shop *shop)
{
	sqlite3 *db = shop_connect(shop);

	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(db,
	    "PRAGMA synchronous = OFF;"
	    "UPDATE outbox_delivery SET state = 'queued', due_at = CASE destination WHEN '%s' THEN "
	    "eligible_at ELSE 0 END, exposed_at = NULL, started_at = NULL, attempts = 0, kind = "
	    "NULL, "
	    "method = NULL, url = NULL, key_header = NULL, idempotency_key = NULL, "
	    "request_hash = NULL, room = (SELECT room FROM outbox_delivery ORDER BY outbox_id DESC "
	    "LIMIT 1) WHERE open = 1 AND state = 'sending';"
	    "PRAGMA wal_checkpoint(TRUNCATE);",
	    oldest);
	(void)sqlite3_close(db);
	disk_settle();
}

static void
with_id(sqlite3_stmt *statement, int64_t id)
{
	(void)sqlite3_bind_int64(statement, 1, id);
	while (sqlite3_step(statement) == SQLITE_ROW)
		;
	if (sqlite3_reset(statement) != SQLITE_OK)
		die("%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
}

/* The least that a claim of scattered rows can cost on this disk: their pages read, and written
 * with one number changed. */
static void
measure_bare(const struct shop *shop, const struct size *size, struct samples *us)
{
	sqlite3 *db = shop_connect(shop);
	struct samples each = {0};
	sqlite3_stmt *find;
	sqlite3_stmt *write;
	int64_t id = size->rows / 2;

	progress("backlog: bare SQLite");
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(db, "PRAGMA synchronous = FULL");
	find = prepare(db, "SELECT body FROM outbox WHERE id = ?1");
	write =
	    prepare(db, "UPDATE outbox_delivery SET failures = 1 - failures WHERE outbox_id = ?1");
	for (int i = 0; i < BATCHES; i++) {
		int64_t begin = now_ns();

		sql(db, "BEGIN IMMEDIATE");
		for (int j = 0; j < BATCH; j++) {
			id = id % size->rows + size->step;
			with_id(find, id);
			with_id(write, id);
		}
		sql(db, "COMMIT");
		sample(&each, (double)(now_ns() - begin) / 1e3 / BATCH);
	}
	(void)sqlite3_finalize(find);
	(void)sqlite3_finalize(write);
	(void)sqlite3_close(db);
	sample(us, median(&each));
}

/* --- whole transactions, by the daemon --- */

static void
wait_for(sqlite3 *db, const char *destination)
{
	int64_t now = wall_ms();

	for (int i = 0;
	     sql_number(db,
		 "SELECT count(*) FROM (SELECT 'queued' AS s UNION ALL SELECT 'retry' UNION ALL "
		 "SELECT 'sending') WHERE EXISTS (SELECT 1 FROM outbox_delivery WHERE open = 1 "
		 "AND destination = '%s' AND state = s AND coalesce(due_at, 0) <= %lld)",
		 destination, (long long)now) > 0;
	     i++) {
		if (i == 60000)
			die("not drained after 10 min");
		sleep_ms(10);
	}
}

/* Its processor time, start and all, for each row that is due. */
static void
measure_drain(struct shop *shop, const char *destination, int64_t due, struct samples *cpu_us)
{
	sqlite3 *db = shop_connect(shop);
	struct usage usage;

	shop_start_daemon(shop);
	wait_for(db, destination);
	usage_read(shop->daemon, &usage);
	sample(cpu_us, usage.cpu_us / (double)due);
	process_stop(shop->daemon, SIGTERM);
	shop->daemon = 0;
	(void)sqlite3_close(db);
}

/* The next of the scattered ones are due now. How many? */
static int64_t
make_due(const struct shop *shop, int64_t rows)
{
	sqlite3 *db = shop_connect(shop);
	int64_t due;

	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(db,
	    "PRAGMA synchronous = OFF;"
	    "UPDATE outbox_delivery SET due_at = 0 WHERE outbox_id IN (SELECT outbox_id FROM "
	    "outbox_delivery WHERE open = 1 AND destination = '%s' AND state = 'queued' AND due_at "
	    "> 0 "
	    "ORDER BY due_at LIMIT %lld)",
	    oldest, (long long)rows);
	due = sqlite3_changes(db);
	sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	(void)sqlite3_close(db);
	disk_settle();
	return due;
}

/* One database for all runs: to fill it takes longer than to measure it. */
static void
measure_size(struct size *size, const struct nginx *nginx)
{
	struct destination_plan plans[1 + RUNS_MAX];
	int64_t drained = settings.quick ? 3000 : 20000;
	struct shop shop;

	for (int i = 0; i <= settings.runs; i++) {
		plans[i] = (struct destination_plan){.name = i == 0 ? oldest : newest[i - 1],
		    .profile = "generic",
		    .concurrency = 64};
		(void)snprintf(plans[i].base_url, sizeof(plans[i].base_url), "%s", nginx->plain);
	}
	shop_open(&shop, plans, 1 + settings.runs, NULL);
	fill(&shop, size);
	for (int run = 0; run < settings.runs; run++) {
		shop_fill(&shop, newest[run], "post", drained);
		measure_store(&shop, newest[run], size);
		unclaim(&shop);
		progress("backlog: draining the newest among %lld rows", (long long)size->rows);
		measure_drain(&shop, newest[run], drained, &size->drain_cpu_us);
		if (size->step == 0)
			continue;
		measure_bare(&shop, size, &size->bare_us);
		progress("backlog: draining scattered ones among %lld rows", (long long)size->rows);
		measure_drain(&shop, oldest,
		    make_due(&shop, size->rows / size->step / settings.runs),
		    &size->drain_scattered_cpu_us);
	}
	shop_close(&shop);
}

/* From the start of the program to its first request. */
static void
measure_start(int64_t rows, struct samples *ms)
{
	struct destination_plan plan = {.name = oldest, .profile = "generic", .concurrency = 64};
	struct slow_plan at_once = {0};
	struct size size = {.rows = rows, .step = 1};
	struct slow_gateway gateway;
	struct shop shop;
	int64_t begin;

	slow_start(&gateway, &at_once);
	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", gateway.url);
	shop_open(&shop, &plan, 1, NULL);
	fill(&shop, &size);
	progress("backlog: a start with %lld open rows", (long long)rows);
	for (int run = 0; run < settings.runs; run++) {
		int64_t before = gateway.seen->requests;

		begin = now_ns();
		shop_start_daemon(&shop);
		for (int i = 0; gateway.seen->requests == before; i++) {
			if (i == 60000)
				die("no request within a minute");
			sleep_ms(1);
		}
		sample(ms, (double)(now_ns() - begin) / 1e6);
		process_stop(shop.daemon, SIGKILL);
		shop.daemon = 0;
		sleep_ms(100); /* what was sent has arrived */
	}
	shop_close(&shop);
	slow_stop(&gateway);
}

struct line {
	const char *name;
	const char *unit;
	const struct samples *value;
	const char *reference;
	const struct samples *than;
	double limit; /* 0: none */
	int of_value;
};

static void
report(const struct line *line)
{
	figure_add(&(struct figure){.bench = "backlog",
	    .name = line->name,
	    .unit = line->unit,
	    .value = *line->value,
	    .reference = line->reference,
	    .reference_value = *line->than,
	    .bound = line->limit > 0 ? AT_MOST : BOUND_NONE,
	    .bound_is_value = line->of_value,
	    .limit = line->limit});
}

void
bench_backlog(void)
{
	struct size small = {.rows = 1000};
	struct size large = {.rows = chosen(settings.rows, 5000000, 100000), .step = 100};
	struct samples start_small = {0};
	struct samples start_large = {0};
	static char title[100];
	struct nginx nginx;

	if (large.rows < (int64_t)large.step * BATCHES * BATCH)
		large.step = 20; /* enough of them, and still a page each */
	if (settings.runs > RUNS_MAX)
		settings.runs = RUNS_MAX;
	nginx_start(&nginx);
	measure_size(&small, &nginx);
	measure_size(&large, &nginx);
	nginx_stop(&nginx);
	measure_start(1000, &start_small);
	measure_start(settings.quick ? 100000 : 1000000, &start_large);
	(void)snprintf(title, sizeof(title), "%lld rows, %lld due and scattered: a claimed row",
	    (long long)large.rows, (long long)(large.rows / large.step));

	const struct line lines[] = {
	    {title, "us", &large.scattered_us, "bare SQLite, same pages", &large.bare_us, 7, 1},
	    {"  of it processor", "us", &large.scattered_cpu_us, "all of it", &large.scattered_us,
		0, 0},
	    {"  when the newest are due", "us", &large.newest_us, "1,000 rows", &small.newest_us,
		1.15, 0},
	    {"  an empty look", "us", &large.look_us, "bare SQLite", &large.bare_look_us, 5, 1},
	    {"  a transaction of the newest, processor", "us", &large.drain_cpu_us, "1,000 rows",
		&small.drain_cpu_us, 1.15, 0},
	    {"  of a scattered one", "us", &large.drain_scattered_cpu_us, "of the newest",
		&large.drain_cpu_us, 0, 0},
	    {settings.quick ? "start with 100,000 open rows" : "start with 1,000,000 open rows",
		"ms", &start_large, "with 1,000 open rows", &start_small, 1000, 1},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		report(&lines[i]);
}
