/* test_fakegw.c - the witness itself: every dialect, replay, both logs. Faults:
 * test_fakegw_faults.c. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gateway.h"
#include "lib/gateway_ask.h"
#include "lib/scratch.h"

enum { PATIENCE_MS = 5000 };

struct fixture {
	void *dir;
	struct gateway *gateway;
	struct gateway_answer answer;
	char session[64];
	char url[512];
};

static const char *const no_sync[] = {"--no-fsync", NULL};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return f == NULL ? -1 : scratch_setup(&f->dir);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	gateway_answer_free(&f->answer);
	gateway_stop(f->gateway);
	scratch_teardown(&f->dir);
	free(f);
	return 0;
}

static void
start(struct fixture *f, const char *const *arguments)
{
	f->gateway = gateway_start(f->dir, arguments);
	assert_non_null(f->gateway);
}

static void
ask(struct fixture *f, int status, const char *path, const char *const *headers, const char *body)
{
	gateway_answer_free(&f->answer);
	f->answer = gateway_ask(f->gateway, path, headers, body, PATIENCE_MS);
	assert_int_equal(f->answer.curl, 0);
	if (f->answer.status != status)
		print_error("%s %s\n%s\n", path, body == NULL ? "" : body, f->answer.body);
	assert_int_equal(f->answer.status, status);
}

static void
assert_has(const struct fixture *f, const char *part)
{
	if (strstr(f->answer.body, part) == NULL)
		fail_msg("%s is not in %s", part, f->answer.body);
}

static void
riverty(struct fixture *f, int status, const char *path, const char *key, const char *body)
{
	char line[128];
	const char *const headers[] = {"X-Auth-Key: secret", key == NULL ? NULL : line, NULL};

	snprintf(line, sizeof(line), "X-Idempotency-Key: %s", key == NULL ? "" : key);
	ask(f, status, path, headers, body);
}

#define AUTHORIZE "/api/v3/checkout/authorize"
#define ORDER(number) "{\"order\":{\"number\":\"" number "\",\"totalGrossAmount\":10.10}}"

static void
riverty_replays_the_first_answer(void **state)
{
	struct fixture *f = *state;
	char *first;

	start(f, no_sync);
	riverty(f, 200, AUTHORIZE, "key-1", ORDER("o1"));
	assert_has(f, "\"outcome\":\"Accepted\"");
	first = strdup(f->answer.body);
	riverty(f, 200, AUTHORIZE, "key-1", ORDER("o1"));
	assert_string_equal(f->answer.body, first);
	free(first);
	assert_int_equal(gateway_effects(f->gateway, "o1"), 1);
	assert_int_equal(gateway_requests(f->gateway, "o1", "submit"), 2);
	assert_int_equal(gateway_distinct_hashes(f->gateway, "o1"), 1);
}

static void
riverty_refuses_misused_keys(void **state)
{
	static const char long_key[] = "123456789012345678901234567890123456789012345678901";
	struct fixture *f = *state;

	start(f, no_sync);
	riverty(f, 200, AUTHORIZE, "key-1", ORDER("o1"));
	riverty(f, 409, AUTHORIZE, "key-1", ORDER("o2"));
	riverty(f, 400, "/api/v3/orders/o1/captures", "key-1", ORDER("o1"));
	riverty(f, 400, AUTHORIZE, long_key, ORDER("o3"));
	riverty(f, 200, AUTHORIZE, long_key + 1, ORDER("o3"));
	riverty(f, 400, AUTHORIZE, "order:4", ORDER("o4"));
	riverty(f, 400, AUTHORIZE, NULL, ORDER("o1"));
	assert_has(f, "order number already used");
	ask(f, 401, AUTHORIZE, NULL, ORDER("o5"));
	assert_int_equal(gateway_effects(f->gateway, NULL), 2);
	assert_int_equal(gateway_distinct_hashes(f->gateway, "o1"), 3);
}

static void
riverty_captures_refunds_voids(void **state)
{
	struct fixture *f = *state;

	start(f, no_sync);
	riverty(f, 200, "/api/v3/orders/o1/captures", "c", "{\"totalGrossAmount\":1.10}");
	assert_has(f, "\"capturedAmount\":1.10");
	assert_null(strstr(f->answer.body, "outcome"));
	riverty(f, 200, "/api/v3/orders/o1/refunds", "r", "{\"reference\":\"refund-1\"}");
	riverty(f, 200, "/api/v3/orders/o1/voids", "v", "{}");
	assert_int_equal(gateway_effects(f->gateway, "o1"), 2);
	assert_int_equal(gateway_effects(f->gateway, "refund-1"), 1);
}

static void
riverty_forgets_keys_in_time(void **state)
{
	static const char *const soon[] = {"--key-retention", "50ms", NULL};
	struct fixture *f = *state;

	start(f, soon);
	riverty(f, 200, "/api/v3/orders/o1/captures", "c", "{}");
	riverty(f, 200, "/api/v3/orders/o1/captures", "c", "{}");
	assert_int_equal(gateway_effects(f->gateway, "o1"), 1);
	assert_int_equal(gateway_wait_requests(f->gateway, "o1", NULL, 3, 100), -1);
	riverty(f, 200, "/api/v3/orders/o1/captures", "c", "{}");
	assert_int_equal(gateway_effects(f->gateway, "o1"), 2);
}

static void
riverty_outcomes(void **state)
{
	struct fixture *f = *state;

	start(f, no_sync);
	assert_int_equal(
	    gateway_script(f->gateway, "o1 any * reject\no2 any * action-required"), 0);
	riverty(f, 200, AUTHORIZE, "1", ORDER("o1"));
	assert_has(f, "\"outcome\":\"Rejected\"");
	assert_has(f, "riskCheckMessages");
	riverty(f, 200, AUTHORIZE, "2", ORDER("o2"));
	assert_has(f, "\"outcome\":\"Pending\"");
	assert_int_equal(gateway_effects(f->gateway, "o1"), 0);
	assert_int_equal(gateway_effects(f->gateway, "o2"), 1);
}

static const char *const vrio[] = {"X-Api-Key: secret", NULL};

#define VRIO_ORDER(reference, name)                                                                \
	"{\"connection_order_id\":\"" reference "\",\"bill_lname\":\"" name                        \
	"\",\"action\":\"process\"}"

static void
vrio_orders(void **state)
{
	struct fixture *f = *state;

	start(f, no_sync);
	assert_int_equal(
	    gateway_script(f->gateway, "v2 any * decline\nv3 any * action-required"), 0);
	ask(f, 403, "/orders", NULL, VRIO_ORDER("v1", "Doe"));
	ask(f, 200, "/orders", vrio, VRIO_ORDER("v1", "Doe"));
	assert_has(f, "\"response_code\":100");
	ask(f, 200, "/orders", vrio, VRIO_ORDER("v1", "Doe")); /* no keys: another order */
	ask(f, 200, "/orders", vrio, VRIO_ORDER("v2", "Doe"));
	assert_has(f, "\"response_code\":200");
	ask(f, 200, "/orders", vrio, VRIO_ORDER("v3", "Doe"));
	assert_has(f, "\"response_code\":101");
	ask(f, 200, "/orders/17/complete", vrio, "{}");
	assert_int_equal(gateway_effects(f->gateway, "v1"), 2);
	assert_int_equal(gateway_effects(f->gateway, "v2"), 0);
	assert_int_equal(gateway_effects(f->gateway, "17"), 1);
}

static void
vrio_fetch_later(void **state)
{
	struct fixture *f = *state;
	char url[512];

	start(f, no_sync);
	ask(f, 200, "/orders", vrio, VRIO_ORDER("v1", "testlongrequest"));
	assert_has(f, "\"code\":\"request_processing\"");
	snprintf(url, sizeof(url), "%s", gateway_pick(&f->answer, "\"api_request\":\""));
	assert_int_equal(
	    strncmp(url, gateway_url(f->gateway, "/api_requests/"), strlen(url) - 36), 0);
	assert_int_equal(gateway_effects(f->gateway, "v1"), 1);
	for (int i = 0; i < 2; i++) {
		ask(f, 404, url, vrio, NULL);
		assert_has(f, "\"code\":\"invalid_id\"");
	}
	ask(f, 403, url, NULL, NULL);
	ask(f, 200, url, vrio, NULL);
	assert_has(f, "\"api_response\":\"{\\\"success\\\":true,\\\"response_code\\\":100");
	assert_has(f, "\"api_response_code\":200");
	assert_has(f, "\"bill_lname\":\"testlongrequest\"");
	ask(f, 404, "/api_requests/nobody", vrio, NULL);
	assert_int_equal(gateway_effects(f->gateway, "v1"), 1);
	assert_int_equal(gateway_requests(f->gateway, "v1", "poll"), 4);
	assert_int_equal(gateway_submits_after_pending(f->gateway, "v1"), 0);
}

static void
travlinq(struct fixture *f, int status, const char *path, const char *body)
{
	char line[128];
	const char *const headers[] = {"X-API-KEY: secret", "conversationId: c-1", line, NULL};

	snprintf(line, sizeof(line), "sessionId: %s", f->session);
	ask(f, status, path, headers, body);
}

static void
log_in(struct fixture *f)
{
	travlinq(f, 200, "/api/v1/auth/login",
	    "{\"userName\":\"u\",\"password\":\"p\",\"companyCode\":\"c\"}");
	snprintf(
	    f->session, sizeof(f->session), "%s", gateway_pick(&f->answer, "\"sessionId\":\""));
}

#define BOOK "/api/v1/reservation/flight-book"

static void
fetch_url(struct fixture *f)
{
	snprintf(f->url, sizeof(f->url), "%s", gateway_pick(&f->answer, "\"fetchUrl\":\""));
	assert_int_equal(f->url[0], '/');
}

static void
travlinq_sessions(void **state)
{
	struct fixture *f = *state;
	const char *const anonymous[] = {"X-API-KEY: secret", NULL};

	start(f, no_sync);
	ask(f, 401, BOOK, anonymous, "{\"offerId\":\"t1\"}");
	assert_has(f, "\"code\":\"VAL-002\"");
	ask(f, 422, "/api/v1/auth/login", anonymous, "{\"userName\":\"u\"}");
	log_in(f);
	travlinq(f, 200, "/api/v1/flight/search", "{}");
	assert_int_equal(gateway_effects(f->gateway, NULL), 0);
	travlinq(f, 200, BOOK, "{\"offerId\":\"t1\"}");
	assert_has(f, "\"statusCode\":1");
	assert_has(f, "\"pnrs\":[");
	assert_int_equal(gateway_effects(f->gateway, "t1"), 1);
	assert_int_equal(gateway_script(f->gateway, "t1 submit 3 expire-session"), 0);
	travlinq(f, 401, BOOK, "{\"offerId\":\"t1\"}");
	travlinq(f, 401, BOOK, "{\"offerId\":\"t1\"}");
	log_in(f);
	travlinq(f, 422, BOOK, "{}");
	assert_int_equal(gateway_effects(f->gateway, NULL), 1);
}

static void
travlinq_fetch_later(void **state)
{
	struct fixture *f = *state;
	char first[512];

	start(f, no_sync);
	log_in(f);
	assert_int_equal(gateway_script(f->gateway, "t1 submit * pending 2"), 0);
	travlinq(f, 202, BOOK, "{\"offerId\":\"t1\"}");
	assert_has(f, "\"statusMessage\":\"FETCH LATER\"");
	assert_int_equal(gateway_effects(f->gateway, "t1"), 1);
	fetch_url(f);
	strcpy(first, f->url);
	travlinq(f, 202, f->url, NULL);
	assert_has(f, "\"statusCode\":3");
	fetch_url(f);
	assert_string_not_equal(first, f->url);
	travlinq(f, 404, first, NULL);
	assert_int_equal(gateway_stale_polls(f->gateway, "t1"), 1);
	travlinq(f, 202, f->url, NULL);
	fetch_url(f);
	travlinq(f, 200, f->url, NULL);
	assert_has(f, "\"bookingReference\":\"TLQ");
	travlinq(f, 400, "/api/v1/fetch/nothing?retrieveId=1", NULL);
	travlinq(f, 404, "/api/v1/fetch/flight/search?retrieveId=1", NULL);
	assert_int_equal(gateway_effects(f->gateway, "t1"), 1);
	assert_int_equal(gateway_requests(f->gateway, "t1", "poll"), 4);
}

/* A fetch URL whose answer was broken on its way was never given: the old one goes on working. */
static void
travlinq_lost_poll_keeps_the_url(void **state)
{
	struct fixture *f = *state;
	const char *const headers[] = {"X-API-KEY: secret", f->session, NULL};

	start(f, no_sync);
	log_in(f);
	assert_int_equal(gateway_script(f->gateway, "t1 submit 1 pending 2\nt1 poll 1 lose"), 0);
	travlinq(f, 202, BOOK, "{\"offerId\":\"t1\"}");
	fetch_url(f);
	memmove(f->session + 11, f->session, 40);
	memcpy(f->session, "sessionId: ", 11);
	gateway_answer_free(&f->answer);
	f->answer = gateway_ask(f->gateway, f->url, headers, NULL, PATIENCE_MS);
	assert_int_equal(f->answer.curl, 52); /* empty reply */
	ask(f, 202, f->url, headers, NULL);
	fetch_url(f);
	ask(f, 200, f->url, headers, NULL);
}

/* With --fetch-grace a client that never learned the newer URL is forgiven, until it used one. */
static void
travlinq_grace(void **state)
{
	static const char *const grace[] = {"--fetch-grace", NULL};
	struct fixture *f = *state;
	char first[512];

	start(f, grace);
	log_in(f);
	assert_int_equal(gateway_script(f->gateway, "t1 submit * pending 9"), 0);
	travlinq(f, 202, BOOK, "{\"offerId\":\"t1\"}");
	fetch_url(f);
	strcpy(first, f->url);
	travlinq(f, 202, first, NULL);
	travlinq(f, 202, first, NULL);
	travlinq(f, 202, first, NULL);
	fetch_url(f);
	travlinq(f, 202, f->url, NULL);
	travlinq(f, 404, first, NULL);
	assert_int_equal(gateway_stale_polls(f->gateway, "t1"), 3);
}

static void
travlinq_too_slow(void **state)
{
	static const char *const fast[] = {"--fetch-max-ms", "30", "--process-ms", "60s", NULL};
	struct fixture *f = *state;

	start(f, fast);
	log_in(f);
	travlinq(f, 202, BOOK, "{\"offerId\":\"slow-1\"}");
	fetch_url(f);
	gateway_wait_requests(f->gateway, "nobody", NULL, 1, 60);
	travlinq(f, 500, f->url, NULL);
}

static void
generic(struct fixture *f, int status, const char *path, const char *key, const char *body)
{
	char line[128];
	const char *const headers[] = {line, NULL};

	snprintf(line, sizeof(line), "Idempotency-Key: %s", key);
	ask(f, status, path, headers, body);
}

static void
generic_keys(void **state)
{
	struct fixture *f = *state;

	start(f, no_sync);
	generic(f, 200, "/generic/a", "k", "{\"reference\":\"g1\"}");
	generic(f, 200, "/generic/a", "k", "{\"reference\":\"g1\"}");
	assert_non_null(strstr(f->answer.headers, "Idempotent-Replayed: true"));
	generic(f, 422, "/generic/a", "k", "{\"reference\":\"g1\" }");
	generic(f, 422, "/generic/b", "k", "{\"reference\":\"g1\"}");
	assert_int_equal(gateway_script(f->gateway, "g1 any * in-progress"), 0);
	generic(f, 409, "/generic/a", "k", "{\"reference\":\"g1\"}");
	assert_int_equal(gateway_script(f->gateway, "clear\ng1 any 6 forget-key"), 0);
	generic(f, 200, "/generic/a", "k", "{\"reference\":\"g1\"}");
	assert_int_equal(gateway_effects(f->gateway, "g1"), 2);
}

static void
generic_operations(void **state)
{
	struct fixture *f = *state;
	char url[512];
	const char *at;

	start(f, no_sync);
	assert_int_equal(gateway_script(f->gateway, "g1 submit 1 pending 1 operation-location"), 0);
	generic(f, 202, "/generic/a", "k", "{\"reference\":\"g1\"}");
	assert_non_null(strstr(f->answer.headers, "Retry-After: 1"));
	at = strstr(f->answer.headers, "Operation-Location: ");
	assert_non_null(at);
	snprintf(url, sizeof(url), "%.*s", (int)strcspn(at + 20, "\r"), at + 20);
	ask(f, 200, url, NULL, NULL);
	assert_has(f, "running");
	ask(f, 200, url, NULL, NULL);
	assert_has(f, "succeeded");
}

static void
control_counts_and_resets(void **state)
{
	struct fixture *f = *state;

	start(f, NULL);
	riverty(f, 200, AUTHORIZE, "k", ORDER("o1"));
	ask(f, 200, "/_fake/counts", NULL, NULL);
	assert_has(f, "\"o1\"");
	ask(f, 200, "/_fake/effects", NULL, NULL);
	assert_has(f, "\"amount\":\"10.10\"");
	ask(f, 200, "/_fake/requests", NULL, NULL);
	assert_has(f, "\"sha256\":");
	ask(f, 400, "/_fake/script", NULL, "o1 submit 1 nonsense");
	assert_int_equal(gateway_reset(f->gateway), 0);
	assert_int_equal(gateway_effects(f->gateway, NULL), 0);
	ask(f, 200, "/_fake/effects", NULL, NULL);
	assert_string_equal(f->answer.body, "[]\n");
	riverty(f, 200, AUTHORIZE, "k", ORDER("o1"));
	assert_int_equal(gateway_effects(f->gateway, "o1"), 1);
}

static void
script_file_is_read_again(void **state)
{
	struct fixture *f = *state;
	const char *path = scratch_path(f->dir, "script");
	const char *const arguments[] = {"--script", path, NULL};

	scratch_write(path, "* any * status 503\n", 19);
	start(f, arguments);
	ask(f, 503, "/generic/a", NULL, "{}");
	scratch_write(path, "# nothing wrong any more\n", 25);
	ask(f, 200, "/generic/a", NULL, "{}");
	scratch_write(path, "not a rule\n", 11); /* the good one stays */
	ask(f, 200, "/generic/a", NULL, "{}");
}

static void
memory_outlives_a_kill(void **state)
{
	struct fixture *f = *state;
	const char *const arguments[] = {"--memory", scratch_path(f->dir, "memory"), NULL};
	char url[512];
	char *first;

	start(f, arguments);
	riverty(f, 200, AUTHORIZE, "k", ORDER("o1"));
	first = strdup(f->answer.body);
	ask(f, 200, "/orders", vrio, VRIO_ORDER("v1", "testlongrequest"));
	snprintf(url, sizeof(url), "%s", gateway_pick(&f->answer, "\"api_request\":\""));
	ask(f, 404, url, vrio, NULL);
	gateway_kill(f->gateway);
	assert_int_equal(gateway_restart(f->gateway), 0);
	riverty(f, 200, AUTHORIZE, "k", ORDER("o1"));
	assert_string_equal(f->answer.body, first);
	riverty(f, 400, AUTHORIZE, "k2", ORDER("o1"));
	ask(f, 404, url, vrio, NULL);
	ask(f, 200, url, vrio, NULL);
	assert_int_equal(gateway_effects(f->gateway, NULL), 2);
	free(first);
}

/* A client that leaves in the middle of its body is noted, and has no effect. */
static void
broken_off_requests_are_noted(void **state)
{
	struct fixture *f = *state;
	cJSON *log;

	start(f, no_sync);
	gateway_send_bytes(f->gateway,
	    "POST /generic/a HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\n"
	    "Content-Length: 99\r\n\r\n{\"reference\":\"cut\"");
	assert_int_equal(gateway_wait_requests(f->gateway, "k", "submit", 1, PATIENCE_MS), 0);
	log = gateway_request_log(f->gateway);
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(log, 0), "fault")->valuestring,
	    "incomplete request");
	cJSON_Delete(log);
	assert_int_equal(gateway_effects(f->gateway, NULL), 0);
}

/* What --help prints stands in the README. */
static void
readme_shows_the_help(void **state)
{
	struct fixture *f = *state;
	const char *const arguments[] = {"--help", NULL};
	char *readme;
	char *help;

	readme = scratch_read("tests/gateway/README.md", NULL);
	f->gateway = gateway_start(f->dir, arguments); /* prints, and ends at once */
	assert_null(f->gateway);
	help = scratch_read(scratch_path(f->dir, "gateway.log"), NULL);
	assert_non_null(strstr(readme, help));
	free(readme);
	free(help);
}

static void
canary_writes_down_who_came(void **state)
{
	struct fixture *f = *state;

	f->gateway = gateway_canary_start(f->dir);
	assert_non_null(f->gateway);
	assert_int_equal(gateway_canary_hits(f->gateway), 0);
	f->answer = gateway_ask(f->gateway, "/stolen", NULL, NULL, PATIENCE_MS);
	assert_int_not_equal(f->answer.curl, 0);
	assert_int_equal(gateway_canary_hits(f->gateway), 1);
}

static void
stops_cleanly(void **state)
{
	struct fixture *f = *state;
	struct raw_answer raw;

	start(f, no_sync);
	assert_int_equal(gateway_script(f->gateway, "* any * silence"), 0);
	raw = gateway_raw(f->gateway, "/generic/a", "{}", 50, 100);
	free(raw.bytes);
	assert_int_equal(gateway_stop(f->gateway), 0);
	f->gateway = NULL;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(riverty_replays_the_first_answer),
	    EACH(riverty_refuses_misused_keys),
	    EACH(riverty_captures_refunds_voids),
	    EACH(riverty_forgets_keys_in_time),
	    EACH(riverty_outcomes),
	    EACH(vrio_orders),
	    EACH(vrio_fetch_later),
	    EACH(travlinq_sessions),
	    EACH(travlinq_fetch_later),
	    EACH(travlinq_lost_poll_keeps_the_url),
	    EACH(travlinq_grace),
	    EACH(travlinq_too_slow),
	    EACH(generic_keys),
	    EACH(generic_operations),
	    EACH(control_counts_and_resets),
	    EACH(script_file_is_read_again),
	    EACH(memory_outlives_a_kill),
	    EACH(broken_off_requests_are_noted),
	    EACH(readme_shows_the_help),
	    EACH(canary_writes_down_who_came),
	    EACH(stops_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
