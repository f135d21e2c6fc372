-- report.sql - joins outbox_status with what the gateways wrote down. Run in a database of its own, beside shop.db.
.bail on
.timeout 5000
ATTACH 'shop.db' AS shop;
DROP TABLE IF EXISTS effect_lines;
DROP TABLE IF EXISTS request_lines;
DROP TABLE IF EXISTS report;
DROP TABLE IF EXISTS summary;
DROP TABLE IF EXISTS wrong;
CREATE TABLE effect_lines (line TEXT);
CREATE TABLE request_lines (line TEXT);
.mode ascii
.separator "\036" "\n"
.import effects.jsonl effect_lines
.import requests.jsonl request_lines
.mode list

-- One line per outbox row: what outboxd says, and what the gateway saw of it.
CREATE TABLE report AS
WITH effect AS (
  SELECT json_extract(line, '$.gateway') AS gateway, json_extract(line, '$.operation') AS operation,
    json_extract(line, '$.reference') AS reference FROM effect_lines),
request AS (
  SELECT json_extract(line, '$.gateway') AS gateway, json_extract(line, '$.target') AS target,
    json_extract(line, '$.reference') AS reference, json_extract(line, '$.phase') AS phase,
    json_extract(line, '$.sha256') AS sha256 FROM request_lines)
SELECT s.id, s.reference, s.destination, s.operation, s.state, s.result, s.reason, s.attempts, s.polls,
  d.kind, d.after_id,
  (SELECT count(*) FROM effect e WHERE e.gateway = s.destination AND e.operation = s.operation
    AND e.reference = s.reference) AS effects,
  (SELECT count(*) FROM request r WHERE r.gateway = s.destination AND r.reference = s.reference
    AND r.phase = 'submit' AND d.url LIKE '%' || r.target) AS posts,
  (SELECT count(DISTINCT sha256) FROM request r WHERE r.gateway = s.destination AND r.reference = s.reference
    AND r.phase = 'submit' AND d.url LIKE '%' || r.target) AS different,
  (SELECT count(*) FROM request r WHERE r.gateway = s.destination AND r.reference = s.reference
    AND r.phase = 'poll') AS gets,
  '' AS story
FROM shop.outbox_status s JOIN shop.outbox_delivery d ON d.outbox_id = s.id;

UPDATE report SET story = CASE
  WHEN result = 'unknown' THEN 'POST once, the answer was lost. The gateway has no keys: never sent again, a person decides.'
  WHEN result = 'failed' THEN 'The gateway said no (' || reason || '). A final answer; nothing happened.'
  WHEN gets > 0 THEN 'POST once; then asked ' || gets || ' times at the fetch URL, before the kill and after it.'
  WHEN posts > 1 THEN 'POST ' || posts || ' times, but under one key and with the same bytes: the gateway repeated its first answer.'
  WHEN after_id IS NOT NULL THEN 'Waited for its authorize to succeed, across the kill; then sent once.'
  ELSE 'Sold while outboxd was dead; sent once when it was back.' END;

-- What must not be. From the logs, whatever outboxd thinks.
CREATE TABLE wrong AS
SELECT reference || ' ' || operation || ': DOUBLED, ' || effects || ' effects' AS what FROM report WHERE effects > 1
UNION ALL
SELECT reference || ' ' || operation || ': succeeded, but no effect at the gateway: MISSING'
  FROM report WHERE result = 'succeeded' AND effects = 0
UNION ALL
SELECT reference || ' ' || operation || ': ' || result || ', but the gateway has an effect'
  FROM report WHERE result NOT IN ('succeeded', 'unknown') AND effects > 0
UNION ALL
SELECT reference || ' ' || operation || ': no result' FROM report WHERE result IS NULL
UNION ALL
SELECT reference || ' ' || operation || ': sent ' || posts || ' times to a gateway without keys'
  FROM report WHERE kind = 'keyless' AND posts > 1
UNION ALL
SELECT reference || ' ' || operation || ': finished, but never sent' FROM report
  WHERE result IN ('succeeded', 'unknown', 'failed') AND posts = 0
UNION ALL
SELECT reference || ' ' || operation || ': ' || different || ' different requests under one order'
  FROM report WHERE different > 1
UNION ALL
SELECT o.number || ': an order without its outbox row' FROM shop.orders o
  WHERE NOT EXISTS (SELECT 1 FROM report r WHERE r.id = o.outbox_id AND r.reference = o.number)
UNION ALL
SELECT json_extract(line, '$.reference') || ': an effect that nobody ordered' FROM effect_lines
  WHERE json_extract(line, '$.reference') NOT IN (SELECT reference FROM report)
UNION ALL
SELECT 'the story went another way: ' || reference || ' ' || operation || ' is ' || result FROM report
  WHERE (reference = 'order-1004') <> (result = 'failed') OR (reference = 'order-1005' AND result NOT IN ('unknown', 'succeeded'))
  OR (reference <> 'order-1005' AND result = 'unknown')
UNION ALL
SELECT 'the story has ' || count(*) || ' rows, not 7' FROM report HAVING count(*) <> 7;

CREATE TABLE summary AS
SELECT count(*) || ' outbox rows: ' || sum(result = 'succeeded') || ' succeeded, ' || sum(result = 'failed') || ' failed, '
  || sum(result = 'unknown') || ' unknown; ' || (SELECT count(*) FROM effect_lines) || ' effects at the gateways, '
  || sum(effects > 1) || ' doubled, ' || sum(result = 'succeeded' AND effects = 0) || ' missing.' AS line FROM report;

.mode column
.headers on
SELECT reference, destination, operation, result, posts AS POSTs, gets AS GETs, effects,
  CASE WHEN effects > 1 THEN 'DOUBLED' WHEN result = 'succeeded' AND effects = 1 THEN 'exactly once'
    WHEN result = 'unknown' THEN 'once, or not at all' WHEN effects = 0 AND result <> 'succeeded' THEN 'nothing happened'
    ELSE 'WRONG' END AS verdict
FROM report ORDER BY id;
