/*
 * metrics.h - what the agent counts, and how it reads in Prometheus' text format.
 */
#ifndef OUTBOXD_AGENT_METRICS_H
#define OUTBOXD_AGENT_METRICS_H

#include <stdint.h>

#include "core/answer.h"
#include "core/text.h"
#include "core/txn.h"

enum { METRICS_BUCKETS = 12 };

struct metrics_histogram {
	uint64_t bucket[METRICS_BUCKETS + 1]; /* the last: longer than all bounds */
	uint64_t ms_sum;
};

/* Of one destination, since the daemon started. */
struct lane_metrics {
	uint64_t attempts[PHASE_COUNT][EVIDENCE_COUNT];
	uint64_t results[RESULT_COUNT];
	uint64_t retries; /* submits after the first of a row */
	uint64_t holds;
	struct metrics_histogram exchanges; /* answered ones */
	struct metrics_histogram latencies; /* of results: since the row could be sent */
};

void metrics_count_attempt(struct lane_metrics *metrics, enum phase phase, enum evidence evidence,
    int attempts, int64_t duration_ms);
/* latency_ms: since the row could be sent. */
void metrics_count_result(struct lane_metrics *metrics, enum result result, int64_t latency_ms);

/*
 * The format wants a metric's lines together: for each family its header once, then its lines of
 * each destination.
 */
enum metrics_family {
	METRICS_ATTEMPTS,
	METRICS_RETRIES,
	METRICS_RESULTS,
	METRICS_HOLDS,
	METRICS_EXCHANGE_SECONDS,
	METRICS_RESULT_SECONDS,
};
enum { METRICS_FAMILIES = 6 };
void metrics_header(struct text *text, enum metrics_family family);
void metrics_lane(struct text *text, enum metrics_family family, const char *destination,
    const struct lane_metrics *metrics);

/* A label's value, escaped as the format wants it. */
void metrics_label(struct text *text, const char *value);

#endif
