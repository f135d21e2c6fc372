/*
 * lock.h - one daemon per database.
 *
 * An open-file-description lock (F_OFD_SETLK) on "<real path of the database>-outboxd.lock", never
 * on the database itself: closing any descriptor of the database file would drop SQLite's own
 * locks. A program that the daemon executes does not inherit it; a bare fork() would.
 */
#ifndef OUTBOXD_EDGE_LOCK_H
#define OUTBOXD_EDGE_LOCK_H

#include <stdint.h>

struct lock;

enum lock_result { LOCK_TAKEN, LOCK_HELD_ELSEWHERE, LOCK_FAILED };

/*
 * Takes the lock of the database at path (symbolic links resolved, so that two names of one file
 * meet in one lock; a file with more than one hard link fails). *lock is set when TAKEN; on FAILED
 * errno tells, and *why is a constant sentence fragment.
 */
enum lock_result lock_take(const char *database, struct lock **lock, const char **why);

/* The pid that holds it, 0 when nobody does, -1 when it cannot be told. Takes nothing. */
int64_t lock_holder(const char *database);
void lock_release(struct lock *lock);

#endif
