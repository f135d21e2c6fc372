/*
 * fuzzing.c - files in a directory of this process, which goes with it.
 */
#include "fuzz/fuzzing.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/profile.h"

static char directory[200];

/* libconfig 1.5 forgets a string or two of a file with a syntax error: some bytes for each refused
 * file. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static void
remove_directory(void)
{
	static const char *const names[] = {"fuzz.conf", "profile.conf", "key"};
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

const char *
fuzz_file(const char *name, const void *data, size_t size)
{
	static char path[300];
	FILE *file;

	if (directory[0] == '\0') {
		const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

		snprintf(directory, sizeof(directory), "%s/outboxd-fuzz-XXXXXX", parent);
		assert(mkdtemp(directory) != NULL);
		atexit(remove_directory);
		umask(077);
	}
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert(file != NULL);
	assert(fwrite(data, 1, size, file) == size);
	assert(fclose(file) == 0);
	return path;
}

/* BUILD/tests/fuzz/program -> beside BUILD; or where make runs. */
const char *
fuzz_profiles_dir(void)
{
	static char real[PATH_MAX];
	char path[PATH_MAX + 64];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (real[0] != '\0')
		return real;
	path[length > 0 ? length : 0] = '\0';
	if (strrchr(path, '/') != NULL)
		*strrchr(path, '/') = '\0';
	strcat(path, "/../../../etc/profiles");
	if (realpath(path, real) == NULL && realpath("etc/profiles", real) == NULL)
		abort();
	return real;
}

const struct profile *
fuzz_profile(unsigned which)
{
	static const char *const names[FUZZ_PROFILES] = {"vrio", "travlinq", "riverty", "generic"};
	static struct profile *loaded[FUZZ_PROFILES];
	char path[PATH_MAX + 64];
	struct text problems;

	which %= FUZZ_PROFILES;
	if (loaded[which] != NULL)
		return loaded[which];
	snprintf(path, sizeof(path), "%s/%s.conf", fuzz_profiles_dir(), names[which]);
	text_init(&problems, 4096);
	loaded[which] = profile_load(path, &problems);
	assert(loaded[which] != NULL);
	text_free(&problems);
	return loaded[which];
}

bool
fuzz_is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f)
			return false;
	return true;
}

void
fuzz_split(const uint8_t *data, size_t size, char **pieces, size_t *lengths, size_t count)
{
	static char *copy;
	char *at;

	free(copy);
	copy = malloc(size + count + 1);
	assert(copy != NULL);
	at = copy;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *end = size == 0 || i + 1 == count ? NULL : memchr(data, 0xff, size);
		size_t length = end == NULL ? size : (size_t)(end - data);

		pieces[i] = at;
		lengths[i] = length;
		if (length > 0)
			memcpy(at, data, length);
		at[length] = '\0';
		at += length + 1;
		data += length + (end != NULL);
		size -= length + (end != NULL);
	}
}
