/*
 * status_row.c - outboxd status ID: one transaction in words.
 */
#include "command/status_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "command/overview.h"
#include "core/text.h"

enum { SHOWN_MAX = 4096 };

static const char *
clean(char shown[SHOWN_MAX], const char *text)
{
	text_copy(shown, SHOWN_MAX, text);
	words_clean(shown);
	return shown;
}

static void
print_line(const char *what, const char *text)
{
	char shown[SHOWN_MAX];

	if (text != NULL)
		(void)printf("%s: %s\n", what, clean(shown, text));
}

static void
print_attempt(void *context, const struct store_attempt *attempt, const char *phase, int count)
{
	char started[32];

	(void)context;
	words_time(attempt->started_at, started);
	(void)printf(
	    "  %3d  %s  %-6s %-10s", attempt->n, started, phase, evidence_name(attempt->evidence));
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
		return txn_exposed(txn)
			   ? "will be sent again under the same key; it may have happened already"
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
		return "is unknown: it may or may not have happened; ask the gateway, then resolve "
		       "or retry it";
	case RESULT_NONE:
		break;
	}
	return "is finished";
}

struct held_destination {
	const char *name;
};

static void
print_held(void *context, const struct store_destination *destination)
{
	const struct held_destination *wanted = context;

	if (destination->held && strcmp(destination->name, wanted->name) == 0)
		print_line("its destination is held", destination->reason);
}

/* What stands above a single row. */
static void
print_surroundings(struct store *store, const struct store_row *row)
{
	struct held_destination wanted = {.name = row->destination};
	struct store_health health;

	if (row->txn.state == STATE_DONE)
		return;
	if (store_health(store, &health) == STORE_OK && health.mode_reason[0] != '\0')
		(void)printf(
		    "outboxd waits for \"adopt\": this is what a restored, copied or moved "
		    "database knows; the row may have been sent since\n");
	(void)store_destinations(store, print_held, &wanted);
}

int
status_row(struct store *store, int64_t id)
{
	struct store_row *row;
	struct store_result_facts result;
	char time[32];
	char shown[SHOWN_MAX];
	enum store_status status = store_row(store, id, &row);

	if (status == STORE_NOTHING) {
		command_say("there is no outbox row %" PRId64, id);
		return 1;
	}
	if (status != STORE_OK) {
		command_say("cannot read outbox row %" PRId64 ": %s", id, store_error(store));
		return command_exit_code(status);
	}
	(void)printf("outbox row %" PRId64 " (%s ", id, clean(shown, row->destination));
	(void)printf("%s", clean(shown, row->operation));
	if (row->reference != NULL)
		(void)printf(", reference %s", clean(shown, row->reference));
	(void)printf(") %s.\n", state_in_words(&row->txn));
	print_surroundings(store, row);
	print_line("reason", row->reason);
	print_line("idempotency key", row->key);
	print_line("fetch URL", row->fetch_url);
	if (row->txn.due_at > 0) {
		words_time(row->txn.due_at, time);
		(void)printf("next: %s\n", time);
	}
	if (store_result_read(store, id, &result) == STORE_OK) {
		words_time(result.finished_at, time);
		(void)printf("result: %s at %s, revision %" PRId64, result_name(result.result),
		    time, result.revision);
		if (result.http_status != 0)
			(void)printf(", HTTP status %d, %" PRId64 " bytes", result.http_status,
			    result.body_length);
		(void)putchar('\n');
	}
	if (row->txn.state == STATE_BLOCKED)
		(void)printf("it waits for: outbox row %" PRId64 "\n", row->after_id);
	(void)printf("submits: %d, polls: %d\n", row->txn.attempts, row->txn.polls);
	(void)store_attempts(store, id, print_attempt, NULL);
	store_row_free(row);
	return EXIT_FINE;
}
