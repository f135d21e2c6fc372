/*
 * operator.c - a person who asks the gateway first, and who is sometimes overtaken by events.
 */
#include <stdio.h>
#include <string.h>

#include "core/txn.h"
#include "lib/fvfs.h"
#include "sim/app.h"
#include "sim/edges_sim.h"
#include "sim/gateway.h"
#include "sim/promises.h"
#include "sim/sometimes.h"
#include "sim/world.h"

/* Inserts a request; its id. */
static int64_t
request(const char *command, int64_t row, const char *destination, const char *argument,
    const char *key_mode, const char *text)
{
	sqlite3_stmt *statement;
	int64_t id = 0;

	if (app_db() == NULL || sqlite3_get_autocommit(app_db()) == 0)
		return 0;
	allocations_pause();
	fvfs_quiet(true);
	statement = app_statement("INSERT INTO outbox_control (command, outbox_id, destination, "
				  "argument, key_mode, text, "
				  "created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'operator')");
	(void)sqlite3_bind_text(statement, 1, command, -1, SQLITE_STATIC);
	if (row > 0)
		(void)sqlite3_bind_int64(statement, 2, row);
	else
		(void)sqlite3_bind_null(statement, 2);
	(void)sqlite3_bind_text(statement, 3, destination, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 4, argument, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 5, key_mode, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 6, text, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) == SQLITE_DONE && world_dead() == DEATH_NONE)
		id = sqlite3_last_insert_rowid(app_db());
	(void)sqlite3_reset(statement);
	fvfs_quiet(false);
	allocations_resume();
	world_say("operator: %s row %lld %s %s %s -> request %lld", command, (long long)row,
	    destination == NULL ? "" : destination, argument == NULL ? "" : argument,
	    key_mode == NULL ? "" : key_mode, (long long)id);
	hint();
	return id;
}

/* Does the gateway know all that it will ever know of this order? */
static bool
is_quiet(const struct order *order)
{
	return order->in_network == 0 && order->job_running == 0;
}

/* The truth, as the gateway's people tell it. restored: its row waits where the backup had it. */
static void
decide(struct order *order, bool restored)
{
	if (order->decision != 0 || order->resubmit != 0 || !is_quiet(order))
		return;
	if (order->effects > 0 && !order->safe)
		order->decision =
		    request("resolve", order->row, NULL, "succeeded", NULL, "found at the gateway");
	else if (restored && world_chance(500))
		order->resubmit = request("release", order->row, NULL, NULL, NULL, NULL);
	else if (!restored && world_chance(500))
		order->resubmit =
		    request("retry", order->row, NULL, "resubmit", NULL, "no such order");
	else
		order->decision = request(
		    "resolve", order->row, NULL, "failed", NULL, "not found at the gateway");
	order->rekeyed = order->rekeyed || order->resubmit != 0; /* a resubmit takes a new key */
}

void
operator_command(void)
{
	struct order *order = order_count() == 0 ? NULL : order_at(world_below(order_count()));
	const char *destination = gateway_name[world_below(GATEWAY_COUNT)];

	if (promises_awaiting_adopt() && world_chance(300))
		(void)request("adopt", 0, NULL, NULL, NULL, NULL);
	if (order == NULL || order->row == 0)
		return;
	/* After a restore nobody sends on a hunch what has no key: outboxd would take a plain retry
	 * for a considered word. */
	if (gateway_is_app_restored() && !order->keyed && order->unexcused > 0) {
		if (order->state == STATE_HELD)
			decide(order, true);
		return;
	}
	switch (world_below(11)) {
	case 0:
		(void)request("cancel", order->row, NULL, NULL, NULL, NULL);
		break;
	case 1:
		(void)request("retry", order->row, NULL, NULL, "same", NULL);
		break;
	case 2:
		/* Nor is a new key asked for on a hunch: outboxd no longer knows what was sent. */
		if (gateway_is_app_restored() && order->exposed_since != -1)
			break;
		order->rekeyed = true;
		(void)request("retry", order->row, NULL, NULL, "new", NULL);
		break;
	case 3:
		(void)request("hold", order->row, NULL, NULL, NULL, NULL);
		break;
	case 4:
		(void)request("release", order->row, NULL, NULL, NULL, NULL);
		break;
	case 5:
		(void)request("hold", 0, destination, NULL, NULL, "a test");
		break;
	case 6:
	case 7:
		(void)request("release", 0, destination, NULL, NULL, NULL);
		break;
	case 8:
		if (world_skew() == 0)
			(void)request("clock", 0, NULL, NULL, NULL, NULL);
		break;
	case 9:
		(void)request("retry", order->row, NULL, NULL, NULL, NULL);
		break;
	default:
		if (order->state == STATE_HELD ||
		    (order->state == STATE_DONE && order->result == RESULT_UNKNOWN))
			decide(order, false);
		break;
	}
}

/* Rows that wait for a person. */
static void
tidy_row(int64_t row, const char *state, const char *result, const char *cause, bool under_result)
{
	struct order *order = order_of_row(row);

	if (strcmp(state, "held") == 0 && cause != NULL &&
	    (strcmp(cause, "operator") == 0 || strcmp(cause, "redirect") == 0)) {
		(void)request("release", row, NULL, NULL, NULL, NULL);
	} else if (strcmp(state, "held") == 0 && order == NULL && world_chance(500) &&
		   (cause == NULL || strcmp(cause, "restored") != 0)) {
		(void)request("cancel", row, NULL, NULL, NULL, NULL);
	} else if (strcmp(state, "held") == 0 ||
		   (result != NULL && strcmp(result, "unknown") == 0)) {
		if (order != NULL)
			decide(order, cause != NULL && strcmp(cause, "restored") == 0);
		else
			(void)request("resolve", row, NULL, "failed", NULL, "nobody knows it");
	} else if (strcmp(state, "queued") == 0 || strcmp(state, "retry") == 0) {
		sometimes(waits_for_years);
		(void)request("cancel", row, NULL, NULL, NULL, NULL);
	} else if (strcmp(state, "blocked") == 0 && under_result) {
		(void)request("cancel", row, NULL, NULL, NULL, NULL);
	}
}

void
operator_confirm_clock(void)
{
	(void)request("clock", 0, NULL, NULL, NULL, NULL);
}

void
operator_adopt(void)
{
	(void)request("adopt", 0, NULL, NULL, NULL, NULL);
}

bool
operator_is_asked(void)
{
	return app_number(
		   "SELECT count(*) FROM outbox_control WHERE status = 'open' AND ?1 = 0", 0) > 0;
}

static void
release_destinations(void)
{
	for (int i = 0; i < GATEWAY_COUNT; i++)
		if (app_held(gateway_name[i]))
			(void)request("release", 0, gateway_name[i], NULL, NULL, NULL);
}

void
operator_tidy(void)
{
	sqlite3_stmt *rows;
	struct {
		int64_t row;
		char state[16], result[16], cause[24];
		bool under_result;
	} found[ORDERS_MAX * 2];
	int count = 0;

	if (operator_is_asked())
		return;
	if (promises_awaiting_adopt() ||
	    app_number(
		"SELECT 1 FROM outbox_meta WHERE name = 'mode' AND value = 'held' AND ?1 = 0", 0) ==
		1) {
		(void)request("adopt", 0, NULL, NULL, NULL, NULL);
		return;
	}
	(void)request("clock", 0, NULL, NULL, NULL, NULL);
	release_destinations();
	allocations_pause();
	fvfs_quiet(true);
	rows = app_statement(
	    "SELECT d.outbox_id, d.state, d.result, d.hold_cause, "
	    "d.state = 'blocked' AND p.state = 'done' AND p.result = 'succeeded' "
	    "FROM outbox_delivery d LEFT JOIN outbox_delivery p ON p.outbox_id = d.after_id "
	    "WHERE d.state IN ('held', 'blocked') OR d.result = 'unknown' OR "
	    "(d.state IN ('queued', 'retry') AND d.due_at > ?1)");
	/* A clock that was years ahead has written when these are due: somebody has to notice. */
	(void)sqlite3_bind_int64(rows, 1, world_true() + HOURS(24));
	while (sqlite3_step(rows) == SQLITE_ROW && count < ORDERS_MAX * 2) {
		const unsigned char *result = sqlite3_column_text(rows, 2);
		const unsigned char *cause = sqlite3_column_text(rows, 3);

		found[count].row = sqlite3_column_int64(rows, 0);
		(void)snprintf(found[count].state, 16, "%s", sqlite3_column_text(rows, 1));
		(void)snprintf(found[count].result, 16, "%s",
		    result == NULL ? (const unsigned char *)"" : result);
		(void)snprintf(found[count].cause, 24, "%s",
		    cause == NULL ? (const unsigned char *)"" : cause);
		found[count].under_result = sqlite3_column_int(rows, 4) != 0;
		count++;
	}
	(void)sqlite3_reset(rows);
	fvfs_quiet(false);
	allocations_resume();
	for (int i = 0; i < count; i++)
		tidy_row(found[i].row, found[i].state, found[i].result, found[i].cause,
		    found[i].under_result);
}

static void
read_decision(struct order *order)
{
	int64_t done = app_number("SELECT CASE status WHEN 'done' THEN 1 WHEN 'refused' THEN 2 END "
				  "FROM outbox_control WHERE id = ?1",
	    order->decision);

	if (done == -1)
		return;
	order->decision = 0;
	if (done != 1)
		return;
	sometimes(resolved);
	/* What was true when it was asked may have changed before it was answered. */
	if (!is_quiet(order) || order->effects > 1 ||
	    (order->result == RESULT_SUCCEEDED) != (order->effects == 1))
		order->misjudged = true;
}

void
operator_read_answers(void)
{
	for (int i = 0; i < order_count(); i++)
		if (order_at(i)->decision != 0)
			read_decision(order_at(i));
}
