-- What a later version may want of its tables: a column more (filled for the rows that are there), a table more, an index
-- replaced, a table built anew because its CHECK has to change.

ALTER TABLE outbox_delivery ADD COLUMN weight INTEGER NOT NULL DEFAULT 7;
UPDATE outbox_delivery SET weight = 1 WHERE state = 'done';

CREATE TABLE outbox_note (
  outbox_id INTEGER NOT NULL,
  note      TEXT NOT NULL,
  PRIMARY KEY (outbox_id, note)
) WITHOUT ROWID;
INSERT INTO outbox_note SELECT outbox_id, 'kept from an earlier version' FROM outbox_result;

DROP INDEX outbox_result_finished;
CREATE INDEX outbox_result_finished ON outbox_result (finished_at, result);

CREATE TABLE outbox_attempt_new (
  outbox_id   INTEGER NOT NULL,
  n           INTEGER NOT NULL,
  phase       TEXT NOT NULL CHECK (phase = 'submit' OR phase = 'poll' OR phase = 'lookup' OR phase = 'login'),
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL,
  evidence    TEXT NOT NULL CHECK (evidence = 'unsent' OR evidence = 'maybe_sent' OR evidence = 'answered'),
  http_status INTEGER,
  error       TEXT,
  rule        TEXT,
  count       INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (outbox_id, n)
) WITHOUT ROWID;
INSERT INTO outbox_attempt_new SELECT * FROM outbox_attempt;
DROP TABLE outbox_attempt;
ALTER TABLE outbox_attempt_new RENAME TO outbox_attempt;
