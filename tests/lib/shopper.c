/*
 * shopper.c - sells.
 */
#include "lib/shopper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/daemon_parts.h"
#include "lib/scratch.h"

enum { EACH = 3, SQL_MAX = 4096 };

static const char *const profiles[] = {"vrio", "travlinq", "riverty", "generic"};

/* What a reference's first word means. Plain ones come most often. */
static const char *const kinds[] = {"ok", "ok", "ok", "slow", "slow", "lose", "trunc", "s502",
    "s503", "s429", "no", "pend", "pend", "pend", "pendlose", "pend503", "slowpoll", "session"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const char faults[] = "slow-* submit * delay 60ms\n"
			     "lose-* submit 1 lose\n"
			     "trunc-* submit 1 truncate\n"
			     "s502-* submit 1 after status 502\n"
			     "s503-* submit 1 status 503\n"
			     "s429-* submit 1 status 429\n"
			     "no-* submit * reject\n"
			     "pend* submit 1 pending 5\n"
			     "pendlose-* poll 2 lose\n"
			     "pendlose-* poll 4 reset\n"
			     "pend503-* poll 1-2 status 503\n"
			     "slowpoll-* submit 1 pending 2\n"
			     "slowpoll-* poll * delay 40ms\n"
			     "session-* submit 1 expire-session\n";

static bool is_careless;

void
shopper_be_careless(bool careless)
{
	is_careless = careless;
}

const char *
shopper_faults(void)
{
	return faults;
}

uint64_t
shopper_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
shopper_destinations(struct stand *stand)
{
	char name[32];

	for (size_t p = 0; p < 4; p++) {
		for (int i = 1; i <= EACH; i++) {
			snprintf(name, sizeof(name), "%s%d", profiles[p], i);
			stand_destination(stand, name, profiles[p],
			    "concurrency = 6; probe_interval = \"100ms\"; probe_interval_max = "
			    "\"200ms\";");
		}
	}
}

/* --- in the child --- */

struct shopper {
	sqlite3 *db;
	FILE *committed;
	uint64_t random;
	long sold;
};

static void
must(struct shopper *s, int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	fprintf(stderr, "shopper: %s: %s\n", what, sqlite3_errmsg(s->db));
	_exit(1);
}

static void
sql(struct shopper *s, const char *text)
{
	must(s, sqlite3_exec(s->db, text, NULL, NULL, NULL), text);
}

static int
open_rows(struct shopper *s)
{
	sqlite3_stmt *statement = NULL;
	int count;

	must(s,
	    sqlite3_prepare_v2(s->db,
		"SELECT count(*) FROM outbox_delivery WHERE state IN "
		"('blocked','queued','claimed','sending','retry','pending')",
		-1, &statement, NULL),
	    "prepare");
	must(s, sqlite3_step(statement), "count");
	count = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return count;
}

/* One order, in the words of its gateway; at Riverty often with its capture. reference gets what it
 * is called. */
static void
sell(struct shopper *s, char *reference, size_t size)
{
	size_t p = shopper_random(&s->random) % 4;
	const char *kind = kinds[shopper_random(&s->random) % KINDS];
	int which = 1 + (int)(shopper_random(&s->random) % EACH);
	char text[SQL_MAX];

	snprintf(reference, size, "%s-%c%ld", kind, profiles[p][0], ++s->sold);
	if (p == 0)
		snprintf(text, sizeof(text),
		    "INSERT INTO outbox (destination, operation, reference, body) VALUES "
		    "('vrio%d', 'order', '%s',"
		    " '{\"connection_order_id\":\"%s\",\"action\":\"process\"}')",
		    which, reference, reference);
	else if (p == 1)
		snprintf(text, sizeof(text),
		    "INSERT INTO outbox (destination, operation, reference, headers, body) VALUES "
		    "('travlinq%d',"
		    " 'flight-book', '%s', "
		    "'{\"conversationId\":\"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002\"}',"
		    " '{\"offerId\":\"%s\"}')",
		    which, reference, reference);
	else if (p == 2)
		snprintf(text, sizeof(text),
		    "INSERT INTO outbox (destination, operation, reference, body) VALUES "
		    "('riverty%d', 'authorize', '%s',"
		    " '{\"order\":{\"number\":\"%s\",\"totalGrossAmount\":10.10}}')",
		    which, reference, reference);
	else
		snprintf(text, sizeof(text),
		    "INSERT INTO outbox (destination, operation, reference, path, body) VALUES "
		    "('generic%d', 'post', '%s',"
		    " '/generic/pay', '{\"reference\":\"%s\"}')",
		    which, reference, reference);
	sql(s, text);
	if (p != 2 || shopper_random(&s->random) % 2 == 0)
		return;
	snprintf(text, sizeof(text),
	    "INSERT INTO outbox (destination, operation, reference, path, body, after_id) VALUES "
	    "('riverty%d', 'capture',"
	    " '%s', '/api/v3/orders/%s/captures', '{\"totalGrossAmount\":10.10}', "
	    "last_insert_rowid())",
	    which, reference, reference);
	sql(s, text);
}

/* An operator who interferes with what was sold lately. */
static void
interfere(struct shopper *s)
{
	static const char *const commands[] = {"cancel", "hold", "release"};
	char text[SQL_MAX];

	snprintf(text, sizeof(text),
	    "INSERT INTO outbox_control (command, outbox_id) SELECT '%s', max(1, max(id) - %d) "
	    "FROM outbox",
	    commands[shopper_random(&s->random) % 3], (int)(shopper_random(&s->random) % 30));
	sql(s, text);
}

/* The number in the last line of a file, 0 without one. */
static long
last_number(struct stand *stand, const char *name)
{
	FILE *file = fopen(scratch_path(stand->dir, name), "re");
	char line[128];
	long last = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strlen(line) > 2 && strrchr(line, '-') != NULL)
			last = strtol(strrchr(line, '-') + 2, NULL, 10);
	if (file != NULL)
		fclose(file);
	return last;
}

/* Where a life's references begin: no earlier life may have used them, even one that ended before
 * it noted what it sold, and that had a few numbers more. */
static long
begin_life(struct stand *stand)
{
	long committed = last_number(stand, "committed");
	long begun = last_number(stand, "lives");
	long sold = committed > begun ? committed : begun;
	FILE *lives = fopen(scratch_path(stand->dir, "lives"), "ae");

	sold += 16;
	stand_must(lives != NULL && fprintf(lives, "life-n%ld\n", sold) > 0 && fclose(lives) == 0,
	    "the app's lives");
	return sold;
}

static void
work(struct stand *stand, uint64_t seed, int open_max)
{
	struct shopper s = {.random = seed, .sold = begin_life(stand)};
	char references[4][64];

	s.committed = fopen(scratch_path(stand->dir, "committed"), "ae");
	must(&s, sqlite3_open_v2(stand->database, &s.db, SQLITE_OPEN_READWRITE, NULL), "open");
	must(&s, sqlite3_busy_timeout(s.db, 30000), "busy_timeout");
	/* what an accepted order needs, whatever this library's default is */
	sql(&s, is_careless ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
	/* one app in two copies the WAL back often */
	if (seed % 2 == 1)
		sql(&s, "PRAGMA wal_autocheckpoint = 60");
	for (;;) {
		size_t count = 1 + shopper_random(&s.random) % 4;

		if (s.sold % 16 == 0)
			while (open_rows(&s) > open_max)
				stand_sleep_ms(20);
		sql(&s, "BEGIN IMMEDIATE");
		for (size_t i = 0; i < count; i++)
			sell(&s, references[i], sizeof(references[i]));
		if (shopper_random(&s.random) % 20 == 0)
			interfere(&s);
		sql(&s, "COMMIT");
		for (size_t i = 0; i < count; i++)
			fprintf(s.committed, "%s\n", references[i]);
		fflush(s.committed);
		stand_sleep_ms((int)(shopper_random(&s.random) % 20));
	}
}

pid_t
shopper_start(struct stand *stand, uint64_t seed, int open_max)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	stand_must(pid >= 0, "fork");
	if (pid > 0)
		return pid;
	stand_be_child(parent);
	work(stand, seed, open_max);
	_exit(1);
}

void
shopper_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	stand_must(WIFSIGNALED(status), "the app ended by itself");
}

int
shopper_lost(struct stand *stand, int *rows)
{
	FILE *file = fopen(scratch_path(stand->dir, "committed"), "re");
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	char line[128];
	int lost = 0;

	stand_must(file != NULL && sqlite3_open(stand->database, &db) == SQLITE_OK &&
		       sqlite3_prepare_v2(db, "SELECT 1 FROM outbox_delivery WHERE reference = ?",
			   -1, &statement, NULL) == SQLITE_OK,
	    "committed");
	*rows = 0;
	sqlite3_exec(db,
	    "CREATE TEMP TABLE seen AS SELECT reference FROM outbox_delivery; "
	    "CREATE INDEX temp.seen_reference ON seen (reference)",
	    NULL, NULL, NULL);
	sqlite3_finalize(statement);
	sqlite3_prepare_v2(db, "SELECT 1 FROM temp.seen WHERE reference = ?", -1, &statement, NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		++*rows;
		sqlite3_bind_text(statement, 1, line, -1, SQLITE_STATIC);
		if (sqlite3_step(statement) != SQLITE_ROW && ++lost < 10)
			fprintf(stderr, "committed and gone: %s\n", line);
		sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	fclose(file);
	return lost;
}
