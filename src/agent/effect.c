/*
 * effect.c - what an exchange means for its destination: holds, releases, a new session, less
 * speed.
 */
#include "agent/record_parts.h"

/* Two refusals of a session in a row for one row: the credentials, not the session, are the
 * trouble. */
static enum store_status
login_effect(struct record *record, bool again)
{
	struct job *job = record->job;

	lane_session_expired(job->lane, job->session_serial);
	if (!again)
		return STORE_OK;
	return lane_hold(record->agent, job->lane, GATE_HELD_PROBED, "credentials",
	    "the gateway refused a session that was just obtained");
}

static enum store_status
foreign_url_effect(struct record *record)
{
	struct lane *lane = record->job->lane;

	if (record->admission == FETCH_ADMITTED)
		lane->foreign_urls = 0;
	if (record->decision.then != EVENT_HOLD || record->decision.hold != HOLD_FETCH_URL)
		return STORE_OK;
	if (++lane->foreign_urls < FOREIGN_URL_STRIKES)
		return STORE_OK;
	return lane_hold(record->agent, lane, GATE_HELD, "fetch_url",
	    "several fetch URLs in a row pointed outside the destination");
}

/* 429, and a 503 that says for how long, speak for the whole destination. */
static void
slow_down(const struct record *record)
{
	const struct job *job = record->job;
	int64_t asked = record_retry_after(record);

	if (job->answer.http_status == 429 && asked < job->settings->retry_base_ms)
		asked = job->settings->retry_base_ms;
	if (asked > 0 && (job->answer.http_status == 429 || job->answer.http_status == 503))
		gate_slow(&job->lane->gate, record->agent->boot + asked);
}

enum store_status
record_effect(struct record *record, bool refused_again)
{
	struct agent *agent = record->agent;
	struct lane *lane = record->job->lane;

	switch (record->decision.effect) {
	case EFFECT_NONE:
		break;
	case EFFECT_HOLD_CREDENTIALS:
		return lane_hold(agent, lane, GATE_HELD_PROBED, "credentials", record->reason);
	case EFFECT_HOLD_TRUST:
		return lane_hold(agent, lane, GATE_HELD_PROBED, "trust", record->reason);
	case EFFECT_HOLD_REDIRECT:
		return lane_hold(agent, lane, GATE_HELD, "redirect",
		    "the gateway redirected a request, which is never followed; check base_url");
	case EFFECT_HOLD_RULE:
		return lane_hold(agent, lane, GATE_HELD, "rule", record->reason);
	case EFFECT_LOGIN:
		return login_effect(record, refused_again);
	}
	slow_down(record);
	/* An answer that is no complaint about credentials or trust ends such a hold. */
	if (lane->gate.shut == GATE_HELD_PROBED &&
	    record->job->answer.evidence == EVIDENCE_ANSWERED)
		return lane_release(agent, lane);
	return foreign_url_effect(record);
}

enum gate_outcome
record_gate_outcome(const struct job *job)
{
	switch (job->answer.evidence) {
	case EVIDENCE_UNSENT:
		return job->answer.trouble == WIRE_TROUBLE_REFUSED ? GATE_NEUTRAL : GATE_BAD;
	case EVIDENCE_MAYBE_SENT:
		return GATE_AMBIGUOUS;
	case EVIDENCE_ANSWERED:
		break;
	}
	return job->answer.http_status >= 500 ? GATE_BAD : GATE_GOOD;
}

/* Did the last exchange of this row, too, end with an expired session, not long ago? */
enum store_status
record_refused_before(const struct record *record, bool *again)
{
	*again = false;
	if (record->decision.effect != EFFECT_LOGIN)
		return STORE_OK;
	return store_last_rule(record->agent->store, record->job->row->txn.id, record->rule,
	    record->agent->now - LOGIN_AGAIN_MS, again);
}
