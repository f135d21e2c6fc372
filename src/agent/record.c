/*
 * record.c - what an exchange meant, in one commit: state, attempt, result, and what it means for
 * the destination.
 */
#include "agent/record_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/card.h"
#include "core/fetchurl.h"
#include "core/text.h"
#include "edge/clock.h"
#include "edge/log.h"

/* Copies what was fetched from outside so that it can be stored and shown. */
static char *
printable_copy(const char *url)
{
	char *copy = strndup(url, FETCHURL_LENGTH_MAX);

	for (char *at = copy; at != NULL && *at != '\0'; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
	return copy;
}

/* Is the answer's fetch URL one that may be contacted? -1: memory is short. */
static int
admit_fetch_url(struct record *record)
{
	struct job *job = record->job;
	struct fetchurl_policy policy = {
	    .submit_url = job->row->url != NULL ? job->row->url : job->url,
	    .path_prefix = job->settings->profile->fetch_prefix,
	    .origins = job->settings->fetch_origins,
	    .origin_count = job->settings->fetch_origin_count};
	const char *why = NULL;

	record->admission = FETCH_NONE;
	if (job->verdict.url == NULL)
		return 0;
	switch (fetchurl_resolve(&policy, job->verdict.url, &record->fetch_url, &why)) {
	case FETCHURL_ADMITTED:
		record->admission = FETCH_ADMITTED;
		return 0;
	case FETCHURL_MISSING:
		if (job->verdict.class == CLASS_PENDING)
			job->verdict.class = CLASS_PENDING_NO_URL;
		return 0;
	case FETCHURL_REFUSED:
		record->admission = FETCH_REFUSED;
		record->refusal = why;
		record->fetch_url = printable_copy(job->verdict.url);
		return record->fetch_url == NULL ? -1 : 0;
	case FETCHURL_NO_MEMORY:
		break;
	}
	return -1;
}

static enum store_status
decide(struct record *record)
{
	const struct agent *agent = record->agent;
	const struct job *job = record->job;
	const struct txn *txn = &job->row->txn;
	struct policy_facts facts = {.txn = txn,
	    .phase = job->phase,
	    .answered = job->answer.evidence == EVIDENCE_ANSWERED,
	    .fetch = record->admission,
	    .replay = job->settings->replay_set ? job->settings->replay : job->operation->replay,
	    .now = agent->now,
	    .now_trusted = agent->timeline.trusted,
	    .key_window_ms = txn_key_window_ms(job->settings->key_retention_ms),
	    .give_up_at = lane_give_up_at(job->lane, job->settings, txn)};
	enum store_status status = STORE_OK;

	record->rule = job->verdict.rule;
	if (job->phase == PHASE_POLL && !facts.answered && txn->deadline_at != TIME_NONE &&
	    agent->now >= txn->deadline_at)
		record->rule = "past-deadline"; /* counted on its own */
	facts.same_since = TIME_NONE;
	if (policy_needs_history(&facts, &job->verdict))
		status = store_same_rule(agent->store, txn->id, job->phase, record->rule,
		    txn->eligible_at, &facts.same_before, &facts.same_since);
	if (status == STORE_OK)
		record->decision = policy_decide(&facts, &job->verdict);
	return status;
}

/* What the gateway asked for in Retry-After, in ms, or -1. */
int64_t
record_retry_after(const struct record *record)
{
	const struct job *job = record->job;

	if (job->answer.header == NULL || job->answer.http_status == 0)
		return -1;
	return backoff_retry_after_ms(job->answer.header(job->answer.header_source, "Retry-After"),
	    record->agent->now, RETRY_AFTER_MAX_MS);
}

static int64_t
poll_delay(const struct record *record)
{
	const struct destination *settings = record->job->settings;
	int64_t upper = settings->poll_interval_ms;

	for (int i = 0;
	     i < record->job->row->txn.failures && upper < settings->poll_interval_max_ms; i++)
		upper = upper * 3 / 2 + 1;
	if (upper > settings->poll_interval_max_ms)
		upper = settings->poll_interval_max_ms;
	/* Between half and the whole: polls that started together drift apart. */
	return upper / 2 + (int64_t)(clock_random() % (uint64_t)(upper / 2 + 1));
}

static int64_t
next_due(const struct record *record)
{
	const struct job *job = record->job;
	int64_t asked;
	int64_t delay;

	if (record->decision.event == EVENT_FINISH)
		return TIME_NONE;
	asked = record_retry_after(record);
	if (record->decision.event == EVENT_PENDING || record->decision.event == EVENT_NOT_READY)
		delay = poll_delay(record);
	else if (record->decision.effect != EFFECT_NONE)
		delay = 0; /* it waits for its destination, not for the clock */
	else
		delay = backoff_delay_ms(job->settings->retry_base_ms, job->settings->retry_cap_ms,
		    job->row->txn.failures + 1, clock_random());
	return record->agent->now + (asked > delay ? asked : delay);
}

/* The sentence that people read in outbox_status and outbox_result. */
static void
explain(struct record *record)
{
	const struct verdict *verdict = &record->job->verdict;
	const struct decision *decision = &record->decision;
	const struct wire_outcome *outcome = record->job->outcome;
	const char *detail = verdict->reason[0] != '\0' ? verdict->reason : NULL;
	char what[320];

	record->reason[0] = '\0';
	if (decision->then == EVENT_FINISH && decision->result == RESULT_SUCCEEDED) {
		text_copy(record->reason, sizeof(record->reason), verdict->reason);
		return;
	}
	if (detail != NULL)
		text_copy(what, sizeof(what), detail);
	else if (record->job->answer.evidence == EVIDENCE_ANSWERED)
		(void)snprintf(what, sizeof(what), "the gateway answered %d (%s)",
		    verdict->http_status, verdict->rule);
	else if (record->job->answer.evidence == EVIDENCE_MAYBE_SENT)
		(void)snprintf(what, sizeof(what), "no complete answer: %.200s", outcome->error);
	else
		(void)snprintf(what, sizeof(what), "not sent: %.200s", outcome->error);
	if (decision->then == EVENT_HOLD && decision->hold == HOLD_FETCH_URL)
		(void)snprintf(record->reason, sizeof(record->reason),
		    "the fetch URL was not contacted: %s; %s", record->refusal, what);
	else if (decision->why != NULL)
		(void)snprintf(
		    record->reason, sizeof(record->reason), "%s; %s", decision->why, what);
	else
		text_copy(record->reason, sizeof(record->reason), what);
}

static void
apply(struct record *record, enum event event)
{
	struct txn_step step = {.event = event,
	    .now = record->agent->now,
	    .due_at = next_due(record),
	    .deadline_at = record->agent->now + record->job->settings->poll_deadline_ms,
	    .hold = record->decision.hold,
	    .result = record->decision.result};
	int applied = txn_apply(&record->after, &step);

	assert(applied == 0);
	(void)applied;
}

/* Only what a final answer says is kept: never an envelope that echoes the request, never card
 * data. */
static bool
keeps_body(struct record *record)
{
	const struct verdict *verdict = &record->job->verdict;
	const struct reply *document = verdict->documents[verdict->unwrapped ? 1 : 0];
	const char *what;

	if (record->job->answer.evidence != EVIDENCE_ANSWERED || verdict->body_length == 0)
		return false;
	if (record->decision.result == RESULT_UNKNOWN && record->job->phase == PHASE_POLL &&
	    !verdict->unwrapped)
		return false;
	if (document == NULL && record->job->settings->profile->answers_json)
		return false;
	if (document == NULL ? !card_in_text(verdict->body, verdict->body_length, &what)
			     : !card_in_reply(document, &what))
		return true;
	(void)strncat(record->reason,
	    record->reason[0] == '\0' ? "the answer's body carries card data and was not stored"
				      : " (the answer's body carries card data and was not stored)",
	    sizeof(record->reason) - strlen(record->reason) - 1);
	return false;
}

static enum store_status
write_result(struct record *record)
{
	struct agent *agent = record->agent;
	const struct job *job = record->job;
	const struct verdict *verdict = &job->verdict;
	bool keep = keeps_body(record);
	struct store_outcome outcome = {.result = record->after.result,
	    .http_status = verdict->http_status,
	    .body = keep ? verdict->body : NULL,
	    .body_length = keep ? verdict->body_length : 0,
	    .body_is_text = verdict->documents[verdict->unwrapped ? 1 : 0] != NULL,
	    .reason = record->reason[0] == '\0' ? NULL : record->reason};
	enum store_status status =
	    store_result(agent->store, record->after.id, &outcome, agent->now);

	return status == STORE_OK ? record_erase(agent, job->settings, &record->after) : status;
}

static enum store_status
write_attempt(const struct record *record)
{
	const struct job *job = record->job;
	const struct wire_outcome *outcome = job->outcome;
	bool first = job->row->txn.attempts + job->row->txn.polls == 1;
	struct store_attempt attempt = {.outbox_id = job->row->txn.id,
	    .n = first ? 1 : 0,
	    .phase = job->phase,
	    .started_at = job->row->txn.started_at,
	    .ended_at = job->ended_at,
	    .evidence = job->answer.evidence,
	    .http_status = job->answer.http_status,
	    .error = outcome->error[0] == '\0' ? NULL : outcome->error,
	    .rule = record->rule};

	return store_attempt(record->agent->store, &attempt);
}

static enum store_status
write_row(struct record *record)
{
	const struct store_row *row = record->job->row;
	const char *url = record->fetch_url != NULL ? record->fetch_url : row->fetch_url;
	enum store_status status = write_attempt(record);

	if (status == STORE_OK && record->after.state == STATE_DONE)
		status = write_result(record);
	if (status == STORE_OK)
		status = store_move(record->agent->store, row->txn.state, &record->after,
		    record->reason[0] == '\0' ? NULL : record->reason, url, NULL);
	return status;
}

enum store_status
record_job(struct agent *agent, struct job *job)
{
	struct record record = {.agent = agent, .job = job, .after = {0}};
	enum store_status status;
	bool refused_again = false;

	if (job->phase == PHASE_LOGIN)
		return lane_login_ended(agent, job);
	record.after = job->row->txn;
	if (job_verdict(job) == -1)
		return STORE_FULL;
	if (admit_fetch_url(&record) == -1)
		return STORE_FULL;
	status = decide(&record);
	if (status == STORE_OK)
		status = record_refused_before(&record, &refused_again);
	if (status == STORE_OK) {
		explain(&record);
		apply(&record, record.decision.event);
		if (record.decision.then != record.decision.event)
			apply(&record, record.decision.then);
		status = write_row(&record);
	}
	if (status == STORE_OK)
		status = record_effect(&record, refused_again);
	if (status == STORE_OK) {
		if (record.decision.alert)
			agent_error(agent, record.reason);
		job->broke = gate_ended(&job->lane->gate, job->phase, job->row->txn.kind,
		    record_gate_outcome(job), agent->boot);
		job->ended_in = record.after.state;
		job->ended_as = record.after.result;
		text_copy(job->reason, sizeof(job->reason), record.reason);
	}
	free(record.fetch_url);
	return status;
}

/* The one line of an exchange. */
static void
log_attempt(const struct job *job)
{
	const struct store_row *row = job->row;
	const struct wire_outcome *outcome = job->outcome;
	bool login = row == NULL;
	bool bad = !login && (job->ended_in == STATE_HELD || job->ended_as == RESULT_UNKNOWN);

	log_write(bad ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "attempt",
	    LOG_NUMBER("id", login ? 0 : row->txn.id), LOG_TEXT("destination", job->lane->name),
	    LOG_TEXT("operation", login ? NULL : row->operation),
	    LOG_TEXT("phase", phase_name(job->phase)),
	    LOG_NUMBER("ms", job->ended_at - (login ? job->started_at : row->txn.started_at)),
	    LOG_TEXT("evidence", evidence_name(outcome->evidence)),
	    LOG_NUMBER("http_status", outcome->http_status),
	    LOG_TEXT("rule", job->judged ? job->verdict.rule : NULL),
	    LOG_TEXT("state", login ? NULL : state_name(job->ended_in)),
	    LOG_TEXT("result", login ? NULL : result_name(job->ended_as)),
	    LOG_TEXT("reason", job->reason[0] == '\0' ? NULL : job->reason),
	    LOG_TEXT("error", outcome->error[0] == '\0' ? NULL : outcome->error));
}

void
record_done(struct agent *agent, struct job *job)
{
	log_attempt(job);
	if (job->row == NULL) {
		metrics_count_attempt(&job->lane->metrics, job->phase, job->outcome->evidence, 1,
		    job->ended_at - job->started_at);
		return;
	}
	metrics_count_attempt(&job->lane->metrics, job->phase, job->answer.evidence,
	    job->row->txn.attempts, job->ended_at - job->row->txn.started_at);
	if (job->ended_as != RESULT_NONE)
		metrics_count_result(
		    &job->lane->metrics, job->ended_as, job->ended_at - job->row->txn.eligible_at);
	if (job->broke) {
		log_write(
		    LOG_LEVEL_WARNING, "breaker_open", LOG_TEXT("destination", job->lane->name));
		agent_error(agent, "a destination fails so often that only probes are sent to it");
	}
}
