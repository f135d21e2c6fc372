/*
 * metrics.c - counters into Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats).
 */
#include "agent/metrics.h"

#include <inttypes.h>

static const int64_t bounds_ms[METRICS_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000, 30000, 60000};

void
metrics_count_attempt(struct lane_metrics *metrics, enum phase phase, enum evidence evidence,
    int attempts, int64_t duration_ms)
{
	int bucket = 0;

	metrics->attempts[phase][evidence]++;
	if (phase == PHASE_SUBMIT && attempts > 1)
		metrics->retries++;
	if (evidence != EVIDENCE_ANSWERED)
		return;
	while (bucket < METRICS_BUCKETS && duration_ms > bounds_ms[bucket])
		bucket++;
	metrics->bucket[bucket]++;
	metrics->duration_ms_sum += duration_ms > 0 ? (uint64_t)duration_ms : 0;
}

void
metrics_count_result(struct lane_metrics *metrics, enum result result)
{
	metrics->results[result]++;
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
metrics_header(struct text *text)
{
	(void)text_format(text,
	    "# HELP outboxd_attempts_total Exchanges with a destination, by what is known of them.\n"
	    "# TYPE outboxd_attempts_total counter\n"
	    "# HELP outboxd_retries_total Submits after the first one of a row.\n"
	    "# TYPE outboxd_retries_total counter\n"
	    "# HELP outboxd_results_total Finished rows.\n"
	    "# TYPE outboxd_results_total counter\n"
	    "# HELP outboxd_holds_total How often the destination was held.\n"
	    "# TYPE outboxd_holds_total counter\n"
	    "# HELP outboxd_exchange_seconds Duration of answered exchanges.\n"
	    "# TYPE outboxd_exchange_seconds histogram\n");
}

static void
line(struct text *text, const char *name, const char *destination)
{
	(void)text_format(text, "outboxd_%s{destination=\"", name);
	metrics_label(text, destination);
	(void)text_format(text, "\"");
}

static void
histogram(struct text *text, const char *destination, const struct lane_metrics *metrics)
{
	uint64_t count = 0;

	for (int i = 0; i < METRICS_BUCKETS; i++) {
		count += metrics->bucket[i];
		line(text, "exchange_seconds_bucket", destination);
		(void)text_format(
		    text, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds_ms[i] / 1000.0, count);
	}
	count += metrics->bucket[METRICS_BUCKETS];
	line(text, "exchange_seconds_bucket", destination);
	(void)text_format(text, ",le=\"+Inf\"} %" PRIu64 "\n", count);
	line(text, "exchange_seconds_sum", destination);
	(void)text_format(text, "} %.3f\n", (double)metrics->duration_ms_sum / 1000.0);
	line(text, "exchange_seconds_count", destination);
	(void)text_format(text, "} %" PRIu64 "\n", count);
}

void
metrics_lane(struct text *text, const char *destination, const struct lane_metrics *metrics)
{
	static const enum phase phases[] = {PHASE_SUBMIT, PHASE_POLL, PHASE_LOGIN};

	for (size_t p = 0; p < sizeof(phases) / sizeof(phases[0]); p++)
		for (int e = 0; e < EVIDENCE_COUNT; e++) {
			line(text, "attempts_total", destination);
			(void)text_format(text, ",phase=\"%s\",evidence=\"%s\"} %" PRIu64 "\n",
			    phase_name(phases[p]), evidence_name((enum evidence)e),
			    metrics->attempts[phases[p]][e]);
		}
	for (int r = RESULT_SUCCEEDED; r < RESULT_COUNT; r++) {
		line(text, "results_total", destination);
		(void)text_format(text, ",result=\"%s\"} %" PRIu64 "\n", result_name((enum result)r),
		    metrics->results[r]);
	}
	line(text, "retries_total", destination);
	(void)text_format(text, "} %" PRIu64 "\n", metrics->retries);
	line(text, "holds_total", destination);
	(void)text_format(text, "} %" PRIu64 "\n", metrics->holds);
	histogram(text, destination, metrics);
}
