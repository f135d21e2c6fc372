/*
 * fuzzing.h - what the fuzz targets share: files for what reads files, the shipped profiles, and
 * texts that a person will see.
 */
#ifndef OUTBOXD_TESTS_FUZZING_H
#define OUTBOXD_TESTS_FUZZING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules.h"

enum { FUZZ_PROFILES = 4 };

/* Replaces a file of this process and gives its path. */
const char *fuzz_file(const char *name, const void *data, size_t size);

/* A shipped profile, loaded once: "vrio", "travlinq", "riverty", "generic". */
const struct profile *fuzz_profile(unsigned which);
/* The directory of the shipped profiles. */
const char *fuzz_profiles_dir(void);

/* Nothing in it steers a terminal. */
bool fuzz_is_printable(const char *text);

/* Cuts data into up to count NUL-terminated pieces at each 0xff byte; all are set. The copies live
 * until the next call. */
void fuzz_split(const uint8_t *data, size_t size, char **pieces, size_t *lengths, size_t count);

#endif
