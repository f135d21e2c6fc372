/*
 * store_rows.c - rows in: what is due, and whose turn comes next.
 */
#include "edge/store_parts.h"

#include <stdlib.h>
#include <string.h>

/* Columns of the statements "due" and "row". */
enum column {
	COLUMN_ID,
	COLUMN_DESTINATION,
	COLUMN_OPERATION,
	COLUMN_REFERENCE,
	COLUMN_STATE,
	COLUMN_RESUME_STATE,
	COLUMN_HOLD_CAUSE,
	COLUMN_RESULT,
	COLUMN_DUE_AT,
	COLUMN_ELIGIBLE_AT,
	COLUMN_DEADLINE_AT,
	COLUMN_EXPOSED_AT,
	COLUMN_EXPOSED_BEFORE,
	COLUMN_STARTED_AT,
	COLUMN_ATTEMPTS,
	COLUMN_POLLS,
	COLUMN_FAILURES,
	COLUMN_GENERATION,
	COLUMN_KIND,
	COLUMN_METHOD,
	COLUMN_URL,
	COLUMN_KEY_HEADER,
	COLUMN_KEY,
	COLUMN_HASH,
	COLUMN_FETCH_URL,
	COLUMN_REASON,
	COLUMN_AFTER_ID,
	COLUMN_CREATED_AT,
	COLUMN_NOT_BEFORE,
	COLUMN_PRESENT,
	COLUMN_PATH,
	COLUMN_HEADERS,
	COLUMN_CONTENT_TYPE,
	COLUMN_OWN_KEY,
	COLUMN_BODY_LENGTH,
	COLUMN_BODY,
};

static const struct {
	enum column column;
	size_t offset; /* of a const char * in struct store_row */
} text_columns[] = {
    {COLUMN_DESTINATION, offsetof(struct store_row, destination)},
    {COLUMN_OPERATION, offsetof(struct store_row, operation)},
    {COLUMN_REFERENCE, offsetof(struct store_row, reference)},
    {COLUMN_REASON, offsetof(struct store_row, reason)},
    {COLUMN_METHOD, offsetof(struct store_row, method)},
    {COLUMN_URL, offsetof(struct store_row, url)},
    {COLUMN_KEY_HEADER, offsetof(struct store_row, key_header)},
    {COLUMN_KEY, offsetof(struct store_row, key)},
    {COLUMN_FETCH_URL, offsetof(struct store_row, fetch_url)},
    {COLUMN_PATH, offsetof(struct store_row, path)},
    {COLUMN_HEADERS, offsetof(struct store_row, headers)},
    {COLUMN_CONTENT_TYPE, offsetof(struct store_row, content_type)},
    {COLUMN_OWN_KEY, offsetof(struct store_row, own_key)},
};
enum { TEXT_COLUMN_COUNT = sizeof(text_columns) / sizeof(text_columns[0]) };

static int
column_enum(sqlite3_stmt *statement, enum column column, int (*parse)(const char *))
{
	return parse((const char *)sqlite3_column_text(statement, (int)column));
}

/* The numbers. -1 when a word is none of ours. */
static int
read_txn(sqlite3_stmt *statement, struct txn *txn)
{
	int state = column_enum(statement, COLUMN_STATE, state_parse);
	int resume = column_enum(statement, COLUMN_RESUME_STATE, state_parse);
	int cause = column_enum(statement, COLUMN_HOLD_CAUSE, hold_cause_parse);
	int result = column_enum(statement, COLUMN_RESULT, result_parse);
	int kind = column_enum(statement, COLUMN_KIND, kind_parse);

	if (state == -1 || cause == -1 || result == -1)
		return -1;
	txn->id = sqlite3_column_int64(statement, COLUMN_ID);
	txn->state = (enum state)state;
	txn->resume_state = resume == -1 ? STATE_DONE : (enum state)resume;
	txn->hold = (enum hold_cause)cause;
	txn->result = (enum result)result;
	txn->frozen = kind != -1;
	txn->kind = kind == -1 ? KIND_KEYLESS : (enum kind)kind;
	txn->has_fetch_url = sqlite3_column_type(statement, COLUMN_FETCH_URL) != SQLITE_NULL;
	txn->due_at = store_column_time(statement, COLUMN_DUE_AT);
	txn->eligible_at = store_column_time(statement, COLUMN_ELIGIBLE_AT);
	txn->not_before = store_column_time(statement, COLUMN_NOT_BEFORE);
	txn->deadline_at = store_column_time(statement, COLUMN_DEADLINE_AT);
	txn->exposed_at = store_column_time(statement, COLUMN_EXPOSED_AT);
	txn->exposed_before = store_column_time(statement, COLUMN_EXPOSED_BEFORE);
	txn->started_at = store_column_time(statement, COLUMN_STARTED_AT);
	txn->attempts = sqlite3_column_int(statement, COLUMN_ATTEMPTS);
	txn->polls = sqlite3_column_int(statement, COLUMN_POLLS);
	txn->failures = sqlite3_column_int(statement, COLUMN_FAILURES);
	txn->generation = sqlite3_column_int(statement, COLUMN_GENERATION);
	return 0;
}

/* The text columns of a row as SQLite has them; good until its statement moves on. */
struct texts {
	const char *text[TEXT_COLUMN_COUNT];
	size_t length[TEXT_COLUMN_COUNT];
	size_t size; /* of all, with their NULs */
};

static void
find_texts(sqlite3_stmt *statement, struct texts *texts)
{
	texts->size = 0;
	for (size_t i = 0; i < TEXT_COLUMN_COUNT; i++) {
		int column = (int)text_columns[i].column;

		/* In this order: the length is that of what was converted. */
		texts->text[i] = (const char *)sqlite3_column_text(statement, column);
		if (texts->text[i] == NULL)
			continue;
		texts->length[i] = (size_t)sqlite3_column_bytes(statement, column);
		texts->size += texts->length[i] + 1;
	}
}

/* Copies them behind the struct. */
static void
copy_texts(const struct texts *texts, struct store_row *row, char *space)
{
	for (size_t i = 0; i < TEXT_COLUMN_COUNT; i++) {
		const char **field = (const char **)((char *)row + text_columns[i].offset);
		size_t length;

		*field = NULL;
		if (texts->text[i] == NULL)
			continue;
		length = texts->length[i];
		if (memchr(texts->text[i], '\0', length) != NULL)
			row->malformed = true;
		memcpy(space, texts->text[i], length);
		space[length] = '\0';
		*field = space;
		space += length + 1;
	}
}

static void
read_body(sqlite3_stmt *statement, struct store_row *row, char *space)
{
	size_t length = (size_t)sqlite3_column_bytes(statement, COLUMN_BODY);

	row->body_length = (size_t)sqlite3_column_int64(statement, COLUMN_BODY_LENGTH);
	if (sqlite3_column_type(statement, COLUMN_BODY) == SQLITE_NULL)
		return;
	if (length > 0) /* an empty one may have no address */
		memcpy(space, sqlite3_column_blob(statement, COLUMN_BODY), length);
	space[length] = '\0';
	row->body = space;
	row->body_length = length;
}

/* Pending rows are only polled: their body stays on disk. */
static bool
wants_body(sqlite3_stmt *statement)
{
	return column_enum(statement, COLUMN_STATE, state_parse) != (int)STATE_PENDING;
}

static struct store_row *
read_row(sqlite3_stmt *statement)
{
	bool body = wants_body(statement);
	bool malformed = false;
	struct texts texts;
	size_t size;
	struct store_row *row;

	/* The type is what it was only until the first conversion. */
	for (int column = COLUMN_PATH; column <= (int)COLUMN_OWN_KEY; column++)
		malformed = malformed || sqlite3_column_type(statement, column) == SQLITE_BLOB;
	find_texts(statement, &texts);
	size = sizeof(*row) + texts.size;
	if (body) {
		(void)sqlite3_column_blob(statement, COLUMN_BODY);
		size += (size_t)sqlite3_column_bytes(statement, COLUMN_BODY) + 1;
	}
	row = calloc(1, size);
	if (row == NULL || read_txn(statement, &row->txn) == -1) {
		free(row);
		return NULL;
	}
	row->after_id = sqlite3_column_int64(statement, COLUMN_AFTER_ID);
	row->created_at = sqlite3_column_int64(statement, COLUMN_CREATED_AT);
	row->present = sqlite3_column_int(statement, COLUMN_PRESENT) != 0;
	row->malformed = malformed;
	if (sqlite3_column_bytes(statement, COLUMN_HASH) == KEY_HASH_SIZE)
		memcpy(
		    row->request_hash, sqlite3_column_blob(statement, COLUMN_HASH), KEY_HASH_SIZE);
	copy_texts(&texts, row, (char *)(row + 1));
	if (body)
		read_body(statement, row, (char *)(row + 1) + texts.size);
	return row;
}

void
store_row_free(struct store_row *row)
{
	free(row);
}

void
store_rows_free(struct store_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		store_row_free(rows->row[i]);
	free(rows->row);
	rows->row = NULL;
	rows->count = 0;
}

enum store_status
store_due(struct store *store, const char *destination, enum state state, int64_t now,
    bool exposed_too, size_t limit, struct store_rows *rows)
{
	struct binder binder = store_bind(store, STATEMENT_DUE);
	int rc;

	rows->count = 0;
	rows->row = calloc(limit, sizeof(*rows->row));
	bind_text(&binder, 1, destination);
	bind_text(&binder, 2, state_name(state));
	bind_integer(&binder, 3, now);
	bind_integer(&binder, 4, (int64_t)limit);
	bind_integer(&binder, 5, exposed_too);
	bind_integer(&binder, 6, store->body_max);
	if (rows->row == NULL)
		binder.rc = SQLITE_NOMEM;
	while ((rc = store_step(store, &binder)) == SQLITE_ROW && rows->count < limit) {
		rows->row[rows->count] = read_row(binder.statement);
		binder.rc = SQLITE_OK;
		if (rows->row[rows->count] == NULL)
			binder.rc = SQLITE_NOMEM;
		else
			rows->count++;
	}
	store_finish(&binder);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return STORE_OK;
	store_rows_free(rows);
	return store_status_of(rc);
}

enum store_status
store_row(struct store *store, int64_t id, struct store_row **row)
{
	struct binder binder = store_bind(store, STATEMENT_ROW);
	int rc;

	*row = NULL;
	bind_integer(&binder, 1, id);
	bind_integer(&binder, 2, store->body_max);
	rc = store_step(store, &binder);
	if (rc == SQLITE_ROW)
		*row = read_row(binder.statement);
	rc = store_finish_row(&binder, rc);
	if (rc == SQLITE_ROW)
		return *row == NULL ? STORE_FULL : STORE_OK;
	store_row_free(*row);
	*row = NULL;
	return rc == SQLITE_DONE ? STORE_NOTHING : store_status_of(rc);
}

/* One time out of one row; NULL and no row are both "none". */
static enum store_status
one_time(struct store *store, struct binder *binder, int64_t *time)
{
	int rc = store_step(store, binder);

	*time = rc == SQLITE_ROW ? store_column_time(binder->statement, 0) : TIME_NONE;
	store_finish(binder);
	return store_status_of(rc);
}

enum store_status
store_next_due(struct store *store, const char *destination, enum state state, bool exposed_too,
    int64_t *due_at)
{
	struct binder binder = store_bind(store, STATEMENT_NEXT_DUE);

	bind_text(&binder, 1, destination);
	bind_text(&binder, 2, state_name(state));
	bind_integer(&binder, 3, exposed_too);
	return one_time(store, &binder, due_at);
}

enum store_status
store_next_deadline(struct store *store, int64_t *deadline_at)
{
	struct binder binder = store_bind(store, STATEMENT_NEXT_DEADLINE);

	return one_time(store, &binder, deadline_at);
}

static int
ids_of_state(struct store *store, enum statement statement, const char *destination,
    enum state state, int64_t after, int64_t *ids, int limit)
{
	struct binder binder = store_bind(store, statement);

	bind_text(&binder, 1, destination);
	bind_text(&binder, 2, state_name(state));
	bind_integer(&binder, 3, after);
	bind_integer(&binder, 4, limit);
	return store_ids(store, &binder, ids, limit);
}

int
store_ids_in_flight(struct store *store, const char *destination, enum state state, int64_t after,
    int64_t *ids, int limit)
{
	return ids_of_state(store, STATEMENT_IN_FLIGHT, destination, state, after, ids, limit);
}

int
store_ids_in_state(struct store *store, const char *destination, enum state state, int64_t after,
    int64_t *ids, int limit)
{
	return ids_of_state(store, STATEMENT_IN_STATE, destination, state, after, ids, limit);
}

int
store_ids_held(struct store *store, enum hold_cause cause, int64_t after, int64_t *ids, int limit)
{
	struct binder binder = store_bind(store, STATEMENT_HELD_BY);

	bind_text(&binder, 1, hold_cause_name(cause));
	bind_integer(&binder, 2, after);
	bind_integer(&binder, 3, limit);
	return store_ids(store, &binder, ids, limit);
}

static int
ids_before(struct store *store, enum statement statement, int64_t time, int64_t *ids, int limit)
{
	struct binder binder = store_bind(store, statement);

	bind_integer(&binder, 1, time);
	bind_integer(&binder, 2, limit);
	return store_ids(store, &binder, ids, limit);
}

int
store_ids_past_deadline(struct store *store, int64_t now, int64_t *ids, int limit)
{
	return ids_before(store, STATEMENT_PAST_DEADLINE, now, ids, limit);
}

/* The next destination into store->destination. */
static enum store_status
step_destination(struct store *store, struct binder *binder)
{
	int rc = store_step(store, binder);

	if (rc == SQLITE_ROW) {
		sqlite3_value_free(store->destination_value);
		store->destination_value =
		    sqlite3_value_dup(sqlite3_column_value(binder->statement, 0));
		(void)sqlite3_snprintf(sizeof(store->destination), store->destination, "%s",
		    store_column_text(binder->statement, 0));
	}
	rc = store_finish_row(binder, rc);
	if (rc == SQLITE_DONE)
		return STORE_NOTHING;
	if (rc != SQLITE_ROW)
		return store_status_of(rc);
	return store->destination_value == NULL ? STORE_FULL : STORE_OK;
}

/* Goes on behind the value itself, not behind its text: a strange name must not be found for ever.
 */
enum store_status
store_next_destination(struct store *store, char name[256])
{
	bool again = name[0] != '\0' && store->destination_value != NULL &&
		     strcmp(name, store->destination) == 0;
	enum store_status status;

	do {
		struct binder binder = store_bind(store, STATEMENT_NEXT_DESTINATION);

		if (!again)
			bind_text(&binder, 1, name);
		else if (binder.rc == SQLITE_OK)
			binder.rc =
			    sqlite3_bind_value(binder.statement, 1, store->destination_value);
		status = step_destination(store, &binder);
		again = true;
	} while (status == STORE_OK &&
		 store->destination[0] == '\0'); /* no name that anybody could use */
	if (status == STORE_OK)
		memcpy(name, store->destination, sizeof(store->destination));
	return status;
}
