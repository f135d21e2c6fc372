/*
 * onlooker.c - reads what it is told.
 */
#include "lib/onlooker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/daemon_parts.h"
#include "lib/scratch.h"

enum { ROWS_MAX = 20000, PAUSE_MS = 4 };

/* In the child: the revision of each row that it has noted; 0: none. */
static int noted[ROWS_MAX];

static void
look(sqlite3_stmt *statement, FILE *told)
{
	while (sqlite3_step(statement) == SQLITE_ROW) {
		int id = sqlite3_column_int(statement, 0);
		int revision = sqlite3_column_int(statement, 2);

		if (id >= ROWS_MAX || noted[id] == revision)
			continue;
		noted[id] = revision;
		fprintf(told, "%d %s %d %s\n", id, (const char *)sqlite3_column_text(statement, 1),
		    revision, (const char *)sqlite3_column_text(statement, 3));
	}
	sqlite3_reset(statement);
}

static void
work(struct stand *stand)
{
	FILE *told = fopen(scratch_path(stand->dir, "told"), "ae");
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;

	if (told == NULL ||
	    sqlite3_open_v2(stand->database, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 30000) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
		"SELECT r.outbox_id, r.result, r.revision, coalesce(d.kind, 'none') FROM "
		"outbox_result r"
		" JOIN outbox_delivery d ON d.outbox_id = r.outbox_id",
		-1, &statement, NULL) != SQLITE_OK) {
		fprintf(stderr, "onlooker: %s\n", sqlite3_errmsg(db));
		_exit(1);
	}
	setvbuf(
	    told, NULL, _IOLBF, 0); /* a kill leaves no half line for the next one to go on with */
	for (;;) {
		look(statement, told);
		stand_sleep_ms(PAUSE_MS);
	}
}

pid_t
onlooker_start(struct stand *stand)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	stand_must(pid >= 0, "fork");
	if (pid > 0)
		return pid;
	stand_be_child(parent);
	work(stand);
	_exit(1);
}

/* "" for none. */
static void
result_now(sqlite3_stmt *statement, int id, char *result, size_t size, int *revision)
{
	result[0] = '\0';
	*revision = 0;
	sqlite3_bind_int(statement, 1, id);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		snprintf(result, size, "%s", (const char *)sqlite3_column_text(statement, 0));
		*revision = sqlite3_column_int(statement, 1);
	}
	sqlite3_reset(statement);
}

long
onlooker_contradicted(struct stand *stand, bool settled, struct onlooker_told *told)
{
	FILE *file = fopen(scratch_path(stand->dir, "told"), "re");
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	char was[32], kind[32], now[32];
	int id, revision, current;
	long wrong = 0;

	memset(told, 0, sizeof(*told));
	if (file == NULL)
		return 0;
	stand_must(sqlite3_open(stand->database, &db) == SQLITE_OK &&
		       sqlite3_prepare_v2(db,
			   "SELECT result, revision FROM outbox_result WHERE outbox_id = ?", -1,
			   &statement, NULL) == SQLITE_OK,
	    "results");
	while (fscanf(file, "%d %31s %d %31s", &id, was, &revision, kind) == 4) {
		told->results++;
		if (!settled && strcmp(kind, "keyless") != 0)
			continue;
		result_now(statement, id, now, sizeof(now), &current);
		if (strcmp(was, now) == 0 && current >= revision)
			continue;
		if (settled && current > revision)
			continue; /* changed in order, as unknown may */
		if (strcmp(kind, "keyless") != 0 && strcmp(now, "unknown") == 0) {
			told->doubted++;
			fprintf(stderr, "told and in doubt now: row %d was %s\n", id, was);
			continue;
		}
		if (++wrong < 10)
			fprintf(stderr, "told and taken back: row %d (%s) was %s %d, is %s %d\n",
			    id, kind, was, revision, now[0] == '\0' ? "open" : now, current);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	fclose(file);
	return wrong;
}
