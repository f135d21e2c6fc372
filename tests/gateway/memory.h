/* memory.h - lets keys, order numbers and jobs outlive the process: a journal, read at start. */
#ifndef FAKEGW_MEMORY_H
#define FAKEGW_MEMORY_H

#include "jobs.h"
#include "keys.h"

/* Opens path (appending), takes what it holds into world. Without path everything below does
 * nothing. -1 with a message. */
int memory_open(struct world *world, const char *path);
void memory_close(struct world *world);

void memory_keep_key(struct world *world, const char *name, const struct stored *stored);
void memory_keep_order(struct world *world, const char *number);

/* The job as it is now, under its current id; previous: the id that it replaces, or "". */
void memory_keep_job(struct world *world, const struct job *job);

/* A reset: everything before is void. */
void memory_reset(struct world *world);

#endif
