/*
 * gateway.c - four dialects, one memory of keys, jobs and sessions, one log of effects.
 */
#include "sim/gateway.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sometimes.h"
#include "sim/world.h"

enum { KEYS_MAX = 128, JOBS_MAX = 128 };
enum { FETCH_MAX_MS = 180 * 1000 }; /* travlinq gives up after that */

const char *const gateway_name[GATEWAY_COUNT] = {"riv", "gen", "vrio", "trav"};
const char *const gateway_origin[GATEWAY_COUNT] = {"https://riverty.example",
    "https://generic.example", "https://api.vrio.app", "https://travlinq.example"};

/* A key and the first answer that was given under it. */
struct remembered {
	enum gateway gateway;
	char key[64];
	int order;
	int64_t since; /* true time */
	struct response response;
};

struct job {
	int order;
	int64_t began; /* boot */
	bool ended;
	bool lost;
	int token;     /* of the newest URL */
	int delivered; /* the newest that the daemon was given */
};

static struct {
	bool calm;
	bool app_was_restored;
	struct order orders[ORDERS_MAX];
	int order_count;
	struct remembered keys[KEYS_MAX];
	int key_count;
	struct job jobs[JOBS_MAX];
	int job_count;
	int session;
	int64_t session_until; /* boot */
} model;

void
gateway_begin(void)
{
	memset(&model, 0, sizeof(model));
}

void
gateway_calm(bool calm)
{
	model.calm = calm;
}

void
gateway_app_was_restored(void)
{
	model.app_was_restored = true;
}

bool
gateway_is_app_restored(void)
{
	return model.app_was_restored;
}

struct order *
order_new(void)
{
	struct order *order;

	if (model.order_count == ORDERS_MAX)
		return NULL;
	order = &model.orders[model.order_count];
	*order = (struct order){.number = model.order_count,
	    .exposed_since = -1,
	    .expires_at = -1,
	    .state = -1,
	    .result = -1};
	model.order_count++;
	return order;
}

struct order *
order_at(int number)
{
	return number >= 0 && number < model.order_count ? &model.orders[number] : NULL;
}

struct order *
order_of_row(int64_t row)
{
	for (int i = 0; i < model.order_count; i++)
		if (model.orders[i].row == row)
			return &model.orders[i];
	return NULL;
}

int
order_count(void)
{
	return model.order_count;
}

struct order *
gateway_order_of(const char *body)
{
	const char *at = strstr(body, "\"order\":");

	return at == NULL ? NULL : order_at(atoi(at + strlen("\"order\":")));
}

#define SAY(response, number, ...)                                                                 \
	((response)->status = (number),                                                            \
	    (void)snprintf((response)->body, sizeof((response)->body), __VA_ARGS__))

static void
have_effect(struct order *order)
{
	order->effects++;
	world_say("gateway %s: effect of order %d", gateway_name[order->gateway], order->number);
	if (order->effects > 1 && !order->safe && !order->misjudged)
		world_violation(order->keyed ? "P1" : "P2", "order %d (row %lld) had %d effects",
		    order->number, (long long)order->row, order->effects);
}

/* --- jobs --- */

static int
job_new(struct order *order)
{
	struct job *job;
	int64_t time = world_chance(100) ? world_between(SECONDS(120), SECONDS(240))
					 : world_between(SECONDS(1), SECONDS(40));

	assert(model.job_count < JOBS_MAX);
	job = &model.jobs[model.job_count];
	*job = (struct job){.order = order->number, .began = world_boot()};
	job->lost = order->play == PLAY_LATER_LOST && !model.calm;
	if (job->lost)
		sometimes(job_lost);
	order->job_running++;
	world_schedule(time, HAPPENS_JOB, model.job_count);
	sometimes(fetch_later);
	return model.job_count++;
}

void
gateway_job_ends(int64_t number)
{
	struct job *job = &model.jobs[number];
	struct order *order = order_at(job->order);

	order->job_running--;
	job->ended = true;
	if (order->play != PLAY_LATER_DECLINE && !order->safe)
		have_effect(order);
}

static void
fetch_url(char *url, size_t size, enum gateway gateway, int number)
{
	const struct job *job = &model.jobs[number];

	switch (gateway) {
	case GATEWAY_VRIO:
		(void)snprintf(url, size, "%s/api_requests/J%d", gateway_origin[gateway], number);
		return;
	case GATEWAY_TRAVLINQ:
		(void)snprintf(url, size, "/api/v1/fetch/J%d-%d", number, job->token);
		return;
	case GATEWAY_RIVERTY:
	case GATEWAY_GENERIC:
	case GATEWAY_COUNT:
		break;
	}
	(void)snprintf(url, size, "/operations/J%d-%d", number, job->token);
}

/* The job that a path asks for; -1: none that is known, or a URL that was replaced long ago. */
static int
job_of_path(const char *path)
{
	const char *at = strstr(path, "/J");
	int number = at == NULL ? -1 : atoi(at + 2);
	const char *token = at == NULL ? NULL : strchr(at, '-');

	if (number < 0 || number >= model.job_count)
		return -1;
	if (token != NULL && atoi(token + 1) < model.jobs[number].token - 1) {
		sometimes(old_url_gone);
		return -1;
	}
	return number;
}

static const char *
token_of(const char *text, int *number)
{
	const char *at = strstr(text, "/J");

	*number = at == NULL ? -1 : atoi(at + 2);
	if (*number < 0 || *number >= model.job_count)
		return NULL;
	at = strchr(at, '-');
	return at == NULL ? NULL : at + 1;
}

void
gateway_url_delivered(const char *text)
{
	int number;
	const char *token = token_of(text, &number);

	if (token != NULL && atoi(token) > model.jobs[number].delivered)
		model.jobs[number].delivered = atoi(token);
}

bool
gateway_url_is_newest(const char *url)
{
	int number;
	const char *token = token_of(url, &number);

	return token == NULL || atoi(token) >= model.jobs[number].delivered;
}

void
gateway_urls_forgotten(void)
{
	for (int i = 0; i < model.job_count; i++)
		model.jobs[i].delivered = 0;
}

static bool
is_decline(const struct job *job)
{
	return order_at(job->order)->play == PLAY_LATER_DECLINE;
}

static void
poll_generic(int number, struct response *response)
{
	const struct job *job = number == -1 ? NULL : &model.jobs[number];

	if (job == NULL) {
		SAY(response, 404, "{\"error\":\"gone\"}");
	} else if (!job->ended || job->lost) {
		SAY(response, 202, "{\"status\":\"Running\"}");
		fetch_url(response->location, sizeof(response->location), GATEWAY_GENERIC, number);
	} else {
		SAY(response, 200, "{\"status\":\"%s\"}", is_decline(job) ? "Failed" : "Succeeded");
	}
}

static void
poll_vrio(int number, struct response *response)
{
	const struct job *job = number == -1 ? NULL : &model.jobs[number];
	const char *inner = "{\"response_code\":100}";

	if (job == NULL || !job->ended || job->lost) {
		SAY(response, 404, "{\"error\":{\"code\":\"invalid_id\",\"message\":\"not yet\"}}");
		return;
	}
	if (is_decline(job))
		inner = "{\"response_code\":200}";
	if (number % 2 == 0)
		SAY(response, 200,
		    "{\"api_request\":{\"x\":1},\"api_response_code\":200,\"api_response\":%s}",
		    inner);
	else
		SAY(response, 200,
		    "{\"api_request\":{},\"api_response_code\":200,\"api_response\":\"{"
		    "\\\"response_code\\\":%s}\"}",
		    is_decline(job) ? "200" : "100");
}

static void
poll_travlinq(int number, struct response *response)
{
	struct job *job = number == -1 ? NULL : &model.jobs[number];
	char url[200];

	if (job == NULL) {
		SAY(response, 404, "{\"errorDetails\":{\"code\":\"FET-404\"}}");
	} else if ((!job->ended || job->lost) && world_boot() - job->began > FETCH_MAX_MS) {
		SAY(response, 500, "{\"errorDetails\":{\"code\":\"FET-500\"}}");
	} else if (!job->ended || job->lost) {
		if (world_chance(500)) {
			job->token++;
			sometimes(url_rotated);
		}
		fetch_url(url, sizeof(url), GATEWAY_TRAVLINQ, number);
		SAY(response, 202,
		    "{\"meta\":{\"success\":true,\"statusCode\":3},\"asyncFetch\":{\"fetchUrl\":\"%"
		    "s\"}}",
		    url);
	} else if (is_decline(job)) {
		SAY(response, 409, "{\"errorDetails\":{\"code\":\"NO-SEATS\"}}");
	} else {
		SAY(response, 200, "{\"meta\":{\"success\":true,\"statusCode\":1},\"data\":[]}");
	}
}

/* --- orders --- */

static void
order_riverty(struct order *order, const char *path, struct response *response)
{
	if (order->play == PLAY_REFUSE || order->play == PLAY_CONTENT) {
		SAY(response, order->play == PLAY_REFUSE ? 400 : 422,
		    "{\"type\":\"BusinessError\"}");
	} else if (strstr(path, "authorize") == NULL) {
		have_effect(order);
		SAY(response, 200, "{\"captureNumber\":\"%d\"}", order->number);
	} else if (order->play == PLAY_DECLINE) {
		SAY(response, 200,
		    "{\"outcome\":\"Rejected\",\"riskCheckMessages\":[{\"code\":\"200.101\"}]}");
	} else {
		have_effect(order);
		if (order->play == PLAY_ACTION)
			sometimes(action_required);
		SAY(response, 200, "{\"outcome\":\"%s\",\"checkoutId\":\"c%d\"}",
		    order->play == PLAY_ACTION ? "Pending" : "Accepted", order->number);
	}
}

static void
order_generic(struct order *order, struct response *response)
{
	switch (order->play) {
	case PLAY_LATER:
	case PLAY_LATER_DECLINE:
	case PLAY_LATER_LOST:
		SAY(response, 202, "{\"status\":\"Accepted\"}");
		fetch_url(response->location, sizeof(response->location), GATEWAY_GENERIC,
		    job_new(order));
		return;
	case PLAY_REFUSE:
	case PLAY_DECLINE:
		SAY(response, 400, "{\"error\":\"refused\"}");
		return;
	case PLAY_CONTENT:
		SAY(response, 422, "{\"error\":\"content\"}");
		return;
	case PLAY_ACCEPT:
	case PLAY_ACTION:
	case PLAY_COUNT:
		break;
	}
	have_effect(order);
	if (order->number % 3 == 0)
		response->status = 204;
	else
		SAY(response, 201, "{\"id\":%d}", order->number);
}

static void
order_vrio(struct order *order, struct response *response)
{
	char url[200];
	int job;

	switch (order->play) {
	case PLAY_LATER:
	case PLAY_LATER_DECLINE:
	case PLAY_LATER_LOST:
		job = job_new(order);
		fetch_url(url, sizeof(url), GATEWAY_VRIO, job);
		SAY(response, job % 2 == 0 ? 200 : 400,
		    "{\"error\":{\"code\":\"request_processing\",\"api_request\":\"%s\"}}", url);
		return;
	case PLAY_REFUSE:
	case PLAY_CONTENT:
		SAY(response, 402, "{\"error\":{\"code\":\"declined\"}}");
		return;
	case PLAY_DECLINE:
		SAY(response, 200, "{\"response_code\":200}");
		return;
	case PLAY_ACCEPT:
	case PLAY_ACTION:
	case PLAY_COUNT:
		break;
	}
	have_effect(order);
	if (order->play == PLAY_ACTION)
		sometimes(action_required);
	SAY(response, 200, "{\"response_code\":%d,\"order_id\":%d}",
	    order->play == PLAY_ACTION ? 101 : 100, order->number);
}

static void
order_travlinq(struct order *order, struct response *response)
{
	char url[200];

	switch (order->play) {
	case PLAY_LATER:
	case PLAY_LATER_DECLINE:
	case PLAY_LATER_LOST:
		fetch_url(url, sizeof(url), GATEWAY_TRAVLINQ, job_new(order));
		SAY(response, 202,
		    "{\"meta\":{\"success\":true,\"statusCode\":2},\"asyncFetch\":{\"fetchUrl\":\"%"
		    "s\"}}",
		    url);
		return;
	case PLAY_REFUSE:
	case PLAY_CONTENT:
	case PLAY_DECLINE:
		SAY(response, 400, "{\"errorDetails\":{\"code\":\"VAL-001\"}}");
		return;
	case PLAY_ACCEPT:
	case PLAY_ACTION:
	case PLAY_COUNT:
		break;
	}
	if (!order->safe)
		have_effect(order);
	SAY(response, 200, "{\"meta\":{\"success\":true,\"statusCode\":1},\"data\":[]}");
}

static void
execute(struct order *order, const struct message *message, struct response *response)
{
	switch (message->gateway) {
	case GATEWAY_RIVERTY:
		order_riverty(order, message->path, response);
		break;
	case GATEWAY_GENERIC:
		order_generic(order, response);
		break;
	case GATEWAY_VRIO:
		order_vrio(order, response);
		break;
	case GATEWAY_TRAVLINQ:
		order_travlinq(order, response);
		break;
	case GATEWAY_COUNT:
		break;
	}
}

/* --- keys and sessions --- */

static struct remembered *
recall(const struct message *message)
{
	for (int i = 0; i < model.key_count; i++) {
		struct remembered *found = &model.keys[i];

		if (found->gateway != message->gateway || strcmp(found->key, message->key) != 0)
			continue;
		if (world_true() - found->since < KEY_RETENTION_MS)
			return found;
		found->key[0] = '\0';
	}
	return NULL;
}

static void
remember(const struct message *message, const struct order *order, const struct response *response)
{
	struct remembered *key;

	assert(model.key_count < KEYS_MAX);
	key = &model.keys[model.key_count++];
	key->gateway = message->gateway;
	(void)snprintf(key->key, sizeof(key->key), "%s", message->key);
	key->order = order->number;
	key->since = world_true();
	key->response = *response;
}

static void
receive_keyed(struct order *order, const struct message *message, struct response *response)
{
	const struct remembered *known = recall(message);

	if (known != NULL) {
		if (known->order != order->number && model.app_was_restored &&
		    order->own_key[0] != '\0')
			order->misjudged = true;
		else if (known->order != order->number)
			world_violation("P4", "orders %d and %d share key %s", known->order,
			    order->number, message->key);
		*response = known->response;
		sometimes(replayed);
		return;
	}
	execute(order, message, response);
	if (message->gateway == GATEWAY_RIVERTY || response->status < 300)
		remember(message, order, response);
}

static bool
session_is_current(const struct message *message)
{
	char current[32];

	(void)snprintf(current, sizeof(current), "S%d", model.session);
	return strcmp(current, message->session) == 0 && world_boot() < model.session_until;
}

static void
log_in(struct response *response)
{
	if (!model.calm && world_chance(60)) {
		sometimes(login_refused);
		SAY(response, 401, "{\"errorDetails\":{\"code\":\"AUT-001\"}}");
		return;
	}
	model.session++;
	model.session_until =
	    world_boot() +
	    (model.calm || world_chance(700) ? HOURS(6) : world_between(0, SECONDS(60)));
	SAY(response, 200, "{\"data\":[{\"sessionId\":\"S%d\"}]}", model.session);
}

static void
receive_poll(const struct message *message, struct response *response)
{
	int job = job_of_path(message->path);

	switch (message->gateway) {
	case GATEWAY_VRIO:
		poll_vrio(job, response);
		break;
	case GATEWAY_TRAVLINQ:
		poll_travlinq(job, response);
		break;
	case GATEWAY_RIVERTY:
	case GATEWAY_GENERIC:
	case GATEWAY_COUNT:
		poll_generic(job, response);
		break;
	}
}

void
gateway_receive(const struct message *message, struct response *response)
{
	struct order *order = gateway_order_of(message->body);
	bool poll = strcmp(message->method, "GET") == 0;

	*response = (struct response){.status = 0};
	if (strstr(message->path, "/auth/login") != NULL) {
		log_in(response);
		return;
	}
	if (message->gateway == GATEWAY_TRAVLINQ && !session_is_current(message)) {
		sometimes(session_expired);
		response->effect_free = true;
		SAY(response, 401, "{\"errorDetails\":{\"code\":\"VAL-002\"}}");
		return;
	}
	if (poll) {
		receive_poll(message, response);
		return;
	}
	if (order == NULL) {
		world_violation("P4", "%s received a body that nobody wrote: %s",
		    gateway_name[message->gateway], message->body);
		return;
	}
	order->arrivals++;
	if (order->keyed)
		receive_keyed(order, message, response);
	else
		execute(order, message, response);
}
