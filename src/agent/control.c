/*
 * control.c - the operator's requests. Each is a row of outbox_control, and is answered there.
 */
#include "agent/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"

enum { REQUESTS_MAX = 64, ANSWER_SIZE = 400, BULK_STEP = 200 };

enum reply_kind { REPLY_DONE, REPLY_REFUSED, REPLY_LATER };

/* One request and its answer in the making. */
struct request {
	struct agent *agent;
	const struct store_control *control;
	struct store_row *row; /* when the request names one */
	char answer[ANSWER_SIZE];
	enum store_status status; /* of the store, for whatever went wrong there */
};

#define SAY(request, ...) ((void)snprintf((request)->answer, ANSWER_SIZE, __VA_ARGS__))

static const char *
text_of(const struct request *request)
{
	const char *text = request->control->text;

	return text == NULL ? "" : text;
}

static const char *
author_of(const struct request *request)
{
	const char *author = request->control->created_by;

	return author == NULL || author[0] == '\0' ? "the operator" : author;
}

/* Applies a step to the row; a step that the state does not allow is refused in words. */
static enum reply_kind
step_row(struct request *request, const struct txn_step *step, const char *reason, const char *impossible)
{
	struct txn_step stamped = *step;

	stamped.now = request->agent->now;
	request->status = record_step(request->agent, request->row, &stamped, reason);
	if (request->status == STORE_REFUSED) {
		request->status = STORE_OK;
		SAY(request, "%s (it is %s%s%s)", impossible, state_name(request->row->txn.state),
		    request->row->txn.result == RESULT_NONE ? "" : ", ",
		    request->row->txn.result == RESULT_NONE
			? ""
			: result_name(request->row->txn.result));
		return REPLY_REFUSED;
	}
	return request->status == STORE_OK ? REPLY_DONE : REPLY_LATER;
}

static void
write_result(struct request *request, const char *reason)
{
	struct agent *agent = request->agent;
	struct store_outcome outcome = {.result = request->row->txn.result, .reason = reason};

	if (request->status == STORE_OK)
		request->status =
		    store_result(agent->store, request->row->txn.id, &outcome, agent->now);
}

static enum reply_kind
cancel(struct request *request)
{
	struct txn_step step = {.event = EVENT_FINISH, .result = RESULT_CANCELED};
	char reason[300];
	enum reply_kind kind;

	(void)snprintf(reason, sizeof(reason), "canceled by %.60s%s%.200s", author_of(request),
	    text_of(request)[0] == '\0' ? "" : ": ", text_of(request));
	kind = step_row(request, &step, reason,
	    "it cannot be canceled: it is finished, or it may already have happened at the gateway");
	if (kind != REPLY_DONE)
		return kind;
	write_result(request, reason);
	SAY(request, "outbox row %" PRId64 " is canceled; it was never sent", request->row->txn.id);
	return REPLY_DONE;
}

/* A retry under the same key, or of what was never exposed, or on a person's word. */
static enum reply_kind
retry_checked(struct request *request, struct txn_step *step)
{
	const struct store_control *control = request->control;
	const struct txn *txn = &request->row->txn;
	bool keyed = txn->frozen && txn->kind == KIND_KEYED;

	step->new_key = control->key_mode != NULL && strcmp(control->key_mode, "new") == 0;
	step->checked = control->argument != NULL && strcmp(control->argument, "resubmit") == 0;
	if (!step->checked && txn_exposed(txn) && (!keyed || step->new_key)) {
		SAY(request,
		    "it may already have happened at the gateway: ask the gateway first, then say retry "
		    "--resubmit --i-checked-with-gateway TEXT");
		return REPLY_REFUSED;
	}
	if (step->checked && text_of(request)[0] == '\0') {
		SAY(request, "--resubmit needs --i-checked-with-gateway TEXT (column text): what the gateway said");
		return REPLY_REFUSED;
	}
	if (!step->checked && keyed && control->key_mode == NULL) {
		SAY(request, "say --same-key or --new-key (column key_mode: same or new)");
		return REPLY_REFUSED;
	}
	return REPLY_DONE;
}

/* The key window is the gateway's memory: beyond it the same key is a new request. */
static bool
key_is_forgotten(struct request *request)
{
	const struct txn *txn = &request->row->txn;
	const struct lane *lane = lane_find(request->agent, request->row->destination);

	return txn->frozen && lane != NULL && lane->settings != NULL &&
	    txn_key_is_late(
		txn, request->agent->now, txn_key_window_ms(lane->settings->key_retention_ms));
}

static enum reply_kind
retry(struct request *request)
{
	struct txn_step step = {.event = EVENT_RESUBMIT, .due_at = request->agent->now};
	bool was_done = request->row->txn.state == STATE_DONE;
	char reason[300];
	enum reply_kind kind = retry_checked(request, &step);

	if (kind != REPLY_DONE)
		return kind;
	if (!step.checked && key_is_forgotten(request)) {
		SAY(request,
		    "the gateway may have forgotten its key: ask the gateway first, then say retry "
		    "--resubmit --i-checked-with-gateway TEXT");
		return REPLY_REFUSED;
	}
	if (step.checked && request->control->key_mode == NULL)
		step.new_key = request->row->txn.frozen && request->row->txn.kind == KIND_KEYED;
	(void)snprintf(reason, sizeof(reason), "retried by %.60s%s%.200s", author_of(request),
	    text_of(request)[0] == '\0' ? "" : ": ", text_of(request));
	kind = step_row(request, &step, reason,
	    "only a held row or one whose result is unknown can be retried");
	if (kind != REPLY_DONE)
		return kind;
	if (!request->row->txn.frozen)
		request->status = store_thaw(request->agent->store, request->row->txn.id);
	if (request->status == STORE_OK && was_done)
		request->status =
		    store_result_withdrawn(request->agent->store, request->row->txn.id, reason);
	SAY(request, "outbox row %" PRId64 " will be sent again under %s", request->row->txn.id,
	    step.new_key ? "a new key" : "the same terms");
	return REPLY_DONE;
}

static enum reply_kind
resolve(struct request *request)
{
	struct txn_step step = {.event = EVENT_RESOLVE};
	int result = request->control->argument == NULL ? -1 : result_parse(request->control->argument);
	char reason[300];
	enum reply_kind kind;

	if (result != RESULT_SUCCEEDED && result != RESULT_FAILED && result != RESULT_CANCELED) {
		SAY(request, "say what happened: succeeded, failed or canceled (column argument)");
		return REPLY_REFUSED;
	}
	if (text_of(request)[0] == '\0') {
		SAY(request, "say why (column text): what the gateway told you");
		return REPLY_REFUSED;
	}
	step.result = (enum result)result;
	(void)snprintf(reason, sizeof(reason), "resolved by %.60s: %.200s", author_of(request),
	    text_of(request));
	kind = step_row(request, &step, reason,
	    "only a held or pending row, or one whose result is unknown, can be resolved");
	if (kind != REPLY_DONE)
		return kind;
	write_result(request, reason);
	SAY(request, "outbox row %" PRId64 " is %s", request->row->txn.id, result_name(step.result));
	return REPLY_DONE;
}

static enum reply_kind
hold_row(struct request *request)
{
	struct txn_step step = {.event = EVENT_HOLD, .hold = HOLD_OPERATOR};
	char reason[300];
	enum reply_kind kind;

	(void)snprintf(reason, sizeof(reason), "held by %.60s%s%.200s", author_of(request),
	    text_of(request)[0] == '\0' ? "" : ": ", text_of(request));
	kind = step_row(request, &step, reason, "it cannot be held");
	if (kind == REPLY_DONE)
		SAY(request, "outbox row %" PRId64 " is held", request->row->txn.id);
	return kind;
}

static enum reply_kind
release_row(struct request *request)
{
	struct txn_step step = {.event = EVENT_RELEASE};
	enum reply_kind kind = step_row(request, &step, NULL, "it is not held");

	if (kind == REPLY_DONE)
		SAY(request, "outbox row %" PRId64 " goes on", request->row->txn.id);
	return kind;
}

static enum reply_kind
hold_destination(struct request *request, struct lane *lane)
{
	char reason[300];

	(void)snprintf(reason, sizeof(reason), "held by %.60s%s%.200s", author_of(request),
	    text_of(request)[0] == '\0' ? "" : ": ", text_of(request));
	request->status = lane_hold(request->agent, lane, GATE_STOPPED, "operator", reason);
	SAY(request, "destination %.100s is held: nothing is sent to it", lane->name);
	return REPLY_DONE;
}

static enum reply_kind
release_destination(struct request *request, struct lane *lane)
{
	if (lane->cause[0] == '\0' && lane->gate.shut == GATE_OPEN) {
		SAY(request, "destination %.100s is not held", lane->name);
		return REPLY_REFUSED;
	}
	request->status = lane_release(request->agent, lane);
	SAY(request, "destination %.100s goes on", lane->name);
	return REPLY_DONE;
}

static enum reply_kind
confirm_clock(struct request *request)
{
	timeline_confirm(&request->agent->timeline, clock_wall_ms(), clock_boot_ms());
	request->agent->time_regained = true;
	SAY(request, "the clock of this machine is trusted again");
	return REPLY_DONE;
}

static enum reply_kind
adopt(struct request *request)
{
	const char *argument = request->control->argument;

	if (request->agent->mode != MODE_ADOPT) {
		SAY(request, "there is nothing to adopt: outboxd serves this database already");
		return REPLY_REFUSED;
	}
	request->status = ownership_adopt(request->agent,
	    argument != NULL && strcmp(argument, "resend") == 0, request->answer, ANSWER_SIZE);
	return REPLY_DONE;
}

static const struct {
	const char *name;
	enum reply_kind (*row)(struct request *);
	enum reply_kind (*destination)(struct request *, struct lane *);
	enum reply_kind (*whole)(struct request *);
} commands[] = {
    {"cancel", cancel, NULL, NULL},
    {"retry", retry, NULL, NULL},
    {"resolve", resolve, NULL, NULL},
    {"hold", hold_row, hold_destination, NULL},
    {"release", release_row, release_destination, NULL},
    {"adopt", NULL, NULL, adopt},
    {"clock", NULL, NULL, confirm_clock},
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static enum reply_kind
on_row(struct request *request, enum reply_kind (*handler)(struct request *))
{
	int64_t id = request->control->outbox_id;
	enum reply_kind kind;

	if (job_of_row(request->agent, id) != NULL)
		return REPLY_LATER; /* it is under way: answered as soon as that has ended */
	request->status = store_row(request->agent->store, id, &request->row);
	if (request->status == STORE_NOTHING) {
		request->status = STORE_OK;
		SAY(request, "there is no outbox row %" PRId64, id);
		return REPLY_REFUSED;
	}
	if (request->status != STORE_OK)
		return REPLY_LATER;
	kind = handler(request);
	store_row_free(request->row);
	request->row = NULL;
	return kind;
}

static enum reply_kind
on_destination(struct request *request, enum reply_kind (*handler)(struct request *, struct lane *))
{
	struct lane *lane = lane_find(request->agent, request->control->destination);

	if (lane != NULL)
		return handler(request, lane);
	SAY(request, "there is no destination %.100s in the configuration",
	    request->control->destination);
	return REPLY_REFUSED;
}

static enum reply_kind
dispatch(struct request *request)
{
	const struct store_control *control = request->control;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (control->command == NULL || strcmp(commands[i].name, control->command) != 0)
			continue;
		if (commands[i].whole != NULL)
			return commands[i].whole(request);
		if (request->agent->mode == MODE_ADOPT) {
			SAY(request, "this database must be adopted first: outboxd adopt --config FILE");
			return REPLY_REFUSED;
		}
		if (control->outbox_id != 0 && commands[i].row != NULL)
			return on_row(request, commands[i].row);
		if (control->destination != NULL && commands[i].destination != NULL)
			return on_destination(request, commands[i].destination);
		SAY(request, "%s needs %s", control->command,
		    commands[i].destination != NULL ? "outbox_id or destination" : "outbox_id");
		return REPLY_REFUSED;
	}
	SAY(request,
	    "unknown command; there are cancel, retry, resolve, hold, release, adopt and clock");
	return REPLY_REFUSED;
}

static enum store_status
answer_one(struct agent *agent, const struct store_control *control)
{
	struct request request = {.agent = agent, .control = control};
	enum reply_kind kind = dispatch(&request);

	if (request.status != STORE_OK)
		return request.status;
	if (kind == REPLY_LATER) {
		agent->deferred = true;
		return STORE_OK;
	}
	log_write(LOG_LEVEL_NOTICE, "control", LOG_NUMBER("request", control->id),
	    LOG_TEXT("command", control->command), LOG_NUMBER("id", control->outbox_id),
	    LOG_TEXT("destination", control->destination), LOG_TEXT("by", control->created_by),
	    LOG_TEXT("status", kind == REPLY_DONE ? "done" : "refused"),
	    LOG_TEXT("answer", request.answer));
	agent->look = true;
	return store_control_answer(
	    agent->store, control->id, kind == REPLY_DONE, request.answer, agent->now);
}

enum store_status
control_answer_all(struct agent *agent)
{
	struct store_control requests[REQUESTS_MAX] = {0};
	int count = store_control_open(agent->store, requests, REQUESTS_MAX);
	enum store_status status = count == -1 ? STORE_FULL : STORE_OK;

	agent->deferred = false;
	for (int i = 0; i < count; i++) {
		if (status == STORE_OK)
			status = answer_one(agent, &requests[i]);
		store_control_free(&requests[i]);
	}
	return status;
}
