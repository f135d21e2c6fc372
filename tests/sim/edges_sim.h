/*
 * edges_sim.h - clock, watch, log, witness and the like, as the simulation has them.
 */
#ifndef OUTBOXD_SIM_EDGES_SIM_H
#define OUTBOXD_SIM_EDGES_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/witness.h"

void edges_begin(void);

/* Somebody wrote to the database: the watch's event. */
void hint(void);
bool hint_is_ready(void);
bool watch_fd_is_ready(int fd);

/* The witness on disk. */
bool witness_sim_get(struct witness *witness);
void witness_sim_power_loss(void);
/* The next n attempts to write it fail. */
void witness_sim_fail(int n);
/* state_dir is another's, or another machine: nothing is known. */
void witness_sim_forget(void);

/* Allocations of the daemon (all that is not the simulation's own). */
void allocations_fail(int64_t n, bool for_ever); /* the n-th from now */
void allocations_heal(void);
int64_t allocations_count(void);
int64_t allocations_failed(void);
/* Between these two nothing is counted or failed: nests. */
void allocations_pause(void);
void allocations_resume(void);
/* Counts one that is not made through malloc(); true when it has to fail. */
bool allocation_fails(void);

/* run.c: the daemon is about to wait. */
void driver_waits(int64_t timeout_ms);
/* The daemon was told to stop. */
bool driver_drains(void);

#endif
