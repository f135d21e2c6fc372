/*
 * overview_text.c - outboxd status: plain lines.
 */
#include "command/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
add_daemon(const struct overview *overview, struct text *out)
{
	const struct store_health *health = &overview->health;
	char wal[24];

	words_bytes(overview->wal_bytes, wal);
	if (overview->pid > 0)
		(void)text_format(out,
		    "outboxd: %s, pid %" PRId64 ", last heartbeat %.0f s ago, WAL %s\n",
		    health->status, overview->pid, health->heartbeat_age_s, wal);
	else if (strcmp(health->status, "never started") == 0)
		(void)text_format(
		    out, "outboxd: NOT RUNNING on %s, and never was\n", overview->database);
	else
		(void)text_format(out,
		    "outboxd: NOT RUNNING on %s, last heartbeat %.0f s ago, WAL %s\n",
		    overview->database, health->heartbeat_age_s, wal);
	if (health->mode_reason[0] != '\0')
		(void)text_format(out, "%s\n", health->mode_reason);
}

static bool
has_rows(const struct overview_destination *found)
{
	for (int state = 0; state < STATE_COUNT; state++)
		if (found->rows[state] > 0)
			return true;
	return false;
}

static void
add_rows(const struct overview *overview, struct text *out)
{
	bool first = true;

	for (size_t i = 0; i < overview->destination_count; i++) {
		const struct overview_destination *found = &overview->destinations[i];
		const int64_t *rows = found->rows;
		char age[24];

		if (!has_rows(found) && !found->held)
			continue;
		if (first)
			(void)text_format(out, "\n%-20s %8s %8s %8s %8s %8s %8s %8s  %s\n",
			    "open rows", "blocked", "queued", "sending", "retry", "pending", "held",
			    "unknown", "oldest due");
		first = false;
		words_duration(
		    found->oldest_due == TIME_NONE ? -1 : overview->now - found->oldest_due, age);
		(void)text_format(out,
		    "%-20s %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64
		    " %8" PRId64 " %8" PRId64 "  %s%s\n",
		    found->shown, rows[STATE_BLOCKED], rows[STATE_QUEUED],
		    rows[STATE_CLAIMED] + rows[STATE_SENDING], rows[STATE_RETRY],
		    rows[STATE_PENDING], rows[STATE_HELD], rows[OVERVIEW_UNKNOWN],
		    found->oldest_due > overview->now ? "-" : age, found->held ? "  HELD" : "");
	}
	if (first)
		(void)text_format(out, "no open rows\n");
}

static void
add_hour(const struct overview *overview, struct text *out)
{
	char window[24];

	words_duration(overview->window_ms, window);
	if (overview->results == 0) {
		(void)text_format(out, "no results in the last hour\n");
		return;
	}
	(void)text_format(out, "\n%-20s %8s %8s %8s %8s %8s   %-22s %s\n",
	    overview->window_ms == OVERVIEW_WINDOW_MS ? "last hour" : "newest results", "results",
	    "failed", "unknown", "other", "retries", "exchange p50/p95", "to result p50/p95/p99");
	for (size_t i = 0; i < overview->destination_count; i++) {
		const struct overview_destination *found = &overview->destinations[i];
		const int64_t *results = found->results;
		char ms[5][24];

		if (found->latencies.count == 0)
			continue;
		words_duration(durations_percentile(&found->exchanges, 0.50), ms[0]);
		words_duration(durations_percentile(&found->exchanges, 0.95), ms[1]);
		words_duration(durations_percentile(&found->latencies, 0.50), ms[2]);
		words_duration(durations_percentile(&found->latencies, 0.95), ms[3]);
		words_duration(durations_percentile(&found->latencies, 0.99), ms[4]);
		(void)text_format(out,
		    "%-20s %8zu %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64
		    "   %s / %-*s %s / %s / %s\n",
		    found->shown, found->latencies.count, results[RESULT_FAILED],
		    results[RESULT_UNKNOWN],
		    results[RESULT_EXPIRED] + results[RESULT_CANCELED] + results[RESULT_INVALID],
		    found->retries, ms[0], 19 - (int)strlen(ms[0]), ms[1], ms[2], ms[3], ms[4]);
	}
	(void)text_format(out, "%" PRId64 " results in %s: %.1f a minute\n", overview->results,
	    window, (double)overview->results * 60000.0 / (double)overview->window_ms);
}

static void
add_trouble(const struct overview *overview, struct text *out)
{
	for (size_t i = 0; i < overview->destination_count; i++) {
		const struct overview_destination *found = &overview->destinations[i];
		char since[32];

		words_time(found->since, since);
		if (found->held)
			(void)text_format(out, "\nheld: %s since %s (%s): %s\n", found->shown,
			    since, found->cause, found->reason);
	}
	if (overview->stuck_rows > 0)
		(void)text_format(out, "\n%" PRId64 " row(s) wait for a person%s\n",
		    overview->stuck_rows,
		    overview->stuck_rows > (int64_t)overview->stuck_shown
			? "; the oldest (all of them: SELECT * FROM outbox_stuck):"
			: ":");
	for (size_t i = 0; i < overview->stuck_shown; i++) {
		const struct overview_stuck *stuck = &overview->stuck[i];

		(void)text_format(out, "  %" PRId64 "  %s %s %s  %s since %s%s%s\n      -> %s\n",
		    stuck->id, stuck->destination, stuck->operation,
		    stuck->reference[0] == '\0' ? "-" : stuck->reference, stuck->state,
		    stuck->since, stuck->reason[0] == '\0' ? "" : ": ", stuck->reason,
		    stuck->advice);
	}
	if (overview->health.last_error[0] != '\0')
		(void)text_format(out, "\nlast error: %s\n", overview->health.last_error);
}

void
overview_text(const struct overview *overview, struct text *out)
{
	add_daemon(overview, out);
	add_rows(overview, out);
	add_hour(overview, out);
	add_trouble(overview, out);
}
