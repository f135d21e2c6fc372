/*
 * overview.c - gathers how everything stands, and judges it.
 */
#include "command/overview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "core/text.h"
#include "edge/clock.h"
#include "edge/lock.h"

/* --- durations --- */

int
durations_add(struct durations *durations, int64_t ms)
{
	if (durations->count == durations->capacity) {
		size_t capacity = durations->capacity == 0 ? 256 : durations->capacity * 2;
		int64_t *grown = realloc(durations->ms, capacity * sizeof(*grown));

		if (grown == NULL)
			return -1;
		durations->ms = grown;
		durations->capacity = capacity;
	}
	durations->ms[durations->count++] = ms > 0 ? ms : 0;
	return 0;
}

static int
compare_ms(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left;
	int64_t b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

void
durations_sort(struct durations *durations)
{
	if (durations->count > 0)
		qsort(durations->ms, durations->count, sizeof(*durations->ms), compare_ms);
}

int64_t
durations_percentile(const struct durations *durations, double share)
{
	size_t rank = (size_t)(share * (double)durations->count);

	if (durations->count == 0)
		return -1;
	return durations->ms[rank < durations->count ? rank : durations->count - 1];
}

/* --- gathering --- */

static void
copy_shown(char *to, size_t size, const char *from)
{
	text_copy(to, size, from);
	words_clean(to);
}

static int
compare_names(const void *left, const void *right)
{
	const struct overview_destination *a = left;
	const struct overview_destination *b = right;

	return strcmp(a->name, b->name);
}

/* The destination of that name, new when it is not there yet. NULL: memory is short. */
static struct overview_destination *
destination_named(struct overview *overview, const char *name)
{
	struct overview_destination *grown;
	struct overview_destination *found;
	char *copy;

	for (size_t i = 0; i < overview->destination_count; i++)
		if (strcmp(overview->destinations[i].name, name) == 0)
			return &overview->destinations[i];
	copy = strdup(name);
	grown = realloc(overview->destinations, (overview->destination_count + 1) * sizeof(*grown));
	if (grown != NULL)
		overview->destinations = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		overview->failed = true;
		return NULL;
	}
	found = &grown[overview->destination_count++];
	memset(found, 0, sizeof(*found));
	found->name = copy;
	copy_shown(found->shown, sizeof(found->shown), name);
	found->oldest_due = TIME_NONE;
	return found;
}

static void
take_count(void *context, const struct store_count *count)
{
	struct overview *overview = context;
	struct overview_destination *destination = destination_named(overview, count->destination);
	int state = state_parse(count->state);

	if (destination == NULL)
		return;
	destination->rows[state == -1 ? OVERVIEW_UNKNOWN : state] = count->count;
	/* A blocked row waits for its parent; what is under way has no due time. */
	if (state == STATE_BLOCKED || count->oldest_due == TIME_NONE)
		return;
	if (destination->oldest_due == TIME_NONE || count->oldest_due < destination->oldest_due)
		destination->oldest_due = count->oldest_due;
}

static void
take_hold(void *context, const struct store_destination *found)
{
	struct overview *overview = context;
	struct overview_destination *destination =
	    found->held ? destination_named(overview, found->name) : NULL;

	if (destination == NULL)
		return;
	destination->held = true;
	copy_shown(destination->cause, sizeof(destination->cause), found->cause);
	copy_shown(destination->reason, sizeof(destination->reason), found->reason);
	destination->since = found->since;
}

static void
take_finished(void *context, const struct store_finished *finished)
{
	struct overview *overview = context;
	struct overview_destination *destination =
	    destination_named(overview, finished->destination);
	int64_t age_ms = overview->now - finished->finished_at;
	int64_t minute = age_ms > 0 ? age_ms / 60000 : 0;

	if (destination == NULL)
		return;
	destination->results[finished->result]++;
	if (finished->attempts > 1)
		destination->retries += finished->attempts - 1;
	if (durations_add(&destination->latencies, finished->finished_at - finished->eligible_at) ==
		-1 ||
	    (finished->exchange_ms >= 0 &&
		durations_add(&destination->exchanges, finished->exchange_ms) == -1))
		overview->failed = true;
	if (minute < OVERVIEW_MINUTES)
		overview->minutes[minute][finished->result == RESULT_SUCCEEDED ? 0 : 1]++;
	overview->results++;
	/* The sample is full: it covers only this much. */
	if (overview->results == OVERVIEW_SAMPLE_MAX)
		overview->window_ms = age_ms > 0 ? age_ms : 1;
}

static void
take_stuck(void *context, const struct store_stuck *stuck)
{
	struct overview *overview = context;
	struct overview_stuck *to = &overview->stuck[overview->stuck_shown++];

	to->id = stuck->id;
	copy_shown(to->destination, sizeof(to->destination), stuck->destination);
	copy_shown(to->operation, sizeof(to->operation), stuck->operation);
	copy_shown(to->reference, sizeof(to->reference), stuck->reference);
	copy_shown(to->state, sizeof(to->state), stuck->state);
	copy_shown(to->cause, sizeof(to->cause), stuck->cause);
	copy_shown(to->reason, sizeof(to->reason), stuck->reason);
	copy_shown(to->advice, sizeof(to->advice), stuck->advice);
	(void)snprintf(to->since, sizeof(to->since), "%.19sZ", stuck->since);
}

static void
take_stuck_count(void *context, const char *cause, int64_t count)
{
	struct overview *overview = context;

	(void)cause;
	overview->stuck_rows += count;
}

static enum store_status
gather(struct overview *overview, struct store *store)
{
	enum store_status status = store_health(store, &overview->health);

	if (status == STORE_OK) {
		words_clean(overview->health.mode_reason);
		words_clean(overview->health.last_error);
	}
	if (status == STORE_OK)
		status = store_counts(store, take_count, overview);
	if (status == STORE_OK)
		status = store_destinations(store, take_hold, overview);
	if (status == STORE_OK)
		status = store_finished_since(store, overview->now - OVERVIEW_WINDOW_MS,
		    OVERVIEW_SAMPLE_MAX, take_finished, overview);
	if (status == STORE_OK)
		status = store_stuck(store, OVERVIEW_STUCK_MAX, take_stuck, overview);
	if (status == STORE_OK)
		status = store_stuck_counts(store, take_stuck_count, overview);
	return status;
}

struct overview *
overview_gather(struct store *store, const char *database, int *exit_code)
{
	struct overview *overview = calloc(1, sizeof(*overview));
	enum store_status status = STORE_FULL;

	if (overview != NULL) {
		overview->now = clock_wall_ms();
		overview->window_ms = OVERVIEW_WINDOW_MS;
		overview->database = strdup(database);
		overview->pid = lock_holder(database);
		if (overview->pid < 0)
			overview->pid = 0;
		overview->wal_bytes = store_wal_bytes(store);
		status = gather(overview, store);
	}
	if (status != STORE_OK || overview->failed || overview->database == NULL) {
		command_say("cannot read %s: %s", database,
		    status == STORE_OK ? "out of memory" : store_error(store));
		*exit_code = status == STORE_OK ? EXIT_TEMPORARY : command_exit_code(status);
		overview_free(overview);
		return NULL;
	}
	if (overview->destination_count > 0)
		qsort(overview->destinations, overview->destination_count,
		    sizeof(*overview->destinations), compare_names);
	for (size_t i = 0; i < overview->destination_count; i++) {
		durations_sort(&overview->destinations[i].exchanges);
		durations_sort(&overview->destinations[i].latencies);
	}
	return overview;
}

void
overview_free(struct overview *overview)
{
	if (overview == NULL)
		return;
	for (size_t i = 0; i < overview->destination_count; i++) {
		free(overview->destinations[i].name);
		free(overview->destinations[i].exchanges.ms);
		free(overview->destinations[i].latencies.ms);
	}
	free(overview->destinations);
	free(overview->database);
	free(overview);
}

/* --- judging --- */

static void
because(struct text *why, enum overview_level *level, enum overview_level found, const char *what)
{
	if (why != NULL)
		(void)text_format(why, "%s%s", why->length == 0 ? "" : "; ", what);
	if (found > *level)
		*level = found;
}

enum overview_level
overview_judge(const struct overview *overview, struct text *why)
{
	const struct store_health *health = &overview->health;
	enum overview_level level = LEVEL_FINE;
	bool held = false;
	bool late = false;

	for (size_t i = 0; i < overview->destination_count; i++) {
		const struct overview_destination *destination = &overview->destinations[i];

		held = held || destination->held;
		late = late || (!destination->held && destination->oldest_due != TIME_NONE &&
				   overview->now - destination->oldest_due > OVERVIEW_LATE_MS);
	}
	if (overview->pid == 0)
		because(why, &level, LEVEL_CRITICAL, "outboxd is not running");
	else if (strcmp(health->status, "silent") == 0)
		because(
		    why, &level, LEVEL_CRITICAL, "outboxd is silent: no heartbeat for a minute");
	if (strcmp(health->status, "held") == 0)
		because(why, &level, LEVEL_CRITICAL, "the database waits for: outboxd adopt");
	if (held)
		because(why, &level, LEVEL_ATTENTION, "a destination is held");
	if (overview->stuck_rows > 0)
		because(why, &level, LEVEL_ATTENTION, "rows wait for a person");
	if (late)
		because(why, &level, LEVEL_ATTENTION, "rows are due for more than five minutes");
	return level;
}
