/*
 * onlooker.h - an app that reads results, in a process of its own, and writes down on another disk
 * what it was told.
 */
#ifndef OUTBOXD_TESTS_ONLOOKER_H
#define OUTBOXD_TESTS_ONLOOKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/daemon.h"

struct onlooker_told {
	long results;
	long doubted; /* of rows that are not keyless: told, taken back, and unknown when it came
			 again */
};

/* Reads every few ms; what it saw stands in the file "told" of the stand. The caller kills it. */
pid_t onlooker_start(struct stand *stand);

/*
 * What the database no longer says, told on stderr. A keyless row's result is on the disk before
 * anybody sees it; another row's may be taken back by a power cut, and is the same when it comes
 * again (settled: nothing is open any more), or unknown: who repeats what he was answered may learn
 * less.
 */
long onlooker_contradicted(struct stand *stand, bool settled, struct onlooker_told *told);

#endif
