/*
 * test_power_cuts.c - power cuts under the real daemon, app and file system (T4): the database lies
 * on a disk with a volatile write cache (tests/lib/disk.h), and what was not flushed is lost, in
 * whole or torn in part. The file system replays its journal, daemon and app start again, and the
 * oracle judges after each cut. Some cuts follow a flush that failed (T7). The gateways stand on
 * another machine: their logs are not on that disk.
 *
 * OUTBOXD_CUTS: how many on ext4; a quarter of it on xfs. OUTBOXD_SEED: of all random choices; it
 * is printed. OUTBOXD_POWER_CONTROL=name: the daemon is one that does not sync, and the test passes
 * when that was noticed (tests/crash/power-control.sh).
 * OUTBOXD_KEEP: a directory for what a violation leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/blackout.h"
#include "lib/daemon.h"
#include "lib/disk.h"
#include "lib/kills.h"
#include "lib/onlooker.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/shopper.h"
#include "lib/tally.h"

enum { CUTS_PER_WORLD = 25, CONVINCED = 3 };

struct sum {
	struct blackout_sum cut;
	long worlds;
	long wrong_worlds;
	long orders;
	long careless;      /* worlds whose app does not sync */
	long careless_lost; /* orders of theirs */
	long told;
	long doubted; /* of those, rows with a key that ended as unknown */
	long requests;
	long violations;
	long new_wals; /* between two cuts the WAL was copied into the database and begun anew */
	uint32_t wal_begun; /* this world's, last seen */
	size_t log_read;    /* of this world's outboxd.log */
	struct kills_seen seen;
};

static bool
is_control(void)
{
	return getenv("OUTBOXD_POWER_CONTROL") != NULL;
}

/* --- judgement --- */

static void
copy_file(const char *from, const char *to)
{
	size_t length;
	char *bytes;

	unlink(to);
	if (access(from, F_OK) != 0)
		return;
	bytes = scratch_read(from, &length);
	scratch_write(to, bytes, length);
	free(bytes);
}

/* A start that took the cut for a restored backup stands still until a person comes. */
static long
held_as_restored(struct blackout *world, struct sum *sum)
{
	size_t length;
	char *log = scratch_read(scratch_path(world->stand->dir, "outboxd.log"), &length);
	const char *found =
	    length > sum->log_read ? strstr(log + sum->log_read, "adopt_needed") : NULL;

	if (found != NULL)
		fprintf(stderr, "a power cut was taken for a restored backup: %.300s\n", found);
	sum->log_read = length;
	free(log);
	return found != NULL;
}

/* How often a WAL was begun stands in its header. */
static void
count_new_wals(const char *wal, struct sum *sum)
{
	size_t length;
	unsigned char *bytes;
	uint32_t begun;

	if (access(wal, F_OK) != 0)
		return;
	bytes = (unsigned char *)scratch_read(wal, &length);
	if (length >= 32) {
		begun = (uint32_t)bytes[14] << 8 | bytes[15];
		sum->new_wals += begun > sum->wal_begun;
		sum->wal_begun = begun;
	}
	free(bytes);
}

/* Of what the cut left, before anybody starts: on a copy, because who opens and closes a database
 * changes it. */
static long
judge_remains(struct blackout *world, struct sum *sum)
{
	struct stand *stand = world->stand;
	char database[sizeof(stand->database)];
	char wal[sizeof(stand->database) + 8];
	struct onlooker_told told;
	long wrong;
	int rows;

	memcpy(database, stand->database, sizeof(database));
	snprintf(wal, sizeof(wal), "%s-wal", database);
	if (access(database, F_OK) != 0) {
		fprintf(stderr, "the database is gone\n");
		return 1;
	}
	copy_file(database, scratch_path(stand->dir, "after.db"));
	copy_file(wal, scratch_path(stand->dir, "after.db-wal"));
	unlink(scratch_path(stand->dir, "after.db-shm"));
	snprintf(
	    stand->database, sizeof(stand->database), "%s", scratch_path(stand->dir, "after.db"));
	wrong = oracle_violations(stand, ORACLE_UNDERWAY);
	if (!world->careless && access(scratch_path(stand->dir, "committed"), F_OK) == 0)
		wrong += shopper_lost(stand, &rows);
	wrong += onlooker_contradicted(stand, false, &told);
	kills_count_states(stand, &sum->seen);
	count_new_wals(wal, sum);
	memcpy(stand->database, database, sizeof(database));
	return wrong;
}

static long
judge_end(struct blackout *world, struct sum *sum)
{
	struct stand *stand = world->stand;
	struct onlooker_told told;
	long wrong = 0;
	int rows = 0;
	int lost;

	if (!kills_settle(stand))
		return 1;
	wrong += stand_stop(stand) != 0;
	wrong += oracle_violations(stand, ORACLE_FINISHED);
	lost = shopper_lost(stand, &rows);
	/* what an app that does not sync may lose is what was not sent: the oracle sees what was */
	wrong += world->careless ? 0 : lost;
	sum->careless += world->careless;
	sum->careless_lost += world->careless ? lost : 0;
	wrong += onlooker_contradicted(stand, !world->careless, &told);
	/* What is parked now was parked by a surprise. */
	wrong += stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE state = 'held'");
	sum->orders += rows;
	sum->told += told.results;
	sum->doubted += told.doubted;
	sum->requests += gateway_requests(stand->gateway, NULL, NULL);
	return wrong;
}

/* Logs and databases for whoever looks into it. */
static void
keep(struct blackout *world)
{
	const char *where = getenv("OUTBOXD_KEEP");
	char command[1200];

	if (where == NULL || is_control())
		return;
	snprintf(command, sizeof(command), "mkdir -p '%s' && cp -r '%s' '%s'", where,
	    (char *)world->stand->dir, where);
	if (system(command) != 0)
		fprintf(stderr, "not kept: %s\n", command);
}

/* Up to so many cuts in one world; a world in which something went wrong proves nothing more. */
static void
run_world(const char *filesystem, long cuts, struct sum *sum, uint64_t *random)
{
	struct blackout world;
	struct blackout_plan plan = {0};
	bool mounted = true;
	long wrong = 0;

	blackout_open(&world, filesystem, tally_random(random));
	sum->worlds++;
	sum->log_read = 0;
	sum->wal_begun = 0;
	for (long i = 0; wrong == 0 && i < cuts; i++) {
		plan = blackout_plan(random);
		wrong = blackout_live(&world, &plan, &sum->cut, random);
		mounted = disk_insert(world.disk, tally_random(random));
		if (mounted)
			wrong += judge_remains(&world, sum) + held_as_restored(&world, sum);
		else
			wrong++; /* the file system's own promise */
	}
	if (wrong == 0)
		wrong = judge_end(&world, sum);
	if (wrong > 0) {
		fprintf(stderr, "VIOLATED at cut %ld on %s: ", sum->cut.cuts, filesystem);
		blackout_tell(&plan);
		if (!is_control() && mounted)
			stand_show(world.stand);
		keep(&world);
	}
	sum->violations += wrong;
	sum->wrong_worlds += wrong > 0;
	blackout_close(&world);
}

static void
tell(const char *filesystem, const struct sum *sum)
{
	const struct blackout_sum *cut = &sum->cut;
	bool noticed = sum->violations > 0;
	char fault[64];
	char states[200] = "";

	for (int i = 0; i < KILLS_STATES; i++)
		snprintf(states + strlen(states), sizeof(states) - strlen(states), " %s %d",
		    kills_state(i), sum->seen.kills[i]);
	if (is_control()) {
		snprintf(fault, sizeof(fault), "power cut on %s, control %s", filesystem,
		    getenv("OUTBOXD_POWER_CONTROL"));
		tally(fault, cut->cuts, !noticed,
		    "%ld of %ld worlds violated, as they must be, %ld violations in all",
		    sum->wrong_worlds, sum->worlds, sum->violations);
		return;
	}
	snprintf(fault, sizeof(fault), "power cut on %s", filesystem);
	tally(fault, cut->cuts, sum->violations,
	    "%ld inside a flush, %ld after an I/O error, %ld with the daemon alone, %ld after a "
	    "checkpoint; %ld took back %ld sectors; met%s; %ld orders, %ld results told (%ld "
	    "unknown after the cut), %ld "
	    "requests, %ld worlds, %ld of them without the app's syncs: %ld orders lost",
	    cut->at_flush, cut->sick, cut->quiet, sum->new_wals, cut->lossy, cut->sectors, states,
	    sum->orders, sum->told, sum->doubted, sum->requests, sum->worlds, sum->careless,
	    sum->careless_lost);
}

static void
campaign(const char *filesystem, long cuts)
{
	const char *why = disk_impossible(filesystem);
	int64_t began = stand_clock_ms();
	struct sum sum = {0};
	char fault[64];
	uint64_t random;

	if (why != NULL) {
		snprintf(fault, sizeof(fault), "power cut on %s", filesystem);
		tally(fault, 0, 0, "SKIPPED: %s", why);
		skip();
	}
	random = tally_seed();
	while (sum.cut.cuts < cuts && !(is_control() && sum.wrong_worlds == CONVINCED)) {
		long left = cuts - sum.cut.cuts;

		run_world(filesystem, left < CUTS_PER_WORLD ? left : CUTS_PER_WORLD, &sum, &random);
		printf("%s: %ld of %ld cuts, %.1f s, %ld violations\n", filesystem, sum.cut.cuts,
		    cuts, (double)(stand_clock_ms() - began) / 1000.0, sum.violations);
		fflush(stdout);
	}
	tell(filesystem, &sum);
	assert_true(is_control() == (sum.violations > 0));
}

static long
cuts_wanted(void)
{
	const char *given = getenv("OUTBOXD_CUTS");

	return given != NULL && given[0] != '\0' ? strtol(given, NULL, 10) : extent_of(8, 60, 200);
}

static void
cuts_on_ext4(void **state)
{
	(void)state;
	campaign("ext4", cuts_wanted());
}

static void
cuts_on_xfs(void **state)
{
	(void)state;
	campaign("xfs", is_control() ? cuts_wanted() : (cuts_wanted() + 3) / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cuts_on_ext4), cmocka_unit_test(cuts_on_xfs)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
