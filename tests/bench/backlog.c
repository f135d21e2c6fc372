/*
 * backlog.c - does a long history, or a long queue, cost anything?
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"
#include "edge/store.h"

enum { BATCH = 100, BATCHES = 20, LOOKS = 2000 };

/* The same outbox with few and with many rows. */
struct size {
	int64_t rows; /* with the due ones */
	int64_t due;  /* evenly scattered among the finished */
	struct samples claim_us;
	struct samples look_us;
	struct samples drain_cpu_us;
};

static void
fill(const struct shop *shop, const struct size *size)
{
	int64_t step = size->rows / size->due;
	sqlite3 *db = shop_connect(shop);

	progress("backlog: filling %lld rows", (long long)size->rows);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	/* What finished rows look like, written at once: the triggers would take minutes. */
	sql(db,
	    "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN;"
	    "INSERT INTO outbox (id, destination, operation, path, reference, body) "
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld) "
	    "SELECT i, 'shop0', 'post', '/d/' || i, 'r-' || i, %s FROM n;"
	    "INSERT INTO outbox_delivery (outbox_id, destination, operation, reference, "
	    "created_at, state, open, result, "
	    "due_at, eligible_at, attempts, kind, method, url, key_header, idempotency_key, "
	    "request_hash) "
	    "SELECT id, destination, operation, reference, created_at, "
	    "CASE WHEN id %% %lld THEN 'done' ELSE 'queued' END, id %% %lld = 0, CASE WHEN id %% "
	    "%lld THEN "
	    "'succeeded' END, "
	    "CASE WHEN id %% %lld THEN NULL ELSE 0 END, created_at, id %% %lld > 0, "
	    "CASE WHEN id %% %lld THEN 'keyed' END, CASE WHEN id %% %lld THEN 'POST' END, "
	    "CASE WHEN id %% %lld THEN 'http://127.0.0.1:8080/d/' || id END, "
	    "CASE WHEN id %% %lld THEN 'Idempotency-Key' END, CASE WHEN id %% %lld THEN "
	    "hex(randomblob(16)) END, "
	    "CASE WHEN id %% %lld THEN randomblob(32) END FROM outbox;"
	    "INSERT INTO outbox_attempt (outbox_id, n, phase, started_at, ended_at, evidence, "
	    "http_status, rule) "
	    "SELECT outbox_id, 1, 'submit', created_at, created_at, 'answered', 200, 'done' FROM "
	    "outbox_delivery "
	    "WHERE state = 'done';"
	    "INSERT INTO outbox_result (outbox_id, result, http_status, body, finished_at) "
	    "SELECT outbox_id, 'succeeded', 200, "
	    "'{\"outcome\":\"Accepted\",\"checkoutId\":\"4b0c1f2e-9f6c\"}', "
	    "created_at FROM outbox_delivery WHERE state = 'done';"
	    "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
	    (long long)size->rows, body_sql, (long long)step, (long long)step, (long long)step,
	    (long long)step, (long long)step, (long long)step, (long long)step, (long long)step,
	    (long long)step, (long long)step, (long long)step);
	(void)sqlite3_close(db);
	disk_settle();
}

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
	(void)snprintf(key, sizeof(key), "%08llx-0000-4000-8000-000000000000",
	    (unsigned long long)row->txn.id * 2654435761u % 0xffffffffu);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:8080%s", row->path);
	row->txn.frozen = true;
	row->txn.kind = KIND_KEYED;
	after = row->txn;
	if (txn_apply(&after, &step) == -1 ||
	    store_move(store, row->txn.state, &after, NULL, NULL, &frozen) != STORE_OK)
		die("cannot claim row %lld: %s", (long long)row->txn.id, store_error(store));
}

static void
claim_batch(struct store *store, int64_t *claimed)
{
	struct store_rows rows;

	if (store_begin(store, 1000, STORE_SYNC_AFTER_COMMIT) != STORE_OK ||
	    store_due(store, "shop0", STATE_QUEUED, wall_ms(), true, BATCH, &rows) != STORE_OK)
		die("cannot look for due rows");
	for (size_t i = 0; i < rows.count; i++)
		claim_row(store, rows.row[i]);
	*claimed += (int64_t)rows.count;
	store_rows_free(&rows);
	if (store_commit(store) != STORE_OK)
		die("cannot commit");
}

/* In this process, with the daemon's own statements. */
static void
measure_store(const struct shop *shop, struct size *size)
{
	struct store *store = NULL;
	struct text why;
	int64_t claimed = 0;
	int64_t begin;
	int64_t at;

	progress("backlog: claims among %lld rows", (long long)size->rows);
	text_init(&why, 4096);
	if (store_open(shop->database, STORE_DAEMON, &store, &why) != STORE_OK)
		die("%s", text_string(&why));
	begin = now_ns();
	for (int i = 0; i < LOOKS; i++)
		if (store_next_due(store, "shop0", STATE_RETRY, true, &at) != STORE_OK)
			die("cannot look");
	sample(&size->look_us, (double)(now_ns() - begin) / 1e3 / LOOKS);
	begin = now_ns();
	for (int i = 0; i < BATCHES && claimed < size->due / 2; i++)
		claim_batch(store, &claimed);
	sample(&size->claim_us, (double)(now_ns() - begin) / 1e3 / (double)claimed);
	store_close(store);
	text_free(&why);
}

/* By the daemon, what is left of the due rows: those that were claimed above are sent again, as
 * after a crash. */
static void
measure_drain(struct shop *shop, struct size *size)
{
	struct usage usage;

	progress("backlog: draining among %lld rows", (long long)size->rows);
	shop_start_daemon(shop);
	(void)shop_wait_drained(shop, 600);
	usage_read(shop->daemon, &usage);
	sample(&size->drain_cpu_us, usage.cpu_us / (double)size->due);
}

static void
measure_size(struct size *size, const struct nginx *nginx)
{
	struct destination_plan plan = {.name = "shop0", .profile = "generic", .concurrency = 64};
	struct shop shop;

	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", nginx->plain);
	shop_open(&shop, &plan, 1, NULL);
	fill(&shop, size);
	measure_store(&shop, size);
	shop_close(&shop);
	shop_open(&shop, &plan, 1, NULL);
	fill(&shop, size);
	measure_drain(&shop, size);
	shop_close(&shop);
}

/* From the start of the program to its first request. */
static void
measure_start(int64_t rows, struct samples *ms)
{
	struct destination_plan plan = {.name = "shop0", .profile = "generic", .concurrency = 64};
	struct slow_plan at_once = {0};
	struct slow_gateway gateway;
	struct shop shop;
	int64_t begin;

	slow_start(&gateway, &at_once);
	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", gateway.url);
	shop_open(&shop, &plan, 1, NULL);
	shop_fill(&shop, "shop0", "post", rows);
	progress("backlog: a start with %lld open rows", (long long)rows);
	begin = now_ns();
	shop_start_daemon(&shop);
	for (int i = 0; gateway.seen->requests == 0; i++) {
		if (i == 60000)
			die("no request within a minute");
		sleep_ms(1);
	}
	sample(ms, (double)(now_ns() - begin) / 1e6);
	process_stop(shop.daemon, SIGKILL);
	shop.daemon = 0;
	shop_close(&shop);
	slow_stop(&gateway);
}

static void
report(const char *name, const char *unit, const struct samples *value, const struct samples *small,
    const char *reference, double limit, int of_value)
{
	figure_add(&(struct figure){.bench = "backlog",
	    .name = name,
	    .unit = unit,
	    .value = *value,
	    .reference = reference,
	    .reference_value = *small,
	    .bound = AT_MOST,
	    .bound_is_value = of_value,
	    .limit = limit});
}

void
bench_backlog(void)
{
	int64_t rows = chosen(settings.rows, 1000000, 100000);
	struct size small = {.rows = 1000, .due = 1000};
	struct size large = {.rows = rows, .due = rows / 100};
	struct samples start_small = {0};
	struct samples start_large = {0};
	static char names[3][64];
	struct nginx nginx;

	nginx_start(&nginx);
	for (int run = 0; run < settings.runs; run++) {
		measure_size(&small, &nginx);
		measure_size(&large, &nginx);
		measure_start(1000, &start_small);
		measure_start(settings.quick ? 100000 : 1000000, &start_large);
	}
	nginx_stop(&nginx);
	(void)snprintf(names[0], sizeof(names[0]), "%lld rows, %lld due: a claimed row",
	    (long long)large.rows, (long long)large.due);
	(void)snprintf(names[1], sizeof(names[1]), "  an empty look");
	(void)snprintf(names[2], sizeof(names[2]), "  a drained row, processor");
	report(names[0], "us", &large.claim_us, &small.claim_us, "1,000 rows, all due", 7, 1);
	report(names[1], "us", &large.look_us, &small.look_us, "1,000 rows, all due", 5, 1);
	report(names[2], "us", &large.drain_cpu_us, &small.drain_cpu_us, "1,000 rows, all due",
	    1.15, 0);
	report(settings.quick ? "start with 100,000 open rows" : "start with 1,000,000 open rows",
	    "ms", &start_large, &start_small, "with 1,000 open rows", 1000, 1);
}
