/* generic.c - any POST under /generic/: the draft standard's Idempotency-Key, and 202 with a header
 * to follow. */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs.h"
#include "keys.h"
#include "memory.h"

#define OPERATIONS "/generic/operations"

static bool
generic_identify(const struct world *world, struct exchange *exchange)
{
	static const char *const pointers[] = {"/order/number", "/order_id", NULL};
	const char *reference;

	if (exchange_is(exchange, "GET", OPERATIONS "/*")) {
		reference = job_reference(world, exchange->path_number);
		exchange->operation = "operation";
		exchange->phase = PHASE_POLL;
		snprintf(exchange->reference, NAME_SIZE, "%s", reference == NULL ? "-" : reference);
		return true;
	}
	if (strcmp(exchange->method, "POST") != 0 || strncmp(exchange->path, "/generic/", 9) != 0)
		return false;
	exchange->operation = "generic";
	exchange->phase = PHASE_SUBMIT;
	exchange->key = exchange_header(exchange, "Idempotency-Key");
	exchange_refer(exchange, pointers);
	return true;
}

static void
refuse(struct exchange *exchange, int status, const char *code, const char *message)
{
	answer_set(&exchange->answer, status, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}",
	    code, message);
}

static void
execute(struct world *world, struct exchange *exchange, struct answer *answer)
{
	char id[32];

	if (faults_have(&exchange->faults, FAULT_REJECT)) {
		answer_set(
		    answer, 402, "{\"status\":\"declined\",\"error\":{\"code\":\"declined\"}}");
		return;
	}
	snprintf(id, sizeof(id), "g-%lu", ++world->next_id);
	exchange_effect(world, exchange, "generic", id);
	answer_set(answer, 200, "{\"status\":\"%s\",\"id\":\"%s\"}",
	    faults_have(&exchange->faults, FAULT_ACTION_REQUIRED) ? "action_required" : "succeeded",
	    id);
}

static void
answer_accepted(const struct world *world, struct exchange *exchange, const struct job *job)
{
	const struct fault *fault = exchange_fault(exchange, GROUP_FETCH);
	const char *host = exchange_header(exchange, "Host");
	char url[4096];

	snprintf(url, sizeof(url), "http%s://%s" OPERATIONS "/%s", world->tls ? "s" : "",
	    host == NULL ? "localhost" : host, job->id);
	answer_set(&exchange->answer, 202, "{\"status\":\"accepted\"}");
	if (fault == NULL)
		answer_header(&exchange->answer, job->style, url);
	else if (fault->kind == FAULT_FETCH_URL)
		answer_header(&exchange->answer, job->style, fault->text);
	if (exchange_fault(exchange, GROUP_RETRY_AFTER) == NULL)
		answer_header(&exchange->answer, "Retry-After", "1");
}

static void
submit(struct world *world, struct exchange *exchange)
{
	const struct fault *pending = exchange_fault(exchange, GROUP_PENDING);
	struct job *job;

	if (pending == NULL) {
		execute(world, exchange, &exchange->answer);
		return;
	}
	job = job_new(world, exchange, job_wanted(exchange, 0), OPERATIONS);
	job->style = pending->text != NULL && strcmp(pending->text, "operation-location") == 0
			 ? "Operation-Location"
			 : "Location";
	execute(world, exchange, &job->final);
	memory_keep_job(world, job);
	answer_accepted(world, exchange, job);
}

static void
poll(struct world *world, struct exchange *exchange)
{
	struct job *job = job_find(world, exchange->path_number);

	if (job == NULL || strcmp(job->endpoint, OPERATIONS) != 0)
		refuse(exchange, 404, "not_found", "no such operation");
	else if (job_poll(world, job, exchange))
		answer_copy(&exchange->answer, &job->final);
	else if (job->style[0] == 'L')
		answer_accepted(world, exchange, job);
	else
		answer_set(&exchange->answer, 200, "{\"status\":\"running\"}");
}

static void
generic_serve(struct world *world, struct exchange *exchange)
{
	const struct fault *transport = exchange_fault(exchange, GROUP_TRANSPORT);
	bool lingers = exchange_fault(exchange, GROUP_DELAY) != NULL ||
		       (transport != NULL && transport->kind == FAULT_SILENCE);
	enum key_state state = KEY_NEW;

	if (exchange->phase == PHASE_POLL) {
		poll(world, exchange);
		return;
	}
	if (exchange->key != NULL)
		state = keys_look(world, exchange);
	switch (state) {
	case KEY_NEW:
		submit(world, exchange);
		if (exchange->key != NULL)
			keys_keep(world, exchange, lingers);
		return;
	case KEY_REPLAY:
		answer_header(&exchange->answer, "Idempotent-Replayed", "true");
		return;
	case KEY_IN_PROGRESS:
		refuse(exchange, 409, "in_progress", "a request with this key is in progress");
		answer_header(&exchange->answer, "Retry-After", "1");
		return;
	case KEY_OTHER_PATH:
	case KEY_OTHER_BODY:
		refuse(exchange, 422, "key_reused", "this key came with another request before");
		return;
	}
}

const struct dialect generic_dialect = {"generic", generic_identify, generic_serve};
