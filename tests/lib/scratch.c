/*
 * scratch.c - directories and files for tests. A failure here is no test result: it aborts.
 */
#include "scratch.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
must(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

int
scratch_setup(void **state)
{
	const char *parent = getenv("TMPDIR");
	char *path = NULL;

	must(
	    asprintf(&path, "%s/outboxd-XXXXXX", parent == NULL ? "/tmp" : parent) > 0, "asprintf");
	must(mkdtemp(path) != NULL, path);
	*state = path;
	return 0;
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

int
scratch_teardown(void **state)
{
	char *path = *state;

	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
	*state = NULL;
	return 0;
}

const char *
scratch_path(const char *directory, const char *name)
{
	static char paths[8][PATH_MAX];
	static size_t turn;
	char *path = paths[turn++ % 8];

	must(snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX, "scratch_path");
	return path;
}

void
scratch_write(const char *path, const void *bytes, size_t length)
{
	FILE *file;

	unlink(path); /* it may not be writable: only root would not notice */
	file = fopen(path, "w");
	must(file != NULL, path);
	must(fwrite(bytes, 1, length, file) == length, path);
	must(fclose(file) == 0, path);
}

char *
scratch_read(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	char *bytes = NULL;
	size_t got = 0;
	size_t size = 0;

	must(file != NULL, path);
	do {
		size = size * 2 + 4096;
		bytes = realloc(bytes, size);
		must(bytes != NULL, path);
		got += fread(bytes + got, 1, size - got - 1, file);
	} while (got == size - 1);
	must(ferror(file) == 0 && fclose(file) == 0, path);
	bytes[got] = '\0';
	if (length != NULL)
		*length = got;
	return bytes;
}
