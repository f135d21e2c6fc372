/*
 * disk.h - a file system on a disk whose power can be cut: what was not flushed is lost, in whole
 * or in part.
 *
 * The test lives in a mount namespace of its own, with a loop device that clears itself: however
 * the test ends, the kernel takes mounts and device away when its last process is gone.
 */
#ifndef OUTBOXD_TESTS_DISK_H
#define OUTBOXD_TESTS_DISK_H

#include <stdbool.h>

#include "lib/diskserve.h"

struct disk;

/* NULL: it is possible here. Else why not: no root, no /dev/fuse, no loop devices, no mkfs. Enters
 * the namespace. */
const char *disk_impossible(const char *filesystem);

/* Makes and mounts a file system ("ext4" or "xfs") at directory/disk. */
struct disk *disk_new(const char *directory, const char *filesystem, uint64_t seed);
void disk_free(struct disk *disk);

/* Where it is mounted. */
const char *disk_path(const struct disk *disk);
/* Counts and plans. */
struct diskserve *disk_state(struct disk *disk);

/* The power goes: at once, unless a plan was quicker. From here on whoever needs the disk stands
 * still. */
void disk_cut(struct disk *disk);
/* Who stood still gets EIO. When those are gone: unmounts, and forgets the device. */
void disk_release(struct disk *disk);
void disk_remove(struct disk *disk);
/* The power is back: the platter's contents, mounted again (the journal is replayed). false: it
 * cannot be mounted. */
bool disk_insert(struct disk *disk, uint64_t seed);

#endif
