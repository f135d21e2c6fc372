/*
 * kept.c - see kept.h.
 */
#include "lib/kept.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "edge/witness.h"
#include "lib/daemon_parts.h"
#include "lib/scratch.h"

#define LEFT_AGO_MS INT64_C(3600000)

/* --- the stand --- */

/* Another test run on this machine may want the port as well: it is this program's until its end.
 */
static void
take_port(void)
{
	static const char name[] =
	    "outboxd-tests-kept-port"; /* an abstract socket: gone with the process */
	static int taken = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (taken != -1)
		return;
	memcpy(address.sun_path + 1, name, sizeof(name));
	taken = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	stand_must(taken != -1, "socket");
	for (int waited = 0; waited < 4 * STAND_PATIENCE_MS; waited += 100) {
		if (bind(taken, (struct sockaddr *)&address, sizeof(address)) == 0)
			return;
		stand_sleep_ms(100);
	}
	stand_must(false, "another test run keeps the port of the kept databases");
}

struct stand *
kept_stand(const char *memory)
{
	static char listen[32];
	static const char *words[] = {"--listen", listen, "--memory", NULL, "--key-retention",
	    "3650d", "--fetch-max-ms", "3650d", "--no-fsync", "--fetch-grace", NULL};
	struct stand *stand;

	snprintf(listen, sizeof(listen), "127.0.0.1:%d", KEPT_GATEWAY_PORT);
	words[3] = memory;
	take_port();
	stand = stand_new(words);
	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "paused", "riverty", "");
	stand_destination(stand, "generic", "generic", "");
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "travlinq", "travlinq", "poll_deadline = \"24h\";");
	{
		char extra[200];

		/* Who connects there waits until the timeout. */
		snprintf(extra, sizeof(extra),
		    "base_url = \"https://127.0.0.1:%d\"; allow_private = true; connect_timeout = "
		    "\"2m\";",
		    KEPT_DEAD_PORT);
		stand_destination(stand, "dead", "vrio", extra);
	}
	return stand;
}

const char *
kept_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];
	char *slash;
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX / 2);

	stand_must(length > 0, "/proc/self/exe");
	path[length] = '\0';
	/* BUILD/tests/upgrade/program -> BUILD/../tests/upgrade; elsewhere make runs in the
	 * source's directory. */
	for (int i = 0; i < 4; i++)
		if ((slash = strrchr(path, '/')) != NULL)
			*slash = '\0';
	snprintf(path + strlen(path), PATH_MAX / 2, "/tests/upgrade/%s", name);
	if (access(path, F_OK) != 0)
		snprintf(path, PATH_MAX, "tests/upgrade/%s", name);
	return path;
}

/* --- the database --- */

static sqlite3 *
open_without_guards(const char *path)
{
	sqlite3 *db = NULL;

	stand_must(sqlite3_open(path, &db) == SQLITE_OK, path);
	(void)sqlite3_busy_timeout(db, 10000);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return db;
}

static void
must_run(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK)
		return;
	fprintf(stderr, "%s: %.300s\n", error, sql);
	stand_must(false, "SQL of a kept database");
}

/* The first column of each row as lines; malloc'd. */
static char *
lines(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	stand_must(out != NULL, "memory");
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sqlite3_errmsg(db), sql);
		stand_must(false, "SQL of a kept database");
	}
	while (sqlite3_step(statement) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(statement, 0);

		fprintf(out, "%s\n", line == NULL ? "" : line);
	}
	stand_must(sqlite3_finalize(statement) == SQLITE_OK, sql);
	fclose(out);
	return text;
}

/* Runs each line of what the query gives. */
static void
run_lines(sqlite3 *db, const char *query)
{
	char *text = lines(db, query);

	must_run(db, text);
	free(text);
}

static void
move_times(sqlite3 *db)
{
	char *newest = lines(db, "SELECT max(created_at) FROM outbox_control");
	char sql[1200];
	struct timespec now;
	long long by;

	clock_gettime(CLOCK_REALTIME, &now);
	by = (long long)now.tv_sec * 1000 - LEFT_AGO_MS - atoll(newest);
	free(newest);
	snprintf(sql, sizeof(sql),
	    "SELECT 'UPDATE ' || m.name || ' SET ' || c.name || ' = ' || c.name || ' + %lld WHERE "
	    "' || c.name || ' > 0;'"
	    " FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND "
	    "m.name LIKE 'outbox%%'"
	    " AND (c.name LIKE '%%\\_at' ESCAPE '\\' OR c.name IN ('not_before', 'exposed_before', "
	    "'since'))",
	    by);
	run_lines(db, sql);
	snprintf(sql, sizeof(sql),
	    "UPDATE outbox_meta SET value = value + %lld WHERE typeof(value) = 'integer'"
	    " AND (name LIKE '%%\\_at' ESCAPE '\\' OR name = 'clock_mark')",
	    by);
	must_run(db, sql);
}

/* What the daemon that left it remembers outside. */
static void
describe(sqlite3 *db, struct witness *witness)
{
	char *id = lines(db, "SELECT value FROM outbox_meta WHERE name = 'database_id'");
	char *epoch = lines(db, "SELECT value FROM outbox_meta WHERE name = 'epoch'");
	char *counter = lines(db, "SELECT value FROM outbox_meta WHERE name = 'write_counter'");
	char *highest = lines(db, "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'");

	memset(witness, 0, sizeof(*witness));
	snprintf(witness->database_id, sizeof(witness->database_id), "%.36s", id);
	witness->epoch = atoll(epoch);
	witness->write_counter = atoll(counter);
	witness->outbox_id_max = atoll(highest);
	free(id);
	free(epoch);
	free(counter);
	free(highest);
}

/* Of the file that now lies there. */
static void
write_witness(struct stand *stand, struct witness *witness)
{
	const char *directory = scratch_path(stand->dir, "state");

	stand_must(witness_place(stand->database, witness) == 0, stand->database);
	(void)mkdir(directory, 0700);
	stand_must(witness_write(directory, witness, 0) == 0, directory);
}

/* Copies the file and its -wal while a connection is open: the last one to leave would empty the
 * -wal. */
static void
leave_as_if_killed(const char *database)
{
	sqlite3 *db = open_without_guards(database);
	char name[2][400];
	char *bytes[2];
	size_t lengths[2];

	must_run(db, "PRAGMA wal_autocheckpoint = 0; UPDATE outbox_meta SET value = value WHERE "
		     "name = 'epoch'");
	for (int i = 0; i < 2; i++) {
		snprintf(name[i], sizeof(name[i]), "%s%s", database, i == 0 ? "" : "-wal");
		bytes[i] = scratch_read(name[i], &lengths[i]);
	}
	stand_must(sqlite3_close(db) == SQLITE_OK, "close");
	for (int i = 0; i < 2; i++) {
		scratch_write(name[i], bytes[i], lengths[i]);
		free(bytes[i]);
	}
}

void
kept_load(struct stand *stand, const char *dump)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-outboxd.lock"};
	char *sql = scratch_read(dump, NULL);
	struct witness witness;
	sqlite3 *db;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char path[400];

		snprintf(path, sizeof(path), "%s%s", stand->database, suffixes[i]);
		(void)unlink(path);
	}
	db = open_without_guards(stand->database);
	must_run(db, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL");
	must_run(db, sql);
	free(sql);
	move_times(db);
	describe(db, &witness);
	stand_must(sqlite3_close(db) == SQLITE_OK, "close");
	leave_as_if_killed(stand->database);
	write_witness(stand, &witness);
}

/* --- pictures --- */

char *
kept_picture(const char *database, const char *as)
{
	sqlite3 *db = open_without_guards(as == NULL ? database : as);
	char *selects;
	char *ordered = NULL;
	char *text;

	/* One SELECT over all tables, written by the database itself. */
	selects = lines(db, "SELECT group_concat(one, ' UNION ALL ') FROM (SELECT 'SELECT ''' || "
			    "m.name || ': '' || ' || (SELECT"
			    " group_concat('quote(' || c.name || ')', ' || '' '' || ') FROM "
			    "pragma_table_info(m.name) c) || ' AS line FROM ' ||"
			    " m.name AS one FROM sqlite_master m WHERE m.type = 'table' AND "
			    "(m.name NOT LIKE 'sqlite%' OR"
			    " m.name = 'sqlite_sequence') ORDER BY m.name)");
	sqlite3_close(db);
	stand_must(
	    asprintf(&ordered,
		"SELECT line FROM (%s) WHERE line NOT LIKE '%%schema_version%%' ORDER BY line",
		selects) > 0,
	    "memory");
	db = open_without_guards(database);
	text = lines(db, ordered);
	sqlite3_close(db);
	free(ordered);
	free(selects);
	return text;
}

char *
kept_definitions(const char *database)
{
	sqlite3 *db = open_without_guards(database);
	char *text = lines(db,
	    "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master UNION ALL"
	    " SELECT 'schema ' || value FROM outbox_meta WHERE name = 'schema_version' ORDER BY 1");

	sqlite3_close(db);
	return text;
}
