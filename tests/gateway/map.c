/* map.c - separate chaining, FNV-1a, doubled when full; see map.h. */
#include "map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

struct map_entry {
	struct map_entry *next;
	void *value;
	char key[];
};

static size_t
map_hash(const char *key)
{
	uint64_t hash = 14695981039346656037u;

	for (; *key != '\0'; key++)
		hash = (hash ^ (unsigned char)*key) * 1099511628211u;
	return (size_t)hash;
}

static struct map_entry **
map_slot(const struct map *map, const char *key)
{
	struct map_entry **at;

	if (map->slot_count == 0)
		return NULL;
	at = &map->slots[map_hash(key) & (map->slot_count - 1)];
	while (*at != NULL && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

static void
map_grow(struct map *map)
{
	struct map bigger = *map;

	bigger.slot_count = map->slot_count == 0 ? 64 : map->slot_count * 2;
	bigger.slots = must_calloc(bigger.slot_count * sizeof(struct map_entry *));
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_entry *entry = map->slots[i];

		while (entry != NULL) {
			struct map_entry *next = entry->next;
			struct map_entry **at =
			    &bigger.slots[map_hash(entry->key) & (bigger.slot_count - 1)];

			entry->next = *at;
			*at = entry;
			entry = next;
		}
	}
	free(map->slots);
	*map = bigger;
}

void *
map_get(const struct map *map, const char *key)
{
	struct map_entry **at = map_slot(map, key);

	return at == NULL || *at == NULL ? NULL : (*at)->value;
}

void
map_put(struct map *map, const char *key, void *value)
{
	struct map_entry **at;

	if (map->count >= map->slot_count)
		map_grow(map);
	at = map_slot(map, key);
	if (*at == NULL) {
		*at = must_calloc(sizeof(struct map_entry) + strlen(key) + 1);
		memcpy((*at)->key, key, strlen(key) + 1);
		map->count++;
	} else if (map->release != NULL && (*at)->value != value) {
		map->release((*at)->value);
	}
	(*at)->value = value;
}

void *
map_take(struct map *map, const char *key)
{
	struct map_entry **at = map_slot(map, key);
	struct map_entry *entry;
	void *value;

	if (at == NULL || *at == NULL)
		return NULL;
	entry = *at;
	value = entry->value;
	*at = entry->next;
	free(entry);
	map->count--;
	return value;
}

void
map_remove(struct map *map, const char *key)
{
	void *value = map_take(map, key);

	if (value != NULL && map->release != NULL)
		map->release(value);
}

void
map_clear(struct map *map)
{
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_entry *entry = map->slots[i];

		while (entry != NULL) {
			struct map_entry *next = entry->next;

			if (map->release != NULL)
				map->release(entry->value);
			free(entry);
			entry = next;
		}
	}
	free(map->slots);
	map->slots = NULL;
	map->slot_count = 0;
	map->count = 0;
}

long
map_count(struct map *map, const char *key)
{
	long *counter = map_get(map, key);

	if (counter == NULL) {
		counter = must_calloc(sizeof(*counter));
		map_put(map, key, counter);
	}
	return ++*counter;
}
