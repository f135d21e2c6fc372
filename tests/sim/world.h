/*
 * world.h - the simulated world around one outboxd: time, chance, events, and death.
 *
 * Everything that happens is drawn from one seed: a run is repeated exactly by its number. One seed
 * after another runs in one process; world_begin() makes the world anew.
 */
#ifndef OUTBOXD_SIM_WORLD_H
#define OUTBOXD_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#define DATABASE "/sim/shop.db"
#define STATE_DIR "/sim/state"

#define SECONDS(n) ((int64_t)(n)*1000)
#define MINUTES(n) ((int64_t)(n)*60000)
#define HOURS(n) ((int64_t)(n)*3600000)
#define YEARS(n) ((int64_t)(n)*365 * HOURS(24))

/* --- chance --- */

uint64_t world_random(void);
/* 0 .. n-1 */
int world_below(int n);
/* True in per_mille of 1000 cases. */
bool world_chance(int per_mille);
int64_t world_between(int64_t low, int64_t high);

/* --- time, in ms --- */

int64_t world_boot(void); /* never jumps */
int64_t world_true(void); /* Unix time, as the rest of the world has it */
int64_t world_wall(void); /* as this machine's clock shows it */
int64_t world_skew(void);
void world_set_skew(int64_t skew);
/* A busy wait inside SQLite: time goes on, and the app may give its lock back. */
void world_sleep_us(int64_t microseconds);

/* --- events --- */

enum happening {
	/* on the wire; subject is a transfer or message */
	HAPPENS_CONNECT,
	HAPPENS_ARRIVAL,
	HAPPENS_ANSWER,
	HAPPENS_RESET,
	/* beside the daemon */
	HAPPENS_JOB,
	HAPPENS_INSERT,
	HAPPENS_COMMAND,
	HAPPENS_UNLOCK,
	HAPPENS_WEATHER,
	HAPPENS_CLOCK_SET,
	HAPPENS_HEAL,
	HAPPENS_NOTHING, /* the driver wants control */
};

struct occasion {
	int64_t at; /* boot */
	enum happening what;
	int64_t subject;
};

void world_schedule(int64_t delay_ms, enum happening what, int64_t subject);
/* Lets events happen up to that moment, or until stop() says so. */
void world_run(int64_t until, bool (*stop)(void));
/* Who handles which event (run.c). */
void world_dispatch(const struct occasion *event);

/* --- death --- */

enum death { DEATH_NONE, DEATH_KILLED, DEATH_POWER };

/* The daemon dies at the n-th point from now: a point is any disk call and any step on the wire. */
void world_doom(enum death how, int64_t points);
void world_point(void);
void world_die(enum death how);
/* What it died of. Whatever runs on is a ghost: nothing that it does counts. */
enum death world_dead(void);
/* The ghost is gone. */
void world_bury(void);

/* --- one run --- */

void world_begin(uint64_t seed, bool verbose);
uint64_t world_seed(void);
bool world_is_verbose(void);
/* Prints under --verbose, with the time. */
void world_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A promise is broken: printed with the seed; the run ends as failed. */
void world_violation(const char *promise, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool world_failed(void);
const char *world_failure(void);

#endif
