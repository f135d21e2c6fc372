/*
 * wake.c - from the moment the app's row is visible to others to "the request is at the gateway",
 * the durable claim included. That is when COMMIT returns, unless it is followed by a checkpoint
 * first.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/app.h"
#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"
#include "bench/reference.h"

enum { LATE_MS = 1000 };

static const struct variety {
	const char *names[3];
	const char *language;
	const char *synchronous;
	int sync_ms;
} varieties[] = {
    {{"app in C, FULL: p50", "  p99", "  missed"}, "c", "FULL", 0},
    {{"app in C, NORMAL: p50", "  p99", "  missed"}, "c", "NORMAL", 0},
    {{"app in C, FULL, fsync +5 ms: p50", "  p99", "  missed"}, "c", "FULL", 5},
    {{"app in PHP (PDO), FULL: p50", "  p99", "  missed"}, "php", "FULL", 0},
    {{"app in Python, FULL: p50", "  p99", "  missed"}, "python", "FULL", 0},
    {{"sqlite3 shell, FULL: p50", "  p99", "  missed"}, "shell", "FULL", 0},
};
enum { VARIETY_COUNT = sizeof(varieties) / sizeof(varieties[0]) };

struct wake {
	struct samples p50, p99, missed;
};

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A row that arrives at once: the daemon is up and has a connection. */
static void
warm_up(const struct shop *shop, const struct slow_gateway *gateway, int64_t number)
{
	struct app_plan plan = {.language = "c",
	    .count = 20,
	    .first = number,
	    .gap_us_min = 20000,
	    .gap_us_max = 20000,
	    .timeout_ms = 5000,
	    .synchronous = "FULL"};
	struct app_run run;

	app_run(shop, &plan, &run);
	free(run.commits);
	for (int i = 0; gateway->seen->at_ns[number + 19] == 0; i++) {
		if (i == 1000)
			die("the daemon sends nothing");
		sleep_ms(10);
	}
}

static void
measure(const struct shop *shop, const struct slow_gateway *gateway, const struct variety *variety,
    int64_t first, struct wake *wake)
{
	struct app_plan plan = {.language = variety->language,
	    .count = settings.quick ? 40 : 200,
	    .first = first,
	    .gap_us_min = 15000,
	    .gap_us_max = 45000,
	    .timeout_ms = 5000,
	    .synchronous = variety->synchronous,
	    .sync_ms = variety->sync_ms};
	double latency[1000];
	struct app_run run;
	int missed = 0;

	progress("wake: %s", variety->names[0]);
	app_run(shop, &plan, &run);
	sleep_ms(LATE_MS);
	for (int64_t i = 0; i < run.count; i++) {
		int64_t at = gateway->seen->at_ns[run.commits[i].number];

		latency[i] = at == 0 ? 1e9 : (double)(at - run.commits[i].visible_ns) / 1e6;
		missed += latency[i] > LATE_MS;
	}
	qsort(latency, (size_t)run.count, sizeof(*latency), compare);
	sample(&wake->p50, latency[run.count / 2]);
	sample(&wake->p99, latency[run.count * 99 / 100]);
	sample(&wake->missed, missed);
	free(run.commits);
}

/* Writes to another table, 200 a second: what each costs that concerns nobody. */
static void
measure_unrelated(const struct shop *shop, struct samples *share)
{
	struct app_plan plan = {.language = "c",
	    .count = settings.quick ? 400 : 2000,
	    .first = 900000,
	    .gap_us_min = 4700,
	    .gap_us_max = 4700,
	    .timeout_ms = 5000,
	    .synchronous = "FULL",
	    .unrelated = true};
	struct usage before;
	struct usage after;
	struct app_run run;
	int64_t from;

	progress("wake: writes that do not concern us");
	usage_read(shop->daemon, &before);
	from = now_ns();
	app_run(shop, &plan, &run);
	usage_read(shop->daemon, &after);
	sample(share, 100 * (after.cpu_us - before.cpu_us) * 1000 / (double)(now_ns() - from));
	free(run.commits);
}

static void
report(const struct variety *variety, const struct wake *wake, const struct samples *least)
{
	struct figure figure = {
	    .bench = "wake", .unit = "ms", .bound = AT_MOST, .bound_is_value = 1};

	figure.name = variety->names[0];
	figure.value = wake->p50;
	figure.reference = "a bare request + fdatasync";
	figure.reference_value = *least;
	figure.limit = 0.6;
	figure_add(&figure);
	figure.name = variety->names[1];
	figure.value = wake->p99;
	figure.limit = 2;
	figure_add(&figure);
	figure.name = variety->names[2];
	figure.value = wake->missed;
	figure.unit = "rows";
	figure.reference = NULL;
	figure.limit = 0;
	figure_add(&figure);
}

void
bench_wake(void)
{
	struct destination_plan plan = {.name = "shop0", .profile = "generic", .concurrency = 64};
	struct wake wakes[VARIETY_COUNT];
	struct samples least = {0};
	struct samples unrelated = {0};
	struct slow_plan at_once = {0};
	struct slow_gateway gateway;
	int64_t number = 1;

	memset(wakes, 0, sizeof(wakes));
	slow_start(&gateway, &at_once);
	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", gateway.url);
	for (int run = 0; run < settings.runs; run++) {
		struct curl_plan bare = {
		    .url = gateway.url, .requests = settings.quick ? 200 : 2000, .concurrency = 1};
		struct shop shop;

		sample(&least, 1e3 / reference_curl(&bare).per_second +
				   reference_disk(settings.quick ? 200 : 1000).p50_us / 1e3);
		memset(gateway.seen, 0, sizeof(*gateway.seen));
		shop_open(&shop, &plan, 1, NULL);
		shop_start_daemon(&shop);
		warm_up(&shop, &gateway, number);
		number += 20;
		for (int i = 0; i < VARIETY_COUNT; i++) {
			measure(&shop, &gateway, &varieties[i], number, &wakes[i]);
			number += 1000;
		}
		measure_unrelated(&shop, &unrelated);
		shop_close(&shop);
	}
	slow_stop(&gateway);
	for (int i = 0; i < VARIETY_COUNT; i++)
		report(&varieties[i], &wakes[i], &least);
	figure_add(&(struct figure){.bench = "wake",
	    .name = "unrelated commits, 200 a second: processor",
	    .unit = "%",
	    .value = unrelated,
	    .bound = AT_MOST,
	    .limit = 1.5});
}
