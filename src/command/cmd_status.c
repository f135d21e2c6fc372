/*
 * cmd_status.c - outboxd status: how everything stands, or one transaction in words.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "edge/clock.h"
#include "edge/lock.h"

enum { ATTENTION = 1, CRITICAL = 2 };

struct listing {
	bool json;
	bool first;
	int held;
};

static void
iso_time(int64_t ms, char text[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm broken;

	if (ms == TIME_NONE || gmtime_r(&seconds, &broken) == NULL)
		(void)snprintf(text, 32, "-");
	else
		(void)strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &broken);
}

/* A JSON string; what we print is short and needs no more than this. */
static void
print_json_string(const char *text)
{
	(void)putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)printf("\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			(void)printf("\\u%04x", (unsigned)*text);
		else
			(void)putchar(*text);
	}
	(void)putchar('"');
}

static void
print_count(void *context, const struct store_count *count)
{
	struct listing *listing = context;
	int64_t late = count->oldest_due == TIME_NONE ? -1 : clock_wall_ms() - count->oldest_due;

	if (listing->json) {
		(void)printf("%s{\"destination\":", listing->first ? "" : ",");
		print_json_string(count->destination);
		(void)printf(",\"state\":\"%s\",\"count\":%" PRId64 ",\"oldest_due_age_s\":%.1f}",
		    count->state, count->count, late > 0 ? (double)late / 1000.0 : 0.0);
	} else {
		if (listing->first)
			(void)printf("%-24s %-10s %10s  %s\n", "destination", "state", "rows", "oldest due");
		(void)printf("%-24s %-10s %10" PRId64 "  ", count->destination, count->state, count->count);
		if (late > 0)
			(void)printf("%.1f s ago\n", (double)late / 1000.0);
		else
			(void)printf("-\n");
	}
	listing->first = false;
}

static void
print_hold(void *context, const struct store_destination *found)
{
	struct listing *listing = context;
	char since[32];

	if (!found->held)
		return;
	iso_time(found->since, since);
	if (listing->json) {
		(void)printf("%s{\"destination\":", listing->held == 0 ? "" : ",");
		print_json_string(found->name);
		(void)printf(",\"cause\":");
		print_json_string(found->cause);
		(void)printf(",\"reason\":");
		print_json_string(found->reason);
		(void)printf(",\"since\":\"%s\"}", since);
	} else {
		(void)printf("held: %s since %s (%s): %s\n", found->name, since, found->cause,
		    found->reason);
	}
	listing->held++;
}

static int
judge(const struct store_health *health, bool alive, const struct listing *listing)
{
	if (!alive || strcmp(health->status, "silent") == 0 || strcmp(health->status, "held") == 0)
		return CRITICAL;
	if (health->unknown > 0 || health->held_rows > 0 || listing->held > 0)
		return ATTENTION;
	return EXIT_FINE;
}

static int
print_all(struct store *store, const struct config *config, bool json)
{
	struct listing listing = {.json = json, .first = true};
	struct store_health health;
	int64_t pid = lock_holder(config->database);

	if (store_health(store, &health) != STORE_OK) {
		command_say("cannot read %s: %s", config->database, store_error(store));
		return EXIT_TEMPORARY;
	}
	if (json) {
		(void)printf("{\"status\":\"%s\",\"pid\":%" PRId64
			     ",\"heartbeat_age_s\":%.1f,\"unknown\":%" PRId64 ",\"held_rows\":%" PRId64
			     ",\"last_error\":",
		    health.status, pid > 0 ? pid : 0, health.heartbeat_age_s, health.unknown,
		    health.held_rows);
		print_json_string(health.last_error);
		(void)printf(",\"rows\":[");
		(void)store_counts(store, print_count, &listing);
		(void)printf("],\"held\":[");
		(void)store_destinations(store, print_hold, &listing);
		(void)printf("]}\n");
		return judge(&health, pid > 0, &listing);
	}
	if (pid > 0)
		(void)printf("outboxd: %s, pid %" PRId64 ", last heartbeat %.0f s ago\n", health.status, pid,
		    health.heartbeat_age_s);
	else
		(void)printf("outboxd: NOT RUNNING on %s\n", config->database);
	if (health.mode_reason[0] != '\0')
		(void)printf("%s\n", health.mode_reason);
	(void)store_counts(store, print_count, &listing);
	if (listing.first)
		(void)printf("no open rows\n");
	(void)store_destinations(store, print_hold, &listing);
	if (health.unknown + health.held_rows > 0)
		(void)printf("%" PRId64 " row(s) with result unknown, %" PRId64
			     " held: SELECT * FROM outbox_stuck\n",
		    health.unknown, health.held_rows);
	if (health.last_error[0] != '\0')
		(void)printf("last error: %s\n", health.last_error);
	return judge(&health, pid > 0, &listing);
}

/* --- one transaction --- */

static void
print_attempt(
    void *context, const struct store_attempt *attempt, const char *phase, int count)
{
	char started[32];

	(void)context;
	iso_time(attempt->started_at, started);
	(void)printf("  %3d  %s  %-6s %-10s", attempt->n, started, phase,
	    evidence_name(attempt->evidence));
	if (attempt->http_status != 0)
		(void)printf(" HTTP %d", attempt->http_status);
	(void)printf("  %s", attempt->rule == NULL ? "" : attempt->rule);
	if (count > 1)
		(void)printf(" (%d times)", count);
	if (attempt->error != NULL)
		(void)printf(": %s", attempt->error);
	(void)putchar('\n');
}

static const char *
state_in_words(const struct txn *txn)
{
	switch (txn->state) {
	case STATE_BLOCKED:
		return "waits until the row in after_id has succeeded";
	case STATE_QUEUED:
		return "waits to be sent; it was never sent";
	case STATE_CLAIMED:
		return "is being connected; nothing was sent yet";
	case STATE_SENDING:
		return "is being sent, or waits for its answer";
	case STATE_RETRY:
		return txn_exposed(txn) ? "will be sent again under the same key; it may have happened already"
					: "will be sent; so far nothing has happened at the gateway";
	case STATE_PENDING:
		return "was accepted; the gateway is asked for the result at its fetch URL";
	case STATE_HELD:
		return "is held and waits for a person";
	case STATE_DONE:
		break;
	}
	switch (txn->result) {
	case RESULT_SUCCEEDED:
		return "succeeded: it happened exactly once";
	case RESULT_FAILED:
		return "failed: the gateway refused it, it did not happen";
	case RESULT_EXPIRED:
		return "expired: it was not sent in time, it did not happen";
	case RESULT_CANCELED:
		return "was canceled: it did not happen";
	case RESULT_INVALID:
		return "is invalid: it was never sent";
	case RESULT_UNKNOWN:
		return "is unknown: it may or may not have happened; ask the gateway, then resolve or retry it";
	case RESULT_NONE:
		break;
	}
	return "is finished";
}

static int
print_one(struct store *store, int64_t id)
{
	struct store_row *row;
	struct store_result_facts result;
	char time[32];
	enum store_status status = store_row(store, id, &row);

	if (status == STORE_NOTHING) {
		command_say("there is no outbox row %" PRId64, id);
		return 1;
	}
	if (status != STORE_OK) {
		command_say("cannot read outbox row %" PRId64 ": %s", id, store_error(store));
		return command_exit_code(status);
	}
	(void)printf("outbox row %" PRId64 " (%s %s%s%s) %s.\n", id, row->destination, row->operation,
	    row->reference == NULL ? "" : ", reference ", row->reference == NULL ? "" : row->reference,
	    state_in_words(&row->txn));
	if (row->reason != NULL)
		(void)printf("reason: %s\n", row->reason);
	if (row->key != NULL)
		(void)printf("idempotency key: %s\n", row->key);
	if (row->fetch_url != NULL)
		(void)printf("fetch URL: %s\n", row->fetch_url);
	if (row->txn.due_at > 0) {
		iso_time(row->txn.due_at, time);
		(void)printf("next: %s\n", time);
	}
	if (store_result_read(store, id, &result) == STORE_OK) {
		iso_time(result.finished_at, time);
		(void)printf("result: %s at %s, revision %" PRId64, result_name(result.result), time,
		    result.revision);
		if (result.http_status != 0)
			(void)printf(", HTTP status %d, %" PRId64 " bytes", result.http_status,
			    result.body_length);
		(void)putchar('\n');
	}
	(void)printf("exchanges (%d submits, %d polls):\n", row->txn.attempts, row->txn.polls);
	(void)store_attempts(store, id, print_attempt, NULL);
	store_row_free(row);
	return EXIT_FINE;
}

static int
show(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	const char *file = NULL;
	struct config *config;
	struct store *store;
	bool json = false;
	int64_t id = 0;
	int option;
	int code = EXIT_CONFIG;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			file = optarg;
		else if (option == 'j')
			json = true;
		else
			return command_usage(command, NULL);
	}
	if (file == NULL || argc - optind > 1)
		return command_usage(command, "say which configuration: --config FILE");
	if (optind < argc && (id = command_number(argv[optind])) == -1)
		return command_usage(command, "%s is not the id of an outbox row", argv[optind]);
	config = command_config(file, &code);
	if (config == NULL)
		return code;
	store = command_store(config, &code);
	if (store != NULL)
		code = id != 0 ? print_one(store, id) : print_all(store, config, json);
	store_close(store);
	config_free(config);
	return code;
}

const struct command command_status = {
    .name = "status",
    .usage = "--config FILE [--json] [ID]",
    .summary = "how everything stands (exit 0 fine, 1 attention, 2 critical), or one row in words",
    .run = show,
};
