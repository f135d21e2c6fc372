/*
 * limits.c - what this machine can do with nothing in between.
 */
#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"
#include "bench/reference.h"

static const char bench[] = "limits";

static void
plain(const char *name, const char *unit, const struct samples *samples)
{
	figure_add(&(struct figure){.bench = bench, .name = name, .unit = unit, .value = *samples});
}

void
bench_limits(void)
{
	struct samples p50 = {0}, p99 = {0}, one = {0}, many = {0}, curl = {0}, cpu = {0},
		       server = {0};
	struct nginx nginx;

	nginx_start(&nginx);
	for (int run = 0; run < settings.runs; run++) {
		struct disk_run disk = reference_disk(settings.quick ? 500 : 3000);
		struct curl_plan plan = {.url = nginx.plain,
		    .requests = chosen(settings.rows, 50000, 5000),
		    .concurrency = settings.concurrency > 0 ? settings.concurrency : 64};
		struct curl_run bare = reference_curl(&plan);

		sample(&p50, disk.p50_us);
		sample(&p99, disk.p99_us);
		sample(&one, reference_sqlite(settings.quick ? 500 : 5000, 1).rows_per_second);
		sample(&many, reference_sqlite(settings.quick ? 5000 : 50000, 64).rows_per_second);
		sample(&curl, bare.per_second);
		sample(&cpu, bare.cpu_us);
		sample(&server, reference_server(nginx.plain, plan.concurrency));
	}
	nginx_stop(&nginx);
	plain("fdatasync of 4 KiB, p50", "us", &p50);
	plain("fdatasync of 4 KiB, p99", "us", &p99);
	plain("SQLite, FULL, 1 row a commit", "rows/s", &one);
	plain("SQLite, FULL, 64 rows a commit", "rows/s", &many);
	plain("nginx alone (wrk)", "req/s", &server);
	plain("bare libcurl", "req/s", &curl);
	plain("bare libcurl, processor", "us/req", &cpu);
}
