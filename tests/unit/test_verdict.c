/*
 * test_verdict.c - from an answer to its class, with a small profile of its own: which rule counts,
 * what a document must be, what stands inside an envelope, what reaches the reason. The shipped
 * profiles are in test_profile_answers.c and test_gateways.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/txn.h"
#include "core/verdict.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(constant) ((char *)(constant))

/* --- a profile, by hand --- */

static char *ok_words[] = {TEXT("ok"), TEXT("fine")};
static int64_t codes[] = {1, 2};
static struct match is_ok[] = {
    {.pointer = TEXT("/state"), .type = MATCH_STRING, .strings = ok_words, .string_count = 2}};
static struct match has_inner[] = {{.pointer = TEXT("/inner"), .type = MATCH_EXISTS}};
static struct match has_later[] = {{.pointer = TEXT("/later"), .type = MATCH_EXISTS}};
static struct match is_bad[] = {{.pointer = TEXT("/bad"), .type = MATCH_BOOLEAN, .boolean = true}};
static struct match is_code[] = {
    {.pointer = TEXT("/code"), .type = MATCH_INTEGER, .integers = codes, .integer_count = 2}};
static struct match has_header[] = {{.header = TEXT("X-Where"), .type = MATCH_EXISTS}};
static struct status_range any_2xx[] = {{200, 299}};
static struct status_range only_202[] = {{202, 202}};

enum { SUBMIT = 1u << PHASE_SUBMIT, POLL = 1u << PHASE_POLL };

static struct rule rules[] = {
    {.name = TEXT("envelope"),
	.phases = SUBMIT | POLL,
	.matches = has_inner,
	.match_count = 1,
	.verdict = RULE_UNWRAP,
	.status_pointer = TEXT("/status"),
	.body_pointer = TEXT("/inner")},
    {.name = TEXT("ok"),
	.phases = SUBMIT,
	.statuses = any_2xx,
	.status_count = 1,
	.matches = is_ok,
	.match_count = 1,
	.verdict = RULE_SUCCEEDED,
	.reason_pointer = TEXT("/why")},
    {.name = TEXT("bad"),
	.phases = SUBMIT | POLL,
	.matches = is_bad,
	.match_count = 1,
	.verdict = RULE_FAILED,
	.reason = TEXT("refused"),
	.reason_pointer = TEXT("/why")},
    {.name = TEXT("later"),
	.phases = SUBMIT,
	.matches = has_later,
	.match_count = 1,
	.verdict = RULE_PENDING,
	.url_pointer = TEXT("/later")},
    {.name = TEXT("where"),
	.phases = SUBMIT,
	.statuses = only_202,
	.status_count = 1,
	.matches = has_header,
	.match_count = 1,
	.verdict = RULE_PENDING,
	.url_header = TEXT("X-Where")},
    {.name = TEXT("wait"),
	.phases = POLL,
	.statuses = only_202,
	.status_count = 1,
	.verdict = RULE_NOT_READY,
	.url_pointer = TEXT("/later")},
    {.name = TEXT("code"),
	.phases = SUBMIT,
	.matches = is_code,
	.match_count = 1,
	.verdict = RULE_LOGIN},
};
static struct operation operation = {.name = TEXT("pay"), .kind = KIND_KEYLESS};
static int unprocessed[] = {401, 429};
static int unprocessed_if_unexposed[] = {503};

static struct profile profile = {.answers_json = true,
    .rules = rules,
    .rule_count = COUNT(rules),
    .operations = &operation,
    .operation_count = 1,
    .unprocessed_if_unexposed = unprocessed_if_unexposed,
    .unprocessed_if_unexposed_count = 1};

static struct verdict_context context = {.profile = &profile,
    .operation = &operation,
    .unprocessed = unprocessed,
    .unprocessed_count = 2};

static const char *
find_header(const void *source, const char *name)
{
	return source != NULL && strcasecmp(name, "X-Where") == 0 ? source : NULL;
}

static struct answer
answer_of(enum phase phase, int status, const char *body, size_t length)
{
	return (struct answer){.phase = phase,
	    .evidence = EVIDENCE_ANSWERED,
	    .http_status = status,
	    .body = body,
	    .body_length = length,
	    .header = find_header};
}

static struct verdict
judge(enum phase phase, int status, const char *body)
{
	struct answer answer = answer_of(phase, status, body, strlen(body));
	struct verdict verdict;

	assert_int_equal(verdict_judge(&context, &answer, &verdict), 0);
	return verdict;
}

static void
expect_class(enum phase phase, int status, const char *body, enum answer_class class)
{
	struct verdict verdict = judge(phase, status, body);

	if (verdict.class != class)
		fail_msg("%s %d %s: %s by %s, expected %s", phase_name(phase), status, body,
		    answer_class_name(verdict.class), verdict.rule, answer_class_name(class));
	verdict_free(&verdict);
}

/* --- by status alone: every status there is --- */

static enum answer_class
class_by_table(int status)
{
	static const struct {
		int status;
		enum answer_class class;
	} single[] = {{303, CLASS_SEE_OTHER}, {400, CLASS_BAD_REQUEST},
	    {401, CLASS_AUTH_UNPROCESSED}, {402, CLASS_REFUSED}, {403, CLASS_AUTH},
	    {404, CLASS_NOT_FOUND}, {405, CLASS_REFUSED}, {407, CLASS_AUTH}, {408, CLASS_TIMEOUT},
	    {409, CLASS_CONFLICT}, {410, CLASS_REFUSED}, {413, CLASS_REFUSED}, {415, CLASS_REFUSED},
	    {421, CLASS_EARLY}, {422, CLASS_CONTENT}, {425, CLASS_EARLY}, {429, CLASS_UNPROCESSED},
	    {451, CLASS_REFUSED}, {502, CLASS_GATEWAY}, {503, CLASS_UNPROCESSED},
	    {504, CLASS_GATEWAY}};

	for (size_t i = 0; i < COUNT(single); i++)
		if (single[i].status == status)
			return single[i].class;
	if (status >= 200 && status <= 299)
		return CLASS_UNDECIDED;
	if (status >= 300 && status <= 399)
		return CLASS_REDIRECT;
	if (status >= 400 && status <= 499)
		return CLASS_OTHER_4XX;
	if (status >= 520 && status <= 530)
		return CLASS_GATEWAY;
	return status >= 500 && status <= 599 ? CLASS_SERVER : CLASS_ODD;
}

static void
test_every_status(void **state)
{
	(void)state;
	for (int status = -1; status < 1100; status++) {
		expect_class(PHASE_SUBMIT, status, "{}", class_by_table(status));
		if (status != 202) /* a rule of polls */
			expect_class(PHASE_POLL, status, "{}", class_by_table(status));
	}
}

/* A proxy's page is no word of the gateway: no refusal is final without its document. */
static void
test_pages_are_no_refusals(void **state)
{
	static const char *const pages[] = {"<html>Not Found</html>", "", "{", "Not Found", "{}{}"};
	static const int refusals[] = {400, 402, 404, 405, 406, 410, 413, 415, 418, 422, 451};
	static const int others[] = {301, 401, 403, 408, 409, 429, 500, 502, 503};

	(void)state;
	for (size_t p = 0; p < COUNT(pages); p++) {
		for (size_t i = 0; i < COUNT(refusals); i++) {
			expect_class(PHASE_SUBMIT, refusals[i], pages[p], CLASS_UNDECIDED);
			expect_class(PHASE_POLL, refusals[i], pages[p], CLASS_UNDECIDED);
		}
		for (size_t i = 0; i < COUNT(others); i++)
			expect_class(PHASE_SUBMIT, others[i], pages[p], class_by_table(others[i]));
	}
	profile.answers_json = false; /* an API that refuses without a body */
	expect_class(PHASE_SUBMIT, 404, "", CLASS_NOT_FOUND);
	profile.answers_json = true;
}

static void
test_unprocessed_while_unexposed(void **state)
{
	(void)state;
	expect_class(PHASE_SUBMIT, 503, "{}", CLASS_UNPROCESSED);
	context.exposed_earlier = true;
	expect_class(PHASE_SUBMIT, 503, "{}", CLASS_UNAVAILABLE);
	expect_class(PHASE_SUBMIT, 429, "{}", CLASS_UNPROCESSED);
	context.exposed_earlier = false;
}

/* --- no complete answer --- */

static void
test_without_an_answer(void **state)
{
	static const struct {
		enum evidence evidence;
		enum wire_trouble trouble;
		int status;
		const char *body;
		bool oversize;
		enum answer_class class;
	} cases[] = {
	    {EVIDENCE_UNSENT, WIRE_TROUBLE_NETWORK, 0, NULL, false, CLASS_UNSENT},
	    {EVIDENCE_UNSENT, WIRE_TROUBLE_REFUSED, 0, NULL, false, CLASS_UNSENT},
	    {EVIDENCE_UNSENT, WIRE_TROUBLE_NONE, 0, NULL, false, CLASS_UNSENT},
	    {EVIDENCE_UNSENT, WIRE_TROUBLE_TRUST, 0, NULL, false, CLASS_UNUSABLE},
	    {EVIDENCE_UNSENT, WIRE_TROUBLE_SETUP, 0, NULL, false, CLASS_UNUSABLE},
	    {EVIDENCE_UNSENT, WIRE_TROUBLE_FORBIDDEN, 0, NULL, false, CLASS_UNUSABLE},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NETWORK, 0, NULL, false, CLASS_LOST},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 200, NULL, false,
		CLASS_LOST}, /* headers only */
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 200, "{\"state\":\"ok\"}", false,
		CLASS_UNDECIDED},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 200, NULL, true, CLASS_UNDECIDED},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 400, "{\"bad\":true}", false, CLASS_LOST},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 401, "{}", false,
		CLASS_LOST}, /* proof needs a whole answer */
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 429, "", false, CLASS_LOST},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 302, "", false, CLASS_LOST},
	    {EVIDENCE_MAYBE_SENT, WIRE_TROUBLE_NONE, 100, NULL, false, CLASS_LOST},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answer answer = {.phase = PHASE_SUBMIT,
		    .evidence = cases[i].evidence,
		    .trouble = cases[i].trouble,
		    .http_status = cases[i].status,
		    .body = cases[i].body,
		    .body_length = cases[i].body == NULL ? 0 : strlen(cases[i].body),
		    .oversize = cases[i].oversize};
		struct verdict verdict;

		assert_int_equal(verdict_judge(&context, &answer, &verdict), 0);
		if (verdict.class != cases[i].class)
			fail_msg("case %d: %s", (int)i, answer_class_name(verdict.class));
		assert_null(verdict.body);
		assert_null(verdict.url);
		verdict_free(&verdict);
	}
}

/* --- documents that want to be misread (T31) --- */

static void
test_hostile_documents_are_no_success(void **state)
{
	static const struct {
		const char *body;
		size_t length; /* 0: strlen */
	} hostile[] = {
	    {"{\"state\":\"ok\"", 0},
	    {"{\"state\":\"ok\"} trailing", 0},
	    {"{\"state\":\"ok\"}{}", 0},
	    {"{\"state\":\"ok\"}\0", 16},
	    {"{\"state\":\"ok\0\"}", 16},
	    {"{\"state\":\"ok\\u0000\"}", 0},
	    {"{\"state\\u0000\":\"ok\"}", 0},
	    {"{\"state\":\"ok\",\"state\":\"bad\"}", 0},
	    {"{\"state\":\"bad\",\"state\":\"ok\"}", 0},
	    {"{\"state\":\"ok\",\"st\\u0061te\":\"bad\"}", 0},
	    {"\xef\xbb\xbf{\"state\":\"ok\"}", 0},
	    {"{\"state\":\"ok\",\"a\":\"\xff\"}", 0},
	    {"{\"state\":\"ok\",\"a\":\"\\ud800\"}", 0},
	    {"{\"state\":\"ok\",\"a\":\"\\uZZZZ\"}", 0},
	    {"{\"state\":\"ok\",\"a\":\"\xc0\xaf\"}", 0},
	    {"{\"state\":\"ok\",\"a\":0123}", 0},
	    {"{\"state\":\"ok\",\"a\":+1}", 0},
	    {"{\"state\":\"ok\",\"a\":NaN}", 0},
	    {"{\"state\":\"ok\",}", 0},
	    {"{'state':'ok'}", 0},
	    {"{\"state\":\"ok\",\"a\":\"\n\"}", 0},
	    {"{\"State\":\"ok\"}", 0},
	    {"{\"state\":\"OK\"}", 0},
	    {"{\"state\":\"ok \"}", 0},
	    {"{\"state\":[\"ok\"]}", 0},
	    {"{\"state\":true}", 0},
	    {"[{\"state\":\"ok\"}]", 0},
	    {"{\"x\":{\"state\":\"ok\"}}", 0},
	    {"\"ok\"", 0},
	    {"null", 0},
	    {"", 0},
	    {" ", 0},
	    {"{\"state\":\"ok\",\"a\":1e99999999999999999999999999999999999999999999}", 0},
	    {"HTTP/1.1 200 OK\r\n\r\n{\"state\":\"ok\"}", 0},
	    {"/* */{\"state\":\"ok\"}", 0},
	};
	char deep[200];

	(void)state;
	for (size_t i = 0; i < COUNT(hostile); i++) {
		struct answer answer = answer_of(PHASE_SUBMIT, 200, hostile[i].body,
		    hostile[i].length == 0 ? strlen(hostile[i].body) : hostile[i].length);
		struct verdict verdict;

		assert_int_equal(verdict_judge(&context, &answer, &verdict), 0);
		if (verdict.class != CLASS_UNDECIDED)
			fail_msg("%s: %s", hostile[i].body, answer_class_name(verdict.class));
		verdict_free(&verdict);
	}
	(void)snprintf(deep, sizeof(deep), "{\"state\":\"ok\",\"a\":%.*s1%.*s}", 40,
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 40,
	    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	expect_class(PHASE_SUBMIT, 200, deep, CLASS_UNDECIDED);
	expect_class(PHASE_SUBMIT, 200, " {\"state\":\"fine\"}\r\n", CLASS_SUCCEEDED);
	expect_class(PHASE_SUBMIT, 200, "{\"st\\u0061te\":\"o\\u006b\"}", CLASS_SUCCEEDED);
}

static void
test_numbers_are_compared_by_their_digits(void **state)
{
	static const char *const not_one[] = {"{\"code\":1.0}", "{\"code\":1e0}",
	    "{\"code\":\"1\"}", "{\"code\":true}", "{\"code\":-1}",
	    "{\"code\":18446744073709551617}", "{\"code\":4294967297}", "{\"code\":null}",
	    "{\"code\":[1]}"};

	(void)state;
	expect_class(PHASE_SUBMIT, 200, "{\"code\":1}", CLASS_LOGIN);
	expect_class(PHASE_SUBMIT, 200, "{\"code\":2}", CLASS_LOGIN);
	for (size_t i = 0; i < COUNT(not_one); i++)
		expect_class(PHASE_SUBMIT, 200, not_one[i], CLASS_UNDECIDED);
	expect_class(PHASE_SUBMIT, 200, "{\"bad\":true}", CLASS_FAILED);
	expect_class(PHASE_SUBMIT, 200, "{\"bad\":1}", CLASS_UNDECIDED);
	expect_class(PHASE_SUBMIT, 200, "{\"bad\":\"true\"}", CLASS_UNDECIDED);
	expect_class(PHASE_SUBMIT, 200, "{\"bad\":false}", CLASS_UNDECIDED);
}

/* --- rules --- */

static void
test_the_first_rule_wins(void **state)
{
	(void)state;
	expect_class(PHASE_SUBMIT, 200, "{\"state\":\"ok\",\"bad\":true}", CLASS_SUCCEEDED);
	expect_class(PHASE_SUBMIT, 200, "{\"bad\":true,\"later\":\"u\"}", CLASS_FAILED);
	expect_class(PHASE_SUBMIT, 500, "{\"bad\":true}", CLASS_FAILED);
	expect_class(
	    PHASE_SUBMIT, 400, "{\"state\":\"ok\"}", CLASS_BAD_REQUEST);      /* "ok" wants a 2xx */
	expect_class(PHASE_POLL, 200, "{\"state\":\"ok\"}", CLASS_UNDECIDED); /* and a submit */
}

static void
test_fetch_urls(void **state)
{
	struct answer answer = answer_of(PHASE_SUBMIT, 202, "x", 1);
	struct verdict verdict = judge(PHASE_SUBMIT, 200, "{\"later\":\"/f/1\"}");

	(void)state;
	assert_int_equal(verdict.class, CLASS_PENDING);
	assert_string_equal(verdict.url, "/f/1");
	verdict_free(&verdict);
	expect_class(PHASE_SUBMIT, 200, "{\"later\":\"\"}", CLASS_PENDING_NO_URL);
	expect_class(PHASE_SUBMIT, 200, "{\"later\":null}", CLASS_PENDING_NO_URL);
	expect_class(PHASE_SUBMIT, 200, "{\"later\":5}", CLASS_PENDING_NO_URL);
	expect_class(PHASE_SUBMIT, 200, "{\"later\":{}}", CLASS_PENDING_NO_URL);
	answer.header_source = "/f/2"; /* from a header: no document is needed */
	assert_int_equal(verdict_judge(&context, &answer, &verdict), 0);
	assert_int_equal(verdict.class, CLASS_PENDING);
	assert_string_equal(verdict.url, "/f/2");
	verdict_free(&verdict);
	/* a poll may bring a newer one, or none, or no document at all */
	verdict = judge(PHASE_POLL, 202, "{\"later\":\"/f/3\"}");
	assert_int_equal(verdict.class, CLASS_NOT_READY);
	assert_string_equal(verdict.url, "/f/3");
	verdict_free(&verdict);
	verdict = judge(PHASE_POLL, 202, "<html>");
	assert_int_equal(verdict.class, CLASS_NOT_READY);
	assert_null(verdict.url);
	verdict_free(&verdict);
}

/* --- envelopes --- */

static void
test_envelopes(void **state)
{
	static const struct {
		const char *body;
		enum answer_class class;
		int status;
		const char *inner; /* the body to keep, or NULL */
	} cases[] = {
	    {"{\"status\":200,\"inner\":{\"state\" : \"ok\"}}", CLASS_SUCCEEDED, 200,
		"{\"state\" : \"ok\"}"},
	    {"{\"status\":200,\"inner\":\"{\\\"state\\\":\\\"ok\\\"}\"}", CLASS_SUCCEEDED, 200,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":200,\"inner\":{}}", CLASS_INNER_UNDECIDED, 200, "{}"},
	    {"{\"status\":200,\"inner\":\"ok\"}", CLASS_INNER_UNDECIDED, 200, "ok"},
	    {"{\"status\":200,\"inner\":\"{\"}", CLASS_INNER_UNDECIDED, 200, "{"},
	    {"{\"status\":200,\"inner\":\"{\\\"state\\\":\\\"ok\\\"}x\"}", CLASS_INNER_UNDECIDED,
		200, "{\"state\":\"ok\"}x"},
	    {"{\"status\":200,\"inner\":null}", CLASS_INNER_UNDECIDED, 200, "null"},
	    {"{\"status\":200,\"inner\":\"\"}", CLASS_INNER_UNDECIDED, 200, ""},
	    {"{\"status\":402,\"inner\":{\"a\":1}}", CLASS_FAILED, 402, "{\"a\":1}"},
	    {"{\"status\":402,\"inner\":\"\"}", CLASS_INNER_UNDECIDED, 402, ""},
	    {"{\"status\":402,\"inner\":\"<html>\"}", CLASS_INNER_UNDECIDED, 402, "<html>"},
	    {"{\"status\":401,\"inner\":{}}", CLASS_FAILED, 401,
		"{}"}, /* not our credentials: the request's own end */
	    {"{\"status\":429,\"inner\":{}}", CLASS_FAILED, 429, "{}"},
	    {"{\"status\":500,\"inner\":{}}", CLASS_INNER_SERVER, 500, "{}"},
	    {"{\"status\":503,\"inner\":\"\"}", CLASS_INNER_SERVER, 503, ""},
	    {"{\"status\":302,\"inner\":{}}", CLASS_INNER_UNDECIDED, 302, "{}"},
	    {"{\"status\":\"200\",\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":200.0,\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":2e2,\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":-1,\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":4294967496,\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":600,\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"status\":99,\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0,
		"{\"state\":\"ok\"}"},
	    {"{\"inner\":{\"state\":\"ok\"}}", CLASS_INNER_UNDECIDED, 0, "{\"state\":\"ok\"}"},
	    /* an envelope in an envelope is not opened */
	    {"{\"status\":200,\"inner\":{\"status\":200,\"inner\":{\"state\":\"ok\"}}}",
		CLASS_INNER_UNDECIDED, 200, "{\"status\":200,\"inner\":{\"state\":\"ok\"}}"},
	    /* and its member of that name does not hide what it says */
	    {"{\"status\":200,\"inner\":{\"inner\":1,\"state\":\"ok\"}}", CLASS_SUCCEEDED, 200,
		"{\"inner\":1,\"state\":\"ok\"}"},
	    /* what stands beside the inner document says nothing */
	    {"{\"status\":200,\"state\":\"ok\",\"inner\":{}}", CLASS_INNER_UNDECIDED, 200, "{}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct verdict verdict = judge(PHASE_POLL, 200, cases[i].body);

		if (verdict.class != cases[i].class || verdict.http_status != cases[i].status ||
		    !verdict.unwrapped)
			fail_msg("%s: %s, status %d", cases[i].body,
			    answer_class_name(verdict.class), verdict.http_status);
		assert_int_equal(verdict.body_length, strlen(cases[i].inner));
		assert_memory_equal(verdict.body, cases[i].inner, verdict.body_length);
		verdict_free(&verdict);
	}
}

/* --- what people read --- */

static void
expect_reason(const char *body, const char *reason)
{
	struct verdict verdict = judge(PHASE_SUBMIT, 200, body);

	if (strcmp(verdict.reason, reason) != 0)
		fail_msg("%s: \"%s\"", body, verdict.reason);
	verdict_free(&verdict);
}

static void
test_reasons(void **state)
{
	(void)state;
	expect_reason("{\"bad\":true}", "refused");
	expect_reason("{\"bad\":true,\"why\":\"E1\"}", "refused: E1");
	expect_reason("{\"bad\":true,\"why\":5}", "refused");
	/* Reasons are kept and logged: no card number gets there. */
	expect_reason("{\"bad\":true,\"why\":\"4111111111111111\"}", "refused");
	expect_reason("{\"state\":\"ok\",\"why\":\"card 4111 1111 1111 1111 is bad\"}", "");
	expect_reason("{\"state\":\"ok\"}", "");
	expect_reason("{\"state\":\"ok\",\"why\":\"because\"}", "because");
	expect_reason("{\"state\":\"maybe\",\"why\":\"because\"}", "");
	/* nothing from outside reaches a terminal or breaks a log line */
	expect_reason(
	    "{\"state\":\"ok\",\"why\":\"a\\u001b[2Jb\\r\\nc\\td\\u007fe\"}", "a [2Jb  c d e");
	expect_reason("{\"state\":\"ok\",\"why\":\"a\\u009b31mb\\u0085c\"}", "a 31mb c");
	expect_reason("{\"state\":\"ok\",\"why\":\"Zahlung f\\u00fcr \\u20ac\"}",
	    "Zahlung f\xc3\xbcr \xe2\x82\xac");
}

/* Cut at 255 bytes, and never within a character, whatever the script. */
static void
test_long_reasons(void **state)
{
	static const char *const letters[] = {"x", "\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x92\xb8"};

	(void)state;
	for (size_t i = 0; i < COUNT(letters); i++)
		for (size_t shift = 0; shift < 4; shift++) {
			size_t width = strlen(letters[i]);
			char body[4096] = "{\"state\":\"ok\",\"why\":\"";
			struct verdict verdict;
			size_t length;

			strcat(body, &"yyyy"[4 - shift]);
			for (int n = 0; n < 600; n++)
				strcat(body, letters[i]);
			strcat(body, "\"}");
			verdict = judge(PHASE_SUBMIT, 200, body);
			length = strlen(verdict.reason);
			assert_in_range(length, 252, 255);
			assert_int_equal((length - shift) % width, 0);
			for (size_t at = shift; at < length; at += width)
				assert_memory_equal(verdict.reason + at, letters[i], width);
			verdict_free(&verdict);
		}
}

static void
test_free_twice(void **state)
{
	struct verdict verdict = judge(PHASE_POLL, 200, "{\"status\":200,\"inner\":{}}");

	(void)state;
	verdict_free(&verdict);
	verdict_free(&verdict);
}

static void
test_names(void **state)
{
	(void)state;
	for (int a = 0; a < CLASS_COUNT; a++) {
		assert_non_null(answer_class_name((enum answer_class)a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(answer_class_name((enum answer_class)a),
			    answer_class_name((enum answer_class)b));
	}
	assert_string_equal(evidence_name(EVIDENCE_UNSENT), "unsent");
	assert_string_equal(evidence_name(EVIDENCE_MAYBE_SENT), "maybe_sent");
	assert_string_equal(evidence_name(EVIDENCE_ANSWERED), "answered");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_status),
	    cmocka_unit_test(test_pages_are_no_refusals),
	    cmocka_unit_test(test_unprocessed_while_unexposed),
	    cmocka_unit_test(test_without_an_answer),
	    cmocka_unit_test(test_hostile_documents_are_no_success),
	    cmocka_unit_test(test_numbers_are_compared_by_their_digits),
	    cmocka_unit_test(test_the_first_rule_wins),
	    cmocka_unit_test(test_fetch_urls),
	    cmocka_unit_test(test_envelopes),
	    cmocka_unit_test(test_reasons),
	    cmocka_unit_test(test_long_reasons),
	    cmocka_unit_test(test_free_twice),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
