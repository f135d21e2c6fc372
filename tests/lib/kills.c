/*
 * kills.c - marks, counts and settles.
 */
#include "lib/kills.h"

#include "lib/daemon_parts.h"
#include "lib/gateway_ask.h"
#include "lib/oracle.h"

static const char *const states[KILLS_STATES] = {
    "queued", "claimed", "sending", "retry", "pending", "blocked"};

const char *
kills_state(int which)
{
	return states[which];
}

void
kills_count_states(struct stand *stand, struct kills_seen *seen)
{
	for (int i = 0; i < KILLS_STATES; i++) {
		int64_t rows = stand_number(stand,
		    "SELECT count(*) FROM outbox_delivery WHERE state = '%s' AND state IN "
		    "('blocked','queued','claimed','sending','retry','pending')",
		    states[i]);

		seen->kills[i] += rows > 0;
		seen->rows[i] += rows;
	}
}

/* Twice: a slow gateway may read the first before what the daemon sent just before its end; its one
 * thread has read all of that before it answers the second. */
void
kills_mark(struct stand *stand)
{
	for (int i = 0; i < 2; i++) {
		struct gateway_answer answer =
		    gateway_ask(stand->gateway, ORACLE_MARK, NULL, NULL, 10000);

		stand_must(answer.curl == 0, "the gateway does not answer");
		gateway_answer_free(&answer);
	}
}

bool
kills_settle(struct stand *stand)
{
	bool settled = true;

	stand_must(gateway_script(stand->gateway, "clear\n") == 0, "the gateway's script");
	stand_exec(stand,
	    "INSERT INTO outbox_control (command, destination) SELECT 'release', destination FROM "
	    "outbox_destination WHERE held");
	if (!stand_runs(stand))
		stand_start(stand);
	for (int round = 0; settled && round < 2; round++) {
		stand_exec(stand, "INSERT INTO outbox_control (command, outbox_id) SELECT "
				  "'release', outbox_id FROM "
				  "outbox_delivery WHERE hold_cause = 'operator'");
		/* what waits for an unknown or held parent stays blocked */
		settled =
		    stand_wait(stand, "SELECT NOT EXISTS (SELECT 1 FROM outbox_control WHERE "
				      "status = 'open') AND NOT EXISTS (SELECT 1 FROM "
				      "outbox_delivery d WHERE state NOT IN ('done', 'held') AND "
				      "NOT (state = 'blocked' AND EXISTS (SELECT 1 "
				      "FROM outbox_delivery p WHERE p.outbox_id = d.after_id AND "
				      "(p.state = 'held' OR p.result = "
				      "'unknown'))))");
	}
	return settled;
}
