/*
 * settle.c - rows that move without being sent: children whose parent has ended, rows past
 * expires_at, destinations that nobody configured, and what waits too long behind a shut breaker.
 */
#include "agent/parts.h"

#include <stdio.h>
#include <string.h>

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
		return record_end(
		    agent, row, RESULT_CANCELED, "the row that it waits for does not exist");
	if (parent.state != STATE_DONE || parent.result == RESULT_UNKNOWN ||
	    (parent.result == RESULT_SUCCEEDED && parent.action_required))
		return store_sleep_child(agent->store, row->txn.id);
	if (parent.result == RESULT_SUCCEEDED) {
		if (txn_resumes_at(&row->txn, agent->now) > agent->now)
			step.due_at = txn_resumes_at(&row->txn, agent->now);
		agent->more = true;
		return record_step(agent, row, &step, NULL);
	}
	(void)snprintf(why, sizeof(why), "outbox row %lld, which it waits for, ended as %s",
	    (long long)row->after_id, result_name(parent.result));
	return record_end(agent, row, RESULT_CANCELED, why);
}

/* Behind transaction_row_begin(): a row that cannot be moved must not keep the others from moving.
 */
static enum store_status
end_of_row(struct agent *agent, struct store_row *row, enum store_status written)
{
	enum store_status status = transaction_row_end(agent, written);

	return status == STORE_OK ? transaction_isolate(agent, row, written) : status;
}

static enum store_status
settle_children(struct agent *agent, const char *destination)
{
	struct store_rows rows;
	enum store_status status =
	    store_due(agent->store, destination, STATE_BLOCKED, agent->now, true, SWEEP_MAX, &rows);

	if (status != STORE_OK)
		return status;
	if (rows.count == SWEEP_MAX)
		agent->more = true;
	for (size_t i = 0; status == STORE_OK && i < rows.count; i++) {
		status = transaction_row_begin(agent);
		if (status == STORE_OK)
			status = end_of_row(agent, rows.row[i], settle_child(agent, rows.row[i]));
	}
	store_rows_free(&rows);
	return status;
}

/* Rows of one state of a destination that nobody configured. */
static enum store_status
hold_unconfigured(struct agent *agent, const char *destination, enum state state)
{
	int64_t ids[SWEEP_MAX];
	int count =
	    store_ids_in_state(agent->store, destination, state, STORE_BEFORE_ALL, ids, SWEEP_MAX);
	enum store_status status = count == -1 ? STORE_FULL : STORE_OK;
	char why[256];

	if (count == SWEEP_MAX)
		agent->more = true;
	(void)snprintf(
	    why, sizeof(why), "destination %.60s is not in the configuration", destination);
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
		status = transaction_row_begin(agent);
		if (status == STORE_OK)
			status = end_of_row(agent, row,
			    record_end(agent, row, RESULT_EXPIRED,
				"expires_at passed before it could be sent"));
		store_row_free(row);
	}
	return count == -1 ? STORE_FULL : status;
}

/* Rows that wait too long behind a shut breaker: the oldest due ones of each destination that is
 * not held. */
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

			if (agent->now < lane_give_up_at(lane, lane->settings, &row->txn))
				continue;
			status = transaction_row_begin(agent);
			if (status == STORE_OK)
				status = end_of_row(agent, row,
				    record_end(agent, row,
					txn_exposed(&row->txn) ? RESULT_UNKNOWN : RESULT_EXPIRED,
					"give_up_after passed"));
		}
		store_rows_free(&rows);
	}
	return status;
}

static enum store_status
settle_all(struct agent *agent)
{
	char name[256] = "";
	enum store_status next = STORE_OK;
	enum store_status status = STORE_OK;

	while (
	    status == STORE_OK && (next = store_next_destination(agent->store, name)) == STORE_OK)
		status = settle_destination(agent, name);
	return status == STORE_OK && next != STORE_NOTHING ? next : status;
}

static enum store_status
sweep(struct agent *agent)
{
	enum store_status status = expire(agent);

	for (struct lane *lane = agent->lanes; lane != NULL && status == STORE_OK;
	     lane = lane->next)
		if (lane->settings != NULL && lane->gate.shut == GATE_BREAKER &&
		    agent->timeline.trusted)
			status = give_up(agent, lane);
	return status;
}

enum store_status
settle_rows(struct agent *agent)
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
settle_bring_forward(struct agent *agent)
{
	enum store_status status = STORE_OK;

	for (struct lane *lane = agent->lanes; lane != NULL && status == STORE_OK;
	     lane = lane->next) {
		status =
		    store_bring_forward(agent->store, lane->name, agent->now + RETRY_AFTER_MAX_MS);
		if (status == STORE_OK && lane->settings != NULL)
			status = store_shorten_polling(agent->store, lane->name,
			    agent->now + lane->settings->poll_deadline_ms);
	}
	return status;
}

/* Does this destination have rows in one of the states that nobody will claim? */
static bool
has_rows(struct agent *agent, const char *destination)
{
	static const enum state states[] = {STATE_QUEUED, STATE_RETRY, STATE_PENDING};
	int64_t due_at;

	/* A poll under way has no time: it is held when it has ended, and until then not a reason
	 * to look again and again. */
	for (size_t i = 0; i < 3; i++)
		if (store_next_due(agent->store, destination, states[i], true, &due_at) ==
			STORE_OK &&
		    due_at != TIME_NONE)
			return true;
	return false;
}

bool
settle_needed(struct agent *agent)
{
	char name[256] = "";
	enum store_status next = STORE_OK;

	while (!agent->settle && (next = store_next_destination(agent->store, name)) == STORE_OK) {
		const struct lane *lane = lane_find(agent, name);
		int64_t due_at;

		if ((lane == NULL || lane->settings == NULL) && has_rows(agent, name))
			agent->settle = true;
		if (store_next_due(agent->store, name, STATE_BLOCKED, true, &due_at) == STORE_OK &&
		    due_at != TIME_NONE && due_at <= agent->now)
			agent->settle = true;
	}
	/* What cannot be read may be needed: the transaction that looks is repeated until it can.
	 */
	if (next != STORE_OK && next != STORE_NOTHING)
		agent->settle = true;
	return agent->settle;
}
