/*
 * overview.h - how everything stands, gathered once and shown as text, as JSON or live.
 */
#ifndef OUTBOXD_COMMAND_OVERVIEW_H
#define OUTBOXD_COMMAND_OVERVIEW_H

#include <stdint.h>

#include "core/text.h"
#include "edge/store_overview.h"

enum {
	OVERVIEW_WINDOW_MS = 3600 * 1000,
	OVERVIEW_MINUTES = 60,
	OVERVIEW_SAMPLE_MAX = 10000, /* results looked at: bounds what a look costs */
	OVERVIEW_STUCK_MAX = 5,
	OVERVIEW_LATE_MS = 5 * 60 * 1000, /* due for longer than this asks for attention */
	OVERVIEW_UNKNOWN = STATE_DONE,    /* of finished rows only the unknown ones are counted */
};

/* A growing list of durations. */
struct durations {
	int64_t *ms;
	size_t count;
	size_t capacity;
};

struct overview_destination {
	char *name;
	char shown[64];            /* its name, for people */
	int64_t rows[STATE_COUNT]; /* by state; [OVERVIEW_UNKNOWN]: result unknown */
	int64_t oldest_due;        /* Unix ms, TIME_NONE: nothing waits for its turn */
	bool held;
	char cause[32];
	char reason[256];
	int64_t since;
	/* of the last hour */
	int64_t results[RESULT_COUNT];
	int64_t retries;
	struct durations exchanges; /* sorted */
	struct durations latencies; /* sorted: from when it could be sent to its result */
};

struct overview_stuck {
	int64_t id;
	char destination[64];
	char operation[64];
	char reference[64];
	char state[16];
	char cause[16];
	char reason[256];
	char advice[128];
	char since[32];
};

enum overview_level { LEVEL_FINE = 0, LEVEL_ATTENTION = 1, LEVEL_CRITICAL = 2 };

struct overview {
	char *database;
	int64_t now;
	struct store_health health;
	int64_t pid; /* 0: no daemon */
	int64_t wal_bytes;
	struct overview_destination *destinations; /* in the order of their names */
	size_t destination_count;
	int64_t window_ms; /* what the figures of the last hour really cover: less when the sample
			      was full */
	int64_t results;
	int64_t minutes[OVERVIEW_MINUTES][2]; /* results by age in minutes: succeeded, other */
	struct overview_stuck stuck[OVERVIEW_STUCK_MAX];
	size_t stuck_shown;
	int64_t stuck_rows; /* all of them, without the rows of held destinations */
	bool failed;        /* memory was short, or the database could not be read */
};

/* Looks. NULL: said why on standard error, *exit_code is set. */
struct overview *overview_gather(struct store *store, const char *database, int *exit_code);
void overview_free(struct overview *overview);

/* The exit code for a monitoring check; with what decided it, appended to why (may be NULL). */
enum overview_level overview_judge(const struct overview *overview, struct text *why);

/* The value below which `share` (0..1) of them lie; -1 when there are none. */
int64_t durations_percentile(const struct durations *durations, double share);
int durations_add(struct durations *durations, int64_t ms);
void durations_sort(struct durations *durations);

void overview_text(const struct overview *overview, struct text *out);
void overview_json(const struct overview *overview, struct text *out);
/* For a terminal of this size; utf8: it can show block characters. */
void overview_screen(
    const struct overview *overview, int columns, int lines, bool utf8, struct text *out);

/* --- words (overview_words.c) --- */
/* "2026-11-21T23:10:20Z", or "-" for TIME_NONE. */
void words_time(int64_t ms, char text[32]);
/* "350 ms", "12 s", "3 min", "5 h", "4 d"; "-" for less than 0. */
void words_duration(int64_t ms, char text[24]);
/* "1.2 MiB" */
void words_bytes(int64_t bytes, char text[24]);
/* What a gateway or an app wrote must not steer the terminal that shows it, nor begin a line. */
void words_clean(char *text);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void words_json(struct text *out, const char *text);

#endif
