/*
 * reference.h - what the figures are held against, measured in the same run: the same work with
 * nothing around it.
 */
#ifndef OUTBOXD_BENCH_REFERENCE_H
#define OUTBOXD_BENCH_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

struct curl_run {
	double per_second;
	double cpu_us; /* per request, of the client alone */
};

struct curl_plan {
	const char *url; /* each request adds /d/N */
	int64_t requests;
	int concurrency;
	bool fresh;          /* a connection of its own for each request */
	const char *ca_file; /* or NULL */
};

/* Bare libcurl: curl_multi_poll, the options of our wire, a unique key each, nothing kept. In a
 * process of its own. */
struct curl_run reference_curl(const struct curl_plan *plan);

/* Bare SQLite: two updates a row (claim, result), rows_per_commit of each in a commit,
 * synchronous=FULL. */
struct sqlite_run {
	double rows_per_second;
	double cpu_us; /* per row */
};
struct sqlite_run reference_sqlite(int64_t rows, int rows_per_commit);

/* fdatasync after 4 KiB written over preallocated space. */
struct disk_run {
	double p50_us;
	double p99_us;
};
struct disk_run reference_disk(int count);

/* wrk: the server alone; 0 without wrk. */
double reference_server(const char *url, int concurrency);

#endif
