/* map.h - a hash map from strings to pointers, for keys, orders, sessions, jobs and counters. */
#ifndef FAKEGW_MAP_H
#define FAKEGW_MAP_H

#include <stddef.h>

struct map_entry;

/* Zero-initialise; release (or NULL) frees a value that is removed. */
struct map {
	struct map_entry **slots;
	size_t slot_count;
	size_t count;
	void (*release)(void *value);
};

/* NULL when absent. */
void *map_get(const struct map *map, const char *key);

/* Copies key, replaces (and releases) a value that was there. value is not NULL; the map owns it.
 */
void map_put(struct map *map, const char *key, void *value);

/* Forgets key; absent is fine. */
void map_remove(struct map *map, const char *key);

/* Takes the value out without releasing it; NULL when absent. */
void *map_take(struct map *map, const char *key);

/* Forgets everything; the map can be used again. */
void map_clear(struct map *map);

/* The counter stored under key, after adding one to it (release must be free). */
long map_count(struct map *map, const char *key);

#endif
