/*
 * metrics.c - counters into Prometheus' text format
 * (prometheus.io/docs/instrumenting/exposition_formats).
 */
#include "agent/metrics.h"

#include <inttypes.h>
#include <stdio.h>

static const int64_t exchange_bounds_ms[METRICS_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000, 30000, 60000};
/* What is fetched later takes minutes, and an outage of a gateway hours. */
static const int64_t latency_bounds_ms[METRICS_BUCKETS] = {
    50, 100, 250, 1000, 2500, 10000, 30000, 60000, 300000, 1800000, 7200000, 86400000};

static void
observe(struct metrics_histogram *histogram, const int64_t *bounds_ms, int64_t ms)
{
	int bucket = 0;

	while (bucket < METRICS_BUCKETS && ms > bounds_ms[bucket])
		bucket++;
	histogram->bucket[bucket]++;
	histogram->ms_sum += ms > 0 ? (uint64_t)ms : 0;
}

void
metrics_count_attempt(struct lane_metrics *metrics, enum phase phase, enum evidence evidence,
    int attempts, int64_t duration_ms)
{
	metrics->attempts[phase][evidence]++;
	if (phase == PHASE_SUBMIT && attempts > 1)
		metrics->retries++;
	if (evidence == EVIDENCE_ANSWERED)
		observe(&metrics->exchanges, exchange_bounds_ms, duration_ms);
}

void
metrics_count_result(struct lane_metrics *metrics, enum result result, int64_t latency_ms)
{
	metrics->results[result]++;
	observe(&metrics->latencies, latency_bounds_ms, latency_ms);
}

void
metrics_label(struct text *text, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			(void)text_format(text, "\\%c", *value);
		else if (*value == '\n')
			(void)text_format(text, "\\n");
		else
			(void)text_add(text, value, 1);
	}
}

void
metrics_header(struct text *text, enum metrics_family family)
{
	static const char *const headers[METRICS_FAMILIES] = {
	    [METRICS_ATTEMPTS] = "# HELP outboxd_attempts_total Exchanges with a destination, by "
				 "what is known of them.\n"
				 "# TYPE outboxd_attempts_total counter\n",
	    [METRICS_RETRIES] =
		"# HELP outboxd_retries_total Submits after the first one of a row.\n"
		"# TYPE outboxd_retries_total counter\n",
	    [METRICS_RESULTS] = "# HELP outboxd_results_total Finished rows.\n"
				"# TYPE outboxd_results_total counter\n",
	    [METRICS_HOLDS] = "# HELP outboxd_holds_total How often the destination was held.\n"
			      "# TYPE outboxd_holds_total counter\n",
	    [METRICS_EXCHANGE_SECONDS] =
		"# HELP outboxd_exchange_seconds Duration of answered exchanges.\n"
		"# TYPE outboxd_exchange_seconds histogram\n",
	    [METRICS_RESULT_SECONDS] =
		"# HELP outboxd_result_seconds From when a row could be sent to its result.\n"
		"# TYPE outboxd_result_seconds histogram\n",
	};

	(void)text_format(text, "%s", headers[family]);
}

static void
line(struct text *text, const char *name, const char *destination)
{
	(void)text_format(text, "outboxd_%s{destination=\"", name);
	metrics_label(text, destination);
	(void)text_format(text, "\"");
}

static void
add_histogram(struct text *text, const char *name, const char *destination,
    const struct metrics_histogram *histogram, const int64_t *bounds_ms)
{
	char bucket[64];
	char other[64];
	uint64_t count = 0;

	(void)snprintf(bucket, sizeof(bucket), "%s_bucket", name);
	for (int i = 0; i < METRICS_BUCKETS; i++) {
		count += histogram->bucket[i];
		line(text, bucket, destination);
		(void)text_format(
		    text, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds_ms[i] / 1000.0, count);
	}
	count += histogram->bucket[METRICS_BUCKETS];
	line(text, bucket, destination);
	(void)text_format(text, ",le=\"+Inf\"} %" PRIu64 "\n", count);
	(void)snprintf(other, sizeof(other), "%s_sum", name);
	line(text, other, destination);
	(void)text_format(text, "} %.3f\n", (double)histogram->ms_sum / 1000.0);
	(void)snprintf(other, sizeof(other), "%s_count", name);
	line(text, other, destination);
	(void)text_format(text, "} %" PRIu64 "\n", count);
}

static void
add_attempts(struct text *text, const char *destination, const struct lane_metrics *metrics)
{
	static const enum phase phases[] = {PHASE_SUBMIT, PHASE_POLL, PHASE_LOGIN};

	for (size_t p = 0; p < sizeof(phases) / sizeof(phases[0]); p++)
		for (int e = 0; e < EVIDENCE_COUNT; e++) {
			line(text, "attempts_total", destination);
			(void)text_format(text, ",phase=\"%s\",evidence=\"%s\"} %" PRIu64 "\n",
			    phase_name(phases[p]), evidence_name((enum evidence)e),
			    metrics->attempts[phases[p]][e]);
		}
}

static void
add_results(struct text *text, const char *destination, const struct lane_metrics *metrics)
{
	for (int r = RESULT_SUCCEEDED; r < RESULT_COUNT; r++) {
		line(text, "results_total", destination);
		(void)text_format(text, ",result=\"%s\"} %" PRIu64 "\n",
		    result_name((enum result)r), metrics->results[r]);
	}
}

void
metrics_lane(struct text *text, enum metrics_family family, const char *destination,
    const struct lane_metrics *metrics)
{
	switch (family) {
	case METRICS_ATTEMPTS:
		add_attempts(text, destination, metrics);
		break;
	case METRICS_RETRIES:
		line(text, "retries_total", destination);
		(void)text_format(text, "} %" PRIu64 "\n", metrics->retries);
		break;
	case METRICS_RESULTS:
		add_results(text, destination, metrics);
		break;
	case METRICS_HOLDS:
		line(text, "holds_total", destination);
		(void)text_format(text, "} %" PRIu64 "\n", metrics->holds);
		break;
	case METRICS_EXCHANGE_SECONDS:
		add_histogram(
		    text, "exchange_seconds", destination, &metrics->exchanges, exchange_bounds_ms);
		break;
	case METRICS_RESULT_SECONDS:
		add_histogram(
		    text, "result_seconds", destination, &metrics->latencies, latency_bounds_ms);
		break;
	}
}
