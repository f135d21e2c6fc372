-- Every SQL statement of outboxd, by name. Only src/edge/store*.c use them.

-- name: setup
-- Run once on every connection; journal_mode and synchronous are read back afterwards.
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA foreign_keys = OFF;
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
PRAGMA mmap_size = 0;
PRAGMA journal_size_limit = 67108864;
PRAGMA synchronous = FULL;

-- name: journal_mode
PRAGMA journal_mode;

-- name: turn_wal_on
PRAGMA journal_mode = WAL;

-- name: synchronous
PRAGMA synchronous;

-- name: sync_in_commit
PRAGMA synchronous = FULL;

-- name: sync_after_commit
PRAGMA synchronous = NORMAL;

-- name: data_version
PRAGMA data_version;

-- name: begin
BEGIN IMMEDIATE;

-- name: begin_reading
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: row_begin
SAVEPOINT outboxd_row;

-- name: row_commit
RELEASE outboxd_row;

-- name: row_rollback
ROLLBACK TO outboxd_row;

-- name: encoding
PRAGMA encoding;

-- name: has_meta
SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'outbox_meta';

-- name: foreign_names
-- What has one of our names before init: it is not ours, and must be neither used nor dropped.
SELECT type, name FROM sqlite_schema WHERE lower(name) IN (
  'outbox','outbox_delivery','outbox_delivery_reference','outbox_delivery_key','outbox_delivery_due',
  'outbox_delivery_held','outbox_delivery_children','outbox_delivery_deadline','outbox_delivery_unknown',
  'outbox_attempt','outbox_result','outbox_result_finished','outbox_control','outbox_control_open',
  'outbox_destination','outbox_meta','outbox_insert','outbox_update','outbox_delete','outbox_deleted',
  'outbox_delivery_insert_guard','outbox_delivery_update_guard','outbox_delivery_delete_guard',
  'outbox_result_insert_guard','outbox_result_update_guard','outbox_result_delete_guard',
  'outbox_control_insert_guard','outbox_control_update_guard','outbox_control_delete_guard','outbox_status',
  'outbox_stuck','outbox_health')
ORDER BY name;

-- name: foreign_parts
-- The merchant's own triggers and indexes on our tables: whatever rebuilds a table or replaces a view must put them back.
-- Names that begin with outbox_ are ours, of whatever version.
SELECT type, name, sql FROM sqlite_schema
WHERE type IN ('trigger','index') AND sql IS NOT NULL AND lower(name) NOT LIKE 'outbox\_%' ESCAPE '\'
AND lower(tbl_name) IN ('outbox','outbox_delivery','outbox_attempt','outbox_result','outbox_control',
  'outbox_destination','outbox_meta','outbox_status','outbox_stuck','outbox_health')
ORDER BY rowid;

-- name: has_part
SELECT count(*) FROM sqlite_schema WHERE type = ?1 AND name = ?2;

-- name: meta_get
SELECT value FROM outbox_meta WHERE name = ?1;

-- name: meta_set
INSERT INTO outbox_meta (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: identity
SELECT (SELECT value FROM outbox_meta WHERE name = 'database_id'),
       (SELECT value FROM outbox_meta WHERE name = 'epoch'),
       (SELECT value FROM outbox_meta WHERE name = 'write_counter');

-- name: count_write
UPDATE outbox_meta SET value = value + 1 WHERE name = 'write_counter';

-- name: outbox_id_max
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0);

-- name: newest
-- Moves with each row that is added to outbox or outbox_control, unless its id was chosen by hand.
SELECT total(seq) FROM sqlite_sequence WHERE name = 'outbox' OR name = 'outbox_control';

-- name: raise_sequence
UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'outbox';

-- name: add_sequence
INSERT INTO sqlite_sequence (name, seq)
SELECT 'outbox', ?1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox');

-- name: foreign_triggers
-- Triggers on our tables that are not ours: they do not run in outboxd's connection.
SELECT name, tbl_name FROM sqlite_schema
WHERE type = 'trigger' AND lower(tbl_name) IN ('outbox','outbox_delivery','outbox_attempt','outbox_result','outbox_control',
  'outbox_destination','outbox_meta','outbox_status','outbox_stuck','outbox_health')
AND name NOT IN (
  'outbox_insert','outbox_update','outbox_delete','outbox_deleted','outbox_delivery_insert_guard',
  'outbox_delivery_update_guard','outbox_delivery_delete_guard','outbox_result_insert_guard',
  'outbox_result_update_guard','outbox_result_delete_guard','outbox_control_insert_guard',
  'outbox_control_update_guard','outbox_control_delete_guard');

-- name: due
-- The next rows of a destination in one state that are due, oldest first. ?5 = 0: exposed ones wait (the time is not trusted).
-- A body of more than ?6 bytes is not read. (length() of a text counts its characters one by one; of a BLOB it reads none.)
SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.resume_state, d.hold_cause, d.result,
  d.due_at, d.eligible_at, d.deadline_at, d.exposed_at, d.exposed_before, d.started_at,
  d.attempts, d.polls, d.failures, d.generation, d.kind,
  d.method, d.url, d.key_header, d.idempotency_key, d.request_hash, d.fetch_url, d.reason, d.after_id, d.created_at,
  o.not_before, o.id IS NOT NULL, o.path, o.headers, o.content_type, o.idempotency_key,
  (o.body IS NOT NULL) * (?6 + 1),
  CASE WHEN CASE typeof(o.body) WHEN 'blob' THEN length(o.body) ELSE length(CAST(o.body AS BLOB)) END <= ?6 THEN o.body END
FROM outbox_delivery d LEFT JOIN outbox o ON o.id = d.outbox_id
WHERE d.open = 1
  AND d.destination = ?1 AND d.state = ?2 AND d.due_at <= ?3 AND (?5 OR d.exposed_at IS NULL)
ORDER BY d.due_at LIMIT ?4;

-- name: row
SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.resume_state, d.hold_cause, d.result,
  d.due_at, d.eligible_at, d.deadline_at, d.exposed_at, d.exposed_before, d.started_at,
  d.attempts, d.polls, d.failures, d.generation, d.kind,
  d.method, d.url, d.key_header, d.idempotency_key, d.request_hash, d.fetch_url, d.reason, d.after_id, d.created_at,
  o.not_before, o.id IS NOT NULL, o.path, o.headers, o.content_type, o.idempotency_key,
  (o.body IS NOT NULL) * (?2 + 1),
  CASE WHEN CASE typeof(o.body) WHEN 'blob' THEN length(o.body) ELSE length(CAST(o.body AS BLOB)) END <= ?2 THEN o.body END
FROM outbox_delivery d LEFT JOIN outbox o ON o.id = d.outbox_id
WHERE d.outbox_id = ?1;

-- name: next_due
-- When the first row of a destination in one state is due.
SELECT due_at FROM outbox_delivery
WHERE open = 1
  AND destination = ?1 AND state = ?2 AND due_at IS NOT NULL AND (?3 OR exposed_at IS NULL)
ORDER BY due_at LIMIT 1;

-- name: next_destination
-- Steps through the names of destinations that have open rows.
SELECT destination FROM outbox_delivery
WHERE open = 1 AND destination > ?1
ORDER BY destination LIMIT 1;

-- name: in_state
-- Ids of open rows in one state, for recovery and for bulk requests; in steps.
SELECT outbox_id FROM outbox_delivery
WHERE open = 1
  AND destination = ?1 AND state = ?2 AND outbox_id > ?3
ORDER BY outbox_id LIMIT ?4;

-- name: in_flight
-- What a dead daemon left: claimed and sending rows, and pending ones whose poll was under way.
SELECT outbox_id FROM outbox_delivery
WHERE open = 1
  AND destination = ?1 AND state = ?2 AND due_at IS NULL AND outbox_id > ?3
ORDER BY outbox_id LIMIT ?4;

-- name: open_at
-- Open rows of a destination in one state, up to an id.
SELECT outbox_id FROM outbox_delivery WHERE open = 1 AND destination = ?1 AND state = ?2 AND outbox_id <= ?3
ORDER BY outbox_id LIMIT ?4;

-- name: held_at
SELECT outbox_id FROM outbox_delivery WHERE state = 'held' AND destination = ?1 AND outbox_id <= ?2
ORDER BY outbox_id LIMIT ?3;

-- name: unknown_at
SELECT outbox_id FROM outbox_delivery WHERE result = 'unknown' AND destination = ?1 AND outbox_id <= ?2
ORDER BY outbox_id LIMIT ?3;

-- name: held_by
SELECT outbox_id FROM outbox_delivery WHERE state = 'held' AND hold_cause = ?1 AND outbox_id > ?2
ORDER BY outbox_id LIMIT ?3;

-- name: past_deadline
-- Never sent, and too late to send. (A restored row may have been sent in the time that is missing.)
SELECT outbox_id FROM outbox_delivery
WHERE deadline_at IS NOT NULL AND exposed_at IS NULL AND state <> 'claimed' AND state <> 'sending'
  AND deadline_at <= ?1 AND fetch_url IS NULL AND hold_cause IS NOT 'restored' ORDER BY deadline_at LIMIT ?2;

-- name: next_deadline
SELECT min(deadline_at) FROM outbox_delivery
WHERE deadline_at IS NOT NULL AND exposed_at IS NULL AND state <> 'claimed' AND state <> 'sending'
  AND fetch_url IS NULL AND hold_cause IS NOT 'restored';

-- name: bring_forward
-- Nothing waits longer than ?2 because a clock was wrong once (not_before is the app's own word).
-- INDEXED BY: after an ANALYZE of a nearly empty outbox, SQLite 3.46 would rather read all that ever was.
UPDATE outbox_delivery INDEXED BY outbox_delivery_due SET due_at = ?2
WHERE open = 1
  AND destination = ?1 AND state IN ('queued','retry','pending') AND due_at > ?2
  AND (attempts > 0 OR due_at > eligible_at);

-- name: shorten_polling
-- Nothing is polled beyond ?2 because a clock was wrong once.
UPDATE outbox_delivery SET deadline_at = ?2
WHERE open = 1 AND destination = ?1 AND state = 'pending' AND deadline_at > ?2;

-- name: move
UPDATE outbox_delivery SET state = ?3, open = (?3 <> 'done' AND ?3 <> 'held'), resume_state = ?4, hold_cause = ?5, result = ?6, reason = ?7,
  due_at = ?8, eligible_at = ?9, deadline_at = ?10, exposed_at = ?11, exposed_before = ?12, started_at = ?13,
  attempts = ?14, polls = ?15, failures = ?16, generation = ?17, fetch_url = ?18
WHERE outbox_id = ?1 AND state = ?2;

-- name: first_claim
-- The same, and what every attempt will have in common.
UPDATE outbox_delivery SET state = ?3, open = (?3 <> 'done' AND ?3 <> 'held'), resume_state = ?4, hold_cause = ?5, result = ?6, reason = ?7,
  due_at = ?8, eligible_at = ?9, deadline_at = ?10, exposed_at = ?11, exposed_before = ?12, started_at = ?13,
  attempts = ?14, polls = ?15, failures = ?16, generation = ?17, fetch_url = ?18,
  kind = ?19, method = ?20, url = ?21, key_header = ?22, idempotency_key = ?23, own_key = ?24, request_hash = ?25, room = NULL
WHERE outbox_id = ?1 AND state = ?2;

-- name: thaw
UPDATE outbox_delivery SET kind = NULL, method = NULL, url = NULL, key_header = NULL, idempotency_key = NULL,
  own_key = 0, request_hash = NULL
WHERE outbox_id = ?1;

-- name: key_owner
SELECT outbox_id FROM outbox_delivery WHERE own_key = 1 AND destination = ?1 AND idempotency_key = ?2;

-- name: parent
SELECT p.state, p.result, p.reason FROM outbox_delivery p WHERE p.outbox_id = ?1;

-- name: any_children
SELECT EXISTS (SELECT 1 FROM outbox_delivery WHERE state = 'blocked');

-- name: wake_children
UPDATE outbox_delivery SET due_at = 0 WHERE state = 'blocked' AND after_id = ?1;

-- name: sleep_child
UPDATE outbox_delivery SET due_at = NULL WHERE outbox_id = ?1 AND state = 'blocked';

-- name: attempt
INSERT INTO outbox_attempt (outbox_id, n, phase, started_at, ended_at, evidence, http_status, error, rule)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (outbox_id, n) DO UPDATE SET ended_at = excluded.ended_at, count = count + 1;

-- name: last_attempt
SELECT n, phase, evidence, http_status, rule FROM outbox_attempt WHERE outbox_id = ?1 ORDER BY n DESC LIMIT 1;

-- name: same_rule
-- Submits of this round (an operator's retry begins a new one).
SELECT coalesce(sum(count), 0), min(started_at) FROM outbox_attempt
WHERE outbox_id = ?1 AND phase = ?2 AND rule = ?3 AND started_at >= ?4;

-- name: same_run
-- Polls in a row: a stray failure hours ago says nothing of today.
SELECT coalesce(sum(count), 0), min(started_at) FROM outbox_attempt
WHERE outbox_id = ?1 AND phase = ?2 AND rule = ?3 AND started_at >= ?4
  AND n > coalesce((SELECT max(n) FROM outbox_attempt WHERE outbox_id = ?1 AND rule IS NOT ?3), 0);

-- name: last_rule
SELECT rule = ?2 AND ended_at >= ?3 FROM outbox_attempt WHERE outbox_id = ?1 ORDER BY n DESC LIMIT 1;

-- name: result
INSERT INTO outbox_result (outbox_id, result, http_status, body, reason, finished_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (outbox_id) DO UPDATE SET result = excluded.result, http_status = excluded.http_status,
  body = excluded.body, reason = excluded.reason, finished_at = excluded.finished_at, revision = revision + 1;

-- name: result_withdrawn
-- An operator resubmits: the row is open again, the result says nothing more until it is settled.
UPDATE outbox_result SET result = 'unknown', reason = ?2, revision = revision + 1 WHERE outbox_id = ?1;

-- name: erase_body
UPDATE outbox SET body = NULL WHERE id = ?1;

-- name: control_open
SELECT id, command, outbox_id, destination, argument, key_mode, text, created_by, state, count FROM outbox_control
WHERE status = 'open' AND id > ?2 ORDER BY id LIMIT ?1;

-- name: control_any
SELECT 1 FROM outbox_control WHERE status = 'open' LIMIT 1;

-- name: control_answer
UPDATE outbox_control SET status = ?2, answer = ?3, done_at = ?4 WHERE id = ?1 AND status = 'open';

-- name: control_insert
INSERT INTO outbox_control (command, outbox_id, destination, argument, key_mode, text, created_by, state, count)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: control_read
SELECT status, answer FROM outbox_control WHERE id = ?1;

-- name: destination_hold
INSERT INTO outbox_destination (destination, held, cause, reason, since) VALUES (?1, 1, ?2, ?3, ?4)
ON CONFLICT (destination) DO UPDATE SET held = 1, cause = excluded.cause, reason = excluded.reason,
  since = CASE WHEN held THEN since ELSE excluded.since END;

-- name: destination_release
UPDATE outbox_destination SET held = 0, released_at = ?2 WHERE destination = ?1 AND held;

-- name: destinations
SELECT destination, held, cause, reason, since, released_at FROM outbox_destination ORDER BY destination;

-- name: purge_next
-- What finished after (?1, ?2) and not after ?3, and whether there is something to purge. Results are kept for ever: without a
-- place to go on from, each look would pass by all that were purged before.
SELECT r.finished_at, r.outbox_id,
  r.result <> 'unknown' AND EXISTS (SELECT 1 FROM outbox o WHERE o.id = r.outbox_id)
FROM outbox_result r
WHERE r.finished_at >= ?1 AND (r.finished_at, r.outbox_id) > (?1, ?2) AND r.finished_at <= ?3
ORDER BY r.finished_at, r.outbox_id LIMIT ?4;

-- name: auto_vacuum
PRAGMA auto_vacuum;

-- name: free_pages
PRAGMA freelist_count;

-- name: incremental_vacuum
PRAGMA incremental_vacuum(64);

-- name: make_incremental
-- Only of use before the first table is created.
PRAGMA auto_vacuum = INCREMENTAL;

-- name: purge_outbox
DELETE FROM outbox WHERE id = ?1;

-- name: purge_attempts
DELETE FROM outbox_attempt WHERE outbox_id = ?1;

-- name: status_counts
-- A backlog is counted in its index; the oldest due row of each state is looked up.
SELECT g.destination, g.state, g.n,
  (SELECT max(f.due_at, f.eligible_at) FROM outbox_delivery f
    WHERE f.open = 1
      AND f.destination = g.destination AND f.state = g.state AND f.due_at IS NOT NULL
    ORDER BY f.due_at LIMIT 1)
FROM (SELECT destination, state, count(*) AS n FROM outbox_delivery
  WHERE open = 1 GROUP BY destination, state) AS g
UNION ALL
SELECT destination, 'held', count(*), NULL FROM outbox_delivery WHERE state = 'held' GROUP BY destination
UNION ALL
SELECT destination, 'unknown', count(*), NULL FROM outbox_delivery WHERE result = 'unknown' GROUP BY destination;

-- name: finished_since
-- The newest results, newest first; the limit bounds what a look costs, whatever the size of the history.
SELECT d.destination, r.result, d.eligible_at, r.finished_at, d.attempts,
  (SELECT a.ended_at - a.started_at FROM outbox_attempt a
    WHERE a.outbox_id = r.outbox_id AND a.phase = 'submit' AND a.evidence = 'answered' ORDER BY a.n DESC LIMIT 1)
FROM outbox_result r JOIN outbox_delivery d ON d.outbox_id = r.outbox_id
WHERE r.finished_at >= ?1 ORDER BY r.finished_at DESC LIMIT ?2;

-- name: stuck
-- Without the rows of destinations that are held as a whole: those are counted elsewhere, and may be many.
SELECT id, destination, operation, reference, state, result, reason, advice, since, cause FROM outbox_stuck
WHERE cause <> 'destination' LIMIT ?1;

-- name: stuck_counts
SELECT cause, count(*) FROM outbox_stuck WHERE cause <> 'destination' GROUP BY cause;

-- name: finished
SELECT d.state, r.result, r.http_status, r.reason, r.finished_at
FROM outbox_delivery d LEFT JOIN outbox_result r ON r.outbox_id = d.outbox_id AND d.state = 'done'
WHERE d.outbox_id = ?1;

-- name: status_attempts
SELECT n, phase, started_at, ended_at, evidence, http_status, error, rule, count FROM outbox_attempt
WHERE outbox_id = ?1 ORDER BY n;

-- name: status_result
SELECT result, http_status, length(body), reason, finished_at, revision FROM outbox_result WHERE outbox_id = ?1;

-- name: health
SELECT status, heartbeat_age_s, oldest_due_age_s, mode_reason, last_error, unknown, held_rows FROM outbox_health;

-- name: report_attempts
-- Exchanges since ?1 by destination and slot of ?2 ms: how many, and how many failed at the gateway or on the way.
SELECT destination, (started_at - ?1) / ?2 AS slot, sum(count),
  sum(CASE WHEN evidence <> 'answered' OR http_status >= 500 THEN count ELSE 0 END)
FROM (SELECT d.destination, a.started_at, a.evidence, a.http_status, a.count
    FROM outbox_result r JOIN outbox_delivery d ON d.outbox_id = r.outbox_id
    JOIN outbox_attempt a ON a.outbox_id = r.outbox_id
    WHERE r.finished_at >= ?1 AND d.open = 0
  UNION ALL
  SELECT d.destination, a.started_at, a.evidence, a.http_status, a.count
    FROM outbox_delivery d JOIN outbox_attempt a ON a.outbox_id = d.outbox_id WHERE d.open = 1
  UNION ALL
  SELECT d.destination, a.started_at, a.evidence, a.http_status, a.count
    FROM outbox_delivery d JOIN outbox_attempt a ON a.outbox_id = d.outbox_id WHERE d.state = 'held')
WHERE started_at >= ?1 GROUP BY destination, slot;

-- name: report_decisions
SELECT created_at, created_by, command, outbox_id, destination, argument, text, status, answer FROM outbox_control
WHERE created_at >= ?1 ORDER BY id DESC LIMIT ?2;
