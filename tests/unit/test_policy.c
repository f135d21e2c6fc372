/*
 * test_policy.c - the retry table, line by line, as the documents have it and not as the code has
 * it; limits, deadlines, doubtful time; and that every decision is one that the row can follow
 * (promises P2, P6, P9, P10).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define NOW (1000 * HOUR)
#define WINDOW (20 * HOUR)

/* Whose row it is, and what went before. */
enum who {
	KEYED_FIRST, /* no earlier attempt may have had an effect */
	KEYED_LATER, /* one may have, and the key is still known */
	KEYED_LATE,  /* one may have, and the key may be forgotten */
	KEYLESS,     /* always the first: it is sent once */
	SAFE,
	WHO_COUNT,
};

static struct txn
row_of(enum who who, enum phase phase)
{
	struct txn txn = {.id = 1,
	    .state = phase == PHASE_POLL ? STATE_PENDING : STATE_SENDING,
	    .resume_state = STATE_DONE,
	    .frozen = true,
	    .kind = who == KEYLESS ? KIND_KEYLESS
		    : who == SAFE  ? KIND_SAFE
				   : KIND_KEYED,
	    .has_fetch_url = phase == PHASE_POLL,
	    .due_at = TIME_NONE,
	    .eligible_at = NOW - 30 * HOUR,
	    .deadline_at = TIME_NONE,
	    .exposed_at = NOW - 1000,
	    .exposed_before = TIME_NONE,
	    .started_at = NOW - 1000,
	    .attempts = 1};

	if (who == KEYED_LATER)
		txn.exposed_at = txn.exposed_before = NOW - HOUR;
	if (who == KEYED_LATE)
		txn.exposed_at = txn.exposed_before = NOW - WINDOW;
	if (who == SAFE)
		txn.exposed_at = TIME_NONE;
	return txn;
}

static struct policy_facts
facts_of(const struct txn *txn, enum phase phase)
{
	return (struct policy_facts){.txn = txn,
	    .phase = phase,
	    .answered = true,
	    .fetch = FETCH_ADMITTED,
	    .replay = REPLAY_SUCCESS,
	    .now = NOW,
	    .now_trusted = true,
	    .key_window_ms = WINDOW,
	    .give_up_at = TIME_NONE,
	    .same_since = TIME_NONE};
}

/* "failed", "again", "poll", "pending+hold:fetch_url", "requeue+unknown", ... */
static const char *
in_words(const struct decision *decision)
{
	static char words[80];
	const enum event events[2] = {decision->event, decision->then};
	size_t length = 0;

	words[0] = '\0';
	for (int i = 0; i < (decision->event == decision->then ? 1 : 2); i++) {
		const char *word = event_name(events[i]);

		if (events[i] == EVENT_FINISH)
			word = decision->result == RESULT_NONE ? "nothing"
							       : result_name(decision->result);
		else if (events[i] == EVENT_UNPROCESSED)
			word = "requeue";
		else if (events[i] == EVENT_NOT_READY)
			word = "poll";
		length += (size_t)snprintf(
		    words + length, sizeof(words) - length, "%s%s", i == 0 ? "" : "+", word);
		if (events[i] == EVENT_HOLD)
			length += (size_t)snprintf(words + length, sizeof(words) - length, ":%s",
			    hold_cause_name(decision->hold));
	}
	return words;
}

/* Can the row do what was decided? Returns where it is then. */
static struct txn
follow(const struct txn *txn, const struct decision *decision)
{
	struct txn after = *txn;
	struct txn_step step = {.event = decision->event,
	    .now = NOW,
	    .due_at = NOW + 1,
	    .deadline_at = NOW + HOUR,
	    .hold = decision->hold,
	    .result = decision->result};

	if (txn_apply(&after, &step) == -1)
		fail_msg("%s cannot follow %s", state_name(txn->state), in_words(decision));
	if (decision->then == decision->event)
		return after;
	step.event = decision->then;
	if (txn_apply(&after, &step) == -1)
		fail_msg("%s cannot follow %s", state_name(txn->state), in_words(decision));
	return after;
}

static struct decision
decide(const struct policy_facts *facts, enum answer_class class)
{
	struct verdict verdict = {.class = class};

	return policy_decide(facts, &verdict);
}

#define expect(facts, class, words) expect_at(facts, class, words, __LINE__)
static void
expect_at(const struct policy_facts *facts, enum answer_class class, const char *words, int line)
{
	struct decision decision = decide(facts, class);

	if (strcmp(in_words(&decision), words) != 0)
		fail_msg("line %d: %s: %s, expected %s", line, answer_class_name(class),
		    in_words(&decision), words);
	(void)follow(facts->txn, &decision);
}

/* --- submits --- */

/*
 * The columns of the retry table: keyed first (replay success, all), keyed later (success, all),
 * late, keyless, safe. The first answer of its class: limits are tested below.
 */
static const struct {
	enum answer_class class;
	const char *first, *first_all, *later, *later_all, *late, *keyless, *safe;
	enum destination_effect effect;
} submits[] = {
    /* clang-format off */
    /* U: nothing was sent; an earlier attempt may have been, and its key is forgotten: unknown */
    {CLASS_UNSENT, "unsent", "unsent", "unsent", "unsent", "unsent+unknown", "unsent", "unsent", EFFECT_NONE},
    {CLASS_UNUSABLE, "unsent", "unsent", "unsent", "unsent", "unsent+unknown", "unsent", "unsent", EFFECT_HOLD_TRUST},
    /* M without a status line */
    {CLASS_LOST, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    /* by the profile's rules */
    {CLASS_SUCCEEDED, "succeeded", "succeeded", "succeeded", "succeeded", "succeeded", "succeeded", "succeeded", EFFECT_NONE},
    {CLASS_FAILED, "failed", "failed", "failed", "failed", "failed", "failed", "failed", EFFECT_NONE},
    {CLASS_PENDING, "pending", "pending", "pending", "pending", "pending", "pending", "pending", EFFECT_NONE},
    {CLASS_PENDING_NO_URL, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_NOT_READY, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_UNPROCESSED, "requeue", "requeue", "requeue", "requeue", "requeue+unknown", "requeue", "requeue", EFFECT_NONE},
    {CLASS_AUTH_UNPROCESSED, "requeue", "requeue", "requeue", "requeue", "requeue+unknown", "requeue", "requeue", EFFECT_HOLD_CREDENTIALS},
    {CLASS_LOGIN, "requeue", "requeue", "requeue", "requeue", "requeue+unknown", "requeue", "requeue", EFFECT_LOGIN},
    {CLASS_HOLD, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_HOLD_RULE},
    {CLASS_RETRY, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_UNKNOWN, "unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "again", EFFECT_NONE},
    /* 2xx: cut off, over the cap, undecided */
    {CLASS_UNDECIDED, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    /* 3xx: a keyed row waits, a keyless one is unknown, and the destination is held */
    {CLASS_REDIRECT, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_HOLD_REDIRECT},
    {CLASS_SEE_OTHER, "unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "again", EFFECT_HOLD_REDIRECT},
    /* 400, 404, 402 and the like: a refusal; later only where the first answer is replayed */
    {CLASS_BAD_REQUEST, "failed", "failed", "unknown", "failed", "unknown", "failed", "failed", EFFECT_NONE},
    {CLASS_NOT_FOUND, "failed", "failed", "unknown", "failed", "unknown", "failed", "failed", EFFECT_NONE},
    {CLASS_REFUSED, "failed", "failed", "unknown", "failed", "unknown", "failed", "failed", EFFECT_NONE},
    {CLASS_AUTH, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_HOLD_CREDENTIALS},
    {CLASS_TIMEOUT, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_CONFLICT, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    /* 422 later: the key may belong to another body; never a fresh key */
    {CLASS_CONTENT, "failed", "failed", "hold:key_conflict", "hold:key_conflict", "unknown", "failed", "failed", EFFECT_NONE},
    {CLASS_EARLY, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_RATE, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_OTHER_4XX, "failed", "failed", "unknown", "failed", "unknown", "unknown", "failed", EFFECT_NONE},
    /* 500: replayed for ever, or executed again: then no one asks twice */
    {CLASS_SERVER, "unknown", "again", "unknown", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_GATEWAY, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_UNAVAILABLE, "again", "again", "again", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_ODD, "unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "again", EFFECT_NONE},
    /* an envelope on a submit decides like the status that it stands for */
    {CLASS_INNER_SERVER, "unknown", "again", "unknown", "again", "unknown", "unknown", "again", EFFECT_NONE},
    {CLASS_INNER_UNDECIDED, "unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "again", EFFECT_NONE},
    /* clang-format on */
};

static void
expect_submit(enum who who, enum replay replay, enum answer_class class, const char *words)
{
	struct txn txn = row_of(who, PHASE_SUBMIT);
	struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

	facts.replay = replay;
	expect(&facts, class, words);
}

static void
test_every_line_of_a_submit(void **state)
{
	(void)state;
	assert_int_equal(COUNT(submits), CLASS_COUNT);
	for (size_t i = 0; i < COUNT(submits); i++) {
		enum answer_class class = submits[i].class;

		expect_submit(KEYED_FIRST, REPLAY_SUCCESS, class, submits[i].first);
		expect_submit(KEYED_FIRST, REPLAY_ALL, class, submits[i].first_all);
		expect_submit(KEYED_LATER, REPLAY_SUCCESS, class, submits[i].later);
		expect_submit(KEYED_LATER, REPLAY_ALL, class, submits[i].later_all);
		expect_submit(KEYED_LATE, REPLAY_SUCCESS, class, submits[i].late);
		expect_submit(KEYED_LATE, REPLAY_ALL, class, submits[i].late);
		expect_submit(KEYLESS, REPLAY_SUCCESS, class, submits[i].keyless);
		expect_submit(KEYLESS, REPLAY_ALL, class, submits[i].keyless);
		expect_submit(SAFE, REPLAY_SUCCESS, class, submits[i].safe);
	}
}

/* --- polls --- */

static const struct {
	enum answer_class class;
	const char *keyed, *late, *keyless, *safe;
} polls[] = {
    {CLASS_UNSENT, "poll", "poll", "poll", "poll"},
    {CLASS_UNUSABLE, "poll", "poll", "poll", "poll"},
    {CLASS_LOST, "poll", "poll", "poll", "poll"},
    {CLASS_SUCCEEDED, "succeeded", "succeeded", "succeeded", "succeeded"},
    {CLASS_FAILED, "failed", "failed", "failed", "failed"},
    {CLASS_PENDING, "poll", "poll", "poll", "poll"},
    {CLASS_PENDING_NO_URL, "poll", "poll", "poll", "poll"},
    {CLASS_NOT_READY, "poll", "poll", "poll", "poll"},
    {CLASS_UNPROCESSED, "poll", "poll", "poll", "poll"},
    {CLASS_AUTH_UNPROCESSED, "poll", "poll", "poll", "poll"},
    {CLASS_LOGIN, "poll", "poll", "poll", "poll"},
    {CLASS_HOLD, "poll", "poll", "poll", "poll"},
    {CLASS_RETRY, "poll", "poll", "poll", "poll"},
    {CLASS_UNKNOWN, "unknown", "unknown", "unknown", "again"},
    {CLASS_INNER_SERVER, "again", "unknown", "unknown", "again"},
    {CLASS_INNER_UNDECIDED, "unknown", "unknown", "unknown", "again"},
    {CLASS_UNDECIDED, "poll", "poll", "poll", "poll"},
    {CLASS_REDIRECT, "hold:redirect", "hold:redirect", "hold:redirect", "hold:redirect"},
    {CLASS_SEE_OTHER, "hold:redirect", "hold:redirect", "hold:redirect", "hold:redirect"},
    {CLASS_BAD_REQUEST, "unknown", "unknown", "unknown", "again"},
    {CLASS_AUTH, "poll", "poll", "poll", "poll"},
    {CLASS_NOT_FOUND, "again", "unknown", "unknown", "again"},
    {CLASS_REFUSED, "unknown", "unknown", "unknown", "again"},
    {CLASS_TIMEOUT, "poll", "poll", "poll", "poll"},
    {CLASS_CONFLICT, "poll", "poll", "poll", "poll"},
    {CLASS_CONTENT, "unknown", "unknown", "unknown", "again"},
    {CLASS_EARLY, "poll", "poll", "poll", "poll"},
    {CLASS_RATE, "poll", "poll", "poll", "poll"},
    {CLASS_OTHER_4XX, "unknown", "unknown", "unknown", "again"},
    {CLASS_SERVER, "poll", "poll", "poll", "poll"},
    {CLASS_GATEWAY, "poll", "poll", "poll", "poll"},
    {CLASS_UNAVAILABLE, "poll", "poll", "poll", "poll"},
    {CLASS_ODD, "poll", "poll", "poll", "poll"},
};

static void
test_every_line_of_a_poll(void **state)
{
	(void)state;
	assert_int_equal(COUNT(polls), CLASS_COUNT);
	for (size_t i = 0; i < COUNT(polls); i++)
		for (int who = 0; who < WHO_COUNT; who++) {
			struct txn txn = row_of((enum who)who, PHASE_POLL);
			struct policy_facts facts = facts_of(&txn, PHASE_POLL);
			const char *expected[WHO_COUNT] = {polls[i].keyed, polls[i].keyed,
			    polls[i].late, polls[i].keyless, polls[i].safe};

			expect(&facts, polls[i].class, expected[who]);
		}
}

/* What it does to the destination: the same for everybody, but a redirected poll holds its row
 * only. */
static void
test_destinations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(submits); i++)
		for (int who = 0; who < WHO_COUNT; who++) {
			struct txn submit = row_of((enum who)who, PHASE_SUBMIT);
			struct txn poll = row_of((enum who)who, PHASE_POLL);
			struct policy_facts facts = facts_of(&submit, PHASE_SUBMIT);
			struct decision decision = decide(&facts, submits[i].class);
			enum destination_effect effect = submits[i].effect;

			assert_int_equal(decision.effect, effect);
			if (effect == EFFECT_HOLD_CREDENTIALS || effect == EFFECT_HOLD_TRUST ||
			    effect == EFFECT_HOLD_REDIRECT || effect == EFFECT_HOLD_RULE)
				assert_true(decision.alert);
			facts = facts_of(&poll, PHASE_POLL);
			decision = decide(&facts, submits[i].class);
			assert_int_equal(
			    decision.effect, effect == EFFECT_HOLD_REDIRECT ? EFFECT_NONE : effect);
		}
}

/* A person hears of whatever ends in unknown or held. */
static void
test_alerts(void **state)
{
	(void)state;
	for (int class = 0; class < CLASS_COUNT; class ++)
		for (int who = 0; who < WHO_COUNT; who++)
			for (int p = 0; p < 2; p++) {
				enum phase phase = p == 0 ? PHASE_SUBMIT : PHASE_POLL;
				struct txn txn = row_of((enum who)who, phase);
				struct policy_facts facts = facts_of(&txn, phase);
				struct decision decision =
				    decide(&facts, (enum answer_class) class);
				struct txn after = follow(&txn, &decision);

				if (after.state == STATE_HELD || after.result == RESULT_UNKNOWN)
					assert_true(decision.alert);
				if (after.state == STATE_RETRY && decision.effect == EFFECT_NONE)
					assert_false(decision.alert);
			}
}

/* --- fetch URLs --- */

static void
test_fetch_urls(void **state)
{
	(void)state;
	for (int who = 0; who < WHO_COUNT; who++) {
		struct txn submit = row_of((enum who)who, PHASE_SUBMIT);
		struct txn poll = row_of((enum who)who, PHASE_POLL);
		struct policy_facts facts = facts_of(&submit, PHASE_SUBMIT);
		struct decision decision;
		struct txn after;

		/* never contacted: the row is held and keeps the URL */
		facts.fetch = FETCH_REFUSED;
		expect(&facts, CLASS_PENDING, "pending+hold:fetch_url");
		decision = decide(&facts, CLASS_PENDING);
		after = follow(&submit, &decision);
		assert_true(after.has_fetch_url);
		assert_int_equal(after.resume_state, STATE_PENDING);
		facts = facts_of(&poll, PHASE_POLL);
		facts.fetch = FETCH_REFUSED;
		expect(&facts, CLASS_NOT_READY, "poll+hold:fetch_url");
		expect(&facts, CLASS_PENDING, "poll+hold:fetch_url");
		/* a poll that brings no newer URL goes on with the one there is */
		facts.fetch = FETCH_NONE;
		expect(&facts, CLASS_NOT_READY, "poll");
	}
}

/* --- limits --- */

/* Up to three answers of a class, counted without kills. */
static void
test_submit_limits(void **state)
{
	static const struct {
		enum answer_class class;
		enum replay replay;
	} limited[] = {
	    {CLASS_UNDECIDED, REPLAY_SUCCESS},
	    {CLASS_UNDECIDED, REPLAY_ALL},
	    {CLASS_PENDING_NO_URL, REPLAY_SUCCESS},
	    {CLASS_SERVER, REPLAY_ALL},
	    {CLASS_INNER_SERVER, REPLAY_ALL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(limited); i++)
		for (int before = 0; before < 6; before++) {
			struct txn txn = row_of(KEYED_LATER, PHASE_SUBMIT);
			struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

			facts.replay = limited[i].replay;
			facts.same_before = before;
			assert_true(policy_needs_history(
			    &facts, &(struct verdict){.class = limited[i].class}));
			expect(&facts, limited[i].class, before < 2 ? "again" : "unknown");
		}
}

/* Nothing else is limited by a count: 408, 429, 502, 503, no answer go on until give_up_after; a
 * safe row always. */
static void
test_no_other_submit_limits(void **state)
{
	static const enum answer_class free_of_limits[] = {CLASS_LOST, CLASS_TIMEOUT, CLASS_RATE,
	    CLASS_EARLY, CLASS_GATEWAY, CLASS_UNAVAILABLE, CLASS_RETRY, CLASS_AUTH, CLASS_REDIRECT};

	(void)state;
	for (size_t i = 0; i < COUNT(free_of_limits); i++) {
		struct txn txn = row_of(KEYED_LATER, PHASE_SUBMIT);
		struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

		facts.same_before = 1000;
		facts.same_since = NOW - 19 * HOUR;
		expect(&facts, free_of_limits[i], "again");
	}
	for (size_t i = 0; i < COUNT(submits); i++) {
		struct txn txn = row_of(SAFE, PHASE_SUBMIT);
		struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

		facts.same_before = 1000;
		facts.same_since = NOW - 19 * HOUR;
		expect(&facts, submits[i].class, submits[i].safe);
	}
}

static void
test_poll_limits(void **state)
{
	static const enum answer_class limited[] = {CLASS_UNDECIDED, CLASS_SERVER, CLASS_ODD};
	static const enum answer_class unlimited[] = {CLASS_UNSENT, CLASS_LOST, CLASS_NOT_READY,
	    CLASS_TIMEOUT, CLASS_CONFLICT, CLASS_EARLY, CLASS_RATE, CLASS_GATEWAY,
	    CLASS_UNAVAILABLE, CLASS_UNPROCESSED, CLASS_AUTH};

	(void)state;
	for (int who = 0; who < WHO_COUNT; who++) {
		struct txn txn = row_of((enum who)who, PHASE_POLL);
		struct policy_facts facts = facts_of(&txn, PHASE_POLL);

		for (int before = 0; before < 8; before++) {
			facts.same_before = before;
			for (size_t i = 0; i < COUNT(limited); i++) {
				assert_true(policy_needs_history(
				    &facts, &(struct verdict){.class = limited[i]}));
				expect(&facts, limited[i], before < 4 ? "poll" : "unknown");
			}
		}
		facts.same_before = 1000;
		for (size_t i = 0; i < COUNT(unlimited); i++)
			expect(&facts, unlimited[i], "poll");
	}
}

/* 409 means "in progress" for ten minutes; then somebody has to look. */
static void
test_conflict_for_a_while(void **state)
{
	struct txn txn = row_of(KEYED_LATER, PHASE_SUBMIT);
	struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

	(void)state;
	facts.same_before = 50;
	facts.same_since = NOW - 10 * MINUTE + 1;
	expect(&facts, CLASS_CONFLICT, "again");
	facts.same_since = NOW - 10 * MINUTE;
	expect(&facts, CLASS_CONFLICT, "unknown");
	facts.now_trusted = false; /* ten minutes by which clock? */
	expect(&facts, CLASS_CONFLICT, "again");
}

/* What is not asked for is not needed: without its history the decision is the same. */
static void
test_history_is_asked_for(void **state)
{
	(void)state;
	for (int class = 0; class < CLASS_COUNT; class ++)
		for (int who = 0; who < WHO_COUNT; who++)
			for (int p = 0; p < 4; p++) {
				enum phase phase = p < 2 ? PHASE_SUBMIT : PHASE_POLL;
				struct txn txn = row_of((enum who)who, phase);
				struct policy_facts facts = facts_of(&txn, phase);
				struct verdict verdict = {.class = (enum answer_class) class};
				struct decision without;
				struct decision with;

				facts.replay = REPLAY_ALL;
				facts.answered = false;
				if (p % 2 == 1)
					txn.deadline_at = NOW - HOUR;
				if (policy_needs_history(&facts, &verdict))
					continue;
				without = policy_decide(&facts, &verdict);
				facts.same_before = 100;
				facts.same_since = NOW - 100 * HOUR;
				with = policy_decide(&facts, &verdict);
				assert_int_equal(with.event, without.event);
				assert_int_equal(with.then, without.then);
				assert_int_equal(with.result, without.result);
			}
}

/* --- the end of polling --- */

static void
test_poll_deadline(void **state)
{
	(void)state;
	for (int who = 0; who < WHO_COUNT; who++) {
		struct txn txn = row_of((enum who)who, PHASE_POLL);
		struct policy_facts facts = facts_of(&txn, PHASE_POLL);

		txn.deadline_at = NOW + 1;
		expect(&facts, CLASS_NOT_READY, "poll");
		/* one more complete poll, begun after the deadline */
		txn.deadline_at = NOW - 500;
		expect(&facts, CLASS_NOT_READY, "poll");
		txn.deadline_at = txn.started_at;
		expect(&facts, CLASS_NOT_READY, "unknown");
		expect(&facts, CLASS_GATEWAY, "unknown");
		expect(&facts, CLASS_UNAVAILABLE, "unknown");
		expect(&facts, CLASS_RATE, "unknown");
		/* which may bring the result, and then that counts */
		expect(&facts, CLASS_SUCCEEDED, "succeeded");
		expect(&facts, CLASS_FAILED, "failed");
		/* in doubt about the time there is no deadline */
		facts.now_trusted = false;
		expect(&facts, CLASS_NOT_READY, "poll");
	}
}

/* A poll that brought no answer is not complete: it is repeated, but not for ever. */
static void
test_poll_deadline_without_an_answer(void **state)
{
	static const enum answer_class unanswered[] = {CLASS_UNSENT, CLASS_LOST};

	(void)state;
	for (size_t i = 0; i < COUNT(unanswered); i++)
		for (int before = 0; before < 8; before++) {
			struct txn txn = row_of(KEYLESS, PHASE_POLL);
			struct policy_facts facts = facts_of(&txn, PHASE_POLL);

			txn.deadline_at = NOW - HOUR;
			facts.answered = false;
			facts.same_before = before;
			assert_true(policy_needs_history(
			    &facts, &(struct verdict){.class = unanswered[i]}));
			expect(&facts, unanswered[i], before < 4 ? "poll" : "unknown");
		}
}

/* 401, 403, an expired session, a bad certificate: the destination is held, its rows wait, none
 * ends by it. */
static void
test_poll_deadline_waits_for_credentials(void **state)
{
	static const struct {
		enum answer_class class;
		bool answered;
	} waits[] = {{CLASS_AUTH, true}, {CLASS_AUTH_UNPROCESSED, true}, {CLASS_LOGIN, true},
	    {CLASS_UNUSABLE, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(waits); i++) {
		struct txn txn = row_of(KEYLESS, PHASE_POLL);
		struct policy_facts facts = facts_of(&txn, PHASE_POLL);

		txn.deadline_at = NOW - 100 * HOUR;
		facts.answered = waits[i].answered;
		facts.same_before = 100;
		expect(&facts, waits[i].class, "poll");
	}
}

/* A foreign URL after the deadline ends it, and the destination still hears of a hold. */
static void
test_poll_deadline_and_a_rule_that_holds(void **state)
{
	struct txn txn = row_of(KEYLESS, PHASE_POLL);
	struct policy_facts facts = facts_of(&txn, PHASE_POLL);
	struct decision decision;

	(void)state;
	txn.deadline_at = NOW - HOUR;
	decision = decide(&facts, CLASS_HOLD);
	assert_string_equal(in_words(&decision), "unknown");
	assert_int_equal(decision.effect, EFFECT_HOLD_RULE);
	assert_true(decision.alert);
}

/* --- the end of trying --- */

static void
test_give_up(void **state)
{
	static const struct {
		enum who who;
		enum answer_class class;
		const char *before, *at;
	} cases[] = {
	    {KEYED_FIRST, CLASS_UNSENT, "unsent", "unsent+expired"},
	    {KEYED_FIRST, CLASS_UNPROCESSED, "requeue", "requeue+expired"},
	    {KEYED_FIRST, CLASS_LOST, "again", "again+unknown"},
	    {KEYED_LATER, CLASS_UNSENT, "unsent", "unsent+unknown"},
	    {KEYED_LATER, CLASS_UNPROCESSED, "requeue", "requeue+unknown"},
	    {KEYLESS, CLASS_UNSENT, "unsent", "unsent+expired"},
	    {KEYLESS, CLASS_UNPROCESSED, "requeue", "requeue+expired"},
	    {SAFE, CLASS_LOST, "again", "again+expired"},
	    {SAFE, CLASS_GATEWAY, "again", "again+expired"},
	    {KEYED_LATER, CLASS_SUCCEEDED, "succeeded", "succeeded"},
	    {KEYED_LATER, CLASS_PENDING, "pending", "pending"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct txn txn = row_of(cases[i].who, PHASE_SUBMIT);
		struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

		facts.give_up_at = NOW + 1;
		expect(&facts, cases[i].class, cases[i].before);
		facts.give_up_at = NOW;
		expect(&facts, cases[i].class, cases[i].at);
		facts.now_trusted = false;
		expect(&facts, cases[i].class, cases[i].before);
	}
}

/* The fetch is lost, the key is known: it is submitted again, unless it is too late for that. */
static void
test_give_up_after_a_lost_fetch(void **state)
{
	struct txn txn = row_of(KEYED_FIRST, PHASE_POLL);
	struct policy_facts facts = facts_of(&txn, PHASE_POLL);

	(void)state;
	facts.give_up_at = NOW;
	expect(&facts, CLASS_NOT_FOUND, "again+unknown");
	facts.give_up_at = NOW + 1;
	expect(&facts, CLASS_NOT_FOUND, "again");
}

/* Never sent and past expires_at: expired, with no effect. Once exposed, expires_at says nothing
 * more. */
static void
test_expires_at(void **state)
{
	struct txn txn = row_of(KEYED_FIRST, PHASE_SUBMIT);
	struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

	(void)state;
	txn.deadline_at = NOW;
	expect(&facts, CLASS_UNSENT, "unsent+expired");
	expect(&facts, CLASS_UNPROCESSED, "requeue+expired");
	expect(&facts, CLASS_LOST, "again");
	facts.now_trusted = false;
	expect(&facts, CLASS_UNSENT, "unsent");
	facts.now_trusted = true;
	txn.deadline_at = NOW + 1;
	expect(&facts, CLASS_UNSENT, "unsent");
}

/* From claimed, too: the hook said no, or the connection failed. */
static void
test_claimed(void **state)
{
	struct txn txn = row_of(KEYLESS, PHASE_SUBMIT);
	struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

	(void)state;
	txn.state = STATE_CLAIMED;
	txn.exposed_at = TIME_NONE;
	facts.answered = false;
	expect(&facts, CLASS_UNSENT, "unsent");
	expect(&facts, CLASS_UNUSABLE, "unsent");
	txn.deadline_at = NOW;
	expect(&facts, CLASS_UNSENT, "unsent+expired");
}

/* --- the key window, exactly --- */

static void
test_key_window_edges(void **state)
{
	struct txn txn = row_of(KEYED_LATER, PHASE_SUBMIT);
	struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

	(void)state;
	txn.exposed_at = txn.exposed_before = NOW - WINDOW + 1;
	expect(&facts, CLASS_LOST, "again");
	txn.exposed_at = txn.exposed_before = NOW - WINDOW;
	expect(&facts, CLASS_LOST, "unknown");
	/* the first attempt took that long: nothing older is in doubt */
	txn.exposed_before = TIME_NONE;
	expect(&facts, CLASS_BAD_REQUEST, "failed");
	expect(&facts, CLASS_UNSENT, "unsent");
	expect(&facts, CLASS_LOST, "unknown");
	/* without trusted time nothing is decided, and nothing is sent either */
	facts.now_trusted = false;
	expect(&facts, CLASS_LOST, "again");
}

/* --- before a claim --- */

static const char *
before_claim(const struct policy_facts *facts)
{
	enum result result = RESULT_NONE;
	const char *why = NULL;

	if (policy_before_claim(facts, &result, &why) == 0)
		return "claim";
	assert_non_null(why);
	return result_name(result);
}

static void
test_before_claim(void **state)
{
	struct txn txn = row_of(KEYED_FIRST, PHASE_SUBMIT);
	struct policy_facts facts = facts_of(&txn, PHASE_SUBMIT);

	(void)state;
	txn.state = STATE_QUEUED;
	txn.exposed_at = TIME_NONE;
	assert_string_equal(before_claim(&facts), "claim");
	txn.deadline_at = NOW + 1;
	assert_string_equal(before_claim(&facts), "claim");
	txn.deadline_at = NOW;
	assert_string_equal(before_claim(&facts), "expired");
	facts.now_trusted = false;
	assert_string_equal(before_claim(&facts), "claim");

	facts.now_trusted = true;
	txn.deadline_at = TIME_NONE;
	facts.give_up_at = NOW;
	assert_string_equal(before_claim(&facts), "expired");
	txn.exposed_at = NOW - HOUR;
	assert_string_equal(before_claim(&facts), "unknown");
	facts.now_trusted = false;
	assert_string_equal(before_claim(&facts), "claim");

	facts.now_trusted = true;
	facts.give_up_at = TIME_NONE;
	txn.state = STATE_RETRY;
	txn.exposed_at = NOW - WINDOW + 1;
	assert_string_equal(before_claim(&facts), "claim");
	txn.exposed_at = NOW - WINDOW;
	assert_string_equal(before_claim(&facts), "unknown");
	facts.now_trusted = false;
	assert_string_equal(before_claim(&facts), "claim"); /* the store leaves it out meanwhile */

	/* an exposed row has no expires_at any more, a keyless unexposed one has no key window */
	facts.now_trusted = true;
	txn.exposed_at = NOW - HOUR;
	txn.deadline_at = NOW - HOUR;
	assert_string_equal(before_claim(&facts), "claim");
}

/* --- every combination --- */

/* A poor man's proof: whatever the facts, the row can follow, and no promise is broken by it. */
static void
check_promises(const struct policy_facts *facts, enum answer_class class)
{
	struct decision decision = decide(facts, class);
	const struct txn *txn = facts->txn;
	struct txn after = follow(txn, &decision);
	bool sure = txn->kind == KIND_SAFE || !txn_exposed(&after);

	if (after.state == STATE_RETRY && txn->kind == KIND_KEYLESS && txn_exposed(&after))
		fail_msg("%s: a keyless row would be sent again", answer_class_name(class));
	if (facts->phase == PHASE_POLL && txn->kind == KIND_KEYLESS && after.state == STATE_RETRY)
		fail_msg("%s: a keyless poll led to a submit", answer_class_name(class));
	if (facts->now_trusted && after.state == STATE_RETRY && txn->kind == KIND_KEYED &&
	    txn_exposed(&after) && facts->now - after.exposed_at >= facts->key_window_ms)
		fail_msg("%s: a forgotten key would be used", answer_class_name(class));
	if ((after.result == RESULT_EXPIRED || after.result == RESULT_CANCELED ||
		after.result == RESULT_INVALID) &&
	    !sure)
		fail_msg(
		    "%s: %s without proof", answer_class_name(class), result_name(after.result));
	if (after.result == RESULT_SUCCEEDED && class != CLASS_SUCCEEDED)
		fail_msg("%s: a success without a rule", answer_class_name(class));
	if (after.result == RESULT_FAILED && class != CLASS_FAILED && facts->phase == PHASE_POLL)
		fail_msg("%s: a poll failed without a rule", answer_class_name(class));
	if (after.result == RESULT_FAILED && class != CLASS_FAILED &&
	    txn->exposed_before != TIME_NONE &&
	    (facts->replay != REPLAY_ALL || txn->kind != KIND_KEYED))
		fail_msg("%s: failed, and an earlier attempt may have succeeded",
		    answer_class_name(class));
	if (!facts->now_trusted && after.result == RESULT_EXPIRED)
		fail_msg("%s: expired by a clock in doubt", answer_class_name(class));
}

static void
test_every_combination(void **state)
{
	static const int64_t times[] = {TIME_NONE, NOW - HOUR, NOW, NOW + 1};

	(void)state;
	for (int class = 0; class < CLASS_COUNT; class ++)
		for (int who = 0; who < WHO_COUNT; who++)
			for (unsigned bits = 0; bits < 64; bits++)
				for (size_t d = 0; d < COUNT(times) * COUNT(times); d++)
					for (int before = 0; before < 6; before++) {
						enum phase phase =
						    (bits & 1) ? PHASE_POLL : PHASE_SUBMIT;
						struct txn txn = row_of((enum who)who, phase);
						struct policy_facts facts = facts_of(&txn, phase);

						facts.replay =
						    (bits & 2) ? REPLAY_ALL : REPLAY_SUCCESS;
						facts.now_trusted = (bits & 4) != 0;
						facts.answered = (bits & 8) != 0;
						facts.fetch =
						    (enum fetch_admission)((bits >> 4) % 3);
						facts.same_before = before;
						facts.same_since =
						    before > 0 ? NOW - HOUR : TIME_NONE;
						txn.deadline_at = times[d % COUNT(times)];
						facts.give_up_at = times[d / COUNT(times)];
						check_promises(&facts, (enum answer_class) class);
					}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_line_of_a_submit),
	    cmocka_unit_test(test_every_line_of_a_poll),
	    cmocka_unit_test(test_destinations),
	    cmocka_unit_test(test_alerts),
	    cmocka_unit_test(test_fetch_urls),
	    cmocka_unit_test(test_submit_limits),
	    cmocka_unit_test(test_no_other_submit_limits),
	    cmocka_unit_test(test_poll_limits),
	    cmocka_unit_test(test_conflict_for_a_while),
	    cmocka_unit_test(test_history_is_asked_for),
	    cmocka_unit_test(test_poll_deadline),
	    cmocka_unit_test(test_poll_deadline_without_an_answer),
	    cmocka_unit_test(test_poll_deadline_waits_for_credentials),
	    cmocka_unit_test(test_poll_deadline_and_a_rule_that_holds),
	    cmocka_unit_test(test_give_up),
	    cmocka_unit_test(test_give_up_after_a_lost_fetch),
	    cmocka_unit_test(test_expires_at),
	    cmocka_unit_test(test_claimed),
	    cmocka_unit_test(test_key_window_edges),
	    cmocka_unit_test(test_before_claim),
	    cmocka_unit_test(test_every_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
