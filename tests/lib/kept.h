/*
 * kept.h - a database that an outboxd of an earlier version left behind
 * (tests/upgrade/schema-N.sql), on this machine and an hour ago.
 *
 * The dump holds frozen requests, whose URLs name the gateway's port: it is always the same one.
 */
#ifndef OUTBOXD_TESTS_KEPT_H
#define OUTBOXD_TESTS_KEPT_H

#include <stdint.h>

#include "lib/daemon.h"

enum { KEPT_GATEWAY_PORT = 18470, KEPT_DEAD_PORT = 18471 };

/* A stand whose gateway listens on that port (waits for it) and remembers keys and jobs in the file
 * `memory`. Its database is new, its configuration has every destination of the dump. */
struct stand *kept_stand(const char *memory);

/* The directory of the dumps: tests/upgrade. */
const char *kept_path(const char *name);

/*
 * Replaces the stand's database by the dump: all its times are moved so that it was left an hour
 * ago, and the witness of whoever left it lies in state_dir. As after a kill -9, part of it still
 * stands in the -wal.
 */
void kept_load(struct stand *stand, const char *dump);

/* Starts the daemon on it, sees every row to its end, asserts that nothing was sent twice, under
 * another key, or not at all, and that holds, results and the merchant's own things are as they
 * were; stops it. */
void kept_serve_on(struct stand *stand);

/* Waits for the row's end: "succeeded", "unknown", ..., "held". */
void kept_end_with(struct stand *stand, const char *reference, const char *outcome);

/* Every value of every table (of those tables and columns that the database `as` has, unless NULL)
 * but the schema's version, as lines of text; malloc'd. */
char *kept_picture(const char *database, const char *as);

/* The definitions of everything in the database, and its version; malloc'd. */
char *kept_definitions(const char *database);

#endif
