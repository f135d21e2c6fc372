/*
 * test_txn.c - every state x event pair, written out; the promises that a table of states cannot
 * say; and walks that try to break them (promises P2, P7, P9, P10).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/txn.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { NOW = 5000, LATER = 7000, DEADLINE = 9000, EARLIER = 1000, ELIGIBLE = 900 };

/* Who moves: a kind, and whether an earlier attempt may have had an effect. A safe row is never
 * exposed. */
static const struct who {
	enum kind kind;
	bool exposed;
} everybody[] = {
    {KIND_KEYED, false},
    {KIND_KEYED, true},
    {KIND_KEYLESS, false},
    {KIND_KEYLESS, true},
    {KIND_SAFE, false},
};

static const char letters[] = "BQCSRPHD"; /* in the order of enum state */

static struct txn
make(enum state state, const struct who *who)
{
	struct txn txn = {.id = 1,
	    .state = state,
	    .resume_state = STATE_DONE,
	    .frozen = true,
	    .kind = who->kind,
	    .has_fetch_url = state == STATE_PENDING,
	    .due_at = state == STATE_QUEUED || state == STATE_RETRY ? 0 : TIME_NONE,
	    .eligible_at = ELIGIBLE,
	    .deadline_at = TIME_NONE,
	    .exposed_at = who->exposed ? EARLIER : TIME_NONE,
	    .exposed_before = TIME_NONE,
	    .started_at = EARLIER,
	    .attempts = 1};

	if (state == STATE_HELD) {
		txn.hold = HOLD_OPERATOR;
		txn.resume_state = STATE_RETRY;
	}
	if (state == STATE_DONE)
		txn.result = RESULT_UNKNOWN;
	return txn;
}

static struct txn_step
step_of(enum event event)
{
	return (struct txn_step){.event = event,
	    .now = NOW,
	    .due_at = LATER,
	    .deadline_at = DEADLINE,
	    .hold = HOLD_OPERATOR,
	    .result = event == EVENT_RESOLVE ? RESULT_SUCCEEDED : RESULT_UNKNOWN};
}

/* Member by member: what lies between them was never written. */
static bool
same(const struct txn *a, const struct txn *b)
{
	return a->id == b->id && a->state == b->state && a->resume_state == b->resume_state &&
	       a->hold == b->hold && a->result == b->result && a->frozen == b->frozen &&
	       a->kind == b->kind && a->has_fetch_url == b->has_fetch_url &&
	       a->due_at == b->due_at && a->eligible_at == b->eligible_at &&
	       a->not_before == b->not_before && a->deadline_at == b->deadline_at &&
	       a->exposed_at == b->exposed_at && a->exposed_before == b->exposed_before &&
	       a->started_at == b->started_at && a->attempts == b->attempts &&
	       a->polls == b->polls && a->failures == b->failures && a->generation == b->generation;
}

/* Where it went, as a letter; '-' when it was refused, and then nothing may have changed. */
static char
move(const struct txn *before, const struct txn_step *step, struct txn *after)
{
	*after = *before;
	if (txn_apply(after, step) == -1) {
		assert_true(same(after, before));
		return '-';
	}
	return letters[after->state];
}

/*
 * Columns: keyed unexposed, keyed exposed, keyless unexposed, keyless exposed, safe. FINISH is with
 * the result unknown, HOLD by the operator, RESUBMIT under the same key and unchecked, RESOLVE as
 * succeeded, held rows came from retry, done rows are unknown. The tables below this one say the
 * rest.
 */
static const struct {
	enum state state;
	const char *expected[EVENT_COUNT]; /* in the order of enum event */
} table[STATE_COUNT] = {
    /* clang-format off */
    {STATE_BLOCKED, {"QQQQQ", "-----", "-----", "-----", "-----", "-----", "-----", "-----",
		     "-----", "HHHHH", "-----", "DDDDD", "-----", "-----", "-----", "-----"}},
    {STATE_QUEUED,  {"-----", "SSC-S", "-----", "-----", "-----", "-----", "-----", "-----",
		     "-----", "HHHHH", "-----", "DDDDD", "-----", "-----", "-----", "RR--R"}},
    {STATE_CLAIMED, {"-----", "-----", "SSSSS", "RRRRR", "-----", "-----", "-----", "-----",
		     "-----", "HHHHH", "-----", "DDDDD", "RRRRR", "-----", "-----", "-----"}},
    {STATE_SENDING, {"-----", "-----", "-----", "RRRRR", "RRRRR", "RR--R", "PPPPP", "-----",
		     "-----", "HH--H", "-----", "DDDDD", "RRDDR", "-----", "-----", "-----"}},
    {STATE_RETRY,   {"-----", "SSC-S", "-----", "-----", "-----", "-----", "-----", "-----",
		     "-----", "HHHHH", "-----", "DDDDD", "-----", "-----", "-----", "RR--R"}},
    {STATE_PENDING, {"-----", "-----", "-----", "-----", "-----", "RR--R", "-----", "PPPPP",
		     "PPPPP", "HHHHH", "-----", "DDDDD", "PPPPP", "-----", "DDDDD", "-----"}},
    {STATE_HELD,    {"-----", "-----", "-----", "-----", "-----", "-----", "-----", "-----",
		     "-----", "-----", "RRRRR", "DDDDD", "-----", "RRR-R", "DDDDD", "HHHHH"}},
    {STATE_DONE,    {"-----", "-----", "-----", "-----", "-----", "-----", "-----", "-----",
		     "-----", "-----", "-----", "-----", "-----", "RRR-R", "DDDDD", "-----"}},
    /* clang-format on */
};

static void
test_every_pair(void **state)
{
	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		assert_int_equal(table[s].state, s);
		for (int e = 0; e < EVENT_COUNT; e++) {
			char seen[COUNT(everybody) + 1] = "";

			for (size_t w = 0; w < COUNT(everybody); w++) {
				struct txn before = make((enum state)s, &everybody[w]);
				struct txn_step step = step_of((enum event)e);
				struct txn after;

				seen[w] = move(&before, &step, &after);
			}
			if (strcmp(seen, table[s].expected[e]) != 0)
				fail_msg("%s + %s: %s, expected %s", state_name((enum state)s),
				    event_name((enum event)e), seen, table[s].expected[e]);
		}
	}
}

/* FINISH by result: succeeded, failed, expired, canceled, invalid, unknown; unexposed and exposed.
 */
static const struct {
	enum state state;
	const char *unexposed;
	const char *exposed;
} finishes[] = {
    {STATE_BLOCKED, "--DDDD", "-----D"},
    {STATE_QUEUED, "--DDDD", "-----D"},
    {STATE_CLAIMED, "--DDDD", "-----D"},
    {STATE_SENDING, "DDDDDD", "DD---D"},
    {STATE_RETRY, "--DDDD", "-----D"},
    {STATE_PENDING, "DDDDDD", "DD---D"},
    {STATE_HELD, "--DDDD", "-----D"},
    {STATE_DONE, "------", "------"},
};

static void
test_results_keep_their_word(void **state)
{
	(void)state;
	assert_int_equal(COUNT(finishes), STATE_COUNT);
	for (size_t i = 0; i < COUNT(finishes); i++)
		for (size_t w = 0; w < COUNT(everybody); w++) {
			const char *expected =
			    everybody[w].exposed ? finishes[i].exposed : finishes[i].unexposed;

			for (int r = RESULT_NONE; r < RESULT_COUNT; r++) {
				struct txn before = make(finishes[i].state, &everybody[w]);
				struct txn_step step = step_of(EVENT_FINISH);
				struct txn after;
				char wanted = r == RESULT_NONE ? '-' : expected[r - 1];

				step.result = (enum result)r;
				if (move(&before, &step, &after) != wanted)
					fail_msg("%s finished as %s: not %c",
					    state_name(finishes[i].state),
					    r == RESULT_NONE ? "nothing"
							     : result_name((enum result)r),
					    wanted);
				if (wanted == 'D') {
					assert_int_equal(after.result, r);
					assert_int_equal(after.due_at, TIME_NONE);
					assert_int_equal(after.hold, HOLD_NONE);
					assert_int_equal(after.exposed_at, before.exposed_at);
				}
			}
		}
}

/* What was never prepared for sending cannot be unknown. */
static void
test_unknown_needs_a_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(finishes); i++) {
		struct txn before = make(finishes[i].state, &everybody[0]);
		struct txn_step step = step_of(EVENT_FINISH);
		struct txn after;

		before.frozen = false;
		assert_int_equal(move(&before, &step, &after), '-');
	}
}

/* A result changes only from unknown; only a person changes it, and to nothing but these three. */
static void
test_done_stays_done(void **state)
{
	(void)state;
	for (int result = RESULT_SUCCEEDED; result < RESULT_COUNT; result++)
		for (int e = 0; e < EVENT_COUNT; e++)
			for (size_t w = 0; w < COUNT(everybody); w++) {
				struct txn before = make(STATE_DONE, &everybody[w]);
				struct txn_step step = step_of((enum event)e);
				struct txn after;
				bool leaves = result == RESULT_UNKNOWN &&
					      (e == EVENT_RESOLVE || e == EVENT_RESUBMIT);

				before.result = (enum result)result;
				step.checked = true;
				if ((move(&before, &step, &after) != '-') != leaves)
					fail_msg("%s + %s", result_name((enum result)result),
					    event_name((enum event)e));
			}
}

static void
test_resolve(void **state)
{
	static const enum state from[] = {STATE_PENDING, STATE_HELD, STATE_DONE};

	(void)state;
	for (size_t i = 0; i < COUNT(from); i++)
		for (size_t w = 0; w < COUNT(everybody); w++)
			for (int r = RESULT_NONE; r < RESULT_COUNT; r++) {
				struct txn before = make(from[i], &everybody[w]);
				struct txn_step step = step_of(EVENT_RESOLVE);
				struct txn after;
				bool allowed = r == RESULT_SUCCEEDED || r == RESULT_FAILED ||
					       r == RESULT_CANCELED;

				step.result = (enum result)r;
				assert_int_equal(move(&before, &step, &after), allowed ? 'D' : '-');
				if (allowed)
					assert_int_equal(after.result, r);
			}
}

static void
test_hold_needs_a_cause(void **state)
{
	static const enum state held_from[] = {
	    STATE_BLOCKED, STATE_QUEUED, STATE_CLAIMED, STATE_SENDING, STATE_RETRY, STATE_PENDING};
	static const enum state resumes[] = {
	    STATE_BLOCKED, STATE_QUEUED, STATE_RETRY, STATE_RETRY, STATE_RETRY, STATE_PENDING};

	(void)state;
	for (size_t i = 0; i < COUNT(held_from); i++)
		for (int cause = HOLD_NONE; cause < HOLD_COUNT; cause++) {
			struct txn before = make(held_from[i], &everybody[0]);
			struct txn_step step = step_of(EVENT_HOLD);
			struct txn after;

			step.hold = (enum hold_cause)cause;
			assert_int_equal(
			    move(&before, &step, &after), cause == HOLD_NONE ? '-' : 'H');
			if (cause == HOLD_NONE)
				continue;
			assert_int_equal(after.hold, cause);
			assert_int_equal(after.resume_state, resumes[i]);
			assert_int_equal(after.due_at, TIME_NONE);
			assert_int_equal(after.exposed_at, before.exposed_at);
			assert_int_equal(after.has_fetch_url, before.has_fetch_url);
		}
}

/* Release returns to where it was held, and not before the app's own not_before. */
static void
test_release_resumes(void **state)
{
	static const enum state resumes[] = {
	    STATE_BLOCKED, STATE_QUEUED, STATE_RETRY, STATE_PENDING};

	(void)state;
	for (size_t i = 0; i < COUNT(resumes); i++)
		for (size_t w = 0; w < COUNT(everybody); w++)
			for (int early = 0; early < 3; early++) {
				struct txn before = make(STATE_HELD, &everybody[w]);
				struct txn_step step = step_of(EVENT_RELEASE);
				struct txn after;

				before.resume_state = resumes[i];
				before.has_fetch_url = resumes[i] == STATE_PENDING;
				/* 2: only the clock that the app had was ahead */
				before.eligible_at = early ? LATER : EARLIER;
				before.not_before = early == 2 ? TIME_NONE : before.eligible_at;
				assert_int_equal(move(&before, &step, &after), letters[resumes[i]]);
				assert_int_equal(after.hold, HOLD_NONE);
				assert_int_equal(after.has_fetch_url, before.has_fetch_url);
				if (resumes[i] == STATE_BLOCKED)
					assert_int_equal(
					    after.due_at, 0); /* its parent is looked at anew */
				else
					assert_int_equal(after.due_at, early == 1 ? LATER : NOW);
			}
}

/* --- sending, and what becomes of exposure --- */

static void
must(struct txn *txn, const struct txn_step *step)
{
	if (txn_apply(txn, step) == -1)
		fail_msg("%s + %s was refused", state_name(txn->state), event_name(step->event));
}

static void
go(struct txn *txn, enum event event, int64_t now)
{
	struct txn_step step = step_of(event);

	step.now = now;
	must(txn, &step);
}

static void
test_exposure_begins_with_the_first_byte(void **state)
{
	struct txn txn = make(STATE_QUEUED, &everybody[2]);

	(void)state;
	go(&txn, EVENT_CLAIM, 100);
	assert_int_equal(txn.state, STATE_CLAIMED);
	assert_false(txn_exposed(&txn));
	assert_int_equal(txn.started_at, 100);
	assert_int_equal(txn.attempts, 2);
	assert_int_equal(txn.due_at, TIME_NONE);
	go(&txn, EVENT_SEND, 130);
	assert_int_equal(txn.exposed_at, 130);
	assert_int_equal(txn.exposed_before, TIME_NONE);

	txn = make(STATE_QUEUED, &everybody[0]);
	go(&txn, EVENT_CLAIM, 100);
	assert_int_equal(txn.state, STATE_SENDING);
	assert_int_equal(txn.exposed_at, 100);

	txn = make(STATE_QUEUED, &everybody[4]);
	go(&txn, EVENT_CLAIM, 100);
	assert_int_equal(txn.state, STATE_SENDING);
	assert_false(txn_exposed(&txn));
}

/* UNSENT and UNPROCESSED put back exactly what was before; AGAIN, a crash and a fetch URL do not.
 */
static void
test_exposure_is_put_back(void **state)
{
	static const struct {
		enum event event;
		bool put_back;
	} ends[] = {{EVENT_UNSENT, true}, {EVENT_UNPROCESSED, true}, {EVENT_AGAIN, false},
	    {EVENT_CRASH, false}, {EVENT_PENDING, false}, {EVENT_HOLD, false},
	    {EVENT_FINISH, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++)
		for (int earlier = 0; earlier < 2; earlier++) {
			struct txn txn = make(STATE_RETRY, &everybody[earlier]);
			int64_t before = txn.exposed_at;

			go(&txn, EVENT_CLAIM, 2000);
			assert_int_equal(
			    txn.exposed_at, earlier ? EARLIER : 2000); /* the earliest counts */
			go(&txn, ends[i].event, 2500);
			if (ends[i].put_back)
				assert_int_equal(txn.exposed_at, before);
			else
				assert_int_equal(txn.exposed_at, earlier ? EARLIER : 2000);
		}
}

static void
test_keyless_returns_only_unexposed(void **state)
{
	static const enum event back[] = {EVENT_UNSENT, EVENT_UNPROCESSED};

	(void)state;
	for (size_t i = 0; i < COUNT(back); i++) {
		struct txn txn = make(STATE_QUEUED, &everybody[2]);

		go(&txn, EVENT_CLAIM, 100);
		go(&txn, EVENT_SEND, 110);
		go(&txn, back[i], 120);
		assert_int_equal(txn.state, STATE_RETRY);
		assert_int_equal(txn.due_at, LATER);
		assert_false(txn_exposed(&txn));
		go(&txn, EVENT_CLAIM, 200);
		go(&txn, EVENT_SEND, 210);
		assert_int_equal(txn.exposed_at, 210);
	}
}

static void
test_crashes(void **state)
{
	struct txn txn = make(STATE_CLAIMED, &everybody[2]);

	(void)state;
	go(&txn, EVENT_CRASH, NOW);
	assert_int_equal(txn.state, STATE_RETRY);
	assert_int_equal(txn.due_at, NOW);
	assert_false(txn_exposed(&txn));

	txn = make(STATE_SENDING, &everybody[3]);
	go(&txn, EVENT_CRASH, NOW);
	assert_int_equal(txn.state, STATE_DONE);
	assert_int_equal(txn.result, RESULT_UNKNOWN);
	assert_int_equal(txn.exposed_at, EARLIER);

	txn = make(STATE_SENDING, &everybody[1]);
	go(&txn, EVENT_CRASH, NOW);
	assert_int_equal(txn.state, STATE_RETRY);
	assert_int_equal(txn.exposed_at, EARLIER);

	txn = make(STATE_PENDING, &everybody[3]);
	txn.deadline_at = DEADLINE;
	go(&txn, EVENT_CRASH, NOW);
	assert_int_equal(txn.state, STATE_PENDING);
	assert_true(txn.has_fetch_url);
	assert_int_equal(txn.due_at, NOW);
	assert_int_equal(txn.deadline_at, DEADLINE);
}

/* --- deadlines --- */

static void
test_expires_at_until_it_was_sent(void **state)
{
	struct txn txn = make(STATE_QUEUED, &everybody[0]);

	(void)state;
	txn.deadline_at = DEADLINE;
	go(&txn, EVENT_CLAIM, 100);
	go(&txn, EVENT_UNSENT, 200);
	assert_int_equal(txn.deadline_at, DEADLINE); /* still never sent */
	go(&txn, EVENT_CLAIM, 300);
	go(&txn, EVENT_AGAIN, 400);
	assert_int_equal(txn.deadline_at, TIME_NONE);
}

/* The end of polling must not come back as an expires_at. */
static void
test_poll_deadline_ends_with_the_poll(void **state)
{
	(void)state;
	for (size_t w = 0; w < COUNT(everybody); w++) {
		struct txn txn = make(STATE_QUEUED, &everybody[w]);
		struct txn_step resubmit = step_of(EVENT_RESUBMIT);

		if (everybody[w].exposed)
			continue;
		go(&txn, EVENT_CLAIM, 100);
		if (txn.state == STATE_CLAIMED)
			go(&txn, EVENT_SEND, 100);
		go(&txn, EVENT_PENDING, 200);
		assert_int_equal(txn.deadline_at, DEADLINE);
		go(&txn, EVENT_HOLD, 250);
		resubmit.checked = true;
		must(&txn, &resubmit);
		assert_int_equal(txn.deadline_at, TIME_NONE);
		assert_false(txn.has_fetch_url);
		assert_int_equal(txn.state, STATE_RETRY);
	}
}

/* --- the operator's resubmission --- */

static void
test_resubmit(void **state)
{
	/* same key unchecked, new key unchecked, same key checked, new key checked; by who */
	static const char *const expected[COUNT(everybody)] = {
	    "RRRR", "R-RR", "RRRR", "--RR", "RRRR"};
	static const enum state from[] = {STATE_HELD, STATE_DONE};

	(void)state;
	for (size_t i = 0; i < COUNT(from); i++)
		for (size_t w = 0; w < COUNT(everybody); w++)
			for (unsigned how = 0; how < 4; how++) {
				struct txn before = make(from[i], &everybody[w]);
				struct txn_step step = step_of(EVENT_RESUBMIT);
				struct txn after;

				before.failures = 7;
				before.generation = 3;
				step.new_key = (how & 1) != 0;
				step.checked = (how & 2) != 0;
				assert_int_equal(move(&before, &step, &after), expected[w][how]);
				if (expected[w][how] == '-')
					continue;
				assert_int_equal(after.generation, step.new_key ? 4 : 3);
				assert_int_equal(
				    after.exposed_at, step.checked ? TIME_NONE : before.exposed_at);
				assert_int_equal(after.frozen, !step.new_key && !step.checked);
				assert_int_equal(after.failures, 0);
				assert_int_equal(after.eligible_at, NOW);
				assert_int_equal(after.result, RESULT_NONE);
				assert_int_equal(after.hold, HOLD_NONE);
				assert_int_equal(after.due_at, LATER);
			}
}

/* A chain is no suggestion: a held child that still waits for its parent is not sent by a retry. */
static void
test_resubmit_does_not_jump_the_chain(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct txn before = make(STATE_HELD, &everybody[2]);
		struct txn_step step = step_of(EVENT_RESUBMIT);
		struct txn after;

		before.frozen = false;
		before.resume_state = STATE_BLOCKED;
		step.new_key = (how & 1) != 0;
		step.checked = (how & 2) != 0;
		assert_int_equal(move(&before, &step, &after), '-');
	}
}

/* After a restore: it may have been sent as early as it was allowed to. */
static void
test_restored(void **state)
{
	static const enum state from[] = {STATE_QUEUED, STATE_RETRY};

	(void)state;
	for (size_t i = 0; i < COUNT(from); i++) {
		struct txn txn = make(from[i], &everybody[0]);

		go(&txn, EVENT_RESTORED, NOW);
		assert_int_equal(txn.exposed_at, ELIGIBLE);
		txn = make(from[i], &everybody[1]);
		go(&txn, EVENT_RESTORED, NOW);
		assert_int_equal(txn.exposed_at, EARLIER);
		txn = make(from[i], &everybody[4]);
		go(&txn, EVENT_RESTORED, NOW);
		assert_false(txn_exposed(&txn));
	}
}

/* A held row may have been released, and sent, in the time that the backup does not know. */
static void
test_restored_while_held(void **state)
{
	struct txn txn = make(STATE_HELD, &everybody[0]);

	(void)state;
	txn.resume_state = STATE_QUEUED;
	go(&txn, EVENT_RESTORED, NOW);
	assert_int_equal(txn.state, STATE_HELD);
	assert_int_equal(txn.hold, HOLD_RESTORED);
	assert_int_equal(txn.exposed_at, ELIGIBLE);
	assert_int_equal(txn.resume_state, STATE_RETRY);
	txn = make(STATE_HELD, &everybody[2]); /* keyless: a person decides */
	txn.resume_state = STATE_QUEUED;
	go(&txn, EVENT_RESTORED, NOW);
	assert_int_equal(txn.hold, HOLD_RESTORED);
	assert_int_equal(txn.resume_state, STATE_QUEUED);
	assert_int_equal(
	    txn_apply(&txn,
		&(struct txn_step){.event = EVENT_FINISH, .now = NOW, .result = RESULT_EXPIRED}),
	    -1);
}

/* --- the numbers --- */

static void
test_counts(void **state)
{
	struct txn txn = make(STATE_QUEUED, &everybody[0]);

	(void)state;
	go(&txn, EVENT_CLAIM, 10);
	go(&txn, EVENT_AGAIN, 20);
	assert_int_equal(txn.failures, 1);
	go(&txn, EVENT_CLAIM, 30);
	go(&txn, EVENT_UNSENT, 40);
	assert_int_equal(txn.failures, 2);
	go(&txn, EVENT_CLAIM, 50);
	go(&txn, EVENT_PENDING, 60);
	assert_int_equal(txn.failures, 0);
	assert_int_equal(txn.attempts, 4);
	assert_int_equal(txn.polls, 0);
	go(&txn, EVENT_POLL, 70);
	assert_int_equal(txn.started_at, 70);
	assert_int_equal(txn.due_at, TIME_NONE);
	go(&txn, EVENT_NOT_READY, 80);
	assert_int_equal(txn.polls, 1);
	assert_int_equal(txn.failures, 1);
	assert_int_equal(txn.attempts, 4);
	assert_int_equal(txn.due_at, LATER);
}

static void
test_parent_succeeded(void **state)
{
	struct txn txn = make(STATE_BLOCKED, &everybody[2]);

	(void)state;
	go(&txn, EVENT_PARENT_SUCCEEDED, NOW);
	assert_int_equal(txn.state, STATE_QUEUED);
	assert_int_equal(txn.eligible_at, NOW); /* give_up_after counts from here */
	txn = make(STATE_BLOCKED, &everybody[2]);
	txn.eligible_at = NOW + 1;
	go(&txn, EVENT_PARENT_SUCCEEDED, NOW);
	assert_int_equal(txn.eligible_at, NOW + 1);
}

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

/* Less 10 % or 15 minutes, whichever is more, but never more than half. */
static void
test_key_window(void **state)
{
	static const struct {
		int64_t retention;
		int64_t window;
	} windows[] = {
	    {24 * HOUR, 24 * HOUR - 144 * MINUTE},
	    {30 * 24 * HOUR, 27 * 24 * HOUR},
	    {3 * HOUR, 3 * HOUR - 18 * MINUTE},
	    {150 * MINUTE, 135 * MINUTE}, /* both are 15 minutes */
	    {149 * MINUTE, 134 * MINUTE},
	    {151 * MINUTE, 151 * MINUTE - 906000},
	    {HOUR, 45 * MINUTE},
	    {31 * MINUTE, 16 * MINUTE},
	    {30 * MINUTE, 15 * MINUTE},
	    {20 * MINUTE, 10 * MINUTE},
	    {2 * MINUTE, MINUTE},
	    {0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(windows); i++)
		assert_int_equal(txn_key_window_ms(windows[i].retention), windows[i].window);
}

/* An exposure in the future was written by a clock that was wrong: how old the key is nobody knows.
 */
static void
test_key_is_late(void **state)
{
	static const struct {
		int64_t age;
		bool late;
	} ages[] = {
	    {0, false},
	    {45 * MINUTE - 1, false},
	    {45 * MINUTE, true},
	    {-5 * MINUTE, false},
	    {-5 * MINUTE - 1, true},
	    {-INT64_C(10) * 365 * 24 * 60 * MINUTE, true},
	};
	struct txn txn = {.frozen = true, .kind = KIND_KEYED};

	(void)state;
	for (size_t i = 0; i < COUNT(ages); i++) {
		txn.exposed_at = INT64_C(2000000000000) - ages[i].age;
		assert_int_equal(
		    txn_key_is_late(&txn, INT64_C(2000000000000), 45 * MINUTE), ages[i].late);
	}
	txn.exposed_at = TIME_NONE;
	assert_false(txn_key_is_late(&txn, INT64_C(2000000000000), 45 * MINUTE));
	txn.exposed_at = 1;
	txn.kind = KIND_SAFE;
	assert_false(txn_key_is_late(&txn, INT64_C(2000000000000), 45 * MINUTE));
}

/* A restored database does not know whether it was sent: nothing may say that it was not. */
static void
test_restored_is_not_unsent(void **state)
{
	static const enum result never_sent[] = {RESULT_EXPIRED, RESULT_CANCELED, RESULT_INVALID};
	struct txn_step step = {.event = EVENT_FINISH, .now = 1};

	(void)state;
	for (size_t i = 0; i < COUNT(never_sent); i++) {
		struct txn txn = {.state = STATE_HELD,
		    .resume_state = STATE_QUEUED,
		    .hold = HOLD_OPERATOR,
		    .exposed_at = TIME_NONE,
		    .exposed_before = TIME_NONE};
		struct txn restored = txn;

		step.result = never_sent[i];
		restored.hold = HOLD_RESTORED;
		assert_int_equal(txn_apply(&restored, &step), -1);
		assert_int_equal(txn_apply(&txn, &step), 0);
	}
}

/* The words are on disk and in documents: they are frozen. */
static void
test_names(void **state)
{
	static const char *const states[] = {
	    "blocked", "queued", "claimed", "sending", "retry", "pending", "held", "done"};
	static const char *const results[] = {
	    NULL, "succeeded", "failed", "expired", "canceled", "invalid", "unknown"};
	static const char *const holds[] = {NULL, "configuration", "operator", "fetch_url",
	    "redirect", "frozen", "key_conflict", "restored"};
	static const char *const kinds[] = {"keyed", "keyless", "safe"};

	(void)state;
	for (int i = 0; i < STATE_COUNT; i++) {
		assert_string_equal(state_name((enum state)i), states[i]);
		assert_int_equal(state_parse(states[i]), i);
	}
	for (int i = 0; i < KIND_COUNT; i++) {
		assert_string_equal(kind_name((enum kind)i), kinds[i]);
		assert_int_equal(kind_parse(kinds[i]), i);
	}
	for (int i = 1; i < RESULT_COUNT; i++) {
		assert_string_equal(result_name((enum result)i), results[i]);
		assert_int_equal(result_parse(results[i]), i);
	}
	for (int i = 1; i < HOLD_COUNT; i++) {
		assert_string_equal(hold_cause_name((enum hold_cause)i), holds[i]);
		assert_int_equal(hold_cause_parse(holds[i]), i);
	}
	assert_null(result_name(RESULT_NONE));
	assert_int_equal(result_parse(NULL), RESULT_NONE);
	assert_null(hold_cause_name(HOLD_NONE));
	assert_int_equal(hold_cause_parse(NULL), HOLD_NONE);
	assert_int_equal(state_parse(NULL), -1);
	assert_int_equal(state_parse(""), -1);
	assert_int_equal(state_parse("Queued"), -1);
	assert_int_equal(result_parse("none"), -1);
	assert_string_equal(phase_name(PHASE_SUBMIT), "submit");
	assert_string_equal(phase_name(PHASE_POLL), "poll");
	assert_string_equal(phase_name(PHASE_LOOKUP), "lookup");
}

/* --- walks --- */

/* What a row did so far, beside its own books. */
struct diary {
	int effects_possible; /* keyless submissions that may have had an effect and that nobody
				 cleared */
	bool left;            /* bytes of the submission in flight may have left */
};

static void
check_shape(const struct txn *txn, const char *trail)
{
	bool held = txn->state == STATE_HELD;
	bool done = txn->state == STATE_DONE;
	bool in_flight = txn->state == STATE_CLAIMED || txn->state == STATE_SENDING;

	if (done != (txn->result != RESULT_NONE) || held != (txn->hold != HOLD_NONE))
		fail_msg("a result or a hold without its state: %s", trail);
	if (txn->state == STATE_PENDING && !txn->has_fetch_url)
		fail_msg("pending without a fetch URL: %s", trail);
	if (txn->has_fetch_url && !done && !held && txn->state != STATE_PENDING)
		fail_msg("a fetch URL that is not polled: %s", trail);
	if ((in_flight || txn->state == STATE_PENDING) && !txn->frozen)
		fail_msg("sent without a frozen request: %s", trail);
	if ((in_flight || held || done) && txn->due_at != TIME_NONE)
		fail_msg("due while in flight, held or done: %s", trail);
	if ((txn->state == STATE_QUEUED || txn->state == STATE_RETRY) && txn->due_at == TIME_NONE)
		fail_msg("an open row that nobody looks at: %s", trail);
	if (held && (txn->resume_state == STATE_HELD || txn->resume_state == STATE_DONE ||
			txn->resume_state == STATE_CLAIMED || txn->resume_state == STATE_SENDING))
		fail_msg("held, and nowhere to go: %s", trail);
	if (txn->kind == KIND_SAFE && txn_exposed(txn))
		fail_msg("a safe row was exposed: %s", trail);
}

static void
check_move(const struct txn *before, const struct txn *after, const struct txn_step *step,
    struct diary *diary, const char *trail)
{
	bool cleared = step->event == EVENT_RESUBMIT && step->checked;
	bool proven = step->event == EVENT_UNSENT || step->event == EVENT_UNPROCESSED;

	/* P2: bytes leave once; again only after proof that nothing happened, or a person's word.
	 */
	if (after->state == STATE_SENDING && before->state != STATE_SENDING) {
		if (after->kind == KIND_KEYLESS && diary->effects_possible > 0)
			fail_msg("a keyless row was sent twice: %s", trail);
		if (before->has_fetch_url)
			fail_msg("a row with a fetch URL was submitted: %s", trail);
		diary->effects_possible++;
		diary->left = true;
	}
	if (before->state == STATE_SENDING && proven)
		diary->effects_possible--;
	if (cleared)
		diary->effects_possible = 0;

	if (txn_exposed(before) && after->exposed_at != before->exposed_at && !proven && !cleared)
		fail_msg("exposure was forgotten: %s", trail);
	if (txn_exposed(before) && txn_exposed(after) && after->exposed_at > before->exposed_at)
		fail_msg("exposure moved forward: %s", trail);
	if (after->kind != KIND_SAFE && diary->effects_possible > 0 && !txn_exposed(after))
		fail_msg("an effect is possible and the row says that none is: %s", trail);
	if ((after->result == RESULT_CANCELED || after->result == RESULT_EXPIRED ||
		after->result == RESULT_INVALID) &&
	    diary->effects_possible > 0 && after->kind != KIND_SAFE && step->event != EVENT_RESOLVE)
		fail_msg("%s, and it may have happened: %s", result_name(after->result), trail);
	if (before->state == STATE_DONE &&
	    (before->result != RESULT_UNKNOWN ||
		(step->event != EVENT_RESOLVE && step->event != EVENT_RESUBMIT)))
		fail_msg("a result changed: %s", trail);
	if (after->generation !=
	    before->generation + (step->event == EVENT_RESUBMIT && step->new_key))
		fail_msg("a new key without a person: %s", trail);
	if (before->state == STATE_BLOCKED && after->state != STATE_QUEUED &&
	    after->state != STATE_HELD && after->state != STATE_DONE)
		fail_msg("a child left without its parent: %s", trail);
}

/* The caller's part of a claim: kind and request are fixed now. */
static void
freeze(struct txn *txn, const struct txn_step *step, enum kind kind)
{
	if (step->event == EVENT_CLAIM && !txn->frozen) {
		txn->frozen = true;
		txn->kind = kind;
	}
}

enum { TRAIL_SIZE = 2048, VARIANT_COUNT = 8 };

/* Step number `choice` of all that exist: event x variant. */
static struct txn_step
nth_step(unsigned choice, int64_t now)
{
	struct txn_step step = step_of((enum event)(choice / VARIANT_COUNT));
	unsigned variant = choice % VARIANT_COUNT;

	step.now = now;
	step.due_at = now + 10;
	step.deadline_at = now + 1000;
	step.result = (enum result)(variant % RESULT_COUNT);
	step.hold = (enum hold_cause)(variant % HOLD_COUNT);
	step.new_key = (variant & 1) != 0;
	step.checked = (variant & 2) != 0;
	return step;
}

/* Takes the step if the row lets it. False: refused. */
static bool
walk_step(
    struct txn *txn, const struct txn_step *step, enum kind kind, struct diary *diary, char *trail)
{
	struct txn before = *txn;
	size_t length = strlen(trail);

	freeze(txn, step, kind);
	if (txn_apply(txn, step) == -1) {
		*txn = before;
		return false;
	}
	if (length < TRAIL_SIZE - 64)
		(void)snprintf(trail + length, TRAIL_SIZE - length, " %s", event_name(step->event));
	before.frozen = txn->frozen || before.frozen;
	check_move(&before, txn, step, diary, trail);
	check_shape(txn, trail);
	return true;
}

static struct txn
newborn(enum kind kind)
{
	struct txn txn = make(STATE_QUEUED, &everybody[0]);

	txn.frozen = false;
	txn.kind = kind;
	txn.attempts = 0;
	txn.started_at = TIME_NONE;
	return txn;
}

/* Every sequence of events up to this length. */
static void
explore(
    const struct txn *txn, enum kind kind, const struct diary *diary, const char *trail, int depth)
{
	for (unsigned choice = 0; choice < EVENT_COUNT * VARIANT_COUNT; choice++) {
		struct txn next = *txn;
		struct diary next_diary = *diary;
		struct txn_step step = nth_step(choice, 10000 - depth);
		char next_trail[TRAIL_SIZE];

		memcpy(next_trail, trail, TRAIL_SIZE);
		if (walk_step(&next, &step, kind, &next_diary, next_trail) && depth > 1)
			explore(&next, kind, &next_diary, next_trail, depth - 1);
	}
}

static void
test_every_short_walk(void **state)
{
	(void)state;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct txn txn = newborn((enum kind)kind);
		struct diary diary = {0};
		char trail[TRAIL_SIZE] = "";

		explore(&txn, (enum kind)kind, &diary, trail, 4);
		txn.state = STATE_BLOCKED;
		explore(&txn, (enum kind)kind, &diary, trail, 3);
	}
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Long ones, at random; the seed stands in the message of what fails. Without the operator's word,
 * too. */
static void
test_long_walks(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
		enum kind kind = (enum kind)(seed % KIND_COUNT);
		struct txn txn = newborn(kind);
		struct diary diary = {0};
		char trail[TRAIL_SIZE];

		(void)snprintf(trail, sizeof(trail), "seed %d:", (int)seed);
		for (int i = 0; i < 300; i++) {
			unsigned choice =
			    (unsigned)(next_random(&random) % (EVENT_COUNT * VARIANT_COUNT));
			struct txn_step step = nth_step(choice, 10000 + i);

			if (seed % 2 == 0)
				step.checked = false;
			(void)walk_step(&txn, &step, kind, &diary, trail);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_pair),
	    cmocka_unit_test(test_results_keep_their_word),
	    cmocka_unit_test(test_unknown_needs_a_request),
	    cmocka_unit_test(test_done_stays_done),
	    cmocka_unit_test(test_resolve),
	    cmocka_unit_test(test_hold_needs_a_cause),
	    cmocka_unit_test(test_release_resumes),
	    cmocka_unit_test(test_exposure_begins_with_the_first_byte),
	    cmocka_unit_test(test_exposure_is_put_back),
	    cmocka_unit_test(test_keyless_returns_only_unexposed),
	    cmocka_unit_test(test_crashes),
	    cmocka_unit_test(test_expires_at_until_it_was_sent),
	    cmocka_unit_test(test_poll_deadline_ends_with_the_poll),
	    cmocka_unit_test(test_resubmit),
	    cmocka_unit_test(test_resubmit_does_not_jump_the_chain),
	    cmocka_unit_test(test_restored),
	    cmocka_unit_test(test_restored_while_held),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_parent_succeeded),
	    cmocka_unit_test(test_key_window),
	    cmocka_unit_test(test_restored_is_not_unsent),
	    cmocka_unit_test(test_key_is_late),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_every_short_walk),
	    cmocka_unit_test(test_long_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
