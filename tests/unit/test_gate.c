/*
 * test_gate.c - how much may go to a destination: slots, ramp, rate, breaker, probes, holds, and
 * when to look again (promise P18).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/gate.h"

enum { T0 = 1000000, PROBE = 30000, PROBE_MAX = 600000 };

static const struct gate_limits usual = {.concurrency = 8,
    .poll_concurrency = 64,
    .rate_per_second = 0,
    .ramp_ms = 0,
    .probe_ms = PROBE,
    .probe_max_ms = PROBE_MAX};

static struct gate
open_gate(const struct gate_limits *limits)
{
	struct gate gate;

	gate_init(&gate, limits, T0);
	return gate;
}

/* One exchange, begun and ended. True: it shut the breaker. */
static bool
exchange(struct gate *gate, enum kind kind, enum gate_outcome outcome, int64_t now)
{
	gate_started(gate, PHASE_SUBMIT, now);
	return gate_ended(gate, PHASE_SUBMIT, kind, outcome, now);
}

static void
test_slots(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	assert_int_equal(gate_submit_slots(&gate, T0), 8);
	assert_int_equal(gate_poll_slots(&gate, T0), 64);
	for (int i = 0; i < 8; i++)
		gate_started(&gate, PHASE_SUBMIT, T0);
	assert_int_equal(gate_submit_slots(&gate, T0), 0);
	assert_int_equal(gate_poll_slots(&gate, T0), 64); /* polls have their own */
	for (int i = 0; i < 64; i++)
		gate_started(&gate, PHASE_POLL, T0);
	assert_int_equal(gate_poll_slots(&gate, T0), 0);
	(void)gate_ended(&gate, PHASE_SUBMIT, KIND_KEYED, GATE_GOOD, T0);
	assert_int_equal(gate_submit_slots(&gate, T0), 1);
	assert_int_equal(gate_poll_slots(&gate, T0), 0);
	(void)gate_ended(&gate, PHASE_POLL, KIND_KEYED, GATE_BAD, T0);
	assert_int_equal(gate_poll_slots(&gate, T0), 1);
}

static void
test_smaller_limits_while_in_flight(void **state)
{
	struct gate gate = open_gate(&usual);
	struct gate_limits smaller = usual;

	(void)state;
	for (int i = 0; i < 8; i++)
		gate_started(&gate, PHASE_SUBMIT, T0);
	smaller.concurrency = 2;
	gate_limit(&gate, &smaller);
	assert_int_equal(gate_submit_slots(&gate, T0), 0); /* not negative */
	for (int i = 0; i < 7; i++)
		(void)gate_ended(&gate, PHASE_SUBMIT, KIND_KEYED, GATE_GOOD, T0);
	assert_int_equal(gate_submit_slots(&gate, T0), 1);
}

/* From 1 to 8 over 60 s, evenly; it wakes up as it grows. */
static void
test_ramp(void **state)
{
	struct gate_limits limits = usual;
	struct gate gate;
	int before = 0;

	(void)state;
	limits.ramp_ms = 60000;
	gate = open_gate(&limits);
	assert_int_equal(gate_submit_slots(&gate, T0), 1);
	assert_int_equal(gate_submit_slots(&gate, T0 + 30000), 4);
	assert_int_equal(gate_submit_slots(&gate, T0 + 59999), 7);
	assert_int_equal(gate_submit_slots(&gate, T0 + 60000), 8);
	for (int64_t now = T0; now < T0 + 60000;) {
		int64_t wake_at = gate_wake_at(&gate, now);

		assert_true(wake_at > now);
		now = wake_at;
		assert_true(gate_submit_slots(&gate, now) >= before);
		before = gate_submit_slots(&gate, now);
	}
	assert_int_equal(before, 8);
	assert_int_equal(gate_wake_at(&gate, T0 + 60000), TIME_NONE);
}

static int
sent_within(struct gate *gate, int64_t from, int64_t to)
{
	int sent = 0;

	for (int64_t now = from; now < to; now++)
		while (gate_submit_slots(gate, now) > 0) {
			(void)exchange(gate, KIND_KEYED, GATE_GOOD, now);
			sent++;
		}
	return sent;
}

static void
test_rate(void **state)
{
	static const double rates[] = {0.5, 1, 3, 50, 200};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct gate_limits limits = usual;
		struct gate gate;
		int expected = (int)(rates[i] * 20);
		int sent;

		limits.rate_per_second = rates[i];
		gate = open_gate(&limits);
		sent = sent_within(&gate, T0, T0 + 20000);
		assert_in_range(sent, expected, expected + 1 + (int)(rates[i] / 10));
		/* after an idle hour no more than a tenth of a second's worth comes at once */
		assert_in_range(
		    sent_within(&gate, T0 + 3600000, T0 + 3600001), 1, 1 + (int)(rates[i] / 10));
		assert_true(gate_wake_at(&gate, T0 + 3600001) > T0 + 3600001);
	}
}

/* Polls are not counted against the rate of submits. */
static void
test_rate_leaves_polls_alone(void **state)
{
	struct gate_limits limits = usual;
	struct gate gate;

	(void)state;
	limits.rate_per_second = 1;
	gate = open_gate(&limits);
	for (int i = 0; i < 50; i++)
		gate_started(&gate, PHASE_POLL, T0);
	assert_int_equal(gate_submit_slots(&gate, T0), 1);
}

/* --- breaker --- */

static void
test_breaker_needs_a_full_sample(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	for (int i = 0; i < GATE_SAMPLE - 1; i++)
		assert_false(exchange(&gate, KIND_KEYED, GATE_BAD, T0));
	assert_int_equal(gate.shut, GATE_OPEN);
	assert_true(exchange(&gate, KIND_KEYED, GATE_BAD, T0));
	assert_int_equal(gate.shut, GATE_BREAKER);
	assert_int_equal(gate_submit_slots(&gate, T0), 0);
	assert_int_equal(gate_poll_slots(&gate, T0), 64); /* polls go on */
}

static void
test_breaker_at_half(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	/* 9 of the last 20 are bad: open; the oldest fall out of the sample */
	for (int i = 0; i < 40; i++)
		assert_false(exchange(&gate, KIND_KEYED, i % 20 < 9 ? GATE_BAD : GATE_GOOD, T0));
	/* a bad one for a good one */
	for (int i = 0; i < 9; i++)
		assert_false(exchange(&gate, KIND_KEYED, GATE_BAD, T0));
	assert_true(exchange(&gate, KIND_KEYED, GATE_AMBIGUOUS, T0));
}

/* Keyless: each try may burn an order. */
static void
test_breaker_keyless(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	assert_false(exchange(&gate, KIND_KEYLESS, GATE_AMBIGUOUS, T0));
	assert_false(exchange(&gate, KIND_KEYLESS, GATE_GOOD, T0));
	assert_false(exchange(&gate, KIND_KEYLESS, GATE_AMBIGUOUS, T0)); /* not in a row */
	assert_false(exchange(&gate, KIND_KEYED, GATE_AMBIGUOUS, T0));   /* harmless */
	assert_false(exchange(&gate, KIND_KEYLESS, GATE_NEUTRAL, T0));   /* our own refusal */
	assert_true(exchange(&gate, KIND_KEYLESS, GATE_AMBIGUOUS, T0));
	assert_int_equal(gate.shut, GATE_BREAKER);
}

static void
test_our_own_refusals_do_not_count(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(exchange(&gate, KIND_KEYED, GATE_NEUTRAL, T0));
	for (int i = 0; i < 100; i++) {
		gate_started(&gate, PHASE_POLL, T0);
		assert_false(gate_ended(&gate, PHASE_POLL, KIND_KEYED, GATE_BAD, T0));
	}
	assert_int_equal(gate.shut, GATE_OPEN);
	assert_int_equal(gate_submit_slots(&gate, T0), 8);
}

/* One probe at a time, at intervals that double to the maximum. */
static void
test_probes(void **state)
{
	struct gate gate = open_gate(&usual);
	int64_t delay = PROBE;
	int64_t now = T0;

	(void)state;
	gate_close(&gate, GATE_BREAKER, T0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(gate_submit_slots(&gate, now), 0);
		assert_int_equal(gate_submit_slots(&gate, now + delay - 1), 0);
		assert_int_equal(gate_wake_at(&gate, now), now + delay);
		now += delay;
		assert_int_equal(gate_submit_slots(&gate, now), 1);
		gate_started(&gate, PHASE_SUBMIT, now);
		assert_int_equal(gate_submit_slots(&gate, now), 0);
		assert_false(gate_ended(&gate, PHASE_SUBMIT, KIND_KEYED, GATE_BAD, now));
		delay = delay * 2 > PROBE_MAX ? PROBE_MAX : delay * 2;
	}
	assert_int_equal(delay, PROBE_MAX);
	/* a probe still in flight is the only one */
	now += delay;
	gate_started(&gate, PHASE_SUBMIT, now);
	assert_int_equal(gate_submit_slots(&gate, now + 10 * delay), 0);
	/* it went well: open, slowly, and forgetful */
	assert_false(gate_ended(&gate, PHASE_SUBMIT, KIND_KEYED, GATE_GOOD, now));
	assert_int_equal(gate.shut, GATE_OPEN);
	for (int i = 0; i < GATE_SAMPLE - 1; i++)
		assert_false(exchange(&gate, KIND_KEYED, GATE_BAD, now));
	assert_true(exchange(&gate, KIND_KEYED, GATE_BAD, now));
	assert_int_equal(gate_wake_at(&gate, now), now + PROBE); /* from the beginning again */
}

/* Polls that go on must not keep the breaker's probe waiting. */
static void
test_breaker_probes_beside_polls(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	gate_close(&gate, GATE_BREAKER, T0);
	gate_started(&gate, PHASE_POLL, T0);
	assert_int_equal(gate_submit_slots(&gate, T0 + PROBE), 1);
	gate_started(&gate, PHASE_SUBMIT, T0 + PROBE);
	assert_int_equal(gate_poll_slots(&gate, T0 + PROBE), 63);
}

static void
test_ramp_after_recovery(void **state)
{
	struct gate_limits limits = usual;
	struct gate gate;

	(void)state;
	limits.ramp_ms = 60000;
	gate = open_gate(&limits);
	gate_close(&gate, GATE_BREAKER, T0 + 100000);
	gate_open(&gate, T0 + 200000);
	assert_int_equal(gate_submit_slots(&gate, T0 + 200000), 1);
	assert_int_equal(gate_submit_slots(&gate, T0 + 260000), 8);
}

/* --- holds --- */

static void
test_holds(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	/* credentials, trust: one probe, of either phase */
	gate_close(&gate, GATE_HELD_PROBED, T0);
	assert_int_equal(gate_submit_slots(&gate, T0 + PROBE - 1), 0);
	assert_int_equal(gate_poll_slots(&gate, T0 + PROBE - 1), 0);
	assert_int_equal(gate_submit_slots(&gate, T0 + PROBE), 1);
	assert_int_equal(gate_poll_slots(&gate, T0 + PROBE), 1);
	gate_started(&gate, PHASE_POLL, T0 + PROBE);
	assert_int_equal(gate_submit_slots(&gate, T0 + PROBE), 0);
	assert_int_equal(gate_poll_slots(&gate, T0 + 100 * PROBE), 0);
	(void)gate_ended(&gate, PHASE_POLL, KIND_KEYED, GATE_GOOD, T0 + PROBE);
	/* a failed probe says so by the same hold, and the interval goes on growing */
	gate_close(&gate, GATE_HELD_PROBED, T0 + PROBE);
	assert_int_equal(gate_wake_at(&gate, T0 + PROBE), T0 + PROBE + 2 * PROBE);

	/* redirects, rules, foreign URLs: a person; polls go on */
	gate_close(&gate, GATE_HELD, T0);
	assert_int_equal(gate_submit_slots(&gate, T0 + 1000 * PROBE), 0);
	assert_int_equal(gate_poll_slots(&gate, T0), 64);
	assert_false(gate_may_probe(&gate, T0 + 1000 * PROBE));
	assert_int_equal(gate_wake_at(&gate, T0), TIME_NONE);

	/* the operator's own: polls wait too */
	gate_close(&gate, GATE_STOPPED, T0);
	assert_int_equal(gate_submit_slots(&gate, T0 + 1000 * PROBE), 0);
	assert_int_equal(gate_poll_slots(&gate, T0 + 1000 * PROBE), 0);
	assert_int_equal(gate_wake_at(&gate, T0), TIME_NONE);
}

/* The stronger hold stays, whatever comes after it. */
static void
test_holds_outrank(void **state)
{
	static const enum gate_shut rank[] = {
	    GATE_BREAKER, GATE_HELD_PROBED, GATE_HELD, GATE_STOPPED};

	(void)state;
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++) {
			struct gate gate = open_gate(&usual);

			gate_close(&gate, rank[a], T0);
			gate_close(&gate, rank[b], T0);
			assert_int_equal(gate.shut, a > b ? rank[a] : rank[b]);
		}
}

/* What was in flight when the hold came ends without opening it. */
static void
test_late_answers_do_not_open_a_hold(void **state)
{
	static const enum gate_shut holds[] = {GATE_HELD_PROBED, GATE_HELD, GATE_STOPPED};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct gate gate = open_gate(&usual);

		gate_started(&gate, PHASE_SUBMIT, T0);
		gate_close(&gate, holds[i], T0);
		assert_false(gate_ended(&gate, PHASE_SUBMIT, KIND_KEYED, GATE_GOOD, T0));
		assert_int_equal(gate.shut, holds[i]);
		/* and failures do not make less of it */
		for (int n = 0; n < 2 * GATE_SAMPLE; n++)
			assert_false(exchange(&gate, KIND_KEYLESS, GATE_AMBIGUOUS, T0));
		assert_int_equal(gate.shut, holds[i]);
	}
}

/* 429: nothing goes there before the time that it asked for. */
static void
test_slow(void **state)
{
	struct gate gate = open_gate(&usual);

	(void)state;
	gate_slow(&gate, T0 + 5000);
	gate_slow(&gate, T0 + 1000); /* the later one counts */
	assert_int_equal(gate_submit_slots(&gate, T0 + 4999), 0);
	assert_int_equal(gate_poll_slots(&gate, T0 + 4999), 0);
	assert_int_equal(gate_wake_at(&gate, T0), T0 + 5000);
	assert_int_equal(gate_submit_slots(&gate, T0 + 5000), 8);
	assert_int_equal(gate_poll_slots(&gate, T0 + 5000), 64);
	gate_close(&gate, GATE_BREAKER, T0);
	gate_slow(&gate, T0 + 10 * PROBE);
	assert_false(gate_may_probe(&gate, T0 + 2 * PROBE));
	assert_int_equal(gate_wake_at(&gate, T0), T0 + 10 * PROBE);
	assert_true(gate_may_probe(&gate, T0 + 10 * PROBE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_slots),
	    cmocka_unit_test(test_smaller_limits_while_in_flight),
	    cmocka_unit_test(test_ramp),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_rate_leaves_polls_alone),
	    cmocka_unit_test(test_breaker_needs_a_full_sample),
	    cmocka_unit_test(test_breaker_at_half),
	    cmocka_unit_test(test_breaker_keyless),
	    cmocka_unit_test(test_our_own_refusals_do_not_count),
	    cmocka_unit_test(test_probes),
	    cmocka_unit_test(test_breaker_probes_beside_polls),
	    cmocka_unit_test(test_ramp_after_recovery),
	    cmocka_unit_test(test_holds),
	    cmocka_unit_test(test_holds_outrank),
	    cmocka_unit_test(test_late_answers_do_not_open_a_hold),
	    cmocka_unit_test(test_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
