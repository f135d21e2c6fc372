/*
 * diskserve.h - a process that serves one file, a disk with a volatile write cache, through
 * /dev/fuse. A loop device over that file gives it to a file system. (No libfuse: the kernel's own
 * interface is enough for one file.)
 */
#ifndef OUTBOXD_TESTS_DISKSERVE_H
#define OUTBOXD_TESTS_DISKSERVE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/diskcache.h"

/* Shared with the process: memory from disk_new(). The plans are set before it starts or while it
 * serves; 0: none. */
struct diskserve {
	unsigned char *image;
	size_t size;
	size_t piece;
	uint64_t seed;
	int outside;            /* the mount namespace in which the process lives */
	atomic_int survival;    /* enum diskcache_survival */
	atomic_long flushes;    /* so far */
	atomic_long cut_at;     /* the power goes at this flush: before it, or when it is done and
				   nobody knows */
	atomic_int cut_after;   /* the latter */
	atomic_long fail_at;    /* this flush is answered with EIO */
	atomic_int fail_sticky; /* and all after it */
	atomic_long writes;     /* so far */
	atomic_long fail_write_at; /* so are this write and the few after it: the kernel takes them
				      for done */
	atomic_int fail_writes;    /* how many */
	atomic_long failed;        /* flushes and writes that were */
	atomic_int is_cut; /* nothing is answered any more: time stands still for whoever waits for
			      this disk */
	atomic_long gone;  /* sectors that the cut took back */
};

enum diskserve_command {
	DISKSERVE_CUT = 'c',  /* the power goes now */
	DISKSERVE_DEAD = 'd', /* and whoever waits gets EIO from now on */
};

/* Serves at mount_point, an empty file, until it is unmounted or the parent dies. *control gets the
 * socket for diskserve_tell. -1 with errno when there can be no such mount. */
pid_t diskserve_start(struct diskserve *disk, const char *mount_point, int *control);
/* Returns when it is done. */
void diskserve_tell(int control, enum diskserve_command command);

#endif
