/* vrio.c - orders without idempotency keys, the long-request document and the api_requests
 * envelope. */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"
#include "memory.h"

static bool
vrio_identify(const struct world *world, struct exchange *exchange)
{
	static const char *const pointers[] = {"/connection_order_id", NULL};
	const char *reference;

	if (exchange_is(exchange, "GET", "/api_requests/*")) {
		reference = job_reference(world, exchange->path_number);
		exchange->operation = "api_request";
		exchange->phase = PHASE_POLL;
		snprintf(exchange->reference, NAME_SIZE, "%s", reference == NULL ? "-" : reference);
		return true;
	}
	if (exchange_is(exchange, "POST", "/orders"))
		exchange->operation = "order";
	else if (exchange_is(exchange, "POST", "/orders/*/process"))
		exchange->operation = "process";
	else if (exchange_is(exchange, "POST", "/orders/*/authorize"))
		exchange->operation = "authorize";
	else if (exchange_is(exchange, "POST", "/orders/*/complete"))
		exchange->operation = "complete";
	else
		return false;
	exchange->phase = PHASE_SUBMIT;
	exchange_refer(exchange, pointers);
	return true;
}

static void
refuse(struct answer *answer, int status, const char *code, const char *message)
{
	answer_set(
	    answer, status, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code, message);
}

/* The real answer of an operation; notes its effect. */
static void
execute(struct world *world, struct exchange *exchange, struct answer *answer)
{
	char action[32] = "";
	char order[NAME_SIZE];
	bool creates = strcmp(exchange->operation, "order") == 0;
	int code = 100;

	if (faults_have(&exchange->faults, FAULT_REJECT)) {
		answer_set(answer, 200,
		    "{\"success\":false,\"response_code\":200,\"response_message\":\"Declined\"}");
		return;
	}
	if (creates &&
	    (!json_text_at(exchange->json, "/action", action, sizeof(action)) || *action == '\0'))
		snprintf(action, sizeof(action), "%s", "create");
	if (faults_have(&exchange->faults, FAULT_ACTION_REQUIRED))
		code = 101;
	if (creates)
		snprintf(order, sizeof(order), "%lu", 100000 + ++world->next_id);
	else
		snprintf(order, sizeof(order), "%s", exchange->path_number);
	exchange_effect(world, exchange,
	    strcmp(action, "process") == 0 ? "order+charge" : exchange->operation, order);
	answer_set(answer, 200,
	    "{\"success\":true,\"response_code\":%d,\"response_message\":\"%s\",\"order_id\":%s%s%"
	    "s,"
	    "\"transaction_id\":%lu}",
	    code, code == 100 ? "Approved" : "More steps are needed", creates ? "" : "\"", order,
	    creates ? "" : "\"", 700000 + ++world->next_id);
}

static const char *
pending_url(const struct world *world, const struct exchange *exchange, const char *id)
{
	static char url[4096];
	const struct fault *fault = exchange_fault(exchange, GROUP_FETCH);
	const char *host = exchange_header(exchange, "Host");

	if (fault != NULL && fault->kind == FAULT_FETCH_URL)
		snprintf(url, sizeof(url), "%s", fault->text);
	else
		snprintf(url, sizeof(url), "http%s://%s/api_requests/%s", world->tls ? "s" : "",
		    host == NULL ? "localhost" : host, id);
	return url;
}

static void
answer_pending(struct world *world, struct exchange *exchange, const struct job *job)
{
	struct text body = {NULL, 0, 0};
	const char *url = pending_url(world, exchange, job->id);

	text_puts(&body, "{\"error\":{\"code\":\"request_processing\",\"message\":\"The request is "
			 "still processing, "
			 "Use URL from api_request to continue to check for the response.\"");
	if (!faults_have(&exchange->faults, FAULT_FETCH_URL_MISSING)) {
		text_puts(&body, ",\"api_request\":");
		text_json(&body, url, strlen(url));
	}
	text_puts(&body, "}}");
	answer_set(&exchange->answer, 200, "%s", body.data);
	text_free(&body);
}

static void
submit(struct world *world, struct exchange *exchange)
{
	char name[64] = "";
	bool slow = json_text_at(exchange->json, "/bill_lname", name, sizeof(name)) &&
		    strcmp(name, "testlongrequest") == 0;
	long not_ready = job_wanted(exchange, slow ? world->not_ready : -1);
	struct job *job;

	if (exchange->json == NULL && exchange->body.length > 0) {
		refuse(&exchange->answer, 400, "invalid_json", "The body is not JSON");
		return;
	}
	if (not_ready < 0) {
		execute(world, exchange, &exchange->answer);
		return;
	}
	job = job_new(world, exchange, not_ready, "/api_requests");
	job->style = exchange->operation;
	/* the effect comes with the acceptance: it happens whether or not anybody polls */
	execute(world, exchange, &job->final);
	memory_keep_job(world, job);
	answer_pending(world, exchange, job);
}

/* The inner status and body as the envelope shows them: faults of the poll before those of the job.
 */
static void
envelope_inner(const struct exchange *exchange, const struct job *job, struct text *out)
{
	const struct fault *code = exchange_fault(exchange, GROUP_INNER_CODE);
	const struct fault *body = exchange_fault(exchange, GROUP_INNER_BODY);

	text_puts(out, ",\"api_response\":");
	if (body != NULL && body->kind == FAULT_INNER_RAW)
		text_puts(out, body->text);
	else if (body != NULL)
		text_puts(out, text_get(&job->final.body));
	else
		text_json(out, text_get(&job->final.body), job->final.body.length);
	if (code == NULL)
		text_printf(out, ",\"api_response_code\":%d", job->final.status);
	else if (code->kind == FAULT_INNER_STATUS)
		text_printf(out, ",\"api_response_code\":%s", code->text);
}

static void
envelope(struct exchange *exchange, const struct job *job)
{
	struct text body = {NULL, 0, 0};

	text_printf(&body, "{\"api_request_id\":\"%s\",\"created_at\":%lld,\"response_at\":%lld",
	    job->id, (long long)job->accepted_unix_ms, (long long)clock_unix_ms());
	text_puts(&body,
	    ",\"api_url\":\"POST /orders\",\"api_resource\":\"POST /orders\",\"api_request\":");
	if (job->request.length > 0 && job->request.data[0] == '{')
		text_add(&body, job->request.data, job->request.length);
	else
		text_json(&body, text_get(&job->request), job->request.length);
	envelope_inner(exchange, job, &body);
	text_puts(&body, ",\"organization\":\"org.vrio\",\"user_id\":1234,"
			 "\"ip_address\":\"111.222.333.444, 999.888.777.666\"}");
	answer_set(&exchange->answer, 200, "%s", body.data);
	text_free(&body);
}

static void
vrio_serve(struct world *world, struct exchange *exchange)
{
	const char *credential = exchange_header(exchange, "X-Api-Key");
	struct job *job;

	if (credential == NULL || *credential == '\0') {
		answer_set(
		    &exchange->answer, 403, "{\"message\":\"Missing Authentication Token\"}");
		return;
	}
	if (exchange->phase == PHASE_SUBMIT) {
		submit(world, exchange);
		return;
	}
	job = job_find(world, exchange->path_number);
	if (job == NULL || strcmp(job->endpoint, "/api_requests") != 0 ||
	    !job_poll(world, job, exchange))
		refuse(&exchange->answer, 404, "invalid_id", "Invalid request id");
	else
		envelope(exchange, job);
}

const struct dialect vrio_dialect = {"vrio", vrio_identify, vrio_serve};
