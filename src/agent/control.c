/*
 * control.c - the operator's requests. Each is a row of outbox_control, and is answered there.
 */
#include "agent/control_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/units.h"
#include "edge/clock.h"
#include "edge/log.h"

enum { REQUESTS_MAX = 64 };

static enum reply_kind
hold_destination(struct request *request, struct lane *lane)
{
	char reason[300];

	/* What was said the first time stays. */
	if (strcmp(lane->cause, "operator") == 0 && control_text(request)[0] == '\0') {
		SAY(request, "destination %.100s is held already", lane->name);
		return REPLY_DONE;
	}
	(void)snprintf(reason, sizeof(reason), "held by %.60s%s%.200s", control_author(request),
	    control_text(request)[0] == '\0' ? "" : ": ", control_text(request));
	request->status = lane_hold(request->agent, lane, GATE_STOPPED, "operator", reason);
	SAY(request, "destination %.100s is held: nothing is sent to it", lane->name);
	return REPLY_DONE;
}

static enum reply_kind
release_destination(struct request *request, struct lane *lane)
{
	if (lane->cause[0] == '\0' && lane->gate.shut == GATE_OPEN) {
		SAY(request, "destination %.100s is not held", lane->name);
		return REPLY_REFUSED;
	}
	request->status = lane_release(request->agent, lane);
	SAY(request, "destination %.100s goes on", lane->name);
	return REPLY_DONE;
}

static enum reply_kind
confirm_clock(struct request *request)
{
	timeline_confirm(&request->agent->timeline, clock_wall_ms(), clock_boot_ms());
	/* At once: with trust, and the time that was doubted, everything would be late. */
	request->agent->now =
	    timeline_read(&request->agent->timeline, clock_wall_ms(), clock_boot_ms(), NULL);
	request->agent->time_regained = true;
	SAY(request, "the clock of this machine is trusted again");
	return REPLY_DONE;
}

static enum reply_kind
adopt(struct request *request)
{
	const char *argument = request->control->argument;
	bool resend = argument != NULL && strcmp(argument, "resend") == 0;
	bool allowed = true;

	if (request->agent->mode != MODE_ADOPT) {
		SAY(request, "there is nothing to adopt: outboxd serves this database already");
		return REPLY_REFUSED;
	}
	if (resend)
		request->status = ownership_resend_allowed(request->agent, request->control->count,
		    &allowed, request->answer, ANSWER_SIZE);
	if (request->status != STORE_OK || !allowed)
		return REPLY_REFUSED;
	request->status = ownership_adopt(request->agent, resend, request->answer, ANSWER_SIZE);
	return REPLY_DONE;
}

static enum reply_kind
purge(struct request *request)
{
	struct agent *agent = request->agent;
	const char *age = request->control->argument;
	int64_t age_ms;

	if (age == NULL || units_parse(age, duration_units, &age_ms) == -1) {
		SAY(request,
		    "say how old (--older-than, column argument), with its unit, as in \"90d\"");
		return REPLY_REFUSED;
	}
	if (agent->mode == MODE_ADOPT) {
		SAY(request, "this database must be adopted first: outboxd adopt --config FILE");
		return REPLY_REFUSED;
	}
	/* Answered by house.c when it is done; one after the other. */
	(void)house_purge(agent, request->control->id, agent->now - age_ms);
	return REPLY_LATER;
}

static const struct {
	const char *name;
	control_on_row *row;
	enum reply_kind (*destination)(struct request *, struct lane *);
	enum reply_kind (*whole)(struct request *);
} commands[] = {
    {"cancel", control_cancel, NULL, NULL},
    {"retry", control_retry, NULL, NULL},
    {"resolve", control_resolve, NULL, NULL},
    {"hold", control_hold, hold_destination, NULL},
    {"release", control_release, release_destination, NULL},
    {"adopt", NULL, NULL, adopt},
    {"clock", NULL, NULL, confirm_clock},
    {"purge", NULL, NULL, purge},
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static enum reply_kind
on_row(struct request *request, control_on_row *handler)
{
	int64_t id = request->control->outbox_id;
	enum reply_kind kind;

	if (job_of_row(request->agent, id) != NULL)
		return REPLY_LATER; /* it is under way: answered as soon as that has ended */
	request->status = store_row(request->agent->store, id, &request->row);
	if (request->status == STORE_NOTHING) {
		request->status = STORE_OK;
		SAY(request, "there is no outbox row %" PRId64, id);
		return REPLY_REFUSED;
	}
	if (request->status != STORE_OK)
		return REPLY_LATER;
	kind = handler(request);
	store_row_free(request->row);
	request->row = NULL;
	return kind;
}

static enum reply_kind
on_destination(struct request *request, enum reply_kind (*handler)(struct request *, struct lane *))
{
	struct lane *lane = lane_find(request->agent, request->control->destination);

	if (lane != NULL)
		return handler(request, lane);
	SAY(request, "there is no destination %.100s in the configuration",
	    request->control->destination);
	return REPLY_REFUSED;
}

static enum reply_kind
dispatch(struct request *request)
{
	const struct store_control *control = request->control;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (control->command == NULL || strcmp(commands[i].name, control->command) != 0)
			continue;
		if (commands[i].whole != NULL)
			return commands[i].whole(request);
		if (request->agent->mode == MODE_ADOPT) {
			SAY(request,
			    "this database must be adopted first: outboxd adopt --config FILE");
			return REPLY_REFUSED;
		}
		if (control->state != NULL && control->destination != NULL &&
		    commands[i].row != NULL)
			return control_many(request, commands[i].row);
		if (control->state != NULL || control->count != 0) {
			SAY(request, "%s of many rows needs destination, state and count",
			    control->command);
			return REPLY_REFUSED;
		}
		if (control->outbox_id != 0 && commands[i].row != NULL)
			return on_row(request, commands[i].row);
		if (control->destination != NULL && commands[i].destination != NULL)
			return on_destination(request, commands[i].destination);
		SAY(request, "%s needs %s", control->command,
		    commands[i].destination != NULL ? "outbox_id or destination" : "outbox_id");
		return REPLY_REFUSED;
	}
	SAY(request, "unknown command; there are cancel, retry, resolve, hold, release, adopt, "
		     "clock and purge");
	return REPLY_REFUSED;
}

static enum store_status
answer_one(struct agent *agent, const struct store_control *control, bool *deferred)
{
	struct request request = {.agent = agent, .control = control};
	enum reply_kind kind = dispatch(&request);

	if (request.status != STORE_OK)
		return request.status;
	if (kind == REPLY_LATER) {
		*deferred = true;
		return STORE_OK;
	}
	log_write(LOG_LEVEL_NOTICE, "control", LOG_NUMBER("request", control->id),
	    LOG_TEXT("command", control->command), LOG_NUMBER("id", control->outbox_id),
	    LOG_TEXT("destination", control->destination), LOG_TEXT("by", control->created_by),
	    LOG_TEXT("status", kind == REPLY_DONE ? "done" : "refused"),
	    LOG_TEXT("answer", request.answer));
	agent->look = true;
	return store_control_answer(
	    agent->store, control->id, kind == REPLY_DONE, request.answer, agent->now);
}

/* Those behind *after, which moves on; *more: there may be others, and none of these needed a
 * decision. */
static enum store_status
answer_some(struct agent *agent, int64_t *after, bool *more)
{
	struct store_control requests[REQUESTS_MAX] = {0};
	int count = store_control_open(agent->store, *after, requests, REQUESTS_MAX);
	enum store_status status = count == -1 ? STORE_FULL : STORE_OK;

	*more = count == REQUESTS_MAX;
	for (int i = 0; i < count; i++) {
		bool deferred = false;

		if (status == STORE_OK)
			status = answer_one(agent, &requests[i], &deferred);
		agent->deferred = agent->deferred || deferred;
		*more = *more && deferred;
		*after = requests[i].id;
		store_control_free(&requests[i]);
	}
	return status;
}

/* Those that wait, for a row under way or a purge, stand in nobody's way. */
enum store_status
control_answer_all(struct agent *agent)
{
	int64_t after = STORE_BEFORE_ALL;
	enum store_status status = STORE_OK;
	bool more = true;

	agent->deferred = false;
	while (more && status == STORE_OK)
		status = answer_some(agent, &after, &more);
	return status;
}
