/*
 * diskcache.h - the volatile write cache of a disk: what was written is there until the power goes,
 * what was flushed stays.
 *
 * The image holds what a reader sees. Beside it, for each sector written since the last flush,
 * stands what the platter still has. A real cache writes back when and in which order it likes; so
 * does this one.
 */
#ifndef OUTBOXD_TESTS_DISKCACHE_H
#define OUTBOXD_TESTS_DISKCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISKCACHE_SECTOR = 512 };

/* What of the un-flushed writes the power cut leaves. */
enum diskcache_survival {
	SURVIVES_NOTHING,
	SURVIVES_PIECES,   /* each piece by chance: requests are torn */
	SURVIVES_REQUESTS, /* each request by chance */
	SURVIVES_PREFIX,   /* the requests up to one */
	SURVIVES_ALL,
};
enum { SURVIVALS = SURVIVES_ALL + 1 };

struct diskcache;

/* Over an image of size bytes, which is the caller's. piece: at what size writes may tear,
 * DISKCACHE_SECTOR or a multiple. */
struct diskcache *diskcache_new(unsigned char *image, size_t size, size_t piece, uint64_t seed);
void diskcache_free(struct diskcache *cache);

void diskcache_write(struct diskcache *cache, size_t offset, const void *bytes, size_t length);
void diskcache_flush(struct diskcache *cache);
/* Afterwards the image is what the platter has. How many sectors' last content is gone. */
size_t diskcache_cut(struct diskcache *cache, enum diskcache_survival survival);

#endif
