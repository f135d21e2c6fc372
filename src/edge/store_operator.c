/*
 * store_operator.c - requests and their answers, held destinations, and what people look at.
 */
#include "edge/store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
store_control_waiting(struct store *store)
{
	struct binder binder = store_bind(store, STATEMENT_CONTROL_ANY);
	bool waiting = store_step(store, &binder) == SQLITE_ROW;

	store_finish(&binder);
	return waiting;
}

/* A copy of the column, NULL for NULL. *failed is set when memory is short. */
static char *
copy_column(sqlite3_stmt *statement, int column, bool *failed)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		*failed = true;
	return copy;
}

int
store_control_open(struct store *store, int64_t after, struct store_control *requests, int limit)
{
	struct binder binder = store_bind(store, STATEMENT_CONTROL_OPEN);
	bool failed = false;
	int count = 0;
	int rc;

	bind_integer(&binder, 1, limit);
	bind_integer(&binder, 2, after);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW && count < limit && !failed) {
		struct store_control *request = &requests[count++];
		sqlite3_stmt *row = binder.statement;

		request->id = sqlite3_column_int64(row, 0);
		request->command = copy_column(row, 1, &failed);
		request->outbox_id = sqlite3_column_int64(row, 2);
		request->destination = copy_column(row, 3, &failed);
		request->argument = copy_column(row, 4, &failed);
		request->key_mode = copy_column(row, 5, &failed);
		request->text = copy_column(row, 6, &failed);
		request->created_by = copy_column(row, 7, &failed);
		request->state = copy_column(row, 8, &failed);
		request->count = sqlite3_column_int64(row, 9);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	if (!failed && (rc == SQLITE_ROW || rc == SQLITE_DONE))
		return count;
	while (count > 0)
		store_control_free(&requests[--count]);
	return -1;
}

void
store_control_free(struct store_control *request)
{
	free(request->command);
	free(request->destination);
	free(request->argument);
	free(request->key_mode);
	free(request->text);
	free(request->created_by);
	free(request->state);
	memset(request, 0, sizeof(*request));
}

enum store_status
store_control_answer(struct store *store, int64_t id, bool done, const char *answer, int64_t now)
{
	struct binder binder = store_bind(store, STATEMENT_CONTROL_ANSWER);

	bind_integer(&binder, 1, id);
	bind_text(&binder, 2, done ? "done" : "refused");
	bind_text(&binder, 3, answer);
	bind_integer(&binder, 4, now);
	return store_run(store, &binder);
}

enum store_status
store_control_insert(struct store *store, const struct store_control *request, int64_t *id)
{
	struct binder binder = store_bind(store, STATEMENT_CONTROL_INSERT);
	enum store_status status;

	(void)sqlite3_busy_timeout(store->db, 5000);
	bind_text(&binder, 1, request->command);
	bind_time(&binder, 2, request->outbox_id == 0 ? TIME_NONE : request->outbox_id);
	bind_text(&binder, 3, request->destination);
	bind_text(&binder, 4, request->argument);
	bind_text(&binder, 5, request->key_mode);
	bind_text(&binder, 6, request->text);
	bind_text(&binder, 7, request->created_by);
	bind_text(&binder, 8, request->state);
	bind_time(&binder, 9, request->count == 0 ? TIME_NONE : request->count);
	status = store_run(store, &binder);
	*id = sqlite3_last_insert_rowid(store->db);
	return status;
}

int
store_control_read(struct store *store, int64_t id, struct text *answer)
{
	struct binder binder = store_bind(store, STATEMENT_CONTROL_READ);
	int state = -1;

	bind_integer(&binder, 1, id);
	if (store_step(store, &binder) == SQLITE_ROW) {
		const char *status = store_column_text(binder.statement, 0);

		state = strcmp(status, "open") == 0 ? 0 : (strcmp(status, "done") == 0 ? 1 : 2);
		text_format(answer, "%s", store_column_text(binder.statement, 1));
	}
	store_finish(&binder);
	return state;
}

enum store_status
store_destination_hold(struct store *store, const char *destination, const char *cause,
    const char *reason, int64_t now)
{
	struct binder binder = store_bind(store, STATEMENT_DESTINATION_HOLD);

	bind_text(&binder, 1, destination);
	bind_text(&binder, 2, cause);
	bind_text(&binder, 3, reason);
	bind_integer(&binder, 4, now);
	return store_run(store, &binder);
}

enum store_status
store_destination_release(struct store *store, const char *destination, int64_t now)
{
	struct binder binder = store_bind(store, STATEMENT_DESTINATION_RELEASE);

	bind_text(&binder, 1, destination);
	bind_integer(&binder, 2, now);
	return store_run(store, &binder);
}

enum store_status
store_destinations(struct store *store, store_destination_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_DESTINATIONS);
	int rc;

	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		struct store_destination found = {0};
		sqlite3_stmt *row = binder.statement;

		(void)snprintf(found.name, sizeof(found.name), "%s", store_column_text(row, 0));
		found.held = sqlite3_column_int(row, 1) != 0;
		(void)snprintf(found.cause, sizeof(found.cause), "%s", store_column_text(row, 2));
		(void)snprintf(found.reason, sizeof(found.reason), "%s", store_column_text(row, 3));
		found.since = store_column_time(row, 4);
		found.released_at = store_column_time(row, 5);
		visit(context, &found);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_counts(struct store *store, store_count_visitor *visit, void *context)
{
	struct binder binder = store_bind(store, STATEMENT_STATUS_COUNTS);
	int rc;

	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		struct store_count count = {
		    .destination = store_column_text(binder.statement, 0),
		    .state = store_column_text(binder.statement, 1),
		    .count = sqlite3_column_int64(binder.statement, 2),
		    .oldest_due = store_column_time(binder.statement, 3),
		};

		visit(context, &count);
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_attempts(struct store *store, int64_t id, store_attempt_visitor *visit, void *context)
{
	static const enum evidence all[] = {
	    EVIDENCE_UNSENT, EVIDENCE_MAYBE_SENT, EVIDENCE_ANSWERED};
	struct binder binder = store_bind(store, STATEMENT_STATUS_ATTEMPTS);
	int rc;

	bind_integer(&binder, 1, id);
	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		sqlite3_stmt *row = binder.statement;
		struct store_attempt attempt = {.outbox_id = id,
		    .n = sqlite3_column_int(row, 0),
		    .started_at = sqlite3_column_int64(row, 2),
		    .ended_at = sqlite3_column_int64(row, 3),
		    .http_status = sqlite3_column_int(row, 5),
		    .error = (const char *)sqlite3_column_text(row, 6),
		    .rule = (const char *)sqlite3_column_text(row, 7)};

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (strcmp(store_column_text(row, 4), evidence_name(all[i])) == 0)
				attempt.evidence = all[i];
		visit(context, &attempt, store_column_text(row, 1), sqlite3_column_int(row, 8));
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_result_read(struct store *store, int64_t id, struct store_result_facts *facts)
{
	struct binder binder = store_bind(store, STATEMENT_STATUS_RESULT);
	int result = -1;
	int rc;

	bind_integer(&binder, 1, id);
	rc = store_step(store, &binder);
	if (rc == SQLITE_ROW) {
		result = result_parse(store_column_text(binder.statement, 0));
		facts->http_status = sqlite3_column_int(binder.statement, 1);
		facts->body_length = sqlite3_column_int64(binder.statement, 2);
		facts->finished_at = sqlite3_column_int64(binder.statement, 4);
		facts->revision = sqlite3_column_int64(binder.statement, 5);
	}
	store_finish(&binder);
	if (rc == SQLITE_DONE)
		return STORE_NOTHING;
	if (rc != SQLITE_ROW)
		return store_status_of(rc);
	facts->result = result == -1 ? RESULT_UNKNOWN : (enum result)result;
	return STORE_OK;
}

enum store_status
store_health(struct store *store, struct store_health *health)
{
	struct binder binder = store_bind(store, STATEMENT_HEALTH);
	sqlite3_stmt *row = binder.statement;
	int rc = store_step(store, &binder);

	memset(health, 0, sizeof(*health));
	if (rc == SQLITE_ROW) {
		(void)snprintf(
		    health->status, sizeof(health->status), "%s", store_column_text(row, 0));
		health->heartbeat_age_s =
		    sqlite3_column_type(row, 1) == SQLITE_NULL ? -1 : sqlite3_column_double(row, 1);
		health->oldest_due_age_s = sqlite3_column_double(row, 2);
		(void)snprintf(health->mode_reason, sizeof(health->mode_reason), "%s",
		    store_column_text(row, 3));
		(void)snprintf(health->last_error, sizeof(health->last_error), "%s",
		    store_column_text(row, 4));
		health->unknown = sqlite3_column_int64(row, 5);
		health->held_rows = sqlite3_column_int64(row, 6);
	}
	store_finish(&binder);
	return rc == SQLITE_ROW ? STORE_OK : store_status_of(rc);
}

enum store_status
store_foreign_triggers(struct store *store, struct text *names)
{
	struct binder binder = store_bind(store, STATEMENT_FOREIGN_TRIGGERS);
	int rc;

	while ((rc = store_step(store, &binder)) == SQLITE_ROW) {
		text_format(names, "trigger %s on %s\n", store_column_text(binder.statement, 0),
		    store_column_text(binder.statement, 1));
		binder.rc = SQLITE_OK;
	}
	store_finish(&binder);
	return store_status_of(rc);
}
