/*
 * secret.h - credentials: from a file or from systemd, into memory, and wiped from it.
 */
#ifndef OUTBOXD_EDGE_SECRET_H
#define OUTBOXD_EDGE_SECRET_H

#include <stdbool.h>

#include "core/text.h"

/*
 * Reads "file:PATH" (absolute, or relative to base_dir) or "credential:NAME"
 * ($CREDENTIALS_DIRECTORY/NAME); any other value is taken as it stands. One trailing newline of a
 * file is dropped. Refused: not a regular file, readable or writable by others or writable by the
 * group, empty, longer than 4096 bytes, control characters. NULL on failure, with a sentence for
 * the operator in why (what and remedy, without file:line). The caller wipes with secret_free().
 */
char *secret_read(const char *value, const char *base_dir, struct text *why);

/*
 * The same demands on a file that somebody else will read (a client key for libcurl): a regular
 * file, readable for us, not for others, writable neither for others nor for the group. 0, or -1
 * with a sentence in why.
 */
int secret_check_file(const char *path, struct text *why);

/* Whether value names a place ("file:", "credential:") instead of being the secret itself. */
bool secret_is_reference(const char *value);

/* Overwrites and frees. NULL is fine. */
void secret_free(char *secret);

#endif
