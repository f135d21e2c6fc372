/*
 * verdict.h - what an answer means: the profile's rules first, then the class of its HTTP status.
 *
 * Pure: the answer and the profile go in, a class comes out. What the class does to the row is
 * policy.h's.
 */
#ifndef OUTBOXD_CORE_VERDICT_H
#define OUTBOXD_CORE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/answer.h"
#include "core/reply.h"
#include "core/rules.h"

/* The lines of the retry table (policy.c). */
enum answer_class {
	/* no answer */
	CLASS_UNSENT,   /* provably nothing left: network trouble, or our own refusal */
	CLASS_UNUSABLE, /* nothing left, and only a person can mend it: trust, set-up, address */
	CLASS_LOST,     /* bytes may have left; no usable answer */
	/* by a rule of the profile */
	CLASS_SUCCEEDED,
	CLASS_FAILED,
	CLASS_PENDING, /* with a candidate for a fetch URL */
	CLASS_PENDING_NO_URL,
	CLASS_NOT_READY,
	CLASS_UNPROCESSED,      /* by a rule, or by the list of statuses */
	CLASS_AUTH_UNPROCESSED, /* the same for 401 and 403: the credentials are refused as well */
	CLASS_LOGIN,
	CLASS_HOLD,
	CLASS_RETRY,
	CLASS_UNKNOWN,
	/* inside an unwrapped document */
	CLASS_INNER_SERVER,    /* inner 5xx */
	CLASS_INNER_UNDECIDED, /* no inner status, or none that a rule understands */
	/* by HTTP status alone */
	CLASS_UNDECIDED,   /* 2xx: cut off, too large, or no rule matches; a 4xx that is not a
			      document */
	CLASS_REDIRECT,    /* 3xx */
	CLASS_SEE_OTHER,   /* 303 */
	CLASS_BAD_REQUEST, /* 400 */
	CLASS_AUTH,        /* 401, 403, 407 where they prove nothing */
	CLASS_NOT_FOUND,   /* 404 */
	CLASS_REFUSED,     /* 402, 405, 410, 413, 415, 451 */
	CLASS_TIMEOUT,     /* 408 */
	CLASS_CONFLICT,    /* 409 */
	CLASS_CONTENT,     /* 422 */
	CLASS_EARLY,       /* 421, 425 */
	CLASS_RATE,        /* 429 */
	CLASS_OTHER_4XX,
	CLASS_SERVER,      /* 500, 501 and 5xx that nobody defined */
	CLASS_GATEWAY,     /* 502, 504, 520-530 */
	CLASS_UNAVAILABLE, /* 503 */
	CLASS_ODD,         /* no HTTP status of this world */
};
enum { CLASS_COUNT = 33 };

/* What the verdict depends on besides the answer. */
struct verdict_context {
	const struct profile *profile;
	const struct operation *operation;
	const int *unprocessed; /* the destination's effective list */
	size_t unprocessed_count;
	bool exposed_earlier; /* an earlier attempt of this row may have had an effect */
};

struct verdict {
	enum answer_class class;
	char rule[64];    /* the rule's name, or the class's own: outbox_attempt.rule */
	int http_status;  /* the inner one after unwrapping; 0: none */
	const char *body; /* what the result keeps: the answer's bytes, or the inner document's */
	size_t body_length;
	const char *url; /* PENDING, NOT_READY: candidate for a fetch URL, or NULL */
	bool unwrapped;
	char reason[256]; /* from the rule; "" when it gives none; printable ASCII or UTF-8, no
			     control characters */
	const char *document_error; /* why the body is not an acceptable document, or NULL */
	struct reply *documents[2]; /* what the pointers above point into */
};

/*
 * Judges. The verdict's pointers live as long as both the answer and the verdict; free with
 * verdict_free(), also after -1. -1 when memory is short (nothing is decided then).
 */
int verdict_judge(
    const struct verdict_context *context, const struct answer *answer, struct verdict *verdict);
void verdict_free(struct verdict *verdict);

const char *answer_class_name(enum answer_class class);

#endif
