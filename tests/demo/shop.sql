-- The merchant's own schema. outboxd knows nothing of it.
PRAGMA journal_mode = WAL;
CREATE TABLE orders (
  number    TEXT PRIMARY KEY,
  customer  TEXT NOT NULL,
  item      TEXT NOT NULL,
  cents     INTEGER NOT NULL,
  outbox_id INTEGER          -- where to look for the answer
);
