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

/* Of one destination, since the daemon started. */
struct lane_metrics {
	uint64_t attempts[PHASE_COUNT][EVIDENCE_COUNT];
	uint64_t results[RESULT_COUNT];
	uint64_t retries; /* submits after the first of a row */
	uint64_t holds;
	uint64_t bucket[METRICS_BUCKETS + 1]; /* answered exchanges by duration; the last: longer than all */
	uint64_t duration_ms_sum;
};

void metrics_count_attempt(struct lane_metrics *metrics, enum phase phase, enum evidence evidence,
    int attempts, int64_t duration_ms);
void metrics_count_result(struct lane_metrics *metrics, enum result result);

/* Appends the lines of one destination. The `# TYPE` lines come once, from metrics_header(). */
void metrics_header(struct text *text);
void metrics_lane(struct text *text, const char *destination, const struct lane_metrics *metrics);

/* A label's value, escaped as the format wants it. */
void metrics_label(struct text *text, const char *value);

#endif
