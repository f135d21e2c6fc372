/*
 * transaction.c - the one write transaction of a turn: answers to the operator, what finished, what settles, what is claimed, the heartbeat.
 */
#include "agent/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"

/* Rows that a new configuration may understand. */
static enum store_status
release_configured(struct agent *agent)
{
	int64_t ids[SWEEP_MAX];
	int64_t after = 0;
	int count;
	enum store_status status = STORE_OK;

	do {
		count = store_ids_held(agent->store, HOLD_CONFIGURATION, after, ids, SWEEP_MAX);
		for (int i = 0; status == STORE_OK && i < count; i++) {
			struct txn_step step = {.event = EVENT_RELEASE, .now = agent->now};
			const struct lane *lane;
			struct store_row *row;

			status = store_row(agent->store, ids[i], &row);
			if (status != STORE_OK)
				break;
			lane = lane_find(agent, row->destination);
			if (lane != NULL && lane->settings != NULL &&
			    profile_operation(lane->settings->profile, row->operation) != NULL)
				status = record_step(agent, row, &step, NULL);
			store_row_free(row);
		}
		if (count > 0)
			after = ids[count - 1];
	} while (status == STORE_OK && count == SWEEP_MAX);
	return count == -1 ? STORE_FULL : status;
}

/* Records what finished. A row that refuses to be written is isolated and tried again later. */
static enum store_status
record_finished(struct agent *agent)
{
	enum store_status status = STORE_OK;

	for (struct job *job = agent->finished.first; job != NULL && status == STORE_OK;
	     job = job->next) {
		enum store_status written;

		job->recorded = false;
		if (agent->boot < job->write_at)
			continue;
		status = store_row_begin(agent->store);
		if (status != STORE_OK)
			break;
		written = record_job(agent, job);
		status = store_row_end(agent->store, written == STORE_OK);
		job->recorded = status == STORE_OK && written == STORE_OK;
		if (job->recorded || status != STORE_OK)
			continue;
		if (written != STORE_REFUSED && written != STORE_CONFIG)
			return written;
		job->write_at = agent->boot + 10 * FULL_PAUSE_MS;
		(void)agent_store_failed(agent, written, "recording an answer");
		agent->write_after = 0;
	}
	return status;
}

static enum store_status
beat(struct agent *agent)
{
	enum store_status status = STORE_OK;

	/* Trust regained: the mark may come from the clock that was wrong, and is put right before anything else can happen. */
	if (agent->boot >= agent->heartbeat_at + HEARTBEAT_MS || agent->time_regained) {
		agent->heartbeat_at = agent->boot;
		status = store_meta_set_integer(agent->store, "heartbeat_at", clock_wall_ms());
		if (status == STORE_OK && agent->timeline.trusted)
			status = store_meta_set_integer(agent->store, "clock_mark", agent->now);
		if (status == STORE_OK && agent->mode == MODE_ADOPT) {
			status = store_meta_set_text(agent->store, "mode", "held");
			if (status == STORE_OK)
				status = store_meta_set_text(
				    agent->store, "mode_reason", agent->mode_reason);
		}
	}
	if (status == STORE_OK && agent->last_error_new) {
		status = store_meta_set_text(agent->store, "last_error", agent->last_error);
		if (status == STORE_OK)
			status = store_meta_set_integer(agent->store, "last_error_at", agent->now);
		agent->last_error_new = status != STORE_OK;
	}
	return status;
}

static enum store_status
write_all(struct agent *agent)
{
	enum store_status status = control_answer_all(agent);

	if (status == STORE_OK)
		status = record_finished(agent);
	if (status == STORE_OK && agent->mode == MODE_RUNNING) {
		if (agent->reconfigured)
			status = release_configured(agent);
		if (status == STORE_OK && agent->time_regained)
			status = settle_bring_forward(agent);
		if (status == STORE_OK)
			status = settle_rows(agent);
		if (status == STORE_OK)
			status = claim_due(agent);
		if (status == STORE_OK)
			status = house_keep(agent);
	}
	return status == STORE_OK ? beat(agent) : status;
}

/* What was claimed in a transaction that failed was never claimed, what was held or released was not. */
static void
forget_claims(struct agent *agent)
{
	lanes_recall(agent);
	while (agent->claimed.first != NULL) {
		struct job *job = agent->claimed.first;

		job_remove(&agent->claimed, job);
		job_free(agent, job);
	}
}

static void
release_recorded(struct agent *agent)
{
	struct job *next;

	for (struct job *job = agent->finished.first; job != NULL; job = next) {
		next = job->next;
		if (!job->recorded)
			continue;
		job_remove(&agent->finished, job);
		record_done(agent, job);
		job_free(agent, job);
		if (agent->deferred) {
			agent->look = true; /* an operator's request waited for this one */
			agent->control_at = agent->boot;
		}
	}
}

/*
 * The app may read a result a moment before it is durable, and a power cut in that moment takes it back. A keyed row is then
 * delivered again under its key; a keyless one would end as unknown, so its result is not shown before it is safe.
 */
static enum store_sync
sync_for(const struct agent *agent)
{
	for (const struct job *job = agent->finished.first; job != NULL; job = job->next)
		if (job->row != NULL && job->row->txn.kind == KIND_KEYLESS)
			return STORE_SYNC_IN_COMMIT;
	return STORE_SYNC_AFTER_COMMIT;
}

void
agent_write(struct agent *agent)
{
	enum store_status status = store_begin(agent->store, TURN_BUSY_MS, sync_for(agent));

	if (agent_store_failed(agent, status, "begin"))
		return;
	agent->more = false;
	lanes_remember(agent);
	status = write_all(agent);
	if (status == STORE_OK)
		status = store_commit(agent->store);
	else
		store_rollback(agent->store);
	if (agent_store_failed(agent, status, "commit")) {
		agent->write_failures++;
		forget_claims(agent);
		house_not_kept(agent);
		for (struct job *job = agent->finished.first; job != NULL; job = job->next)
			job->recorded = false;
		agent->look = true;
		if (agent->adopting)
			agent->end = AGENT_FAILED; /* start anew, and adopt then */
		return;
	}
	agent->window_until = clock_boot_ms() + agent_config(agent)->commit_window_ms;
	agent->control_at = agent->boot + DEFERRED_MS;
	agent->commits++;
	ownership_note(agent);
	if (agent->adopting)
		ownership_witness(agent, true);
	agent->adopting = false;
	agent->reconfigured = false;
	agent->time_regained = false;
	house_kept(agent);
	release_recorded(agent);
}
