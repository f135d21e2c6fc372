/*
 * tally.h - how much a campaign does, and its line in the table of `make torture`.
 *
 * The same programs run in `make test` (seconds), in a slice of the torture (minutes) and in the
 * whole of it: $OUTBOXD_EXTENT is "slice" or "whole". What they did goes to stdout, and to the file
 * $OUTBOXD_TALLY when that is set: fault, runs, states reached, violations, separated by tabs.
 */
#ifndef OUTBOXD_TESTS_TALLY_H
#define OUTBOXD_TESTS_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum extent { EXTENT_TEST, EXTENT_SLICE, EXTENT_WHOLE };

enum extent extent(void);
/* One of three figures. */
long extent_of(long test, long slice, long whole);

/* states: printf-like words on what was reached, without tabs. */
void tally(const char *fault, long runs, long violations, const char *states, ...)
    __attribute__((format(printf, 4, 5)));

/* $OUTBOXD_SEED, else from the clock; printed, so that a failure can be repeated. */
uint64_t tally_seed(void);
uint64_t tally_random(uint64_t *seed);

/* Seconds of processor time that a process has used, from /proc. */
double tally_cpu_s(long pid);

#endif
