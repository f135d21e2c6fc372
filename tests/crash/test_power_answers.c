/*
 * test_power_answers.c - an answer arrives, and the power goes in the sync that follows its commit,
 * while an app reads (T4): one row, one moment. test_power_cuts.c has all the others.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/blackout.h"
#include "lib/kills.h"
#include "lib/onlooker.h"
#include "lib/oracle.h"

enum { SEED = 100, DELAY_MS = 600, SPARE_MS = 200 };

/* A row whose answer is on its way. The WAL was long before, so that a commit only overwrites: its
 * sync is no matter for the file system's journal. */
static void
order(struct blackout *world, const char *destination, const char *profile, const char *script)
{
	const char *why = disk_impossible("ext4");
	sqlite3 *app = NULL;

	if (why != NULL) {
		printf("SKIPPED: answers and a disk that fails: %s\n", why);
		skip();
	}
	blackout_open(world, "ext4", SEED);
	assert_int_equal(gateway_script(world->stand->gateway, script), 0);
	assert_int_equal(sqlite3_open(world->stand->database, &app), SQLITE_OK);
	assert_int_equal(sqlite3_exec(app,
			     "CREATE TABLE long (a); INSERT INTO long VALUES (zeroblob(1500000)); "
			     "PRAGMA wal_checkpoint(RESTART)",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	(void)stand_order(world->stand, destination, profile, "late-1");
	stand_start(world->stand);
	assert_true(stand_wait(world->stand, "SELECT state = 'sending' FROM outbox_delivery"));
	sqlite3_close(app);
	stand_sleep_ms(DELAY_MS - SPARE_MS);
}

static void
cut(struct blackout *world, pid_t onlooker)
{
	disk_cut(world->disk);
	stand_signal(world->stand, SIGKILL);
	if (onlooker > 0)
		kill(onlooker, SIGKILL);
	disk_release(world->disk);
	stand_kill(world->stand);
	if (onlooker > 0)
		waitpid(onlooker, NULL, 0);
	kills_mark(world->stand);
	disk_remove(world->disk);
	assert_true(disk_insert(world->disk, SEED + 1));
}

/* The power goes in the flush that follows the commit of an answer, while an app reads. The next
 * attempt meets a gateway that has changed its mind: if the app was told, it was told for good. */
static void
told_for_good(const char *destination, const char *profile)
{
	struct blackout world;
	struct onlooker_told told;
	struct diskserve *disk;
	pid_t onlooker;

	order(
	    &world, destination, profile, "late-* submit 1 reject\nlate-* submit 1 delay 600ms\n");
	disk = disk_state(world.disk);
	onlooker = onlooker_start(world.stand);
	atomic_store(&disk->survival, SURVIVES_NOTHING);
	atomic_store(&disk->cut_after, 0);
	atomic_store(&disk->cut_at, atomic_load(&disk->flushes) + 1);
	for (int waited = 0; !atomic_load(&disk->is_cut) && waited < STAND_PATIENCE_MS; waited++)
		stand_sleep_ms(1);
	assert_true(atomic_load(&disk->is_cut));
	stand_sleep_ms(SPARE_MS); /* the onlooker looks */
	cut(&world, onlooker);
	assert_int_equal(onlooker_contradicted(world.stand, false, &told), 0);
	assert_true(kills_settle(world.stand));
	assert_int_equal(stand_stop(world.stand), 0);
	assert_int_equal(onlooker_contradicted(world.stand, true, &told), 0);
	assert_int_equal(told.doubted, 0);
	oracle_check(world.stand, ORACLE_FINISHED);
	printf("%s: %ld results told before the cut, then %s\n", profile, told.results,
	    stand_outcome(world.stand, 1));
	blackout_close(&world);
}

static void
keyless_is_told_for_good(void **state)
{
	(void)state;
	told_for_good("vrio1", "vrio");
}

static void
replayed_is_told_for_good(void **state)
{
	(void)state;
	told_for_good("riverty1", "riverty");
}

static void
refusal_that_is_not_replayed_is_told_for_good(void **state)
{
	(void)state;
	told_for_good("generic1", "generic");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(keyless_is_told_for_good),
	    cmocka_unit_test(replayed_is_told_for_good),
	    cmocka_unit_test(refusal_that_is_not_replayed_is_told_for_good)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
