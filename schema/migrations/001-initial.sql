-- outboxd schema 1: the tables.
--
-- They live in the merchant's own database and must be readable by its library, which may be SQLite 3.26: no STRICT, no
-- generated columns, no RETURNING. Times are Unix milliseconds; NULL means "none". States, results
-- and the other words are frozen: code and documentation depend on them.

-- What to send. The app inserts; nobody updates.
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  destination     TEXT NOT NULL,
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
                  CHECK (state IN ('blocked','queued','claimed','sending','retry','pending','held','done')),
  resume_state    TEXT CHECK (resume_state IN ('blocked','queued','retry','pending')),
  hold_cause      TEXT CHECK (hold_cause IN ('configuration','operator','fetch_url','redirect','frozen',
                                             'key_conflict','restored')),
  result          TEXT CHECK (result IN ('succeeded','failed','expired','canceled','invalid','unknown')),
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
  kind            TEXT CHECK (kind IN ('keyed','keyless','safe')),
  method          TEXT,     -- from here on: what every attempt has in common, fixed by the first claim
  url             TEXT,
  key_header      TEXT,
  idempotency_key TEXT,
  request_hash    BLOB,     -- SHA-256 over these, content type, headers and body
  fetch_url       TEXT,
  CHECK ((state = 'done') = (result IS NOT NULL)),
  CHECK ((state = 'held') = (hold_cause IS NOT NULL)),
  CHECK (state <> 'pending' OR fetch_url IS NOT NULL),
  CHECK (state NOT IN ('claimed','sending','pending') OR request_hash IS NOT NULL)
);

CREATE UNIQUE INDEX outbox_delivery_reference ON outbox_delivery (destination, operation, reference)
  WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX outbox_delivery_key ON outbox_delivery (destination, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
-- Open rows only: the size of the history costs nothing.
CREATE INDEX outbox_delivery_due ON outbox_delivery (destination, state, due_at)
  WHERE state IN ('blocked','queued','claimed','sending','retry','pending');
CREATE INDEX outbox_delivery_held ON outbox_delivery (hold_cause, destination) WHERE state = 'held';
CREATE INDEX outbox_delivery_children ON outbox_delivery (after_id) WHERE state = 'blocked';
CREATE INDEX outbox_delivery_deadline ON outbox_delivery (deadline_at)
  WHERE deadline_at IS NOT NULL AND exposed_at IS NULL AND state IN ('blocked','queued','retry','held');
CREATE INDEX outbox_delivery_unknown ON outbox_delivery (outbox_id) WHERE result = 'unknown';

-- One row per exchange; a run of identical polls is one row with a count.
CREATE TABLE outbox_attempt (
  outbox_id   INTEGER NOT NULL,
  n           INTEGER NOT NULL,
  phase       TEXT NOT NULL CHECK (phase IN ('submit','poll','lookup')),
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL,
  evidence    TEXT NOT NULL CHECK (evidence IN ('unsent','maybe_sent','answered')),
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
              CHECK (result IN ('succeeded','failed','expired','canceled','invalid','unknown')),
  http_status INTEGER,
  body        BLOB,
  reason      TEXT,
  finished_at INTEGER NOT NULL,
  revision    INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX outbox_result_finished ON outbox_result (finished_at);

-- Requests of the operator. outboxd answers in the same row.
CREATE TABLE outbox_control (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  command     TEXT NOT NULL,
  outbox_id   INTEGER,
  destination TEXT,
  argument    TEXT,
  key_mode    TEXT CHECK (key_mode IN ('same','new')),
  text        TEXT,
  created_by  TEXT,
  created_at  INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)),
  status      TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open','done','refused')),
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
