/*
 * store_overview.c - what people look at: the last results, stuck rows, rows that somebody waits
 * for.
 */
#include "edge/store_overview.h"
#include "edge/store_parts.h"

#include <stdio.h>
#include <string.h>

enum store_status
store_finished_since(
    struct store *store, int64_t since, int limit, store_finished_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_FINISHED_SINCE);
	sqlite3_stmt *row = binder.statement;
	int rc;

	bind_integer(&binder, 1, since);
	bind_integer(&binder, 2, limit);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		int result = result_parse(store_column_text(row, 1));
		struct store_finished finished = {
		    .destination = store_column_text(row, 0),
		    .result = result == -1 ? RESULT_UNKNOWN : (enum result)result,
		    .eligible_at = sqlite3_column_int64(row, 2),
		    .finished_at = sqlite3_column_int64(row, 3),
		    .attempts = sqlite3_column_int(row, 4),
		    .exchange_ms = sqlite3_column_type(row, 5) == SQLITE_NULL
				       ? -1
				       : sqlite3_column_int64(row, 5),
		};

		visit(context, &finished);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_stuck(struct store *store, int limit, store_stuck_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_STUCK);
	sqlite3_stmt *row = binder.statement;
	int rc;

	bind_integer(&binder, 1, limit);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		bool done = sqlite3_column_type(row, 5) != SQLITE_NULL;
		struct store_stuck stuck = {
		    .id = sqlite3_column_int64(row, 0),
		    .destination = store_column_text(row, 1),
		    .operation = store_column_text(row, 2),
		    .reference = store_column_text(row, 3),
		    .state = store_column_text(row, done ? 5 : 4),
		    .reason = store_column_text(row, 6),
		    .advice = store_column_text(row, 7),
		    .since = store_column_text(row, 8),
		    .cause = store_column_text(row, 9),
		};

		visit(context, &stuck);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_stuck_counts(struct store *store, store_stuck_count_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_STUCK_COUNTS);
	int rc;

	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		visit(context, store_column_text(binder.statement, 0),
		    sqlite3_column_int64(binder.statement, 1));
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_standing(struct store *store, int64_t id, struct store_standing *standing)
{
	struct binder binder = store_bind(store, STATEMENT_FINISHED);
	sqlite3_stmt *row = binder.statement;
	int state = -1;
	int result = -1;
	int rc;

	bind_integer(&binder, 1, id);
	rc = store_step(store, &binder);
	memset(standing, 0, sizeof(*standing));
	if (rc == SQLITE_ROW) {
		state = state_parse(store_column_text(row, 0));
		result = result_parse((const char *)sqlite3_column_text(row, 1));
		standing->http_status = sqlite3_column_int(row, 2);
		(void)snprintf(
		    standing->reason, sizeof(standing->reason), "%s", store_column_text(row, 3));
		standing->finished_at = sqlite3_column_int64(row, 4);
	}
	store_finish(&binder);
	if (rc == SQLITE_DONE)
		return STORE_NOTHING;
	if (rc != SQLITE_ROW)
		return store_status_of(rc);
	if (state == -1 || result == -1)
		return STORE_REFUSED;
	standing->state = (enum state)state;
	standing->result = (enum result)result;
	return STORE_OK;
}

enum store_status
store_slots(
    struct store *store, int64_t since, int64_t slot_ms, store_slot_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_REPORT_ATTEMPTS);
	int rc;

	bind_integer(&binder, 1, since);
	bind_integer(&binder, 2, slot_ms);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		struct store_slot slot = {
		    .destination = store_column_text(binder.statement, 0),
		    .slot = sqlite3_column_int64(binder.statement, 1),
		    .exchanges = sqlite3_column_int64(binder.statement, 2),
		    .bad = sqlite3_column_int64(binder.statement, 3),
		};

		visit(context, &slot);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_decisions(
    struct store *store, int64_t since, int limit, store_decision_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_REPORT_DECISIONS);
	sqlite3_stmt *row = binder.statement;
	int rc;

	bind_integer(&binder, 1, since);
	bind_integer(&binder, 2, limit);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		struct store_decision decision = {
		    .created_at = sqlite3_column_int64(row, 0),
		    .created_by = store_column_text(row, 1),
		    .command = store_column_text(row, 2),
		    .outbox_id = sqlite3_column_int64(row, 3),
		    .destination = store_column_text(row, 4),
		    .argument = store_column_text(row, 5),
		    .text = store_column_text(row, 6),
		    .status = store_column_text(row, 7),
		    .answer = store_column_text(row, 8),
		};

		visit(context, &decision);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}
