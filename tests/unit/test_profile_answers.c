/*
 * test_profile_answers.c - what the shipped profiles make of answers: the gateways' own documents,
 * and what lies beside them. The rules come from etc/profiles, the judgement from core/verdict.
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

#include "core/verdict.h"
#include "edge/profile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct sample {
	const char *operation;
	enum phase phase;
	int http_status;
	const char *headers; /* "Name: value", one at most, or NULL */
	const char *body;
	enum answer_class class;
	const char *rule;   /* or NULL: not looked at */
	const char *url;    /* or NULL: none */
	const char *reason; /* or NULL: none */
};

static const char *
find_header(const void *source, const char *name)
{
	const char *line = source;
	size_t length = strlen(name);

	if (line == NULL || strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	return line + length + 2;
}

static void
check_sample(const struct profile *profile, const struct sample *sample)
{
	const struct verdict_context context = {
	    .profile = profile,
	    .operation = profile_operation(profile, sample->operation),
	    .unprocessed = profile->unprocessed,
	    .unprocessed_count = profile->unprocessed_count,
	};
	const struct answer answer = {
	    .phase = sample->phase,
	    .evidence = EVIDENCE_ANSWERED,
	    .http_status = sample->http_status,
	    .body = sample->body,
	    .body_length = strlen(sample->body),
	    .header = find_header,
	    .header_source = sample->headers,
	};
	struct verdict verdict;

	assert_non_null(context.operation);
	assert_int_equal(verdict_judge(&context, &answer, &verdict), 0);
	if (verdict.class != sample->class ||
	    (sample->rule != NULL && strcmp(verdict.rule, sample->rule) != 0))
		fail_msg("%s %s %d %s: %s by %s, expected %s by %s", profile->name,
		    sample->operation, sample->http_status, sample->body,
		    answer_class_name(verdict.class), verdict.rule,
		    answer_class_name(sample->class), sample->rule != NULL ? sample->rule : "any");
	if (strcmp(verdict.reason, sample->reason != NULL ? sample->reason : "") != 0)
		fail_msg("%s %d %s: reason \"%s\"", sample->operation, sample->http_status,
		    sample->body, verdict.reason);
	if ((verdict.url == NULL) != (sample->url == NULL) ||
	    (verdict.url != NULL && strcmp(verdict.url, sample->url) != 0))
		fail_msg("%s %d %s: url %s", sample->operation, sample->http_status, sample->body,
		    verdict.url != NULL ? verdict.url : "(none)");
	verdict_free(&verdict);
}

static struct profile *
load(const char *name)
{
	struct text problems;
	struct profile *profile;
	char file[64];

	snprintf(file, sizeof(file), "etc/profiles/%s.conf", name);
	text_init(&problems, 1 << 20);
	profile = profile_load(file, &problems);
	if (profile == NULL)
		fail_msg("%s", text_string(&problems));
	text_free(&problems);
	return profile;
}

static void
check_samples(const char *name, const struct sample *samples, size_t count)
{
	struct profile *profile = load(name);

	for (size_t i = 0; i < count; i++)
		check_sample(profile, &samples[i]);
	profile_free(profile);
}

/* Every rule of the profile decides at least one of the samples: none is dead. */
static void
check_every_rule(const char *name, const struct sample *samples, size_t count)
{
	struct profile *profile = load(name);

	for (size_t i = 0; i < profile->rule_count; i++) {
		bool seen = false;

		for (size_t j = 0; j < count; j++)
			seen = seen || (samples[j].rule != NULL &&
					   strcmp(samples[j].rule, profile->rules[i].name) == 0);
		if (!seen && profile->rules[i].verdict != RULE_UNWRAP)
			fail_msg("%s: rule %s decides no sample", name, profile->rules[i].name);
	}
	profile_free(profile);
}

#define SUBMIT PHASE_SUBMIT
#define POLL PHASE_POLL

/* --- Riverty --- */

static const struct sample riverty[] = {
    {"authorize", SUBMIT, 200, NULL, "{\"outcome\": \"Accepted\", \"reservationId\": \"r\"}",
	CLASS_SUCCEEDED, "accepted", NULL, NULL},
    {"authorize", SUBMIT, 200, NULL,
	"{\"outcome\": \"Rejected\", \"riskCheckMessages\": [{\"code\": \"200.101\", \"message\": "
	"\"m\"}]}",
	CLASS_FAILED, "rejected", NULL, "rejected: 200.101"},
    {"authorize", SUBMIT, 200, NULL, "{\"outcome\": \"Rejected\"}", CLASS_FAILED, "rejected", NULL,
	"rejected"},
    {"authorize", SUBMIT, 200, NULL, "{\"outcome\": \"Pending\"}", CLASS_SUCCEEDED,
	"strong-authentication", NULL, "action_required"},
    {"authorize", SUBMIT, 200, NULL, "{\"outcome\": \"NotEvaluated\"}", CLASS_UNDECIDED, NULL, NULL,
	NULL},
    {"authorize", SUBMIT, 200, NULL, "{\"outcome\": \"accepted\"}", CLASS_UNDECIDED, NULL, NULL,
	NULL},
    {"authorize", SUBMIT, 200, NULL, "{}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"authorize", SUBMIT, 200, NULL, "{\"outcome\": \"Accepted\"", CLASS_UNDECIDED, NULL, NULL,
	NULL},
    {"authorize", SUBMIT, 200, NULL, "", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"authorize", SUBMIT, 400, NULL, "{\"outcome\": \"Accepted\"}", CLASS_UNKNOWN, "contradiction",
	NULL, "an HTTP error with an outcome of success"},
    {"authorize", SUBMIT, 401, NULL, "{}", CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"authorize", SUBMIT, 403, NULL, "{}", CLASS_AUTH, NULL, NULL, NULL},
    {"authorize", SUBMIT, 429, NULL, "{}", CLASS_UNPROCESSED, NULL, NULL, NULL},
    {"authorize", SUBMIT, 500, NULL, "{}", CLASS_SERVER, NULL, NULL, NULL},
    {"authorize", SUBMIT, 503, NULL, "{}", CLASS_UNAVAILABLE, NULL, NULL, NULL},
    {"capture", SUBMIT, 200, NULL, "{\"capturedAmount\": 10.00, \"captureNumber\": \"1\"}",
	CLASS_SUCCEEDED, "captured", NULL, NULL},
    {"capture", SUBMIT, 200, NULL, "{\"captureNumber\": \"1\"}", CLASS_SUCCEEDED, "capture-number",
	NULL, NULL},
    {"refund", SUBMIT, 201, NULL, "{\"refundNumbers\": [\"1\"]}", CLASS_SUCCEEDED, "refund-numbers",
	NULL, NULL},
    {"refund", SUBMIT, 200, NULL, "{\"totalCapturedAmount\": 1}", CLASS_SUCCEEDED, "total-captured",
	NULL, NULL},
    {"void", SUBMIT, 200, NULL, "{\"totalAuthorizedAmount\": 0}", CLASS_SUCCEEDED,
	"total-authorized", NULL, NULL},
    {"void", SUBMIT, 200, NULL, "{\"capturedAmount\": 0}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"capture", SUBMIT, 200, NULL, "{}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"capture", SUBMIT, 200, NULL, "{\"outcome\": \"Rejected\"}", CLASS_UNDECIDED, NULL, NULL,
	NULL},
    {"capture", SUBMIT, 204, NULL, "", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"capture", SUBMIT, 200, NULL, "{\"capturedAmount\": 10", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"capture", SUBMIT, 200, NULL, "<html>ok</html>", CLASS_UNDECIDED, NULL, NULL, NULL},
};

static void
test_riverty(void **state)
{
	(void)state;
	check_samples("riverty", riverty, COUNT(riverty));
	check_every_rule("riverty", riverty, COUNT(riverty));
}

/* --- VRIO --- */

#define PROCESSING                                                                                 \
	"{\"error\": {\"code\": \"request_processing\", \"message\": \"m\", "                      \
	"\"api_request\": \"https://api.vrio.app/api_requests/2ec9\"}}"
#define FETCH "https://api.vrio.app/api_requests/2ec9"
#define INVALID_ID "{\"error\": {\"code\": \"invalid_id\", \"message\": \"Invalid request id\"}}"
#define ENVELOPE(code, response)                                                                   \
	"{\"api_request_id\": \"2ec9\", \"api_url\": \"POST /orders\", \"api_request\": \"{}\", "  \
	"\"api_response\": " response ", \"api_response_code\": " code "}"

static const struct sample vrio[] = {
    {"order", SUBMIT, 200, NULL, "{\"response_code\": 100, \"order_id\": 1}", CLASS_SUCCEEDED,
	"processed", NULL, NULL},
    {"order", SUBMIT, 200, NULL, "{\"response_code\": 101}", CLASS_SUCCEEDED, "more-steps", NULL,
	"action_required"},
    {"order", SUBMIT, 200, NULL, "{\"response_code\": 200}", CLASS_FAILED, "declined", NULL,
	"declined"},
    {"process", SUBMIT, 201, NULL, "{\"response_code\": 100}", CLASS_SUCCEEDED, "processed", NULL,
	NULL},
    {"order", SUBMIT, 200, NULL, "{\"response_code\": \"100\"}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"order", SUBMIT, 200, NULL, "{\"response_code\": 100.0}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"order", SUBMIT, 200, NULL, "{\"response_code\": 102}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"order", SUBMIT, 200, NULL, "{\"error\": {\"code\": \"other\"}}", CLASS_UNDECIDED, NULL, NULL,
	NULL},
    /* whatever the status */
    {"order", SUBMIT, 200, NULL, PROCESSING, CLASS_PENDING, "request-processing", FETCH, NULL},
    {"order", SUBMIT, 202, NULL, PROCESSING, CLASS_PENDING, "request-processing", FETCH, NULL},
    {"order", SUBMIT, 400, NULL, PROCESSING, CLASS_PENDING, "request-processing", FETCH, NULL},
    {"order", SUBMIT, 429, NULL, PROCESSING, CLASS_PENDING, "request-processing", FETCH, NULL},
    {"order", SUBMIT, 504, NULL, PROCESSING, CLASS_PENDING, "request-processing", FETCH, NULL},
    {"order", SUBMIT, 200, NULL, "{\"error\": {\"code\": \"request_processing\"}}",
	CLASS_PENDING_NO_URL, NULL, NULL, NULL},
    {"order", SUBMIT, 200, NULL,
	"{\"error\": {\"code\": \"request_processing\", \"api_request\": \"\"}}",
	CLASS_PENDING_NO_URL, NULL, NULL, NULL},
    {"order", SUBMIT, 200, NULL, INVALID_ID, CLASS_UNDECIDED, NULL, NULL, NULL},
    /* an error around a success: neither failed nor sent again */
    {"order", SUBMIT, 400, NULL, "{\"response_code\": 100}", CLASS_UNKNOWN, "contradiction", NULL,
	"an HTTP error with a response_code of success"},
    {"order", SUBMIT, 401, NULL, "{\"response_code\": 101}", CLASS_UNKNOWN, "contradiction", NULL,
	"an HTTP error with a response_code of success"},
    {"order", SUBMIT, 429, NULL, "{\"response_code\": 100}", CLASS_UNKNOWN, "contradiction", NULL,
	"an HTTP error with a response_code of success"},
    {"order", SUBMIT, 500, NULL, "{\"response_code\": 100}", CLASS_UNKNOWN, "contradiction", NULL,
	"an HTTP error with a response_code of success"},
    {"order", SUBMIT, 403, NULL, "{\"response_code\": \"100\"}", CLASS_UNKNOWN,
	"contradiction-text", NULL, "an HTTP error with a response_code of success"},
    {"order", SUBMIT, 403, NULL, "{\"response_code\": 200}", CLASS_UNKNOWN,
	"contradiction-unprocessed", NULL, "a refusal of the request itself, with a response_code"},
    {"order", SUBMIT, 401, NULL, "{\"error\": {}}", CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"order", SUBMIT, 403, NULL, "{\"error\": {}}", CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"order", SUBMIT, 403, NULL, "<html>", CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"order", SUBMIT, 429, NULL, "", CLASS_UNPROCESSED, NULL, NULL, NULL},
    {"order", SUBMIT, 422, NULL, "{\"error\": {}}", CLASS_CONTENT, NULL, NULL, NULL},
    {"order", SUBMIT, 402, NULL, "{\"response_code\": 200}", CLASS_REFUSED, NULL, NULL, NULL},
    {"order", SUBMIT, 500, NULL, "{}", CLASS_SERVER, NULL, NULL, NULL},
    /* polls */
    {"order", POLL, 200, NULL, INVALID_ID, CLASS_NOT_READY, "invalid-id", NULL, NULL},
    {"order", POLL, 404, NULL, INVALID_ID, CLASS_NOT_READY, "invalid-id", NULL, NULL},
    {"order", POLL, 401, NULL, INVALID_ID, CLASS_NOT_READY, "invalid-id", NULL, NULL},
    {"order", POLL, 500, NULL, INVALID_ID, CLASS_NOT_READY, "invalid-id", NULL, NULL},
    {"order", POLL, 200, NULL, PROCESSING, CLASS_NOT_READY, "still-processing", FETCH, NULL},
    {"order", POLL, 404, NULL, "{}", CLASS_NOT_FOUND, NULL, NULL, NULL},
    {"order", POLL, 200, NULL, "{\"response_code\": 100}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"order", POLL, 200, NULL, ENVELOPE("200", "{\"response_code\": 100}"), CLASS_SUCCEEDED,
	"processed", NULL, NULL},
    {"order", POLL, 202, NULL, ENVELOPE("200", "{\"response_code\": 100}"), CLASS_SUCCEEDED,
	"processed", NULL, NULL},
    {"order", POLL, 200, NULL, ENVELOPE("200", "\"{\\\"response_code\\\": 100}\""), CLASS_SUCCEEDED,
	"processed", NULL, NULL},
    {"order", POLL, 200, NULL, ENVELOPE("200", "{\"response_code\": 101}"), CLASS_SUCCEEDED,
	"more-steps", NULL, "action_required"},
    {"order", POLL, 200, NULL, ENVELOPE("200", "{\"response_code\": 200}"), CLASS_FAILED,
	"declined", NULL, "declined"},
    {"order", POLL, 200, NULL, ENVELOPE("402", "{\"error\": {}}"), CLASS_FAILED, "inner-402", NULL,
	NULL},
    {"order", POLL, 200, NULL, ENVELOPE("402", "{\"response_code\": 100}"), CLASS_UNKNOWN,
	"contradiction", NULL, "an HTTP error with a response_code of success"},
    {"order", POLL, 200, NULL, ENVELOPE("500", "{\"error\": {}}"), CLASS_INNER_SERVER, NULL, NULL,
	NULL},
    {"order", POLL, 200, NULL, ENVELOPE("\"200\"", "{\"response_code\": 100}"),
	CLASS_INNER_UNDECIDED, NULL, NULL, NULL},
    {"order", POLL, 200, NULL, ENVELOPE("200.0", "{\"response_code\": 100}"), CLASS_INNER_UNDECIDED,
	NULL, NULL, NULL},
    {"order", POLL, 200, NULL, ENVELOPE("-1", "{\"response_code\": 100}"), CLASS_INNER_UNDECIDED,
	NULL, NULL, NULL},
    {"order", POLL, 200, NULL, ENVELOPE("200", "\"not json\""), CLASS_INNER_UNDECIDED, NULL, NULL,
	NULL},
    {"order", POLL, 200, NULL, "{\"api_response\": {\"response_code\": 100}}", CLASS_UNDECIDED,
	NULL, NULL, NULL},
};

static void
test_vrio(void **state)
{
	(void)state;
	check_samples("vrio", vrio, COUNT(vrio));
	check_every_rule("vrio", vrio, COUNT(vrio));
}

/* --- Travlinq --- */

#define LATER(code, url)                                                                           \
	"{\"meta\": {\"success\": true, \"statusCode\": " code ", \"statusMessage\": \"m\"}, "     \
	"\"asyncFetch\": {\"fetchUrl\": \"" url "\", \"message\": \"m\"}, \"version\": \"1.0.0\"}"
#define META(code) "{\"meta\": {\"success\": true, \"statusCode\": " code "}}"
#define URL_A "/api/v1/fetch/reservation/flight-book?retrieveId=6b9f"
#define URL_B "/api/v1/fetch/flight/search?retrieveId=b5c3"
#define EXPIRED                                                                                    \
	"{\"meta\": {\"success\": false, \"statusCode\": -2, \"statusMessage\": "                  \
	"\"UNAUTHORIZED\"}, "                                                                      \
	"\"errorDetails\": {\"code\": \"VAL-002\", \"type\": \"VALIDATION_ERROR\"}}"
#define REFUSED "{\"meta\": {\"success\": false}, \"errorDetails\": {\"code\": \"VAL-010\"}}"

static const struct sample travlinq[] = {
    {"flight-book", SUBMIT, 200, NULL, META("1"), CLASS_SUCCEEDED, "success", NULL, NULL},
    {"flight-search", SUBMIT, 200, NULL, META("1"), CLASS_SUCCEEDED, "success", NULL, NULL},
    {"flight-book", SUBMIT, 202, NULL, LATER("2", URL_A), CLASS_PENDING, "fetch-later", URL_A,
	NULL},
    {"flight-book", SUBMIT, 202, NULL, LATER("3", URL_A), CLASS_PENDING, "fetch-later", URL_A,
	NULL},
    {"flight-search", SUBMIT, 202, NULL, LATER("2", URL_B), CLASS_PENDING, "fetch-later", URL_B,
	NULL},
    {"flight-book", SUBMIT, 202, NULL, META("2"), CLASS_PENDING_NO_URL, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 202, NULL, META("1"), CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 200, NULL, LATER("2", URL_A), CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 200, NULL, META("-1"), CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 200, NULL, META("\"1\""), CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 401, NULL, EXPIRED, CLASS_LOGIN, "session-expired", NULL, NULL},
    {"flight-book", SUBMIT, 401, NULL, REFUSED, CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 403, NULL, EXPIRED, CLASS_AUTH, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 200, NULL, EXPIRED, CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 429, NULL, REFUSED, CLASS_UNPROCESSED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 503, NULL, REFUSED, CLASS_UNPROCESSED, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 503, NULL, LATER("2", URL_A), CLASS_UNKNOWN, "contradiction", NULL,
	"an HTTP error with a statusCode of success"},
    {"flight-book", SUBMIT, 500, NULL, REFUSED, CLASS_SERVER, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 502, NULL, REFUSED, CLASS_GATEWAY, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 504, NULL, REFUSED, CLASS_GATEWAY, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 422, NULL, REFUSED, CLASS_CONTENT, NULL, NULL, NULL},
    {"flight-book", SUBMIT, 404, NULL, REFUSED, CLASS_NOT_FOUND, NULL, NULL, NULL},
    /* polls */
    {"flight-book", POLL, 202, NULL, LATER("3", URL_B), CLASS_NOT_READY, "not-yet-available", URL_B,
	NULL},
    {"flight-book", POLL, 202, NULL, LATER("2", URL_A), CLASS_NOT_READY, "not-yet-available", URL_A,
	NULL},
    {"flight-book", POLL, 202, NULL, META("3"), CLASS_NOT_READY, "not-yet-available", NULL, NULL},
    {"flight-book", POLL, 200, NULL, META("1"), CLASS_SUCCEEDED, "success", NULL, NULL},
    {"flight-book", POLL, 200, NULL, LATER("3", URL_A), CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", POLL, 401, NULL, EXPIRED, CLASS_LOGIN, "session-expired", NULL, NULL},
    {"flight-book", POLL, 401, NULL, REFUSED, CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"flight-book", POLL, 500, NULL, REFUSED, CLASS_UNKNOWN, "not-finished-in-time", NULL,
	"not processed within the gateway's 3 minutes"},
    {"flight-book", POLL, 500, NULL, "<html>", CLASS_UNKNOWN, "not-finished-in-time", NULL,
	"not processed within the gateway's 3 minutes"},
    {"flight-book", POLL, 404, NULL, REFUSED, CLASS_UNKNOWN, "retrieve-id-expired", NULL,
	"the retrieveId is invalid or expired"},
    {"flight-book", POLL, 400, NULL, REFUSED, CLASS_UNKNOWN, "wrong-fetch-url", NULL,
	"the gateway does not know this fetch URL"},
    {"flight-book", POLL, 422, NULL, REFUSED, CLASS_FAILED, "refused-later", NULL,
	"refused: VAL-010"},
    {"flight-book", POLL, 422, NULL, META("1"), CLASS_UNKNOWN, "contradiction-later", NULL,
	"an HTTP error with a statusCode of success"},
    {"flight-book", POLL, 406, NULL, REFUSED, CLASS_UNKNOWN, "retrieve-id-expired", NULL,
	"the retrieveId is invalid or expired"},
    {"flight-book", POLL, 405, NULL, REFUSED, CLASS_REFUSED, NULL, NULL, NULL},
    {"flight-book", POLL, 409, NULL, "{}", CLASS_FAILED, "refused-later", NULL, "refused"},
    {"flight-book", POLL, 422, NULL, "<html>", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"flight-book", POLL, 403, NULL, REFUSED, CLASS_AUTH, NULL, NULL, NULL},
    {"flight-book", POLL, 408, NULL, REFUSED, CLASS_TIMEOUT, NULL, NULL, NULL},
    {"flight-book", POLL, 425, NULL, REFUSED, CLASS_EARLY, NULL, NULL, NULL},
    {"flight-book", POLL, 429, NULL, REFUSED, CLASS_UNPROCESSED, NULL, NULL, NULL},
    {"flight-book", POLL, 502, NULL, REFUSED, CLASS_GATEWAY, NULL, NULL, NULL},
};

static void
test_travlinq(void **state)
{
	(void)state;
	check_samples("travlinq", travlinq, COUNT(travlinq));
	check_every_rule("travlinq", travlinq, COUNT(travlinq));
}

/* Which statuses of a poll are the gateway's last word. */
static void
test_travlinq_refusals(void **state)
{
	static const int not_final[] = {400, 401, 403, 404, 405, 406, 407, 408, 410, 411, 412, 413,
	    414, 415, 416, 417, 421, 425, 426, 427, 428, 429, 431, 494, 495, 496, 497, 498, 499};
	struct profile *profile = load("travlinq");

	(void)state;
	for (int status = 400; status <= 499; status++) {
		bool final = true;

		for (size_t i = 0; i < COUNT(not_final); i++)
			final = final && status != not_final[i];
		if (final) {
			const struct sample sample = {"flight-book", POLL, status, NULL, REFUSED,
			    CLASS_FAILED, "refused-later", NULL, "refused: VAL-010"};

			check_sample(profile, &sample);
		}
	}
	profile_free(profile);
}

/* --- generic --- */

static const struct sample generic[] = {
    {"post", SUBMIT, 200, NULL, "{\"id\": 1}", CLASS_SUCCEEDED, "done", NULL, NULL},
    {"post", SUBMIT, 200, NULL, "{\"status\": \"FAILED\"}", CLASS_UNKNOWN, "failed-status-at-once",
	NULL, "the answer's status says failed"},
    {"put", SUBMIT, 201, "Location: /orders/1", "{}", CLASS_SUCCEEDED, "done", NULL, NULL},
    {"delete", SUBMIT, 204, NULL, "", CLASS_SUCCEEDED, "done-without-content", NULL, NULL},
    {"get", SUBMIT, 200, NULL, "[]", CLASS_SUCCEEDED, "done", NULL, NULL},
    {"post", SUBMIT, 200, NULL, "", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", SUBMIT, 200, NULL, "{\"id\": ", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", SUBMIT, 200, NULL, "<html>", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", SUBMIT, 202, NULL, "{}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", SUBMIT, 206, NULL, "{}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", SUBMIT, 207, NULL, "{}", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", SUBMIT, 202, "Location: /jobs/1", "", CLASS_PENDING, "accepted-location", "/jobs/1",
	NULL},
    {"post", SUBMIT, 202, "location: /jobs/1", "{}", CLASS_PENDING, "accepted-location", "/jobs/1",
	NULL},
    {"post", SUBMIT, 202, "Operation-Location: https://a/jobs/1", "{}", CLASS_PENDING,
	"operation-location", "https://a/jobs/1", NULL},
    {"post", SUBMIT, 201, "Operation-Location: /jobs/1", "{}", CLASS_PENDING, "operation-location",
	"/jobs/1", NULL},
    {"post", SUBMIT, 400, NULL, "", CLASS_BAD_REQUEST, NULL, NULL, NULL},
    {"post", SUBMIT, 409, NULL, "{}", CLASS_CONFLICT, NULL, NULL, NULL},
    {"post", SUBMIT, 401, NULL, "", CLASS_AUTH_UNPROCESSED, NULL, NULL, NULL},
    {"post", SUBMIT, 425, NULL, "", CLASS_UNPROCESSED, NULL, NULL, NULL},
    {"post", SUBMIT, 503, NULL, "", CLASS_UNAVAILABLE, NULL, NULL, NULL},
    /* polls */
    {"post", POLL, 202, NULL, "", CLASS_NOT_READY, "running", NULL, NULL},
    {"post", POLL, 202, "Location: /jobs/2", "", CLASS_NOT_READY, "running", "/jobs/2", NULL},
    {"post", POLL, 202, "Operation-Location: /jobs/3", "", CLASS_NOT_READY,
	"running-operation-location", "/jobs/3", NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"Running\"}", CLASS_NOT_READY, "running-status", NULL,
	NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"InProgress\"}", CLASS_NOT_READY, "running-status",
	NULL, NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"NotStarted\"}", CLASS_NOT_READY, "running-status",
	NULL, NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"pending\"}", CLASS_NOT_READY, "running-status", NULL,
	NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"processing\"}", CLASS_NOT_READY, "running-status",
	NULL, NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"Failed\", \"error\": {\"code\": \"E1\"}}",
	CLASS_FAILED, "failed-status", NULL, "E1"},
    {"post", POLL, 200, NULL, "{\"status\": \"canceled\"}", CLASS_FAILED, "failed-status", NULL,
	NULL},
    {"post", POLL, 200, NULL, "{\"status\": \"Succeeded\"}", CLASS_SUCCEEDED, "done", NULL, NULL},
    {"post", POLL, 200, NULL, "{\"id\": 1}", CLASS_SUCCEEDED, "done", NULL, NULL},
    {"post", POLL, 204, NULL, "", CLASS_SUCCEEDED, "done-without-content", NULL, NULL},
    {"post", POLL, 200, NULL, "<html>", CLASS_UNDECIDED, NULL, NULL, NULL},
    {"post", POLL, 404, NULL, "{}", CLASS_NOT_FOUND, NULL, NULL, NULL},
};

static void
test_generic(void **state)
{
	(void)state;
	check_samples("generic", generic, COUNT(generic));
	check_every_rule("generic", generic, COUNT(generic));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_riverty),
	    cmocka_unit_test(test_vrio),
	    cmocka_unit_test(test_travlinq),
	    cmocka_unit_test(test_travlinq_refusals),
	    cmocka_unit_test(test_generic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
