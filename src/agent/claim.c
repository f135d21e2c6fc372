/*
 * claim.c - what is due and fits, per destination, so that one slow, dead or held gateway never delays another.
 */
#include "agent/parts.h"

#include <stdio.h>
#include <string.h>

#include "core/fetchurl.h"

static int64_t
give_up_at(const struct lane *lane, const struct destination *settings, const struct txn *txn)
{
	int64_t since =
	    txn->eligible_at > lane->usable_since ? txn->eligible_at : lane->usable_since;

	return since + settings->give_up_after_ms;
}

/* Puts the job's claim on disk. The job is the list's from here on. */
static enum store_status
commit_claim(struct agent *agent, struct job *job, const struct txn_step *step)
{
	struct txn after = job->row->txn;
	enum state from = job->row->txn.state;
	struct store_frozen frozen = {.method = job->method,
	    .url = job->url,
	    .key_header = job->key_header,
	    .key = job->key,
	    .own_key = job->key != NULL && job->key == job->row->own_key,
	    .hash = job->hash};
	enum store_status status;

	if (txn_apply(&after, step) == -1)
		return STORE_REFUSED;
	status = store_move(agent->store, from, &after, job->row->reason, job->row->fetch_url,
	    job->freezes ? &frozen : NULL);
	if (status != STORE_OK)
		return status;
	job->row->txn = after;
	if (after.id > agent->outbox_id_seen)
		agent->outbox_id_seen = after.id;
	job_add(&agent->claimed, job);
	gate_started(&job->lane->gate, job->phase, agent->boot);
	return STORE_OK;
}

/*
 * What can never be sent as it stands. A restored database may have sent it nevertheless, under other settings or before it was
 * written anew: a person looks.
 */
static enum store_status
end_invalid(struct agent *agent, struct store_row *row, const char *why)
{
	if (txn_exposed(&row->txn))
		return record_hold(agent, row, HOLD_RESTORED, why);
	return record_end(agent, row, RESULT_INVALID, why);
}

/* The unique index speaks: another row of this destination has this key. */
static enum store_status
key_is_taken(struct agent *agent, struct job *job)
{
	char why[160];
	int64_t owner = store_key_owner(agent->store, job->row->destination, job->key);

	if (owner == 0 || owner == job->row->txn.id)
		return STORE_REFUSED;
	job->row->txn.frozen = false;
	(void)snprintf(why, sizeof(why), "idempotency_key is already used by outbox row %lld",
	    (long long)owner);
	return end_invalid(agent, job->row, why);
}

/* One due row: claimed, or ended, or held. *claimed tells. */
static enum store_status
claim_submit(struct agent *agent, struct job *job, bool *claimed)
{
	struct txn_step step = {.event = EVENT_CLAIM, .now = agent->now};
	struct policy_facts facts = {.txn = &job->row->txn,
	    .phase = PHASE_SUBMIT,
	    .now = agent->now,
	    .now_trusted = agent->timeline.trusted,
	    .key_window_ms = txn_key_window_ms(job->settings->key_retention_ms),
	    .give_up_at = give_up_at(job->lane, job->settings, &job->row->txn)};
	char why[256] = "";
	const char *reason = NULL;
	enum hold_cause cause = HOLD_NONE;
	enum result result;
	enum store_status status;

	*claimed = false;
	switch (intake_prepare(agent, job, why, sizeof(why), &cause)) {
	case INTAKE_INVALID:
		return end_invalid(agent, job->row, why);
	case INTAKE_HELD:
		return record_hold(agent, job->row, cause, why);
	case INTAKE_LATER:
		return STORE_FULL;
	case INTAKE_READY:
		break;
	}
	if (policy_before_claim(&facts, &result, &reason) != 0)
		return record_end(agent, job->row, result, reason);
	status = commit_claim(agent, job, &step);
	if (status == STORE_REFUSED && job->freezes && job->key != NULL)
		return key_is_taken(agent, job);
	*claimed = status == STORE_OK;
	return status;
}

/* The stored fetch URL is admitted anew each time: configuration may have changed. */
static bool
fetch_is_admitted(struct job *job, const char **why)
{
	struct fetchurl_policy policy = {.submit_url = job->row->url,
	    .path_prefix = job->settings->profile->fetch_prefix,
	    .origins = job->settings->fetch_origins,
	    .origin_count = job->settings->fetch_origin_count};
	char *url = NULL;
	bool admitted =
	    fetchurl_resolve(&policy, job->row->fetch_url, &url, why) == FETCHURL_ADMITTED;

	if (admitted)
		job->own_url = url;
	return admitted;
}

static enum store_status
claim_poll(struct agent *agent, struct job *job, bool *claimed)
{
	struct txn_step step = {.event = EVENT_POLL, .now = agent->now};
	const char *why = NULL;
	char reason[256];
	enum store_status status;

	*claimed = false;
	job->operation = profile_operation(job->settings->profile, job->row->operation);
	if (job->operation == NULL) {
		(void)snprintf(reason, sizeof(reason), "profile %s has no operation %.60s",
		    job->settings->profile->name, job->row->operation);
		return record_hold(agent, job->row, HOLD_CONFIGURATION, reason);
	}
	if (!fetch_is_admitted(job, &why)) {
		(void)snprintf(
		    reason, sizeof(reason), "the fetch URL was not contacted: %s", why == NULL ? "" : why);
		return record_hold(agent, job->row, HOLD_FETCH_URL, reason);
	}
	job->method = "GET";
	job->url = job->own_url;
	status = commit_claim(agent, job, &step);
	*claimed = status == STORE_OK;
	return status;
}

/*
 * A row that cannot be written as it should be is held, so that the others go on; if even that fails, its destination
 * pauses.
 */
static enum store_status
isolate(struct agent *agent, struct job *job, enum store_status status)
{
	char what[256];

	if (status != STORE_REFUSED && status != STORE_CONFIG)
		return status;
	(void)snprintf(what, sizeof(what), "outbox row %lld cannot be written: %.180s",
	    (long long)job->row->txn.id, store_error(agent->store));
	if (record_hold(agent, job->row, HOLD_FROZEN, what) != STORE_OK)
		gate_slow(&job->lane->gate, agent->boot + ISOLATE_MS);
	return STORE_OK;
}

/* Claims up to `slots` rows of one state. *slots is what is left. */
static enum store_status
claim_state(struct agent *agent, struct lane *lane, enum state state, int *slots)
{
	enum phase phase = state == STATE_PENDING ? PHASE_POLL : PHASE_SUBMIT;
	size_t limit = *slots < (int)CLAIM_MAX ? (size_t)*slots : CLAIM_MAX;
	struct store_rows rows;
	enum store_status status = store_due(agent->store, lane->name, state, agent->now,
	    phase == PHASE_POLL || agent->timeline.trusted, limit, &rows);

	if (status != STORE_OK)
		return status;
	for (size_t i = 0; status == STORE_OK && i < rows.count; i++) {
		struct job *job = job_new(agent, lane, phase);
		bool claimed = false;

		if (job == NULL) {
			status = STORE_FULL;
			break;
		}
		job->row = rows.row[i];
		rows.row[i] = NULL;
		status = store_row_begin(agent->store);
		if (status == STORE_OK) {
			enum store_status written = phase == PHASE_POLL ? claim_poll(agent, job, &claimed)
									: claim_submit(agent, job, &claimed);

			status = store_row_end(agent->store, written == STORE_OK);
			if (status == STORE_OK)
				status = isolate(agent, job, written);
		}
		if (claimed)
			(*slots)--;
		else
			job_free(agent, job);
	}
	if (rows.count == limit && *slots > 0)
		agent->more = true; /* some ended without using their slot */
	store_rows_free(&rows);
	return status;
}

/* Fresh rows and repeated ones share the slots: neither starves. */
static enum store_status
claim_submits(struct agent *agent, struct lane *lane)
{
	int slots = gate_submit_slots(&lane->gate, agent->boot);
	int first = (slots + 1) / 2;
	int rest = slots - first;
	enum store_status status;

	if (slots == 0 || lane_probes_by_login(lane))
		return STORE_OK;
	status = claim_state(agent, lane, STATE_RETRY, &first);
	slots = first + rest;
	if (status == STORE_OK && slots > 0)
		status = claim_state(agent, lane, STATE_QUEUED, &slots);
	if (status == STORE_OK && slots > 0)
		status = claim_state(agent, lane, STATE_RETRY, &slots);
	return status;
}

static enum store_status
claim_polls(struct agent *agent, struct lane *lane)
{
	int slots = gate_poll_slots(&lane->gate, agent->boot);

	return slots == 0 ? STORE_OK : claim_state(agent, lane, STATE_PENDING, &slots);
}

enum store_status
claim_due(struct agent *agent)
{
	enum store_status status = STORE_OK;

	for (struct lane *lane = agent->lanes; lane != NULL && status == STORE_OK; lane = lane->next) {
		if (lane->settings == NULL || !lane_ready(agent, lane))
			continue;
		status = claim_polls(agent, lane);
		if (status == STORE_OK)
			status = claim_submits(agent, lane);
	}
	return status;
}

/* --- rows that move without being sent --- */

/* Only a clean success of the parent releases a child. */
static enum store_status
settle_child(struct agent *agent, struct store_row *row)
{
	struct txn_step step = {.event = EVENT_PARENT_SUCCEEDED, .now = agent->now, .due_at = 0};
	struct store_parent parent;
	enum store_status status = store_parent(agent->store, row->after_id, &parent);
	char why[128];

	if (status != STORE_OK && status != STORE_NOTHING)
		return status;
	if (status == STORE_NOTHING)
		return record_end(agent, row, RESULT_CANCELED, "the row that it waits for does not exist");
	if (parent.state != STATE_DONE || parent.result == RESULT_UNKNOWN ||
	    (parent.result == RESULT_SUCCEEDED && parent.action_required))
		return store_sleep_child(agent->store, row->txn.id);
	if (parent.result == RESULT_SUCCEEDED) {
		if (row->txn.eligible_at > agent->now)
			step.due_at = row->txn.eligible_at; /* not_before */
		agent->more = true;
		return record_step(agent, row, &step, NULL);
	}
	(void)snprintf(why, sizeof(why), "outbox row %lld, which it waits for, ended as %s",
	    (long long)row->after_id, result_name(parent.result));
	return record_end(agent, row, RESULT_CANCELED, why);
}

static enum store_status
settle_children(struct agent *agent, const char *destination)
{
	struct store_rows rows;
	enum store_status status = store_due(
	    agent->store, destination, STATE_BLOCKED, agent->now, true, SWEEP_MAX, &rows);

	if (status != STORE_OK)
		return status;
	if (rows.count == SWEEP_MAX)
		agent->more = true;
	for (size_t i = 0; status == STORE_OK && i < rows.count; i++)
		status = settle_child(agent, rows.row[i]);
	store_rows_free(&rows);
	return status;
}

/* Rows of one state of a destination that nobody configured. */
static enum store_status
hold_unconfigured(struct agent *agent, const char *destination, enum state state)
{
	int64_t ids[SWEEP_MAX];
	int count = store_ids_in_state(agent->store, destination, state, 0, ids, SWEEP_MAX);
	enum store_status status = count == -1 ? STORE_FULL : STORE_OK;
	char why[256];

	if (count == SWEEP_MAX)
		agent->more = true;
	(void)snprintf(why, sizeof(why), "destination %.60s is not in the configuration", destination);
	for (int i = 0; status == STORE_OK && i < count; i++) {
		struct store_row *row;

		if (job_of_row(agent, ids[i]) != NULL)
			continue;
		status = store_row(agent->store, ids[i], &row);
		if (status != STORE_OK)
			break;
		status = record_hold(agent, row, HOLD_CONFIGURATION, why);
		store_row_free(row);
	}
	return status;
}

static enum store_status
settle_destination(struct agent *agent, const char *destination)
{
	const struct lane *lane = lane_find(agent, destination);
	enum store_status status = settle_children(agent, destination);

	if (lane != NULL && lane->settings != NULL)
		return status;
	if (status == STORE_OK)
		status = hold_unconfigured(agent, destination, STATE_QUEUED);
	if (status == STORE_OK)
		status = hold_unconfigured(agent, destination, STATE_RETRY);
	if (status == STORE_OK)
		status = hold_unconfigured(agent, destination, STATE_PENDING);
	return status;
}

static enum store_status
expire(struct agent *agent)
{
	int64_t ids[SWEEP_MAX];
	int count;
	enum store_status status = STORE_OK;

	if (!agent->timeline.trusted)
		return STORE_OK;
	count = store_ids_past_deadline(agent->store, agent->now, ids, SWEEP_MAX);
	if (count == SWEEP_MAX)
		agent->more = true;
	for (int i = 0; status == STORE_OK && i < count; i++) {
		struct store_row *row;

		status = store_row(agent->store, ids[i], &row);
		if (status != STORE_OK)
			break;
		status = record_end(
		    agent, row, RESULT_EXPIRED, "expires_at passed before it could be sent");
		store_row_free(row);
	}
	return count == -1 ? STORE_FULL : status;
}

/* Rows that wait too long behind a shut breaker: the oldest due ones of each destination that is not held. */
static enum store_status
give_up(struct agent *agent, struct lane *lane)
{
	static const enum state states[] = {STATE_QUEUED, STATE_RETRY};
	enum store_status status = STORE_OK;

	for (size_t s = 0; status == STORE_OK && s < 2; s++) {
		struct store_rows rows;

		status = store_due(agent->store, lane->name, states[s], agent->now,
		    agent->timeline.trusted, SWEEP_MAX / 4, &rows);
		for (size_t i = 0; status == STORE_OK && i < rows.count; i++) {
			struct store_row *row = rows.row[i];

			if (agent->now < give_up_at(lane, lane->settings, &row->txn))
				continue;
			status = record_end(agent, row,
			    txn_exposed(&row->txn) ? RESULT_UNKNOWN : RESULT_EXPIRED,
			    "give_up_after passed");
		}
		store_rows_free(&rows);
	}
	return status;
}

static enum store_status
settle_all(struct agent *agent)
{
	char name[256] = "";
	const char *next;
	enum store_status status = STORE_OK;

	while (status == STORE_OK && (next = store_next_destination(agent->store, name)) != NULL) {
		(void)snprintf(name, sizeof(name), "%s", next);
		status = settle_destination(agent, name);
	}
	return status;
}

static enum store_status
sweep(struct agent *agent)
{
	enum store_status status = expire(agent);

	for (struct lane *lane = agent->lanes; lane != NULL && status == STORE_OK; lane = lane->next)
		if (lane->settings != NULL && lane->gate.shut == GATE_BREAKER && agent->timeline.trusted)
			status = give_up(agent, lane);
	return status;
}

enum store_status
claim_settle(struct agent *agent)
{
	enum store_status status = STORE_OK;

	if (agent->settle) {
		agent->settle = false;
		status = settle_all(agent);
	}
	if (status == STORE_OK && agent->boot >= agent->swept_at + SWEEP_MS) {
		agent->swept_at = agent->boot;
		status = sweep(agent);
	}
	return status;
}

enum store_status
claim_bring_forward(struct agent *agent)
{
	enum store_status status = STORE_OK;

	for (struct lane *lane = agent->lanes; lane != NULL && status == STORE_OK; lane = lane->next) {
		status = store_bring_forward(
		    agent->store, lane->name, agent->now + RETRY_AFTER_MAX_MS);
		if (status == STORE_OK && lane->settings != NULL)
			status = store_shorten_polling(
			    agent->store, lane->name, agent->now + lane->settings->poll_deadline_ms);
	}
	return status;
}

/* --- is there anything to do? --- */

static void
sooner(int64_t *wake_at, int64_t at)
{
	if (at != TIME_NONE && (*wake_at == TIME_NONE || at < *wake_at))
		*wake_at = at;
}

/* Is the first row of this state due? Else notes when. */
static bool
is_due(struct agent *agent, const struct lane *lane, enum state state, int64_t *wake_at)
{
	int64_t due_at;
	bool exposed_too = state == STATE_PENDING || state == STATE_BLOCKED || agent->timeline.trusted;

	if (store_next_due(agent->store, lane->name, state, exposed_too, &due_at) != STORE_OK ||
	    due_at == TIME_NONE)
		return false;
	if (due_at <= agent->now)
		return true;
	sooner(wake_at, agent->boot + (due_at - agent->now));
	return false;
}

/* Does this destination have rows in one of the states that nobody will claim? */
static bool
has_rows(struct agent *agent, const char *destination)
{
	static const enum state states[] = {STATE_QUEUED, STATE_RETRY, STATE_PENDING};
	int64_t id;

	for (size_t i = 0; i < 3; i++)
		if (store_ids_in_state(agent->store, destination, states[i], 0, &id, 1) > 0)
			return true;
	return false;
}

bool
claim_unsettled(struct agent *agent)
{
	char name[256] = "";
	const char *next;

	while (!agent->settle && (next = store_next_destination(agent->store, name)) != NULL) {
		const struct lane *lane;
		int64_t due_at;

		(void)snprintf(name, sizeof(name), "%s", next);
		lane = lane_find(agent, name);
		if ((lane == NULL || lane->settings == NULL) && has_rows(agent, name))
			agent->settle = true;
		if (store_next_due(agent->store, name, STATE_BLOCKED, true, &due_at) == STORE_OK &&
		    due_at != TIME_NONE && due_at <= agent->now)
			agent->settle = true;
	}
	return agent->settle;
}

static bool
lane_wanted(struct agent *agent, struct lane *lane, int64_t *wake_at)
{
	bool submit = gate_submit_slots(&lane->gate, agent->boot) > 0;
	bool poll = gate_poll_slots(&lane->gate, agent->boot) > 0;
	bool due;

	if (is_due(agent, lane, STATE_BLOCKED, wake_at))
		agent->settle = true;
	sooner(wake_at, gate_wake_at(&lane->gate, agent->boot));
	due = submit && is_due(agent, lane, STATE_QUEUED, wake_at);
	due = (submit && is_due(agent, lane, STATE_RETRY, wake_at)) || due;
	if (due && lane_probes_by_login(lane)) {
		lane_login(agent, lane);
		due = false;
	}
	due = (poll && is_due(agent, lane, STATE_PENDING, wake_at)) || due;
	if (!due || lane_ready(agent, lane))
		return due;
	/* Nothing is claimed without a session in hand. */
	lane_login(agent, lane);
	if (!lane->session.logging_in)
		sooner(wake_at, lane->session.login_at);
	return false;
}

bool
claim_wanted(struct agent *agent, int64_t *wake_at)
{
	bool wanted = false;
	int64_t deadline_at;

	for (struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
		if (lane->settings != NULL && lane_wanted(agent, lane, wake_at))
			wanted = true;
	wanted = wanted || agent->settle;
	if (agent->timeline.trusted &&
	    store_next_deadline(agent->store, &deadline_at) == STORE_OK && deadline_at != TIME_NONE) {
		int64_t at = agent->boot + (deadline_at > agent->now ? deadline_at - agent->now : 0);
		int64_t sweep_at = agent->swept_at + SWEEP_MS;

		if (at < sweep_at)
			at = sweep_at;
		if (at <= agent->boot)
			wanted = true;
		sooner(wake_at, at);
	}
	return wanted;
}
