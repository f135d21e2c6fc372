/*
 * backup.c - see backup.h.
 */
#include "lib/backup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

void
backup_shell(const char *format, ...)
{
	char command[2000];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* Each leaves a whole database at `copy`, while `stand` runs (and runs again afterwards). */
static void
by_backup(struct stand *stand, const char *copy)
{
	backup_shell("sqlite3 '%s' '.timeout 10000' \".backup '%s'\"", stand->database, copy);
}

static void
by_vacuum(struct stand *stand, const char *copy)
{
	backup_shell("sqlite3 '%s' '.timeout 10000' \"VACUUM INTO '%s'\"", stand->database, copy);
}

/* An app reads meanwhile: the -wal keeps what was written last, and belongs to the copy. */
static void
by_cp(struct stand *stand, const char *copy)
{
	char wal[400];
	struct stat file;
	sqlite3 *reader;

	assert_int_equal(sqlite3_open(stand->database, &reader), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM orders", NULL, NULL, NULL),
	    SQLITE_OK);
	stand_exec(stand, "UPDATE orders SET seen = 9");
	assert_int_equal(stand_stop(stand), 0);
	snprintf(wal, sizeof(wal), "%s-wal", stand->database);
	assert_int_equal(stat(wal, &file), 0);
	assert_true(file.st_size > 0);
	backup_shell("cp '%s' '%s' && cp '%s' '%s-wal'", stand->database, copy, wal, copy);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	stand_start(stand);
}

/* As Litestream does it: a reader keeps the WAL from being reset, the file is copied once, and the
 * WAL in pieces as it grows. */
static void
by_wal_segments(struct stand *stand, const char *copy)
{
	sqlite3 *keeper;
	char wal[400];
	int64_t noted = stand_number(stand, "SELECT max(id) FROM outbox_control");

	assert_int_equal(sqlite3_open(stand->database, &keeper), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(keeper, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL),
	    SQLITE_OK);
	backup_shell("cp '%s' '%s'", stand->database, copy);
	snprintf(wal, sizeof(wal), "%s-wal", copy);
	for (int segment = 0; segment < 3; segment++) {
		backup_shell("touch '%s' && tail -c +$(($(wc -c <'%s') + 1)) '%s-wal' >>'%s'", wal,
		    wal, stand->database, wal);
		stand_exec(stand, "UPDATE orders SET seen = %d", segment);
	}
	assert_int_equal(sqlite3_exec(keeper, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(keeper), SQLITE_OK);
	/* restore: the segments become one file */
	backup_shell(
	    "sqlite3 '%s' 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null && rm -f '%s' '%s-shm'",
	    copy, wal, copy);
	assert_true(noted <= stand_number(stand, "SELECT max(id) FROM outbox_control"));
}

const struct backup_way backup_ways[BACKUP_WAYS] = {{".backup", by_backup},
    {"VACUUM INTO", by_vacuum}, {"cp", by_cp}, {"WAL segments", by_wal_segments}};
