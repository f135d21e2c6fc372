/*
 * run.h - one run of the simulation: the real agent, core and store in a world made from a seed.
 */
#ifndef OUTBOXD_SIM_RUN_H
#define OUTBOXD_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* What a scripted run does to the daemon, beside a plain working day. Zero: nothing. */
struct script {
	bool skip_wal_syncs; /* the control: as if the daemon committed at synchronous = NORMAL */
	int64_t cut_at_sync; /* power loss at the n-th sync (before it when before_sync), 0: none */
	bool before_sync;
	int survivors;           /* which un-synced writes survive */
	int64_t disk_fails_at;   /* the n-th disk call, 0: none */
	int disk_error;          /* enum fvfs_error */
	int64_t memory_fails_at; /* the n-th allocation, 0: none */
	bool for_ever;           /* until the daemon is started anew some time later */
	bool restarts; /* it dies with requests under way, and faults begin with its next start */
	bool adopts;   /* a backup takes its place, and faults begin when the operator says adopt */
};

struct tally {
	int64_t syncs;
	int64_t disk_calls;
	int64_t allocations;
	int64_t faults; /* injected by the script */
};

/* Once in a process: VFS, template, configurations. 0, or -1 with a message on standard error. */
int run_set_up(void);
void run_tear_down(void);

/* Random faults of all kinds. True when every promise was kept; else world_failure() says which was
 * not. */
bool run_seed(uint64_t seed, bool verbose);

/* Eight orders (adopts: one, at a gateway without keys), good weather, and what the script says. */
bool run_script(uint64_t seed, const struct script *script, struct tally *tally, bool verbose);

/* An outage, a restart with a clock ten years ahead, the clock put right, and the operator's word:
 * nobody's time is up. */
bool run_confirmed_clock(uint64_t seed, bool verbose);

#endif
