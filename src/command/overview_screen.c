/*
 * overview_screen.c - outboxd status --watch: one screen, with bars.
 */
#include "command/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/terminal.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

enum { NAME_WIDTH = 16, GRAPH_LINES = 4 };

struct screen {
	const struct overview *overview;
	struct text *out;
	int columns;
	int lines; /* what is left */
	bool utf8;
};

static void
end_line(struct screen *screen)
{
	(void)text_format(screen->out, "\n");
	screen->lines--;
}

static void
add_head(struct screen *screen)
{
	static const char *const colours[] = {GREEN, YELLOW, RED};
	static const char *const levels[] = {"FINE", "ATTENTION", "CRITICAL"};
	const struct overview *overview = screen->overview;
	struct text why;
	char wal[24];
	char now[32];
	enum overview_level level;

	text_init(&why, 1024);
	level = overview_judge(overview, &why);
	words_bytes(overview->wal_bytes, wal);
	words_time(overview->now, now);
	(void)text_format(screen->out, BOLD "%s%s" PLAIN "  outboxd %s", colours[level],
	    levels[level], overview->pid > 0 ? overview->health.status : "NOT RUNNING");
	if (overview->pid > 0)
		(void)text_format(screen->out, ", pid %" PRId64, overview->pid);
	if (overview->health.heartbeat_age_s >= 0)
		(void)text_format(
		    screen->out, ", heartbeat %.0f s ago", overview->health.heartbeat_age_s);
	(void)text_format(screen->out, ", WAL %s   " DIM "%s  q ends" PLAIN, wal, now);
	end_line(screen);
	if (why.length > 0 || overview->health.mode_reason[0] != '\0') {
		(void)text_format(screen->out, "%s%s" PLAIN " %s", colours[level],
		    text_string(&why), overview->health.mode_reason);
		end_line(screen);
	}
	text_free(&why);
	end_line(screen);
}

static int64_t
waiting(const struct overview_destination *found)
{
	int64_t rows = 0;

	for (int state = STATE_BLOCKED; state <= STATE_PENDING; state++)
		rows += found->rows[state];
	return rows;
}

static void
add_destination(struct screen *screen, const struct overview_destination *found, int64_t most)
{
	const int64_t *rows = found->rows;
	int64_t open = waiting(found);
	int width = screen->columns - NAME_WIDTH - 64;
	char due[24];
	char p95[24];

	words_duration(
	    found->oldest_due == TIME_NONE ? -1 : screen->overview->now - found->oldest_due, due);
	words_duration(durations_percentile(&found->latencies, 0.95), p95);
	(void)text_format(screen->out, "%s%-*.*s" PLAIN " %8" PRId64 " ", found->held ? RED : "",
	    NAME_WIDTH, NAME_WIDTH, found->shown, open);
	if (width >= 4) {
		(void)text_format(screen->out, "%s", found->held ? RED : GREEN);
		terminal_bar(screen->out, most == 0 ? 0 : (double)open / (double)most,
		    width > 40 ? 40 : width, screen->utf8);
		(void)text_format(screen->out, PLAIN " ");
	}
	(void)text_format(screen->out,
	    "%7" PRId64 " %7" PRId64 "  %-8s %s%7" PRId64 PLAIN " %8zu %s%6" PRId64 PLAIN "  %s%s",
	    rows[STATE_CLAIMED] + rows[STATE_SENDING], rows[STATE_PENDING], due,
	    rows[STATE_HELD] + rows[OVERVIEW_UNKNOWN] > 0 ? YELLOW : "",
	    rows[STATE_HELD] + rows[OVERVIEW_UNKNOWN], found->latencies.count,
	    found->results[RESULT_FAILED] > 0 ? YELLOW : "", found->results[RESULT_FAILED], p95,
	    found->held ? RED "  HELD" PLAIN : "");
	end_line(screen);
}

static void
add_destinations(struct screen *screen)
{
	const struct overview *overview = screen->overview;
	int width = screen->columns - NAME_WIDTH - 64;
	int64_t most = 0;
	size_t shown = 0;

	(void)text_format(screen->out, DIM "%-*s %8s %-*s%7s %7s  %-8s %7s %8s %6s  %s" PLAIN,
	    NAME_WIDTH, "destination", "open", width >= 4 ? (width > 40 ? 41 : width + 1) : 0, "",
	    "sending", "pending", "due for", "person", "results", "failed", "p95");
	end_line(screen);
	for (size_t i = 0; i < overview->destination_count; i++)
		if (waiting(&overview->destinations[i]) > most)
			most = waiting(&overview->destinations[i]);
	/* The rest of the screen must have its room, too. */
	while (shown < overview->destination_count && (shown < 3 || screen->lines > 10))
		add_destination(screen, &overview->destinations[shown++], most);
	if (shown < overview->destination_count) {
		(void)text_format(
		    screen->out, DIM "... and %zu more" PLAIN, overview->destination_count - shown);
		end_line(screen);
	}
	if (shown == 0) {
		(void)text_format(screen->out, "no open rows, no results in the last hour");
		end_line(screen);
	}
	end_line(screen);
}

/* One cell of a column of `eighths`, in the line `line` from the top. */
static const char *
cell(int64_t eighths, int line, bool utf8)
{
	static const char *const parts[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	int64_t here = eighths - (int64_t)(GRAPH_LINES - 1 - line) * 8;

	if (!utf8)
		return here >= 4 ? "#" : (here > 0 ? "." : " ");
	return parts[here < 0 ? 0 : (here > 8 ? 8 : here)];
}

static int64_t
scaled(int64_t value, int64_t most)
{
	int64_t eighths = most == 0 ? 0 : value * GRAPH_LINES * 8 / most;

	return value > 0 && eighths == 0 ? 1 : eighths;
}

/* Results per minute: the newest at the right. */
static void
add_graph(struct screen *screen)
{
	const struct overview *overview = screen->overview;
	int shown =
	    screen->columns - 12 < OVERVIEW_MINUTES ? screen->columns - 12 : OVERVIEW_MINUTES;
	int64_t most = 0;

	if (screen->lines < GRAPH_LINES + 2 || shown < 10)
		return;
	for (int i = 0; i < shown; i++) {
		int64_t all = overview->minutes[i][0] + overview->minutes[i][1];

		if (all > most)
			most = all;
	}
	for (int line = 0; line < GRAPH_LINES; line++) {
		if (line == 0)
			(void)text_format(screen->out, "%8" PRId64 " |", most);
		else
			(void)text_format(screen->out, "%8s |", line == GRAPH_LINES - 1 ? "0" : "");
		for (int i = shown - 1; i >= 0; i--) {
			int64_t good = overview->minutes[i][0];
			int64_t all = good + overview->minutes[i][1];
			bool bad = scaled(good, most) <= (GRAPH_LINES - 1 - line) * 8;

			(void)text_format(screen->out, "%s%s", bad ? YELLOW : GREEN,
			    cell(scaled(all, most), line, screen->utf8));
		}
		(void)text_format(screen->out, PLAIN);
		end_line(screen);
	}
	(void)text_format(screen->out,
	    DIM "%8s  results a minute, %s%d minutes; %.1f a minute" PLAIN, "",
	    overview->window_ms < OVERVIEW_WINDOW_MS ? "the newest of the last " : "the last ",
	    shown, (double)overview->results * 60000.0 / (double)overview->window_ms);
	end_line(screen);
	end_line(screen);
}

static void
add_trouble(struct screen *screen)
{
	const struct overview *overview = screen->overview;

	for (size_t i = 0; i < overview->destination_count && screen->lines > 1; i++) {
		const struct overview_destination *found = &overview->destinations[i];
		char since[32];

		if (!found->held)
			continue;
		words_time(found->since, since);
		(void)text_format(screen->out, RED "held: %s" PLAIN " since %s (%s): %s",
		    found->shown, since, found->cause, found->reason);
		end_line(screen);
	}
	if (overview->stuck_rows > 0 && screen->lines > 1) {
		(void)text_format(screen->out, YELLOW "%" PRId64 " row(s) wait for a person:" PLAIN,
		    overview->stuck_rows);
		end_line(screen);
	}
	for (size_t i = 0; i < overview->stuck_shown && screen->lines > 2; i++) {
		const struct overview_stuck *stuck = &overview->stuck[i];

		(void)text_format(screen->out, "  %" PRId64 "  %s %s %s  %s since %s  %s",
		    stuck->id, stuck->destination, stuck->operation, stuck->reference, stuck->state,
		    stuck->since, stuck->reason);
		end_line(screen);
		(void)text_format(screen->out, DIM "      -> %s" PLAIN, stuck->advice);
		end_line(screen);
	}
	if (overview->health.last_error[0] != '\0' && screen->lines > 1) {
		(void)text_format(
		    screen->out, DIM "last error: %s" PLAIN, overview->health.last_error);
		end_line(screen);
	}
}

void
overview_screen(
    const struct overview *overview, int columns, int lines, bool utf8, struct text *out)
{
	struct screen screen = {
	    .overview = overview, .out = out, .columns = columns, .lines = lines, .utf8 = utf8};

	add_head(&screen);
	add_destinations(&screen);
	add_graph(&screen);
	add_trouble(&screen);
}
