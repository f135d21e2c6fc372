/*
 * traced.h - the daemon under strace, which counts its system calls and strikes at one of them.
 *
 * strace runs beside it (-D), so that stand->pid is the daemon itself: it can be waited for and
 * dies as ever.
 */
#ifndef OUTBOXD_TESTS_TRACED_H
#define OUTBOXD_TESTS_TRACED_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/daemon.h"

struct traced_call {
	char name[32];
	int skipped; /* calls before the daemon's own work: the dynamic linker's */
	int count;   /* all of them */
};

enum { TRACED_CALLS = 96 };

/* Whether strace is here and may trace. Says so on stdout when not. */
bool traced_possible(void);

/* As stand_start. options: further words for strace, separated by blanks. */
void traced_start(struct stand *stand, const char *options);

/* As stand_start, logging every call to a file; when the daemon has ended traced_counts() reads it.
 */
void traced_start_counting(struct stand *stand);
size_t traced_counts(struct stand *stand, struct traced_call calls[TRACED_CALLS]);

#endif
