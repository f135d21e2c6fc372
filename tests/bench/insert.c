/*
 * insert.c - the app's insert beside a full drain: how long its commit takes, and how often one
 * that does not wait is refused.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/app.h"
#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"

struct insert {
	struct samples p50, p99, worst, refused;
	struct samples alone_p50, alone_p99, alone_worst;
	struct samples drained; /* rows a second meanwhile */
};

static struct app_plan
app_of(int64_t first, int timeout_ms, int sync_ms)
{
	return (struct app_plan){.language = "c",
	    .count = settings.quick ? 100 : 300,
	    .first = first,
	    .gap_us_min = 2000,
	    .gap_us_max = 2000,
	    .timeout_ms = timeout_ms,
	    .synchronous = "FULL",
	    .sync_ms = sync_ms};
}

static void
wait_for_results(const struct shop *shop, int64_t count)
{
	sqlite3 *db = shop_connect(shop);

	for (int i = 0; sql_number(db, "SELECT count(*) FROM outbox_result") < count; i++) {
		if (i == 3000)
			die("the drain does not begin");
		sleep_ms(10);
	}
	(void)sqlite3_close(db);
}

static void
measure(struct insert *insert, const struct nginx *nginx, int sync_ms)
{
	struct destination_plan plan = {.name = "shop0", .profile = "generic", .concurrency = 64};
	struct app_plan patient = app_of(500000, 5000, sync_ms);
	struct app_plan hasty = app_of(600000, 0, sync_ms);
	struct app_plan alone = app_of(700000, 5000, sync_ms);
	struct app_run run;
	struct shop shop;
	int64_t before;
	int64_t from;
	sqlite3 *db;

	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", nginx->plain);
	shop_open(&shop, &plan, 1, NULL);
	shop_fill(&shop, "shop0", "post", chosen(settings.rows, 100000, 50000));
	progress("insert: the app alone");
	app_run(&shop, &alone, &run);
	sample(&insert->alone_p50, app_took_ms(&run, 0.5));
	sample(&insert->alone_p99, app_took_ms(&run, 0.99));
	sample(&insert->alone_worst, app_took_ms(&run, 1));
	free(run.commits);

	progress("insert: the app beside a drain");
	shop_start_daemon(&shop);
	wait_for_results(&shop, 200);
	db = shop_connect(&shop);
	before = sql_number(db, "SELECT count(*) FROM outbox_result");
	from = now_ns();
	app_run(&shop, &patient, &run);
	sample(&insert->p50, app_took_ms(&run, 0.5));
	sample(&insert->p99, app_took_ms(&run, 0.99));
	sample(&insert->worst, app_took_ms(&run, 1));
	free(run.commits);
	app_run(&shop, &hasty, &run);
	sample(&insert->refused, 100.0 * (double)run.refused / (double)run.count);
	free(run.commits);
	sample(&insert->drained,
	    (double)(sql_number(db, "SELECT count(*) FROM outbox_result") - before) * 1e9 /
		(double)(now_ns() - from));
	if (sql_number(db, "SELECT 1 FROM outbox_delivery WHERE state = 'queued' LIMIT 1") != 1)
		die("the outbox was empty before the app was through; say --rows");
	(void)sqlite3_close(db);
	shop_close(&shop);
}

static void
compared(const char *name, const struct samples *value, const struct samples *alone, double at_most)
{
	figure_add(&(struct figure){.bench = "insert",
	    .name = name,
	    .unit = "ms",
	    .value = *value,
	    .reference = "the app alone",
	    .reference_value = *alone,
	    .bound = at_most > 0 ? AT_MOST : BOUND_NONE,
	    .bound_is_value = 1,
	    .limit = at_most});
}

static void
report(const struct insert *insert, const char *names[5], bool bounds)
{
	compared(names[0], &insert->p50, &insert->alone_p50, 0);
	compared(names[1], &insert->p99, &insert->alone_p99, bounds ? 5 : 0);
	compared(names[2], &insert->worst, &insert->alone_worst, 0);
	figure_add(&(struct figure){.bench = "insert",
	    .name = names[3],
	    .unit = "%",
	    .value = insert->refused,
	    .bound = bounds ? AT_MOST : BOUND_NONE,
	    .limit = 10});
	figure_add(&(struct figure){
	    .bench = "insert", .name = names[4], .unit = "tx/s", .value = insert->drained});
}

void
bench_insert(void)
{
	static const char *usual[] = {"commit, FULL, waits 5 s: p50", "  p99", "  worst",
	    "  refused, without waiting", "  the drain meanwhile"};
	static const char *slower[] = {"fsync +5 ms (app and daemon): p50", "  p99", "  worst",
	    "  refused, without waiting", "  the drain meanwhile"};
	struct insert fast = {0};
	struct insert slow = {0};
	struct nginx nginx;
	int before = settings.sync_ms;

	nginx_start(&nginx);
	for (int run = 0; run < settings.runs; run++) {
		measure(&fast, &nginx, settings.sync_ms);
		settings.sync_ms = 5;
		measure(&slow, &nginx, 5);
		settings.sync_ms = before;
	}
	nginx_stop(&nginx);
	report(&fast, usual, true);
	report(&slow, slower, false);
}
