/*
 * place_parts.h - what place.c, place_filesystem.c and their test share. Nobody else includes this.
 */
#ifndef OUTBOXD_EDGE_PLACE_PARTS_H
#define OUTBOXD_EDGE_PLACE_PARTS_H

#include <stddef.h>

#include "edge/place.h"

enum { PLACE_TYPE_MAX = 64 };

enum place_medium {
	MEDIUM_LOCAL,
	MEDIUM_NETWORK, /* shared with other machines, or with a host: no locks, no shared memory to
			   rely on */
	MEDIUM_MEMORY,  /* gone with the next start of the machine */
	MEDIUM_CONTAINER, /* the writable layer of a container: gone with it */
};

/*
 * What the kernel says by number (statfs) and by name (mountinfo; "" when unknown). Either is
 * enough to call it a network: virtiofs and every FUSE share one number, and a name may be missing
 * where /proc is hidden.
 */
enum place_medium place_medium(unsigned long magic, const char *type);

/*
 * The type of the file system that holds an absolute, resolved path, from the text of a mountinfo
 * file: the longest mount point wins, of equal ones the last. "" when no line covers the path.
 */
void place_mount_type(const char *mountinfo, const char *path, char type[PLACE_TYPE_MAX]);

/* The medium below path, which is resolved; type is its name, made up from the number when the
 * kernel gives none. */
enum place_medium place_look(const char *path, char type[PLACE_TYPE_MAX]);

#endif
