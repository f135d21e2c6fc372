/*
 * txn.h - where a transaction stands, and the only ways it can move.
 *
 *                     +---------+   parent succeeded
 *                     | blocked |--------------------+
 *                     +---------+                    v
 *                                                +--------+
 *        +------------------ claim --------------| queued |
 *        |                                       +--------+
 *        |          +-------+   unsent, unprocessed, again, crash
 *        +--claim---| retry |<-------------------------+----------------+
 *        v          +-------+                          |                |
 *   keyless: +---------+  first byte next   +---------+                 |
 *            | claimed |------------------->| sending |                 |
 *            +---------+    keyed, safe: -->+---------+                 |
 *                                             |     | fetch URL         |
 *                                             |     v                   |
 *        held <---- any open state            |  +---------+ again      |
 *        held ----> where it came from        |  | pending |------------+
 *                                             v  +---------+  (keyed, safe)
 *                                         +------+  |
 *                                         | done |<-+
 *                                         +------+
 *
 * The names are the ones on disk (outbox_delivery.state, .result, .kind, .hold_cause): they are
 * frozen. txn_apply() is the only code that changes a struct txn; the store writes what it decided.
 */
#ifndef OUTBOXD_CORE_TXN_H
#define OUTBOXD_CORE_TXN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules.h"

#define TIME_NONE INT64_C(-1) /* NULL on disk */

enum state {
	STATE_BLOCKED, /* its parent has not succeeded yet */
	STATE_QUEUED,  /* never exposed */
	STATE_CLAIMED, /* keyless, being connected: provably unsent */
	STATE_SENDING, /* the intent is durable; bytes may have left */
	STATE_RETRY,   /* due again: same key, same bytes */
	STATE_PENDING, /* a fetch URL is known: only polled */
	STATE_HELD,    /* parked by a surprise */
	STATE_DONE,    /* a result exists */
};
enum { STATE_COUNT = 8 };

enum result {
	RESULT_NONE,
	RESULT_SUCCEEDED,
	RESULT_FAILED,
	RESULT_EXPIRED,
	RESULT_CANCELED,
	RESULT_INVALID,
	RESULT_UNKNOWN,
};
enum { RESULT_COUNT = 7 };

/* Why a row is held; decides what frees it. */
enum hold_cause {
	HOLD_NONE,
	HOLD_CONFIGURATION, /* destination or operation unknown: a reload that knows them releases
			       it */
	HOLD_OPERATOR,      /* a person said so */
	HOLD_FETCH_URL,     /* the fetch URL points elsewhere */
	HOLD_REDIRECT,      /* a poll was redirected */
	HOLD_FROZEN,        /* what would be sent differs from what was sent before */
	HOLD_KEY_CONFLICT,  /* the gateway says that the key belongs to another request */
	HOLD_RESTORED,      /* the database was restored or copied: it may already have been sent */
};
enum { HOLD_COUNT = 8 };

enum event {
	EVENT_PARENT_SUCCEEDED, /* blocked -> queued */
	EVENT_CLAIM,            /* -> claimed (keyless) or sending (keyed, safe) */
	EVENT_SEND,             /* claimed -> sending: the next byte leaves */
	EVENT_UNSENT,           /* the attempt provably sent nothing */
	EVENT_UNPROCESSED,      /* the gateway proved that nothing happened */
	EVENT_AGAIN,            /* keyed, safe: send once more under the same key */
	EVENT_PENDING,          /* a fetch URL arrived */
	EVENT_POLL,             /* a poll starts */
	EVENT_NOT_READY,        /* a poll ended without a final answer */
	EVENT_HOLD,
	EVENT_RELEASE,
	EVENT_FINISH,   /* a result, by evidence or by rule */
	EVENT_CRASH,    /* the daemon that had it in flight is gone */
	EVENT_RESUBMIT, /* a person orders a new submission */
	EVENT_RESOLVE,  /* a person states the result */
	EVENT_RESTORED, /* keyed, safe, held: a restored database may have sent it since it became
			   eligible */
};
enum { EVENT_COUNT = 16 };

/* The facts of a transaction, as on disk in outbox_delivery. Times are Unix ms or TIME_NONE. */
struct txn {
	int64_t id;
	enum state state;
	enum state resume_state; /* of a held row */
	enum hold_cause hold;    /* of a held row */
	enum result result;      /* of a done row */
	bool frozen;             /* kind and request are fixed since the first claim */
	enum kind kind;          /* only when frozen */
	bool has_fetch_url;
	int64_t due_at;         /* when it is next to be looked at; TIME_NONE: not by itself */
	int64_t eligible_at;    /* since when it may be sent: give_up_after counts from here */
	int64_t not_before;     /* the app's word */
	int64_t deadline_at;    /* unexposed: its expires_at; pending: the end of polling */
	int64_t exposed_at;     /* start of the earliest attempt not proven effect-free */
	int64_t exposed_before; /* what exposed_at was before the attempt in flight */
	int64_t started_at;     /* start of the attempt in flight */
	int attempts;
	int polls;
	int failures;   /* in a row, for the backoff; a success of any kind resets it */
	int generation; /* raised only by an operator's new-key retry */
};

/* One event and what it needs to know. */
struct txn_step {
	enum event event;
	int64_t now;
	int64_t due_at; /* UNSENT, UNPROCESSED, AGAIN, PENDING, NOT_READY, RESUBMIT: when next */
	int64_t deadline_at;  /* PENDING: the end of polling */
	enum hold_cause hold; /* HOLD */
	enum result result;   /* FINISH, RESOLVE */
	bool new_key;         /* RESUBMIT: a new generation */
	bool checked;         /* RESUBMIT: a person made sure that nothing happened so far */
};

/*
 * Moves txn. 0; or -1 when this event cannot happen in this state or would break a promise (txn is
 * then unchanged): canceled, expired and invalid only while unexposed; a keyless row is sent again
 * only while unexposed or on a person's word; a row with a fetch URL is not submitted again at a
 * keyless operation; a held child whose parent has not succeeded can only be released; a result
 * changes only from unknown.
 */
int txn_apply(struct txn *txn, const struct txn_step *step);

/*
 * When a row goes on that waited for something else: at not_before, else at once. Not at
 * eligible_at alone, which comes from the app's clock: that may have been ahead, once.
 */
int64_t txn_resumes_at(const struct txn *txn, int64_t now);

/* Whether it may have had an effect. */
bool txn_exposed(const struct txn *txn);

/*
 * How long after exposed_at a keyed row may still be sent again: the gateway's key retention less
 * 10 % or 15 minutes, whichever is more (but never more than half of the retention).
 */
int64_t txn_key_window_ms(int64_t key_retention_ms);

/*
 * Whether the gateway may have forgotten the key of an exposed keyed row: its window has passed, or
 * exposed_at lies ahead of now, by a clock that was wrong then, so that nobody knows how long ago
 * it was. now must be trusted.
 */
bool txn_key_is_late(const struct txn *txn, int64_t now, int64_t key_window_ms);

/* Names as on disk. The parsers return -1 for an unknown name; NULL is NONE where there is a NONE.
 */
const char *state_name(enum state state);
const char *result_name(enum result result);       /* NULL for RESULT_NONE */
const char *hold_cause_name(enum hold_cause hold); /* NULL for HOLD_NONE */
const char *kind_name(enum kind kind);
const char *phase_name(enum phase phase);
const char *event_name(enum event event);
int state_parse(const char *name);
int result_parse(const char *name);
int hold_cause_parse(const char *name);
int kind_parse(const char *name);

#endif
