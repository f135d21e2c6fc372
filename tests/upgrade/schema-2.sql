PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO outbox VALUES(1,'riverty','authorize',NULL,NULL,'{"order":{"number":"done-keyed","totalGrossAmount":10.10}}','application/json','done-keyed',NULL,NULL,NULL,NULL,1796074266852);
INSERT INTO outbox VALUES(2,'vrio','order',NULL,NULL,'{"connection_order_id":"done-keyless","action":"process"}','application/json','done-keyless',NULL,NULL,NULL,NULL,1796074266858);
INSERT INTO outbox VALUES(3,'travlinq','flight-book',NULL,'{"conversationId":"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002"}','{"offerId":"done-booked"}','application/json','done-booked',NULL,NULL,NULL,NULL,1796074266870);
INSERT INTO outbox VALUES(4,'generic','post','/generic/pay',NULL,'{"reference":"done-own-key"}','application/json','done-own-key','my-own-key-0001',NULL,NULL,NULL,1796074266951);
INSERT INTO outbox VALUES(5,'vrio','order',NULL,NULL,'{"connection_order_id":"done-polled","bill_lname":"testlongrequest"}','application/json','done-polled',NULL,NULL,NULL,NULL,1796074266958);
INSERT INTO outbox VALUES(6,'vrio','order',NULL,NULL,'{"connection_order_id":"failed","action":"process"}','application/json','failed',NULL,NULL,NULL,NULL,1796074266986);
INSERT INTO outbox VALUES(7,'riverty','authorize',NULL,NULL,'no JSON','application/json','invalid',NULL,NULL,NULL,NULL,1796074266994);
INSERT INTO outbox VALUES(8,'riverty','authorize',NULL,NULL,'{}','application/json','expired',NULL,NULL,NULL,1000,1796074266999);
INSERT INTO outbox VALUES(10,'vrio','order',NULL,NULL,'{"connection_order_id":"lost","action":"process"}','application/json','lost',NULL,NULL,NULL,NULL,1796074267154);
INSERT INTO outbox VALUES(11,'vrio','order',NULL,NULL,'{"connection_order_id":"resolved","action":"process"}','application/json','resolved',NULL,NULL,NULL,NULL,1796074267202);
INSERT INTO outbox VALUES(12,'vrio','order',NULL,NULL,'{"connection_order_id":"foreign","bill_lname":"testlongrequest"}','application/json','foreign',NULL,NULL,NULL,NULL,1796074267216);
INSERT INTO outbox VALUES(13,'paused','authorize',NULL,NULL,'{"order":{"number":"canceled","totalGrossAmount":10.10}}','application/json','canceled',NULL,NULL,NULL,NULL,1796074267248);
INSERT INTO outbox VALUES(14,'paused','authorize',NULL,NULL,'{"order":{"number":"held","totalGrossAmount":10.10}}','application/json','held',NULL,NULL,NULL,NULL,1796074267254);
INSERT INTO outbox VALUES(15,'paused','authorize',NULL,NULL,'{"order":{"number":"waiting","totalGrossAmount":10.10}}','application/json','waiting',NULL,NULL,NULL,NULL,1796074267258);
INSERT INTO outbox VALUES(16,'riverty','authorize',NULL,NULL,'{"order":{"number":"sending-keyed","totalGrossAmount":10.10}}','application/json','sending-keyed',NULL,NULL,NULL,NULL,1796074267486);
INSERT INTO outbox VALUES(17,'vrio','order',NULL,NULL,'{"connection_order_id":"sending-keyless","action":"process"}','application/json','sending-keyless',NULL,NULL,NULL,NULL,1796074267519);
INSERT INTO outbox VALUES(18,'generic','post','/generic/pay',NULL,'{"reference":"retry"}','application/json','retry',NULL,NULL,NULL,NULL,1796074267583);
INSERT INTO outbox VALUES(19,'vrio','order',NULL,NULL,'{"connection_order_id":"polled","action":"process"}','application/json','polled',NULL,NULL,NULL,NULL,1796074267627);
INSERT INTO outbox VALUES(20,'travlinq','flight-book',NULL,'{"conversationId":"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002"}','{"offerId":"slow-polled"}','application/json','slow-polled',NULL,NULL,NULL,NULL,1796074267695);
INSERT INTO outbox VALUES(21,'dead','order',NULL,NULL,'{"connection_order_id":"claimed","action":"process"}','application/json','claimed',NULL,NULL,NULL,NULL,1796074267731);
INSERT INTO outbox VALUES(22,'riverty','authorize',NULL,NULL,'{"order":{"number":"child","totalGrossAmount":10.10}}','application/json','child',NULL,19,NULL,NULL,1796074267811);
INSERT INTO outbox VALUES(23,'riverty','authorize',NULL,NULL,'{"order":{"number":"queued-keyed","totalGrossAmount":10.10}}','application/json','queued-keyed',NULL,NULL,NULL,NULL,1796074268412);
INSERT INTO outbox VALUES(24,'vrio','order',NULL,NULL,'{"connection_order_id":"queued-keyless","action":"process"}','application/json','queued-keyless',NULL,NULL,NULL,NULL,1796074268454);
INSERT INTO outbox VALUES(25,'riverty','authorize',NULL,NULL,'{"order":{"number":"queued-expires","totalGrossAmount":1.00}}','application/json','queued-expires',NULL,NULL,NULL,1796160668000,1796074268494);
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
  fetch_url       TEXT, room BLOB,
  CHECK ((state = 'done') = (result IS NOT NULL)),
  CHECK ((state = 'held') = (hold_cause IS NOT NULL)),
  CHECK (state <> 'pending' OR fetch_url IS NOT NULL),
  CHECK ((state <> 'claimed' AND state <> 'sending' AND state <> 'pending') OR request_hash IS NOT NULL)
);
INSERT INTO outbox_delivery VALUES(1,'riverty','authorize','done-keyed',NULL,1796074266852,'done',0,NULL,NULL,'succeeded',NULL,NULL,1796074266852,NULL,1796074266858,NULL,1796074266858,1,0,0,0,'keyed','POST','http://127.0.0.1:18470/api/v3/checkout/authorize','X-Idempotency-Key','c2edfeb7-d269-8a3f-b6e5-072bb97dc093',0,X'57f4a682eedbefa73d0bc863988ed2386db2350b7006e85e04915b8930b574be',NULL,NULL);
INSERT INTO outbox_delivery VALUES(2,'vrio','order','done-keyless',NULL,1796074266858,'done',0,NULL,NULL,'succeeded',NULL,NULL,1796074266858,NULL,1796074267021,NULL,1796074266964,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'ca14240fea70cb7e9833b2fed96df6d6ee7c457ebeb345f4c6493addd9c1a289',NULL,NULL);
INSERT INTO outbox_delivery VALUES(3,'travlinq','flight-book','done-booked',NULL,1796074266870,'done',0,NULL,NULL,'succeeded',NULL,NULL,1796074266870,NULL,1796074267060,NULL,1796074267058,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/api/v1/reservation/flight-book',NULL,NULL,0,X'01ff82af67693fd40c50c5a4943a449eff36f9028d12934194120d4296e3bc5e',NULL,NULL);
INSERT INTO outbox_delivery VALUES(4,'generic','post','done-own-key',NULL,1796074266951,'done',0,NULL,NULL,'succeeded',NULL,NULL,1796074266951,NULL,1796074266964,NULL,1796074266964,1,0,0,0,'keyed','POST','http://127.0.0.1:18470/generic/pay','Idempotency-Key','my-own-key-0001',1,X'2917c2da8205cd83c3ca0f174198c0de8a8a197660aa6bc024e2d9ba97a1bbd7',NULL,NULL);
INSERT INTO outbox_delivery VALUES(5,'vrio','order','done-polled',NULL,1796074266958,'done',0,NULL,NULL,'succeeded',NULL,NULL,1796074266958,NULL,1796074267029,NULL,1796074267120,1,3,2,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'ee6463c1b28360ec07d84b81633d7a7119a5ee345262d59a4f953a3cc9966894','http://127.0.0.1:18470/api_requests/374956c3-7843-4768-af77-d82c8167aabe',NULL);
INSERT INTO outbox_delivery VALUES(6,'vrio','order','failed',NULL,1796074266986,'done',0,NULL,NULL,'failed','declined',NULL,1796074266986,NULL,1796074267040,NULL,1796074267025,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'c50699fae6f38779ee0ed244434b58635bdb9470e497ae2928dadd50ac0f6b18',NULL,NULL);
INSERT INTO outbox_delivery VALUES(7,'riverty','authorize','invalid',NULL,1796074266994,'done',0,NULL,NULL,'invalid','body is not acceptable JSON: unexpected character',NULL,1796074266994,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(8,'riverty','authorize','expired',NULL,1796074266999,'done',0,NULL,NULL,'expired','expires_at passed before it could be sent',NULL,1796074266999,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(9,'riverty','authorize','deleted',NULL,1796074267007,'done',0,NULL,NULL,'succeeded',NULL,NULL,1796074267007,NULL,1796074267025,NULL,1796074267025,1,0,0,0,'keyed','POST','http://127.0.0.1:18470/api/v3/checkout/authorize','X-Idempotency-Key','7cd80e2e-825a-8764-9a01-6677fb813126',0,X'245f53cfd39a1dc861b00f9cde583a2930fb0fdd3c383aa1c47e0684611ef8f2',NULL,NULL);
INSERT INTO outbox_delivery VALUES(10,'vrio','order','lost',NULL,1796074267154,'done',0,NULL,NULL,'unknown','no complete answer: Empty reply from server',NULL,1796074267154,NULL,1796074267189,NULL,1796074267184,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'20670a1a3f6e87393d898b52fc5c5a19c9088336cddb5d8fe025ab042664362d',NULL,NULL);
INSERT INTO outbox_delivery VALUES(11,'vrio','order','resolved',NULL,1796074267202,'done',0,NULL,NULL,'succeeded','resolved by the operator: seen in the portal',NULL,1796074267202,NULL,1796074267229,NULL,1796074267216,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'370d3e0bef0aef2414760f82e686be2ae429a4bde61b93ede09e2fc13a92a13a',NULL,NULL);
INSERT INTO outbox_delivery VALUES(12,'vrio','order','foreign',NULL,1796074267216,'held',0,'pending','fetch_url',NULL,'the fetch URL points outside the destination and was not contacted; the gateway answered 200 (request-processing)',NULL,1796074267216,1796160667238,1796074267236,NULL,1796074267232,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'29a25727703aff29ec90e86f9c88f1499bdfa503fd2996147e0688011db39665','http://127.0.0.1:1/x',NULL);
INSERT INTO outbox_delivery VALUES(13,'paused','authorize','canceled',NULL,1796074267248,'done',0,NULL,NULL,'canceled','canceled by the operator',NULL,1796074267248,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(14,'paused','authorize','held',NULL,1796074267254,'held',0,'queued','operator',NULL,'held by the operator: is it a fraud?',NULL,1796074267254,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(15,'paused','authorize','waiting',NULL,1796074267258,'queued',1,NULL,NULL,NULL,NULL,0,1796074267258,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(16,'riverty','authorize','sending-keyed',NULL,1796074267486,'sending',1,NULL,NULL,NULL,NULL,NULL,1796074267486,NULL,1796074267989,NULL,1796074267989,1,0,0,0,'keyed','POST','http://127.0.0.1:18470/api/v3/checkout/authorize','X-Idempotency-Key','2e002a78-3e2b-89d6-a23e-7873469008c6',0,X'0ca7ec6e49ca3507ff5fc8620bd20234829d3cbf2ce20fd860cdbe3bdf829164',NULL,NULL);
INSERT INTO outbox_delivery VALUES(17,'vrio','order','sending-keyless',NULL,1796074267519,'sending',1,NULL,NULL,NULL,NULL,NULL,1796074267519,NULL,1796074268173,NULL,1796074267989,1,0,0,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'11338b77ed260a2443e9ff0e740383239a7eb1cd04a4011d40fd03144dad4c50',NULL,NULL);
INSERT INTO outbox_delivery VALUES(18,'generic','post','retry',NULL,1796074267583,'retry',1,NULL,NULL,NULL,'the gateway answered 503 (status-503)',1796074868201,1796074267583,NULL,1796074267989,NULL,1796074267989,1,0,1,0,'keyed','POST','http://127.0.0.1:18470/generic/pay','Idempotency-Key','dc5d009f-91c3-894e-93b5-18de0f591792',0,X'6b183f151badd027f1f83b729fd76d922ce508f8a3bf09b5ce82f950cd6c68bb',NULL,NULL);
INSERT INTO outbox_delivery VALUES(19,'vrio','order','polled',NULL,1796074267627,'pending',1,NULL,NULL,NULL,'the gateway answered 404 (invalid-id)',1796074268371,1796074267627,1796160668201,1796074268181,NULL,1796074268332,1,3,3,0,'keyless','POST','http://127.0.0.1:18470/orders',NULL,NULL,0,X'd1a30ca0c3204aa76a89d2a04d7a045b503d6bb219b343fa1bcc1a7f4ede28f8','http://127.0.0.1:18470/api_requests/e4b133c1-b560-4034-9a6a-12b94faf8edf',NULL);
INSERT INTO outbox_delivery VALUES(20,'travlinq','flight-book','slow-polled',NULL,1796074267695,'pending',1,NULL,NULL,NULL,'the gateway answered 202 (not-yet-available)',1796074268381,1796074267695,1796160668270,1796074268195,NULL,1796074268351,1,3,3,0,'keyless','POST','http://127.0.0.1:18470/api/v1/reservation/flight-book',NULL,NULL,0,X'90bf8955e37f1c004db90307c976eff097554887a25423513bb8af4e29436951','http://127.0.0.1:18470/api/v1/fetch/reservation/flight-book?retrieveId=b5755a93-baa8-4a5c-91bf-e4b18d63290d',NULL);
INSERT INTO outbox_delivery VALUES(21,'dead','order','claimed',NULL,1796074267731,'claimed',1,NULL,NULL,NULL,NULL,NULL,1796074267731,NULL,NULL,NULL,1796074267989,1,0,0,0,'keyless','POST','https://127.0.0.1:18471/orders',NULL,NULL,0,X'5640670adc6a46017e5358182e6f5ebae5988fb89d42a0669342632263f30540',NULL,NULL);
INSERT INTO outbox_delivery VALUES(22,'riverty','authorize','child',19,1796074267811,'blocked',1,NULL,NULL,NULL,NULL,NULL,1796074267811,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(23,'riverty','authorize','queued-keyed',NULL,1796074268412,'queued',1,NULL,NULL,NULL,NULL,0,1796074268412,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(24,'vrio','order','queued-keyless',NULL,1796074268454,'queued',1,NULL,NULL,NULL,NULL,0,1796074268454,NULL,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO outbox_delivery VALUES(25,'riverty','authorize','queued-expires',NULL,1796074268494,'queued',1,NULL,NULL,NULL,NULL,0,1796074268494,1796160668000,NULL,NULL,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
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
INSERT INTO outbox_attempt VALUES(1,1,'submit',1796074266858,1796074267025,'answered',200,NULL,'accepted',1);
INSERT INTO outbox_attempt VALUES(2,1,'submit',1796074266964,1796074267044,'answered',200,NULL,'processed',1);
INSERT INTO outbox_attempt VALUES(3,1,'submit',1796074267058,1796074267065,'answered',200,NULL,'success',1);
INSERT INTO outbox_attempt VALUES(4,1,'submit',1796074266964,1796074267044,'answered',200,NULL,'done',1);
INSERT INTO outbox_attempt VALUES(5,1,'submit',1796074267025,1796074267058,'answered',200,NULL,'request-processing',1);
INSERT INTO outbox_attempt VALUES(5,2,'poll',1796074267075,1796074267093,'answered',404,NULL,'invalid-id',2);
INSERT INTO outbox_attempt VALUES(5,3,'poll',1796074267120,1796074267122,'answered',200,NULL,'processed',1);
INSERT INTO outbox_attempt VALUES(6,1,'submit',1796074267025,1796074267058,'answered',200,NULL,'declined',1);
INSERT INTO outbox_attempt VALUES(10,1,'submit',1796074267184,1796074267192,'maybe_sent',NULL,'Empty reply from server','lost',1);
INSERT INTO outbox_attempt VALUES(11,1,'submit',1796074267216,1796074267238,'maybe_sent',NULL,'Empty reply from server','lost',1);
INSERT INTO outbox_attempt VALUES(12,1,'submit',1796074267232,1796074267238,'answered',200,NULL,'request-processing',1);
INSERT INTO outbox_attempt VALUES(18,1,'submit',1796074267989,1796074268201,'answered',503,NULL,'status-503',1);
INSERT INTO outbox_attempt VALUES(19,1,'submit',1796074267989,1796074268201,'answered',200,NULL,'request-processing',1);
INSERT INTO outbox_attempt VALUES(19,2,'poll',1796074268270,1796074268333,'answered',404,NULL,'invalid-id',3);
INSERT INTO outbox_attempt VALUES(20,1,'submit',1796074268189,1796074268270,'answered',202,NULL,'fetch-later',1);
INSERT INTO outbox_attempt VALUES(20,2,'poll',1796074268290,1796074268354,'answered',202,NULL,'not-yet-available',3);
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
INSERT INTO outbox_result VALUES(1,'succeeded',200,'{"outcome":"Accepted","reservationId":"bd4d9b0a-e081-4324-8614-ca44a3f03cc9","checkoutId":"883e956b-6a77-410d-b474-f774eb9cc338"}',NULL,1796074267025,1);
INSERT INTO outbox_result VALUES(2,'succeeded',200,'{"success":true,"response_code":100,"response_message":"Approved","order_id":74366338,"transaction_id":74966339}',NULL,1796074267044,1);
INSERT INTO outbox_result VALUES(3,'succeeded',200,'{"meta":{"success":true,"statusCode":1,"statusMessage":"SUCCESS","actionType":"","conversationId":"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002"},"data":[{"bookingReference":"TLQ74266343","bookingStatus":"CONFIRMED","pnrs":[{"pnr":"PNR343","airline":"XX"}],"ticketNumbers":["999-0074266343"]}],"version":"1.0.0"}',NULL,1796074267065,1);
INSERT INTO outbox_result VALUES(4,'succeeded',200,'{"status":"succeeded","id":"g-74266340"}',NULL,1796074267044,1);
INSERT INTO outbox_result VALUES(5,'succeeded',200,'{"success":true,"response_code":100,"response_message":"Approved","order_id":74366341,"transaction_id":74966342}',NULL,1796074267122,1);
INSERT INTO outbox_result VALUES(6,'failed',200,'{"success":false,"response_code":200,"response_message":"Declined"}','declined',1796074267058,1);
INSERT INTO outbox_result VALUES(7,'invalid',NULL,NULL,'body is not acceptable JSON: unexpected character',1796074267025,1);
INSERT INTO outbox_result VALUES(8,'expired',NULL,NULL,'expires_at passed before it could be sent',1796074267025,1);
INSERT INTO outbox_result VALUES(9,'succeeded',200,'{"outcome":"Accepted","reservationId":"33d25e5f-5f45-4eab-bccb-8bd35364e335","checkoutId":"bddc67d8-14f5-4ade-826f-3940cfdf80ef"}',NULL,1796074267044,1);
INSERT INTO outbox_result VALUES(10,'unknown',NULL,NULL,'no complete answer: Empty reply from server',1796074267192,1);
INSERT INTO outbox_result VALUES(11,'succeeded',NULL,NULL,'resolved by the operator: seen in the portal',1796074267341,2);
INSERT INTO outbox_result VALUES(13,'canceled',NULL,NULL,'canceled by the operator',1796074267280,1);
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
INSERT INTO outbox_control VALUES(1,'hold',NULL,'paused',NULL,NULL,'stock count',NULL,NULL,'kim',1796074266701,'done','destination paused is held: nothing is sent to it',1796074266836);
INSERT INTO outbox_control VALUES(2,'cancel',13,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1796074267262,'done','outbox row 13 is canceled; it was never sent',1796074267280);
INSERT INTO outbox_control VALUES(3,'hold',14,NULL,NULL,NULL,'is it a fraud?',NULL,NULL,NULL,1796074267291,'done','outbox row 14 is held',1796074267300);
INSERT INTO outbox_control VALUES(4,'resolve',11,NULL,'succeeded',NULL,'seen in the portal',NULL,NULL,NULL,1796074267333,'done','outbox row 11 is succeeded',1796074267341);
INSERT INTO outbox_control VALUES(5,'retry',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1796074267354,'refused','only a held row or one whose result is unknown can be retried (it is done, succeeded)',1796074267376);
INSERT INTO outbox_control VALUES(6,'cancel',21,NULL,NULL,NULL,'the customer went away',NULL,NULL,'kim',1796074268586,'open',NULL,NULL);
CREATE TABLE outbox_destination (
  destination TEXT PRIMARY KEY NOT NULL,
  held        INTEGER NOT NULL DEFAULT 0,
  cause       TEXT,   -- 'credentials','trust','redirect','rule','fetch_url','login','operator'
  reason      TEXT,
  since       INTEGER,
  released_at INTEGER
);
INSERT INTO outbox_destination VALUES('paused',1,'operator','held by kim: stock count',1796074266836,NULL);
CREATE TABLE outbox_meta (
  name  TEXT PRIMARY KEY NOT NULL,
  value
) WITHOUT ROWID;
INSERT INTO outbox_meta VALUES('clock_mark',1796074267989);
INSERT INTO outbox_meta VALUES('database_id','4e24ea12-a28c-43a7-bbcc-e152b7f6cee0');
INSERT INTO outbox_meta VALUES('epoch',2);
INSERT INTO outbox_meta VALUES('heartbeat_at',1796074267991);
INSERT INTO outbox_meta VALUES('key_secret',X'e4c4782bcd4662198285b2612e3124be8a7b3eb1140ec55df1cca22c602ff1bc');
INSERT INTO outbox_meta VALUES('last_error','a destination fails so often that only probes are sent to it');
INSERT INTO outbox_meta VALUES('last_error_at',1796074267280);
INSERT INTO outbox_meta VALUES('mode','running');
INSERT INTO outbox_meta VALUES('mode_reason',NULL);
INSERT INTO outbox_meta VALUES('schema_version',2);
INSERT INTO outbox_meta VALUES('write_counter',47);
CREATE TABLE orders (number TEXT PRIMARY KEY, total TEXT NOT NULL, state TEXT);
INSERT INTO orders VALUES('A-1001','49.90',NULL);
INSERT INTO orders VALUES('A-1002','0.10','sent');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('outbox_control',6);
INSERT INTO sqlite_sequence VALUES('outbox',25);
CREATE UNIQUE INDEX outbox_delivery_reference ON outbox_delivery (destination, operation, reference)
  WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX outbox_delivery_key ON outbox_delivery (destination, idempotency_key) WHERE own_key = 1;
CREATE INDEX outbox_delivery_due ON outbox_delivery (destination, state, due_at)
  WHERE open = 1;
CREATE INDEX outbox_delivery_held ON outbox_delivery (hold_cause, destination) WHERE state = 'held';
CREATE INDEX outbox_delivery_children ON outbox_delivery (after_id) WHERE state = 'blocked';
CREATE INDEX outbox_delivery_deadline ON outbox_delivery (deadline_at)
  WHERE deadline_at IS NOT NULL AND exposed_at IS NULL;
CREATE INDEX outbox_delivery_unknown ON outbox_delivery (outbox_id) WHERE result = 'unknown';
CREATE INDEX outbox_result_finished ON outbox_result (finished_at);
CREATE INDEX outbox_control_open ON outbox_control (id) WHERE status = 'open';
CREATE TRIGGER outbox_insert AFTER INSERT ON outbox BEGIN
  SELECT RAISE(ABORT, 'outbox: this id was used before; leave id out, rows of outbox are never replaced')
    WHERE EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.id);
  SELECT RAISE(ABORT, 'outbox: this reference was already used for this destination and operation; read its result in outbox_status')
    WHERE NEW.reference IS NOT NULL AND EXISTS (SELECT 1 FROM outbox_delivery
      WHERE destination = NEW.destination AND operation = NEW.operation AND reference = NEW.reference);
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
    zeroblob(150 + coalesce(length(NEW.path), 30));
END
;
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
CREATE TRIGGER outbox_delete BEFORE DELETE ON outbox
WHEN NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = OLD.id AND state = 'done' AND result <> 'unknown')
BEGIN
  SELECT RAISE(ABORT, 'outbox: this row has no final result yet and cannot be deleted; to stop it insert a cancel into outbox_control');
END;
CREATE TRIGGER outbox_deleted AFTER DELETE ON outbox BEGIN
  DELETE FROM outbox_attempt WHERE outbox_id = OLD.id;
END;
CREATE TRIGGER outbox_delivery_insert_guard BEFORE INSERT ON outbox_delivery
WHEN NEW.state NOT IN ('queued','blocked') OR NEW.request_hash IS NOT NULL
  OR NOT EXISTS (SELECT 1 FROM outbox WHERE id = NEW.outbox_id)
  OR EXISTS (SELECT 1 FROM outbox_delivery WHERE outbox_id = NEW.outbox_id)  -- INSERT OR REPLACE
BEGIN
  SELECT RAISE(ABORT, 'outbox_delivery is written by outboxd alone; insert into outbox');
END
;
CREATE TRIGGER outbox_delivery_update_guard BEFORE UPDATE ON outbox_delivery BEGIN
  SELECT RAISE(ABORT, 'outbox_delivery is written by outboxd alone; insert a request into outbox_control');
END;
CREATE TRIGGER outbox_delivery_delete_guard BEFORE DELETE ON outbox_delivery BEGIN
  SELECT RAISE(ABORT, 'outbox_delivery is written by outboxd alone; it remembers which references were used');
END;
CREATE TRIGGER outbox_result_insert_guard BEFORE INSERT ON outbox_result BEGIN
  SELECT RAISE(ABORT, 'outbox_result is written by outboxd alone; to state a result insert a resolve into outbox_control');
END;
CREATE TRIGGER outbox_result_update_guard BEFORE UPDATE ON outbox_result BEGIN
  SELECT RAISE(ABORT, 'outbox_result is written by outboxd alone; results do not change, only unknown can be resolved by outbox_control');
END;
CREATE TRIGGER outbox_result_delete_guard BEFORE DELETE ON outbox_result BEGIN
  SELECT RAISE(ABORT, 'outbox_result is written by outboxd alone; results are kept');
END;
CREATE TRIGGER outbox_control_insert_guard BEFORE INSERT ON outbox_control
WHEN NEW.status <> 'open' OR NEW.answer IS NOT NULL OR NEW.done_at IS NOT NULL
  OR (NEW.id > 0 AND EXISTS (SELECT 1 FROM outbox_control WHERE id = NEW.id))  -- INSERT OR REPLACE
BEGIN
  SELECT RAISE(ABORT, 'outbox_control: leave out id, status, answer and done_at; outboxd answers in the same row');
END
;
CREATE TRIGGER outbox_control_update_guard BEFORE UPDATE ON outbox_control BEGIN
  SELECT RAISE(ABORT, 'outbox_control: requests are not changed; insert another one');
END;
CREATE TRIGGER outbox_control_delete_guard BEFORE DELETE ON outbox_control BEGIN
  SELECT RAISE(ABORT, 'outbox_control is the record of who decided what; it is kept');
END;
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
    coalesce(d.started_at, d.eligible_at), 'held'
  FROM outbox_delivery d WHERE d.state = 'held'
  UNION ALL
  SELECT d.outbox_id, d.destination, d.operation, d.reference, d.state, d.result,
    'waits for outbox row ' || d.after_id || ', which is ' || p.result || coalesce(' (' || p.reason || ')', ''),
    'settle the row that it waits for, or cancel this one',
    d.eligible_at, 'parent'
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
ORDER BY since
;
CREATE VIEW outbox_health AS
SELECT
  CASE WHEN heartbeat_at IS NULL THEN 'never started'
    WHEN now - heartbeat_at > 60000 THEN 'silent'
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
CREATE INDEX orders_state ON orders (state);
CREATE VIEW open_orders AS SELECT number FROM orders WHERE state IS NULL;
CREATE TRIGGER orders_once BEFORE UPDATE OF number ON orders BEGIN SELECT RAISE(ABORT, 'no'); END;
COMMIT;
