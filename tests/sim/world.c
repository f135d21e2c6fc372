/*
 * world.c - time, chance, events and death.
 */
#include "sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/fvfs.h"

enum { EVENTS_MAX = 1024 };
#define TRUE_AT_BOOT INT64_C(1800000000000) /* January 2027 */
#define BOOT_AT_START INT64_C(1000000)

static struct {
	uint64_t seed;
	uint64_t word;
	bool verbose;
	bool failed;
	char failure[600];
	int64_t boot;
	int64_t microseconds;
	int64_t skew;
	struct occasion events[EVENTS_MAX];
	int event_count;
	enum death dead;
	enum death doom;
	int64_t doom_points;
} world;

void
world_begin(uint64_t seed, bool verbose)
{
	memset(&world, 0, sizeof(world));
	world.seed = seed;
	world.word = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	world.verbose = verbose;
	world.boot = BOOT_AT_START;
}

/* splitmix64 */
uint64_t
world_random(void)
{
	uint64_t z = world.word += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int
world_below(int n)
{
	return (int)(world_random() % (uint64_t)n);
}

bool
world_chance(int per_mille)
{
	return world_below(1000) < per_mille;
}

int64_t
world_between(int64_t low, int64_t high)
{
	return low + (int64_t)(world_random() % (uint64_t)(high - low + 1));
}

int64_t
world_boot(void)
{
	return world.boot;
}

int64_t
world_true(void)
{
	return TRUE_AT_BOOT + world.boot - BOOT_AT_START;
}

int64_t
world_skew(void)
{
	return world.skew;
}

int64_t
world_wall(void)
{
	return world_true() + world.skew;
}

void
world_set_skew(int64_t skew)
{
	world_say("the clock of this machine is %lld s ahead", (long long)skew / 1000);
	world.skew = skew;
}

void
world_schedule(int64_t delay_ms, enum happening what, int64_t subject)
{
	struct occasion *event = &world.events[world.event_count++];

	assert(world.event_count < EVENTS_MAX && delay_ms >= 0);
	*event = (struct occasion){.at = world.boot + delay_ms, .what = what, .subject = subject};
}

/* The index of the next event; the first scheduled of equals. -1: none. */
static int
next_event(void)
{
	int next = -1;

	for (int i = 0; i < world.event_count; i++)
		if (next == -1 || world.events[i].at < world.events[next].at)
			next = i;
	return next;
}

static struct occasion
take_event(int i)
{
	struct occasion event = world.events[i];

	memmove(&world.events[i], &world.events[i + 1],
	    (size_t)(world.event_count - i - 1) * sizeof(event));
	world.event_count--;
	return event;
}

void
world_run(int64_t until, bool (*stop)(void))
{
	while (world.dead == DEATH_NONE && !world.failed && (stop == NULL || !stop())) {
		int next = next_event();
		struct occasion event;

		if (next == -1 || world.events[next].at > until) {
			if (until > world.boot)
				world.boot = until;
			return;
		}
		event = take_event(next);
		if (event.at > world.boot)
			world.boot = event.at;
		world_dispatch(&event);
	}
}

void
world_sleep_us(int64_t microseconds)
{
	if (world.dead != DEATH_NONE)
		return;
	world.microseconds += microseconds;
	world.boot += world.microseconds / 1000;
	world.microseconds %= 1000;
	for (int i = 0; i < world.event_count; i++)
		if (world.events[i].what == HAPPENS_UNLOCK && world.events[i].at <= world.boot) {
			struct occasion event = take_event(i);

			world_dispatch(&event);
			return;
		}
}

void
world_doom(enum death how, int64_t points)
{
	world.doom = how;
	world.doom_points = points;
}

void
world_die(enum death how)
{
	if (world.dead != DEATH_NONE)
		return;
	world_say("death: %s", how == DEATH_POWER ? "power loss" : "killed");
	world.dead = how;
	world.doom = DEATH_NONE;
	fvfs_freeze();
}

void
world_point(void)
{
	if (world.doom == DEATH_NONE || world.dead != DEATH_NONE)
		return;
	if (--world.doom_points <= 0)
		world_die(world.doom);
}

enum death
world_dead(void)
{
	return world.dead;
}

void
world_bury(void)
{
	world.dead = DEATH_NONE;
	world.doom = DEATH_NONE;
}

uint64_t
world_seed(void)
{
	return world.seed;
}

bool
world_is_verbose(void)
{
	return world.verbose;
}

void
world_say(const char *format, ...)
{
	va_list arguments;

	if (!world.verbose)
		return;
	(void)printf("%9.3f ", (double)(world.boot - BOOT_AT_START) / 1000.0);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)putchar('\n');
}

void
world_violation(const char *promise, const char *format, ...)
{
	va_list arguments;
	int length;

	if (world.failed)
		return;
	world.failed = true;
	length = snprintf(world.failure, sizeof(world.failure),
	    "seed %llu, %.3f s: %s: ", (unsigned long long)world.seed,
	    (double)(world.boot - BOOT_AT_START) / 1000.0, promise);
	va_start(arguments, format);
	(void)vsnprintf(
	    world.failure + length, sizeof(world.failure) - (size_t)length, format, arguments);
	va_end(arguments);
	world_say("VIOLATION %s", world.failure);
}

bool
world_failed(void)
{
	return world.failed;
}

const char *
world_failure(void)
{
	return world.failure;
}
