-- Five orders. last_insert_rowid() is the outbox row that was just inserted.
.bail on
.timeout 5000

-- order-1001: VRIO will need a while
BEGIN IMMEDIATE;
INSERT INTO outbox (destination, operation, reference, body) VALUES ('vrio', 'order', 'order-1001',
  '{"connection_id":1,"connection_order_id":"order-1001","bill_lname":"testlongrequest","action":"process","total":"49.00"}');
INSERT INTO orders VALUES ('order-1001', 'Ada', 'Vitamins, a year', 4900, last_insert_rowid());
COMMIT;

-- order-1002: a flight
BEGIN IMMEDIATE;
INSERT INTO outbox (destination, operation, reference, headers, body) VALUES ('travlinq', 'flight-book', 'order-1002',
  '{"conversationId":"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002"}', '{"offerId":"order-1002","passengers":1}');
INSERT INTO orders VALUES ('order-1002', 'Blaise', 'Lisbon and back', 18900, last_insert_rowid());
COMMIT;

-- order-1004: VRIO will decline it
BEGIN IMMEDIATE;
INSERT INTO outbox (destination, operation, reference, body) VALUES ('vrio', 'order', 'order-1004',
  '{"connection_id":1,"connection_order_id":"order-1004","bill_lname":"Dijkstra","action":"process","total":"9.50"}');
INSERT INTO orders VALUES ('order-1004', 'Edsger', 'Tea', 950, last_insert_rowid());
COMMIT;

-- order-1005: VRIO makes the order, and its answer is lost
BEGIN IMMEDIATE;
INSERT INTO outbox (destination, operation, reference, body) VALUES ('vrio', 'order', 'order-1005',
  '{"connection_id":1,"connection_order_id":"order-1005","bill_lname":"Euler","action":"process","total":"27.18"}');
INSERT INTO orders VALUES ('order-1005', 'Leonhard', 'Rope', 2718, last_insert_rowid());
COMMIT;

-- order-1003: authorize now, and capture once (and only if) that has succeeded
BEGIN IMMEDIATE;
INSERT INTO outbox (destination, operation, reference, body) VALUES ('riverty', 'authorize', 'order-1003',
  '{"order":{"number":"order-1003","totalGrossAmount":120.50}}');
INSERT INTO orders VALUES ('order-1003', 'Carl', 'Compass', 12050, last_insert_rowid());
INSERT INTO outbox (destination, operation, reference, path, body, after_id) VALUES ('riverty', 'capture', 'order-1003',
  '/api/v3/orders/order-1003/captures', '{"orderDetails":{"totalGrossAmount":120.50}}',
  (SELECT outbox_id FROM orders WHERE number = 'order-1003'));
COMMIT;
