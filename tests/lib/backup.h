/*
 * backup.h - the ways in which merchants make backups of a database that outboxd serves. Its table
 * orders has a column seen.
 */
#ifndef OUTBOXD_TESTS_BACKUP_H
#define OUTBOXD_TESTS_BACKUP_H

#include "lib/daemon.h"

enum { BACKUP_WAYS = 4 };

struct backup_way {
	const char *name;
	/* Leaves a whole database at `copy` (with a -wal, perhaps). The daemon runs before and
	 * afterwards. */
	void (*back_up)(struct stand *stand, const char *copy);
};

extern const struct backup_way backup_ways[BACKUP_WAYS];

/* A shell's command, which must succeed. */
void backup_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
