/*
 * promises.c - the oracle. What left and what happened is known from the other side; the database
 * is only compared with it.
 */
#include "sim/promises.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "core/txn.h"
#include "lib/fvfs.h"
#include "sim/app.h"
#include "sim/edges_sim.h"
#include "sim/sometimes.h"
#include "sim/wire_sim.h"
#include "sim/world.h"

static struct {
	bool await_adopt;
	int64_t asked_before; /* outbox_control.id: an adopt must be newer */
	int64_t version;
	bool clock_is_wrong;
} oracle;

void
promises_begin(void)
{
	oracle.await_adopt = false;
	oracle.version = -1;
	oracle.clock_is_wrong = false;
}

void
promises_clock_is_wrong(bool wrong)
{
	oracle.clock_is_wrong = wrong;
}

void
promises_await_adopt(bool await)
{
	oracle.await_adopt = await;
	oracle.asked_before = app_number(
	    "SELECT coalesce(max(id), 0) FROM outbox_control WHERE status <> 'open' AND ?1 = 0", 0);
}

static bool
adopted(void)
{
	if (app_number("SELECT count(*) FROM outbox_control WHERE command = 'adopt' AND status = "
		       "'done' AND id > ?1",
		oracle.asked_before) < 1)
		return false;
	oracle.await_adopt = false;
	sometimes(adopted);
	return true;
}

bool
promises_awaiting_adopt(void)
{
	return oracle.await_adopt && !adopted();
}

/* One row of outbox_delivery as text; false when it is not there. */
static bool
read_delivery(int64_t row, char state[16], char key[64], char url[200])
{
	sqlite3_stmt *statement;
	bool found;

	allocations_pause();
	fvfs_quiet(true);
	statement = app_statement(
	    "SELECT state, idempotency_key, fetch_url FROM outbox_delivery WHERE outbox_id = ?1");
	(void)sqlite3_bind_int64(statement, 1, row);
	found = sqlite3_step(statement) == SQLITE_ROW;
	state[0] = key[0] = url[0] = '\0';
	if (found) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		(void)snprintf(state, 16, "%s", text);
		text = (const char *)sqlite3_column_text(statement, 1);
		(void)snprintf(key, 64, "%s", text == NULL ? "" : text);
		text = (const char *)sqlite3_column_text(statement, 2);
		(void)snprintf(url, 200, "%s", text == NULL ? "" : text);
	}
	(void)sqlite3_reset(statement);
	fvfs_quiet(false);
	allocations_resume();
	return found;
}

/* A person has said that it may be sent anew. */
static void
take_resubmit(struct order *order)
{
	int64_t answer = order->resubmit == 0
			     ? -1
			     : app_number("SELECT CASE status WHEN 'done' THEN 1 WHEN 'refused' "
					  "THEN 2 END FROM outbox_control WHERE "
					  "id = ?1",
				   order->resubmit);

	if (answer == -1)
		return;
	order->resubmit = 0;
	if (answer != 1)
		return;
	sometimes(resubmitted);
	if (order->effects > 0 || order->in_network > 0 || order->job_running > 0)
		order->misjudged = true;
	order->unexcused = 0;
	order->exposed_since = -1;
	order->frozen = false;
}

static void
check_same_request(
    struct order *order, const char *method, const char *url, const char *key, const char *body)
{
	if (order->frozen && (strcmp(order->method, method) != 0 || strcmp(order->url, url) != 0 ||
				 strcmp(order->body, body) != 0))
		world_violation("P4", "order %d was first %s %s %s and is now %s %s %s",
		    order->number, order->method, order->url, order->body, method, url, body);
	else if (order->frozen && strcmp(order->key, key) != 0 && order->exposed_since != -1)
		world_violation("P4", "order %d was sent under %s and is now sent under %s",
		    order->number, order->key, key);
	if (order->keyed && strcmp(order->key, key) == 0) {
		sometimes(resent_same_key);
	} else if (order->keyed && order->key[0] != '\0') {
		order->rekeyed = true;
		sometimes(retried_new_key);
	}
	order->frozen = true;
	(void)snprintf(order->method, sizeof(order->method), "%s", method);
	(void)snprintf(order->url, sizeof(order->url), "%s", url);
	(void)snprintf(order->key, sizeof(order->key), "%s", key);
	(void)snprintf(order->body, sizeof(order->body), "%s", body);
}

/*
 * Is all that was committed on the disk? Not to be told when the app commits at NORMAL, nor after a
 * failed sync: SQLite leaves frames behind then that nobody counts on.
 */
static bool
is_durable(void)
{
	return app_is_normal() || fvfs_failures() > 0 || fvfs_skips_wal_syncs() ||
	       fvfs_is_synced(DATABASE "-wal");
}

/* P3: what is about to leave is on the disk. */
static void
check_intent(const struct order *order, const char *key)
{
	char state[16], stored[64], url[200];

	if (order->row == 0) {
		world_violation("P3", "order %d is sent, and its row is gone", order->number);
		return;
	}
	if (!read_delivery(order->row, state, stored, url))
		world_violation(
		    "P3", "row %lld is sent and has no delivery", (long long)order->row);
	else if (strcmp(state, "sending") != 0 || strcmp(stored, key) != 0)
		world_violation("P3",
		    "row %lld is sent under key \"%s\" and stands at %s, key \"%s\"",
		    (long long)order->row, key, state, stored);
	else if (!is_durable())
		world_violation(
		    "P3", "row %lld is sent and its intent is not durable", (long long)order->row);
}

static void
check_parent(const struct order *order)
{
	if (order->after_row > 0 &&
	    app_number(
		"SELECT 1 FROM outbox_delivery WHERE outbox_id = ?1 AND result = 'succeeded' AND "
		"coalesce(reason, '') <> 'action_required'",
		order->after_row) != 1)
		world_violation("chain", "row %lld is sent before row %lld has succeeded",
		    (long long)order->row, (long long)order->after_row);
}

int64_t
promises_at_send(
    struct order *order, const char *method, const char *url, const char *key, const char *body)
{
	int64_t before = order->exposed_since;
	int64_t age;

	if (oracle.await_adopt && !adopted())
		world_violation("P13", "order %d is sent from a restored database", order->number);
	take_resubmit(order);
	check_intent(order, key);
	check_parent(order);
	check_same_request(order, method, url, key, body);
	/* Small steps of the clock are followed (a minute), and connecting takes its time: the
	 * margin is made for that. */
	age = order->exposed_since == -1 ? 0 : world_true() - order->exposed_since;
	/* To outboxd it is a new row: how long it then waits is not known from its key. */
	if (order->inserted_again && age > KEY_WINDOW_MS)
		order->misjudged = true;
	if (order->keyed && age > KEY_WINDOW_MS + SECONDS(90) && !order->misjudged)
		world_violation("P10", "row %lld is sent again %lld s after its first exposure",
		    (long long)order->row, (long long)age / 1000);
	if (!order->keyed && !order->safe && order->unexcused > 0 && !order->misjudged)
		world_violation("P2", "row %lld is sent a second time to a gateway without keys",
		    (long long)order->row);
	order->sent++;
	order->unexcused++;
	if (order->exposed_since == -1)
		order->exposed_since = world_true();
	return before;
}

void
promises_excused(struct order *order, int64_t exposed_before)
{
	order->unexcused--;
	order->exposed_since = exposed_before;
}

/* Is it the fetch URL of some row? */
static bool
is_known(const char *url)
{
	sqlite3_stmt *statement;
	bool known;

	allocations_pause();
	fvfs_quiet(true);
	statement = app_statement("SELECT 1 FROM outbox_delivery WHERE fetch_url = ?1");
	(void)sqlite3_bind_text(statement, 1, url, -1, SQLITE_STATIC);
	known = sqlite3_step(statement) == SQLITE_ROW;
	(void)sqlite3_reset(statement);
	fvfs_quiet(false);
	allocations_resume();
	return known;
}

void
promises_at_poll(const char *url)
{
	if (oracle.await_adopt && !adopted())
		world_violation("P13", "a poll from a restored database: %s", url);
	if (!is_known(url))
		world_violation("P8", "%s is polled and no row knows it", url);
	if (!gateway_url_is_newest(url))
		world_violation("P8", "%s is polled, and a newer one was received", url);
	if (!is_durable())
		world_violation("P8", "%s is polled before it is durable", url);
}

/* --- the database --- */

static const enum sometimes of_result[RESULT_COUNT] = {
    [RESULT_SUCCEEDED] = SOMETIMES_succeeded,
    [RESULT_FAILED] = SOMETIMES_failed,
    [RESULT_EXPIRED] = SOMETIMES_expired,
    [RESULT_CANCELED] = SOMETIMES_canceled,
    [RESULT_INVALID] = SOMETIMES_invalid,
    [RESULT_UNKNOWN] = SOMETIMES_unknown,
};

static void
note_news(const struct order *order, int state, int result, const char *reason)
{
	if (state == STATE_HELD && order->state != STATE_HELD)
		sometimes(held);
	if (result > 0 && result != order->result) {
		sometimes_count[of_result[result]]++;
		if (result == RESULT_UNKNOWN && strstr(reason, "forgotten its key") != NULL)
			sometimes(unknown_key_window);
		if (result == RESULT_UNKNOWN && strstr(reason, "outboxd ended") != NULL)
			sometimes(recovered_unknown);
		if (result == RESULT_CANCELED && strstr(reason, "which it waits for") != NULL)
			sometimes(chain_canceled);
	}
	if (order->state == STATE_BLOCKED && state != STATE_BLOCKED && state != STATE_DONE &&
	    state != STATE_HELD)
		sometimes(chain_released);
}

/* P7: a result that was read stays, except unknown. */
static void
check_result_change(const struct order *order, int result, int64_t revision)
{
	if (order->result <= 0)
		return;
	if (revision < order->revision)
		world_violation("P7", "row %lld: revision %lld after %lld", (long long)order->row,
		    (long long)revision, (long long)order->revision);
	if (order->result != RESULT_UNKNOWN &&
	    (result != order->result || revision != order->revision))
		world_violation("P7", "row %lld was %s (revision %lld) and is %s (revision %lld)",
		    (long long)order->row, result_name((enum result)order->result),
		    (long long)order->revision,
		    result <= 0 ? "open" : result_name((enum result)result), (long long)revision);
}

/* P6, as the log has it now. */
static void
check_effects(const struct order *order)
{
	/* An order that was inserted again is a new row: a refusal of it says nothing of the one
	 * that was lost. */
	if (order->misjudged || order->safe || order->inserted_again)
		return;
	if (order->result == RESULT_SUCCEEDED && order->effects != 1)
		world_violation("P6", "row %lld succeeded with %d effects", (long long)order->row,
		    order->effects);
	if ((order->result == RESULT_FAILED || order->result == RESULT_EXPIRED ||
		order->result == RESULT_CANCELED || order->result == RESULT_INVALID) &&
	    order->effects != 0)
		world_violation("P6", "row %lld is %s with %d effects", (long long)order->row,
		    result_name((enum result)order->result), order->effects);
}

/* P11: nobody's time is up because a clock jumped. */
static void
check_expiry(const struct order *order, int result)
{
	bool due = order->expires_at != -1 && world_true() >= order->expires_at - SECONDS(61);

	if (result == RESULT_EXPIRED && order->result != RESULT_EXPIRED && !due &&
	    !order->wrong_clock && world_true() - order->inserted < HOURS(3) - SECONDS(61))
		world_violation("P11", "row %lld expired before its time", (long long)order->row);
}

static void
look_at_row(sqlite3_stmt *row)
{
	struct order *order = order_of_row(sqlite3_column_int64(row, 0));
	int state = state_parse((const char *)sqlite3_column_text(row, 1));
	int result = result_parse((const char *)sqlite3_column_text(row, 2));
	int64_t revision = sqlite3_column_int64(row, 3);
	const char *reason = (const char *)sqlite3_column_text(row, 4);

	if (order == NULL || order->row == 0)
		return;
	check_result_change(order, result, revision);
	check_expiry(order, result);
	note_news(order, state, result, reason == NULL ? "" : reason);
	if ((state == STATE_DONE) != (sqlite3_column_type(row, 5) != SQLITE_NULL))
		world_violation("P6", "row %lld: state and result disagree", (long long)order->row);
	if (oracle.clock_is_wrong && (order->state != state || order->result != result))
		order->wrong_clock = true;
	order->state = state;
	order->result = result;
	order->revision = revision;
}

static void
note_answers(void)
{
	static int64_t done, refused;
	int64_t now_done =
	    app_number("SELECT count(*) FROM outbox_control WHERE status = 'done' AND ?1 = 0", 0);
	int64_t now_refused = app_number(
	    "SELECT count(*) FROM outbox_control WHERE status = 'refused' AND ?1 = 0", 0);

	if (now_done > done)
		sometimes(command_done);
	if (now_refused > refused)
		sometimes(command_refused);
	done = now_done;
	refused = now_refused;
}

void
promises_check(bool all)
{
	sqlite3_stmt *rows;
	int64_t version;

	if (app_db() == NULL || world_failed())
		return;
	version = app_number("PRAGMA data_version", 0);
	if (version == oracle.version && !all)
		return;
	oracle.version = version;
	allocations_pause();
	fvfs_quiet(true);
	/* outbox_result is what the app reads: a withdrawn one says unknown while its row is open
	 * again. */
	rows = app_statement(
	    "SELECT d.outbox_id, d.state, r.result, r.revision, d.reason, d.result "
	    "FROM outbox_delivery d LEFT JOIN outbox_result r ON r.outbox_id = d.outbox_id");
	while (sqlite3_step(rows) == SQLITE_ROW)
		look_at_row(rows);
	(void)sqlite3_reset(rows);
	fvfs_quiet(false);
	allocations_resume();
	note_answers();
	for (int i = 0; i < order_count(); i++)
		take_resubmit(order_at(i));
	operator_read_answers();
	for (int i = 0; i < order_count(); i++) {
		const struct order *order = order_at(i);

		if (order->row > 0 && order->certain && order->state == -1 && all)
			world_violation(
			    "P5", "row %lld was accepted and is not there", (long long)order->row);
		check_effects(order);
		if (order->keyed && order->exposed_since != -1 && order->result == RESULT_UNKNOWN &&
		    world_true() - order->exposed_since > KEY_RETENTION_MS)
			sometimes(retention_passed);
	}
}

static void
check_survivor(const struct order *order, bool power)
{
	char state[16], key[64], url[200];
	bool there = order->row > 0 && read_delivery(order->row, state, key, url);

	if (order->certain && !there)
		world_violation("P5", "row %lld was accepted and is lost", (long long)order->row);
	if (there && strcmp(state, "claimed") == 0)
		sometimes(killed_while_claimed);
	if (order->sent == 0 || order->row == 0)
		return;
	if (!there)
		world_violation("P3", "row %lld was sent and is lost", (long long)order->row);
	else if (order->frozen && strcmp(key, order->key) != 0 && order->resubmit == 0 &&
		 !order->rekeyed)
		world_violation("P3", "row %lld was sent under %s and the database says \"%s\"",
		    (long long)order->row, order->key, key);
	else if (order->unexcused > 0 && !order->misjudged && order->resubmit == 0 &&
		 (strcmp(state, "queued") == 0 || strcmp(state, "claimed") == 0 ||
		     strcmp(state, "blocked") == 0))
		world_violation("P3", "row %lld was sent and stands at %s after %s",
		    (long long)order->row, state, power ? "the power cut" : "the crash");
	if (strcmp(state, "sending") == 0)
		sometimes(killed_while_sending);
	else if (strcmp(state, "pending") == 0)
		sometimes(killed_while_pending);
}

void
promises_check_after_death(bool power)
{
	if (power &&
	    app_number(
		"SELECT integrity_check = 'ok' FROM pragma_integrity_check WHERE ?1 = 0", 0) != 1)
		world_violation("integrity", "the database is damaged");
	for (int i = 0; i < order_count(); i++) {
		struct order *order = order_at(i);

		check_survivor(order, power);
		/*
		 * A commit is visible before its sync: a power cut may take a keyed row's result
		 * back. It is delivered again, under the same key. Results of keyless rows are
		 * synced in their commit.
		 */
		if (power && (order->keyed || order->safe)) {
			order->result = -1;
			order->revision = 0;
		}
	}
}
