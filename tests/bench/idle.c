/*
 * idle.c - what the daemon costs while there is nothing to do, or only to wait.
 */
#include <signal.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"

struct idle {
	struct samples cpu, wakes, memory;
};

/* Rows that were sent long ago and are polled: from the first at due_at on. */
static void
fill_pending(const struct shop *shop, const char *url, int64_t rows, int64_t due_at)
{
	sqlite3 *db;

	shop_fill(shop, "shop0", "post", rows);
	db = shop_connect(shop);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sql(db,
	    "PRAGMA synchronous = OFF;"
	    "UPDATE outbox_delivery SET state = 'pending', kind = 'keyed', method = 'POST', "
	    "url = '%s/d/' || outbox_id, key_header = 'Idempotency-Key', idempotency_key = 'k-' || "
	    "outbox_id, "
	    "request_hash = zeroblob(32), fetch_url = '%s/poll/' || outbox_id, due_at = %lld, "
	    "started_at = %lld, exposed_at = %lld, deadline_at = %lld, attempts = 1;"
	    "PRAGMA wal_checkpoint(TRUNCATE);",
	    url, url, (long long)due_at, (long long)wall_ms(), (long long)wall_ms(),
	    (long long)wall_ms() + 86400000);
	(void)sqlite3_close(db);
}

static void
watch(const struct shop *shop, struct idle *idle)
{
	int64_t ms = settings.quick ? 5000 : 60000;
	struct usage before;
	struct usage after;

	progress("idle: %lld s of nothing", (long long)ms / 1000);
	usage_read(shop->daemon, &before);
	sleep_ms(ms);
	usage_read(shop->daemon, &after);
	sample(&idle->cpu, 100 * (after.cpu_us - before.cpu_us) / ((double)ms * 1000));
	sample(&idle->wakes, (double)(after.switches - before.switches) * 1000 / (double)ms);
	sample(&idle->memory, (double)after.rss_kib / 1024);
}

static void
report(const char *const names[3], const struct idle *idle, bool bounds, double memory_at_most)
{
	figure_add(&(struct figure){.bench = "idle",
	    .name = names[0],
	    .unit = "%",
	    .value = idle->cpu,
	    .bound = bounds ? AT_MOST : BOUND_NONE,
	    .limit = 0.01});
	figure_add(&(struct figure){.bench = "idle",
	    .name = names[1],
	    .unit = "/s",
	    .value = idle->wakes,
	    .bound = bounds ? AT_MOST : BOUND_NONE,
	    .limit = 1});
	figure_add(&(struct figure){.bench = "idle",
	    .name = names[2],
	    .unit = "MiB",
	    .value = idle->memory,
	    .bound = AT_MOST,
	    .limit = memory_at_most});
}

void
bench_idle(void)
{
	static const char *const empty_names[] = {
	    "an empty outbox: processor", "  wake-ups", "  memory"};
	static const char *const later_names[] = {
	    "100,000 polls an hour away: processor", "  wake-ups", "  memory"};
	static const char *const hanging_names[] = {
	    "1,000 polls hanging 25 s: processor", "  wake-ups", "  memory"};
	struct destination_plan plan = {.name = "shop0",
	    .profile = "generic",
	    .concurrency = 64,
	    .more = "poll_concurrency = 1000;"};
	struct slow_plan hangs = {.poll_ms = 25000};
	struct idle empty = {0};
	struct idle later = {0};
	struct idle hanging = {0};
	struct slow_gateway gateway;
	struct shop shop;

	slow_start(&gateway, &hangs);
	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", gateway.url);
	for (int run = 0; run < settings.runs; run++) {
		shop_open(&shop, &plan, 1, NULL);
		shop_start_daemon(&shop);
		sleep_ms(2000);
		watch(&shop, &empty);
		shop_close(&shop);

		shop_open(&shop, &plan, 1, NULL);
		fill_pending(
		    &shop, gateway.url, chosen(settings.rows, 100000, 10000), wall_ms() + 3600000);
		shop_start_daemon(&shop);
		sleep_ms(2000);
		watch(&shop, &later);
		shop_close(&shop);

		shop_open(&shop, &plan, 1, NULL);
		fill_pending(&shop, gateway.url, 1000, 1);
		gateway.seen->polls = 0;
		shop_start_daemon(&shop);
		for (int i = 0; gateway.seen->polls < 1000; i++) {
			if (i == 1500)
				die("only %lld of 1000 polls arrived",
				    (long long)gateway.seen->polls);
			sleep_ms(10);
		}
		watch(&shop, &hanging);
		process_stop(shop.daemon, SIGKILL); /* it would wait for its polls */
		shop.daemon = 0;
		shop_close(&shop);
	}
	slow_stop(&gateway);
	report(empty_names, &empty, true, 16);
	report(later_names, &later, true, 16);
	report(hanging_names, &hanging, false, 64);
}
