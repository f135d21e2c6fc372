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

/* Two families, filled side by side. */
struct counts {
	struct text rows;
	struct text ages;
};

static void
add_count(void *context, const struct store_count *count)
{
	struct counts *counts = context;
	int64_t age = count->oldest_due == TIME_NONE ? 0 : clock_wall_ms() - count->oldest_due;

	(void)text_format(&counts->rows, "outboxd_rows{destination=\"");
	metrics_label(&counts->rows, count->destination);
	(void)text_format(
	    &counts->rows, "\",state=\"%s\"} %" PRId64 "\n", count->state, count->count);
	if (count->oldest_due == TIME_NONE)
		return;
	(void)text_format(&counts->ages, "outboxd_oldest_due_age_seconds{destination=\"");
	metrics_label(&counts->ages, count->destination);
	(void)text_format(&counts->ages, "\",state=\"%s\"} %.3f\n", count->state,
	    age > 0 ? (double)age / 1000.0 : 0.0);
}

static void
add_counts(struct agent *agent, struct text *text)
{
	struct counts counts;

	text_init(&counts.rows, METRICS_TEXT_MAX);
	text_init(&counts.ages, METRICS_TEXT_MAX);
	(void)store_counts(agent->store, add_count, &counts);
	(void)text_format(text,
	    "# HELP outboxd_rows Open rows by state, and finished ones whose result is unknown.\n"
	    "# TYPE outboxd_rows gauge\n");
	(void)text_add(text, text_string(&counts.rows), counts.rows.length);
	(void)text_format(text,
	    "# HELP outboxd_oldest_due_age_seconds How long the oldest row has been due.\n"
	    "# TYPE outboxd_oldest_due_age_seconds gauge\n");
	(void)text_add(text, text_string(&counts.ages), counts.ages.length);
	if (counts.rows.failed || counts.ages.failed)
		text->failed = true;
	text_free(&counts.rows);
	text_free(&counts.ages);
}

static void
add_gauges(const struct agent *agent, struct text *text)
{
	const struct {
		const char *name;
		const char *type;
		const char *help;
		double value;
	} gauges[] = {
	    {"up", "gauge", "1: serves its database; 0: waits for adopt, or stops.",
		agent->mode == MODE_RUNNING},
	    {"heartbeat_timestamp_seconds", "gauge",
		"When this file was written, by outboxd's clock.",
		(double)clock_wall_ms() / 1000.0},
	    {"clock_trusted", "gauge", "0: the clock jumped; re-sends and deadlines wait.",
		agent->timeline.trusted},
	    {"in_flight", "gauge", "Exchanges under way.", (double)agent->flying.count},
	    {"unrecorded", "gauge", "Answers that wait to be written.",
		(double)agent->finished.count},
	    {"commits_total", "counter", "Write transactions.", (double)agent->commits},
	    {"write_failures_total", "counter", "Write transactions that failed.",
		(double)agent->write_failures},
	    {"wal_bytes", "gauge", "Size of the write-ahead log.",
		(double)store_wal_bytes(agent->store)},
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		(void)text_format(text,
		    "# HELP outboxd_%s %s\n# TYPE outboxd_%s %s\noutboxd_%s %.*f\n", gauges[i].name,
		    gauges[i].help, gauges[i].name, gauges[i].type, gauges[i].name, i == 1 ? 3 : 0,
		    gauges[i].value);
}

static void
add_lanes(const struct agent *agent, struct text *text)
{
	(void)text_format(text,
	    "# HELP outboxd_destination_held 1: nothing is sent to this destination.\n"
	    "# TYPE outboxd_destination_held gauge\n");
	for (const struct lane *lane = agent->lanes; lane != NULL; lane = lane->next) {
		(void)text_format(text, "outboxd_destination_held{destination=\"");
		metrics_label(text, lane->name);
		(void)text_format(text, "\"} %d\n", lane->cause[0] != '\0');
	}
	for (int family = 0; family < METRICS_FAMILIES; family++) {
		metrics_header(text, (enum metrics_family)family);
		for (const struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
			metrics_lane(text, (enum metrics_family)family, lane->name, &lane->metrics);
	}
}

/* Every series says whose it is: the node exporter takes several files, but no series twice. */
static void
name_database(struct text *to, const struct text *from, const char *database)
{
	for (const char *line = text_string(from); *line != '\0';) {
		size_t length = strcspn(line, "\n");
		size_t name = strcspn(line, "{ \n");

		if (line[0] != '#') {
			(void)text_add(to, line, name);
			(void)text_format(to, "{database=\"");
			metrics_label(to, database);
			(void)text_format(to, line[name] == '{' ? "\"," : "\"}");
			name += line[name] == '{';
		} else {
			name = 0;
		}
		(void)text_add(to, line + name, length - name + 1);
		line += length + 1;
	}
}

void
report_metrics(struct agent *agent)
{
	const char *file = agent_config(agent)->metrics_file;
	struct text series;
	struct text text;
	int64_t began;

	if (file == NULL || agent->boot < agent->reported_at)
		return;
	began = clock_boot_ms();
	text_init(&series, METRICS_TEXT_MAX);
	text_init(&text, 2 * METRICS_TEXT_MAX);
	add_gauges(agent, &series);
	add_lanes(agent, &series);
	add_counts(agent, &series);
	name_database(&text, &series, agent_config(agent)->database);
	text.failed = text.failed || series.failed;
	if (text.failed || textfile_replace(file, text.data, text.length) == -1) {
		char what[160];

		(void)snprintf(what, sizeof(what), "cannot write metrics_file: %s",
		    text.failed ? "too large" : strerror(errno));
		agent_error(agent, what);
	}
	text_free(&series);
	text_free(&text);
	/* Counting a large backlog takes time: spend at most a thousandth of ours on it. */
	agent->reported_at = clock_boot_ms() + METRICS_MS + 1000 * (clock_boot_ms() - began);
}
