/* test_fakegw_faults.c - that each fault of the fake gateway is what its help text says, at the
 * socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "lib/gateway.h"
#include "lib/gateway_ask.h"
#include "lib/scratch.h"

enum { PATIENCE_MS = 30000, SHORT_MS = 250, MANY = 1 << 20 };

struct fixture {
	void *dir;
	struct gateway *gateway;
	struct raw_answer raw;
	struct gateway_answer answer;
};

static const char *const no_sync[] = {"--no-fsync", NULL};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (f == NULL || scratch_setup(&f->dir) != 0)
		return -1;
	f->gateway = gateway_start(f->dir, no_sync);
	return f->gateway == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	free(f->raw.bytes);
	gateway_answer_free(&f->answer);
	gateway_stop(f->gateway);
	scratch_teardown(&f->dir);
	free(f);
	return 0;
}

static void
script(struct fixture *f, const char *fault)
{
	char line[512];

	snprintf(line, sizeof(line), "clear\nr submit * %s", fault);
	assert_int_equal(gateway_script(f->gateway, line), 0);
}

static void
raw_for(struct fixture *f, const char *fault, int timeout_ms, size_t max)
{
	script(f, fault);
	free(f->raw.bytes);
	f->raw = gateway_raw(f->gateway, "/generic/a", "{\"reference\":\"r\"}", timeout_ms, max);
}

/* The connection meets fault and ends so, after bytes that begin with this. */
static void
expect_raw(struct fixture *f, const char *fault, enum raw_end end, const char *begins)
{
	raw_for(f, fault, end == RAW_TIMEOUT ? SHORT_MS : PATIENCE_MS, MANY);
	if (f->raw.end != end || strncmp(f->raw.bytes, begins, strlen(begins)) != 0)
		fail_msg("%s: end %d after %.300s", fault, (int)f->raw.end, f->raw.bytes);
}

static int
answered(struct fixture *f, const char *fault)
{
	script(f, fault);
	gateway_answer_free(&f->answer);
	f->answer =
	    gateway_ask(f->gateway, "/generic/a", NULL, "{\"reference\":\"r\"}", PATIENCE_MS);
	assert_int_equal(f->answer.curl, 0);
	return f->answer.status;
}

static void
connections_without_answer(void **state)
{
	struct fixture *f = *state;

	expect_raw(f, "lose", RAW_FIN, "");
	assert_int_equal(f->raw.length, 0);
	expect_raw(f, "reset", RAW_RESET, "");
	assert_int_equal(f->raw.length, 0);
	expect_raw(f, "silence", RAW_TIMEOUT, "");
	assert_int_equal(f->raw.length, 0);
	expect_raw(f, "silence 80", RAW_FIN, "");
	assert_in_range(f->raw.ms, 79, 2000);
	assert_int_equal(gateway_effects(f->gateway, "r"), 4);
	expect_raw(f, "before lose", RAW_FIN, "");
	expect_raw(f, "lose before", RAW_FIN, "");
	expect_raw(f, "before reset", RAW_RESET, "");
	expect_raw(f, "before silence", RAW_TIMEOUT, "");
	assert_int_equal(gateway_effects(f->gateway, "r"), 4);
}

static void
broken_protocol(void **state)
{
	struct fixture *f = *state;

	expect_raw(f, "garbage", RAW_FIN, "\x16\x03");
	expect_raw(f, "http09", RAW_FIN, "{\"status\":");
	expect_raw(f, "half-headers", RAW_FIN, "HTTP/1.1 200 OK\r\n");
	assert_null(strstr(f->raw.bytes, "\r\n\r\n"));
	expect_raw(f, "only-1xx", RAW_FIN, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102");
	assert_null(strstr(f->raw.bytes, " 200 "));
	expect_raw(f, "truncate", RAW_FIN, "HTTP/1.1 200 OK\r\n");
	assert_non_null(strstr(f->raw.bytes, "Content-Length: "));
	expect_raw(f, "half-chunk", RAW_FIN, "HTTP/1.1 200 OK\r\n");
	assert_non_null(strstr(f->raw.bytes, "Transfer-Encoding: chunked"));
	expect_raw(f, "close-delimited", RAW_FIN, "HTTP/1.1 200 OK\r\n");
	assert_null(strstr(f->raw.bytes, "Content-Length"));
	assert_null(strchr(f->raw.bytes, '}'));
	assert_int_equal(gateway_effects(f->gateway, "r"), 7);
}

static void
floods(void **state)
{
	struct fixture *f = *state;

	raw_for(f, "endless", PATIENCE_MS, MANY);
	assert_int_equal(f->raw.end, RAW_FULL);
	raw_for(f, "endless-1xx", PATIENCE_MS, MANY);
	assert_int_equal(f->raw.end, RAW_FULL);
	raw_for(f, "big-header 3000000", PATIENCE_MS, 4 * MANY);
	assert_int_equal(f->raw.end, RAW_FIN);
	assert_in_range(f->raw.length, 3000000, 3001000);
	assert_int_equal(answered(f, "oversize 2000000"), 200);
	assert_in_range(strlen(f->answer.body), 2000000, 2002000);
	/* the gateway still answers others */
	assert_int_equal(answered(f, "ok"), 200);
}

static void
slowness(void **state)
{
	struct fixture *f = *state;

	raw_for(f, "slow-headers 20", SHORT_MS, MANY);
	assert_int_equal(f->raw.end, RAW_TIMEOUT);
	assert_in_range(f->raw.length, 2, 16);
	raw_for(f, "slow-body 20", SHORT_MS, MANY);
	assert_int_equal(f->raw.end, RAW_TIMEOUT);
	assert_non_null(strstr(f->raw.bytes, "\r\n\r\n{\""));
	raw_for(f, "slow-body 2", PATIENCE_MS, MANY);
	assert_int_equal(f->raw.end, RAW_FIN);
	assert_non_null(strchr(f->raw.bytes, '}'));
	script(f, "delay 120");
	free(f->raw.bytes);
	f->raw = gateway_raw(f->gateway, "/generic/a", "{\"reference\":\"r\"}", 100, MANY);
	assert_int_equal(f->raw.length, 0);
	assert_int_equal(answered(f, "delay 120"), 200);
}

static void
statuses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(answered(f, "status 503 retry-after 7 body {\"a\": 1}"), 503);
	assert_string_equal(f->answer.body, "{\"a\": 1}");
	assert_non_null(strstr(f->answer.headers, "Retry-After: 7\r\n"));
	assert_int_equal(
	    answered(f, "status 429 retry-after Wed, 21 Oct 2015 07:28:00 GMT body x y"), 429);
	assert_non_null(
	    strstr(f->answer.headers, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"));
	assert_string_equal(f->answer.body, "x y");
	assert_int_equal(answered(f, "redirect 307 http://127.0.0.1:1/x"), 307);
	assert_non_null(strstr(f->answer.headers, "Location: http://127.0.0.1:1/x\r\n"));
	assert_int_equal(gateway_effects(f->gateway, "r"), 0);
	assert_int_equal(answered(f, "after status 500"), 500);
	assert_int_equal(gateway_effects(f->gateway, "r"), 1);
	assert_int_equal(answered(f, "http 404"), 404);
	assert_non_null(strstr(f->answer.body, "succeeded"));
	assert_int_equal(gateway_effects(f->gateway, "r"), 2);
}

static void
bodies(void **state)
{
	static const char *const broken[] = {"garble", "not-json", "trailing", "body", "body [1"};
	struct fixture *f = *state;
	cJSON *json;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(answered(f, broken[i]), 200);
		json = cJSON_ParseWithOpts(f->answer.body, NULL, 1);
		assert_null(json);
	}
	assert_int_equal(answered(f, "duplicate-member"), 200);
	assert_string_equal(strtok(f->answer.body, ","), "{\"status\":\"duplicate\"");
	assert_int_equal(answered(f, "echo-card"), 200);
	assert_non_null(strstr(f->answer.body, "\"cvv\":\"123\"}"));
	assert_int_equal(answered(f, "date Thu, 01 Jan 1970 00:00:00 GMT"), 200);
	assert_non_null(strstr(f->answer.headers, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
	assert_null(strstr(strstr(f->answer.headers, "Date: ") + 1, "Date: "));
	assert_int_equal(answered(f, "header X-More: a: b"), 200);
	assert_non_null(strstr(f->answer.headers, "X-More: a: b\r\n"));
}

static void
vrio(struct fixture *f, const char *path, const char *body)
{
	static const char *const headers[] = {"X-Api-Key: secret", NULL};

	gateway_answer_free(&f->answer);
	f->answer = gateway_ask(f->gateway, path, headers, body, PATIENCE_MS);
}

static void
expect_has(const struct fixture *f, const char *part)
{
	if (strstr(f->answer.body, part) == NULL)
		fail_msg("%s is not in %s", part, f->answer.body);
}

static void
fetch_urls(void **state)
{
	struct fixture *f = *state;

	script(f, "fetch-url http://elsewhere.example/x");
	gateway_script(f->gateway, "r submit * pending 0");
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	assert_string_equal(
	    gateway_pick(&f->answer, "\"api_request\":\""), "http://elsewhere.example/x");
	gateway_script(f->gateway, "r submit * fetch-url-missing");
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	assert_null(strstr(f->answer.body, "\"api_request\":"));
	gateway_script(f->gateway, "r submit * fetch-url");
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	expect_has(f, "\"api_request\":\"\"");
	gateway_script(f->gateway, "r submit * http 202");
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	assert_int_equal(f->answer.status, 202);
}

static void
inner_answers(void **state)
{
	static const char *const polls[][2] = {
	    {"inner-status 402", "\"api_response_code\":402,"},
	    {"inner-status \"200\"", "\"api_response_code\":\"200\","},
	    {"inner-status 200.0", "\"api_response_code\":200.0,"},
	    {"inner-raw {\"a\":1}", "\"api_response\":{\"a\":1},"},
	    {"inner-object", "\"api_response\":{\"success\":true"},
	};
	struct fixture *f = *state;
	char url[512];
	char line[128];

	gateway_script(f->gateway, "r submit * pending 0");
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	snprintf(url, sizeof(url), "%s", gateway_pick(&f->answer, "\"api_request\":\""));
	for (size_t i = 0; i < sizeof(polls) / sizeof(polls[0]); i++) {
		snprintf(line, sizeof(line), "clear\nr poll * %s", polls[i][0]);
		assert_int_equal(gateway_script(f->gateway, line), 0);
		vrio(f, url, NULL);
		expect_has(f, polls[i][1]);
	}
	gateway_script(f->gateway, "clear\nr poll * inner-missing");
	vrio(f, url, NULL);
	assert_null(strstr(f->answer.body, "api_response_code"));
	gateway_script(f->gateway, "clear\nr poll * not-ready-forever\nr poll * http 200");
	vrio(f, url, NULL);
	assert_int_equal(f->answer.status, 200);
	expect_has(f, "invalid_id");
}

/* A pending submit and a fault of its polls, each at its turn. */
static void
combinations(void **state)
{
	struct fixture *f = *state;
	char url[512];

	gateway_script(f->gateway,
	    "r submit 1 pending 1\nr poll 1 lose\nr poll 2 status 503 retry-after 1\n"
	    "order:r submit 2 before lose");
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	snprintf(url, sizeof(url), "%s", gateway_pick(&f->answer, "\"api_request\":\""));
	vrio(f, url, NULL);
	assert_int_equal(f->answer.curl, 52); /* lost; this was the one that is not ready */
	vrio(f, url, NULL);
	assert_int_equal(f->answer.status, 503);
	vrio(f, url, NULL);
	assert_int_equal(f->answer.status, 200);
	vrio(f, "/orders", "{\"reference\":\"r\"}");
	assert_int_equal(f->answer.curl, 52);
	assert_int_equal(gateway_effects(f->gateway, "r"), 1);
	assert_int_equal(gateway_requests(f->gateway, "r", "poll"), 3);
}

static void
the_later_line_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(answered(f, "status 500\nr any * status 503"), 503);
}

static void
log_names_the_fault(void **state)
{
	struct fixture *f = *state;
	cJSON *log;
	const cJSON *entry;

	expect_raw(f, "before lose", RAW_FIN, "");
	log = gateway_request_log(f->gateway);
	entry = cJSON_GetArrayItem(log, 0);
	assert_int_equal(cJSON_GetObjectItem(entry, "status")->valueint, 0);
	assert_string_equal(cJSON_GetObjectItem(entry, "fault")->valuestring, "lose(before)");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(entry, "effect")));
	cJSON_Delete(log);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(connections_without_answer),
	    EACH(broken_protocol),
	    EACH(floods),
	    EACH(slowness),
	    EACH(statuses),
	    EACH(bodies),
	    EACH(fetch_urls),
	    EACH(inner_answers),
	    EACH(combinations),
	    EACH(the_later_line_wins),
	    EACH(log_names_the_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
