/*
 * policy.h - the retry table: class of answer x kind of operation -> what happens to the row and to
 * its destination.
 *
 * The reading rule for keyless operations: once a byte may have left, only three exits exist: a
 * parsed success, a parsed definite refusal in this answer (which may be a status that proves that
 * nothing happened, the only one that sends again), or `unknown`. Pure.
 */
#ifndef OUTBOXD_CORE_POLICY_H
#define OUTBOXD_CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/txn.h"
#include "core/verdict.h"

/* What an answer does to its destination, beside the row. */
enum destination_effect {
	EFFECT_NONE,
	EFFECT_HOLD_CREDENTIALS, /* 401, 403: hold, re-probe */
	EFFECT_HOLD_TRUST,       /* TLS, address, local files: hold, re-probe */
	EFFECT_HOLD_REDIRECT,    /* wait for the operator: a probe would be a real order */
	EFFECT_HOLD_RULE,        /* a rule of the profile says so: wait for the operator */
	EFFECT_LOGIN,            /* the session has expired */
};
enum { EFFECT_COUNT = 6 };

enum fetch_admission { FETCH_NONE, FETCH_ADMITTED, FETCH_REFUSED };

/* What the decision depends on besides the verdict. */
struct policy_facts {
	const struct txn *txn; /* in sending, claimed (submits) or pending (polls) */
	enum phase phase;
	bool answered;              /* evidence is ANSWERED */
	enum fetch_admission fetch; /* of the verdict's URL */
	enum replay replay;         /* of the operation at this destination */
	int64_t now;
	bool now_trusted;      /* else no deadline passes */
	int64_t key_window_ms; /* keyed: how long after exposed_at it may be sent again */
	int64_t give_up_at;    /* no further submit is planned after this; TIME_NONE: never */
	int same_before;       /* earlier exchanges of this row and phase with the same rule */
	int64_t same_since;    /* start of the earliest of them; TIME_NONE: there is none */
};

struct decision {
	enum event event; /* UNSENT, UNPROCESSED, AGAIN, PENDING, NOT_READY, HOLD or FINISH */
	enum event
	    then; /* HOLD or FINISH to apply right after it; the same as event: nothing more */
	enum result result;   /* of a FINISH */
	enum hold_cause hold; /* of a HOLD */
	enum destination_effect effect;
	bool alert; /* a person should hear of it now */
	const char
	    *why; /* a constant sentence when the verdict's own reason does not say it, or NULL */
};

/* Whether same_before and same_since count for this verdict; else they need not be looked up. */
bool policy_needs_history(const struct policy_facts *facts, const struct verdict *verdict);

struct decision policy_decide(const struct policy_facts *facts, const struct verdict *verdict);

/*
 * What to do with a due row before it is claimed: 0 when it may be submitted; 1 when it is finished
 * (*result, *why). The key window, expires_at and give_up_at are judged only in trusted time.
 */
int policy_before_claim(const struct policy_facts *facts, enum result *result, const char **why);

/* How many answers of one class are tried before a limited class gives up. */
enum { POLICY_SUBMIT_LIMIT = 3, POLICY_POLL_LIMIT = 5 };
enum { POLICY_CONFLICT_MS = 10 * 60 * 1000 };

#endif
