/*
 * overview_json.c - outboxd status --json: one object on one line.
 *
 * Names are only ever added, never changed or taken away; times are ISO 8601 (UTC), durations are
 * seconds, null means "none". packaging/monitoring/README.md describes it, and a test compares the
 * two.
 */
#include "command/overview.h"

#include <inttypes.h>

static void
add_string(struct text *out, const char *name, const char *value)
{
	(void)text_format(out, ",\"%s\":", name);
	if (value[0] == '\0')
		(void)text_format(out, "null");
	else
		words_json(out, value);
}

static void
add_seconds(struct text *out, const char *name, int64_t ms)
{
	if (ms < 0)
		(void)text_format(out, ",\"%s\":null", name);
	else
		(void)text_format(out, ",\"%s\":%.3f", name, (double)ms / 1000.0);
}

static void
add_percentiles(struct text *out, const char *name, const struct durations *durations)
{
	(void)text_format(out, ",\"%s\":{\"count\":%zu", name, durations->count);
	add_seconds(out, "p50_s", durations_percentile(durations, 0.50));
	add_seconds(out, "p95_s", durations_percentile(durations, 0.95));
	add_seconds(out, "p99_s", durations_percentile(durations, 0.99));
	(void)text_format(out, "}");
}

static void
add_destination(
    const struct overview *overview, const struct overview_destination *found, struct text *out)
{
	char since[32];

	(void)text_format(out, "{\"name\":");
	words_json(out, found->name);
	(void)text_format(out, ",\"rows\":{");
	for (int state = 0; state < STATE_COUNT; state++)
		(void)text_format(out, "%s\"%s\":%" PRId64, state == 0 ? "" : ",",
		    state == OVERVIEW_UNKNOWN ? "unknown" : state_name((enum state)state),
		    found->rows[state]);
	(void)text_format(out, "}");
	if (found->oldest_due == TIME_NONE)
		add_seconds(out, "oldest_due_age_s", -1);
	else
		add_seconds(out, "oldest_due_age_s",
		    overview->now > found->oldest_due ? overview->now - found->oldest_due : 0);
	(void)text_format(out, ",\"held\":%s", found->held ? "true" : "false");
	add_string(out, "held_cause", found->held ? found->cause : "");
	add_string(out, "held_reason", found->held ? found->reason : "");
	words_time(found->since, since);
	add_string(out, "held_since", found->held ? since : "");
	(void)text_format(out, ",\"last_hour\":{\"results\":{");
	for (int result = RESULT_SUCCEEDED; result < RESULT_COUNT; result++)
		(void)text_format(out, "%s\"%s\":%" PRId64, result == RESULT_SUCCEEDED ? "" : ",",
		    result_name((enum result)result), found->results[result]);
	(void)text_format(out, "},\"retries\":%" PRId64, found->retries);
	add_percentiles(out, "exchange", &found->exchanges);
	add_percentiles(out, "to_result", &found->latencies);
	(void)text_format(out, "}}");
}

static void
add_stuck(const struct overview_stuck *stuck, struct text *out)
{
	(void)text_format(out, "{\"id\":%" PRId64, stuck->id);
	add_string(out, "destination", stuck->destination);
	add_string(out, "operation", stuck->operation);
	add_string(out, "reference", stuck->reference);
	add_string(out, "state", stuck->state);
	add_string(out, "cause", stuck->cause);
	add_string(out, "reason", stuck->reason);
	add_string(out, "advice", stuck->advice);
	add_string(out, "since", stuck->since);
	(void)text_format(out, "}");
}

void
overview_json(const struct overview *overview, struct text *out)
{
	static const char *const levels[] = {"fine", "attention", "critical"};
	const struct store_health *health = &overview->health;
	char now[32];
	struct text why;

	text_init(&why, 1024);
	words_time(overview->now, now);
	(void)text_format(out, "{\"level\":\"%s\"", levels[overview_judge(overview, &why)]);
	add_string(out, "why", text_string(&why));
	text_free(&why);
	add_string(out, "at", now);
	add_string(out, "database", overview->database);
	add_string(out, "status", health->status);
	(void)text_format(out, ",\"running\":%s,\"pid\":%" PRId64,
	    overview->pid > 0 ? "true" : "false", overview->pid);
	add_seconds(out, "heartbeat_age_s",
	    health->heartbeat_age_s < 0 ? -1 : (int64_t)(health->heartbeat_age_s * 1000.0));
	add_string(out, "mode_reason", health->mode_reason);
	add_string(out, "last_error", health->last_error);
	(void)text_format(out, ",\"wal_bytes\":%" PRId64, overview->wal_bytes);
	add_seconds(out, "window_s", overview->window_ms);
	(void)text_format(out, ",\"results_per_minute\":%.2f",
	    (double)overview->results * 60000.0 / (double)overview->window_ms);
	(void)text_format(
	    out, ",\"stuck_rows\":%" PRId64 ",\"destinations\":[", overview->stuck_rows);
	for (size_t i = 0; i < overview->destination_count; i++) {
		if (i > 0)
			(void)text_add(out, ",", 1);
		add_destination(overview, &overview->destinations[i], out);
	}
	(void)text_format(out, "],\"stuck\":[");
	for (size_t i = 0; i < overview->stuck_shown; i++) {
		if (i > 0)
			(void)text_add(out, ",", 1);
		add_stuck(&overview->stuck[i], out);
	}
	(void)text_format(out, "]}\n");
}
