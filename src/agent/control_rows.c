/*
 * control_rows.c - an operator's word on one row.
 */
#include "agent/control_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *
control_text(const struct request *request)
{
	const char *text = request->control->text;

	return text == NULL ? "" : text;
}

const char *
control_author(const struct request *request)
{
	const char *author = request->control->created_by;

	return author == NULL || author[0] == '\0' ? "the operator" : author;
}

/* Applies a step to the row; a step that the state does not allow is refused in words. */
static enum reply_kind
step_row(struct request *request, const struct txn_step *step, const char *reason,
    const char *impossible)
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
	const struct txn *txn = &request->row->txn;
	struct store_outcome outcome = {.result = txn->result, .reason = reason};
	struct lane *lane = lane_find(agent, request->row->destination);

	if (request->status == STORE_OK)
		request->status = store_result(agent->store, txn->id, &outcome, agent->now);
	if (request->status == STORE_OK && lane != NULL)
		request->status = record_erase(agent, lane->settings, txn);
	if (request->status == STORE_OK && lane != NULL)
		metrics_count_result(&lane->metrics, txn->result, agent->now - txn->eligible_at);
}

enum reply_kind
control_cancel(struct request *request)
{
	struct txn_step step = {.event = EVENT_FINISH, .result = RESULT_CANCELED};
	char reason[300];
	enum reply_kind kind;

	(void)snprintf(reason, sizeof(reason), "canceled by %.60s%s%.200s", control_author(request),
	    control_text(request)[0] == '\0' ? "" : ": ", control_text(request));
	kind = step_row(request, &step, reason,
	    "it cannot be canceled: it is finished, or it may already have happened at the "
	    "gateway");
	if (kind != REPLY_DONE)
		return kind;
	write_result(request, reason);
	SAY(request, "outbox row %" PRId64 " is canceled; it was never sent", request->row->txn.id);
	return REPLY_DONE;
}

static const char not_to_be_retried[] =
    "only a held row or one whose result is unknown can be retried";

/* Before anything is asked about keys: for most rows that is not the question. */
static bool
can_be_retried(struct request *request)
{
	const struct txn *txn = &request->row->txn;

	if (txn->state == STATE_HELD && txn->resume_state == STATE_BLOCKED) {
		SAY(request,
		    "it waits for outbox row %" PRId64
		    ", which has not succeeded: settle that one, then release this one",
		    request->row->after_id);
		return false;
	}
	if (txn->state == STATE_HELD || (txn->state == STATE_DONE && txn->result == RESULT_UNKNOWN))
		return true;
	SAY(request, "%s (it is %s%s%s)", not_to_be_retried, state_name(txn->state),
	    txn->result == RESULT_NONE ? "" : ", ",
	    txn->result == RESULT_NONE ? "" : result_name(txn->result));
	return false;
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
		SAY(request, "it may already have happened at the gateway: ask the gateway first, "
			     "then say retry "
			     "--resubmit --i-checked-with-gateway TEXT");
		return REPLY_REFUSED;
	}
	if (step->checked && control_text(request)[0] == '\0') {
		SAY(request, "--resubmit needs --i-checked-with-gateway TEXT (column text): what "
			     "the gateway said");
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

/* A backup from before this does not know of it: the witness must. */
static enum store_status
count_new_key(struct agent *agent)
{
	int64_t count = 0;
	enum store_status status = ownership_new_keys(agent, &count);

	if (status != STORE_OK)
		return status;
	if (++count > agent->new_keys_seen)
		agent->new_keys_seen = count;
	return store_meta_set_integer(agent->store, "new_keys", count);
}

enum reply_kind
control_retry(struct request *request)
{
	struct txn_step step = {.event = EVENT_RESUBMIT, .due_at = request->agent->now};
	bool was_done = request->row->txn.state == STATE_DONE;
	char reason[300];
	enum reply_kind kind =
	    can_be_retried(request) ? retry_checked(request, &step) : REPLY_REFUSED;

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
	(void)snprintf(reason, sizeof(reason), "retried by %.60s%s%.200s", control_author(request),
	    control_text(request)[0] == '\0' ? "" : ": ", control_text(request));
	kind = step_row(request, &step, reason, not_to_be_retried);
	if (kind != REPLY_DONE)
		return kind;
	if (!request->row->txn.frozen)
		request->status = store_thaw(request->agent->store, request->row->txn.id);
	if (request->status == STORE_OK && was_done)
		request->status =
		    store_result_withdrawn(request->agent->store, request->row->txn.id, reason);
	if (request->status == STORE_OK && step.new_key)
		request->status = count_new_key(request->agent);
	SAY(request, "outbox row %" PRId64 " will be sent again under %s", request->row->txn.id,
	    step.new_key ? "a new key" : "the same terms");
	return REPLY_DONE;
}

enum reply_kind
control_resolve(struct request *request)
{
	struct txn_step step = {.event = EVENT_RESOLVE};
	int result =
	    request->control->argument == NULL ? -1 : result_parse(request->control->argument);
	char reason[300];
	enum reply_kind kind;

	if (result != RESULT_SUCCEEDED && result != RESULT_FAILED && result != RESULT_CANCELED) {
		SAY(request, "say what happened: succeeded, failed or canceled (column argument)");
		return REPLY_REFUSED;
	}
	if (control_text(request)[0] == '\0') {
		SAY(request, "say why (--text, column text): what the gateway told you");
		return REPLY_REFUSED;
	}
	step.result = (enum result)result;
	(void)snprintf(reason, sizeof(reason), "resolved by %.60s: %.200s", control_author(request),
	    control_text(request));
	kind = step_row(request, &step, reason,
	    "only a held or pending row, or one whose result is unknown, can be resolved");
	if (kind != REPLY_DONE)
		return kind;
	write_result(request, reason);
	SAY(request, "outbox row %" PRId64 " is %s", request->row->txn.id,
	    result_name(step.result));
	return REPLY_DONE;
}

enum reply_kind
control_hold(struct request *request)
{
	struct txn_step step = {.event = EVENT_HOLD, .hold = HOLD_OPERATOR};
	char reason[300];
	enum reply_kind kind;

	(void)snprintf(reason, sizeof(reason), "held by %.60s%s%.200s", control_author(request),
	    control_text(request)[0] == '\0' ? "" : ": ", control_text(request));
	kind = step_row(request, &step, reason, "it cannot be held");
	if (kind == REPLY_DONE)
		SAY(request, "outbox row %" PRId64 " is held", request->row->txn.id);
	return kind;
}

static bool
is_configured(struct request *request)
{
	const struct lane *lane = lane_find(request->agent, request->row->destination);

	return lane != NULL && lane->settings != NULL &&
	       profile_operation(lane->settings->profile, request->row->operation) != NULL;
}

enum reply_kind
control_release(struct request *request)
{
	struct txn_step step = {.event = EVENT_RELEASE};
	enum reply_kind kind;

	/* It would be held again at once. */
	if (request->row->txn.state == STATE_HELD && !is_configured(request)) {
		SAY(request,
		    "the configuration has no operation %.100s of a destination %.100s: add it and "
		    "reload first, or cancel the row",
		    request->row->operation, request->row->destination);
		return REPLY_REFUSED;
	}
	kind = step_row(request, &step, NULL, "it is not held");
	if (kind == REPLY_DONE)
		SAY(request, "outbox row %" PRId64 " goes on", request->row->txn.id);
	return kind;
}
