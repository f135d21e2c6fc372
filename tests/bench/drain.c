/*
 * drain.c - how fast a full outbox is emptied, and at what cost.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"
#include "bench/reference.h"

/* All that one kind of drain yields, a sample a run. */
struct drain {
	const char *bench;
	int64_t rows;
	int concurrency; /* in flight at the gateway */
	int lanes;       /* destinations that share them: one takes 256 at most */
	const char *profile;
	const char *base_url;
	const char *more;
	struct samples rate;
	struct samples cpu;
	struct samples syncs;
	struct samples written;
	struct samples rss;
	struct samples bare_rate;
	struct samples bare_cpu;
};

static void
plan_lanes(const struct drain *drain, struct destination_plan *plans, char names[][16])
{
	for (int i = 0; i < drain->lanes; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "shop%d", i);
		plans[i] = (struct destination_plan){.name = names[i],
		    .profile = drain->profile,
		    .concurrency = drain->concurrency / drain->lanes,
		    .more = drain->more};
		(void)snprintf(plans[i].base_url, sizeof(plans[i].base_url), "%s", drain->base_url);
	}
}

/* One drain of a fresh shop. From the first claim to the last result. */
static void
drain_once(struct drain *drain)
{
	struct destination_plan plans[4];
	char names[4][16];
	struct shop shop;
	struct usage usage;
	int64_t from;
	int64_t to;
	sqlite3 *db;

	plan_lanes(drain, plans, names);
	shop_open(&shop, plans, drain->lanes, NULL);
	for (int i = 0; i < drain->lanes; i++)
		shop_fill(&shop, names[i], "post", drain->rows / drain->lanes);
	progress("%s: draining %lld rows", drain->bench, (long long)drain->rows);
	shop_start_daemon(&shop);
	to = shop_wait_drained(&shop, 600);
	usage_read(shop.daemon, &usage);
	shop_expect(&shop, "succeeded", drain->rows);
	db = shop_connect(&shop);
	from = sql_number(db, "SELECT min(started_at) FROM outbox_attempt");
	(void)sqlite3_close(db);
	sample(&drain->rate, (double)drain->rows * 1000 / (double)(to - from));
	sample(&drain->cpu, usage.cpu_us / (double)drain->rows);
	sample(&drain->syncs, (double)shop.syncs->count / (double)drain->rows);
	sample(&drain->written, (double)usage.written / 1024 / (double)drain->rows);
	sample(&drain->rss, (double)usage.rss_max_kib / 1024);
	shop_close(&shop);
}

static void
bare_once(struct drain *drain, const struct curl_plan *plan)
{
	struct curl_run run = reference_curl(plan);

	sample(&drain->bare_rate, run.per_second);
	sample(&drain->bare_cpu, run.cpu_us);
}

static void
report_rate(const struct drain *drain, const char *name, const char *reference, double at_least)
{
	figure_add(&(struct figure){.bench = drain->bench,
	    .name = name,
	    .unit = "tx/s",
	    .value = drain->rate,
	    .reference = reference,
	    .reference_value = drain->bare_rate,
	    .bound = at_least > 0 ? AT_LEAST : BOUND_NONE,
	    .limit = at_least});
}

static void
report_costs(const struct drain *drain, double cpu_at_most, double syncs_at_most)
{
	figure_add(&(struct figure){.bench = drain->bench,
	    .name = "  processor",
	    .unit = "us/tx",
	    .value = drain->cpu,
	    .reference = "bare libcurl",
	    .reference_value = drain->bare_cpu,
	    .bound = cpu_at_most > 0 ? AT_MOST : BOUND_NONE,
	    .bound_is_value = 1,
	    .limit = cpu_at_most});
	figure_add(&(struct figure){.bench = drain->bench,
	    .name = "  fsyncs",
	    .unit = "/tx",
	    .value = drain->syncs,
	    .bound = syncs_at_most > 0 ? AT_MOST : BOUND_NONE,
	    .limit = syncs_at_most});
	figure_add(&(struct figure){
	    .bench = drain->bench, .name = "  written", .unit = "KiB/tx", .value = drain->written});
	figure_add(&(struct figure){.bench = drain->bench,
	    .name = "  memory, at most",
	    .unit = "MiB",
	    .value = drain->rss});
}

static int
concurrency(int usual)
{
	return settings.concurrency > 0 ? settings.concurrency : usual;
}

void
bench_drain(void)
{
	struct drain drain = {.bench = "drain",
	    .rows = chosen(settings.rows, 50000, 5000),
	    .concurrency = concurrency(64),
	    .lanes = 1,
	    .profile = "generic"};
	struct nginx nginx;

	nginx_start(&nginx);
	drain.base_url = nginx.plain;
	for (int run = 0; run < settings.runs; run++) {
		struct curl_plan plan = {
		    .url = nginx.plain, .requests = drain.rows, .concurrency = drain.concurrency};

		bare_once(&drain, &plan);
		drain_once(&drain);
	}
	nginx_stop(&nginx);
	report_rate(&drain, "keyed rows, FULL, nginx", "bare libcurl", 0.60);
	report_costs(&drain, 25, 0.035);
}

void
bench_delayed(void)
{
	struct drain drain = {.bench = "delayed",
	    .rows = chosen(settings.rows, 50000, 5000),
	    .concurrency = concurrency(512),
	    .lanes = 2,
	    .profile = "generic"};
	struct slow_plan slow = {.submit_ms = 50};
	struct slow_gateway gateway;

	slow_start(&gateway, &slow);
	drain.base_url = gateway.url;
	for (int run = 0; run < settings.runs; run++) {
		struct curl_plan plan = {
		    .url = gateway.url, .requests = drain.rows, .concurrency = drain.concurrency};

		bare_once(&drain, &plan);
		drain_once(&drain);
	}
	slow_stop(&gateway);
	report_rate(&drain, "a 50 ms gateway, 512 at a time (2 x 256)", "bare libcurl", 0.95);
	report_costs(&drain, 0, 0);
}

static void
slow_sync(const struct nginx *nginx, int delay_ms, const char *name, double at_least)
{
	struct drain drain = {.bench = "slow",
	    .rows = chosen(settings.rows, delay_ms > 5 ? 20000 : 50000, 5000),
	    .concurrency = concurrency(256),
	    .lanes = 1,
	    .profile = "generic",
	    .base_url = nginx->plain};
	int before = settings.sync_ms;

	settings.sync_ms = delay_ms;
	for (int run = 0; run < settings.runs; run++) {
		struct curl_plan plan = {
		    .url = nginx->plain, .requests = drain.rows, .concurrency = drain.concurrency};

		bare_once(&drain, &plan);
		drain_once(&drain);
	}
	settings.sync_ms = before;
	figure_add(&(struct figure){.bench = drain.bench,
	    .name = name,
	    .unit = "tx/s",
	    .value = drain.rate,
	    .reference = "bare libcurl",
	    .reference_value = drain.bare_rate,
	    .bound = at_least > 0 ? AT_LEAST : BOUND_NONE,
	    .bound_is_value = 1,
	    .limit = at_least});
	report_costs(&drain, 0, 0);
}

void
bench_slow(void)
{
	struct nginx nginx;

	nginx_start(&nginx);
	slow_sync(&nginx, 2, "fsync +2 ms, 256 at a time", 0);
	slow_sync(&nginx, 10, "fsync +10 ms, 256 at a time", 15000);
	nginx_stop(&nginx);
}

void
bench_tls(void)
{
	struct drain drain = {.bench = "tls",
	    .rows = chosen(settings.rows, 50000, 5000),
	    .concurrency = concurrency(64),
	    .lanes = 1,
	    .profile = "generic"};
	struct nginx nginx;
	char trust[800];

	nginx_start(&nginx);
	(void)snprintf(trust, sizeof(trust), "ca_file = \"%s\";", nginx.ca_file);
	drain.base_url = nginx.tls;
	drain.more = trust;
	for (int run = 0; run < settings.runs; run++) {
		struct curl_plan plan = {.url = nginx.tls,
		    .requests = drain.rows,
		    .concurrency = drain.concurrency,
		    .ca_file = nginx.ca_file};

		bare_once(&drain, &plan);
		drain_once(&drain);
	}
	nginx_stop(&nginx);
	report_rate(&drain, "keyed rows over TLS, connections kept", "bare libcurl, TLS", 0.65);
	report_costs(&drain, 0, 0);
}

void
bench_keyless(void)
{
	struct drain drain = {.bench = "keyless",
	    .rows = chosen(settings.rows, 10000, 1000),
	    .concurrency = concurrency(64),
	    .lanes = 1,
	    .profile = "keyless"};
	struct nginx nginx;

	nginx_start(&nginx);
	drain.base_url = nginx.plain;
	for (int run = 0; run < settings.runs; run++) {
		struct curl_plan plan = {.url = nginx.plain,
		    .requests = drain.rows,
		    .concurrency = drain.concurrency,
		    .fresh = true};

		bare_once(&drain, &plan);
		drain_once(&drain);
	}
	nginx_stop(&nginx);
	report_rate(
	    &drain, "keyless rows: own connection, own commit", "bare, fresh connections", 0);
	report_costs(&drain, 0, 0);
}

/* The same drain with the log to nowhere, then to a file. */
void
bench_log(void)
{
	struct drain drain = {.bench = "log",
	    .rows = chosen(settings.rows, 50000, 5000),
	    .concurrency = concurrency(64),
	    .lanes = 1,
	    .profile = "generic"};
	struct drain logged;
	struct nginx nginx;
	char file[600];
	const char *before = settings.log;

	nginx_start(&nginx);
	drain.base_url = nginx.plain;
	logged = drain;
	(void)snprintf(file, sizeof(file), "%s/log", settings.scratch);
	for (int run = 0; run < settings.runs; run++) {
		settings.log = "/dev/null";
		drain_once(&drain);
		settings.log = file;
		drain_once(&logged);
		(void)remove(file);
	}
	settings.log = before;
	nginx_stop(&nginx);
	logged.bare_rate = drain.rate;
	report_rate(&logged, "keyed rows, log to a file", "log to /dev/null", 0);
	figure_add(&(struct figure){.bench = "log",
	    .name = "  processor",
	    .unit = "us/tx",
	    .value = logged.cpu,
	    .reference = "log to /dev/null",
	    .reference_value = drain.cpu});
}
