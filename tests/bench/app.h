/*
 * app.h - the merchant's app: a process of its own that inserts orders with their outbox rows, one
 * commit each, and notes how long each took.
 */
#ifndef OUTBOXD_BENCH_APP_H
#define OUTBOXD_BENCH_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/harness.h"

struct app_plan {
	const char *language; /* "c", "php", "python", "shell" */
	int64_t count;
	int64_t first; /* number of the first row; it is sent to /d/NUMBER */
	int gap_us_min;
	int gap_us_max;
	int timeout_ms;
	const char *synchronous; /* "FULL", "NORMAL" */
	int sync_ms;             /* its fsyncs take so much longer */
	bool unrelated;          /* writes to another table only */
};

enum { COMMITS_MAX = 100000 };
struct commit {
	int64_t number;
	int64_t begin_ns;
	int64_t visible_ns; /* others see it; at the latest when COMMIT returned */
	int64_t end_ns;     /* COMMIT returned */
	bool refused;       /* database is locked */
};
struct app_run {
	int64_t count;
	int64_t refused;
	struct commit *commits; /* to be freed */
};

void app_run(const struct shop *shop, const struct app_plan *plan, struct app_run *run);
/* How long the commits that were not refused took, in ms; share: 0.5, 0.99, 1. */
double app_took_ms(const struct app_run *run, double share);

/* What the process itself does (the hidden subcommand "app"). */
int app_main(int argc, char **argv);

#endif
