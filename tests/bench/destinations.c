/*
 * destinations.c - fifty destinations, one dead and one that hangs 25 s on each call: what the
 * others notice.
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

enum { GOOD = 48, ALL = 50 };

struct crowd {
	struct samples rate, latency, worst;
};

static void
measure(struct crowd *crowd, const char *good, const char *hanging, bool with_bad, int64_t rows)
{
	static struct destination_plan plans[ALL];
	static char names[ALL][16];
	int count = with_bad ? ALL : GOOD;
	int64_t from;
	int64_t left;
	struct shop shop;
	sqlite3 *db;

	for (int i = 0; i < ALL; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "shop%02d", i);
		plans[i] = (struct destination_plan){
		    .name = names[i], .profile = "generic", .concurrency = 8};
		(void)snprintf(
		    plans[i].base_url, sizeof(plans[i].base_url), "%s", i == GOOD ? hanging : good);
	}
	(void)snprintf(plans[GOOD + 1].base_url, sizeof(plans[0].base_url), "http://127.0.0.1:%d",
	    free_port());
	shop_open(&shop, plans, count, NULL);
	db = shop_connect(&shop);
	sql(db,
	    "PRAGMA synchronous = OFF;"
	    "INSERT INTO outbox (destination, operation, path, reference, body) "
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld), "
	    "d(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM d WHERE k < %d) "
	    "SELECT printf('shop%%02d', k), 'post', '/d/' || i, 'r-' || i, %s FROM n, d;"
	    "PRAGMA wal_checkpoint(TRUNCATE);",
	    (long long)rows, count - 1, body_sql);
	disk_settle();
	progress("destinations: %d, %s", count, with_bad ? "two of them bad" : "all good");
	shop_start_daemon(&shop);
	for (int i = 0;; i++) {
		left =
		    (int64_t)GOOD * rows -
		    sql_number(db, "SELECT count(*) FROM outbox_result WHERE result = 'succeeded'");
		if (left <= 0)
			break;
		if (i == 12000)
			die("%lld rows of good destinations are left", (long long)left);
		sleep_ms(10);
	}
	from = sql_number(db, "SELECT min(started_at) FROM outbox_attempt");
	sample(&crowd->rate,
	    (double)GOOD * (double)rows * 1000 /
		(double)(sql_number(db, "SELECT max(finished_at) FROM outbox_result") - from));
	sample(
	    &crowd->latency, (double)sql_number(db, "SELECT avg(1000 * (ended_at - started_at)) "
						    "FROM outbox_attempt WHERE http_status = 200") /
				 1000);
	sample(&crowd->worst,
	    (double)sql_number(db,
		"SELECT max(ended_at - started_at) FROM outbox_attempt WHERE http_status = 200"));
	(void)sqlite3_close(db);
	process_stop(shop.daemon, SIGKILL); /* it would wait for what hangs */
	shop.daemon = 0;
	shop_close(&shop);
}

static void
report(const char *name, const char *unit, const struct samples *value, const struct samples *alone,
    enum bound bound, double limit)
{
	figure_add(&(struct figure){.bench = "destinations",
	    .name = name,
	    .unit = unit,
	    .value = *value,
	    .reference = "without the bad ones",
	    .reference_value = *alone,
	    .bound = bound,
	    .limit = limit});
}

void
bench_destinations(void)
{
	struct slow_plan quick = {.submit_ms = 20};
	struct slow_plan slow = {.submit_ms = 25000};
	int64_t rows = chosen(settings.rows, 500, 50);
	struct slow_gateway good;
	struct slow_gateway hanging;
	struct crowd alone = {0};
	struct crowd beside = {0};

	slow_start(&good, &quick);
	slow_start(&hanging, &slow);
	for (int run = 0; run < settings.runs; run++) {
		measure(&alone, good.url, hanging.url, false, rows);
		measure(&beside, good.url, hanging.url, true, rows);
	}
	slow_stop(&good);
	slow_stop(&hanging);
	report("48 beside a dead and a hanging one: rate", "tx/s", &beside.rate, &alone.rate,
	    AT_LEAST, 0.9);
	report(
	    "  an exchange takes, on average", "ms", &beside.latency, &alone.latency, AT_MOST, 1.1);
	report("  at most", "ms", &beside.worst, &alone.worst, BOUND_NONE, 0);
}
