.bail on
.timeout 5000
BEGIN IMMEDIATE;
INSERT INTO outbox (destination, operation, reference, body) VALUES ('vrio', 'order', 'order-1006',
  '{"connection_id":1,"connection_order_id":"order-1006","bill_lname":"Fermat","action":"process","total":"17.00"}');
INSERT INTO orders VALUES ('order-1006', 'Pierre', 'A wide margin', 1700, last_insert_rowid());
COMMIT;
