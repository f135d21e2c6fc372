/*
 * shopper.h - an app that never stops selling: a process of its own that inserts rows for all
 * gateways, with references that say what goes wrong with them, and now and then an operator's
 * request.
 */
#ifndef OUTBOXD_TESTS_SHOPPER_H
#define OUTBOXD_TESTS_SHOPPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/daemon.h"

/* Adds the destinations that it sells through (several of each profile). */
void shopper_destinations(struct stand *stand);
/* The script lines for its references. */
const char *shopper_faults(void);

/* Starts it; it waits while more than open_max rows are open. Every reference whose transaction has
 * committed stands in the file "committed" of the stand. */
pid_t shopper_start(struct stand *stand, uint64_t seed, int open_max);
/* From the next start on with synchronous=NORMAL: what has committed may be lost, but for what was
 * sent. */
void shopper_be_careless(bool careless);
/* kill -9: a sale may have been committed and not been noted. */
void shopper_kill(pid_t pid);
/* Committed references without a delivery row, told on stderr. *rows: how many were committed. */
int shopper_lost(struct stand *stand, int *rows);

/* A small seeded generator. */
uint64_t shopper_random(uint64_t *state);

#endif
