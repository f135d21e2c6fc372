/*
 * diskcache.c - remembers what the platter has under each sector that was written and not flushed.
 */
#include "lib/diskcache.h"

#include <stdlib.h>
#include <string.h>

#include "lib/daemon_parts.h"
#include "lib/tally.h"

enum { NONE = 0, DESTAGED_TOGETHER = 4096 / DISKCACHE_SECTOR, DESTAGED_TENTHS = 3 };

struct dirty {
	uint32_t sector;
	uint64_t request;
	unsigned char platter[DISKCACHE_SECTOR];
};

struct diskcache {
	unsigned char *image;
	size_t piece; /* in sectors */
	uint64_t random;
	uint64_t requests;
	uint32_t *where; /* by sector: place in dirty + 1, or NONE */
	struct dirty *dirty;
	size_t count;
	size_t room;
};

struct diskcache *
diskcache_new(unsigned char *image, size_t size, size_t piece, uint64_t seed)
{
	struct diskcache *cache = calloc(1, sizeof(*cache));

	stand_must(cache != NULL && piece % DISKCACHE_SECTOR == 0, "diskcache");
	cache->where = calloc(size / DISKCACHE_SECTOR, sizeof(*cache->where));
	stand_must(cache->where != NULL, "diskcache");
	cache->image = image;
	cache->piece = piece / DISKCACHE_SECTOR;
	cache->random = seed;
	return cache;
}

void
diskcache_free(struct diskcache *cache)
{
	if (cache == NULL)
		return;
	free(cache->where);
	free(cache->dirty);
	free(cache);
}

static unsigned char *
content(struct diskcache *cache, uint32_t sector)
{
	return cache->image + (size_t)sector * DISKCACHE_SECTOR;
}

/* The same answer for all that has one number. */
static bool
by_chance(uint64_t salt, uint64_t number, unsigned tenths)
{
	uint64_t seed = salt ^ (number * 0x9e3779b97f4a7c15u);

	return tally_random(&seed) % 10 < tenths;
}

/* Before a sector changes. One that is dirty already may have been written back by now. */
static void
touch(struct diskcache *cache, uint32_t sector)
{
	struct dirty *entry;

	if (cache->where[sector] != NONE) {
		entry = &cache->dirty[cache->where[sector] - 1];
		if (by_chance(cache->requests, sector / DESTAGED_TOGETHER, DESTAGED_TENTHS))
			memcpy(entry->platter, content(cache, sector), DISKCACHE_SECTOR);
		entry->request = cache->requests;
		return;
	}
	if (cache->count == cache->room) {
		cache->room = cache->room * 2 + 1024;
		cache->dirty = realloc(cache->dirty, cache->room * sizeof(*cache->dirty));
		stand_must(cache->dirty != NULL, "diskcache");
	}
	entry = &cache->dirty[cache->count++];
	entry->sector = sector;
	entry->request = cache->requests;
	memcpy(entry->platter, content(cache, sector), DISKCACHE_SECTOR);
	cache->where[sector] = (uint32_t)cache->count;
}

void
diskcache_write(struct diskcache *cache, size_t offset, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	cache->requests++;
	for (size_t s = offset / DISKCACHE_SECTOR; s <= (offset + length - 1) / DISKCACHE_SECTOR;
	     s++)
		touch(cache, (uint32_t)s);
	memcpy(cache->image + offset, bytes, length);
}

void
diskcache_flush(struct diskcache *cache)
{
	for (size_t i = 0; i < cache->count; i++)
		cache->where[cache->dirty[i].sector] = NONE;
	cache->count = 0;
}

size_t
diskcache_cut(struct diskcache *cache, enum diskcache_survival survival)
{
	uint64_t salt = tally_random(&cache->random);
	unsigned tenths = (unsigned)(1 + salt % 9);
	uint64_t oldest = cache->requests;
	uint64_t last;
	size_t gone = 0;

	for (size_t i = 0; i < cache->count; i++)
		if (cache->dirty[i].request < oldest)
			oldest = cache->dirty[i].request;
	last = oldest + tally_random(&cache->random) % (cache->requests - oldest + 1);
	for (size_t i = 0; i < cache->count; i++) {
		struct dirty *entry = &cache->dirty[i];
		bool stays = false;

		switch (survival) {
		case SURVIVES_NOTHING:
			break;
		case SURVIVES_PIECES:
			stays = by_chance(salt, entry->sector / cache->piece, tenths);
			break;
		case SURVIVES_REQUESTS:
			stays = by_chance(salt, entry->request, tenths);
			break;
		case SURVIVES_PREFIX:
			stays = entry->request <= last;
			break;
		case SURVIVES_ALL:
			stays = true;
			break;
		}
		if (stays)
			continue;
		gone +=
		    memcmp(content(cache, entry->sector), entry->platter, DISKCACHE_SECTOR) != 0;
		memcpy(content(cache, entry->sector), entry->platter, DISKCACHE_SECTOR);
	}
	diskcache_flush(cache);
	return gone;
}
