/*
 * place.h - is the database's place fit for it: its file system, its directory, and who may write
 * there?
 *
 * SQLite's locks and its shared memory work on one machine's own file system only, and an app and a
 * daemon that run as different users share a database only in a setgid directory: elsewhere the
 * -wal file of the one is shut to the other, and a kill -9 at the wrong moment locks the app out of
 * its own database.
 */
#ifndef OUTBOXD_EDGE_PLACE_H
#define OUTBOXD_EDGE_PLACE_H

#include "core/text.h"

enum place_fitness {
	PLACE_FIT,
	PLACE_DOUBTFUL, /* it works; the findings say what may go wrong */
	PLACE_UNFIT,    /* outboxd must not run here */
};

/*
 * Looks, by path alone (no file of the database is opened), at the database, the directory that it
 * really lies in, that directory's file system, and state_dir (which need not exist yet). Adds one
 * line per finding, "refused: ..." or "warning: ...", each with its cure. A database that is not
 * there is no finding: who opens it will say so.
 *
 * The judge is the user we run as. root may do everything, so that for root the owner of state_dir
 * stands for the daemon's user, or before the first start the user "outboxd" where there is one.
 */
enum place_fitness place_check(const char *database, const char *state_dir, struct text *findings);

#endif
