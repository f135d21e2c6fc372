/*
 * report.c - gathers the figures of a period.
 */
#include "command/report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

static struct report_destination *
destination_named(struct report *report, const char *name)
{
	struct report_destination *grown;
	char *copy;

	for (size_t i = 0; i < report->destination_count; i++)
		if (strcmp(report->destinations[i].name, name) == 0)
			return &report->destinations[i];
	copy = strdup(name);
	grown = realloc(report->destinations, (report->destination_count + 1) * sizeof(*grown));
	if (grown != NULL)
		report->destinations = grown;
	if (copy == NULL || grown == NULL) {
		free(copy);
		report->failed = true;
		return NULL;
	}
	memset(&grown[report->destination_count], 0, sizeof(*grown));
	grown[report->destination_count].name = copy;
	return &grown[report->destination_count++];
}

static void
take_finished(void *context, const struct store_finished *finished)
{
	struct report *report = context;
	struct report_destination *destination = destination_named(report, finished->destination);
	int64_t at = (finished->finished_at - report->first) / report->bucket_ms;
	int64_t latency_ms = finished->finished_at - finished->eligible_at;
	int64_t retries = finished->attempts > 1 ? finished->attempts - 1 : 0;
	struct report_bucket *bucket;

	if (destination == NULL || at < 0 || at >= (int64_t)report->bucket_count)
		return;
	bucket = &report->buckets[at];
	bucket->results[finished->result]++;
	bucket->retries += retries;
	destination->results[finished->result]++;
	destination->retries += retries;
	if (durations_add(&bucket->latencies, latency_ms) == -1 ||
	    durations_add(&destination->latencies, latency_ms) == -1)
		report->failed = true;
}

static void
take_slot(void *context, const struct store_slot *slot)
{
	struct report *report = context;
	struct report_destination *destination = destination_named(report, slot->destination);

	if (destination == NULL || slot->slot < 0 || slot->slot >= REPORT_SLOTS)
		return;
	destination->exchanges[slot->slot] += slot->exchanges;
	destination->bad[slot->slot] += slot->bad;
}

static int
compare_names(const void *left, const void *right)
{
	const struct report_destination *a = left;
	const struct report_destination *b = right;

	return strcmp(a->name, b->name);
}

static void
arrange(struct report *report)
{
	for (size_t i = 0; i < report->bucket_count; i++)
		durations_sort(&report->buckets[i].latencies);
	for (size_t i = 0; i < report->destination_count; i++)
		durations_sort(&report->destinations[i].latencies);
	if (report->destination_count > 0)
		qsort(report->destinations, report->destination_count,
		    sizeof(*report->destinations), compare_names);
}

struct report *
report_gather(struct store *store, int64_t since, int64_t until, int *exit_code)
{
	struct report *report = calloc(1, sizeof(*report));
	enum store_status status = STORE_FULL;

	if (report != NULL) {
		report->since = since;
		report->until = until;
		report->bucket_ms = until - since <= 2 * (int64_t)DAY_MS ? HOUR_MS : DAY_MS;
		report->first = since / report->bucket_ms * report->bucket_ms;
		report->bucket_count = (size_t)((until - report->first) / report->bucket_ms) + 1;
		report->slot_ms = (until - since) / REPORT_SLOTS + 1;
		report->buckets = calloc(report->bucket_count, sizeof(*report->buckets));
		report->failed = report->buckets == NULL;
	}
	if (report != NULL && !report->failed) {
		status = store_finished_since(store, since, INT_MAX, take_finished, report);
		if (status == STORE_OK)
			status = store_slots(store, since, report->slot_ms, take_slot, report);
	}
	if (report == NULL || report->failed || status != STORE_OK) {
		command_say("cannot gather the figures: %s",
		    status == STORE_OK || report == NULL || report->failed ? "out of memory"
									   : store_error(store));
		*exit_code = status == STORE_OK ? EXIT_TEMPORARY : command_exit_code(status);
		report_free(report);
		return NULL;
	}
	arrange(report);
	return report;
}

void
report_free(struct report *report)
{
	if (report == NULL)
		return;
	for (size_t i = 0; report->buckets != NULL && i < report->bucket_count; i++)
		free(report->buckets[i].latencies.ms);
	for (size_t i = 0; i < report->destination_count; i++) {
		free(report->destinations[i].name);
		free(report->destinations[i].latencies.ms);
	}
	free(report->buckets);
	free(report->destinations);
	free(report);
}
