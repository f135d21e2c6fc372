/*
 * transaction.c - the one write transaction of a turn: answers to the operator, what finished, what
 * settles, what is claimed, the heartbeat.
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
	int64_t after = STORE_BEFORE_ALL;
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

enum store_status
transaction_row_begin(struct agent *agent)
{
	return agent->isolating ? store_row_begin(agent->store) : STORE_OK;
}

enum store_status
transaction_row_end(struct agent *agent, enum store_status written)
{
	return agent->isolating ? store_row_end(agent->store, written == STORE_OK) : written;
}

/* Is it the row's fault alone? */
static bool
is_refused(enum store_status status)
{
	return status == STORE_REFUSED || status == STORE_CONFIG;
}

enum store_status
transaction_isolate(struct agent *agent, struct store_row *row, enum store_status written)
{
	struct lane *lane = lane_find(agent, row->destination);
	char what[256];

	if (!is_refused(written))
		return written;
	(void)snprintf(what, sizeof(what), "outbox row %lld cannot be written: %.180s",
	    (long long)row->txn.id, store_error(agent->store));
	if (record_hold(agent, row, HOLD_FROZEN, what) != STORE_OK && lane != NULL)
		gate_slow(&lane->gate, agent->boot + ISOLATE_MS);
	return STORE_OK;
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
		status = transaction_row_begin(agent);
		if (status != STORE_OK)
			break;
		written = record_job(agent, job);
		status = transaction_row_end(agent, written);
		job->recorded = status == STORE_OK && written == STORE_OK;
		if (job->recorded || status != STORE_OK)
			continue;
		if (!is_refused(written))
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

	/* Trust regained: the mark may come from the clock that was wrong, and is put right before
	 * anything else can happen. */
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

static void
forget(struct agent *agent, struct job_list *list)
{
	while (list->first != NULL) {
		struct job *job = list->first;

		job_remove(list, job);
		job_free(agent, job);
	}
}

/* What was decided without an exchange: by the operator, the configuration, the clock. */
static enum store_status
write_decisions(struct agent *agent)
{
	int before = store_changes(agent->store);
	enum store_status status = control_answer_all(agent);

	if (status == STORE_OK && agent->mode == MODE_RUNNING) {
		if (agent->reconfigured)
			status = release_configured(agent);
		if (status == STORE_OK && agent->time_regained)
			status = settle_bring_forward(agent);
		if (status == STORE_OK)
			status = settle_rows(agent);
	}
	/* Rows may have changed since they were read. */
	if (store_changes(agent->store) != before) {
		agent->more = agent->more || agent->prepared.count > 0;
		forget(agent, &agent->prepared);
	}
	return status;
}

static enum store_status
write_all(struct agent *agent)
{
	enum store_status status = write_decisions(agent);

	if (status == STORE_OK)
		status = record_finished(agent);
	if (status == STORE_OK && agent->mode == MODE_RUNNING) {
		status = claim_due(agent);
		if (status == STORE_OK)
			status = house_keep(agent);
	}
	return status == STORE_OK ? beat(agent) : status;
}

/* What was claimed in a transaction that failed was never claimed, what was held or released was
 * not. */
static void
forget_claims(struct agent *agent)
{
	lanes_recall(agent);
	forget(agent, &agent->prepared);
	forget(agent, &agent->claimed);
	house_not_kept(agent);
	for (struct job *job = agent->finished.first; job != NULL; job = job->next)
		job->recorded = false;
}

static void
release_recorded(struct agent *agent)
{
	struct job *next;

	log_gather();
	for (struct job *job = agent->finished.first; job != NULL; job = next) {
		next = job->next;
		if (!job->recorded)
			continue;
		job_recorded(agent, job);
		record_done(agent, job);
		job_free(agent, job);
		if (agent->deferred) {
			agent->look = true; /* an operator's request waited for this one */
			agent->control_at = agent->boot;
		}
	}
	log_release();
}

/* Would the gateway say the same again, to the same request? */
static bool
is_repeatable(const struct job *job)
{
	enum replay replay;

	if (job->row->txn.kind != KIND_KEYED || job->operation == NULL)
		return job->row->txn.kind != KIND_KEYLESS;
	replay = job->settings->replay_set ? job->settings->replay : job->operation->replay;
	return replay == REPLAY_ALL || (job->judged && job->verdict.class == CLASS_SUCCEEDED);
}

/*
 * The app may read a result a moment before it is durable, and a power cut in that moment takes it
 * back. A keyed row is then delivered again under its key; a keyless one would end as unknown, and
 * a refusal that is not replayed might become anything: such results are not shown before they are
 * safe.
 */
static enum store_sync
sync_for(const struct agent *agent)
{
	for (const struct job *job = agent->finished.first; job != NULL; job = job->next)
		if (job->row != NULL && !is_repeatable(job))
			return STORE_SYNC_IN_COMMIT;
	return STORE_SYNC_AFTER_COMMIT;
}

/* From preparation to commit; nothing of it has happened unless this is STORE_OK. */
static enum store_status
write_once(struct agent *agent, const char **doing)
{
	enum store_status status = STORE_OK;

	agent->more = false;
	*doing = "reading what is due";
	if (agent->mode == MODE_RUNNING) {
		store_begin_reading(agent->store);
		status = claim_prepare(agent);
		store_end_reading(agent->store);
	}
	if (status != STORE_OK)
		return status;
	*doing = "begin";
	status = store_begin(agent->store, TURN_BUSY_MS, sync_for(agent));
	if (status != STORE_OK)
		return status;
	/* Who reads the log may be slow; the app must not wait for him. */
	log_gather();
	*doing = "writing";
	status = write_all(agent);
	if (status == STORE_OK) {
		*doing = "commit";
		status = store_commit(agent->store);
	} else {
		store_rollback(agent->store);
	}
	log_release();
	return status;
}

/*
 * The app's turn. While it writes, too, the write lock is ours for a tenth of the time at most: who
 * is refused by a busy lock sleeps, and finds it busy again when it wakes. Bursts of a millisecond
 * are nobody's trouble, and a few rows never wait.
 */
static void
make_room(struct agent *agent)
{
	bool bulk = agent->claimed.count + agent->finished.count >= BULK_ROWS;
	int64_t now = clock_boot_us();
	int64_t held = store_held_us(agent->store);

	if (store_has_neighbour(agent->store))
		agent->neighbour_at = agent->boot;
	agent->lock_debt_us -= (now - agent->lock_debt_at) / LOCK_SHARE;
	agent->lock_debt_at = now;
	if (agent->lock_debt_us < 0)
		agent->lock_debt_us = 0;
	agent->lock_debt_us += held < LOCK_DEBT_MAX_US ? held : LOCK_DEBT_MAX_US;
	if (bulk && agent->boot - agent->neighbour_at < NEIGHBOUR_MS &&
	    agent->lock_debt_us > LOCK_BURST_US)
		agent->write_after =
		    agent->boot + (agent->lock_debt_us - LOCK_BURST_US) * LOCK_SHARE / 1000 + 1;
}

/* The next commit waits for more answers: as long as it is told to, or as long as this one's sync
 * took. */
static void
open_window(struct agent *agent)
{
	int64_t window = agent_config(agent)->commit_window_ms;
	int64_t sync = store_sync_us(agent->store) / 1000;

	if (sync > window)
		window = sync < WINDOW_MAX_MS ? sync : WINDOW_MAX_MS;
	agent->window_until = clock_boot_ms() + window;
}

static void
committed(struct agent *agent)
{
	open_window(agent);
	make_room(agent);
	agent->control_at = agent->boot + DEFERRED_MS;
	agent->commits++;
	watch_wrote(agent->watch);
	ownership_note(agent);
	if (agent->adopting)
		ownership_witness(agent, true);
	agent->adopting = false;
	agent->reconfigured = false;
	agent->time_regained = false;
	house_kept(agent);
	release_recorded(agent);
}

void
agent_write(struct agent *agent)
{
	bool settle = agent->settle;
	const char *doing = "";
	enum store_status status;

	lanes_remember(agent);
	status = write_once(agent, &doing);
	if (is_refused(status) && agent->end == AGENT_RUNS) {
		forget_claims(agent);
		agent->settle = settle;
		agent->isolating = true;
		status = write_once(agent, &doing);
		agent->isolating = false;
	}
	if (!agent_store_failed(agent, status, doing)) {
		committed(agent);
		return;
	}
	forget_claims(agent);
	agent->write_failures++;
	agent->look = true;
	if (agent->adopting)
		agent->end = AGENT_FAILED; /* start anew, and adopt then */
}
