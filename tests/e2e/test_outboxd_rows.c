/*
 * test_outboxd_rows.c - what becomes of a row besides being sent: refused at intake, held for
 * configuration, expired, not before its time, in chains, and by an operator's word.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/daemon.h"
#include "lib/oracle.h"

static void
start_usual(struct stand *stand)
{
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "travlinq", "travlinq", "");
	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "generic", "generic", "");
	stand_start(stand);
}

static void
expect(struct stand *stand, int64_t id, const char *outcome)
{
	const char *got = stand_await(stand, id);

	if (strcmp(got, outcome) != 0)
		stand_show(stand);
	assert_string_equal(got, outcome);
}

static void
expect_reason(struct stand *stand, int64_t id, const char *outcome, const char *part)
{
	const char *reason;

	expect(stand, id, outcome);
	reason =
	    stand_text(stand, "SELECT reason FROM outbox_status WHERE id = %lld", (long long)id);
	if (strstr(reason, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, reason);
}

static void
ask(struct stand *stand, const char *columns, const char *values, const char *wanted)
{
	const char *answer = "";
	const char *status = stand_ask(stand, columns, values, &answer);

	if (strcmp(status, wanted) != 0)
		print_error("(%s) (%s): %s\n", columns, values, answer);
	assert_string_equal(status, wanted);
}

static void
rows_that_can_never_be_sent_are_invalid(void **state)
{
	static const struct {
		const char *columns;
		const char *values; /* the reference is added */
		const char *reason;
	} rows[] = {
	    {"destination, operation, body",
		"'vrio','order','{\"card_number\":\"4111111111111111\"}'", "card"},
	    {"destination, operation, body",
		"'vrio','order','{\"a\":{\"b\":[\"4111111111111111\"]}}'", "card"},
	    {"destination, operation, body", "'riverty','authorize','{\"cvv\":\"123\"}'", "cvv"},
	    {"destination, operation, body", "'riverty','authorize','{\"a\":1'", "JSON"},
	    {"destination, operation, body, path",
		"'riverty','capture','{}','/api/v3/orders/../captures'", "path"},
	    {"destination, operation, body, path",
		"'riverty','capture','{}','/api/v3/orders/a/b/captures'", "path"},
	    {"destination, operation, body, path", "'riverty','capture','{}','http://evil/api'",
		"path"},
	    {"destination, operation, body, path",
		"'riverty','capture','{}','/api/v3/orders/a?b=c/captures'", "path"},
	    {"destination, operation, body", "'riverty','capture','{}'", "path"},
	    {"destination, operation, body, path", "'riverty','authorize','{}','/other'", "path"},
	    {"destination, operation, body, headers",
		"'riverty','authorize','{}','{\"X-Auth-Key\":\"mine\"}'", "header"},
	    {"destination, operation, body, headers",
		"'travlinq','flight-book','{}','{\"Host\":\"evil\"}'", "header"},
	    {"destination, operation, body, headers",
		"'travlinq','flight-book','{}','{\"conversationId\":\"a\\r\\nX: y\"}'", "header"},
	    {"destination, operation, body, headers", "'travlinq','flight-book','{}','[]'",
		"headers"},
	    {"destination, operation, body, idempotency_key", "'vrio','order','{}','k'",
		"idempotency_key"},
	    {"destination, operation, body, idempotency_key",
		"'riverty','authorize','{}','has space'", "idempotency_key"},
	    {"destination, operation, body, idempotency_key",
		"'riverty','authorize','{}','123456789012345678901234567890123456789012345678901'",
		"idempotency_key"},
	    {"destination, operation, body", "'riverty','authorize', zeroblob(2000000)",
		"body_max"},
	    {"destination, operation, body, content_type",
		"'riverty','authorize','{}','a' || char(10) || 'b'", "content_type"},
	    {"destination, operation, body, path", "'riverty','capture','{}', x'00ff'", "column"},
	    {"destination, operation, body, content_type",
		"'riverty','authorize','<pan>4111111111111111</pan>','application/xml'", "card"},
	    {"destination, operation, body, content_type",
		"'riverty','authorize','{\"pan\":\"4111 1111 1111 1111\"}','text/plain'", "card"},
	};
	struct stand *stand = *state;

	start_usual(stand);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char columns[128];
		int64_t id;

		snprintf(columns, sizeof(columns), "%s, reference", rows[i].columns);
		id = stand_insert(stand, columns, "%s, 'bad-%zu'", rows[i].values, i);
		expect_reason(stand, id, "invalid", rows[i].reason);
	}
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), 0);
	/* A key that another row has. */
	expect(stand,
	    stand_insert(stand, "destination, operation, body, idempotency_key, reference",
		"'riverty', 'authorize', '{\"order\":{\"number\":\"k-1\"}}', 'mine', 'k-1'"),
	    "succeeded");
	expect_reason(stand,
	    stand_insert(stand, "destination, operation, body, idempotency_key, reference",
		"'riverty', 'authorize', '{\"order\":{\"number\":\"k-2\"}}', 'mine', 'k-2'"),
	    "invalid", "already used");
	oracle_check(stand, ORACLE_FINISHED);
}

/* What the gateway's log says of a request with this key, path and body. */
static void
hash_of(const char *key, const char *body, size_t length, char *hex)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	static const char head[] = "POST\n/generic/x\n";

	assert_true(EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(context, head, strlen(head)) &&
		    EVP_DigestUpdate(context, key, strlen(key)) &&
		    EVP_DigestUpdate(context, "\n", 1) && EVP_DigestUpdate(context, body, length) &&
		    EVP_DigestFinal_ex(context, digest, NULL));
	EVP_MD_CTX_free(context);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void
expect_bytes(struct stand *stand, const char *reference, const char *type, const char *value,
    const char *body, size_t length)
{
	int64_t id =
	    stand_insert(stand, "destination, operation, reference, path, content_type, body",
		"'generic', 'post', '%s', '/generic/x', '%s', %s", reference, type, value);
	cJSON *log;
	char hex[80];

	expect(stand, id, "succeeded");
	hash_of(stand_text(stand, "SELECT idempotency_key FROM outbox_status WHERE id = %lld",
		    (long long)id),
	    body, length, hex);
	log = gateway_request_log(stand->gateway);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(
				cJSON_GetArrayItem(log, cJSON_GetArraySize(log) - 1), "sha256")),
	    hex);
	cJSON_Delete(log);
}

static void
the_bytes_of_the_body_arrive_as_they_were(void **state)
{
	static const char text[] =
	    "{\"reference\" : \"text\",\"a\":9007199254740993,\"b\":10.10,\"c\":\"\xc3\xa4\" }";
	struct stand *stand = *state;
	char quoted[200];

	start_usual(stand);
	expect_bytes(
	    stand, "blob", "application/octet-stream", "x'00ff0a0d00'", "\x00\xff\x0a\x0d\x00", 5);
	snprintf(quoted, sizeof(quoted), "'%s'", text);
	expect_bytes(stand, "text", "application/json", quoted, text, strlen(text));
	expect_bytes(stand, "empty", "application/json", "''", "", 0);
}

/* An unknown destination or operation waits for configuration, and goes on after a reload. */
static void
unknown_destinations_wait_for_configuration(void **state)
{
	struct stand *stand = *state;
	int64_t later, operation;

	start_usual(stand);
	later = stand_order(stand, "later", "riverty", "u-1");
	operation = stand_insert(
	    stand, "destination, operation, reference, body", "'vrio', 'charge', 'u-2', '{}'");
	expect_reason(stand, later, "held", "later");
	expect_reason(stand, operation, "held", "charge");
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_stuck"), 2);
	assert_int_equal(gateway_requests(stand->gateway, NULL, NULL), 0);
	stand_destination(stand, "later", "riverty", "");
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	assert_true(stand_wait(stand,
	    "SELECT result = 'succeeded' FROM outbox_status WHERE id = %lld", (long long)later));
	assert_string_equal(stand_outcome(stand, operation), "held");
	/* A bad configuration keeps the good one. */
	snprintf(stand->head, sizeof(stand->head), "drian = \"1s\";");
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	expect(stand, stand_order(stand, "later", "riverty", "u-3"), "succeeded");
	assert_true(stand_log_has(stand, "refused, the old configuration stays in force"));
	oracle_check(stand, ORACLE_FINISHED);
}

#define NOW "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"

static void
time_of_rows(void **state)
{
	struct stand *stand = *state;
	int64_t past, late, soon, waits;
	int64_t began;

	start_usual(stand);
	past = stand_insert(stand, "destination, operation, reference, body, expires_at",
	    "'vrio', 'order', 't-1', '{\"connection_order_id\":\"t-1\"}', 1000");
	expect(stand, past, "expired");
	/* The destination is held by the operator, and the row expires behind it. */
	ask(stand, "command, destination", "'hold', 'riverty'", "done");
	late = stand_insert(stand, "destination, operation, reference, body, expires_at",
	    "'riverty', 'authorize', 't-2', '{\"order\":{\"number\":\"t-2\"}}', " NOW " + 1000");
	expect(stand, late, "expired");
	ask(stand, "command, destination", "'release', 'riverty'", "done");
	began = stand_clock_ms();
	soon = stand_insert(stand, "destination, operation, reference, body, not_before",
	    "'riverty', 'authorize', 't-3', '{\"order\":{\"number\":\"t-3\"}}', " NOW " + 1500");
	waits = stand_insert(stand,
	    "destination, operation, reference, path, body, not_before, after_id",
	    "'riverty', 'capture', 't-3', '/api/v3/orders/t-3/captures', '{}', " NOW
	    " + 2500, %lld",
	    (long long)soon);
	stand_sleep_ms(700);
	if (stand_clock_ms() - began < 1200)
		assert_int_equal(gateway_requests(stand->gateway, "t-3", NULL), 0);
	expect(stand, soon, "succeeded");
	assert_true(stand_clock_ms() - began >= 1400);
	expect(stand, waits, "succeeded");
	assert_true(stand_clock_ms() - began >= 2400);
	oracle_check(stand, ORACLE_FINISHED);
}

/* As if the app's clock had been a year ahead when it sold this. */
static void
sold_with_a_clock_ahead(struct stand *stand, int64_t id)
{
	stand_exec(stand,
	    "DROP TRIGGER IF EXISTS outbox_delivery_update_guard; UPDATE outbox_delivery SET "
	    "eligible_at = eligible_at + 31536000000, created_at = created_at + 31536000000 WHERE "
	    "outbox_id = %lld",
	    (long long)id);
}

static int64_t capture(struct stand *stand, const char *reference, int64_t after);

static void
a_clock_that_was_ahead_delays_nobody(void **state)
{
	struct stand *stand = *state;
	int64_t parent, child, later, held;

	assert_int_equal(gateway_script(stand->gateway, "a-1 submit 1 delay 1s\n"), 0);
	start_usual(stand);
	parent = stand_order(stand, "riverty", "riverty", "a-1");
	child = capture(stand, "a-1", parent);
	sold_with_a_clock_ahead(stand, child);
	later = stand_order(stand, "later", "riverty", "a-2");
	expect(stand, later, "held");
	sold_with_a_clock_ahead(stand, later);
	held = stand_insert(stand, "destination, operation, reference, body, not_before",
	    "'riverty', 'authorize', 'a-3', '{\"order\":{\"number\":\"a-3\"}}', " NOW " + 3600000");
	sold_with_a_clock_ahead(stand, held);
	ask(stand, "command, outbox_id", "'hold', 4", "done");
	ask(stand, "command, outbox_id", "'release', 4", "done");
	expect(stand, parent, "succeeded");
	expect(stand, child, "succeeded");
	stand_destination(stand, "later", "riverty", "");
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	assert_true(stand_wait(stand,
	    "SELECT result = 'succeeded' FROM outbox_status WHERE id = %lld", (long long)later));
	/* What the app itself put off is not sent sooner. */
	assert_int_equal(
	    stand_number(stand, "SELECT d.due_at = o.not_before FROM outbox_delivery d, outbox o "
				"WHERE o.id = 4 AND d.outbox_id = 4"),
	    1);
}

static int64_t
capture(struct stand *stand, const char *reference, int64_t after)
{
	return stand_insert(stand, "destination, operation, reference, path, body, after_id",
	    "'riverty', 'capture', '%s', '/api/v3/orders/%s/captures', '{}', %lld", reference,
	    reference, (long long)after);
}

static void
chains(void **state)
{
	struct stand *stand = *state;
	int64_t good, bad, needs, lost, child, grandchild;

	assert_int_equal(
	    gateway_script(stand->gateway, "authorize:c-bad submit * reject\nauthorize:c-needs "
					   "submit * action-required\nv-lost submit 1 lose\n"),
	    0);
	start_usual(stand);
	good = capture(stand, "c-good", stand_order(stand, "riverty", "riverty", "c-good"));
	bad = capture(stand, "c-bad", stand_order(stand, "riverty", "riverty", "c-bad"));
	grandchild = stand_insert(stand, "destination, operation, reference, path, body, after_id",
	    "'riverty', 'refund', 'c-bad', '/api/v3/orders/c-bad/refunds', '{}', %lld",
	    (long long)bad);
	needs = capture(stand, "c-needs", stand_order(stand, "riverty", "riverty", "c-needs"));
	lost = stand_order(stand, "vrio", "vrio", "v-lost");
	child = capture(stand, "v-lost", lost);
	expect(stand, good, "succeeded");
	expect(stand, bad, "canceled");
	expect(stand, grandchild, "canceled");
	expect(stand, lost, "unknown");
	stand_sleep_ms(200);
	assert_string_equal(stand_outcome(stand, needs), "blocked");
	assert_string_equal(stand_outcome(stand, child), "blocked");
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_stuck WHERE id IN (%lld, %lld)",
		(long long)needs, (long long)child),
	    2);
	oracle_check(stand, ORACLE_FINISHED);
	/* Inserted after its parent has ended. */
	expect(stand,
	    stand_insert(stand, "destination, operation, reference, path, body, after_id",
		"'riverty', 'void', 'c-bad', '/api/v3/orders/c-bad/voids', '{}', %lld",
		(long long)(bad - 1)),
	    "canceled");
	/* The operator settles the parent. */
	{
		char values[64];

		snprintf(values, sizeof(values), "'resolve', %lld, 'succeeded', 'seen at VRIO'",
		    (long long)lost);
		ask(stand, "command, outbox_id, argument, text", values, "done");
		expect(stand, child, "succeeded");
		snprintf(values, sizeof(values), "'cancel', %lld", (long long)needs);
		ask(stand, "command, outbox_id", values, "done");
		expect(stand, needs, "canceled");
	}
	oracle_check(stand, ORACLE_FINISHED);
}

static void
the_operator_decides(void **state)
{
	struct stand *stand = *state;

	assert_int_equal(
	    gateway_script(stand->gateway,
		"o-2 submit 1 before lose\no-3 submit 1 lose\no-5 submit 1 status 500\no-5 submit "
		"2- ok\no-6 submit 1 pending 1\no-6 poll * not-ready-forever\n"),
	    0);
	start_usual(stand);
	ask(stand, "command, destination, text", "'hold', 'vrio', 'maintenance'", "done");
	(void)stand_order(stand, "vrio", "vrio", "o-1"); /* 1 */
	(void)stand_order(stand, "vrio", "vrio", "o-2");
	(void)stand_order(stand, "vrio", "vrio", "o-3");
	(void)stand_order(stand, "vrio", "vrio", "o-4");
	stand_sleep_ms(300);
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), 0);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_stuck"), 4);
	ask(stand, "command, outbox_id, text", "'cancel', 1, 'not wanted'", "done");
	ask(stand, "command, outbox_id", "'hold', 4", "done");
	ask(stand, "command, destination", "'release', 'vrio'", "done");
	expect(stand, 1, "canceled");
	expect(stand, 2, "unknown");
	expect(stand, 3, "unknown");
	assert_string_equal(stand_outcome(stand, 4), "held");
	ask(stand, "command, outbox_id", "'cancel', 2", "refused");
	ask(stand, "command, outbox_id, key_mode", "'retry', 2, 'same'", "refused");
	ask(stand, "command, outbox_id, key_mode", "'retry', 2, 'new'", "refused");
	ask(stand, "command, outbox_id, argument", "'retry', 2, 'resubmit'", "refused");
	{
		const char *answer = "";

		/* Not a question about keys. */
		assert_string_equal(
		    stand_ask(stand, "command, outbox_id", "'retry', 1", &answer), "refused");
		assert_non_null(strstr(answer, "it is done, canceled"));
	}
	ask(stand, "command, outbox_id, argument, text", "'resolve', 3, 'perhaps', 'x'", "refused");
	ask(stand, "command, outbox_id, argument", "'resolve', 3, 'succeeded'", "refused");
	ask(stand, "command, outbox_id", "'explode', 3", "refused");
	ask(stand, "command, outbox_id", "'cancel', 4711", "refused");
	ask(stand, "command, destination", "'hold', 'nowhere'", "refused");
	ask(stand, "command", "'adopt'", "refused");
	assert_int_equal(gateway_requests(stand->gateway, "o-2", "submit"), 1);
	oracle_check(stand, ORACLE_FINISHED);
	/* The gateway was asked: o-2 was not made, o-3 was. */
	ask(stand, "command, outbox_id, argument, text",
	    "'retry', 2, 'resubmit', 'VRIO has no such order'", "done");
	assert_true(
	    stand_wait(stand, "SELECT result = 'succeeded' FROM outbox_status WHERE id = 2"));
	ask(stand, "command, outbox_id, argument, text",
	    "'resolve', 3, 'succeeded', 'order 12 at VRIO'", "done");
	expect(stand, 3, "succeeded");
	ask(stand, "command, outbox_id, argument, text", "'resolve', 3, 'failed', 'no, sorry'",
	    "refused");
	ask(stand, "command, outbox_id", "'release', 4", "done");
	assert_true(
	    stand_wait(stand, "SELECT result = 'succeeded' FROM outbox_status WHERE id = 4"));
	ask(stand, "command, outbox_id", "'cancel', 4", "refused");
	assert_true(
	    stand_number(stand, "SELECT revision FROM outbox_result WHERE outbox_id = 2") > 1);
	assert_int_equal(
	    stand_number(stand, "SELECT revision FROM outbox_result WHERE outbox_id = 3"), 2);
	/* A keyed row whose result is unknown: the same key again. */
	(void)stand_order(stand, "generic", "generic", "o-5");
	expect(stand, 5, "unknown");
	ask(stand, "command, outbox_id", "'retry', 5", "refused");
	ask(stand, "command, outbox_id, key_mode", "'retry', 5, 'same'", "done");
	assert_true(
	    stand_wait(stand, "SELECT result = 'succeeded' FROM outbox_status WHERE id = 5"));
	/* A pending row can be held, released and resolved, and is never sent again. */
	(void)stand_order(stand, "vrio", "vrio", "o-6");
	assert_true(stand_wait(
	    stand, "SELECT state = 'pending' AND polls > 1 FROM outbox_status WHERE id = 6"));
	ask(stand, "command, outbox_id", "'cancel', 6", "refused");
	ask(stand, "command, outbox_id", "'hold', 6", "done");
	ask(stand, "command, outbox_id", "'release', 6", "done");
	assert_true(stand_wait(stand, "SELECT state = 'pending' FROM outbox_status WHERE id = 6"));
	ask(stand, "command, outbox_id, argument, text", "'resolve', 6, 'succeeded', 'made'",
	    "done");
	expect(stand, 6, "succeeded");
	assert_int_equal(gateway_requests(stand->gateway, "o-6", "submit"), 1);
	oracle_check(stand, ORACLE_FINISHED);
	/* What was decided, and by whom, is kept; and the app cannot change it. */
	assert_int_not_equal(stand_try(stand, "UPDATE outbox_control SET status = 'open'"), 0);
	assert_int_not_equal(stand_try(stand, "UPDATE outbox_result SET result = 'failed'"), 0);
	assert_int_not_equal(stand_try(stand, "UPDATE outbox_delivery SET state = 'queued'"), 0);
	assert_int_not_equal(stand_try(stand, "DELETE FROM outbox_delivery"), 0);
}

/* Whatever the gateway says, and in whatever form: no card number stays. */
static void
no_card_number_of_an_answer_stays(void **state)
{
	struct stand *stand = *state;

	assert_int_equal(
	    gateway_script(stand->gateway,
		"c-1 submit * status 400 body <p>card 4111111111111111 was declined</p>\n"
		"c-2 submit * reject\n"
		"c-2 submit * body {\"outcome\":\"Rejected\",\"riskCheckMessages\":"
		"[{\"code\":\"4111111111111111\"}]}\n"),
	    0);
	start_usual(stand);
	(void)stand_order(stand, "generic", "generic", "c-1");
	(void)stand_order(stand, "riverty", "riverty", "c-2");
	expect_reason(stand, 1, "failed", "carries card data and was not stored");
	expect_reason(stand, 2, "failed", "rejected (the answer's body carries card data");
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_result "
					     "WHERE body IS NOT NULL OR reason LIKE '%%4111%%'"),
	    0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* Requests that wait (for a row under way, or for the clock) stand in nobody's way. */
static void
requests_that_wait_stand_in_nobodys_way(void **state)
{
	struct stand *stand = *state;
	int64_t id;

	assert_int_equal(gateway_script(stand->gateway, "w-1 submit 1 silence\n"), 0);
	start_usual(stand);
	id = stand_order(stand, "vrio", "vrio", "w-1");
	assert_true(
	    stand_wait(stand, "SELECT count(*) FROM outbox_status WHERE state = 'sending'"));
	stand_exec(stand,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
	    "INSERT INTO outbox_control (command, outbox_id) SELECT 'cancel', %lld FROM n",
	    (long long)id);
	ask(stand, "command, destination", "'hold', 'vrio'", "done");
	assert_string_equal(stand_outcome(stand, id), "sending");
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_control WHERE command = 'cancel' AND "
				"status = 'open'"),
	    200);
}

/* The app's own mistakes with a row under way. */
static void
a_row_in_flight_is_not_replaced(void **state)
{
	struct stand *stand = *state;
	int64_t id;

	assert_int_equal(gateway_script(stand->gateway, "x-1 submit 1 delay 1s\n"), 0);
	start_usual(stand);
	id = stand_order(stand, "vrio", "vrio", "x-1");
	assert_int_equal(gateway_wait_requests(stand->gateway, NULL, NULL, 0, 1), 0);
	assert_true(stand_wait(
	    stand, "SELECT state = 'sending' FROM outbox_status WHERE id = %lld", (long long)id));
	assert_int_not_equal(
	    stand_try(stand,
		"INSERT OR REPLACE INTO outbox (id, destination, operation, reference, body) "
		"VALUES (%lld, 'vrio', 'order', 'x-1', '{}')",
		(long long)id),
	    0);
	assert_int_not_equal(
	    stand_try(stand,
		"INSERT OR REPLACE INTO outbox (destination, operation, reference, body) "
		"VALUES ('vrio', 'order', 'x-1', '{}')"),
	    0);
	assert_int_not_equal(stand_try(stand, "DELETE FROM outbox"), 0);
	assert_int_not_equal(stand_try(stand, "UPDATE outbox SET body = '{}'"), 0);
	expect(stand, id, "succeeded");
	stand_exec(stand, "DELETE FROM outbox WHERE id = %lld", (long long)id);
	/* Deleted, and still remembered. */
	assert_int_not_equal(
	    stand_try(stand, "INSERT INTO outbox (destination, operation, reference, body) "
			     "VALUES ('vrio', 'order', 'x-1', '{}')"),
	    0);
	assert_int_equal(gateway_effects(stand->gateway, "x-1"), 1);
	oracle_check(stand, ORACLE_FINISHED);
}

/* A merchant's own triggers on our tables cannot stop the daemon. */
static void
triggers_of_the_merchant_do_not_bind_the_daemon(void **state)
{
	struct stand *stand = *state;

	stand_exec(stand,
	    "CREATE TRIGGER mine AFTER UPDATE ON outbox_delivery BEGIN SELECT RAISE(ABORT, 'no'); "
	    "END;"
	    "CREATE TRIGGER mine2 BEFORE INSERT ON outbox_result BEGIN SELECT RAISE(IGNORE); END");
	start_usual(stand);
	expect(stand, stand_order(stand, "vrio", "vrio", "m-1"), "succeeded");
	expect(stand, stand_order(stand, "riverty", "riverty", "m-2"), "succeeded");
	stand_exec(stand, "DROP TRIGGER mine; DROP TRIGGER mine2");
	oracle_check(stand, ORACLE_FINISHED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(rows_that_can_never_be_sent_are_invalid),
	    TEST(the_bytes_of_the_body_arrive_as_they_were),
	    TEST(unknown_destinations_wait_for_configuration), TEST(time_of_rows),
	    TEST(a_clock_that_was_ahead_delays_nobody), TEST(chains), TEST(the_operator_decides),
	    TEST(requests_that_wait_stand_in_nobodys_way), TEST(a_row_in_flight_is_not_replaced),
	    TEST(unknown_destinations_wait_for_configuration), TEST(time_of_rows), TEST(chains),
	    TEST(the_operator_decides), TEST(no_card_number_of_an_answer_stays),
	    TEST(a_row_in_flight_is_not_replaced),
	    TEST(triggers_of_the_merchant_do_not_bind_the_daemon)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
