/*
 * gate.h - how much may go to one destination right now.
 *
 * Concurrency, rate, ramp after start or recovery, Retry-After of the whole destination, circuit
 * breaker, and the probes of a held destination. Knows counts and times only, no rows and no wire.
 * Times are boot-clock ms.
 */
#ifndef OUTBOXD_AGENT_GATE_H
#define OUTBOXD_AGENT_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/txn.h"

enum { GATE_SAMPLE = 20, GATE_KEYLESS_STRIKES = 2 };

struct gate_limits {
	int concurrency;
	int poll_concurrency;
	double rate_per_second; /* 0: none */
	int64_t ramp_ms;
	int64_t probe_ms;
	int64_t probe_max_ms;
};

/* Why the gate is shut. A shut gate lets probes through when `probed`. */
enum gate_shut {
	GATE_OPEN,
	GATE_BREAKER,     /* too many failures: probed, opens by itself */
	GATE_HELD_PROBED, /* credentials, trust: probed; opens when a probe succeeds */
	GATE_HELD,        /* waits for a person; polls go on */
	GATE_STOPPED,     /* waits for a person; polls wait too */
};

struct gate {
	struct gate_limits limits;
	enum gate_shut shut;
	int submits; /* in flight */
	int polls;
	int64_t ramp_since;
	int64_t slow_until;
	int64_t probe_at; /* when the next probe may go */
	int64_t probe_delay;
	double tokens;
	int64_t tokens_at;
	uint32_t sample; /* the last outcomes, 1 = bad, newest in bit 0 */
	int sampled;
	int keyless_strikes;
};

enum gate_outcome {
	GATE_GOOD,      /* an answer that is no sign of trouble */
	GATE_BAD,       /* unsent, or a 5xx */
	GATE_AMBIGUOUS, /* may have been sent, no answer */
	GATE_NEUTRAL,   /* says nothing about the gateway: our own refusal */
};

void gate_init(struct gate *gate, const struct gate_limits *limits, int64_t now);
/* New limits; what is in flight and what is shut stays. */
void gate_limit(struct gate *gate, const struct gate_limits *limits);

/* How many may be started now. */
int gate_submit_slots(struct gate *gate, int64_t now);
int gate_poll_slots(const struct gate *gate, int64_t now);

void gate_started(struct gate *gate, enum phase phase, int64_t now);
/* True when this outcome shut the breaker (log it). */
bool gate_ended(
    struct gate *gate, enum phase phase, enum kind kind, enum gate_outcome outcome, int64_t now);

/* A login, too, is a probe. */
bool gate_may_probe(const struct gate *gate, int64_t now);
void gate_probed(struct gate *gate, int64_t now);

void gate_close(struct gate *gate, enum gate_shut why, int64_t now);
void gate_open(struct gate *gate, int64_t now);
void gate_slow(struct gate *gate, int64_t until);

/* When the answer of the two slot functions may change by time alone; TIME_NONE: not by time. */
int64_t gate_wake_at(const struct gate *gate, int64_t now);

#endif
