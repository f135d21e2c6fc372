/* gateway_log.c - counts in the fake gateway's logs, read from the files; it may be dead by then.
 */
#include "lib/gateway.h"
#include "lib/gateway_parts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The lines of a log since its last reset. */
static cJSON *
read_log(const struct gateway *gateway, const char *name)
{
	char path[1024];
	cJSON *array = cJSON_CreateArray();
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", gateway_directory(gateway), name);
	file = fopen(path, "re");
	if (file == NULL) {
		perror(path);
		cJSON_Delete(array);
		return NULL;
	}
	while (getline(&line, &size, file) > 0) {
		cJSON *entry = strchr(line, '\n') == NULL ? NULL : cJSON_Parse(line);

		if (cJSON_HasObjectItem(entry, "reset")) {
			cJSON_Delete(entry);
			cJSON_Delete(array);
			array = cJSON_CreateArray();
		} else if (entry != NULL) {
			cJSON_AddItemToArray(array, entry);
		}
	}
	free(line);
	fclose(file);
	return array;
}

cJSON *
gateway_effect_log(const struct gateway *gateway)
{
	return read_log(gateway, "effects.jsonl");
}

cJSON *
gateway_request_log(const struct gateway *gateway)
{
	return read_log(gateway, "requests.jsonl");
}

static const char *
text_of(const cJSON *entry, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(entry, name);

	return cJSON_IsString(member) ? member->valuestring : "";
}

static bool
is(const cJSON *entry, const char *name, const char *wanted)
{
	return wanted == NULL || strcmp(text_of(entry, name), wanted) == 0;
}

int
gateway_effects(const struct gateway *gateway, const char *reference)
{
	cJSON *log = gateway_effect_log(gateway);
	const cJSON *entry;
	int count = log == NULL ? -1 : 0;

	cJSON_ArrayForEach(entry, log) count += is(entry, "reference", reference);
	cJSON_Delete(log);
	return count;
}

int
gateway_requests(const struct gateway *gateway, const char *reference, const char *phase)
{
	cJSON *log = gateway_request_log(gateway);
	const cJSON *entry;
	int count = log == NULL ? -1 : 0;

	cJSON_ArrayForEach(entry, log) count +=
	    is(entry, "reference", reference) && is(entry, "phase", phase);
	cJSON_Delete(log);
	return count;
}

/* Whether an earlier submit of that reference in the log had the same hash as entry. */
static bool
hash_seen_before(const cJSON *log, const cJSON *entry, const char *reference)
{
	const cJSON *earlier;

	cJSON_ArrayForEach(earlier, log)
	{
		if (earlier == entry)
			return false;
		if (is(earlier, "reference", reference) && is(earlier, "phase", "submit") &&
		    is(earlier, "sha256", text_of(entry, "sha256")))
			return true;
	}
	return false;
}

int
gateway_distinct_hashes(const struct gateway *gateway, const char *reference)
{
	cJSON *log = gateway_request_log(gateway);
	const cJSON *entry;
	int count = log == NULL ? -1 : 0;

	cJSON_ArrayForEach(entry, log)
	{
		if (is(entry, "reference", reference) && is(entry, "phase", "submit"))
			count += !hash_seen_before(log, entry, reference);
	}
	cJSON_Delete(log);
	return count;
}

int
gateway_stale_polls(const struct gateway *gateway, const char *reference)
{
	cJSON *log = gateway_request_log(gateway);
	const cJSON *entry;
	int count = log == NULL ? -1 : 0;

	cJSON_ArrayForEach(entry, log) count +=
	    is(entry, "reference", reference) &&
	    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "stale"));
	cJSON_Delete(log);
	return count;
}

int
gateway_submits_after_pending(const struct gateway *gateway, const char *reference)
{
	cJSON *log = gateway_request_log(gateway);
	const cJSON *entry;
	int count = log == NULL ? -1 : 0;
	bool polled = false;

	cJSON_ArrayForEach(entry, log)
	{
		if (!is(entry, "reference", reference))
			continue;
		polled = polled || is(entry, "phase", "poll");
		count += polled && is(entry, "phase", "submit");
	}
	cJSON_Delete(log);
	return count;
}

int
gateway_wait_requests(const struct gateway *gateway, const char *reference, const char *phase,
    int count, int timeout_ms)
{
	const struct timespec pause = {.tv_sec = 0, .tv_nsec = 10 * 1000000L};

	for (int waited = 0; waited <= timeout_ms; waited += 10) {
		if (gateway_requests(gateway, reference, phase) >= count)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -1;
}

int
gateway_canary_hits(const struct gateway *gateway)
{
	cJSON *log = read_log(gateway, "canary.jsonl");
	int count = log == NULL ? -1 : cJSON_GetArraySize(log);

	cJSON_Delete(log);
	return count;
}
