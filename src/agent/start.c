/*
 * start.c - the agent's life: start, a new configuration, the end.
 */
#include "agent/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"

static int
read_secret(struct agent *agent, struct text *why)
{
	unsigned char secret[KEY_SECRET_SIZE];

	if (store_meta_blob(agent->store, "key_secret", secret, sizeof(secret)) != STORE_OK) {
		text_format(
		    why, "%s: outbox_meta has no usable key_secret", agent_config(agent)->database);
		return -1;
	}
	agent->key_maker = key_maker_new(secret);
	explicit_bzero(secret, sizeof(secret));
	if (agent->key_maker == NULL)
		text_format(why, "libcrypto cannot make keys, or memory is short");
	return agent->key_maker == NULL ? -1 : 0;
}

static int
open_parts(struct agent *agent, struct text *why)
{
	const struct config *config = agent_config(agent);
	const char *wire_why = "";

	agent->wire = wire_new(job_before_send, agent, &wire_why);
	if (agent->wire == NULL) {
		text_format(why, "cannot start libcurl: %s", wire_why);
		return -1;
	}
	agent->watch = watch_open(config->database);
	if (agent->watch == NULL) {
		text_format(why, "cannot watch the directory of %s", config->database);
		return -1;
	}
	store_limit_body(agent->store, config->body_max);
	store_time_by(agent->store, clock_boot_us);
	return read_secret(agent, why);
}

static int
start(struct agent *agent, struct text *why, enum agent_end *end)
{
	int64_t mark = TIME_NONE;
	enum store_status status =
	    store_open(agent_config(agent)->database, STORE_DAEMON, &agent->store, why);

	*end = status == STORE_CORRUPT ? AGENT_CORRUPT : AGENT_FAILED;
	if (status == STORE_CONFIG)
		*end = AGENT_STOPPED; /* the caller turns this into EX_CONFIG */
	if (status != STORE_OK)
		return -1;
	*end = AGENT_FAILED;
	/* Without its mark any clock would be believed. */
	status = store_meta_read(agent->store, "clock_mark", &mark);
	if (status != STORE_OK && status != STORE_NOTHING) {
		text_format(why, "cannot read %s: %s", agent_config(agent)->database,
		    store_error(agent->store));
		return -1;
	}
	agent->boot = clock_boot_ms();
	timeline_start(&agent->timeline, clock_wall_ms(), agent->boot, mark);
	agent_read_clocks(agent);
	if (!agent->timeline.trusted)
		agent_error(agent, "the clock is implausible; re-sends, expiry and deadlines wait");
	if (open_parts(agent, why) == -1)
		return -1;
	if (lanes_configure(agent) == -1 || lanes_load_holds(agent) == -1) {
		text_format(why, "out of memory");
		return -1;
	}
	return ownership_take(agent, why);
}

struct agent *
agent_new(struct config *config, struct text *why, enum agent_end *end)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	*end = AGENT_FAILED;
	if (agent != NULL)
		agent->generation = calloc(1, sizeof(*agent->generation));
	if (agent == NULL || agent->generation == NULL) {
		text_format(why, "out of memory");
		config_free(config);
		free(agent);
		return NULL;
	}
	agent->generation->config = config;
	agent->mode = MODE_RUNNING;
	agent->witness_fd = -1;
	agent->look = true;
	agent->data_version = -1;
	agent->neighbour_at = agent->boot - NEIGHBOUR_MS;
	agent->newest = -1;
	agent->unexplained_at = TIME_NONE;
	agent->overdue_at = TIME_NONE;
	if (start(agent, why, end) == -1) {
		agent_free(agent);
		return NULL;
	}
	agent->heartbeat_at = agent->boot - HEARTBEAT_MS; /* the first turn beats */
	return agent;
}

static void
free_jobs(struct agent *agent, struct job_list *list)
{
	while (list->first != NULL) {
		struct job *job = list->first;

		job_remove(list, job);
		/* One that is still flying belongs to the wire, which ends it. */
		if (list == &agent->flying)
			job->transfer = NULL;
		job_free(agent, job);
	}
}

void
agent_forget_configurations(struct agent *agent)
{
	struct generation **link = &agent->generation->next;

	while (*link != NULL) {
		struct generation *old = *link;

		if (old->jobs > 0) {
			link = &old->next;
			continue;
		}
		*link = old->next;
		config_free(old->config);
		free(old);
	}
}

void
agent_free(struct agent *agent)
{
	if (agent == NULL)
		return;
	if (agent->store != NULL && agent->end != AGENT_REPLACED)
		ownership_witness(agent, true);
	free_jobs(agent, &agent->finished);
	free_jobs(agent, &agent->claimed);
	wire_free(agent->wire);
	free_jobs(agent, &agent->flying);
	watch_close(agent->watch);
	if (agent->witness_fd != -1)
		(void)close(agent->witness_fd);
	/* Nothing stays beside the file: a -wal that is forgotten there lays newer pages over a
	 * backup that is put in its place, and card data that was erased would live on in it. When
	 * somebody reads just now it cannot be helped. */
	if (agent->end == AGENT_STOPPED)
		(void)store_truncate_wal(agent->store);
	store_close(agent->store);
	lanes_free(agent);
	agent_forget_configurations(agent);
	config_free(agent->generation->config);
	free(agent->generation);
	key_maker_free(agent->key_maker);
	free(agent);
}

int
agent_reconfigure(struct agent *agent, struct config *config, struct text *why)
{
	struct generation *next;

	if (strcmp(config->database, agent_config(agent)->database) != 0 ||
	    strcmp(config->state_dir, agent_config(agent)->state_dir) != 0) {
		text_format(
		    why, "database and state_dir cannot change while outboxd runs; restart it");
		config_free(config);
		return -1;
	}
	next = calloc(1, sizeof(*next));
	if (next == NULL) {
		text_format(why, "out of memory");
		config_free(config);
		return -1;
	}
	next->config = config;
	next->next = agent->generation;
	agent->generation = next;
	agent->reconfigured = true;
	agent->look = true;
	store_limit_body(agent->store, config->body_max);
	if (lanes_configure(agent) == 0 && lanes_load_holds(agent) == 0)
		return 0;
	/* A destination whose hold is not known must not be served: start anew. */
	text_format(why, "memory is short, or the database cannot be read");
	agent->end = AGENT_FAILED;
	return -1;
}

void
agent_drain(struct agent *agent)
{
	if (agent->drain_asked)
		return;
	agent->drain_asked = true;
	agent->drain_until = clock_boot_ms() + agent_config(agent)->drain_ms;
	if (agent->mode == MODE_RUNNING)
		agent->mode = MODE_DRAINING;
}

void
agent_describe(struct agent *agent, char *line, size_t size)
{
	size_t held = 0;

	for (const struct lane *lane = agent->lanes; lane != NULL; lane = lane->next)
		held += lane->cause[0] != '\0';
	if (agent->mode == MODE_ADOPT)
		(void)snprintf(
		    line, size, "sends nothing until outboxd adopt: %.200s", agent->mode_reason);
	else
		(void)snprintf(line, size,
		    "%s; %zu in flight, %zu to record, %zu destination(s) held%s",
		    agent->mode == MODE_DRAINING ? "stopping" : "running", agent->flying.count,
		    agent->finished.count, held,
		    agent->timeline.trusted ? "" : "; clock not trusted");
}
