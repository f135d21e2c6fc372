/*
 * lane.c - destinations at work: their limits, holds and sessions.
 */
#include "agent/parts.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backoff.h"
#include "edge/clock.h"
#include "edge/log.h"

enum { SESSION_LENGTH_MAX = 4096 };

struct lane *
lane_find(struct agent *agent, const char *name)
{
	for (struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
		if (strcmp(lane->name, name) == 0)
			return lane;
	return NULL;
}

static void
forget_session(struct lane *lane)
{
	if (lane->session.value == NULL)
		return;
	explicit_bzero(lane->session.value, strlen(lane->session.value));
	free(lane->session.value);
	lane->session.value = NULL;
}

static struct lane *
lane_new(struct agent *agent, const char *name)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	lane->name = strdup(name);
	if (lane->name == NULL) {
		free(lane);
		return NULL;
	}
	lane->next = agent->lanes;
	agent->lanes = lane;
	return lane;
}

static struct gate_limits
limits_of(const struct destination *settings)
{
	return (struct gate_limits){.concurrency = settings->concurrency,
	    .poll_concurrency = settings->poll_concurrency,
	    .rate_per_second = settings->rate_per_second,
	    .ramp_ms = settings->ramp_ms,
	    .probe_ms = settings->probe_interval_ms,
	    .probe_max_ms = settings->probe_interval_max_ms};
}

/* One lane a destination; lanes outlive their configuration, because jobs may still be under way.
 */
int
lanes_configure(struct agent *agent)
{
	const struct config *config = agent_config(agent);

	for (struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
		lane->settings = NULL;
	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination *settings = &config->destinations[i];
		struct gate_limits limits = limits_of(settings);
		struct lane *lane = lane_find(agent, settings->name);

		if (lane == NULL) {
			lane = lane_new(agent, settings->name);
			if (lane == NULL)
				return -1;
			gate_init(&lane->gate, &limits, agent->boot);
		}
		gate_limit(&lane->gate, &limits);
		lane->settings = settings;
		/* New credentials deserve a new session and an early probe. */
		forget_session(lane);
		lane->session.login_at = agent->boot;
		lane->gate.probe_at = agent->boot;
	}
	return 0;
}

void
lanes_free(struct agent *agent)
{
	while (agent->lanes != NULL) {
		struct lane *lane = agent->lanes;

		agent->lanes = lane->next;
		forget_session(lane);
		free(lane->name);
		free(lane);
	}
}

/* How a hold that was found on disk works. */
static enum gate_shut
shut_of_cause(const char *cause)
{
	if (strcmp(cause, "credentials") == 0 || strcmp(cause, "trust") == 0)
		return GATE_HELD_PROBED;
	return strcmp(cause, "operator") == 0 ? GATE_STOPPED : GATE_HELD;
}

static void
load_hold(void *context, const struct store_destination *found)
{
	struct agent *agent = context;
	struct lane *lane = lane_find(agent, found->name);

	if (lane == NULL || lane->loaded)
		return;
	lane->usable_since = found->released_at == TIME_NONE ? 0 : found->released_at;
	if (!found->held)
		return;
	(void)snprintf(lane->cause, sizeof(lane->cause), "%s", found->cause);
	gate_close(&lane->gate, shut_of_cause(found->cause), agent->boot);
	lane->gate.probe_at = agent->boot; /* a restart may be the cure: look at once */
}

int
lanes_load_holds(struct agent *agent)
{
	if (store_destinations(agent->store, load_hold, agent) != STORE_OK)
		return -1;
	for (struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
		lane->loaded = true;
	return 0;
}

enum store_status
lane_hold(struct agent *agent, struct lane *lane, enum gate_shut shut, const char *cause,
    const char *reason)
{
	bool wanted = strcmp(cause, "operator") == 0; /* no error */

	gate_close(&lane->gate, shut, agent->boot);
	if (lane->cause[0] != '\0' && lane->gate.shut != shut)
		return STORE_OK; /* held for a weightier cause already */
	if (strcmp(lane->cause, cause) != 0) {
		lane->metrics.holds++;
		log_write(wanted ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "destination_held",
		    LOG_TEXT("destination", lane->name), LOG_TEXT("cause", cause),
		    LOG_TEXT("reason", reason));
	}
	(void)snprintf(lane->cause, sizeof(lane->cause), "%s", cause);
	if (!wanted)
		agent_error(agent, reason);
	return store_destination_hold(agent->store, lane->name, cause, reason, agent->now);
}

enum store_status
lane_release(struct agent *agent, struct lane *lane)
{
	gate_open(&lane->gate, agent->boot);
	lane->foreign_urls = 0;
	lane->usable_since = agent->now;
	lane->session.failures = 0;
	lane->session.login_at = agent->boot;
	agent->look = true;
	if (lane->cause[0] == '\0')
		return STORE_OK;
	log_write(LOG_LEVEL_NOTICE, "destination_released", LOG_TEXT("destination", lane->name),
	    LOG_TEXT("cause", lane->cause));
	lane->cause[0] = '\0';
	return store_destination_release(agent->store, lane->name, agent->now);
}

void
lanes_remember(struct agent *agent)
{
	for (struct lane *lane = agent->lanes; lane != NULL; lane = lane->next) {
		lane->before = (struct lane_memory){.gate = lane->gate,
		    .usable_since = lane->usable_since,
		    .foreign_urls = lane->foreign_urls,
		    .login_failures = lane->session.failures,
		    .login_at = lane->session.login_at};
		memcpy(lane->before.cause, lane->cause, sizeof(lane->cause));
	}
}

void
lanes_recall(struct agent *agent)
{
	for (struct lane *lane = agent->lanes; lane != NULL; lane = lane->next) {
		lane->gate = lane->before.gate;
		memcpy(lane->cause, lane->before.cause, sizeof(lane->cause));
		lane->usable_since = lane->before.usable_since;
		lane->foreign_urls = lane->before.foreign_urls;
		lane->session.failures = lane->before.login_failures;
		lane->session.login_at = lane->before.login_at;
	}
}

int64_t
lane_give_up_at(const struct lane *lane, const struct destination *settings, const struct txn *txn)
{
	int64_t since =
	    txn->eligible_at > lane->usable_since ? txn->eligible_at : lane->usable_since;

	return since + settings->give_up_after_ms;
}

/* --- sessions --- */

static bool
session_is_old(const struct agent *agent, const struct lane *lane)
{
	int64_t lifetime = lane->settings->profile->login->lifetime_ms;

	return lifetime > 0 && agent->boot - lane->session.obtained_at >= lifetime;
}

bool
lane_ready(const struct agent *agent, const struct lane *lane)
{
	if (lane->settings->profile->login == NULL)
		return true;
	return lane->session.value != NULL && !session_is_old(agent, lane);
}

bool
lane_probes_by_login(const struct lane *lane)
{
	return lane->settings->profile->login != NULL &&
	       (lane->gate.shut == GATE_BREAKER || lane->gate.shut == GATE_HELD_PROBED);
}

void
lane_session_expired(struct lane *lane, int64_t serial)
{
	if (lane->session.serial == serial)
		forget_session(lane);
}

static const char *
login_value(const struct destination *settings, const char *name)
{
	for (size_t i = 0; i < settings->login_count; i++)
		if (strcmp(settings->login[i].name, name) == 0)
			return settings->login[i].value;
	return "";
}

static char *
login_body(const struct destination *settings)
{
	const struct login *login = settings->profile->login;
	cJSON *document = cJSON_CreateObject();
	char *body = NULL;
	bool complete = document != NULL;

	for (size_t i = 0; complete && i < login->member_count; i++)
		complete = cJSON_AddStringToObject(document, login->members[i].member,
			       login_value(settings, login->members[i].setting)) != NULL;
	if (complete)
		body = cJSON_PrintUnformatted(document);
	cJSON_Delete(document);
	return body;
}

static struct job *
login_job(struct agent *agent, struct lane *lane)
{
	struct job *job = job_new(agent, lane, PHASE_LOGIN);
	const struct destination *settings = lane->settings;
	size_t size = strlen(settings->base_url) + strlen(settings->profile->login->path) + 1;

	if (job == NULL)
		return NULL;
	job->method = settings->profile->login->method;
	job->own_url = malloc(size);
	job->login_body = login_body(settings);
	if (job->own_url == NULL || job->login_body == NULL) {
		job_free(agent, job);
		return NULL;
	}
	(void)snprintf(
	    job->own_url, size, "%s%s", settings->base_url, settings->profile->login->path);
	job->url = job->own_url;
	job->started_at = agent->now;
	return job;
}

void
lane_login(struct agent *agent, struct lane *lane)
{
	struct session *session = &lane->session;
	struct job *job;

	if (session->logging_in || agent->boot < session->login_at)
		return;
	if (lane_probes_by_login(lane)) {
		if (!gate_may_probe(&lane->gate, agent->boot))
			return;
		gate_probed(&lane->gate, agent->boot);
	}
	job = login_job(agent, lane);
	if (job == NULL)
		return;
	forget_session(lane);
	if (job_start(agent, job) == -1) {
		job_free(agent, job);
		session->login_at = agent->boot + 1000;
		return;
	}
	session->logging_in = true;
	job_add(&agent->flying, job);
}

/* A session value goes into a header: visible ASCII only. */
static bool
session_fits(const char *value)
{
	size_t length = value == NULL ? 0 : strlen(value);

	if (length == 0 || length > SESSION_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (value[i] < 0x21 || value[i] > 0x7e)
			return false;
	return true;
}

/* The session of a complete, valid 2xx answer, or NULL. */
static char *
session_of(const struct job *job)
{
	const struct answer *answer = &job->answer;
	struct reply *document;
	const char *why;
	const char *value;
	char *copy = NULL;

	if (answer->evidence != EVIDENCE_ANSWERED || answer->http_status < 200 ||
	    answer->http_status > 299 || answer->body_length == 0)
		return NULL;
	document = reply_parse(answer->body, answer->body_length, &why);
	if (document == NULL)
		return NULL;
	value = reply_string_at(document, job->settings->profile->login->session_pointer);
	if (session_fits(value))
		copy = strdup(value);
	reply_free(document);
	return copy;
}

static enum store_status
login_failed(struct agent *agent, struct job *job)
{
	struct lane *lane = job->lane;
	const struct destination *settings = job->settings;
	int status = job->answer.http_status;
	bool refused = job->answer.evidence == EVIDENCE_ANSWERED && status >= 400 &&
		       status <= 499 && status != 408 && status != 425 && status != 429;
	bool untrusted = job->answer.evidence == EVIDENCE_UNSENT &&
			 job->answer.trouble != WIRE_TROUBLE_NETWORK &&
			 job->answer.trouble != WIRE_TROUBLE_REFUSED;
	char reason[256];

	lane->session.failures++;
	lane->session.login_at =
	    agent->boot + backoff_delay_ms(settings->retry_base_ms, settings->retry_cap_ms,
			      lane->session.failures, clock_random());
	if (refused)
		(void)snprintf(
		    reason, sizeof(reason), "the login was refused with HTTP status %d", status);
	else
		(void)snprintf(
		    reason, sizeof(reason), "the login failed: %.200s", job->outcome->error);
	if (refused || untrusted)
		return lane_hold(
		    agent, lane, GATE_HELD_PROBED, refused ? "credentials" : "trust", reason);
	agent_error(agent, reason);
	return STORE_OK;
}

enum store_status
lane_login_ended(struct agent *agent, struct job *job)
{
	struct lane *lane = job->lane;
	char *value = session_of(job);

	lane->session.logging_in = false;
	if (value == NULL)
		return login_failed(agent, job);
	forget_session(lane);
	lane->session.value = value;
	lane->session.serial++;
	lane->session.obtained_at = agent->boot;
	lane->session.failures = 0;
	log_write(LOG_LEVEL_INFO, "session", LOG_TEXT("destination", lane->name),
	    LOG_NUMBER("serial", lane->session.serial));
	agent->look = true;
	if (lane->gate.shut == GATE_HELD_PROBED)
		return lane_release(agent, lane);
	if (lane->gate.shut == GATE_BREAKER)
		gate_open(&lane->gate, agent->boot);
	return STORE_OK;
}
