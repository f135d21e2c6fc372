/*
 * exchange.h - one wire, one scripted peer, and what became of one request.
 */
#ifndef OUTBOXD_TESTS_EXCHANGE_H
#define OUTBOXD_TESTS_EXCHANGE_H

#include "edge/wire.h"
#include "lib/peer.h"

struct exchange {
	struct peer *peer;
	struct wire *wire;
	struct wire_request request; /* change it before exchange_run() */
	char url[128];
	int hook_calls;
	int hook_answer;
	struct wire_transfer *transfer; /* the last run's, taken */
	const struct wire_outcome *outcome;
};

/* A POST of a small JSON body on a fresh connection; loopback allowed, the peer's authority
 * trusted. */
void exchange_begin(struct exchange *e, enum peer_tls tls, peer_script *script, void *context);
/* Ends and checks nothing. */
void exchange_end(struct exchange *e);

/* Starts the request, waits for its end (fails the test after 10 s) and takes it. Hook calls are
 * counted anew. */
void exchange_run(struct exchange *e);
/* The same with a cancel after ms, counted from the start or from when the hook let the request go.
 */
void exchange_cancel_after(struct exchange *e, int ms);
void exchange_cancel_after_sent(struct exchange *e, int ms);

/* Asserts what the outcome is and how often the hook ran. */
void exchange_expect(const struct exchange *e, enum evidence evidence, int status, int hook_calls);
void exchange_expect_trouble(const struct exchange *e, enum wire_trouble trouble);

int64_t exchange_clock_ms(void); /* monotonic */

#endif
