/*
 * gate.c - counts and times.
 */
#include "agent/gate.h"

#include <stddef.h>

static int
popcount(uint32_t word)
{
	int count = 0;

	for (; word != 0; word &= word - 1)
		count++;
	return count;
}

void
gate_init(struct gate *gate, const struct gate_limits *limits, int64_t now)
{
	*gate =
	    (struct gate){.limits = *limits, .ramp_since = now, .tokens = 1.0, .tokens_at = now};
}

void
gate_limit(struct gate *gate, const struct gate_limits *limits)
{
	gate->limits = *limits;
}

/* Concurrency grows evenly from 1 to the limit over the ramp. */
static int
ramped(const struct gate *gate, int64_t now)
{
	int64_t since = now - gate->ramp_since;
	int most = gate->limits.concurrency;

	if (since >= gate->limits.ramp_ms)
		return most;
	return 1 + (int)((most - 1) * since / gate->limits.ramp_ms);
}

static double
burst(const struct gate *gate)
{
	double most = gate->limits.rate_per_second / 10.0;

	return most < 1.0 ? 1.0 : most;
}

static void
refill(struct gate *gate, int64_t now)
{
	double most = burst(gate);

	gate->tokens += (double)(now - gate->tokens_at) * gate->limits.rate_per_second / 1000.0;
	gate->tokens_at = now;
	if (gate->tokens > most)
		gate->tokens = most;
}

static bool
probes(const struct gate *gate)
{
	return gate->shut == GATE_BREAKER || gate->shut == GATE_HELD_PROBED;
}

bool
gate_may_probe(const struct gate *gate, int64_t now)
{
	return probes(gate) && now >= gate->probe_at && now >= gate->slow_until;
}

void
gate_probed(struct gate *gate, int64_t now)
{
	gate->probe_at = now + gate->probe_delay;
	gate->probe_delay *= 2;
	if (gate->probe_delay > gate->limits.probe_max_ms)
		gate->probe_delay = gate->limits.probe_max_ms;
}

int
gate_submit_slots(struct gate *gate, int64_t now)
{
	int slots;

	if (now < gate->slow_until)
		return 0;
	if (gate->shut ==
	    GATE_BREAKER) /* polls go on beside it, and must not keep its probe waiting */
		return gate_may_probe(gate, now) && gate->submits == 0 ? 1 : 0;
	if (gate->shut != GATE_OPEN)
		return gate_may_probe(gate, now) && gate->submits == 0 && gate->polls == 0 ? 1 : 0;
	slots = ramped(gate, now) - gate->submits;
	if (slots > 0 && gate->limits.rate_per_second > 0) {
		refill(gate, now);
		if (slots > (int)gate->tokens)
			slots = (int)gate->tokens;
	}
	return slots > 0 ? slots : 0;
}

int
gate_poll_slots(const struct gate *gate, int64_t now)
{
	int slots = gate->limits.poll_concurrency - gate->polls;

	if (now < gate->slow_until || gate->shut == GATE_STOPPED)
		return 0;
	if (gate->shut == GATE_HELD_PROBED)
		return gate_may_probe(gate, now) && gate->submits == 0 && gate->polls == 0 ? 1 : 0;
	return slots > 0 ? slots : 0;
}

void
gate_started(struct gate *gate, enum phase phase, int64_t now)
{
	if (phase == PHASE_POLL)
		gate->polls++;
	else
		gate->submits++;
	if (phase != PHASE_POLL && gate->limits.rate_per_second > 0)
		gate->tokens -= 1.0;
	if (gate->shut == GATE_HELD_PROBED || (gate->shut == GATE_BREAKER && phase != PHASE_POLL))
		gate_probed(gate, now);
}

/* Keyless: each try may burn an order. Else half of a full sample. */
static bool
breaks(const struct gate *gate)
{
	return gate->keyless_strikes >= GATE_KEYLESS_STRIKES ||
	       (gate->sampled >= GATE_SAMPLE &&
		   popcount(gate->sample & ((1u << GATE_SAMPLE) - 1)) * 2 >= GATE_SAMPLE);
}

bool
gate_ended(
    struct gate *gate, enum phase phase, enum kind kind, enum gate_outcome outcome, int64_t now)
{
	if (phase == PHASE_POLL) {
		gate->polls--;
		return false;
	}
	gate->submits--;
	if (outcome == GATE_NEUTRAL)
		return false;
	if (outcome == GATE_GOOD && gate->shut == GATE_BREAKER) {
		gate_open(gate, now);
		return false;
	}
	gate->sample = gate->sample << 1 | (outcome == GATE_GOOD ? 0u : 1u);
	if (gate->sampled < GATE_SAMPLE)
		gate->sampled++;
	if (outcome == GATE_GOOD)
		gate->keyless_strikes = 0;
	else if (outcome == GATE_AMBIGUOUS && kind == KIND_KEYLESS)
		gate->keyless_strikes++;
	if (gate->shut != GATE_OPEN || !breaks(gate))
		return false;
	gate_close(gate, GATE_BREAKER, now);
	return true;
}

void
gate_close(struct gate *gate, enum gate_shut why, int64_t now)
{
	/* A person's hold outranks a probed one, which outranks the breaker. */
	if (why < gate->shut)
		return;
	if (why == gate->shut && probes(gate))
		return; /* a failed probe: keep the growing interval */
	gate->shut = why;
	gate->probe_delay = gate->limits.probe_ms;
	gate->probe_at = now;
	gate_probed(gate, now);
}

void
gate_open(struct gate *gate, int64_t now)
{
	gate->shut = GATE_OPEN;
	gate->sampled = 0;
	gate->sample = 0;
	gate->keyless_strikes = 0;
	gate->ramp_since = now;
}

void
gate_slow(struct gate *gate, int64_t until)
{
	if (until > gate->slow_until)
		gate->slow_until = until;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	if (a == TIME_NONE)
		return b;
	return b == TIME_NONE || a < b ? a : b;
}

int64_t
gate_wake_at(const struct gate *gate, int64_t now)
{
	int64_t at = TIME_NONE;

	if (gate->slow_until > now)
		return gate->slow_until;
	if (probes(gate))
		return gate->probe_at > now ? gate->probe_at : TIME_NONE;
	if (gate->shut != GATE_OPEN)
		return TIME_NONE;
	if (now - gate->ramp_since < gate->limits.ramp_ms && gate->limits.concurrency > 1)
		at = now + gate->limits.ramp_ms / gate->limits.concurrency + 1;
	if (gate->limits.rate_per_second > 0 && gate->tokens < 1.0)
		at = sooner(at, now + 1 + (int64_t)(1000.0 / gate->limits.rate_per_second));
	return at;
}
