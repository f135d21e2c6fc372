/*
 * ending.c - rows that move or end without an exchange, and what every end has in common.
 */
#include "agent/parts.h"

#include "edge/log.h"

static void
log_row(const struct store_row *row, const struct txn *after, const char *reason)
{
	enum log_level level = LOG_LEVEL_INFO;

	if (after->state == STATE_HELD || after->result == RESULT_UNKNOWN)
		level = LOG_LEVEL_WARNING;
	log_write(level, after->state == STATE_DONE ? "result" : "state",
	    LOG_NUMBER("id", after->id), LOG_TEXT("destination", row->destination),
	    LOG_TEXT("operation", row->operation), LOG_TEXT("state", state_name(after->state)),
	    LOG_TEXT("result", result_name(after->result)),
	    LOG_TEXT("reason", reason == NULL || reason[0] == '\0' ? NULL : reason));
}

enum store_status
record_erase(struct agent *agent, const struct destination *settings, const struct txn *txn)
{
	if (settings == NULL || settings->card_data != CARD_ERASE || txn->result == RESULT_UNKNOWN)
		return STORE_OK;
	house_erased(agent);
	return store_erase_body(agent->store, txn->id);
}

enum store_status
record_step(
    struct agent *agent, struct store_row *row, const struct txn_step *step, const char *reason)
{
	struct txn after = row->txn;
	enum store_status status;

	if (txn_apply(&after, step) == -1)
		return STORE_REFUSED;
	status = store_move(agent->store, row->txn.state, &after, reason, row->fetch_url, NULL);
	if (status != STORE_OK)
		return status;
	row->txn = after;
	log_row(row, &after, reason);
	return STORE_OK;
}

enum store_status
record_end(struct agent *agent, struct store_row *row, enum result result, const char *reason)
{
	struct txn_step step = {.event = EVENT_FINISH, .now = agent->now, .result = result};
	struct store_outcome outcome = {.result = result, .reason = reason};
	enum store_status status = store_result(agent->store, row->txn.id, &outcome, agent->now);
	struct lane *lane = lane_find(agent, row->destination);

	if (status == STORE_OK)
		status = record_step(agent, row, &step, reason);
	if (status == STORE_OK && lane != NULL)
		status = record_erase(agent, lane->settings, &row->txn);
	if (status == STORE_OK && lane != NULL)
		metrics_count_result(&lane->metrics, result, agent->now - row->txn.eligible_at);
	return status;
}

enum store_status
record_hold(struct agent *agent, struct store_row *row, enum hold_cause cause, const char *reason)
{
	struct txn_step step = {.event = EVENT_HOLD, .now = agent->now, .hold = cause};

	agent_error(agent, reason);
	return record_step(agent, row, &step, reason);
}
