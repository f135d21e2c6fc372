/*
 * parts.h - what the agent's own files share: lanes, jobs and the agent itself. Nobody else
 * includes it.
 */
#ifndef OUTBOXD_AGENT_PARTS_H
#define OUTBOXD_AGENT_PARTS_H

#include "agent/agent.h"
#include "agent/gate.h"
#include "agent/metrics.h"
#include "core/backoff.h"
#include "core/key.h"
#include "core/policy.h"
#include "core/timeline.h"
#include "core/verdict.h"
#include "edge/store.h"
#include "edge/watch.h"
#include "edge/wire.h"
#include "edge/witness.h"

enum {
	TURN_BUSY_MS = 100,   /* how long a turn waits for the write lock */
	HOOK_BUSY_MS = 50,    /* how long all pre-request hooks of a turn wait, together */
	BUSY_PAUSE_MS = 50,   /* before a turn that found the database busy tries again */
	FULL_PAUSE_MS = 1000, /* the same for a full disk or an I/O error */
	HEARTBEAT_MS = 20000, /* outbox_meta.heartbeat_at, and how late outbox_health notices */
	WITNESS_MS = 5000,    /* the witness follows the write counter at most this late */
	SWEEP_MS = 1000,      /* expiry of rows that cannot be sent */
	METRICS_MS = 10000,   /* metrics_file */
	CLAIM_MAX = 256,      /* rows of one destination in one turn */
	SWEEP_MAX = 200,
	UNEXPLAINED_MS = 50, /* a commit that added no row for us is looked at nevertheless */
	DEFERRED_MS = 50,    /* a request that waits is looked at again */
	RETRY_AFTER_MAX_MS = 3600 * 1000,
	LOGIN_AGAIN_MS =
	    10 * 60 * 1000, /* two refusals of a fresh session within this hold the destination */
	FOREIGN_URL_STRIKES = 3,
	ISOLATE_MS = 5000, /* a destination with a row that cannot be written */
	LOCK_SHARE =
	    10, /* one part in ten of the time the write lock is ours, while the app writes, too */
	LOCK_BURST_US = 1000,
	BULK_ROWS = 8,            /* in one transaction */
	LOCK_DEBT_MAX_US = 20000, /* of one transaction */
	NEIGHBOUR_MS = 1000,      /* how long a commit of the app counts */
	WINDOW_MAX_MS = 20,       /* the commit window where each sync takes long */
	WAL_FRAMES_MAX = 900,     /* pages; at 1000 the app's own commits would copy them */
};

/* A configuration and how many jobs still look at it. */
struct generation {
	struct config *config;
	size_t jobs;
	struct generation *next; /* older ones */
};

/* The session of a destination whose profile has a login. In memory only. */
struct session {
	char *value;         /* NULL: none */
	int64_t serial;      /* counts logins: tells a late refusal from a new one */
	int64_t obtained_at; /* boot clock */
	int64_t login_at;    /* boot clock: no login before this */
	int failures;
	bool logging_in;
};

/* What a write transaction changes of a lane: put back when it is not committed, or memory and disk
 * would disagree. */
struct lane_memory {
	struct gate gate;
	char cause[32];
	int64_t usable_since;
	int foreign_urls;
	int login_failures;
	int64_t login_at;
};

/* A destination at work. */
struct lane {
	char *name;
	const struct destination
	    *settings; /* of the newest configuration; NULL: no longer configured */
	struct gate gate;
	struct session session;
	bool loaded;          /* its hold on disk is known */
	char cause[32];       /* of the hold in outbox_destination, "" when it is not held */
	int64_t usable_since; /* Unix ms: give_up_after does not run while it was held */
	int foreign_urls;     /* in a row */
	struct lane_metrics metrics;
	struct lane_memory before; /* the transaction at hand */
	int landed_submits; /* finished, not yet recorded: their slots are free with the record */
	int landed_polls;
	struct lane *next;
};

enum intake {
	INTAKE_READY,
	INTAKE_INVALID, /* can never be sent as it stands */
	INTAKE_HELD,    /* waits for configuration, or differs from what was sent before */
	INTAKE_LATER,   /* memory is short */
};

/* One exchange, from claim to record. */
struct job {
	struct lane *lane;
	struct generation *generation;
	const struct destination *settings; /* of that generation */
	const struct operation *operation;  /* NULL for a login */
	enum phase phase;
	struct store_row *row; /* NULL for a login; row->txn is what is on disk */
	/* what every attempt has in common */
	const char *method;
	const char *url;
	const char *key_header;
	const char *key;
	char *own_url; /* owns url when this attempt froze it */
	char own_key[KEY_TEXT_SIZE];
	unsigned char hash[KEY_HASH_SIZE];
	bool freezes;       /* the first claim */
	enum intake intake; /* what its preparation said; reason has why */
	enum hold_cause intake_cause;
	int64_t session_serial;
	char *login_body;
	struct wire_transfer *transfer;
	int64_t deadline;   /* boot clock */
	int64_t started_at; /* Unix ms; of a login, which has no row */
	/* once it ended */
	const struct wire_outcome *outcome;
	bool judged;
	bool recorded;       /* in this turn's transaction */
	bool broke;          /* its destination: the breaker opened */
	enum state ended_in; /* what the record says, for the log */
	enum result ended_as;
	char reason[256];
	struct answer answer;
	struct verdict verdict;
	int64_t ended_at; /* Unix ms */
	int64_t write_at; /* boot clock: not recorded before this (the row refused the last time) */
	struct job *previous;
	struct job *next;
};

struct job_list {
	struct job *first;
	struct job *last;
	size_t count;
};

enum agent_mode { MODE_RUNNING, MODE_ADOPT, MODE_DRAINING };

/* Keeping house: see house.c. next_*: what becomes true with this turn's commit. */
struct house {
	int64_t at;                          /* boot clock: not before */
	struct store_past place, next_place; /* purged so far */
	int64_t request, next_request;       /* of outbox_control; 0: none */
	int64_t before;                      /* what that request wants purged */
	int64_t purged, next_purged;
	bool worked;      /* in this turn's transaction */
	bool erased;      /* a body was blanked: the WAL must be emptied */
	int64_t sweep_at; /* boot clock: not before */
};

struct agent {
	struct generation *generation; /* the newest first */
	struct store *store;
	struct wire *wire;
	struct watch *watch;
	struct lane *lanes;
	struct job_list flying;   /* handed to the wire */
	int64_t overdue_at;       /* boot clock: the time of no flying one is up before this */
	struct job_list finished; /* wait to be recorded */
	struct job_list prepared; /* read before this turn's transaction, to be claimed in it */
	struct job_list claimed;  /* of this turn, not yet committed */
	enum agent_mode mode;
	bool drain_asked;
	int64_t drain_until; /* boot clock */
	char mode_reason[1024];
	struct timeline timeline;
	int64_t now;  /* Unix ms, of this turn */
	int64_t boot; /* boot clock, of this turn */
	struct key_maker *key_maker;
	struct witness witness; /* as last written */
	int64_t witness_at;     /* boot clock */
	int witness_fd;         /* of its notes; -1: not open yet */
	int64_t outbox_id_seen; /* highest id that was claimed */
	int64_t new_keys_seen;  /* how often an operator gave a row a new key */
	int64_t heartbeat_at;   /* boot clock of the last one */
	int64_t swept_at;
	struct house house;
	int64_t reported_at; /* boot clock: the next metrics_file */
	int64_t data_version;
	int64_t newest;         /* of outbox and outbox_control, when somebody else had written */
	int64_t unexplained_at; /* boot clock: then look at everything, somebody wrote we know not
				   what */
	uint64_t commits;
	uint64_t write_failures;
	bool deferred;      /* an operator's request waits for a row under way, or for a purge */
	int64_t control_at; /* boot clock: then look at requests again, when one is deferred */
	bool look;          /* somebody else wrote: look at everything */
	bool more;          /* a batch was full: go on without waiting */
	bool settle; /* rows may have to move that are not sent: children, unknown destinations */
	bool reconfigured; /* rows held for configuration may go on */
	int64_t
	    write_after; /* boot clock: the database was busy or full, or it is the app's turn */
	int64_t neighbour_at; /* boot clock: somebody else was seen to write */
	int64_t
	    lock_debt_us; /* the write lock was ours so much longer than our share of the time */
	int64_t lock_debt_at; /* boot clock, us */
	int64_t window_until; /* boot clock: until then a commit waits for more to write */
	int hook_budget_ms;
	enum agent_end end;
	char last_error[256];
	bool last_error_new;
	bool isolating;     /* a row refused to be written: each in a savepoint of its own */
	bool adopting;      /* this turn's commit must succeed */
	bool time_regained; /* due times that lie too far ahead must be brought forward */
};

/* --- parts.c --- */
const struct config *agent_config(const struct agent *agent);
/* An error that outbox_health shows. */
void agent_error(struct agent *agent, const char *what);
/* Maps a store failure to the agent's fate; true when the turn cannot go on. */
bool agent_store_failed(struct agent *agent, enum store_status status, const char *what);

/* --- agent.c --- */
void agent_read_clocks(struct agent *agent);

/* --- start.c --- */
/* Configurations that nobody looks at any more; never the newest. */
void agent_forget_configurations(struct agent *agent);

/* --- transaction.c --- */
/* Writes whatever this turn has to write. On failure nothing of it has happened. */
void agent_write(struct agent *agent);
/*
 * Around the writes for one row. The rows share their fate; when one refuses to be written, the
 * transaction is repeated with a savepoint for each, and only that one falls.
 */
enum store_status transaction_row_begin(struct agent *agent);
enum store_status transaction_row_end(struct agent *agent, enum store_status written);
/*
 * What was written for a row, or why not: one that refuses to be written is held, so that the
 * others go on; if even that fails, its destination pauses.
 */
enum store_status transaction_isolate(
    struct agent *agent, struct store_row *row, enum store_status written);

/* --- lane.c --- */
/* No submit of this row is planned after this (Unix ms). */
int64_t lane_give_up_at(
    const struct lane *lane, const struct destination *settings, const struct txn *txn);
struct lane *lane_find(struct agent *agent, const char *name);
int lanes_configure(struct agent *agent);
void lanes_free(struct agent *agent);
/* What the disk says of lanes that are new: at start, and when a reload brings (back) a
 * destination. */
int lanes_load_holds(struct agent *agent);
/* Holds as a whole; within a transaction. */
enum store_status lane_hold(struct agent *agent, struct lane *lane, enum gate_shut shut,
    const char *cause, const char *reason);
enum store_status lane_release(struct agent *agent, struct lane *lane);
/* Around a write transaction: its beginning, and its failure. */
void lanes_remember(struct agent *agent);
void lanes_recall(struct agent *agent);
/* Is there a session, where one is needed? */
bool lane_ready(const struct agent *agent, const struct lane *lane);
/* A failing destination with a login is probed by that: a probe by a row might be a real order. */
bool lane_probes_by_login(const struct lane *lane);
/* Starts a login when one is due. */
void lane_login(struct agent *agent, struct lane *lane);
/* Within a transaction; may be said again when that fails. */
enum store_status lane_login_ended(struct agent *agent, struct job *job);
void lane_session_expired(struct lane *lane, int64_t serial);

/* --- job.c --- */
struct job *job_new(struct agent *agent, struct lane *lane, enum phase phase);
void job_free(struct agent *agent, struct job *job);
void job_add(struct job_list *list, struct job *job);
void job_remove(struct job_list *list, struct job *job);
struct job *job_of_row(struct agent *agent, int64_t outbox_id);
/* To and from agent->finished. */
void job_landed(struct agent *agent, struct job *job);
void job_recorded(struct agent *agent, struct job *job);
/* Hands it to the wire. -1: memory is short, nothing was sent. */
int job_start(struct agent *agent, struct job *job);
/* Takes the wire's outcome and judges it. */
void job_judge(struct agent *agent, struct job *job);
/* The same for one that the wire did not take: memory is short. */
void job_never_started(struct agent *agent, struct job *job);
/* A verdict for an exchange that ended. -1: memory is short, try again. */
int job_verdict(struct job *job);
/* The wire's hook. */
int job_before_send(void *agent, void *job);

/* --- intake.c --- */
/* Fills the job's request from its row; freezes it on the first claim. why gets the reason, cause
 * that of HELD. */
enum intake intake_prepare(
    struct agent *agent, struct job *job, char *why, size_t why_size, enum hold_cause *cause);
/* Row header lines "Name: value", called once each; non-zero when the row's headers are not
 * acceptable. */
int intake_headers(const struct operation *operation, const char *json,
    int (*line)(void *context, const char *name, const char *value), void *context, char *why,
    size_t why_size);

/* --- claim.c --- */
/*
 * Reads what is due and makes the requests, without the write lock: the work on JSON, keys and
 * hashes must not keep the app waiting. Jobs go to agent->prepared.
 */
enum store_status claim_prepare(struct agent *agent);
/* Claims what was prepared and still fits; within a transaction. Jobs go to agent->claimed. */
enum store_status claim_due(struct agent *agent);
/* Whether there is anything to do for it or for settle_rows(); *wake_at (boot clock) is when there
 * will be. Starts logins. */
bool claim_wanted(struct agent *agent, int64_t *wake_at);

/* --- settle.c --- */
/* Blocked children whose parent has ended, rows past expires_at, destinations that nobody
 * configured. */
enum store_status settle_rows(struct agent *agent);
/* After somebody else wrote: sets agent->settle, and returns it, when rows wait for settle_rows().
 */
bool settle_needed(struct agent *agent);
/* No row waits longer than the longest backoff, or is polled longer than it may be, because a clock
 * was wrong. Trusted time only. */
enum store_status settle_bring_forward(struct agent *agent);

/* --- record.c --- */
/* Writes what a finished job means; within a transaction. */
enum store_status record_job(struct agent *agent, struct job *job);
/* After the commit: the log and the metrics. */
void record_done(struct agent *agent, struct job *job);

/* --- ending.c --- */
/* A row ends without an exchange; within a transaction. The row's txn is updated. */
enum store_status record_end(
    struct agent *agent, struct store_row *row, enum result result, const char *reason);
enum store_status record_hold(
    struct agent *agent, struct store_row *row, enum hold_cause cause, const char *reason);
/* One event that changes nothing but the delivery. */
enum store_status record_step(
    struct agent *agent, struct store_row *row, const struct txn_step *step, const char *reason);

/* After a row's result, within its transaction: at a destination with card_data = "erase" its body
 * is blanked. */
enum store_status record_erase(
    struct agent *agent, const struct destination *settings, const struct txn *txn);

/* --- house.c --- */
/* Whether there is something to do now; *wake_at (boot clock) is when there may be. */
bool house_wanted(struct agent *agent, int64_t *wake_at);
/* A small piece of it; within a transaction, which then ends in house_kept() or house_not_kept().
 */
enum store_status house_keep(struct agent *agent);
void house_kept(struct agent *agent);
void house_not_kept(struct agent *agent);
/* An operator's purge: answered when it is done. false: another one is under way. */
bool house_purge(struct agent *agent, int64_t request, int64_t before);
/* A body was blanked: house_sweep() empties the WAL, outside a transaction. */
void house_erased(struct agent *agent);
void house_sweep(struct agent *agent, int64_t *wake_at);

/* --- control.c --- */
enum store_status control_answer_all(struct agent *agent);

/* --- report.c --- */
/* Writes metrics_file when it is time. */
void report_metrics(struct agent *agent);

/* --- ownership.c --- */
/* At start: compares with the witness; running or waiting for adopt. */
int ownership_take(struct agent *agent, struct text *why);
/* The operator says that this is the database; within a transaction. answer gets a sentence. */
enum store_status ownership_adopt(struct agent *agent, bool resend, char *answer, size_t size);
/*
 * Never in bulk without naming a count: whether `count` is how many rows adopt would hold, and
 * resend would send again. Changes nothing; within a transaction.
 */
enum store_status ownership_resend_allowed(
    struct agent *agent, int64_t count, bool *allowed, char *answer, size_t size);
/* How often an operator gave a row a new key, as the database knows it: one that cannot be read is
 * not none. */
enum store_status ownership_new_keys(struct agent *agent, int64_t *count);
void ownership_witness(struct agent *agent, bool now);
/* After each commit, before anything of it is sent: a kill and a quick restore must not look like
 * nothing happened. */
void ownership_note(struct agent *agent);
/* What the last run left in flight is dead; within a transaction. */
enum store_status ownership_recover(struct agent *agent);

#endif
