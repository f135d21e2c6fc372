/*
 * report.h - the figures of a period, and the page that shows them.
 */
#ifndef OUTBOXD_COMMAND_REPORT_H
#define OUTBOXD_COMMAND_REPORT_H

#include "command/overview.h"

enum { REPORT_SLOTS = 168, REPORT_BUCKETS_MAX = 400 };

/* Results that came in one hour or day. */
struct report_bucket {
	int64_t results[RESULT_COUNT];
	int64_t retries;
	struct durations latencies; /* sorted */
};

struct report_destination {
	char *name;
	int64_t results[RESULT_COUNT];
	int64_t retries;
	struct durations latencies; /* sorted */
	int64_t exchanges[REPORT_SLOTS];
	int64_t bad[REPORT_SLOTS]; /* no complete answer, or a 5xx */
};

struct report {
	int64_t since; /* Unix ms */
	int64_t until;
	int64_t first;     /* where the first bucket begins */
	int64_t bucket_ms; /* an hour or a day */
	size_t bucket_count;
	struct report_bucket *buckets;
	int64_t slot_ms; /* of the outage strips */
	struct report_destination *destinations;
	size_t destination_count;
	bool failed;
};

/* NULL: said why, *exit_code is set. */
struct report *report_gather(struct store *store, int64_t since, int64_t until, int *exit_code);
void report_free(struct report *report);

/* The whole page. overview: how it stands now. */
void report_page(struct store *store, const struct report *report, const struct overview *overview,
    struct text *out);

/* --- plots (report_plots.c): one <svg> each --- */
void plot_results(const struct report *report, struct text *out);
void plot_latencies(const struct report *report, struct text *out);
void plot_retries(const struct report *report, struct text *out);
void plot_outages(const struct report *report, struct text *out);

/* Text for HTML and XML: escaped, without control characters. */
void report_escape(struct text *out, const char *value);

#endif
