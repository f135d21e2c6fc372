/*
 * kills.h - what campaigns have in common that end the daemon's life again and again while the
 * shopper sells.
 */
#ifndef OUTBOXD_TESTS_KILLS_H
#define OUTBOXD_TESTS_KILLS_H

#include "lib/daemon.h"

enum { KILLS_STATES = 6 };

/* At how many kills at least one row stood in a state, and how many rows in all. */
struct kills_seen {
	int kills[KILLS_STATES];
	long rows[KILLS_STATES];
};

const char *kills_state(int which);
void kills_count_states(struct stand *stand, struct kills_seen *seen);

/* Marks a kill in the gateway's log: what the daemon sent before is read before this. */
void kills_mark(struct stand *stand);

/* The faults stop, the daemon starts (unless it runs) and is given time until nothing is open.
 * false: it was not enough. */
bool kills_settle(struct stand *stand);

#endif
