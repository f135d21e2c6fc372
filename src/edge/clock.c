/*
 * clock.c - the one place where time and randomness are read, so that a simulation can stand in for
 * it.
 */
#include "edge/clock.h"

#include <assert.h>
#include <sys/random.h>
#include <time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec now;
	int result = clock_gettime(id, &now);

	assert(result == 0);
	(void)result;
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_boot_ms(void)
{
	return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t
clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

uint64_t
clock_random(void)
{
	uint64_t word;
	ssize_t got;

	/* Up to 256 bytes are never interrupted once the pool is ready; before that a signal may.
	 */
	do
		got = getrandom(&word, sizeof(word), 0);
	while (got < 0);
	assert(got == (ssize_t)sizeof(word));
	return word;
}
