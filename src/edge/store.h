/*
 * store.h - the only SQLite user: open, migrate, claim, record, recover.
 *
 * No SQLite type appears here, so that another engine can stand behind it. Nobody else opens, or
 * even open()s, the database file: closing such a descriptor would drop SQLite's locks.
 *
 * All writes of the daemon happen between store_begin() and store_commit(). store_begin() compares
 * the database's id, epoch and write counter with memory: a file that was exchanged under the open
 * connection is noticed before anything is written or sent.
 */
#ifndef OUTBOXD_EDGE_STORE_H
#define OUTBOXD_EDGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/answer.h"
#include "core/key.h"
#include "core/text.h"
#include "core/txn.h"

/* The newest schema that this outboxd knows: so many migrations are built in. */
int store_schema_version(void);

struct store;

enum store_status {
	STORE_OK,
	STORE_NOTHING, /* no such row */
	STORE_BUSY,    /* another connection writes: try again later */
	STORE_FULL, /* disk full, I/O error, out of memory: try again later, send nothing meanwhile
		     */
	STORE_REFUSED,  /* a constraint or a bad value: this row cannot be written as it is */
	STORE_REPLACED, /* not the database that was opened: stop */
	STORE_CORRUPT,  /* stop, loudly */
	STORE_UNSYNCED, /* a refused sync, or a commit that failed and happened: disk and memory
			   differ. Stop */
	STORE_CONFIG,   /* not usable as it is: missing, no tables, newer schema, not WAL; for the
			   operator */
};

enum store_role {
	STORE_DAEMON, /* owns the database: triggers off */
	STORE_CLIENT, /* an operator's command: reads, and inserts into outbox_control */
};

/* Creates or upgrades the tables and turns WAL on. report says in words what was done, or why not.
 */
enum store_status store_init(const char *path, struct text *report);

/* On failure *store is NULL and why has a sentence. */
enum store_status store_open(
    const char *path, enum store_role role, struct store **store, struct text *why);
void store_close(struct store *store);

/*
 * For a process with one thread that uses SQLite, before anything else: without mutexes and memory
 * statistics. No effect when SQLite is in use already.
 */
void store_alone(void);

/* The last error in words, for log and operator. */
const char *store_error(const struct store *store);

/* What the database says of itself. */
struct store_identity {
	char database_id[37];
	int64_t epoch;
	int64_t write_counter;
	int64_t outbox_id_max;
};
enum store_status store_identity(struct store *store, struct store_identity *identity);

/* Takes this identity as the one that store_begin() insists on (at start, and after adopt). */
void store_expect(struct store *store, const struct store_identity *identity);

/* The identity that store_begin() insists on now; outbox_id_max is as old as store_expect(). */
const struct store_identity *store_expected(const struct store *store);

/* Whether this identity is the one that store_begin() insists on now; outbox_id_max is not looked
 * at. */
bool store_is_expected(const struct store *store, const struct store_identity *identity);

/*
 * Whether writes are counted (they are, unless told otherwise). A database that awaits adopt stands
 * still: what is written to it meanwhile, heartbeats and answers, must not let its counter catch up
 * with its witness's, or the next start would take it for the right one.
 */
void store_stand_still(struct store *store, bool still);

/* Whether the file at the path is still the one that was opened (stat only). */
bool store_in_place(const struct store *store);

/* Changes whenever another connection committed. -1 on failure. */
int64_t store_data_version(struct store *store);

/* A number that changes with each new row of outbox or outbox_control, unless its id was chosen by
 * hand. -1 on failure. */
int64_t store_newest(struct store *store);

/*
 * On SQLite versions with the WAL-reset race outboxd leaves checkpoints to the app and steps in,
 * never PASSIVE, when the WAL has outgrown wal_frames_max pages. Outside a transaction. On other
 * versions SQLite does it by itself.
 */
void store_checkpoint(struct store *store, int wal_frames_max);
/* Size of the WAL file. */
int64_t store_wal_bytes(const struct store *store);

/* --- transactions --- */

/*
 * When a commit reaches the disk. It always has when store_commit() returns OK; the question is
 * whether the write lock is held meanwhile. AFTER lets the app write during the sync, but shows it
 * the commit a moment before that is durable.
 */
enum store_sync { STORE_SYNC_IN_COMMIT, STORE_SYNC_AFTER_COMMIT };

/* Waits for the write lock at most busy_ms. OK, BUSY, FULL, REPLACED or CORRUPT. */
enum store_status store_begin(struct store *store, int busy_ms, enum store_sync sync);
/* On anything but OK the transaction is rolled back. One that wrote nothing costs nothing. */
enum store_status store_commit(struct store *store);
void store_rollback(struct store *store);
/* The last transaction was rolled back, and the database has not been recognised since: what is
 * read may not be what is there. */
bool store_in_doubt(const struct store *store);
/* A transaction is open: also one whose commit failed and that could not be rolled back, for want
 * of memory. */
bool store_in_transaction(const struct store *store);

/* What a transaction cost whom. The store has no clock of its own: without this one, all times are
 * 0. */
void store_time_by(struct store *store, int64_t (*clock_us)(void));
int64_t store_held_us(const struct store *store); /* the last transaction's write lock */
int64_t store_sync_us(const struct store *store); /* its sync outside the lock */
/* Did somebody else commit between the last transaction and the one before it? */
bool store_has_neighbour(const struct store *store);
/* Rows changed by this connection so far: tells whether anything was written since. */
int store_changes(const struct store *store);

/* Around many reads: the locks are taken once for all, and all see the same moment. Each may still
 * fail by itself. The end takes back what a transaction before it may have left open: it never
 * commits. */
void store_begin_reading(struct store *store);
void store_end_reading(struct store *store);

/* A row's writes within the transaction: all of them or none. */
enum store_status store_row_begin(struct store *store);
enum store_status store_row_end(struct store *store, bool keep);

/* --- meta --- */
/* OK, NOTHING when it is not there or no integer, or why it cannot be read. */
enum store_status store_meta_read(struct store *store, const char *name, int64_t *value);
/* The same where "cannot be read" is as good as "not there". */
int64_t store_meta_integer(struct store *store, const char *name, int64_t otherwise);
enum store_status store_meta_set_integer(struct store *store, const char *name, int64_t value);
enum store_status store_meta_set_text(struct store *store, const char *name, const char *value);
enum store_status store_meta_blob(
    struct store *store, const char *name, void *bytes, size_t length);
/* Begins epoch `epoch` (within a transaction). */
enum store_status store_set_epoch(struct store *store, int64_t epoch);
enum store_status store_raise_outbox_id(struct store *store, int64_t id);

/* --- rows --- */

/* A delivery and its outbox row. Everything lies in one allocation; free with store_row_free(). */
struct store_row {
	struct txn txn;
	int64_t after_id; /* 0: none */
	int64_t created_at;
	const char *destination;
	const char *operation;
	const char *reference; /* or NULL */
	const char *reason;    /* or NULL */
	/* frozen; NULL before the first claim */
	const char *method;
	const char *url;
	const char *key_header;
	const char *key;
	unsigned char request_hash[KEY_HASH_SIZE];
	const char *fetch_url; /* or NULL */
	/* of outbox */
	bool present; /* false: the outbox row was deleted or purged */
	const char *path;
	const char *headers;
	const char *content_type;
	const char *own_key;
	const void *
	    body; /* NULL when there is none, or when it is larger than store_limit_body() allows */
	size_t body_length; /* then more than it allows */
	bool malformed;     /* a text column holds a NUL byte or is not text */
};

/* Bodies of more bytes than this are not loaded (default 1 MiB). */
void store_limit_body(struct store *store, int64_t bytes);

struct store_rows {
	struct store_row **row;
	size_t count;
};
void store_row_free(struct store_row *row);
void store_rows_free(struct store_rows *rows); /* the rows that are still in it (not NULL) */

/* The due rows of a destination in one state. exposed_too: also those that may have had an effect.
 */
enum store_status store_due(struct store *store, const char *destination, enum state state,
    int64_t now, bool exposed_too, size_t limit, struct store_rows *rows);
enum store_status store_row(struct store *store, int64_t id, struct store_row **row);

/* When the first one is due; TIME_NONE when there is none. */
enum store_status store_next_due(struct store *store, const char *destination, enum state state,
    bool exposed_too, int64_t *due_at);
/* When the next unexposed row reaches its expires_at; TIME_NONE when there is none. */
enum store_status store_next_deadline(struct store *store, int64_t *deadline_at);

/* Before every id: an app may have chosen one that is not positive. */
#define STORE_BEFORE_ALL INT64_MIN
/* Ids, ascending, after `after`; at most limit. The return value counts them; -1 on failure. */
int store_ids_in_flight(struct store *store, const char *destination, enum state state,
    int64_t after, int64_t *ids, int limit);
int store_ids_in_state(struct store *store, const char *destination, enum state state,
    int64_t after, int64_t *ids, int limit);
int store_ids_held(
    struct store *store, enum hold_cause cause, int64_t after, int64_t *ids, int limit);
int store_ids_past_deadline(struct store *store, int64_t now, int64_t *ids, int limit);
/* The rows of a destination in that state (of the open ones, "held", or "unknown"), up to an id.
 * -2: no such state. */
int store_ids_at(struct store *store, const char *destination, const char *state, int64_t up_to,
    int64_t *ids, int limit);

/* --- keeping house (store_house.c) --- */
/* A result on the way through the history, in the order in which they finished. */
struct store_past {
	int64_t finished_at;
	int64_t id;
	bool purgeable;
};
/* What finished after `after` and not after `until`; at most limit. The return value counts them;
 * -1 on failure. */
int store_past(struct store *store, const struct store_past *after, int64_t until,
    struct store_past *past, int limit);
/* Whether the database gives pages back (PRAGMA auto_vacuum = INCREMENTAL, the merchant's choice)
 * and has some. */
bool store_has_free_pages(struct store *store);
/* Gives a few back; within a transaction. */
enum store_status store_vacuum(struct store *store);
/* Copies the WAL into the database and makes it empty, so that nothing lingers in it. BUSY:
 * somebody reads. Outside a transaction. */
enum store_status store_truncate_wal(struct store *store);

/* From one destination with open rows to the next, beginning with "". OK, NOTHING behind the last
 * one, or why it cannot be read. */
enum store_status store_next_destination(struct store *store, char name[256]);

/* What every attempt of a row has in common; fixed by its first claim. */
struct store_frozen {
	const char *method;
	const char *url;
	const char *key_header; /* or NULL */
	const char *key;        /* or NULL */
	bool own_key;           /* the app's, not derived */
	const unsigned char *hash;
};

/*
 * Writes a move: exactly one row goes from state `from` to txn's, or it is a bug (assert). reason
 * and fetch_url replace what is there, and so does frozen unless it is NULL (REFUSED: that key is
 * already used at this destination). A blocked child of a row that is done now is woken.
 */
enum store_status store_move(struct store *store, enum state from, const struct txn *txn,
    const char *reason, const char *fetch_url, const struct store_frozen *frozen);
/* A new key, or a new look at the configuration, at the next claim. */
enum store_status store_thaw(struct store *store, int64_t id);
/* The row whose app gave it this key at this destination, 0: none. */
int64_t store_key_owner(struct store *store, const char *destination, const char *key);

/* How the parent of a blocked row stands. NOTHING when it does not exist. */
struct store_parent {
	enum state state;
	enum result result;
	bool action_required;
};
enum store_status store_parent(struct store *store, int64_t id, struct store_parent *parent);
enum store_status store_sleep_child(struct store *store, int64_t id);

struct store_attempt {
	int64_t outbox_id;
	int n;
	enum phase phase;
	int64_t started_at;
	int64_t ended_at;
	enum evidence evidence;
	int http_status;   /* 0: none */
	const char *error; /* or NULL */
	const char *rule;  /* or NULL */
};
/*
 * Adds it to the trail; a run of equal polls (same evidence, status, rule) is one row whose count
 * grows. With n = 0 the next number is taken.
 */
enum store_status store_attempt(struct store *store, const struct store_attempt *attempt);
/*
 * How often, and since when, this rule decided in this phase, in exchanges begun at `after` or
 * later: all submits, or the polls of the last run.
 */
enum store_status store_same_rule(struct store *store, int64_t id, enum phase phase,
    const char *rule, int64_t after, int *count, int64_t *since);

/* Whether the row's last exchange was decided by this rule, at or after since. */
enum store_status store_last_rule(
    struct store *store, int64_t id, const char *rule, int64_t since, bool *was);

/* What the app reads. */
struct store_outcome {
	enum result result;
	int http_status;  /* 0: none */
	const void *body; /* NULL: none */
	size_t body_length;
	bool body_is_text;  /* valid UTF-8 without NUL: stored as TEXT, else as BLOB */
	const char *reason; /* or NULL */
};
/* Written for the first time, or as the next revision. */
enum store_status store_result(
    struct store *store, int64_t id, const struct store_outcome *outcome, int64_t now);
enum store_status store_result_withdrawn(struct store *store, int64_t id, const char *reason);
enum store_status store_erase_body(struct store *store, int64_t id);
enum store_status store_bring_forward(struct store *store, const char *destination, int64_t due_at);
/* The same for the end of polling. */
enum store_status store_shorten_polling(
    struct store *store, const char *destination, int64_t deadline_at);
enum store_status store_purge(struct store *store, int64_t id);

/* --- operator --- */
struct store_control {
	int64_t id;
	char *command;
	int64_t outbox_id; /* 0: none */
	char *destination;
	char *argument;
	char *key_mode;
	char *text;
	char *created_by;
	char *state;   /* many rows: which ones */
	int64_t count; /* many rows: how many; 0: not said */
};
bool store_control_waiting(struct store *store);
/* At most limit open requests behind the id `after`, oldest first; each to be freed with
 * store_control_free(). Count, or -1. */
int store_control_open(
    struct store *store, int64_t after, struct store_control *requests, int limit);
void store_control_free(struct store_control *request);
enum store_status store_control_answer(
    struct store *store, int64_t id, bool done, const char *answer, int64_t now);
/* For commands: inserts a request; *id is its number. */
enum store_status store_control_insert(
    struct store *store, const struct store_control *request, int64_t *id);
/* For commands: 0 open, 1 done, 2 refused, -1 failure; the answer is appended to text. */
int store_control_read(struct store *store, int64_t id, struct text *answer);

/* --- destinations --- */
struct store_destination {
	char name[128];
	bool held;
	char cause[32];
	char reason[256];
	int64_t since;
	int64_t released_at;
};
enum store_status store_destination_hold(struct store *store, const char *destination,
    const char *cause, const char *reason, int64_t now);
enum store_status store_destination_release(
    struct store *store, const char *destination, int64_t now);
typedef void store_destination_visitor(void *context, const struct store_destination *destination);
enum store_status store_destinations(
    struct store *store, store_destination_visitor *visit, void *context);

/* --- for people --- */
struct store_count {
	const char *destination;
	const char *state; /* a state's name, or "unknown" */
	int64_t count;
	int64_t oldest_due; /* TIME_NONE: none */
};
typedef void store_count_visitor(void *context, const struct store_count *count);
enum store_status store_counts(struct store *store, store_count_visitor *visit, void *context);

typedef void store_attempt_visitor(
    void *context, const struct store_attempt *attempt, const char *phase, int count);
enum store_status store_attempts(
    struct store *store, int64_t id, store_attempt_visitor *visit, void *context);

struct store_result_facts {
	enum result result;
	int http_status;
	int64_t body_length;
	int64_t finished_at;
	int64_t revision;
};
enum store_status store_result_read(
    struct store *store, int64_t id, struct store_result_facts *facts);

struct store_health {
	char status[32];
	double heartbeat_age_s; /* negative: never */
	double oldest_due_age_s;
	char mode_reason[1024];
	char last_error[256];
	int64_t unknown;
	int64_t held_rows;
};
enum store_status store_health(struct store *store, struct store_health *health);

/* Triggers on our tables that are not ours: a line each. */
enum store_status store_foreign_triggers(struct store *store, struct text *names);

#endif
