-- outboxd schema 1: the tables.
--
-- They live in the merchant's own database and must be readable by its library, which may be SQLite 3.26: no STRICT, no
-- generated columns, no RETURNING. Times are Unix milliseconds; NULL means "none". States, results
-- and the other words are frozen: code and documentation depend on them. (The words are checked with OR: for each row that
-- it writes SQLite would build a temporary table for an IN of more than two.)

-- What to send. The app inserts; nobody updates.
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  destination     TEXT NOT NULL
                  CHECK (typeof(destination) = 'text' AND length(CAST(destination AS BLOB)) BETWEEN 1 AND 127
                         AND instr(CAST(destination AS BLOB), x'00') = 0),
  operation       TEXT NOT NULL,
  path            TEXT,
  headers         TEXT,
  body            BLOB,
  content_type    TEXT NOT NULL DEFAULT 'application/json',
  reference       TEXT,
  idempotency_key TEXT,
  after_id        INTEGER REFERENCES outbox(id) CHECK (after_id < id),
  not_before      INTEGER CHECK (not_before IS NULL OR typeof(not_before) = 'integer'),
  expires_at      INTEGER CHECK (expires_at IS NULL OR typeof(expires_at) = 'integer'),
  created_at      INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER))
                  CHECK (typeof(created_at) = 'integer'),
  UNIQUE (destination, operation, reference)
);

-- Where each row stands. Written by outboxd; kept when its outbox row is deleted, so that no reference is used twice.
CREATE TABLE outbox_delivery (
  outbox_id       INTEGER PRIMARY KEY,
  destination     TEXT NOT NULL,
  operation       TEXT NOT NULL,
  reference       TEXT,
  after_id        INTEGER,
  created_at      INTEGER NOT NULL,
  state           TEXT NOT NULL
                  CHECK (state = 'blocked' OR state = 'queued' OR state = 'claimed'
                         OR state = 'sending' OR state = 'retry'
                         OR state = 'pending' OR state = 'held'
                         OR state = 'done'),
  open            INTEGER NOT NULL DEFAULT 1 CHECK (open = (state <> 'done' AND state <> 'held')),
  resume_state    TEXT CHECK (resume_state = 'blocked' OR resume_state = 'queued' OR resume_state = 'retry'
                         OR resume_state = 'pending'),
  hold_cause      TEXT CHECK (hold_cause = 'configuration' OR hold_cause = 'operator'
                         OR hold_cause = 'fetch_url'
                         OR hold_cause = 'redirect' OR hold_cause = 'frozen'
                         OR hold_cause = 'key_conflict'
                         OR hold_cause = 'restored'),
  result          TEXT CHECK (result = 'succeeded' OR result = 'failed' OR result = 'expired'
                         OR result = 'canceled' OR result = 'invalid'
                         OR result = 'unknown'),
  reason          TEXT,
  due_at          INTEGER,  -- when it is next to be looked at; 0: at once; NULL: in flight, or waits for something else
  eligible_at     INTEGER NOT NULL,
  deadline_at     INTEGER,  -- not yet sent: expires_at; pending: the end of polling
  exposed_at      INTEGER,  -- start of the earliest attempt not proven effect-free
  exposed_before  INTEGER,
  started_at      INTEGER,
  attempts        INTEGER NOT NULL DEFAULT 0,
  polls           INTEGER NOT NULL DEFAULT 0,
  failures        INTEGER NOT NULL DEFAULT 0,
  generation      INTEGER NOT NULL DEFAULT 0,
  kind            TEXT CHECK (kind = 'keyed' OR kind = 'keyless' OR kind = 'safe'),
  method          TEXT,     -- from here on: what every attempt has in common, fixed by the first claim
  url             TEXT,
  key_header      TEXT,
  idempotency_key TEXT,
  own_key         INTEGER NOT NULL DEFAULT 0,  -- 1: the key is the app's own
  request_hash    BLOB,     -- SHA-256 over these, content type, headers and body
  fetch_url       TEXT,
  CHECK ((state = 'done') = (result IS NOT NULL)),
  CHECK ((state = 'held') = (hold_cause IS NOT NULL)),
  CHECK (state <> 'pending' OR fetch_url IS NOT NULL),
  CHECK ((state <> 'claimed' AND state <> 'sending' AND state <> 'pending') OR request_hash IS NOT NULL)
);

CREATE UNIQUE INDEX outbox_delivery_reference ON outbox_delivery (destination, operation, reference)
  WHERE reference IS NOT NULL;
-- Derived keys are UUIDs of version 8, which an app's own key may not be: only the latter can collide. (An index over
-- random keys would write a page of its own for every row.)
CREATE UNIQUE INDEX outbox_delivery_key ON outbox_delivery (destination, idempotency_key) WHERE own_key = 1;
-- Open rows only: the size of the history costs nothing.
CREATE INDEX outbox_delivery_due ON outbox_delivery (destination, state, due_at)
  WHERE open = 1;
CREATE INDEX outbox_delivery_held ON outbox_delivery (hold_cause, destination) WHERE state = 'held';
CREATE INDEX outbox_delivery_children ON outbox_delivery (after_id) WHERE state = 'blocked';
CREATE INDEX outbox_delivery_deadline ON outbox_delivery (deadline_at)
  WHERE deadline_at IS NOT NULL AND exposed_at IS NULL;
CREATE INDEX outbox_delivery_unknown ON outbox_delivery (outbox_id) WHERE result = 'unknown';

-- One row per exchange; a run of identical polls is one row with a count.
CREATE TABLE outbox_attempt (
  outbox_id   INTEGER NOT NULL,
  n           INTEGER NOT NULL,
  phase       TEXT NOT NULL CHECK (phase = 'submit' OR phase = 'poll' OR phase = 'lookup'),
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL,
  evidence    TEXT NOT NULL CHECK (evidence = 'unsent' OR evidence = 'maybe_sent' OR evidence = 'answered'),
  http_status INTEGER,
  error       TEXT,
  rule        TEXT,
  count       INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (outbox_id, n)
) WITHOUT ROWID;

-- One row per finished transaction: what the app reads.
CREATE TABLE outbox_result (
  outbox_id   INTEGER PRIMARY KEY,
  result      TEXT NOT NULL
              CHECK (result = 'succeeded' OR result = 'failed' OR result = 'expired'
                         OR result = 'canceled' OR result = 'invalid'
                         OR result = 'unknown'),
  http_status INTEGER,
  body        BLOB,
  reason      TEXT,
  finished_at INTEGER NOT NULL,
  revision    INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX outbox_result_finished ON outbox_result (finished_at);

-- Requests of the operator. outboxd answers in the same row.
--
-- Many rows at once: command cancel, retry, resolve, hold or release with destination, state (blocked, queued, retry, pending,
-- held; or unknown, for finished rows with that result) and count. With outbox_id: only rows up to that one. When count is not
-- how many there are, or one of them does not allow it, the request is refused and nothing is done. At most 500 at a time.
-- purge: argument is an age ('90d'); finished rows older than that leave outbox and outbox_attempt.
CREATE TABLE outbox_control (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  command     TEXT NOT NULL,
  outbox_id   INTEGER,
  destination TEXT,
  argument    TEXT,
  key_mode    TEXT CHECK (key_mode = 'same' OR key_mode = 'new'),
  text        TEXT,
  state       TEXT,
  count       INTEGER,
  created_by  TEXT,
  created_at  INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)),
  status      TEXT NOT NULL DEFAULT 'open' CHECK (status = 'open' OR status = 'done' OR status = 'refused'),
  answer      TEXT,
  done_at     INTEGER
);
CREATE INDEX outbox_control_open ON outbox_control (id) WHERE status = 'open';

-- Destinations that are, or were, held as a whole. Written by outboxd.
CREATE TABLE outbox_destination (
  destination TEXT PRIMARY KEY NOT NULL,
  held        INTEGER NOT NULL DEFAULT 0,
  cause       TEXT,   -- 'credentials','trust','redirect','rule','fetch_url','login','operator'
  reason      TEXT,
  since       INTEGER,
  released_at INTEGER
);

-- schema_version, database_id, epoch, write_counter, clock_mark, key_secret, heartbeat_at, ...
CREATE TABLE outbox_meta (
  name  TEXT PRIMARY KEY NOT NULL,
  value
) WITHOUT ROWID;
