
-- A view of the next version.
DROP VIEW IF EXISTS outbox_weights;
CREATE VIEW outbox_weights AS
SELECT weight, count(*) AS deliveries FROM outbox_delivery GROUP BY weight;
