/*
 * blackout.h - one life of daemon, app and onlooker on a disk whose power is cut, and how it comes
 * to its end.
 */
#ifndef OUTBOXD_TESTS_BLACKOUT_H
#define OUTBOXD_TESTS_BLACKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/daemon.h"
#include "lib/disk.h"

/* A stand whose database, state directory and configuration are on such a disk; the gateway's logs
 * and its own are not. */
struct blackout {
	struct stand *stand;
	struct disk *disk;
	bool careless; /* its orders may be lost, until they are sent */
};

/* How one life ends. */
struct blackout_plan {
	enum diskcache_survival survival;
	int life_ms;
	int quiet_ms; /* when the app ends; more than life_ms: never */
	long flush;   /* at this flush of the disk; 0: life_ms alone decides */
	bool after;   /* that flush is done, and nobody knows */
	bool sick;    /* that flush fails, and the power goes later */
	bool sticky;  /* with all that follow it */
	long write;   /* this write fails, and the power goes later */
};

/* What came of plans, in sum. */
struct blackout_sum {
	long cuts;
	long at_flush; /* of which while a flush was under way */
	long sick;     /* after a failed flush or write */
	long quiet;    /* while nobody wrote but the daemon */
	long lossy;    /* that took back what the disk had been given */
	long sectors;  /* in all */
};

/* With the shopper's destinations and faults. In one world of four the app does not sync: see
 * careless. */
void blackout_open(struct blackout *blackout, const char *filesystem, uint64_t seed);
void blackout_close(struct blackout *blackout);

struct blackout_plan blackout_plan(uint64_t *random);
void blackout_tell(const struct blackout_plan *plan);

/* From the start to the cut; afterwards the disk is out, see disk_insert(). How many of daemon and
 * app ended by themselves: none may, unless the disk failed. */
long blackout_live(struct blackout *blackout, const struct blackout_plan *plan,
    struct blackout_sum *sum, uint64_t *random);

#endif
