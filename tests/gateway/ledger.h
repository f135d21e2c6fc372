/*
 * ledger.h - the two append-only logs that make the gateway a witness: effects and requests.
 *
 * One JSON object a line, written and fdatasync'd before the answer may leave. A reset writes a
 * line {"reset":true}: whoever counts begins anew behind it.
 */
#ifndef FAKEGW_LEDGER_H
#define FAKEGW_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "text.h"

enum ledger_log { LEDGER_EFFECTS, LEDGER_REQUESTS, LEDGER_COUNT };

struct ledger {
	int fd[LEDGER_COUNT];
	off_t from[LEDGER_COUNT]; /* where /_fake/... begins to show */
	bool no_sync;
};

/* Opens (appending) or creates the files; NULL = a nameless temporary file. -1 with a message on
 * stderr. */
int ledger_open(struct ledger *ledger, const char *effects, const char *requests);
void ledger_close(struct ledger *ledger);

struct effect {
	const char *gateway;
	const char *operation;
	const char *reference;
	const char *key;    /* or NULL */
	const char *effect; /* "authorize", "capture", "order", "book", ... */
	const char *id;     /* what the gateway calls it */
	const char *amount; /* source text, or NULL */
};
void ledger_effect(struct ledger *ledger, const struct effect *effect);

struct request_note {
	unsigned long n;
	unsigned long connection;
	const char *gateway;
	const char *method;
	const char *target;
	const char *phase;
	const char *reference;
	const char *key; /* or NULL */
	const char *hash;
	size_t body_length;
	int status;        /* 0: none was sent, then fault says why */
	const char *fault; /* or NULL; with a status too when the answer was bent */
	bool effect;
	bool replay;
	bool stale; /* a poll of a URL that a newer one had replaced */
};
void ledger_request(struct ledger *ledger, const struct request_note *note);

/* Both logs say that counting begins anew. */
void ledger_reset(struct ledger *ledger);

/* Appends the lines since the last reset (or the start) of the process, as a JSON array. */
void ledger_array(const struct ledger *ledger, enum ledger_log which, struct text *out);

/* Appends a JSON object of counts: in all, and for each reference. */
void ledger_counts(const struct ledger *ledger, struct text *out);

#endif
