/*
 * tally.c - the extent of a campaign, and its line in the table.
 */
#include "lib/tally.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum extent
extent(void)
{
	const char *given = getenv("OUTBOXD_EXTENT");

	if (given != NULL && strcmp(given, "whole") == 0)
		return EXTENT_WHOLE;
	return given != NULL && strcmp(given, "slice") == 0 ? EXTENT_SLICE : EXTENT_TEST;
}

long
extent_of(long test, long slice, long whole)
{
	switch (extent()) {
	case EXTENT_WHOLE:
		return whole;
	case EXTENT_SLICE:
		return slice;
	case EXTENT_TEST:
		break;
	}
	return test;
}

void
tally(const char *fault, long runs, long violations, const char *states, ...)
{
	const char *path = getenv("OUTBOXD_TALLY");
	char text[1024];
	va_list arguments;
	FILE *file;

	va_start(arguments, states);
	vsnprintf(text, sizeof(text), states, arguments);
	va_end(arguments);
	printf("tally: %s: %ld runs; %s; %ld violations\n", fault, runs, text, violations);
	fflush(stdout);
	file = path == NULL ? NULL : fopen(path, "a");
	if (file == NULL)
		return;
	fprintf(file, "%s\t%ld\t%s\t%ld\n", fault, runs, text, violations);
	fclose(file);
}

uint64_t
tally_seed(void)
{
	const char *given = getenv("OUTBOXD_SEED");
	uint64_t seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;

	if (given != NULL)
		seed = strtoull(given, NULL, 10);
	printf("OUTBOXD_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 */
uint64_t
tally_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

double
tally_cpu_s(long pid)
{
	char path[64];
	char line[1024] = "";
	unsigned long user = 0;
	unsigned long system = 0;
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return -1;
	at = fgets(line, sizeof(line), file) == NULL ? NULL : strrchr(line, ')');
	fclose(file);
	if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			      &user, &system) != 2)
		return -1;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
