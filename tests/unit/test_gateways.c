/*
 * test_gateways.c - the gateways' own documents, letter by letter, through the shipped profiles,
 * the verdict and the retry table: what becomes of the row (T44, T45; promises P2, P6).
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

#include "core/fetchurl.h"
#include "core/policy.h"
#include "edge/profile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- documents --- */

#define VRIO_PROCESSING                                                                            \
	"{\n\"error\": {\n\"code\": \"request_processing\",\n\"message\": \"The request is still " \
	"processing, Use URL from api_request to continue to check for the response.\",\n"         \
	"\"api_request\": "                                                                        \
	"\"https://api.vrio.app/api_requests/2ec91038-19a6-4159-afea-325dccf12345\"\n}\n}"
#define VRIO_INVALID_ID                                                                            \
	"{\n\"error\": {\n\"code\": \"invalid_id\",\n\"message\": \"Invalid request id\"\n}\n}"
#define VRIO_DONE(response, code)                                                                  \
	"{\n\"api_request_id\": \"2ec91038-19a6-4159-afea-325dccf12345\",\n\"created_at\": "       \
	"1707940072278,\n"                                                                         \
	"\"response_at\": 1707940103794,\n\"api_url\": \"POST /orders\",\n\"api_resource\": "      \
	"\"POST /orders\",\n"                                                                      \
	"\"api_request\": \"{full_api_request}\",\n\"api_response\": " response ",\n" code         \
	"\"organization\": \"org.vrio\",\n\"user_id\": 1234,\n\"ip_address\": \"111.222.333.444, " \
	"999.888.777.666\"\n}"
#define VRIO_CODE(code) "\"api_response_code\": " code ",\n"
#define VRIO_ORDER "{\"response_code\": 100, \"order_id\": 7}"
#define VRIO_ORDER_TEXT "\"{\\\"response_code\\\": 100, \\\"order_id\\\": 7}\""

#define META(success, code, message)                                                               \
	"{\n    \"meta\": {\n        \"success\": " success ",\n        \"statusCode\": " code     \
	",\n        \"statusMessage\": \"" message "\",\n        \"actionType\": \"\",\n"          \
	"        \"conversationId\": \"fe22cb8d-67e9-4c29-92af-e44dffdcb9a9\"\n    }"
#define TRAVLINQ_LATER                                                                             \
	META("true", "2", "FETCH LATER")                                                           \
	",\n    \"asyncFetch\": {\n        \"fetchUrl\": "                                         \
	"\"/api/v1/fetch/reservation/"                                                             \
	"flight-book?retrieveId=6b9f08b6-556a-4d08-a8e2-3bb50eee550c\",\n"                         \
	"        \"message\": \"Please use this url to fetch the response later.\"\n    },\n"      \
	"    \"version\": \"1.0.0\"\n}"
#define TRAVLINQ_NOT_YET                                                                           \
	META("true", "3", "NOT YET AVAILABLE")                                                     \
	",\n    \"asyncFetch\": {\n        \"fetchUrl\": "                                         \
	"\"/api/v1/fetch/flight/search?retrieveId=b5c37e2b-7676-4346-9f3f-4e70d64fab45\",\n"       \
	"        \"message\": \"Still request in process, Please try again using this url.\"\n   " \
	" },\n"                                                                                    \
	"    \"version\": \"1.0.0\"\n}"
#define TRAVLINQ_LATER_NO_URL                                                                      \
	META("true", "2", "FETCH LATER") ", \"asyncFetch\": {\"message\": \"later\"}}"
#define TRAVLINQ_LATER_FOREIGN                                                                     \
	META("true", "2", "FETCH LATER")                                                           \
	", \"asyncFetch\": {\"fetchUrl\": \"//evil.example/api/v1/fetch/x\"}}"
#define TRAVLINQ_DONE META("true", "1", "SUCCESS") ", \"data\": [{\"bookingReference\": \"B1\"}]}"
#define TRAVLINQ_EXPIRED                                                                           \
	META("false", "-2", "UNAUTHORIZED")                                                        \
	", \"errorDetails\": {\"code\": \"VAL-002\", \"type\": \"VALIDATION_ERROR\", \"title\": "  \
	"\"t\", "                                                                                  \
	"\"message\": \"m\"}}"
#define TRAVLINQ_ERROR META("false", "-1", "ERROR") ", \"errorDetails\": {\"code\": \"BKG-001\"}}"

/* --- what becomes of the row --- */

struct sample {
	const char *operation;
	enum phase phase;
	int http_status; /* negative: the answer was cut off (no complete body) */
	const char *body;
	const char *expected; /* the decision; for later attempts after '/' when it differs */
};

static struct txn
row_of(enum kind kind, enum phase phase, bool later)
{
	struct txn txn = {.id = 1,
	    .state = phase == PHASE_POLL ? STATE_PENDING : STATE_SENDING,
	    .frozen = true,
	    .kind = kind,
	    .has_fetch_url = phase == PHASE_POLL,
	    .due_at = TIME_NONE,
	    .deadline_at = TIME_NONE,
	    .exposed_at = kind == KIND_SAFE ? TIME_NONE : 1000,
	    .exposed_before = later && kind == KIND_KEYED ? 1000 : TIME_NONE,
	    .started_at = 2000};

	return txn;
}

static enum fetch_admission
admit(const struct profile *profile, const char *url)
{
	struct fetchurl_policy policy = {.submit_url = profile->base_url == NULL
							   ? "https://travlinq.example/api/v1/x"
							   : "https://api.vrio.app/orders",
	    .path_prefix = profile->fetch_prefix};
	const char *why;
	char *resolved = NULL;
	enum fetchurl_verdict found;

	if (url == NULL)
		return FETCH_NONE;
	found = fetchurl_resolve(&policy, url, &resolved, &why);
	free(resolved);
	return found == FETCHURL_ADMITTED ? FETCH_ADMITTED : FETCH_REFUSED;
}

static void
in_words(const struct decision *decision, char *words, size_t size)
{
	static const char *const effects[EFFECT_COUNT] = {
	    "", "!credentials", "!trust", "!redirect", "!rule", "!login"};
	const char *first = decision->event == EVENT_FINISH ? result_name(decision->result)
							    : event_name(decision->event);
	const char *then = decision->then == decision->event ? "" : event_name(decision->then);

	(void)snprintf(words, size, "%s%s%s%s", first, then[0] == '\0' ? "" : "+", then,
	    effects[decision->effect]);
}

static void
check(const struct profile *profile, const struct sample *sample, bool later, const char *expected,
    size_t length)
{
	const struct operation *operation = profile_operation(profile, sample->operation);
	struct verdict_context context = {.profile = profile,
	    .operation = operation,
	    .unprocessed = profile->unprocessed,
	    .unprocessed_count = profile->unprocessed_count,
	    .exposed_earlier = later && operation->kind == KIND_KEYED};
	bool cut = sample->http_status < 0;
	struct answer answer = {.phase = sample->phase,
	    .evidence = cut ? EVIDENCE_MAYBE_SENT : EVIDENCE_ANSWERED,
	    .http_status = cut ? -sample->http_status : sample->http_status,
	    .body = sample->body,
	    .body_length = strlen(sample->body)};
	struct txn txn = row_of(operation->kind, sample->phase, later);
	struct policy_facts facts = {.txn = &txn,
	    .phase = sample->phase,
	    .answered = !cut,
	    .replay = operation->replay,
	    .now = 3000,
	    .now_trusted = true,
	    .key_window_ms = 1000000,
	    .give_up_at = TIME_NONE,
	    .same_since = TIME_NONE};
	struct decision decision;
	struct verdict verdict;
	char words[100];

	assert_int_equal(verdict_judge(&context, &answer, &verdict), 0);
	facts.fetch = admit(profile, verdict.url);
	decision = policy_decide(&facts, &verdict);
	in_words(&decision, words, sizeof(words));
	if (strlen(words) != length || strncmp(words, expected, length) != 0)
		fail_msg("%s %s %s %d %s: %s by %s (%s), expected %s", profile->name,
		    sample->operation, phase_name(sample->phase), sample->http_status, sample->body,
		    words, verdict.rule, later ? "later" : "first", expected);
	verdict_free(&verdict);
}

static void
check_all(const char *name, const struct sample *samples, size_t count)
{
	struct profile *profile;
	struct text problems;
	char file[64];

	(void)snprintf(file, sizeof(file), "etc/profiles/%s.conf", name);
	text_init(&problems, 1 << 16);
	profile = profile_load(file, &problems);
	if (profile == NULL)
		fail_msg("%s", text_string(&problems));
	for (size_t i = 0; i < count; i++) {
		const char *expected = samples[i].expected;
		size_t first = strcspn(expected, "/");
		const char *later = expected[first] == '/' ? expected + first + 1 : expected;

		check(profile, &samples[i], false, expected, first);
		check(profile, &samples[i], true, later, strlen(later));
	}
	profile_free(profile);
	text_free(&problems);
}

#define S PHASE_SUBMIT
#define P PHASE_POLL

static const struct sample vrio[] = {
    /* the request takes longer: whatever the HTTP status */
    {"order", S, 200, VRIO_PROCESSING, "pending"},
    {"order", S, 202, VRIO_PROCESSING, "pending"},
    {"order", S, 400, VRIO_PROCESSING, "pending"},
    {"order", S, 404, VRIO_PROCESSING, "pending"},
    {"order", S, 409, VRIO_PROCESSING, "pending"},
    {"order", S, 500, VRIO_PROCESSING, "pending"},
    {"order", S, -200, VRIO_PROCESSING, "unknown"}, /* cut off: perhaps another URL was to follow */
    {"order", S, 200, "{\"error\": {\"code\": \"request_processing\"}}", "unknown"},
    {"order", S, 200, "{\"error\": {\"code\": \"request_processing\", \"api_request\": \"\"}}",
	"unknown"},
    {"order", S, 200,
	"{\"error\": {\"code\": \"request_processing\", \"api_request\": "
	"\"https://api.vrio.app@evil.example/api_requests/1\"}}",
	"pending+hold"},
    {"order", S, 200,
	"{\"error\": {\"code\": \"request_processing\", \"api_request\": "
	"\"http://api.vrio.app/api_requests/1\"}}",
	"pending+hold"},
    {"order", S, 200,
	"{\"error\": {\"code\": \"request_processing\", \"api_request\": "
	"\"https://api.vrio.app/users/1\"}}",
	"pending+hold"},
    /* not yet: whatever the HTTP status */
    {"order", P, 200, VRIO_INVALID_ID, "not_ready"},
    {"order", P, 202, VRIO_INVALID_ID, "not_ready"},
    {"order", P, 400, VRIO_INVALID_ID, "not_ready"},
    {"order", P, 404, VRIO_INVALID_ID, "not_ready"},
    {"order", P, 409, VRIO_INVALID_ID, "not_ready"},
    {"order", P, 500, VRIO_INVALID_ID, "not_ready"},
    {"order", P, 200, VRIO_PROCESSING, "not_ready"},
    {"order", P, 404, VRIO_PROCESSING, "not_ready"},
    {"order", S, 404, VRIO_INVALID_ID, "failed"}, /* of a submit it is a plain refusal */
    /* T45: the inner code decides */
    {"order", P, 200, VRIO_DONE(VRIO_ORDER, VRIO_CODE("200")), "succeeded"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("200")), "succeeded"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("201")), "succeeded"},
    {"order", P, 200, VRIO_DONE("\"{\\\"response_code\\\": 200}\"", VRIO_CODE("200")), "failed"},
    {"order", P, 200, VRIO_DONE("\"{\\\"error\\\": {}}\"", VRIO_CODE("402")), "failed"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("402")),
	"unknown"}, /* they contradict each other */
    {"order", P, 200, VRIO_DONE("\"{\\\"error\\\": {}}\"", VRIO_CODE("500")), "unknown"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, ""),
	"not_ready"}, /* absent: no envelope; five times, then unknown */
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("\"200\"")), "unknown"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("200.0")), "unknown"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("-1")), "unknown"},
    {"order", P, 200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("null")), "unknown"},
    {"order", P, 200, VRIO_DONE("\"{full_api_response}\"", VRIO_CODE("200")),
	"unknown"}, /* the seed's own placeholder */
    {"order", P, 200, VRIO_DONE("null", VRIO_CODE("200")), "unknown"},
    {"order", P, 200, VRIO_DONE("null", VRIO_CODE("400")), "unknown"}, /* says nothing at all */
    {"order", P, 200, VRIO_DONE("\"\\\"x\\\"\"", VRIO_CODE("400")), "unknown"},
    {"order", P, 200, VRIO_DONE("[]", VRIO_CODE("400")), "failed"}, /* PHP's empty object */
    {"order", P, -200, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("200")), "not_ready"},
    {"order", P, 500, VRIO_DONE(VRIO_ORDER_TEXT, VRIO_CODE("200")), "not_ready"},
    {"order", P, 200, VRIO_ORDER,
	"not_ready"}, /* an order without its envelope is not what was asked for */
    /* a direct answer */
    {"order", S, 200, VRIO_ORDER, "succeeded"},
    {"order", S, 200, "{\"response_code\": 200}", "failed"},
    {"order", S, -200, VRIO_ORDER, "unknown"},
    {"order", S, 200, "", "unknown"},
    {"order", S, 200, "<html>", "unknown"},
    {"order", S, 200, "{\"response_code\": 100", "unknown"},
    {"order", S, 400, "{\"error\": {\"code\": \"x\"}}", "failed"},
    {"order", S, 400, "<html>", "unknown"},
    /* an error status around word of an order: neither refused nor sent again */
    {"order", S, 400, VRIO_ORDER, "unknown"},
    {"order", S, 400, "{\"response_code\": \"100\"}", "unknown"},
    {"order", S, 500, "{\"response_code\": \"101\"}", "unknown"},
    {"order", S, 402, "{\"response_code\": 200}", "failed"},
    {"order", S, 403, "{\"response_code\": \"100\"}", "unknown"},
    {"order", S, 401, "{\"response_code\": 200}", "unknown"},
    {"order", S, 429, "{\"response_code\": 200}", "unknown"},
    {"order", S, 401, "{}", "unprocessed!credentials"},
    {"order", S, 403, "{}", "unprocessed!credentials"},
    {"order", S, 429, "", "unprocessed"},
    {"order", S, 408, "{}", "unknown"},
    {"order", S, 409, "{}", "unknown"},
    {"order", S, 421, "{}", "unknown"},
    {"order", S, 425, "{}", "unknown"}, /* not in VRIO's list */
    {"order", S, 500, "{}", "unknown"},
    {"order", S, 502, "<html>", "unknown"},
    {"order", S, 503, "{}", "unknown"},
    {"order", S, 504, "", "unknown"},
    {"order", S, 301, "", "unknown!redirect"},
    {"order", S, 303, "", "unknown!redirect"},
    {"order", S, 307, "", "unknown!redirect"},
    {"order", P, 302, "", "hold"},
    {"order", P, 401, "{}", "not_ready!credentials"},
    {"order", P, 403, "{}", "not_ready!credentials"},
    {"order", P, 404, "{}", "unknown"},
    {"order", P, 400, "{}", "unknown"},
    {"order", P, 404, "<html>", "not_ready"},
    {"order", P, 502, "<html>", "not_ready"},
    {"order", P, 503, "", "not_ready"},
    {"order", P, 429, "", "not_ready"},
};

static const struct sample travlinq[] = {
    {"flight-book", S, 202, TRAVLINQ_LATER, "pending"},
    {"flight-search", S, 202, TRAVLINQ_LATER, "pending"},
    {"flight-book", S, 202, TRAVLINQ_LATER_NO_URL, "unknown"},
    {"flight-search", S, 202, TRAVLINQ_LATER_NO_URL, "again"},
    {"flight-book", S, 202, TRAVLINQ_LATER_FOREIGN, "pending+hold"},
    {"flight-book", S, 202, "{}", "unknown"},
    {"flight-book", S, 202, "", "unknown"},
    {"flight-book", S, 200, TRAVLINQ_LATER, "unknown"}, /* "success": true says nothing */
    {"flight-book", S, 200, TRAVLINQ_DONE, "succeeded"},
    {"flight-book", S, 201, TRAVLINQ_DONE, "unknown"},
    {"flight-book", S, -200, TRAVLINQ_DONE, "unknown"},
    {"flight-search", S, -200, TRAVLINQ_DONE, "again"},
    {"flight-book", S, 401, TRAVLINQ_EXPIRED, "unprocessed!login"},
    {"flight-search", S, 401, TRAVLINQ_EXPIRED, "unprocessed!login"},
    {"flight-book", S, 401, TRAVLINQ_ERROR, "unprocessed!credentials"},
    {"flight-book", S, 403, TRAVLINQ_ERROR, "unknown!credentials"},
    {"flight-book", S, 400, TRAVLINQ_ERROR, "failed"},
    {"flight-book", S, 404, TRAVLINQ_ERROR, "failed"},
    {"flight-book", S, 422, TRAVLINQ_ERROR, "failed"},
    {"flight-book", S, 422, "<html>", "unknown"},
    {"flight-book", S, 429, TRAVLINQ_ERROR, "unprocessed"},
    {"flight-book", S, 503, TRAVLINQ_ERROR, "unprocessed"},
    /* an error status around word of a booking: neither refused nor sent again */
    {"flight-book", S, 401, TRAVLINQ_DONE, "unknown"},
    {"flight-book", S, 422, TRAVLINQ_DONE, "unknown"},
    {"flight-book", S, 429, TRAVLINQ_DONE, "unknown"},
    {"flight-book", S, 503, TRAVLINQ_LATER, "unknown"},
    {"flight-search", S, 503, TRAVLINQ_LATER, "again"},
    {"flight-book", P, 409, TRAVLINQ_DONE, "unknown"},
    {"flight-book", P, 422, TRAVLINQ_NOT_YET, "unknown"},
    {"flight-book", S, 500, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", S, 502, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", S, 504, TRAVLINQ_ERROR, "unknown"},
    {"flight-search", S, 500, TRAVLINQ_ERROR, "again"},
    {"flight-book", P, 202, TRAVLINQ_NOT_YET, "not_ready"},
    {"flight-book", P, 202, TRAVLINQ_LATER, "not_ready"},
    {"flight-book", P, 202, TRAVLINQ_LATER_NO_URL, "not_ready"},
    {"flight-book", P, 202, TRAVLINQ_LATER_FOREIGN, "not_ready+hold"},
    {"flight-book", P, 202, "{}", "not_ready"},
    {"flight-book", P, 200, TRAVLINQ_DONE, "succeeded"},
    {"flight-book", P, 200, TRAVLINQ_NOT_YET, "not_ready"},
    {"flight-book", P, -200, TRAVLINQ_DONE, "not_ready"},
    {"flight-book", P, 400, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 404, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 500, TRAVLINQ_ERROR, "unknown"},
    {"flight-search", P, 404, TRAVLINQ_ERROR, "again"},
    {"flight-search", P, 500, TRAVLINQ_ERROR, "again"},
    {"flight-book", P, 401, TRAVLINQ_EXPIRED, "not_ready!login"},
    {"flight-book", P, 401, TRAVLINQ_ERROR, "not_ready!credentials"},
    {"flight-book", P, 403, TRAVLINQ_ERROR, "not_ready!credentials"},
    {"flight-book", P, 402, TRAVLINQ_ERROR, "failed"},
    {"flight-book", P, 409, TRAVLINQ_ERROR, "failed"},
    {"flight-book", P, 422, TRAVLINQ_ERROR, "failed"},
    /* about the fetch, not about the booking; 406 is "not found", as 404 is */
    {"flight-book", P, 405, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 406, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 410, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 414, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 431, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 499, TRAVLINQ_ERROR, "unknown"},
    {"flight-book", P, 422, "<html>", "not_ready"},
    {"flight-book", P, 408, TRAVLINQ_ERROR, "not_ready"},
    {"flight-book", P, 429, TRAVLINQ_ERROR, "not_ready"},
    {"flight-book", P, 503, TRAVLINQ_ERROR, "not_ready"},
    {"flight-book", P, 301, "", "hold"},
};

/* Keyed, and whatever was answered first is answered again: a later refusal is the first one. */
static const struct sample riverty[] = {
    {"authorize", S, 200, "{\"outcome\": \"Accepted\", \"reservationId\": \"r\"}", "succeeded"},
    {"authorize", S, 200, "{\"outcome\": \"Rejected\"}", "failed"},
    {"authorize", S, 200, "{\"outcome\": \"Pending\"}", "succeeded"},
    {"authorize", S, 200, "{\"outcome\": \"NotEvaluated\"}", "again"},
    {"authorize", S, 200, "{}", "again"},
    {"authorize", S, -200, "{\"outcome\": \"Accepted\"", "again"},
    {"authorize", S, 200, "", "again"},
    {"capture", S, 200, "{\"capturedAmount\": 1}", "succeeded"},
    {"capture", S, 200, "{\"captureNumber\": \"1\"}", "succeeded"},
    {"refund", S, 200, "{\"totalCapturedAmount\": \"38\"}", "succeeded"},
    {"refund", S, 200, "{\"refundNumbers\": [\"1\"]}", "succeeded"},
    {"void", S, 200, "{\"totalAuthorizedAmount\": 0.00}", "succeeded"},
    {"capture", S, 200, "{\"outcome\": \"Rejected\"}", "again"},
    {"capture", S, 200, "{\"outcome\": \"Rejected\", \"capturedAmount\": 0}", "again"},
    /* no word of a capture is none: a proxy's document, an error in disguise */
    {"capture", S, 200, "{}", "again"},
    {"capture", S, 200, "null", "again"},
    {"capture", S, 202, "{\"message\": \"accepted\"}", "again"},
    {"refund", S, 200, "{\"code\": \"400.005\", \"type\": \"BusinessError\"}", "again"},
    {"void", S, 200, "[]", "again"},
    {"authorize", S, 400, "{\"outcome\": \"Accepted\"}", "unknown"},
    {"authorize", S, 422, "{\"outcome\": \"Pending\"}", "unknown"},
    {"authorize", S, 400, "{\"outcome\": \"Rejected\"}", "failed"},
    {"capture", S, 200, "[", "again"},
    {"refund", S, 400, "[{\"code\": \"x\"}]", "failed"},
    {"authorize", S, 400, "{\"message\": \"order number already used\"}", "failed"},
    {"authorize", S, 400, "<html>", "again"},
    {"void", S, 404, "{}", "failed"},
    {"void", S, 422, "{}", "failed/hold"},
    {"authorize", S, 401, "{}", "unprocessed!credentials"},
    {"authorize", S, 403, "{}", "again!credentials"},
    {"authorize", S, 408, "", "again"},
    {"authorize", S, 409, "{}", "again"},
    {"authorize", S, 429, "", "unprocessed"},
    {"authorize", S, 500, "{}", "again"},
    {"authorize", S, 502, "", "again"},
    {"authorize", S, 503, "", "again"},
    {"authorize", S, 302, "", "again!redirect"},
    {"authorize", S, 303, "", "unknown!redirect"},
};

/* Keyed, and after a refusal the gateway executes the request again. */
static const struct sample generic[] = {
    {"post", S, 200, "{}", "succeeded"},
    {"post", S, 200, "{\"status\": \"failed\"}", "unknown"}, /* only its own rule could tell */
    {"delete", S, 200, "{\"status\": \"canceled\"}", "succeeded"},
    {"get", S, 200, "{\"status\": \"failed\"}", "succeeded"}, /* well read */
    {"post", S, 200, "", "again"},
    {"post", S, 202, "{}", "again"},
    {"post", S, 204, "", "succeeded"},
    {"post", S, 400, "{}", "failed/unknown"},
    {"post", S, 404, "", "failed/unknown"},
    {"post", S, 422, "{}", "failed/hold"},
    {"post", S, 418, "{}", "failed/unknown"},
    {"post", S, 409, "{}", "again"},
    {"post", S, 500, "{}", "unknown"},
    {"post", S, 502, "", "again"},
    {"post", S, 425, "", "unprocessed"},
    {"post", S, 421, "", "unprocessed"},
    {"get", S, 500, "{}", "again"},
    {"get", S, 404, "{}", "failed"},
    {"post", P, 404, "{}", "again"},
    {"post", P, 200, "{\"status\": \"Running\"}", "not_ready"},
    {"post", P, 200, "{\"status\": \"Succeeded\"}", "succeeded"},
    {"post", P, 500, "", "not_ready"},
};

static void
test_vrio(void **state)
{
	(void)state;
	check_all("vrio", vrio, COUNT(vrio));
}

static void
test_travlinq(void **state)
{
	(void)state;
	check_all("travlinq", travlinq, COUNT(travlinq));
}

static void
test_riverty(void **state)
{
	(void)state;
	check_all("riverty", riverty, COUNT(riverty));
}

static void
test_generic(void **state)
{
	(void)state;
	check_all("generic", generic, COUNT(generic));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vrio),
	    cmocka_unit_test(test_travlinq),
	    cmocka_unit_test(test_riverty),
	    cmocka_unit_test(test_generic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
