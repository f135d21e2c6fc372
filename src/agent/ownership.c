/*
 * ownership.c - is this the database that we served, and what did the last run leave in flight?
 *
 * Order matters: the witness of epoch N+1 is durable before the database says N+1, so that a
 * database that is behind its witness by more than that was restored or copied.
 */
#include "agent/parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"

enum { RECOVERY_STEP = 256 };

enum store_status
ownership_new_keys(struct agent *agent, int64_t *count)
{
	enum store_status status = store_meta_read(agent->store, "new_keys", count);

	if (status != STORE_NOTHING)
		return status;
	*count = 0;
	return STORE_OK;
}

/* What the database says of itself, as a witness would have it. */
static int
describe(struct agent *agent, struct witness *now)
{
	struct store_identity identity;

	if (store_identity(agent->store, &identity) != STORE_OK)
		return -1;
	memset(now, 0, sizeof(*now));
	memcpy(now->database_id, identity.database_id, sizeof(now->database_id));
	now->epoch = identity.epoch;
	now->write_counter = identity.write_counter;
	now->outbox_id_max = identity.outbox_id_max;
	if (ownership_new_keys(agent, &now->new_keys) != STORE_OK)
		return -1;
	return witness_place(agent_config(agent)->database, now);
}

static enum store_status
say_mode(struct agent *agent, const char *mode, const char *reason)
{
	enum store_status status = store_meta_set_text(agent->store, "mode", mode);

	return status != STORE_OK ? status
				  : store_meta_set_text(agent->store, "mode_reason", reason);
}

/* An attempt that nobody will ever hear of again. */
static enum store_status
write_dead_attempt(struct agent *agent, const struct store_row *row)
{
	struct store_attempt attempt = {.outbox_id = row->txn.id,
	    .phase = PHASE_SUBMIT,
	    .started_at = row->txn.started_at,
	    .ended_at = agent->now,
	    .evidence = row->txn.state == STATE_CLAIMED ? EVIDENCE_UNSENT : EVIDENCE_MAYBE_SENT,
	    .error = "outboxd ended while this was under way",
	    .rule = "crash"};

	return row->txn.state == STATE_PENDING ? STORE_OK : store_attempt(agent->store, &attempt);
}

static enum store_status
recover_row(struct agent *agent, int64_t id)
{
	static const char reason[] =
	    "outboxd ended while the request was under way: it may have been "
	    "executed";
	struct txn_step step = {.event = EVENT_CRASH, .now = agent->now};
	struct store_row *row;
	enum store_status status = store_row(agent->store, id, &row);
	struct store_outcome outcome = {.result = RESULT_UNKNOWN, .reason = reason};
	bool lost;

	if (status != STORE_OK)
		return status;
	lost = row->txn.state == STATE_SENDING && row->txn.kind == KIND_KEYLESS;
	status = write_dead_attempt(agent, row);
	if (status == STORE_OK && lost)
		status = store_result(agent->store, id, &outcome, agent->now);
	if (status == STORE_OK)
		status = record_step(agent, row, &step, lost ? reason : row->reason);
	store_row_free(row);
	return status;
}

static enum store_status
recover_state(struct agent *agent, const char *destination, enum state state)
{
	int64_t ids[RECOVERY_STEP];
	int64_t after = STORE_BEFORE_ALL;
	int count;
	enum store_status status = STORE_OK;

	do {
		count = store_ids_in_flight(
		    agent->store, destination, state, after, ids, RECOVERY_STEP);
		for (int i = 0; status == STORE_OK && i < count; i++)
			status = recover_row(agent, ids[i]);
		if (count > 0)
			after = ids[count - 1];
	} while (status == STORE_OK && count == RECOVERY_STEP);
	return count == -1 ? STORE_FULL : status;
}

enum store_status
ownership_recover(struct agent *agent)
{
	static const enum state states[] = {STATE_CLAIMED, STATE_SENDING, STATE_PENDING};
	char name[256] = "";
	enum store_status next = STORE_OK;
	enum store_status status = STORE_OK;

	while (
	    status == STORE_OK && (next = store_next_destination(agent->store, name)) == STORE_OK)
		for (size_t i = 0; status == STORE_OK && i < 3; i++)
			status = recover_state(agent, name, states[i]);
	/* A row that is not found now would stay under way for ever. */
	if (status == STORE_OK && next != STORE_NOTHING)
		status = next;
	/* A time further ahead than any backoff comes from a clock that was wrong; so may this one
	 * be. */
	if (status == STORE_OK && agent->timeline.trusted)
		status = settle_bring_forward(agent);
	return status;
}

/* Witness first, then the epoch. Within a transaction. */
static enum store_status
begin_epoch(struct agent *agent, struct witness *now, int64_t epoch)
{
	now->epoch = epoch;
	if (witness_write(agent_config(agent)->state_dir, now, 1) == -1)
		return STORE_FULL;
	agent->witness = *now;
	agent->witness_at = agent->boot;
	return store_set_epoch(agent->store, epoch);
}

static int
serve(struct agent *agent, struct witness *now, struct text *why)
{
	enum store_status status = store_begin(agent->store, 5000, STORE_SYNC_IN_COMMIT);

	if (status == STORE_OK) {
		log_gather(); /* whoever reads it may be slow, and the app waits for the lock */
		status = begin_epoch(agent, now, now->epoch + 1);
		if (status == STORE_OK)
			status = ownership_recover(agent);
		if (status == STORE_OK)
			status = say_mode(agent, "running", NULL);
		if (status == STORE_OK)
			status = store_commit(agent->store);
		else
			store_rollback(agent->store);
		log_release();
	}
	if (status == STORE_OK) {
		ownership_note(agent);
		return 0;
	}
	text_format(why, "cannot begin to serve %s: %s (state_dir %s: %s)",
	    agent_config(agent)->database, store_error(agent->store),
	    agent_config(agent)->state_dir, strerror(errno));
	return -1;
}

int
ownership_take(struct agent *agent, struct text *why)
{
	struct witness found;
	struct witness now;
	struct store_identity identity;
	struct text reason;
	enum witness_found present = witness_read(agent_config(agent)->state_dir, &found);
	int result = 0;

	if (describe(agent, &now) == -1 || store_identity(agent->store, &identity) != STORE_OK) {
		text_format(why, "cannot read %s", agent_config(agent)->database);
		return -1;
	}
	if (present == WITNESS_UNREADABLE) {
		text_format(why,
		    "%s/witness cannot be read or is damaged: %s; restore it, or remove it and run "
		    "outboxd "
		    "adopt",
		    agent_config(agent)->state_dir, strerror(errno));
		return -1;
	}
	store_expect(agent->store, &identity);
	text_init(&reason, sizeof(agent->mode_reason) - 1);
	if (witness_compare(present == WITNESS_FOUND ? &found : NULL, &now, &reason) == 0) {
		result = serve(agent, &now, why);
	} else {
		agent->mode = MODE_ADOPT;
		store_stand_still(agent->store, true);
		/* What only the note knew must outlive a power cut, too: this database is not
		 * served until somebody says so. */
		if (present == WITNESS_FOUND) {
			agent->witness = found;
			if (witness_write(agent_config(agent)->state_dir, &found, 1) == -1) {
				text_format(why, "cannot hold %s: state_dir %s: %s",
				    agent_config(agent)->database, agent_config(agent)->state_dir,
				    strerror(errno));
				result = -1;
			}
		}
		(void)snprintf(
		    agent->mode_reason, sizeof(agent->mode_reason), "%s", text_string(&reason));
		log_write(LOG_LEVEL_ERROR, "adopt_needed",
		    LOG_TEXT("remedy", "outboxd adopt --config FILE"),
		    LOG_TEXT("found", agent->mode_reason));
	}
	text_free(&reason);
	return result;
}

/* --- adopt --- */

/* What a row's operation is at its destination today, as far as anybody knows. */
static bool
is_keyless(struct agent *agent, struct store_row *row)
{
	const struct lane *lane = lane_find(agent, row->destination);
	const struct operation *operation;

	if (row->txn.frozen)
		return row->txn.kind == KIND_KEYLESS;
	if (lane == NULL || lane->settings == NULL)
		return true;
	operation = profile_operation(lane->settings->profile, row->operation);
	if (operation != NULL)
		row->txn.kind = operation->kind;
	return operation == NULL || operation->kind == KIND_KEYLESS;
}

/* In the time that is missing an operator gave some row a new key: its old one would be a second
 * effect. */
static bool
keys_are_missing(struct agent *agent)
{
	int64_t count = 0;

	return ownership_new_keys(agent, &count) != STORE_OK || agent->witness.new_keys > count;
}

static const char perhaps_sent[] =
    "the database was restored or copied: this may already have been sent";

/* A row of a database that was set back may have been sent in the time that is missing; a held one
 * may have been released. */
static enum store_status
doubt_row(struct agent *agent, int64_t id, int64_t *held)
{
	struct txn_step step = {.event = EVENT_RESTORED, .now = agent->now};
	struct store_row *row;
	enum store_status status = store_row(agent->store, id, &row);

	if (status != STORE_OK)
		return status;
	bool doubtful =
	    is_keyless(agent, row) || (row->txn.kind == KIND_KEYED && keys_are_missing(agent));

	if (row->txn.state == STATE_HELD && row->txn.has_fetch_url) {
		/* known to have been sent, and never submitted again by itself */
	} else if (row->txn.state == STATE_HELD) {
		(*held)++;
		status = record_step(agent, row, &step, perhaps_sent);
	} else if (row->txn.state == STATE_BLOCKED || doubtful) {
		(*held)++;
		status = record_hold(agent, row, HOLD_RESTORED, perhaps_sent);
	} else {
		status = record_step(agent, row, &step, row->reason);
	}
	store_row_free(row);
	return status;
}

static enum store_status
doubt_state(struct agent *agent, const char *destination, enum state state, int64_t *held)
{
	int64_t ids[RECOVERY_STEP];
	int64_t after = STORE_BEFORE_ALL;
	int count;
	enum store_status status = STORE_OK;

	do {
		count =
		    store_ids_in_state(agent->store, destination, state, after, ids, RECOVERY_STEP);
		for (int i = 0; status == STORE_OK && i < count; i++)
			status = doubt_row(agent, ids[i], held);
		if (count > 0)
			after = ids[count - 1];
	} while (status == STORE_OK && count == RECOVERY_STEP);
	return count == -1 ? STORE_FULL : status;
}

static enum store_status
doubt_held(struct agent *agent, enum hold_cause cause, int64_t *held)
{
	int64_t ids[RECOVERY_STEP];
	int64_t after = STORE_BEFORE_ALL;
	int count;
	enum store_status status = STORE_OK;

	do {
		count = store_ids_held(agent->store, cause, after, ids, RECOVERY_STEP);
		for (int i = 0; status == STORE_OK && i < count; i++)
			status = doubt_row(agent, ids[i], held);
		if (count > 0)
			after = ids[count - 1];
	} while (status == STORE_OK && count == RECOVERY_STEP);
	return count == -1 ? STORE_FULL : status;
}

static enum store_status
doubt_all(struct agent *agent, int64_t *held)
{
	/* retry before queued: what is moved from queued to retry is not looked at twice */
	static const enum state states[] = {STATE_RETRY, STATE_QUEUED, STATE_BLOCKED};
	char name[256] = "";
	enum store_status next = STORE_OK;
	enum store_status status = STORE_OK;

	/* first, or what is held now would be looked at again */
	for (int cause = HOLD_NONE + 1; status == STORE_OK && cause < HOLD_COUNT; cause++)
		if (cause != HOLD_RESTORED)
			status = doubt_held(agent, (enum hold_cause)cause, held);
	while (
	    status == STORE_OK && (next = store_next_destination(agent->store, name)) == STORE_OK)
		for (size_t i = 0; status == STORE_OK && i < 3; i++)
			status = doubt_state(agent, name, states[i], held);
	return status == STORE_OK && next != STORE_NOTHING ? next : status;
}

/* How many rows would be held as perhaps sent; nothing of it stays. */
static enum store_status
count_doubtful(struct agent *agent, int64_t *doubtful)
{
	enum store_status status = store_row_begin(agent->store);
	enum store_status ended;

	if (status != STORE_OK)
		return status;
	status = ownership_recover(agent);
	if (status == STORE_OK)
		status = doubt_all(agent, doubtful);
	ended = store_row_end(agent->store, false);
	return status != STORE_OK ? status : ended;
}

enum store_status
ownership_resend_allowed(
    struct agent *agent, int64_t count, bool *allowed, char *answer, size_t size)
{
	int64_t doubtful = 0;
	enum store_status status = count_doubtful(agent, &doubtful);

	*allowed = count == doubtful;
	(void)snprintf(answer, size,
	    "%" PRId64
	    " row(s) may already have been sent and would be sent again: say --count %" PRId64
	    " (column count) if that is what you want; nothing was done",
	    doubtful, doubtful);
	return status;
}

enum store_status
ownership_adopt(struct agent *agent, bool resend, char *answer, size_t size)
{
	struct witness now;
	const struct witness *last = &agent->witness;
	int64_t held = 0;
	bool moved;
	enum store_status status;

	if (describe(agent, &now) == -1)
		return STORE_FULL;
	/* Merely moved: nothing that the witness knows of is missing. */
	moved = strcmp(last->database_id, now.database_id) == 0 && now.epoch == last->epoch &&
		now.write_counter >= last->write_counter;
	status = ownership_recover(agent);
	if (status == STORE_OK && !moved && !resend)
		status = doubt_all(agent, &held);
	if (status == STORE_OK && last->outbox_id_max > now.outbox_id_max)
		status = store_raise_outbox_id(agent->store, last->outbox_id_max);
	if (status == STORE_OK && last->new_keys > now.new_keys)
		status = store_meta_set_integer(agent->store, "new_keys", last->new_keys);
	/* The witness follows the commit: should that fail, the old one must still tell what is
	 * missing. */
	if (status == STORE_OK)
		status = store_set_epoch(
		    agent->store, (now.epoch > last->epoch ? now.epoch : last->epoch) + 1);
	if (status == STORE_OK)
		status = say_mode(agent, "running", NULL);
	if (status != STORE_OK)
		return status;
	store_stand_still(agent->store, false);
	agent->mode = MODE_RUNNING;
	agent->mode_reason[0] = '\0';
	agent->adopting = true;
	(void)snprintf(answer, size,
	    "adopted: outboxd serves this database from now on; %" PRId64
	    " row(s) that may already have been sent are held (see outbox_stuck)",
	    held);
	return STORE_OK;
}

void
ownership_note(struct agent *agent)
{
	const struct store_identity *committed = store_expected(agent->store);
	struct witness note = agent->witness;

	if (agent->mode == MODE_ADOPT)
		return;
	note.epoch = committed->epoch;
	note.write_counter = committed->write_counter;
	if (note.outbox_id_max < agent->outbox_id_seen)
		note.outbox_id_max = agent->outbox_id_seen;
	if (note.new_keys < agent->new_keys_seen)
		note.new_keys = agent->new_keys_seen;
	if (witness_note(agent_config(agent)->state_dir, &note, &agent->witness_fd) == -1)
		agent_error(
		    agent, "cannot write to state_dir: a restored backup might not be noticed");
}

/* Set back under us: a witness written from it would swear to the wrong past. */
static bool
was_set_back(const struct agent *agent, const struct witness *now)
{
	struct store_identity identity = {.epoch = now->epoch, .write_counter = now->write_counter};

	memcpy(identity.database_id, now->database_id, sizeof(identity.database_id));
	return !store_is_expected(agent->store, &identity);
}

void
ownership_witness(struct agent *agent, bool at_once)
{
	struct witness now;

	if (agent->mode == MODE_ADOPT || (!at_once && agent->boot < agent->witness_at + WITNESS_MS))
		return;
	/* What was not synced can be read, and may be gone after a power cut: whoever swears to it
	 * makes a restored backup of the database. */
	if (agent->end == AGENT_FAILED)
		return;
	agent->witness_at = agent->boot;
	/* What a failed commit left behind is not the past that a witness tells of, nor a set-back.
	 */
	if (store_in_transaction(agent->store) || store_in_doubt(agent->store) ||
	    !store_in_place(agent->store) || describe(agent, &now) == -1)
		return;
	if (was_set_back(agent, &now)) {
		agent->end = AGENT_REPLACED;
		return;
	}
	if (now.write_counter == agent->witness.write_counter && now.epoch == agent->witness.epoch)
		return;
	if (witness_write(agent_config(agent)->state_dir, &now, 1) == -1) {
		char what[160];

		(void)snprintf(what, sizeof(what), "cannot write the witness: %s", strerror(errno));
		agent_error(agent, what);
		return;
	}
	agent->witness = now;
}
