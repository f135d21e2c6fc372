/*
 * scratch.h - a directory of its own for a test. With cmocka_unit_test_setup_teardown(test,
 * scratch_setup, scratch_teardown) its path is *state.
 */
#ifndef OUTBOXD_TESTS_SCRATCH_H
#define OUTBOXD_TESTS_SCRATCH_H

#include <stddef.h>

int scratch_setup(void **state);
int scratch_teardown(void **state); /* removes it with all that is in it */

/* directory/name, in one of a few static buffers that take turns. */
const char *scratch_path(const char *directory, const char *name);

/* Replaces or creates the file; fails the program when that is not possible. */
void scratch_write(const char *path, const void *bytes, size_t length);

/* The file's contents, NUL-terminated, to be freed; length may be NULL. */
char *scratch_read(const char *path, size_t *length);

#endif
