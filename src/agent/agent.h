/*
 * agent.h - the conductor: due rows -> wire, outcomes -> verdict -> store.
 *
 * One loop, one thread. A turn: take what the wire finished; one write transaction that answers the
 * operator, records what finished and claims what is due; then send; then say when to wake.
 */
#ifndef OUTBOXD_AGENT_AGENT_H
#define OUTBOXD_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"
#include "edge/config.h"

struct agent;

/* Why the agent ended. */
enum agent_end {
	AGENT_RUNS,
	AGENT_STOPPED,  /* as asked */
	AGENT_REPLACED, /* the database is not the one it was */
	AGENT_CORRUPT,
	AGENT_FAILED, /* memory, wire, or a database that stays unusable */
};

/*
 * Opens the database, takes or refuses ownership of its state (witness) and recovers what the last
 * run left in flight. The agent owns config from here on, also on failure. NULL with a sentence in
 * why; *end then says which kind of failure.
 */
struct agent *agent_new(struct config *config, struct text *why, enum agent_end *end);
void agent_free(struct agent *agent);

/*
 * One turn, waiting at most wait_ms_max (and less when something is due) for the wire, the
 * database's watch or signal_fd (-1: none). *signaled tells that signal_fd is readable.
 */
enum agent_end agent_turn(struct agent *agent, int signal_fd, int64_t wait_ms_max, bool *signaled);

/* Stop: claims nothing more, waits for what is in flight up to the configured drain. */
void agent_drain(struct agent *agent);

/* A new configuration (owned by the agent from here on). database and state_dir must not differ. */
int agent_reconfigure(struct agent *agent, struct config *config, struct text *why);

/* What to tell a supervisor, in one line. */
void agent_describe(struct agent *agent, char *line, size_t size);

#endif
