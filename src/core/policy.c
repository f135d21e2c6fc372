/*
 * policy.c - the retry table as a table, and the few refinements that need a row's numbers.
 */
#include "core/policy.h"

#include <assert.h>
#include <stddef.h>

/* What the table may say. The first group ends an attempt to submit, the second a poll. */
enum action {
	SUCCEED = 1,
	FAIL,
	REFUSE, /* failed while unexposed; once exposed only where everything is replayed, while the
		   key is known */
	CONFLICT, /* failed while unexposed; later the key is in doubt: hold the row */
	FETCH,    /* pending, when the fetch URL is admitted */
	UNSENT,
	REQUEUE, /* proven unprocessed */
	AGAIN,
	AGAIN_LIMITED,  /* up to POLICY_SUBMIT_LIMIT answers, then unknown */
	AGAIN_REPLAYED, /* the same where everything is replayed, else unknown at once */
	AGAIN_A_WHILE,  /* for POLICY_CONFLICT_MS, then unknown */
	UNKNOWN,
	POLL,
	POLL_LIMITED, /* up to POLICY_POLL_LIMIT, then unknown */
	RESUBMIT,     /* the fetch is lost; the same key (or a read) may be sent again */
	HOLD_ROW,
};

/*
 * keyed: its key is still remembered; late: it may be forgotten. The columns of a poll are the same
 * four.
 */
struct line {
	unsigned char keyed, late, keyless, safe;
	unsigned char poll_keyed, poll_late, poll_keyless, poll_safe;
	enum destination_effect effect;
};

/* clang-format off */
static const struct line table[CLASS_COUNT] = {
    [CLASS_UNSENT]           = {UNSENT, UNSENT, UNSENT, UNSENT,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_UNUSABLE]         = {UNSENT, UNSENT, UNSENT, UNSENT,          POLL, POLL, POLL, POLL, EFFECT_HOLD_TRUST},
    [CLASS_LOST]             = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_SUCCEEDED]        = {SUCCEED, SUCCEED, SUCCEED, SUCCEED,      SUCCEED, SUCCEED, SUCCEED, SUCCEED, EFFECT_NONE},
    [CLASS_FAILED]           = {FAIL, FAIL, FAIL, FAIL,                  FAIL, FAIL, FAIL, FAIL, EFFECT_NONE},
    [CLASS_PENDING]          = {FETCH, FETCH, FETCH, FETCH,              FETCH, FETCH, FETCH, FETCH, EFFECT_NONE},
    [CLASS_PENDING_NO_URL]   = {AGAIN_LIMITED, UNKNOWN, UNKNOWN, AGAIN,  POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_NOT_READY]        = {AGAIN_LIMITED, UNKNOWN, UNKNOWN, AGAIN,  FETCH, FETCH, FETCH, FETCH, EFFECT_NONE},
    [CLASS_UNPROCESSED]      = {REQUEUE, REQUEUE, REQUEUE, REQUEUE,      POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_AUTH_UNPROCESSED] = {REQUEUE, REQUEUE, REQUEUE, REQUEUE,      POLL, POLL, POLL, POLL, EFFECT_HOLD_CREDENTIALS},
    [CLASS_LOGIN]            = {REQUEUE, REQUEUE, REQUEUE, REQUEUE,      POLL, POLL, POLL, POLL, EFFECT_LOGIN},
    [CLASS_HOLD]             = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_HOLD_RULE},
    [CLASS_RETRY]            = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_UNKNOWN]          = {UNKNOWN, UNKNOWN, UNKNOWN, AGAIN,        UNKNOWN, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_INNER_SERVER]     = {AGAIN_REPLAYED, UNKNOWN, UNKNOWN, AGAIN, RESUBMIT, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_INNER_UNDECIDED]  = {UNKNOWN, UNKNOWN, UNKNOWN, AGAIN,        UNKNOWN, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_UNDECIDED]        = {AGAIN_LIMITED, UNKNOWN, UNKNOWN, AGAIN,  POLL_LIMITED, POLL_LIMITED, POLL_LIMITED, POLL_LIMITED, EFFECT_NONE},
    [CLASS_REDIRECT]         = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          HOLD_ROW, HOLD_ROW, HOLD_ROW, HOLD_ROW, EFFECT_HOLD_REDIRECT},
    [CLASS_SEE_OTHER]        = {UNKNOWN, UNKNOWN, UNKNOWN, AGAIN,        HOLD_ROW, HOLD_ROW, HOLD_ROW, HOLD_ROW, EFFECT_HOLD_REDIRECT},
    [CLASS_BAD_REQUEST]      = {REFUSE, REFUSE, REFUSE, FAIL,            UNKNOWN, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_AUTH]             = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_HOLD_CREDENTIALS},
    [CLASS_NOT_FOUND]        = {REFUSE, REFUSE, REFUSE, FAIL,            RESUBMIT, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_REFUSED]          = {REFUSE, REFUSE, REFUSE, FAIL,            UNKNOWN, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_TIMEOUT]          = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_CONFLICT]         = {AGAIN_A_WHILE, UNKNOWN, UNKNOWN, AGAIN,  POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_CONTENT]          = {CONFLICT, UNKNOWN, REFUSE, FAIL,         UNKNOWN, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_EARLY]            = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_RATE]             = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_OTHER_4XX]        = {REFUSE, UNKNOWN, UNKNOWN, FAIL,          UNKNOWN, UNKNOWN, UNKNOWN, RESUBMIT, EFFECT_NONE},
    [CLASS_SERVER]           = {AGAIN_REPLAYED, UNKNOWN, UNKNOWN, AGAIN, POLL_LIMITED, POLL_LIMITED, POLL_LIMITED, POLL_LIMITED, EFFECT_NONE},
    [CLASS_GATEWAY]          = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_UNAVAILABLE]      = {AGAIN, UNKNOWN, UNKNOWN, AGAIN,          POLL, POLL, POLL, POLL, EFFECT_NONE},
    [CLASS_ODD]              = {UNKNOWN, UNKNOWN, UNKNOWN, AGAIN,        POLL_LIMITED, POLL_LIMITED, POLL_LIMITED, POLL_LIMITED, EFFECT_NONE},
};
/* clang-format on */

static const char why_expired[] = "expires_at passed before it could be sent";
static const char why_late[] =
    "it may have been executed, and the gateway may have forgotten its key by now";

static bool
key_is_late(const struct policy_facts *facts, const struct txn *txn)
{
	/* In doubt about the time, a key counts as remembered: nothing is sent again before trust
	 * returns. */
	return facts->now_trusted && txn_key_is_late(txn, facts->now, facts->key_window_ms);
}

static enum action
look_up(const struct policy_facts *facts, enum answer_class class)
{
	const struct line *line = &table[class];
	bool poll = facts->phase == PHASE_POLL;

	switch (facts->txn->kind) {
	case KIND_KEYLESS:
		return poll ? line->poll_keyless : line->keyless;
	case KIND_SAFE:
		return poll ? line->poll_safe : line->safe;
	case KIND_KEYED:
		break;
	}
	if (key_is_late(facts, facts->txn))
		return poll ? line->poll_late : line->late;
	return poll ? line->poll_keyed : line->keyed;
}

/* Was an earlier attempt of this row possibly effective? */
static bool
exposed_earlier(const struct policy_facts *facts)
{
	return facts->txn->exposed_before != TIME_NONE;
}

static struct decision
only(enum event event)
{
	return (struct decision){.event = event, .then = event};
}

static struct decision
finish(enum result result, const char *why)
{
	struct decision decision = only(EVENT_FINISH);

	decision.result = result;
	decision.why = why;
	return decision;
}

/* first: what must be on record before the row is parked; EVENT_HOLD for nothing. */
static struct decision
hold(enum event first, enum hold_cause cause, const char *why)
{
	return (struct decision){
	    .event = first, .then = EVENT_HOLD, .hold = cause, .alert = true, .why = why};
}

static struct decision
finish_or(bool again, enum event event, const char *why_unknown)
{
	if (again)
		return only(event);
	return finish(RESULT_UNKNOWN, why_unknown);
}

static struct decision
fetch(const struct policy_facts *facts)
{
	enum event record = facts->phase == PHASE_POLL ? EVENT_NOT_READY : EVENT_PENDING;

	switch (facts->fetch) {
	case FETCH_ADMITTED:
		return only(record);
	case FETCH_REFUSED:
		return hold(record, HOLD_FETCH_URL,
		    "the fetch URL points outside the destination and was not contacted");
	case FETCH_NONE:
		break;
	}
	if (facts->phase == PHASE_POLL)
		return only(EVENT_NOT_READY);
	return finish(
	    RESULT_UNKNOWN, "the answer says \"fetch later\" but gives no usable fetch URL");
}

static struct decision
refuse(const struct policy_facts *facts)
{
	bool final = !exposed_earlier(facts) ||
		     (facts->replay == REPLAY_ALL && facts->txn->kind == KIND_KEYED &&
			 !key_is_late(facts, facts->txn));

	if (final)
		return finish(RESULT_FAILED, NULL);
	return finish(RESULT_UNKNOWN,
	    "the gateway refused a repeated request; an earlier attempt may have succeeded");
}

static struct decision
act(enum action action, const struct policy_facts *facts)
{
	switch (action) {
	case SUCCEED:
		return finish(RESULT_SUCCEEDED, NULL);
	case FAIL:
		return finish(RESULT_FAILED, NULL);
	case REFUSE:
		return refuse(facts);
	case CONFLICT:
		if (!exposed_earlier(facts))
			return finish(RESULT_FAILED, NULL);
		return hold(EVENT_HOLD, HOLD_KEY_CONFLICT,
		    "the gateway answered 422 to a repeated request: it may know this key with "
		    "another "
		    "body");
	case FETCH:
		return fetch(facts);
	case UNSENT:
		return only(EVENT_UNSENT);
	case REQUEUE:
		return only(EVENT_UNPROCESSED);
	case AGAIN:
	case RESUBMIT:
		return only(EVENT_AGAIN);
	case AGAIN_LIMITED:
		return finish_or(facts->same_before + 1 < POLICY_SUBMIT_LIMIT, EVENT_AGAIN,
		    "the same unusable answer came several times");
	case AGAIN_REPLAYED:
		return finish_or(
		    facts->replay == REPLAY_ALL && facts->same_before + 1 < POLICY_SUBMIT_LIMIT,
		    EVENT_AGAIN, "the gateway failed; a repeat might execute the request again");
	case AGAIN_A_WHILE:
		return finish_or(facts->same_since == TIME_NONE || !facts->now_trusted ||
				     facts->now - facts->same_since < POLICY_CONFLICT_MS,
		    EVENT_AGAIN, "the gateway kept answering 409 (conflict)");
	case UNKNOWN:
		return finish(RESULT_UNKNOWN, NULL);
	case POLL:
		return only(EVENT_NOT_READY);
	case POLL_LIMITED:
		return finish_or(facts->same_before + 1 < POLICY_POLL_LIMIT, EVENT_NOT_READY,
		    "polling brought the same unusable answer several times");
	case HOLD_ROW:
		return hold(
		    EVENT_HOLD, HOLD_REDIRECT, "the poll was redirected, which is never followed");
	}
	assert(0 && "the retry table has a hole");
	return finish(RESULT_UNKNOWN, NULL);
}

static bool
past_deadline(const struct policy_facts *facts)
{
	return facts->phase == PHASE_POLL && facts->now_trusted &&
	       facts->txn->deadline_at != TIME_NONE && facts->now >= facts->txn->deadline_at;
}

/*
 * A poll that would go on past its deadline: one more complete poll, begun after it, then unknown.
 * A refusal of our credentials or a certificate that fails says nothing about the transaction: it
 * waits with its destination.
 */
static struct decision
end_of_polling(const struct policy_facts *facts, struct decision decision)
{
	if (decision.event != EVENT_NOT_READY || !past_deadline(facts))
		return decision;
	if (decision.effect == EFFECT_HOLD_CREDENTIALS || decision.effect == EFFECT_HOLD_TRUST ||
	    decision.effect == EFFECT_LOGIN)
		return decision;
	if (facts->txn->started_at < facts->txn->deadline_at)
		return decision;
	if (!facts->answered && facts->same_before + 1 < POLICY_POLL_LIMIT)
		return decision;
	decision.event = EVENT_FINISH;
	decision.then = EVENT_FINISH;
	decision.result = RESULT_UNKNOWN;
	decision.hold = HOLD_NONE;
	decision.why = "no final answer before the poll deadline";
	return decision;
}

/* A submit that would be repeated after its time: unknown when it may have happened, else expired.
 */
static struct decision
end_of_trying(const struct policy_facts *facts, struct decision decision)
{
	struct txn after = *facts->txn;
	struct txn_step step = {.event = decision.event, .now = facts->now};

	if (decision.event != EVENT_UNSENT && decision.event != EVENT_UNPROCESSED &&
	    decision.event != EVENT_AGAIN)
		return decision;
	if (!facts->now_trusted || txn_apply(&after, &step) == -1)
		return decision;
	if (!txn_exposed(&after) && after.deadline_at != TIME_NONE &&
	    facts->now >= after.deadline_at) {
		decision.then = EVENT_FINISH;
		decision.result = RESULT_EXPIRED;
		decision.why = why_expired;
	} else if (key_is_late(facts, &after)) {
		decision.then = EVENT_FINISH;
		decision.result = RESULT_UNKNOWN;
		decision.why = why_late;
	} else if (facts->give_up_at != TIME_NONE && facts->now >= facts->give_up_at) {
		decision.then = EVENT_FINISH;
		decision.result = txn_exposed(&after) ? RESULT_UNKNOWN : RESULT_EXPIRED;
		decision.why = "give_up_after passed";
	}
	return decision;
}

bool
policy_needs_history(const struct policy_facts *facts, const struct verdict *verdict)
{
	switch (look_up(facts, verdict->class)) {
	case AGAIN_LIMITED:
	case AGAIN_REPLAYED:
	case AGAIN_A_WHILE:
	case POLL_LIMITED:
		return true;
	case SUCCEED:
	case FAIL:
	case REFUSE:
	case CONFLICT:
	case FETCH:
	case UNSENT:
	case REQUEUE:
	case AGAIN:
	case UNKNOWN:
	case POLL:
	case RESUBMIT:
	case HOLD_ROW:
		break;
	}
	return past_deadline(facts);
}

struct decision
policy_decide(const struct policy_facts *facts, const struct verdict *verdict)
{
	enum action action = look_up(facts, verdict->class);
	struct decision decision = act(action, facts);
	enum destination_effect effect = table[verdict->class].effect;

	/* A redirected poll holds its row only; credentials and sessions count in both phases. */
	decision.effect =
	    facts->phase == PHASE_POLL && effect == EFFECT_HOLD_REDIRECT ? EFFECT_NONE : effect;
	decision = end_of_polling(facts, decision);
	decision = end_of_trying(facts, decision);
	if (decision.then == EVENT_FINISH && decision.result == RESULT_UNKNOWN)
		decision.alert = true;
	if (effect != EFFECT_NONE && effect != EFFECT_LOGIN)
		decision.alert = true;
	return decision;
}

int
policy_before_claim(const struct policy_facts *facts, enum result *result, const char **why)
{
	const struct txn *txn = facts->txn;

	if (!facts->now_trusted)
		return 0;
	if (!txn_exposed(txn) && txn->deadline_at != TIME_NONE && facts->now >= txn->deadline_at) {
		*result = RESULT_EXPIRED;
		*why = why_expired;
		return 1;
	}
	if (txn->frozen && key_is_late(facts, txn)) {
		*result = RESULT_UNKNOWN;
		*why = why_late;
		return 1;
	}
	if (facts->give_up_at != TIME_NONE && facts->now >= facts->give_up_at) {
		*result = txn_exposed(txn) ? RESULT_UNKNOWN : RESULT_EXPIRED;
		*why = "give_up_after passed";
		return 1;
	}
	return 0;
}
