/*
 * test_outboxd_crowd.c - many daemons for one database, under every name that it can have (T21),
 * another machine's identity, and an app that sells the same order again after a restore (T22,
 * T23).
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"

enum { CROWD = 8, EX_TEMPORARY = 75, EX_CONFIGURATION = 78, LOSER_MS = 2000 };

/* A mount table of our own; false without root. The gateway and the daemon live in it too. */
static bool
own_mounts(void)
{
	static bool tried;
	static bool mine;

	if (!tried)
		mine = unshare(CLONE_NEWNS) == 0 &&
		       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	tried = true;
	if (!mine)
		printf("NOTE: without root no mounts: not everything is tried\n");
	return mine;
}

struct name {
	char database[320]; /* as the configuration says it */
	char config[320];   /* state_dir is beside it */
};

/* The ways to say which file. The configuration in "other/" has a state_dir of its own. */
static void
name_it(struct stand *stand, struct name names[CROWD])
{
	const char *dir = stand->dir;
	bool bound;

	assert_int_equal(mkdir(scratch_path(dir, "other"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(dir, "data"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(dir, "bound"), 0700), 0);
	assert_int_equal(symlink("data", scratch_path(dir, "linked")), 0);
	bound = own_mounts() && mount(scratch_path(dir, "data"), scratch_path(dir, "bound"), NULL,
				    MS_BIND, NULL) == 0;
	for (int i = 0; i < CROWD; i++) {
		static const char *const said[] = {"%s/data/shop.db", "data/shop.db",
		    "other/../data/shop.db", "%s/linked/shop.db", "%s/bound/shop.db",
		    "../data/shop.db", "%s//data/./shop.db", "../linked/shop.db"};

		snprintf(names[i].config, sizeof(names[i].config), "%s/%s%d.conf", dir,
		    strncmp(said[i], "..", 2) == 0 || i == 6 ? "other/" : "", i);
		if (strncmp(said[i], "%s", 2) == 0)
			snprintf(names[i].database, sizeof(names[i].database), "%s%s", dir,
			    i == 4 && !bound ? "/data/shop.db" : said[i] + 2);
		else
			snprintf(names[i].database, sizeof(names[i].database), "%s", said[i]);
	}
}

static void
fresh_database(struct stand *stand)
{
	const char *words[] = {"init", "--database", stand->database, NULL};
	int status;
	char command[1200];

	snprintf(command, sizeof(command),
	    "rm -rf '%s'/data/shop.db* '%s'/state '%s'/other/state '%s'/outboxd.log",
	    (char *)stand->dir, (char *)stand->dir, (char *)stand->dir, (char *)stand->dir);
	assert_int_equal(system(command), 0);
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	assert_int_equal(gateway_reset(stand->gateway), 0);
}

/* How many of them serve once the others have gone; -1 when one of them went wrongly or late. */
static int
run_crowd(struct stand *stand, struct stand crowd[CROWD], int *winner)
{
	int64_t began = stand_clock_ms();
	int serving = CROWD;
	int result = 0;

	for (int i = 0; i < CROWD; i++)
		stand_start(&crowd[i]);
	while (serving > 1 && stand_clock_ms() < began + STAND_PATIENCE_MS) {
		for (int i = 0; i < CROWD; i++) {
			int status;

			if (crowd[i].pid == 0 ||
			    waitpid(crowd[i].pid, &status, WNOHANG) != crowd[i].pid)
				continue;
			crowd[i].pid = 0;
			serving--;
			if (!WIFEXITED(status) || WEXITSTATUS(status) != EX_TEMPORARY) {
				fprintf(stderr, "daemon %d of %s ended with status %x\n", i,
				    crowd[i].database, status);
				result = -1;
			}
		}
		stand_sleep_ms(2);
	}
	/* on a busy machine the start itself takes its time */
	if (stand_clock_ms() - began > LOSER_MS * 4)
		result = -1;
	stand_sleep_ms(20);
	serving = 0;
	for (int i = 0; i < CROWD; i++)
		if (stand_runs(&crowd[i])) {
			serving++;
			*winner = i;
		}
	(void)stand;
	return result == 0 ? serving : -1;
}

static void
of_eight_daemons_one_serves(void **state)
{
	struct stand *stand = *state;
	struct stand crowd[CROWD];
	struct name names[CROWD];
	long rounds = extent_of(15, 25, 200);
	long wrong = 0;
	long won[CROWD] = {0};
	int64_t slowest = 0;

	name_it(stand, names);
	snprintf(stand->database, sizeof(stand->database), "%s/data/shop.db", (char *)stand->dir);
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "riverty", "riverty", "");
	for (long round = 0; round < rounds; round++) {
		int64_t began;
		int winner = 0;
		int serving;

		fresh_database(stand);
		for (int i = 0; i < 4; i++) {
			char reference[32];

			snprintf(reference, sizeof(reference), "o-%d", i);
			(void)stand_order(stand, i % 2 == 0 ? "vrio" : "riverty",
			    i % 2 == 0 ? "vrio" : "riverty", reference);
		}
		for (int i = 0; i < CROWD; i++) {
			crowd[i] = *stand;
			crowd[i].pid = 0;
			memcpy(crowd[i].database, names[i].database, sizeof(crowd[i].database));
			memcpy(crowd[i].config, names[i].config, sizeof(crowd[i].config));
		}
		began = stand_clock_ms();
		serving = run_crowd(stand, crowd, &winner);
		if (stand_clock_ms() - began > slowest)
			slowest = stand_clock_ms() - began;
		if (serving != 1) {
			fprintf(stderr, "round %ld: %d serve\n", round, serving);
			stand_show(stand);
			wrong++;
		} else {
			won[winner]++;
			assert_true(stand_wait_settled(stand));
			/* one start, one request for each row, nobody held */
			if (stand_number(
				stand, "SELECT value FROM outbox_meta WHERE name = 'epoch'") != 1 ||
			    gateway_requests(stand->gateway, NULL, "submit") != 4 ||
			    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result "
						"= 'succeeded'") != 4) {
				fprintf(
				    stderr, "round %ld: more than one daemon's traces\n", round);
				stand_show(stand);
				wrong++;
			}
			wrong += oracle_violations(stand, ORACLE_FINISHED);
		}
		for (int i = 0; i < CROWD; i++)
			stand_kill(&crowd[i]);
	}
	tally("eight daemons, one database", rounds, wrong,
	    "all others gone within %lld ms; won by path %ld, relative %ld, dots %ld, linked "
	    "directory %ld, bind mount %ld, "
	    "other state_dir %ld, %ld, %ld",
	    (long long)slowest, won[0], won[1], won[2], won[3], won[4], won[5], won[6], won[7]);
	if (own_mounts())
		(void)umount2(scratch_path(stand->dir, "bound"), MNT_DETACH);
	assert_int_equal(wrong, 0);
}

/* A second daemon beside one that serves changes nothing and says who serves. */
static void
a_loser_changes_nothing(void **state)
{
	struct stand *stand = *state;
	struct stand second;
	char before[64];

	stand_destination(stand, "vrio", "vrio", "");
	(void)stand_order(stand, "vrio", "vrio", "l-1");
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	stand_sleep_ms(1500); /* the witness is written; nothing is due */
	snprintf(before, sizeof(before), "%lld",
	    (long long)stand_number(stand, "SELECT value FROM outbox_meta WHERE name = 'epoch'"));
	for (int i = 0; i < 3; i++) {
		int64_t began = stand_clock_ms();

		second = *stand;
		second.pid = 0;
		stand_start(&second);
		assert_int_equal(stand_wait_end(&second, 20000), EX_TEMPORARY);
		assert_true(stand_clock_ms() - began < LOSER_MS);
	}
	assert_string_equal(
	    before, stand_text(stand, "SELECT value FROM outbox_meta WHERE name = 'epoch'"));
	{
		char said[64];

		snprintf(said, sizeof(said), "another outboxd (pid %d) serves", (int)stand->pid);
		assert_true(stand_log_has(stand, said));
	}
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* A hard link elsewhere would have a lock of its own: neither name is served. */
static void
a_hard_link_is_refused(void **state)
{
	struct stand *stand = *state;
	const char *elsewhere = scratch_path(stand->dir, "elsewhere");
	struct stand second = *stand;

	stand_destination(stand, "vrio", "vrio", "");
	(void)stand_order(stand, "vrio", "vrio", "h-1");
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	snprintf(second.database, sizeof(second.database), "%s/shop.db", elsewhere);
	assert_int_equal(link(stand->database, second.database), 0);
	stand_start(stand);
	assert_int_equal(stand_wait_end(stand, 20000), EX_CONFIGURATION);
	second.destinations = stand->destinations;
	second.pid = 0;
	stand_start(&second);
	assert_int_equal(stand_wait_end(&second, 20000), EX_CONFIGURATION);
	assert_true(stand_log_has(stand, "hard link"));
	assert_int_equal(gateway_requests(stand->gateway, NULL, NULL), 0);
	assert_int_equal(unlink(second.database), 0);
	stand_start(stand);
	assert_string_equal(stand_await(stand, 1), "succeeded");
	assert_int_equal(stand_stop(stand), 0);
}

/* The same file, the same state_dir, on a machine with another identity: a clone. */
static void
a_cloned_machine_sends_nothing(void **state)
{
	struct stand *stand = *state;
	const char *identity = scratch_path(stand->dir, "machine-id");
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	int status;

	if (!own_mounts() || access("/etc/machine-id", F_OK) != 0) {
		printf("NOTE: skipped: /etc/machine-id cannot be replaced here\n");
		skip();
	}
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "riverty", "riverty", "");
	(void)stand_order(stand, "vrio", "vrio", "m-1");
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	assert_int_equal(stand_stop(stand), 0);
	(void)stand_order(stand, "vrio", "vrio", "m-2");
	(void)stand_order(stand, "riverty", "riverty", "m-3");
	scratch_write(identity, "0123456789abcdef0123456789abcdef\n", 33);
	assert_int_equal(mount(identity, "/etc/machine-id", NULL, MS_BIND, NULL), 0);
	stand_start(stand);
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_meta WHERE name = 'mode' AND value = 'held'"));
	stand_sleep_ms(500);
	assert_int_equal(gateway_requests(stand->gateway, "m-2", NULL), 0);
	assert_int_equal(gateway_requests(stand->gateway, "m-3", NULL), 0);
	assert_non_null(
	    strstr(stand_text(stand, "SELECT mode_reason FROM outbox_health"), "machine"));
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	assert_true(stand_wait_settled(stand));
	assert_int_equal(umount2("/etc/machine-id", MNT_DETACH), 0);
	assert_string_equal(stand_outcome(stand, 3), "succeeded");
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* The order was sold after the backup, sent, and is sold again under the same reference after the
 * restore: the same key. */
static void
a_row_inserted_again_after_a_restore_has_its_key(void **state)
{
	struct stand *stand = *state;
	const char *words[] = {"adopt", "--config", stand->config, NULL};
	char command[1200];
	char key[64];
	int status;

	stand_destination(stand, "riverty", "riverty", "");
	(void)stand_order(stand, "riverty", "riverty", "a-1");
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	assert_int_equal(stand_stop(stand), 0);
	snprintf(command, sizeof(command), "cd '%s' && sqlite3 shop.db '.backup b.db'",
	    (char *)stand->dir);
	assert_int_equal(system(command), 0);
	stand_start(stand);
	(void)stand_order(stand, "riverty", "riverty", "a-2");
	assert_true(stand_wait_settled(stand));
	assert_int_equal(stand_stop(stand), 0);
	snprintf(key, sizeof(key), "%s",
	    stand_text(stand, "SELECT idempotency_key FROM outbox_status WHERE reference = 'a-2'"));
	snprintf(command, sizeof(command),
	    "cd '%s' && rm -f shop.db-wal shop.db-shm && cp b.db shop.db", (char *)stand->dir);
	assert_int_equal(system(command), 0);
	/* another order first: other ids */
	(void)stand_order(stand, "riverty", "riverty", "a-3");
	(void)stand_order(stand, "riverty", "riverty", "a-2");
	stand_start(stand);
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_meta WHERE name = 'mode' AND value = 'held'"));
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	assert_true(stand_wait_settled(stand));
	assert_string_equal(
	    stand_text(stand, "SELECT idempotency_key FROM outbox_status WHERE reference = 'a-2'"),
	    key);
	assert_string_equal(
	    stand_text(stand, "SELECT result FROM outbox_status WHERE reference = 'a-2'"),
	    "succeeded");
	assert_int_equal(gateway_effects(stand->gateway, "a-2"), 1);
	assert_int_equal(gateway_distinct_hashes(stand->gateway, "a-2"), 1);
	/* and a second sale in one life is refused */
	assert_int_not_equal(
	    stand_try(stand,
		"INSERT INTO outbox (destination, operation, reference, body) VALUES ('riverty',"
		" 'authorize', 'a-2', '{}')"),
	    0);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_RESTORED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(of_eight_daemons_one_serves),
	    TEST(a_loser_changes_nothing), TEST(a_hard_link_is_refused),
	    TEST(a_cloned_machine_sends_nothing),
	    TEST(a_row_inserted_again_after_a_restore_has_its_key)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
