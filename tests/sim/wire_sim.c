/*
 * wire_sim.c - edge/wire.h without a network: connect, ask the hook, send, wait; and what may go
 * wrong on each leg.
 *
 * Evidence is kept as the real wire keeps it: the hook decides what left.
 */
#include "sim/wire_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "edge/wire.h"
#include "sim/app.h"
#include "sim/edges_sim.h"
#include "sim/promises.h"
#include "sim/sometimes.h"
#include "sim/world.h"

enum { MESSAGES_MAX = 128 };

/* What goes wrong with one exchange. */
enum wire_fault {
	FAULT_NONE,
	/* before the hook */
	FAULT_REFUSED,
	FAULT_CONNECT_HANGS,
	FAULT_UNTRUSTED,
	/* between the hook and the gateway */
	FAULT_LOST_BEFORE,
	FAULT_DELAYED,
	/* on the way back, the gateway has done its part */
	FAULT_LOST_AFTER,
	FAULT_SILENT,
	FAULT_TOO_LATE,
	FAULT_TRUNCATED,
	FAULT_OVERSIZE,
	FAULT_GARBAGE,
	FAULT_502_AFTER,
	FAULT_HOSTILE_URL,
	FAULT_NO_URL,
	/* somebody before the gateway answers, and it never hears of the request */
	FAULT_400,
	FAULT_401,
	FAULT_403,
	FAULT_408,
	FAULT_409,
	FAULT_422,
	FAULT_429,
	FAULT_500,
	FAULT_502_BEFORE,
	FAULT_503,
	FAULT_REDIRECT,
	FAULT_SEE_OTHER,
	FAULT_COUNT,
};

static const struct {
	int status;
	enum sometimes count;
} statuses[FAULT_COUNT] = {
    [FAULT_400] = {400, SOMETIMES_status_400},
    [FAULT_401] = {401, SOMETIMES_status_401},
    [FAULT_403] = {403, SOMETIMES_status_403},
    [FAULT_408] = {408, SOMETIMES_status_408},
    [FAULT_409] = {409, SOMETIMES_status_409},
    [FAULT_422] = {422, SOMETIMES_status_422},
    [FAULT_429] = {429, SOMETIMES_status_429},
    [FAULT_500] = {500, SOMETIMES_status_500},
    [FAULT_502_BEFORE] = {502, SOMETIMES_status_502_before},
    [FAULT_503] = {503, SOMETIMES_status_503},
    [FAULT_REDIRECT] = {307, SOMETIMES_redirect},
    [FAULT_SEE_OTHER] = {303, SOMETIMES_see_other},
};

enum progress { CONNECTING, WAITING, FINISHED, TAKEN };

struct wire_transfer {
	int64_t id;
	void *owner;
	enum progress progress;
	enum wire_fault fault;
	bool hook_ran;
	size_t response_max;
	struct order *order; /* of a submit */
	bool is_poll;
	struct message message;
	char url[200];
	char method[8];
	int64_t exposed_before;
	struct response response;
	char date[40];
	struct wire_outcome outcome;
	struct wire_transfer *next;
};

struct wire {
	wire_before_send *before_send;
	void *context;
	struct wire_transfer *transfers;
};

static struct {
	struct wire *wire; /* of the living daemon */
	int64_t id_last;
	enum weather weather[GATEWAY_COUNT];
	struct message messages[MESSAGES_MAX];
	bool in_hook;
	bool dateless; /* no gateway of this world says what time it is */
} air;

void
wire_sim_begin(void)
{
	memset(&air, 0, sizeof(air));
	air.dateless = world_chance(250);
}

void
wire_sim_weather(enum gateway gateway, enum weather weather)
{
	air.weather[gateway] = weather;
}

bool
wire_sim_in_hook(void)
{
	return air.in_hook;
}

int
wire_sim_in_flight(void)
{
	int count = 0;

	for (const struct wire_transfer *t = air.wire == NULL ? NULL : air.wire->transfers;
	     t != NULL; t = t->next)
		count += t->progress == CONNECTING || t->progress == WAITING;
	return count;
}

/* --- wire.h --- */

struct wire *
wire_new(wire_before_send *before_send, void *context, const char **why)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	*why = "memory is short";
	if (wire == NULL)
		return NULL;
	wire->before_send = before_send;
	wire->context = context;
	air.wire = wire;
	return wire;
}

void
wire_transfer_free(struct wire *wire, struct wire_transfer *transfer)
{
	if (transfer == NULL)
		return;
	for (struct wire_transfer **link = &wire->transfers; *link != NULL; link = &(*link)->next)
		if (*link == transfer) {
			*link = transfer->next;
			break;
		}
	free(transfer);
}

void
wire_free(struct wire *wire)
{
	if (wire == NULL)
		return;
	while (wire->transfers != NULL)
		wire_transfer_free(wire, wire->transfers);
	if (air.wire == wire)
		air.wire = NULL;
	free(wire);
}

static enum gateway
gateway_of(const char *url)
{
	for (int i = 0; i < GATEWAY_COUNT; i++) {
		size_t length = strlen(gateway_origin[i]);

		if (strncmp(url, gateway_origin[i], length) == 0 && url[length] == '/')
			return (enum gateway)i;
	}
	return GATEWAY_COUNT;
}

static void
take_header(struct message *message, const char *line)
{
	static const char *const keys[] = {"X-Idempotency-Key: ", "Idempotency-Key: "};

	for (size_t i = 0; i < 2; i++)
		if (strncasecmp(line, keys[i], strlen(keys[i])) == 0)
			(void)snprintf(
			    message->key, sizeof(message->key), "%s", line + strlen(keys[i]));
	if (strncasecmp(line, "sessionId: ", 11) == 0)
		(void)snprintf(message->session, sizeof(message->session), "%s", line + 11);
}

static enum wire_fault
choose_fault(enum gateway gateway, bool poll)
{
	static const int per_mille[WEATHER_COUNT] = {0, 250, 800, 1000};
	enum weather weather = air.weather[gateway];
	enum wire_fault fault;

	if (!world_chance(per_mille[weather]))
		return FAULT_NONE;
	if (weather == WEATHER_OUTAGE)
		return world_chance(800) ? FAULT_REFUSED : FAULT_CONNECT_HANGS;
	do
		fault = (enum wire_fault)world_between(1, FAULT_COUNT - 1);
	/* Final words that are not the gateway's own: where its document promises that there are
	 * none. */
	while ((fault == FAULT_400 && gateway == GATEWAY_RIVERTY) ||
	       ((fault == FAULT_409 || fault == FAULT_422) && gateway == GATEWAY_TRAVLINQ && poll));
	return fault;
}

struct wire_transfer *
wire_start(struct wire *wire, const struct wire_request *request, void *owner)
{
	struct wire_transfer *transfer = calloc(1, sizeof(*transfer));
	struct message *message;

	world_point();
	if (transfer == NULL)
		return NULL;
	if (driver_drains() && world_dead() == DEATH_NONE)
		world_violation(
		    "P24", "a request begins after the daemon was told to stop: %s", request->url);
	message = &transfer->message;
	transfer->id = ++air.id_last;
	transfer->owner = owner;
	transfer->response_max = request->response_max;
	transfer->outcome.evidence = EVIDENCE_UNSENT;
	transfer->outcome.trouble = WIRE_TROUBLE_NETWORK;
	message->gateway = gateway_of(request->url);
	message->transfer = transfer->id;
	transfer->next = wire->transfers;
	wire->transfers = transfer;
	if (world_dead() != DEATH_NONE)
		return transfer;
	if (message->gateway == GATEWAY_COUNT) {
		world_violation("P14", "a request to %s", request->url);
		return transfer;
	}
	(void)snprintf(transfer->url, sizeof(transfer->url), "%s", request->url);
	(void)snprintf(transfer->method, sizeof(transfer->method), "%s", request->method);
	(void)snprintf(message->method, sizeof(message->method), "%s", request->method);
	(void)snprintf(message->path, sizeof(message->path), "%s",
	    request->url + strlen(gateway_origin[message->gateway]));
	for (size_t i = 0; i < request->header_count; i++)
		take_header(message, request->headers[i]);
	if (request->body_length > 0)
		(void)snprintf(message->body, sizeof(message->body), "%.*s",
		    (int)request->body_length, (const char *)request->body);
	transfer->is_poll = strcmp(request->method, "GET") == 0;
	transfer->order = gateway_order_of(message->body);
	if (transfer->order != NULL && !transfer->order->keyed && !transfer->order->safe &&
	    !request->fresh_connection)
		world_violation("P2", "a keyless request on a shared connection");
	transfer->fault = choose_fault(message->gateway, transfer->is_poll);
	world_say("wire %lld: %s %s key=%s %s (fault %d)", (long long)transfer->id, message->method,
	    transfer->url, message->key, message->body, (int)transfer->fault);
	world_schedule(world_between(1, 40), HAPPENS_CONNECT, transfer->id);
	return transfer;
}

static struct wire_transfer *
find(int64_t id)
{
	for (struct wire_transfer *t = air.wire == NULL ? NULL : air.wire->transfers; t != NULL;
	     t = t->next)
		if (t->id == id)
			return t;
	return NULL;
}

static bool
is_finished(void)
{
	if (hint_is_ready())
		return true;
	for (const struct wire_transfer *t = air.wire->transfers; t != NULL; t = t->next)
		if (t->progress == FINISHED)
			return true;
	return false;
}

int
wire_wait(struct wire *wire, const int *fds, bool *ready, size_t fd_count, int timeout_ms)
{
	(void)wire;
	world_point();
	if (timeout_ms > 0 && world_dead() == DEATH_NONE)
		driver_waits(timeout_ms);
	world_run(world_boot() + timeout_ms, is_finished);
	for (size_t i = 0; i < fd_count; i++)
		ready[i] = world_dead() == DEATH_NONE && watch_fd_is_ready(fds[i]);
	return 0;
}

struct wire_transfer *
wire_finished(struct wire *wire)
{
	for (struct wire_transfer *t = wire->transfers; t != NULL; t = t->next)
		if (t->progress == FINISHED) {
			t->progress = TAKEN;
			return t;
		}
	return NULL;
}

static void
finish(struct wire_transfer *transfer, enum evidence evidence, const char *error)
{
	transfer->progress = FINISHED;
	transfer->outcome.evidence = evidence;
	if (evidence != EVIDENCE_UNSENT)
		transfer->outcome.trouble = WIRE_TROUBLE_NONE;
	(void)snprintf(transfer->outcome.error, sizeof(transfer->outcome.error), "%s", error);
	world_say("wire %lld: %s, status %d %s %s", (long long)transfer->id,
	    evidence_name(evidence), transfer->outcome.http_status, transfer->response.body, error);
}

void
wire_cancel(struct wire *wire, struct wire_transfer *transfer, const char *why)
{
	(void)wire;
	if (transfer->progress == FINISHED || transfer->progress == TAKEN)
		return;
	if (transfer->hook_ran)
		sometimes(silent);
	finish(transfer, transfer->hook_ran ? EVIDENCE_MAYBE_SENT : EVIDENCE_UNSENT, why);
}

void *
wire_transfer_owner(const struct wire_transfer *transfer)
{
	return transfer->owner;
}

const struct wire_outcome *
wire_transfer_outcome(const struct wire_transfer *transfer)
{
	return &transfer->outcome;
}

const char *
wire_transfer_header(const struct wire_transfer *transfer, const char *name, size_t *count)
{
	const struct response *response = &transfer->response;
	const char *value = NULL;

	if (count != NULL)
		*count = 1;
	if (strcasecmp(name, "Date") == 0)
		value = transfer->date;
	else if (strcasecmp(name, "Retry-After") == 0)
		value = response->retry_after;
	else if (strcasecmp(name, "Location") == 0)
		value = response->location;
	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* --- the way there --- */

static void
put_on_its_way(struct wire_transfer *transfer, int64_t delay_ms)
{
	for (int i = 0; i < MESSAGES_MAX; i++) {
		if (air.messages[i].used)
			continue;
		air.messages[i] = transfer->message;
		air.messages[i].used = true;
		air.messages[i].fault = (int)transfer->fault;
		if (transfer->order != NULL)
			transfer->order->in_network++;
		world_schedule(delay_ms, HAPPENS_ARRIVAL, i);
		return;
	}
	assert(0 && "too many messages under way");
}

static void
leave(struct wire_transfer *transfer)
{
	struct order *order = transfer->order;
	int64_t delay = world_between(1, 30);

	transfer->progress = WAITING;
	if (transfer->is_poll)
		promises_at_poll(transfer->url);
	else if (order != NULL) {
		transfer->exposed_before = promises_at_send(order, transfer->method, transfer->url,
		    transfer->message.key, transfer->message.body);
		world_point(); /* sent, and nothing came back */
	}
	if (transfer->fault == FAULT_LOST_BEFORE) {
		sometimes(lost_before_effect);
		if (world_chance(500))
			world_schedule(delay, HAPPENS_RESET, transfer->id);
		return;
	}
	if (transfer->fault == FAULT_DELAYED) {
		sometimes(delayed_in_network);
		delay = world_between(SECONDS(1), NETWORK_DELAY_MAX_MS);
	}
	put_on_its_way(transfer, delay);
}

void
wire_sim_connect(int64_t id)
{
	struct wire_transfer *transfer = find(id);
	int refused;

	if (transfer == NULL || transfer->progress != CONNECTING)
		return;
	switch ((int)transfer->fault) {
	case FAULT_REFUSED:
		sometimes(refused);
		finish(transfer, EVIDENCE_UNSENT, "connection refused");
		return;
	case FAULT_CONNECT_HANGS:
		sometimes(connect_hangs);
		return; /* until the owner's patience ends */
	case FAULT_UNTRUSTED:
		sometimes(untrusted);
		transfer->outcome.trouble = WIRE_TROUBLE_TRUST;
		finish(transfer, EVIDENCE_UNSENT, "certificate verify failed");
		return;
	default:
		break;
	}
	world_point();
	if (app_is_locked() && transfer->order != NULL && !transfer->order->keyed)
		sometimes(busy_in_hook);
	air.in_hook = true;
	refused = air.wire->before_send(air.wire->context, transfer->owner);
	air.in_hook = false;
	if (refused != 0) {
		transfer->outcome.trouble = WIRE_TROUBLE_REFUSED;
		finish(transfer, EVIDENCE_UNSENT, "refused by the hook");
		return;
	}
	world_point();
	if (world_dead() != DEATH_NONE)
		return;
	transfer->hook_ran = true;
	leave(transfer);
}

/* --- the way back --- */

static bool
answered_before(int fault)
{
	return fault >= FAULT_400;
}

static bool
is_effect_free(enum gateway gateway, int status)
{
	static const int free_of[GATEWAY_COUNT][4] = {
	    {401, 429}, {401, 421, 425, 429}, {401, 403, 429}, {401, 429, 503}};

	for (int i = 0; i < 4; i++)
		if (free_of[gateway][i] == status)
			return true;
	return false;
}

static void
answer_before(const struct message *message, struct response *response)
{
	static const char *const waits[] = {"", "3", "0", "-5", "99999999999", "soon"};

	*response = (struct response){.status = statuses[message->fault].status};
	sometimes_count[statuses[message->fault].count]++;
	(void)snprintf(response->body, sizeof(response->body), "{\"error\":\"by a proxy\"}");
	if (response->status == 429 || response->status == 503)
		(void)snprintf(response->retry_after, sizeof(response->retry_after), "%s",
		    waits[world_below(4)]); /* the longest would only be waited for */
	if (response->status == 307 || response->status == 303)
		(void)snprintf(
		    response->location, sizeof(response->location), "https://elsewhere.example/");
	response->effect_free = is_effect_free(message->gateway, response->status);
}

/* A URL that leads elsewhere, where there is one; or none. */
static void
bend_url(struct response *response, bool hostile)
{
	static const char *const urls[] = {"https://evil.example/x", "//evil.example/x",
	    "https://api.vrio.app@evil.example/api_requests/1",
	    "http://api.vrio.app/api_requests/1", "/../../admin", "file:///etc/passwd"};
	const char *url = hostile ? urls[world_below(6)] : "";
	char *at = strstr(response->body, "http");
	char *end;
	char rest[400];

	if (response->location[0] != '\0' && response->status == 202) {
		(void)snprintf(response->location, sizeof(response->location), "%s", url);
		if (hostile)
			sometimes(hostile_url);
		else
			sometimes(no_url);
		return;
	}
	if (at == NULL)
		at = strstr(response->body, "/api/v1/fetch");
	end = at == NULL ? NULL : strchr(at, '"');
	if (end == NULL)
		return;
	(void)snprintf(rest, sizeof(rest), "%s", end);
	(void)snprintf(
	    at, sizeof(response->body) - (size_t)(at - response->body), "%s%s", url, rest);
	if (hostile)
		sometimes(hostile_url);
	else
		sometimes(no_url);
}

/* What becomes of the answer; how long it takes, -1: it never comes, -2: the connection breaks. */
static int64_t
bend(const struct message *message, struct response *response)
{
	switch (message->fault) {
	case FAULT_LOST_AFTER:
		sometimes(lost_after_effect);
		return -2;
	case FAULT_SILENT:
		return -1;
	case FAULT_TOO_LATE:
		sometimes(too_late);
		return world_between(SECONDS(55), SECONDS(90));
	case FAULT_502_AFTER:
		sometimes(status_502_after);
		*response = (struct response){.status = 502};
		break;
	case FAULT_GARBAGE:
		sometimes(garbage);
		(void)snprintf(response->body, sizeof(response->body), "<html>maintenance");
		/* These stand for "not processed" whatever is on the page. */
		if (response->status != 401 && response->status != 429)
			response->effect_free = false;
		response->location[0] = '\0';
		break;
	case FAULT_HOSTILE_URL:
		bend_url(response, true);
		break;
	case FAULT_NO_URL:
		bend_url(response, false);
		break;
	default:
		break;
	}
	return world_between(1, 200);
}

void
wire_sim_arrival(int64_t number)
{
	struct message *message = &air.messages[number];
	struct wire_transfer *transfer = find(message->transfer);
	struct order *order = gateway_order_of(message->body);
	struct response response;
	int64_t delay;

	message->used = false;
	if (order != NULL)
		order->in_network--;
	if (answered_before(message->fault))
		answer_before(message, &response);
	else
		gateway_receive(message, &response);
	delay = bend(message, &response);
	response.date_missing = air.dateless || world_chance(100);
	if (transfer == NULL || transfer->progress != WAITING || delay == -1)
		return;
	transfer->response = response;
	if (delay == -2)
		world_schedule(1, HAPPENS_RESET, transfer->id);
	else
		world_schedule(delay, HAPPENS_ANSWER, transfer->id);
}

void
wire_sim_reset(int64_t id)
{
	struct wire_transfer *transfer = find(id);

	if (transfer == NULL || transfer->progress != WAITING)
		return;
	transfer->response = (struct response){.status = 0};
	finish(transfer, EVIDENCE_MAYBE_SENT, "connection reset by peer");
}

static void
write_date(struct wire_transfer *transfer)
{
	time_t now = (time_t)(world_true() / 1000);
	struct tm parts;

	if (transfer->response.date_missing) {
		sometimes(date_wrong_or_absent);
		return;
	}
	(void)gmtime_r(&now, &parts);
	(void)strftime(transfer->date, sizeof(transfer->date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

static void
note_delivery(struct wire_transfer *transfer)
{
	struct order *order = transfer->order;

	if (transfer->outcome.evidence == EVIDENCE_ANSWERED && transfer->response.status == 202) {
		gateway_url_delivered(transfer->response.body);
		gateway_url_delivered(transfer->response.location);
	}

	if (order != NULL && transfer->response.effect_free &&
	    transfer->outcome.evidence == EVIDENCE_ANSWERED)
		promises_excused(order, transfer->exposed_before);
}

void
wire_sim_answer(int64_t id)
{
	struct wire_transfer *transfer = find(id);
	struct wire_outcome *outcome;
	enum evidence evidence = EVIDENCE_ANSWERED;

	if (transfer == NULL || transfer->progress != WAITING)
		return;
	world_point();
	outcome = &transfer->outcome;
	outcome->http_status = transfer->response.status;
	outcome->body_length = strlen(transfer->response.body);
	outcome->body = outcome->body_length == 0 ? NULL : transfer->response.body;
	write_date(transfer);
	if (transfer->fault == FAULT_TRUNCATED && outcome->body_length > 2) {
		sometimes(truncated);
		outcome->body_length /= 2;
		transfer->response.body[outcome->body_length] = '\0';
		evidence = EVIDENCE_MAYBE_SENT;
	} else if (transfer->fault == FAULT_OVERSIZE) {
		sometimes(oversize);
		outcome->oversize = true;
		evidence = EVIDENCE_MAYBE_SENT;
	}
	finish(transfer, evidence, evidence == EVIDENCE_ANSWERED ? "" : "cut off");
	note_delivery(transfer);
}
