/*
 * store_writes.c - rows out: where they move, what was tried, how it ended.
 */
#include "edge/store_parts.h"

#include <assert.h>
#include <string.h>

static enum store_status
with_id(struct store *store, enum statement statement, int64_t id)
{
	struct binder binder = store_bind(store, statement);

	bind_integer(&binder, 1, id);
	return store_run(store, &binder);
}

static void
bind_move(struct binder *binder, enum state from, const struct txn *txn, const char *reason,
    const char *fetch_url)
{
	bind_integer(binder, 1, txn->id);
	bind_text(binder, 2, state_name(from));
	bind_text(binder, 3, state_name(txn->state));
	bind_text(binder, 4, txn->state == STATE_HELD ? state_name(txn->resume_state) : NULL);
	bind_text(binder, 5, hold_cause_name(txn->hold));
	bind_text(binder, 6, result_name(txn->result));
	bind_text(binder, 7, reason);
	bind_time(binder, 8, txn->due_at);
	bind_integer(binder, 9, txn->eligible_at);
	bind_time(binder, 10, txn->deadline_at);
	bind_time(binder, 11, txn->exposed_at);
	bind_time(binder, 12, txn->exposed_before);
	bind_time(binder, 13, txn->started_at);
	bind_integer(binder, 14, txn->attempts);
	bind_integer(binder, 15, txn->polls);
	bind_integer(binder, 16, txn->failures);
	bind_integer(binder, 17, txn->generation);
	bind_text(binder, 18, txn->has_fetch_url ? fetch_url : NULL);
}

/* Most shops know no children: within a transaction, that is asked once. */
static enum store_status
wake_children(struct store *store, int64_t id)
{
	if (store->children == CHILDREN_UNKNOWN || !store_in_transaction(store)) {
		struct binder binder = store_bind(store, STATEMENT_ANY_CHILDREN);
		int rc = store_step(store, &binder);
		bool any = rc == SQLITE_ROW && sqlite3_column_int(binder.statement, 0) != 0;

		store_finish(&binder);
		if (rc != SQLITE_ROW)
			return store_status_of(rc); /* and perhaps no transaction any more */
		store->children = any ? CHILDREN_SOME : CHILDREN_NONE;
	}
	return store->children == CHILDREN_NONE ? STORE_OK
						: with_id(store, STATEMENT_WAKE_CHILDREN, id);
}

enum store_status
store_move(struct store *store, enum state from, const struct txn *txn, const char *reason,
    const char *fetch_url, const struct store_frozen *frozen)
{
	struct binder binder =
	    store_bind(store, frozen == NULL ? STATEMENT_MOVE : STATEMENT_FIRST_CLAIM);
	enum store_status status;

	bind_move(&binder, from, txn, reason, fetch_url);
	if (frozen != NULL) {
		bind_text(&binder, 19, kind_name(txn->kind));
		bind_text(&binder, 20, frozen->method);
		bind_text(&binder, 21, frozen->url);
		bind_text(&binder, 22, frozen->key_header);
		bind_text(&binder, 23, frozen->key);
		bind_integer(&binder, 24, frozen->own_key);
		bind_blob(&binder, 25, frozen->hash, KEY_HASH_SIZE);
	}
	status = store_run(store, &binder);
	if (status != STORE_OK)
		return status;
	assert(sqlite3_changes(store->db) == 1);
	if (txn->state == STATE_BLOCKED)
		store->children = CHILDREN_SOME;
	return txn->state == STATE_DONE ? wake_children(store, txn->id) : STORE_OK;
}

enum store_status
store_thaw(struct store *store, int64_t id)
{
	return with_id(store, STATEMENT_THAW, id);
}

int64_t
store_key_owner(struct store *store, const char *destination, const char *key)
{
	struct binder binder = store_bind(store, STATEMENT_KEY_OWNER);
	int64_t owner = 0;

	bind_text(&binder, 1, destination);
	bind_text(&binder, 2, key);
	if (store_step(store, &binder) == SQLITE_ROW)
		owner = sqlite3_column_int64(binder.statement, 0);
	store_finish(&binder);
	return owner;
}

enum store_status
store_parent(struct store *store, int64_t id, struct store_parent *parent)
{
	struct binder binder = store_bind(store, STATEMENT_PARENT);
	int state = -1;
	int result = -1;
	int rc;

	bind_integer(&binder, 1, id);
	rc = store_step(store, &binder);
	if (rc == SQLITE_ROW) {
		state = state_parse((const char *)sqlite3_column_text(binder.statement, 0));
		result = result_parse((const char *)sqlite3_column_text(binder.statement, 1));
		parent->action_required =
		    strcmp(store_column_text(binder.statement, 2), "action_required") == 0;
	}
	rc = store_finish_row(&binder, rc);
	if (rc == SQLITE_DONE)
		return STORE_NOTHING;
	if (rc != SQLITE_ROW)
		return store_status_of(rc);
	if (state == -1 || result == -1)
		return STORE_REFUSED;
	parent->state = (enum state)state;
	parent->result = (enum result)result;
	return STORE_OK;
}

enum store_status
store_sleep_child(struct store *store, int64_t id)
{
	return with_id(store, STATEMENT_SLEEP_CHILD, id);
}

/* The number for a new line of the trail: the next one, or the last one again in a run of equal
 * polls. */
static enum store_status
attempt_number(struct store *store, const struct store_attempt *attempt, int64_t *n)
{
	struct binder binder = store_bind(store, STATEMENT_LAST_ATTEMPT);
	sqlite3_stmt *last = binder.statement;
	int rc;

	bind_integer(&binder, 1, attempt->outbox_id);
	rc = store_step(store, &binder);
	*n = 1;
	if (rc == SQLITE_ROW) {
		bool run =
		    attempt->phase == PHASE_POLL &&
		    strcmp(store_column_text(last, 1), phase_name(PHASE_POLL)) == 0 &&
		    strcmp(store_column_text(last, 2), evidence_name(attempt->evidence)) == 0 &&
		    sqlite3_column_int(last, 3) == attempt->http_status &&
		    strcmp(store_column_text(last, 4),
			attempt->rule == NULL ? "" : attempt->rule) == 0;

		*n = sqlite3_column_int64(last, 0) + (run ? 0 : 1);
	}
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_attempt(struct store *store, const struct store_attempt *attempt)
{
	struct binder binder;
	int64_t n = attempt->n;
	enum store_status status = n > 0 ? STORE_OK : attempt_number(store, attempt, &n);

	if (status != STORE_OK)
		return status;
	binder = store_bind(store, STATEMENT_ATTEMPT);
	bind_integer(&binder, 1, attempt->outbox_id);
	bind_integer(&binder, 2, n);
	bind_text(&binder, 3, phase_name(attempt->phase));
	bind_integer(&binder, 4, attempt->started_at);
	bind_integer(&binder, 5, attempt->ended_at);
	bind_text(&binder, 6, evidence_name(attempt->evidence));
	bind_time(&binder, 7, attempt->http_status == 0 ? TIME_NONE : attempt->http_status);
	bind_text(&binder, 8, attempt->error);
	bind_text(&binder, 9, attempt->rule);
	return store_run(store, &binder);
}

enum store_status
store_same_rule(struct store *store, int64_t id, enum phase phase, const char *rule, int64_t after,
    int *count, int64_t *since)
{
	struct binder binder =
	    store_bind(store, phase == PHASE_POLL ? STATEMENT_SAME_RUN : STATEMENT_SAME_RULE);
	int rc;

	bind_integer(&binder, 1, id);
	bind_text(&binder, 2, phase_name(phase));
	bind_text(&binder, 3, rule);
	bind_integer(&binder, 4, after);
	rc = store_step(store, &binder);
	*count = rc == SQLITE_ROW ? sqlite3_column_int(binder.statement, 0) : 0;
	*since = rc == SQLITE_ROW ? store_column_time(binder.statement, 1) : TIME_NONE;
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_last_rule(struct store *store, int64_t id, const char *rule, int64_t since, bool *was)
{
	struct binder binder = store_bind(store, STATEMENT_LAST_RULE);
	int rc;

	bind_integer(&binder, 1, id);
	bind_text(&binder, 2, rule);
	bind_integer(&binder, 3, since);
	rc = store_step(store, &binder);
	*was = rc == SQLITE_ROW && sqlite3_column_int(binder.statement, 0) != 0;
	store_finish(&binder);
	return store_status_of(rc);
}

enum store_status
store_result(struct store *store, int64_t id, const struct store_outcome *outcome, int64_t now)
{
	struct binder binder = store_bind(store, STATEMENT_RESULT);

	bind_integer(&binder, 1, id);
	bind_text(&binder, 2, result_name(outcome->result));
	bind_time(&binder, 3, outcome->http_status == 0 ? TIME_NONE : outcome->http_status);
	/* Text as text, so that sqlite3 shows it and JSON functions take it. */
	if (outcome->body != NULL && outcome->body_is_text && binder.rc == SQLITE_OK)
		binder.rc = sqlite3_bind_text64(binder.statement, 4, outcome->body,
		    outcome->body_length, SQLITE_STATIC, SQLITE_UTF8);
	else
		bind_blob(&binder, 4, outcome->body, outcome->body_length);
	bind_text(&binder, 5, outcome->reason);
	bind_integer(&binder, 6, now);
	return store_run(store, &binder);
}

enum store_status
store_result_withdrawn(struct store *store, int64_t id, const char *reason)
{
	struct binder binder = store_bind(store, STATEMENT_RESULT_WITHDRAWN);

	bind_integer(&binder, 1, id);
	bind_text(&binder, 2, reason);
	return store_run(store, &binder);
}

enum store_status
store_erase_body(struct store *store, int64_t id)
{
	return with_id(store, STATEMENT_ERASE_BODY, id);
}

enum store_status
store_bring_forward(struct store *store, const char *destination, int64_t due_at)
{
	struct binder binder = store_bind(store, STATEMENT_BRING_FORWARD);

	bind_text(&binder, 1, destination);
	bind_integer(&binder, 2, due_at);
	return store_run(store, &binder);
}

enum store_status
store_shorten_polling(struct store *store, const char *destination, int64_t deadline_at)
{
	struct binder binder = store_bind(store, STATEMENT_SHORTEN_POLLING);

	bind_text(&binder, 1, destination);
	bind_integer(&binder, 2, deadline_at);
	return store_run(store, &binder);
}

enum store_status
store_purge(struct store *store, int64_t id)
{
	enum store_status status = with_id(store, STATEMENT_PURGE_ATTEMPTS, id);

	return status != STORE_OK ? status : with_id(store, STATEMENT_PURGE_OUTBOX, id);
}
