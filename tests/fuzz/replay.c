/*
 * replay.c - a fuzz target without libFuzzer: all files of its corpus, and mutations of each that
 * are the same every time.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/scratch.h"
#include "lib/tally.h"

enum { MUTATIONS = 200, SIZE_MAX_ADDED = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* BUILD/tests/fuzz/replay_NAME -> tests/fuzz/corpus/NAME beside BUILD, or where make runs. */
static const char *
corpus(void)
{
	static char path[8192];
	char program[4096];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *name;

	assert_true(length > 0);
	program[length] = '\0';
	name = strstr(program, "replay_");
	assert_non_null(name);
	name[-1] = '\0';
	snprintf(path, sizeof(path), "%s/../../../tests/fuzz/corpus/%s", program, name + 7);
	if (access(path, R_OK) != 0)
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name + 7);
	return path;
}

/* An exact copy, so that a sanitizer sees the first byte too many. */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	if (size > 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
mutate(const uint8_t *data, size_t size, uint64_t seed)
{
	uint8_t *copy = malloc(size + SIZE_MAX_ADDED);
	uint64_t changes = 1 + tally_random(&seed) % 4;

	assert_non_null(copy);
	memcpy(copy, data, size);
	for (uint64_t i = 0; i < changes && size > 0; i++) {
		size_t at = tally_random(&seed) % size;

		switch (tally_random(&seed) % 4) {
		case 0:
			copy[at] ^= (uint8_t)(1 << tally_random(&seed) % 8);
			break;
		case 1:
			copy[at] = (uint8_t)tally_random(&seed);
			break;
		case 2:
			size = at;
			break;
		default: /* a piece of it again at its end */
			for (size_t n = tally_random(&seed) % 16;
			     n > 0 && at < size && i * 16 + n < SIZE_MAX_ADDED; n--, at++)
				copy[size++] = copy[at];
		}
	}
	run(copy, size);
	free(copy);
}

static void
replays_its_corpus(void **state)
{
	const char *path = corpus();
	DIR *directory = opendir(path);
	struct dirent *entry;
	long files = 0;

	(void)state;
	if (directory == NULL)
		fail_msg("no corpus: %s", path);
	run((const uint8_t *)"", 0);
	while ((entry = readdir(directory)) != NULL) {
		uint8_t *data;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		data = (uint8_t *)scratch_read(scratch_path(path, entry->d_name), &size);
		run(data, size);
		for (uint64_t i = 0; i < MUTATIONS; i++)
			mutate(data, size, i * 1000003 + size);
		free(data);
		files++;
	}
	closedir(directory);
	printf("%ld files, %ld runs\n", files, files * (MUTATIONS + 1));
	assert_true(files > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(replays_its_corpus)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
