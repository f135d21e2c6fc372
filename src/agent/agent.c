/*
 * agent.c - the turn.
 */
#include "agent/parts.h"

#include "edge/clock.h"
#include "edge/log.h"

void
agent_read_clocks(struct agent *agent)
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
	bool matters = newest == -1 || newest != agent->newest;

	watch_matters(agent->watch, matters);
	if (matters)
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
	int64_t now_us = clock_boot_us();
	int64_t look_ms = (watch_next_us(agent->watch, now_us) + 999) / 1000;
	int timer = watch_timer(agent->watch, now_us);
	int fds[3];
	bool ready[3] = {false};
	size_t ours = 0;
	size_t count;

	if (timer != -1)
		fds[ours++] = timer;
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
		agent_read_clocks(agent);
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
	agent_read_clocks(agent);
	if (!store_in_place(agent->store)) {
		agent->end = AGENT_REPLACED;
		return agent->end;
	}
	write = gathers(agent) || wants_to_write(agent, &wake_at);
	if (write && !gathers(agent) && agent->boot >= agent->write_after)
		agent_write(agent);
	agent_forget_configurations(agent);
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
