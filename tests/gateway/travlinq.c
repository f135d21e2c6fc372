/* travlinq.c - login sessions, a safe search, keyless bookings, and FETCH LATER with moving URLs.
 */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"
#include "memory.h"

#define BOOK "/api/v1/reservation/flight-book"
#define FETCH "/api/v1/fetch/"
#define FETCH_BOOK FETCH "reservation/flight-book"
#define FETCH_SEARCH FETCH "flight/search"

static bool
identify_poll(const struct world *world, struct exchange *exchange)
{
	char id[NAME_SIZE];
	const char *reference = NULL;

	if (strcmp(exchange->method, "GET") != 0 ||
	    strncmp(exchange->path, FETCH, strlen(FETCH)) != 0)
		return false;
	if (exchange_query(exchange, "retrieveId", id, sizeof(id)) != NULL) {
		reference = job_reference(world, id);
		exchange->stale = reference != NULL && map_get(&world->jobs, id) == NULL;
	}
	exchange->operation = "fetch";
	exchange->phase = PHASE_POLL;
	snprintf(exchange->reference, NAME_SIZE, "%s", reference == NULL ? "-" : reference);
	return true;
}

static bool
travlinq_identify(const struct world *world, struct exchange *exchange)
{
	static const char *const pointers[] = {"/offerId", NULL};
	static const char *const user[] = {"/userName", NULL};

	if (identify_poll(world, exchange))
		return true;
	exchange->phase = PHASE_SUBMIT;
	if (exchange_is(exchange, "POST", "/api/v1/auth/login")) {
		exchange->operation = "login";
		exchange->phase = PHASE_LOGIN;
		exchange_refer(exchange, user);
		return true;
	}
	if (exchange_is(exchange, "POST", "/api/v1/flight/search"))
		exchange->operation = "flight-search";
	else if (exchange_is(exchange, "POST", BOOK))
		exchange->operation = "flight-book";
	else
		return false;
	exchange_refer(exchange, pointers);
	return true;
}

static void
refuse(struct exchange *exchange, int status, int code, const char *word, const char *error,
    const char *message)
{
	answer_set(&exchange->answer, status,
	    "{\"meta\":{\"success\":false,\"statusCode\":%d,\"statusMessage\":\"%s\","
	    "\"actionType\":\"\","
	    "\"conversationId\":\"\"},\"errorDetails\":{\"code\":\"%s\",\"type\":\"VALIDATION_"
	    "ERROR\","
	    "\"title\":\"%s\",\"message\":\"%s\"},\"version\":\"1.0.0\"}",
	    code, word, error, word, message);
}

static void
meta(const struct exchange *exchange, struct text *out, int code, const char *word)
{
	const char *conversation = exchange_header(exchange, "conversationId");

	if (conversation == NULL)
		conversation = "";
	text_printf(out,
	    "{\"meta\":{\"success\":true,\"statusCode\":%d,\"statusMessage\":\"%s\","
	    "\"actionType\":\"\",\"conversationId\":",
	    code, word);
	text_json(out, conversation, strlen(conversation));
	text_puts(out, "}");
}

static void
login(struct world *world, struct exchange *exchange)
{
	static const char *const needed[] = {"/userName", "/password", "/companyCode"};
	char value[NAME_SIZE];
	char session[UUID_SIZE];
	int64_t *until;

	for (size_t i = 0; i < 3; i++) {
		if (json_text_at(exchange->json, needed[i], value, sizeof(value)))
			continue;
		refuse(exchange, 422, -4, "UNPROCESSABLE", "VAL-001",
		    "login needs userName, password and companyCode");
		return;
	}
	if (faults_have(&exchange->faults, FAULT_REJECT)) {
		refuse(exchange, 401, -2, "UNAUTHORIZED", "VAL-003", "wrong user name or password");
		return;
	}
	uuid_new(session);
	until = must_calloc(sizeof(*until));
	*until = clock_steady_ms() + world->session_ms;
	map_put(&world->sessions, session, until);
	answer_set(&exchange->answer, 200,
	    "{\"meta\":{\"success\":true,\"statusCode\":1,\"statusMessage\":\"SUCCESS\","
	    "\"actionType\":\"\","
	    "\"conversationId\":\"\"},\"data\":[{\"sessionId\":\"%s\"}],\"version\":\"1.0.0\"}",
	    session);
}

static bool
session_is_good(struct world *world, struct exchange *exchange)
{
	const char *session = exchange_header(exchange, "sessionId");
	const int64_t *until;

	if (session != NULL && faults_have(&exchange->faults, FAULT_EXPIRE_SESSION))
		map_remove(&world->sessions, session);
	until = session == NULL ? NULL : map_get(&world->sessions, session);
	if (until != NULL && *until > clock_steady_ms())
		return true;
	refuse(exchange, 401, -2, "UNAUTHORIZED", "VAL-002",
	    "session is missing or expired: log in again");
	return false;
}

static void
answer_later(
    const struct exchange *exchange, const struct job *job, bool first, struct answer *answer)
{
	struct text body = {NULL, 0, 0};
	char url[4096];
	const struct fault *fault = exchange_fault(exchange, GROUP_FETCH);

	snprintf(url, sizeof(url), "%s?retrieveId=%s", job->endpoint, job->id);
	if (fault != NULL && fault->kind == FAULT_FETCH_URL)
		snprintf(url, sizeof(url), "%s", fault->text);
	meta(exchange, &body, first ? 2 : 3, first ? "FETCH LATER" : "NOT YET AVAILABLE");
	text_puts(&body, ",\"asyncFetch\":{");
	if (fault == NULL || fault->kind == FAULT_FETCH_URL) {
		text_puts(&body, "\"fetchUrl\":");
		text_json(&body, url, strlen(url));
		text_puts(&body, ",");
	}
	text_printf(&body, "\"message\":\"%s\"},\"version\":\"1.0.0\"}",
	    first ? "Please use this url to fetch the response later."
		  : "Still request in process, Please try again using this url.");
	answer_set(answer, 202, "%s", body.data);
	text_free(&body);
}

static void
execute_book(struct world *world, struct exchange *exchange, struct answer *answer)
{
	struct text body = {NULL, 0, 0};
	char booking[32];
	unsigned long id;

	if (faults_have(&exchange->faults, FAULT_REJECT)) {
		answer_set(answer, 422,
		    "{\"meta\":{\"success\":false,\"statusCode\":-4,\"statusMessage\":"
		    "\"UNPROCESSABLE\"},"
		    "\"errorDetails\":{\"code\":\"BOK-010\",\"type\":\"BUSINESS_ERROR\",\"title\":"
		    "\"OFFER GONE\","
		    "\"message\":\"the offer is not available any more\"},\"version\":\"1.0.0\"}");
		return;
	}
	id = ++world->next_id;
	snprintf(booking, sizeof(booking), "TLQ%06lu", id);
	exchange_effect(world, exchange, "book", booking);
	meta(exchange, &body, 1, "SUCCESS");
	text_printf(&body,
	    ",\"data\":[{\"bookingReference\":\"%s\",\"bookingStatus\":\"%s\",\"pnrs\":[{\"pnr\":"
	    "\"PNR%03lu\","
	    "\"airline\":\"XX\"}],\"ticketNumbers\":[\"999-%010lu\"]}],\"version\":\"1.0.0\"}",
	    booking,
	    faults_have(&exchange->faults, FAULT_ACTION_REQUIRED) ? "ON_HOLD" : "CONFIRMED",
	    id % 1000, id);
	answer_set(answer, 200, "%s", body.data);
	text_free(&body);
}

static void
execute_search(struct exchange *exchange, struct answer *answer)
{
	struct text body = {NULL, 0, 0};

	meta(exchange, &body, 1, "SUCCESS");
	text_puts(&body,
	    ",\"data\":[{\"offerId\":\"offer-1\",\"totalAmount\":\"312.40\",\"currency\":\"EUR\"},"
	    "{\"offerId\":\"offer-2\",\"totalAmount\":\"290.00\",\"currency\":\"EUR\"}],"
	    "\"version\":\"1.0.0\"}");
	answer_set(answer, 200, "%s", body.data);
	text_free(&body);
}

static void
submit(struct world *world, struct exchange *exchange)
{
	bool books = strcmp(exchange->operation, "flight-book") == 0;
	const char *conversation = exchange_header(exchange, "conversationId");
	char offer[NAME_SIZE];
	struct answer *answer = &exchange->answer;
	struct job *job = NULL;
	long not_ready;

	if (books && (conversation == NULL || *conversation == '\0')) {
		refuse(exchange, 422, -4, "UNPROCESSABLE", "VAL-004",
		    "the header conversationId is missing");
		return;
	}
	if (books && !json_text_at(exchange->json, "/offerId", offer, sizeof(offer))) {
		refuse(exchange, 422, -4, "UNPROCESSABLE", "VAL-005", "offerId is missing");
		return;
	}
	not_ready = job_wanted(exchange, books && strncmp(offer, "slow", 4) == 0 ? 1 : -1);
	if (not_ready >= 0) {
		job = job_new(world, exchange, not_ready, books ? FETCH_BOOK : FETCH_SEARCH);
		answer = &job->final;
	}
	/* the booking is made when it is accepted, whether or not anybody fetches */
	if (books)
		execute_book(world, exchange, answer);
	else
		execute_search(exchange, answer);
	if (job == NULL)
		return;
	memory_keep_job(world, job);
	answer_later(exchange, job, true, &exchange->answer);
}

static void
poll(struct world *world, struct exchange *exchange)
{
	char id[NAME_SIZE] = "";
	struct job *job;

	if (strcmp(exchange->path, FETCH_BOOK) != 0 && strcmp(exchange->path, FETCH_SEARCH) != 0) {
		refuse(exchange, 400, -3, "BAD REQUEST", "FET-002", "no such fetch endpoint");
		return;
	}
	exchange_query(exchange, "retrieveId", id, sizeof(id));
	job = job_find(world, id);
	if (job == NULL) {
		refuse(
		    exchange, 404, -5, "NOT FOUND", "FET-001", "retrieveId is invalid or expired");
	} else if (strcmp(exchange->path, job->endpoint) != 0) {
		refuse(exchange, 400, -3, "BAD REQUEST", "FET-002",
		    "not the fetch endpoint of this retrieveId");
	} else if (job_poll(world, job, exchange)) {
		answer_copy(&exchange->answer, &job->final);
	} else if (clock_steady_ms() - job->accepted_ms > world->fetch_max_ms) {
		refuse(
		    exchange, 500, -6, "ERROR", "FET-003", "not processed within the allowed time");
	} else {
		/* a URL that never reaches the client was not given: the old one goes on working */
		if (!exchange_answer_is_lost(exchange))
			job_rename(world, job);
		answer_later(exchange, job, false, &exchange->answer);
	}
}

static void
travlinq_serve(struct world *world, struct exchange *exchange)
{
	const char *credential = exchange_header(exchange, "X-API-KEY");

	if (credential == NULL || *credential == '\0')
		refuse(exchange, 401, -2, "UNAUTHORIZED", "VAL-000", "X-API-KEY is missing");
	else if (exchange->phase == PHASE_LOGIN)
		login(world, exchange);
	else if (!session_is_good(world, exchange))
		return;
	else if (exchange->phase == PHASE_POLL)
		poll(world, exchange);
	else
		submit(world, exchange);
}

const struct dialect travlinq_dialect = {"travlinq", travlinq_identify, travlinq_serve};
