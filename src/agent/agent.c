/*
 * agent.c - the turn.
 */
#include "agent/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"

static void
read_clocks(struct agent *agent)
{
	bool jumped = false;

	agent->boot = clock_boot_ms();
	agent->now = timeline_read(&agent->timeline, clock_wall_ms(), agent->boot, &jumped);
	if (!jumped)
		return;
	log_write(LOG_LEVEL_ERROR, "clock_jumped",
	    LOG_TEXT("meaning",
		"re-sends, expiry and deadlines wait until a gateway's Date agrees, or: outboxd clock"));
	agent_error(agent, "the clock jumped; re-sends, expiry and deadlines wait");
}

/* --- start and end --- */

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
	if (store_meta_blob(agent->store, "key_secret", agent->secret, sizeof(agent->secret)) !=
	    STORE_OK) {
		text_format(why, "%s: outbox_meta has no usable key_secret", config->database);
		return -1;
	}
	return 0;
}

static int
start(struct agent *agent, struct text *why, enum agent_end *end)
{
	enum store_status status =
	    store_open(agent_config(agent)->database, STORE_DAEMON, &agent->store, why);

	*end = status == STORE_CORRUPT ? AGENT_CORRUPT : AGENT_FAILED;
	if (status == STORE_CONFIG)
		*end = AGENT_STOPPED; /* the caller turns this into EX_CONFIG */
	if (status != STORE_OK)
		return -1;
	*end = AGENT_FAILED;
	agent->boot = clock_boot_ms();
	timeline_start(&agent->timeline, clock_wall_ms(), agent->boot,
	    store_meta_integer(agent->store, "clock_mark", TIME_NONE));
	read_clocks(agent);
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

/* Configurations that nobody looks at any more; never the newest. */
static void
forget_configurations(struct agent *agent)
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
	/* Nothing stays beside the file: a -wal that is forgotten there lays newer pages over a backup that is put in its place, and
	 * card data that was erased would live on in it. When somebody reads just now it cannot be helped. */
	if (agent->end == AGENT_STOPPED)
		(void)store_truncate_wal(agent->store);
	store_close(agent->store);
	lanes_free(agent);
	forget_configurations(agent);
	config_free(agent->generation->config);
	free(agent->generation);
	explicit_bzero(agent->secret, sizeof(agent->secret));
	free(agent);
}

int
agent_reconfigure(struct agent *agent, struct config *config, struct text *why)
{
	struct generation *next;

	if (strcmp(config->database, agent_config(agent)->database) != 0 ||
	    strcmp(config->state_dir, agent_config(agent)->state_dir) != 0) {
		text_format(why, "database and state_dir cannot change while outboxd runs; restart it");
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
		(void)snprintf(line, size, "sends nothing until outboxd adopt: %.200s", agent->mode_reason);
	else
		(void)snprintf(line, size, "%s; %zu in flight, %zu to record, %zu destination(s) held%s",
		    agent->mode == MODE_DRAINING ? "stopping" : "running", agent->flying.count,
		    agent->finished.count, held, agent->timeline.trusted ? "" : "; clock not trusted");
}

/* --- the wire --- */

static int64_t
sooner_of(int64_t a, int64_t b)
{
	return a == TIME_NONE || b < a ? b : a;
}

static void
send_claimed(struct agent *agent)
{
	while (agent->claimed.first != NULL) {
		struct job *job = agent->claimed.first;

		job_remove(&agent->claimed, job);
		if (job_start(agent, job) == 0) {
			job_add(&agent->flying, job);
			continue;
		}
		job_never_started(agent, job);
		job_landed(agent, job);
	}
}

/* Looks at every exchange only when the time of one may be up: there may be thousands, and a turn comes often. */
static void
cancel_overdue(struct agent *agent)
{
	bool stop = agent->drain_asked && agent->boot >= agent->drain_until;

	if (!stop && (agent->overdue_at == TIME_NONE || agent->boot < agent->overdue_at))
		return;
	agent->overdue_at = TIME_NONE;
	for (struct job *job = agent->flying.first; job != NULL; job = job->next)
		if (stop || agent->boot >= job->deadline)
			wire_cancel(agent->wire, job->transfer,
			    stop ? "outboxd stopped" : "no answer within the time-out");
		else
			agent->overdue_at = sooner_of(agent->overdue_at, job->deadline);
}

static void
take_finished(struct agent *agent)
{
	struct wire_transfer *transfer;

	while ((transfer = wire_finished(agent->wire)) != NULL) {
		struct job *job = wire_transfer_owner(transfer);

		job_remove(&agent->flying, job);
		job_judge(agent, job);
		job_landed(agent, job);
	}
}

/* --- the turn --- */

/*
 * Somebody else wrote: for us? That shows in the newest ids; the look at everything is dear, and most of what an app writes
 * concerns nobody here. It follows nevertheless, because an id can be chosen by hand.
 */
static void
take_news(struct agent *agent)
{
	int64_t newest = store_newest(agent->store);

	if (newest == -1 || newest != agent->newest)
		agent->look = true;
	else if (agent->unexplained_at == TIME_NONE)
		agent->unexplained_at = agent->boot + UNEXPLAINED_MS;
	agent->newest = newest;
}

/* Did somebody else write? Is the database still in its place? */
static void
look_outside(struct agent *agent)
{
	int64_t now_us = clock_boot_us();
	int64_t version;

	if (watch_drain(agent->watch, now_us))
		agent->look = true;
	if (watch_next_us(agent->watch, now_us) > 0)
		return;
	version = store_data_version(agent->store);
	watch_looked(agent->watch, now_us, version != agent->data_version);
	if (version != agent->data_version)
		take_news(agent);
	agent->data_version = version;
}

/* Nothing under way and nothing to write, or it is too late to wait for either. */
static bool
is_drained(const struct agent *agent)
{
	if (!agent->drain_asked || agent->flying.count > 0)
		return false;
	return agent->finished.count == 0 || agent->boot >= agent->drain_until + 10 * FULL_PAUSE_MS;
}

static bool
has_unrecorded(const struct agent *agent)
{
	for (const struct job *job = agent->finished.first; job != NULL; job = job->next)
		if (agent->boot >= job->write_at)
			return true;
	return false;
}

/* Is there something to write now? *wake_at: when there will be, as far as time alone decides. */
static bool
wants_to_write(struct agent *agent, int64_t *wake_at)
{
	bool running = agent->mode == MODE_RUNNING;
	bool wanted = has_unrecorded(agent) || agent->boot >= agent->heartbeat_at + HEARTBEAT_MS;

	if (running && (agent->more || agent->reconfigured || agent->time_regained))
		wanted = true;
	if (agent->unexplained_at != TIME_NONE && agent->boot >= agent->unexplained_at)
		agent->look = true;
	store_begin_reading(agent->store);
	if (agent->look) {
		/* Control requests, new children and unknown destinations show themselves only here. */
		bool later = agent->deferred && agent->boot < agent->control_at;

		wanted = (!later && store_control_waiting(agent->store)) || wanted;
		wanted = (running && settle_needed(agent)) || wanted;
		agent->look = later;
		agent->unexplained_at = TIME_NONE;
		if (later)
			*wake_at = agent->control_at;
	}
	wanted = (running && house_wanted(agent, wake_at)) || wanted;
	wanted = (running && claim_wanted(agent, wake_at)) || wanted;
	store_end_reading(agent->store);
	return wanted;
}

static int64_t
until(int64_t at, int64_t now, int64_t most)
{
	if (at == TIME_NONE || at - now >= most)
		return most;
	return at > now ? at - now : 0;
}

/* Waits once. True when nothing but the watch ended the wait. */
static bool
wait_once(struct agent *agent, int signal_fd, int64_t wait_ms, bool *signaled)
{
	int64_t look_ms = (watch_next_us(agent->watch, clock_boot_us()) + 999) / 1000;
	int fds[3];
	bool ready[3] = {false};
	size_t ours = 0;
	size_t count;

	if (watch_timer(agent->watch) != -1)
		fds[ours++] = watch_timer(agent->watch);
	if (!watch_is_deaf(agent->watch))
		fds[ours++] = watch_fd(agent->watch);
	count = ours;
	if (signal_fd != -1)
		fds[count++] = signal_fd;
	agent->hook_budget_ms = HOOK_BUSY_MS;
	if (wire_wait(agent->wire, fds, ready, count,
		(int)(wait_ms < look_ms ? wait_ms : look_ms)) == -1)
		agent->end = AGENT_FAILED;
	*signaled = count > ours && ready[ours];
	return !*signaled && ((ours > 0 && ready[0]) || (ours > 1 && ready[1]));
}

/* A hint of the watch is not worth a turn before a look has shown that there is news for us, and most are none: we write, too. */
static void
wait_for_news(struct agent *agent, int signal_fd, int64_t wait_ms, bool *signaled)
{
	int64_t end = agent->boot + wait_ms;
	size_t finished = agent->finished.count;
	bool only_hints;

	do {
		only_hints = wait_once(agent, signal_fd, end - agent->boot, signaled);
		read_clocks(agent);
		look_outside(agent);
		cancel_overdue(agent);
		take_finished(agent);
		if (agent->unexplained_at != TIME_NONE && agent->unexplained_at < end)
			end = agent->unexplained_at;
	} while (only_hints && !agent->look && agent->boot < end &&
		 agent->finished.count == finished && agent->end == AGENT_RUNS);
}

/* The commit window is open: more answers than have come are still on their way, and one commit will do for them. */
static bool
gathers(const struct agent *agent)
{
	return agent->boot < agent->window_until && agent->flying.count > agent->finished.count;
}

enum agent_end
agent_turn(struct agent *agent, int signal_fd, int64_t wait_ms_max, bool *signaled)
{
	int64_t wake_at = TIME_NONE;
	int64_t wait_ms;
	bool write;

	*signaled = false;
	read_clocks(agent);
	if (!store_in_place(agent->store)) {
		agent->end = AGENT_REPLACED;
		return agent->end;
	}
	write = gathers(agent) || wants_to_write(agent, &wake_at);
	if (write && !gathers(agent) && agent->boot >= agent->write_after)
		agent_write(agent);
	forget_configurations(agent);
	/* Look once more when the commit window, or the pause after a refused transaction, has passed. */
	if (write) {
		wake_at = gathers(agent) ? agent->window_until : agent->write_after;
		agent->look = true;
	}
	if (agent->end != AGENT_RUNS)
		return agent->end;
	send_claimed(agent);
	ownership_witness(agent, false);
	if (is_drained(agent))
		return agent->end = AGENT_STOPPED;

	if (!write) {
		wake_at = sooner_of(wake_at, agent->heartbeat_at + HEARTBEAT_MS);
		if (agent->unexplained_at != TIME_NONE)
			wake_at = sooner_of(wake_at, agent->unexplained_at);
	}
	house_sweep(agent, &wake_at);
	if (agent_config(agent)->metrics_file != NULL)
		wake_at = sooner_of(wake_at, agent->reported_at);
	wait_ms = until(wake_at, agent->boot, wait_ms_max);
	wait_ms = until(agent->overdue_at, agent->boot, wait_ms);
	if (agent->drain_asked)
		wait_ms = until(agent->drain_until, agent->boot, wait_ms);
	wait_for_news(agent, signal_fd, wait_ms, signaled);
	store_checkpoint(agent->store, WAL_FRAMES_MAX);
	report_metrics(agent);
	return agent->end;
}
