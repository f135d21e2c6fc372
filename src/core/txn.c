/*
 * txn.c - the transition table. Pure: no clock, no disk, no log.
 *
 * The table says where an event may lead; txn_apply() adds the promises that a table of states
 * cannot say (exposure, kinds) and keeps the numbers that belong to the move.
 */
#include "core/txn.h"

#include <assert.h>

/* An exposure further ahead than clocks may be set forth and back (less than any margin of
 * txn_key_window_ms()). */
enum { CLOCK_AHEAD_MS = 5 * 60 * 1000 };

/* Where an event leads: a state + 1, 0 for "cannot happen", or one of these. */
enum {
	BY_KIND = 100, /* claim: claimed or sending; crash in sending: retry or done */
	RESUME = 101,  /* release: where it was held */
};

#define TO(state) ((unsigned char)(STATE_##state + 1))

static const unsigned char transitions[STATE_COUNT][EVENT_COUNT] = {
    [STATE_BLOCKED] =
	{
	    [EVENT_PARENT_SUCCEEDED] = TO(QUEUED),
	    [EVENT_HOLD] = TO(HELD),
	    [EVENT_FINISH] = TO(DONE),
	},
    [STATE_QUEUED] =
	{
	    [EVENT_CLAIM] = BY_KIND,
	    [EVENT_HOLD] = TO(HELD),
	    [EVENT_FINISH] = TO(DONE),
	    [EVENT_RESTORED] = TO(RETRY),
	},
    [STATE_CLAIMED] =
	{
	    [EVENT_SEND] = TO(SENDING),
	    [EVENT_UNSENT] = TO(RETRY),
	    [EVENT_HOLD] = TO(HELD),
	    [EVENT_FINISH] = TO(DONE),
	    [EVENT_CRASH] = TO(RETRY),
	},
    [STATE_SENDING] =
	{
	    [EVENT_UNSENT] = TO(RETRY),
	    [EVENT_UNPROCESSED] = TO(RETRY),
	    [EVENT_AGAIN] = TO(RETRY),
	    [EVENT_PENDING] = TO(PENDING),
	    [EVENT_HOLD] = TO(HELD),
	    [EVENT_FINISH] = TO(DONE),
	    [EVENT_CRASH] = BY_KIND,
	},
    [STATE_RETRY] =
	{
	    [EVENT_CLAIM] = BY_KIND,
	    [EVENT_HOLD] = TO(HELD),
	    [EVENT_FINISH] = TO(DONE),
	    [EVENT_RESTORED] = TO(RETRY),
	},
    [STATE_PENDING] =
	{
	    [EVENT_AGAIN] = TO(RETRY),
	    [EVENT_POLL] = TO(PENDING),
	    [EVENT_NOT_READY] = TO(PENDING),
	    [EVENT_HOLD] = TO(HELD),
	    [EVENT_FINISH] = TO(DONE),
	    [EVENT_CRASH] = TO(PENDING),
	    [EVENT_RESOLVE] = TO(DONE),
	},
    [STATE_HELD] =
	{
	    [EVENT_RELEASE] = RESUME,
	    [EVENT_FINISH] = TO(DONE),
	    [EVENT_RESTORED] = TO(HELD),
	    [EVENT_RESUBMIT] = TO(RETRY),
	    [EVENT_RESOLVE] = TO(DONE),
	},
    [STATE_DONE] =
	{
	    [EVENT_RESUBMIT] = TO(RETRY),
	    [EVENT_RESOLVE] = TO(DONE),
	},
};

bool
txn_exposed(const struct txn *txn)
{
	return txn->exposed_at != TIME_NONE;
}

int64_t
txn_resumes_at(const struct txn *txn, int64_t now)
{
	int64_t at = txn->not_before < txn->eligible_at ? txn->not_before : txn->eligible_at;

	return at > now ? at : now;
}

int64_t
txn_key_window_ms(int64_t key_retention_ms)
{
	int64_t margin = 15 * 60 * 1000;

	if (margin > key_retention_ms / 2)
		margin = key_retention_ms / 2;
	if (margin < key_retention_ms / 10)
		margin = key_retention_ms / 10;
	return key_retention_ms - margin;
}

bool
txn_key_is_late(const struct txn *txn, int64_t now, int64_t key_window_ms)
{
	if (txn->kind != KIND_KEYED || !txn_exposed(txn))
		return false;
	return now - txn->exposed_at >= key_window_ms || txn->exposed_at - now > CLOCK_AHEAD_MS;
}

/* May these bytes be sent (again)? */
static bool
may_submit(const struct txn *txn)
{
	if (!txn->frozen || txn->has_fetch_url)
		return false;
	return txn->kind != KIND_KEYLESS || !txn_exposed(txn);
}

/* Does a result keep the promise that its name makes? */
static bool
may_finish(const struct txn *txn, enum result result)
{
	switch (result) {
	case RESULT_SUCCEEDED:
	case RESULT_FAILED:
		return txn->state == STATE_SENDING || txn->state == STATE_PENDING;
	case RESULT_UNKNOWN:
		return txn->frozen;
	case RESULT_EXPIRED:
	case RESULT_CANCELED:
	case RESULT_INVALID:
		/* What was restored says "never sent" of a past that it does not know. */
		return !txn_exposed(txn) &&
		       !(txn->state == STATE_HELD && txn->hold == HOLD_RESTORED);
	case RESULT_NONE:
		break;
	}
	return false;
}

static bool
permitted(const struct txn *txn, const struct txn_step *step)
{
	switch (step->event) {
	case EVENT_CLAIM:
		return may_submit(txn);
	case EVENT_AGAIN:
		return txn->kind != KIND_KEYLESS;
	case EVENT_RESTORED:
		return txn->kind != KIND_KEYLESS || txn->state == STATE_HELD;
	case EVENT_FINISH:
		return may_finish(txn, step->result);
	case EVENT_HOLD:
		/* A keyless row whose bytes may have left waits for nothing but a result or its
		 * fetch URL. */
		return step->hold != HOLD_NONE &&
		       (txn->state != STATE_SENDING || txn->kind != KIND_KEYLESS ||
			   txn->has_fetch_url);
	case EVENT_RESUBMIT:
		if (txn->state == STATE_DONE && txn->result != RESULT_UNKNOWN)
			return false;
		if (txn->state == STATE_HELD && txn->resume_state == STATE_BLOCKED)
			return false; /* its parent has not succeeded: it can only be released */
		/* The same key is safe only where there is one; the rest needs a person's word. */
		return step->checked || !txn_exposed(txn) ||
		       (txn->frozen && txn->kind != KIND_KEYLESS && !step->new_key);
	case EVENT_RESOLVE:
		if (txn->state == STATE_DONE && txn->result != RESULT_UNKNOWN)
			return false;
		return step->result == RESULT_SUCCEEDED || step->result == RESULT_FAILED ||
		       step->result == RESULT_CANCELED;
	case EVENT_PARENT_SUCCEEDED:
	case EVENT_SEND:
	case EVENT_UNSENT:
	case EVENT_UNPROCESSED:
	case EVENT_PENDING:
	case EVENT_POLL:
	case EVENT_NOT_READY:
	case EVENT_RELEASE:
	case EVENT_CRASH:
		return true;
	}
	return false;
}

static void
expose(struct txn *txn, int64_t now)
{
	txn->exposed_before = txn->exposed_at;
	if (txn->kind != KIND_SAFE && txn->exposed_at == TIME_NONE)
		txn->exposed_at = now;
}

static void
to_retry(struct txn *txn, int64_t due_at)
{
	/* expires_at no longer applies to what was sent in time, and a poll's deadline ends with
	 * the poll. */
	if (txn_exposed(txn) || txn->has_fetch_url)
		txn->deadline_at = TIME_NONE;
	txn->due_at = due_at;
	txn->has_fetch_url = false;
}

static void
finish(struct txn *txn, enum result result)
{
	txn->result = result;
	txn->due_at = TIME_NONE;
	txn->deadline_at = TIME_NONE;
	txn->resume_state = STATE_DONE;
	txn->hold = HOLD_NONE;
}

static void
hold(struct txn *txn, enum hold_cause cause)
{
	txn->hold = cause;
	txn->due_at = TIME_NONE;
	if (txn->state == STATE_CLAIMED || txn->state == STATE_SENDING)
		txn->resume_state = txn->has_fetch_url ? STATE_PENDING : STATE_RETRY;
	else
		txn->resume_state = txn->state;
}

static void
resubmit(struct txn *txn, const struct txn_step *step)
{
	if (step->new_key)
		txn->generation++;
	if (step->checked) {
		txn->exposed_at = TIME_NONE;
		txn->exposed_before = TIME_NONE;
	}
	txn->result = RESULT_NONE;
	txn->hold = HOLD_NONE;
	txn->failures = 0;
	txn->eligible_at = step->now;
	txn->frozen = txn->frozen && !step->new_key && !step->checked;
	to_retry(txn, step->due_at);
}

/* Where the table's special entries lead. */
static enum state
target(const struct txn *txn, const struct txn_step *step, unsigned char entry)
{
	if (entry == RESUME)
		return txn->resume_state;
	if (entry == BY_KIND && step->event == EVENT_CLAIM)
		return txn->kind == KIND_KEYLESS ? STATE_CLAIMED : STATE_SENDING;
	if (entry == BY_KIND)
		return txn->kind == KIND_KEYLESS ? STATE_DONE : STATE_RETRY;
	return (enum state)(entry - 1);
}

/* What the move does to the numbers. The state itself is set by the caller. */
static void
keep_books(struct txn *txn, const struct txn_step *step, enum state to)
{
	switch (step->event) {
	case EVENT_PARENT_SUCCEEDED:
		if (txn->eligible_at < step->now)
			txn->eligible_at = step->now;
		txn->due_at = step->due_at;
		break;
	case EVENT_CLAIM:
		txn->attempts++;
		txn->started_at = step->now;
		txn->due_at = TIME_NONE;
		if (to == STATE_SENDING)
			expose(txn, step->now);
		break;
	case EVENT_SEND:
		expose(txn, step->now);
		break;
	case EVENT_UNSENT:
		if (txn->state == STATE_SENDING)
			txn->exposed_at = txn->exposed_before;
		txn->failures++;
		to_retry(txn, step->due_at);
		break;
	case EVENT_UNPROCESSED:
		txn->exposed_at = txn->exposed_before;
		txn->failures++;
		to_retry(txn, step->due_at);
		break;
	case EVENT_AGAIN:
		txn->failures++;
		to_retry(txn, step->due_at);
		break;
	case EVENT_PENDING:
		txn->has_fetch_url = true;
		txn->failures = 0;
		txn->due_at = step->due_at;
		txn->deadline_at = step->deadline_at;
		break;
	case EVENT_POLL:
		txn->polls++;
		txn->started_at = step->now;
		txn->due_at = TIME_NONE;
		break;
	case EVENT_NOT_READY:
		txn->failures++;
		txn->due_at = step->due_at;
		break;
	case EVENT_HOLD:
		hold(txn, step->hold);
		break;
	case EVENT_RELEASE:
		txn->hold = HOLD_NONE;
		txn->due_at = txn_resumes_at(txn, step->now);
		if (to == STATE_BLOCKED)
			txn->due_at = 0; /* its parent is looked at anew */
		break;
	case EVENT_FINISH:
	case EVENT_RESOLVE:
		finish(txn, step->result);
		break;
	case EVENT_CRASH:
		if (to == STATE_DONE)
			finish(txn, RESULT_UNKNOWN);
		else if (to == STATE_PENDING)
			txn->due_at = step->now;
		else
			to_retry(txn, step->now);
		break;
	case EVENT_RESUBMIT:
		resubmit(txn, step);
		break;
	case EVENT_RESTORED:
		/* One that waits for its parent goes on as it was when a person has looked: it may
		 * have to be canceled. */
		if (txn->kind == KIND_KEYED && !txn_exposed(txn) &&
		    (to != STATE_HELD || txn->resume_state != STATE_BLOCKED))
			txn->exposed_at = txn->eligible_at;
		if (to == STATE_HELD)
			txn->hold = HOLD_RESTORED; /* it may have been released since */
		if (to == STATE_HELD && txn->resume_state == STATE_QUEUED && txn_exposed(txn))
			txn->resume_state = STATE_RETRY;
		break;
	}
}

int
txn_apply(struct txn *txn, const struct txn_step *step)
{
	unsigned char entry;
	enum state to;

	assert((int)txn->state < (int)STATE_COUNT && (int)step->event < (int)EVENT_COUNT);
	entry = transitions[txn->state][step->event];
	if (entry == 0 || !permitted(txn, step))
		return -1;
	to = target(txn, step, entry);
	keep_books(txn, step, to);
	txn->state = to;
	return 0;
}
