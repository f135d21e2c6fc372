/*
 * report.c - the metrics file: what was counted, and how the database stands, every few seconds.
 */
#include "agent/parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/textfile.h"

enum { METRICS_TEXT_MAX = 4 * 1024 * 1024 };

static void
add_count(void *context, const struct store_count *count)
{
	struct text *text = context;
	int64_t age = count->oldest_due == TIME_NONE ? 0 : clock_wall_ms() - count->oldest_due;

	(void)text_format(text, "outboxd_rows{destination=\"");
	metrics_label(text, count->destination);
	(void)text_format(text, "\",state=\"%s\"} %" PRId64 "\n", count->state, count->count);
	if (count->oldest_due == TIME_NONE)
		return;
	(void)text_format(text, "outboxd_oldest_due_age_seconds{destination=\"");
	metrics_label(text, count->destination);
	(void)text_format(
	    text, "\",state=\"%s\"} %.3f\n", count->state, age > 0 ? (double)age / 1000.0 : 0.0);
}

static void
add_gauges(const struct agent *agent, struct text *text)
{
	(void)text_format(text,
	    "# TYPE outboxd_up gauge\noutboxd_up %d\n"
	    "# TYPE outboxd_heartbeat_timestamp_seconds gauge\noutboxd_heartbeat_timestamp_seconds %.3f\n"
	    "# TYPE outboxd_clock_trusted gauge\noutboxd_clock_trusted %d\n"
	    "# TYPE outboxd_in_flight gauge\noutboxd_in_flight %zu\n"
	    "# TYPE outboxd_unrecorded gauge\noutboxd_unrecorded %zu\n"
	    "# TYPE outboxd_commits_total counter\noutboxd_commits_total %" PRIu64 "\n"
	    "# TYPE outboxd_write_failures_total counter\noutboxd_write_failures_total %" PRIu64 "\n"
	    "# TYPE outboxd_wal_bytes gauge\noutboxd_wal_bytes %" PRId64 "\n",
	    agent->mode == MODE_RUNNING, (double)clock_wall_ms() / 1000.0, agent->timeline.trusted,
	    agent->flying.count, agent->finished.count, agent->commits, agent->write_failures,
	    store_wal_bytes(agent->store));
}

static void
add_lanes(const struct agent *agent, struct text *text)
{
	(void)text_format(text, "# TYPE outboxd_destination_held gauge\n");
	for (const struct lane *lane = agent->lanes; lane != NULL; lane = lane->next) {
		(void)text_format(text, "outboxd_destination_held{destination=\"");
		metrics_label(text, lane->name);
		(void)text_format(text, "\"} %d\n", lane->cause[0] != '\0');
	}
	metrics_header(text);
	for (const struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
		metrics_lane(text, lane->name, &lane->metrics);
}

void
report_metrics(struct agent *agent)
{
	const char *file = agent_config(agent)->metrics_file;
	struct text text;
	int64_t began;

	if (file == NULL || agent->boot < agent->reported_at)
		return;
	began = clock_boot_ms();
	text_init(&text, METRICS_TEXT_MAX);
	add_gauges(agent, &text);
	add_lanes(agent, &text);
	(void)text_format(
	    &text, "# TYPE outboxd_rows gauge\n# TYPE outboxd_oldest_due_age_seconds gauge\n");
	(void)store_counts(agent->store, add_count, &text);
	if (text.failed || textfile_replace(file, text.data, text.length) == -1) {
		char what[160];

		(void)snprintf(what, sizeof(what), "cannot write metrics_file: %s",
		    text.failed ? "too large" : strerror(errno));
		agent_error(agent, what);
	}
	text_free(&text);
	/* Counting a large backlog takes time: spend at most a thousandth of ours on it. */
	agent->reported_at = clock_boot_ms() + METRICS_MS + 1000 * (clock_boot_ms() - began);
}
