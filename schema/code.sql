-- Triggers and views. They hold no data: every upgrade drops and creates them anew.
--
-- The triggers speak to the app and the operator. outboxd's own connection runs with triggers switched off, so
-- that nothing in the merchant's schema can stop it. Old SQLite (3.26) must be able to read all of this.

DROP TRIGGER IF EXISTS outbox_insert;
CREATE TRIGGER outbox_insert AFTER INSERT ON outbox BEGIN
  SELECT RAISE(ABORT, 'outbox: this id was used before; leave id out, rows of outbox are never replaced')
    WHERE EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.id);
  SELECT RAISE(ABORT, 'outbox: this reference was already used for this destination and operation; read its result in outbox_status')
    WHERE NEW.reference IS NOT NULL AND EXISTS (SELECT 1 FROM outbox_delivery
      -- As TEXT or as BLOB: the same bytes are the same name, and give the same key.
      WHERE destination = NEW.destination
        AND operation IN (CAST(NEW.operation AS TEXT), CAST(NEW.operation AS BLOB))
        AND reference IN (CAST(NEW.reference AS TEXT), CAST(NEW.reference AS BLOB)));
  SELECT RAISE(ABORT, 'outbox: after_id names no row of outbox')
    WHERE NEW.after_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.after_id);
  INSERT INTO outbox_delivery (outbox_id, destination, operation, reference, after_id, created_at, state,
                               due_at, eligible_at, deadline_at, room)
  SELECT NEW.id, NEW.destination, NEW.operation, NEW.reference, NEW.after_id, NEW.created_at,
    CASE WHEN NEW.after_id IS NULL OR EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.after_id
                AND result = 'succeeded' AND coalesce(reason, '') <> 'action_required')
      THEN 'queued' ELSE 'blocked' END,
    CASE WHEN NEW.after_id IS NULL OR EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.after_id
                AND state = 'done') THEN coalesce(NEW.not_before, 0) END,
    max(coalesce(NEW.not_before, 0), CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)),
    NEW.expires_at,
    -- What the first claim writes: method, URL, key and its header, hash, two times; and the result's word.
    zeroblob(150 + min(coalesce(length(NEW.path), 30), 500));
END;

DROP TRIGGER IF EXISTS outbox_update;
CREATE TRIGGER outbox_update BEFORE UPDATE ON outbox
WHEN NOT (
  (NEW.body IS NULL OR length(NEW.body) = 0)
  AND EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = OLD.id AND state = 'done' AND result <> 'unknown')
  AND NEW.id IS OLD.id AND NEW.destination IS OLD.destination AND NEW.operation IS OLD.operation
  AND NEW.path IS OLD.path AND NEW.headers IS OLD.headers AND NEW.content_type IS OLD.content_type
  AND NEW.reference IS OLD.reference AND NEW.idempotency_key IS OLD.idempotency_key
  AND NEW.after_id IS OLD.after_id AND NEW.not_before IS OLD.not_before
  AND NEW.expires_at IS OLD.expires_at AND NEW.created_at IS OLD.created_at)
BEGIN
  SELECT RAISE(ABORT, 'outbox: rows are never changed (only body may be blanked once there is a result other than unknown); to stop one insert a cancel into outbox_control');
END;

DROP TRIGGER IF EXISTS outbox_delete;
CREATE TRIGGER outbox_delete BEFORE DELETE ON outbox
WHEN NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = OLD.id AND state = 'done' AND result <> 'unknown')
BEGIN
  SELECT RAISE(ABORT, 'outbox: this row has no final result yet and cannot be deleted; to stop it insert a cancel into outbox_control');
END;

DROP TRIGGER IF EXISTS outbox_deleted;
CREATE TRIGGER outbox_deleted AFTER DELETE ON outbox BEGIN
  DELETE FROM outbox_attempt WHERE outbox_id = OLD.id;
END;

DROP TRIGGER IF EXISTS outbox_delivery_insert_guard;
CREATE TRIGGER outbox_delivery_insert_guard BEFORE INSERT ON outbox_delivery
WHEN NEW.state NOT IN ('queued','blocked') OR NEW.request_hash IS NOT NULL
  OR NOT EXISTS (SELECT 1 FROM outbox WHERE id = NEW.outbox_id)
  OR EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.outbox_id)  -- INSERT OR REPLACE
BEGIN
  SELECT RAISE(ABORT, 'outbox_delivery is written by outboxd alone; insert into outbox');
END;

DROP TRIGGER IF EXISTS outbox_delivery_update_guard;
CREATE TRIGGER outbox_delivery_update_guard BEFORE UPDATE ON outbox_delivery BEGIN
  SELECT RAISE(ABORT, 'outbox_delivery is written by outboxd alone; insert a request into outbox_control');
END;

DROP TRIGGER IF EXISTS outbox_delivery_delete_guard;
CREATE TRIGGER outbox_delivery_delete_guard BEFORE DELETE ON outbox_delivery BEGIN
  SELECT RAISE(ABORT, 'outbox_delivery is written by outboxd alone; it remembers which references were used');
END;

DROP TRIGGER IF EXISTS outbox_result_insert_guard;
CREATE TRIGGER outbox_result_insert_guard BEFORE INSERT ON outbox_result BEGIN
  SELECT RAISE(ABORT, 'outbox_result is written by outboxd alone; to state a result insert a resolve into outbox_control');
END;

DROP TRIGGER IF EXISTS outbox_result_update_guard;
CREATE TRIGGER outbox_result_update_guard BEFORE UPDATE ON outbox_result BEGIN
  SELECT RAISE(ABORT, 'outbox_result is written by outboxd alone; results do not change, only unknown can be resolved by outbox_control');
END;

DROP TRIGGER IF EXISTS outbox_result_delete_guard;
CREATE TRIGGER outbox_result_delete_guard BEFORE DELETE ON outbox_result BEGIN
  SELECT RAISE(ABORT, 'outbox_result is written by outboxd alone; results are kept');
END;

DROP TRIGGER IF EXISTS outbox_control_insert_guard;
CREATE TRIGGER outbox_control_insert_guard BEFORE INSERT ON outbox_control
WHEN NEW.status <> 'open' OR NEW.answer IS NOT NULL OR NEW.done_at IS NOT NULL
  OR (NEW.id > 0 AND EXISTS (SELECT 1 FROM outbox_control WHERE id = NEW.id))  -- INSERT OR REPLACE
BEGIN
  SELECT RAISE(ABORT, 'outbox_control: leave out id, status, answer and done_at; outboxd answers in the same row');
END;

DROP TRIGGER IF EXISTS outbox_control_update_guard;
CREATE TRIGGER outbox_control_update_guard BEFORE UPDATE ON outbox_control BEGIN
  SELECT RAISE(ABORT, 'outbox_control: requests are not changed; insert another one');
END;

DROP TRIGGER IF EXISTS outbox_control_delete_guard;
CREATE TRIGGER outbox_control_delete_guard BEFORE DELETE ON outbox_control BEGIN
  SELECT RAISE(ABORT, 'outbox_control is the record of who decided what; it is kept');
END;

DROP VIEW IF EXISTS outbox_status;
CREATE VIEW outbox_status AS
SELECT d.outbox_id AS id, d.destination AS destination, d.operation AS operation, d.reference AS reference,
  d.state AS state, d.result AS result, r.http_status AS http_status,
  d.attempts AS attempts, d.polls AS polls, d.idempotency_key AS idempotency_key, d.fetch_url AS fetch_url,
  CASE WHEN d.state <> 'done' AND d.due_at > 0
    THEN strftime('%Y-%m-%dT%H:%M:%fZ', d.due_at / 1000.0, 'unixepoch') END AS next_at,
  d.reason AS reason,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.created_at / 1000.0, 'unixepoch') AS created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', r.finished_at / 1000.0, 'unixepoch') AS finished_at
FROM outbox_delivery d LEFT JOIN outbox_result r ON r.outbox_id = d.outbox_id;

-- cause: 'unknown', 'held', 'parent', 'destination', 'late'. To leave out the many rows of a held destination: WHERE cause <> 'destination'.
DROP VIEW IF EXISTS outbox_stuck;
CREATE VIEW outbox_stuck AS
SELECT id, destination, operation, reference, state, result, reason, advice,
  strftime('%Y-%m-%dT%H:%M:%fZ', since / 1000.0, 'unixepoch') AS since, cause
FROM (
  SELECT d.outbox_id AS id, d.destination AS destination, d.operation AS operation, d.reference AS reference,
    d.state AS state, d.result AS result, d.reason AS reason,
    'ask the gateway about this reference, then resolve or retry it' AS advice,
    coalesce(r.finished_at, d.eligible_at) AS since, 'unknown' AS cause
  FROM outbox_delivery d LEFT JOIN outbox_result r ON r.outbox_id = d.outbox_id
  WHERE d.result = 'unknown'
  UNION ALL
  SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.result, d.reason,
    CASE d.hold_cause WHEN 'configuration' THEN 'add it to the configuration and reload, or cancel the row'
      WHEN 'fetch_url' THEN 'if you know this host add it to fetch_origins, reload and release; else ask the gateway and resolve'
      WHEN 'operator' THEN 'release it when you are ready'
      WHEN 'restored' THEN 'the database was restored: ask the gateway, then release, resolve or retry'
      ELSE 'ask the gateway about this reference, then release or resolve it' END,
    coalesce(d.started_at, CASE WHEN d.eligible_at > CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)
      THEN d.created_at ELSE d.eligible_at END), 'held'
  FROM outbox_delivery d WHERE d.state = 'held'
  UNION ALL
  SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.result,
    'waits for outbox row ' || d.after_id || ', which is ' || p.result || coalesce(' (' || p.reason || ')', ''),
    'settle the row that it waits for, or cancel this one',
    CASE WHEN d.eligible_at > CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)
      THEN d.created_at ELSE d.eligible_at END, 'parent'
  FROM outbox_delivery d JOIN outbox_delivery p ON p.outbox_id = d.after_id
  WHERE d.state = 'blocked' AND p.state = 'done'
    AND (p.result = 'unknown' OR (p.result = 'succeeded' AND p.reason = 'action_required'))
  UNION ALL
  SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.result,
    'destination held: ' || h.reason,
    'cure the cause (see outbox_destination), then release the destination',
    coalesce(h.since, d.eligible_at), 'destination'
  FROM outbox_destination h JOIN outbox_delivery d ON d.destination = h.destination
  WHERE h.held AND d.open = 1
  UNION ALL
  -- Never sent, and past expires_at (its own index).
  SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.result,
    'past its deadline' || coalesce(': ' || d.reason, ''),
    'is outboxd running? see outbox_health',
    d.deadline_at, 'late'
  FROM outbox_delivery d
  WHERE d.deadline_at IS NOT NULL AND d.exposed_at IS NULL AND d.state <> 'held' AND d.fetch_url IS NULL
    AND d.deadline_at < CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) - 60000
    AND NOT EXISTS (SELECT 1 FROM outbox_destination h WHERE h.destination = d.destination AND h.held)
  UNION ALL
  -- Polled for longer than poll_deadline. The names are stepped through, so that a backlog of other rows costs nothing.
  SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.result,
    'past its deadline' || coalesce(': ' || d.reason, ''),
    'is outboxd running? see outbox_health',
    d.deadline_at, 'late'
  FROM (WITH RECURSIVE step (name) AS (
      SELECT min(destination) FROM outbox_delivery
      WHERE open = 1
      UNION ALL
      SELECT (SELECT min(destination) FROM outbox_delivery
        WHERE open = 1 AND destination > step.name)
      FROM step WHERE step.name IS NOT NULL)
    SELECT name FROM step WHERE name IS NOT NULL) AS names
  CROSS JOIN outbox_delivery d
  WHERE d.destination = names.name AND d.state = 'pending'
    AND d.open = 1
    AND d.deadline_at < CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) - 60000
    AND NOT EXISTS (SELECT 1 FROM outbox_destination h WHERE h.destination = d.destination AND h.held)
)
ORDER BY since;

-- One row. A backlog is counted in one pass over its index; the oldest due row of each state is looked up.
DROP VIEW IF EXISTS outbox_health;
CREATE VIEW outbox_health AS
SELECT
  CASE WHEN heartbeat_at IS NULL THEN 'never started'
    WHEN abs(now - heartbeat_at) > 60000 THEN 'silent'  -- also one of a clock that was ahead
    WHEN mode <> 'running' THEN mode
    WHEN held_rows + held_destinations + unknown > 0 THEN 'attention'
    ELSE 'running' END AS status,
  (now - heartbeat_at) / 1000.0 AS heartbeat_age_s,
  strftime('%Y-%m-%dT%H:%M:%fZ', heartbeat_at / 1000.0, 'unixepoch') AS heartbeat_at,
  CASE WHEN oldest_due < now THEN (now - oldest_due) / 1000.0 ELSE 0 END AS oldest_due_age_s,
  blocked, queued, in_flight, retry, pending, held_rows, unknown, held_destinations,
  mode_reason, last_error,
  strftime('%Y-%m-%dT%H:%M:%fZ', last_error_at / 1000.0, 'unixepoch') AS last_error_at
FROM (SELECT
    CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) AS now,
    (SELECT value FROM outbox_meta WHERE name = 'heartbeat_at') AS heartbeat_at,
    coalesce((SELECT value FROM outbox_meta WHERE name = 'mode'), 'running') AS mode,
    (SELECT value FROM outbox_meta WHERE name = 'mode_reason') AS mode_reason,
    (SELECT value FROM outbox_meta WHERE name = 'last_error') AS last_error,
    (SELECT value FROM outbox_meta WHERE name = 'last_error_at') AS last_error_at,
    (SELECT count(*) FROM outbox_delivery WHERE state = 'held') AS held_rows,
    (SELECT count(*) FROM outbox_delivery WHERE result = 'unknown') AS unknown,
    (SELECT count(*) FROM outbox_destination WHERE held) AS held_destinations),
  (SELECT
    coalesce(sum(CASE WHEN state = 'blocked' THEN n END), 0) AS blocked,
    coalesce(sum(CASE WHEN state = 'queued' THEN n END), 0) AS queued,
    coalesce(sum(CASE WHEN state IN ('claimed','sending') THEN n END), 0) AS in_flight,
    coalesce(sum(CASE WHEN state = 'retry' THEN n END), 0) AS retry,
    coalesce(sum(CASE WHEN state = 'pending' THEN n END), 0) AS pending,
    min(CASE WHEN state IN ('queued','retry','pending') THEN
      (SELECT max(f.due_at, f.eligible_at) FROM outbox_delivery f
        WHERE f.open = 1
          AND f.destination = g.destination AND f.state = g.state AND f.due_at IS NOT NULL
        ORDER BY f.due_at LIMIT 1) END) AS oldest_due
    FROM (SELECT destination, state, count(*) AS n FROM outbox_delivery
      WHERE open = 1
      GROUP BY destination, state) AS g);
