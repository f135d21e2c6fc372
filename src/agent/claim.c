/*
 * claim.c - what is due and fits, per destination, so that one slow, dead or held gateway never
 * delays another.
 */
#include "agent/parts.h"

#include <stdio.h>
#include <string.h>

#include "core/fetchurl.h"

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
 * What can never be sent as it stands. A restored database may have sent it nevertheless, under
 * other settings or before it was written anew: a person looks.
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
	    .give_up_at = lane_give_up_at(job->lane, job->settings, &job->row->txn)};
	const char *reason = NULL;
	enum result result;
	enum store_status status;

	switch (job->intake) {
	case INTAKE_INVALID:
		return end_invalid(agent, job->row, job->reason);
	case INTAKE_HELD:
		return record_hold(agent, job->row, job->intake_cause, job->reason);
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

	job->operation = profile_operation(job->settings->profile, job->row->operation);
	if (job->operation == NULL) {
		(void)snprintf(reason, sizeof(reason), "profile %s has no operation %.60s",
		    job->settings->profile->name, job->row->operation);
		return record_hold(agent, job->row, HOLD_CONFIGURATION, reason);
	}
	if (!fetch_is_admitted(job, &why)) {
		(void)snprintf(reason, sizeof(reason), "the fetch URL was not contacted: %s",
		    why == NULL ? "" : why);
		return record_hold(agent, job->row, HOLD_FETCH_URL, reason);
	}
	job->method = "GET";
	job->url = job->own_url;
	status = commit_claim(agent, job, &step);
	*claimed = status == STORE_OK;
	return status;
}

/* --- before the transaction --- */

/* Reads up to `slots` due rows of one state and makes their requests. *slots is what is left. */
static enum store_status
prepare_state(struct agent *agent, struct lane *lane, enum state state, int *slots)
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

		if (job == NULL) {
			status = STORE_FULL;
			break;
		}
		job->row = rows.row[i];
		rows.row[i] = NULL;
		if (phase == PHASE_SUBMIT)
			job->intake = intake_prepare(
			    agent, job, job->reason, sizeof(job->reason), &job->intake_cause);
		job_add(&agent->prepared, job);
		(*slots)--;
	}
	if (rows.count == limit && *slots > 0)
		agent->more = true; /* more than one turn takes */
	store_rows_free(&rows);
	return status;
}

/* Fresh rows and repeated ones share the slots: neither starves. */
static enum store_status
prepare_submits(struct agent *agent, struct lane *lane, int slots)
{
	int first = (slots + 1) / 2;
	int rest = slots - first;
	enum store_status status;

	if (slots == 0 || lane_probes_by_login(lane))
		return STORE_OK;
	status = prepare_state(agent, lane, STATE_RETRY, &first);
	if (status == STORE_OK && first > 0) { /* no repeated ones are left */
		rest += first;
		return rest > 0 ? prepare_state(agent, lane, STATE_QUEUED, &rest) : status;
	}
	if (status == STORE_OK && rest > 0)
		status = prepare_state(agent, lane, STATE_QUEUED, &rest);
	if (rest > 0)
		agent->more = true; /* for the repeated ones, in the next turn */
	return status;
}

enum store_status
claim_prepare(struct agent *agent)
{
	enum store_status status = STORE_OK;

	for (struct lane *lane = agent->lanes; lane != NULL && status == STORE_OK;
	     lane = lane->next) {
		/* What has landed leaves its slot in this very transaction. */
		struct gate gate = lane->gate;
		int slots;

		if (lane->settings == NULL || !lane_ready(agent, lane))
			continue;
		gate.polls -= lane->landed_polls;
		gate.submits -= lane->landed_submits;
		slots = gate_poll_slots(&gate, agent->boot);
		if (slots > 0)
			status = prepare_state(agent, lane, STATE_PENDING, &slots);
		if (status == STORE_OK)
			status =
			    prepare_submits(agent, lane, gate_submit_slots(&gate, agent->boot));
	}
	return status;
}

/* --- in the transaction --- */

/* What was recorded since may have held the destination, taken its session, or slowed it down. */
static bool
still_fits(struct agent *agent, struct job *job)
{
	struct lane *lane = job->lane;

	if (!lane_ready(agent, lane))
		return false;
	if (job->phase == PHASE_POLL)
		return gate_poll_slots(&lane->gate, agent->boot) > 0;
	return !lane_probes_by_login(lane) && gate_submit_slots(&lane->gate, agent->boot) > 0;
}

static enum store_status
claim_prepared(struct agent *agent, struct job *job)
{
	bool claimed = false;
	enum store_status status = transaction_row_begin(agent);

	if (status == STORE_OK) {
		enum store_status written = job->phase == PHASE_POLL
						? claim_poll(agent, job, &claimed)
						: claim_submit(agent, job, &claimed);

		status = transaction_row_end(agent, written);
		if (status == STORE_OK)
			status = transaction_isolate(agent, job->row, written);
	}
	if (!claimed) {
		job_free(agent, job);
		agent->more = true; /* its slot is free */
	}
	return status;
}

enum store_status
claim_due(struct agent *agent)
{
	enum store_status status = STORE_OK;

	while (status == STORE_OK && agent->prepared.first != NULL) {
		struct job *job = agent->prepared.first;

		job_remove(&agent->prepared, job);
		if (still_fits(agent, job))
			status = claim_prepared(agent, job);
		else
			job_free(agent, job);
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
	bool exposed_too =
	    state == STATE_PENDING || state == STATE_BLOCKED || agent->timeline.trusted;

	if (store_next_due(agent->store, lane->name, state, exposed_too, &due_at) != STORE_OK ||
	    due_at == TIME_NONE)
		return false;
	if (due_at <= agent->now)
		return true;
	sooner(wake_at, agent->boot + (due_at - agent->now));
	return false;
}

static bool
lane_wanted(struct agent *agent, struct lane *lane, int64_t *wake_at)
{
	bool submit = gate_submit_slots(&lane->gate, agent->boot) > 0;
	bool poll = gate_poll_slots(&lane->gate, agent->boot) > 0;
	bool due;

	if (is_due(agent, lane, STATE_BLOCKED, wake_at))
		agent->settle = true;
	if (!submit || !poll) /* else what is due is claimed now */
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
	/* A login that is due and did not start waits for the next probe, which gate_wake_at() has
	 * told: not a reason to spin. */
	if (!lane->session.logging_in && lane->session.login_at > agent->boot)
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
	    store_next_deadline(agent->store, &deadline_at) == STORE_OK &&
	    deadline_at != TIME_NONE) {
		int64_t at =
		    agent->boot + (deadline_at > agent->now ? deadline_at - agent->now : 0);
		int64_t sweep_at = agent->swept_at + SWEEP_MS;

		if (at < sweep_at)
			at = sweep_at;
		if (at <= agent->boot)
			wanted = true;
		sooner(wake_at, at);
	}
	return wanted;
}
