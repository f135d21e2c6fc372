/*
 * test_outboxd_flips.c - a database with flipped bits (T20): the daemon neither crashes nor hangs.
 * What SQLite notices ends it with status 76 and a word about it; from then on nothing is sent.
 *
 * SQLite has no checksums in the database file: a flip in a text or a number is nobody's to notice,
 * and the merchant's to restore.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/scratch.h"
#include "lib/tally.h"

enum { ORDERS = 12, LIFE_MS = 400, CORRUPT = 76 };

struct image {
	char *bytes;
	size_t length;
};

static void
fill(struct stand *stand)
{
	static const char *const profiles[] = {"riverty", "vrio", "travlinq", "generic"};

	for (int i = 0; i < 4; i++)
		stand_destination(stand, profiles[i], profiles[i], "");
	for (int i = 0; i < ORDERS; i++) {
		char reference[20];

		(void)snprintf(reference, sizeof(reference), "f-%d", i);
		(void)stand_order(stand, profiles[i % 4], profiles[i % 4], reference);
		if (i == ORDERS / 2) { /* half of them have a history */
			stand_start(stand);
			(void)stand_wait_settled(stand);
			assert_int_equal(stand_stop(stand), 0);
		}
	}
	stand_exec(stand, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* The database as it was, but for some bits; nobody remembers another one. */
static void
lay_out(struct stand *stand, const struct image *image, uint64_t *seed)
{
	char *bytes = malloc(image->length);
	char command[700];
	int flips = 1 + (int)(tally_random(seed) % 24);

	assert_non_null(bytes);
	memcpy(bytes, image->bytes, image->length);
	for (int i = 0; i < flips; i++)
		bytes[tally_random(seed) % image->length] ^= (char)(1u << tally_random(seed) % 8);
	(void)snprintf(command, sizeof(command), "rm -rf '%s' '%s-wal' '%s-shm'",
	    scratch_path(stand->dir, "state"), stand->database, stand->database);
	assert_int_equal(system(command), 0);
	scratch_write(stand->database, bytes, image->length);
	(void)snprintf(
	    command, sizeof(command), "mkdir -p '%s'", scratch_path(stand->dir, "state"));
	assert_int_equal(system(command), 0);
	free(bytes);
}

/* Its status stays to be asked for. */
static bool
has_ended(const struct stand *stand)
{
	siginfo_t what = {0};

	return waitid(P_PID, (id_t)stand->pid, &what, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       what.si_pid != 0;
}

static void
flipped_bits(void **state)
{
	struct stand *stand = *state;
	uint64_t seed = tally_seed();
	long runs = extent_of(25, 100, 2000);
	long refused = 0, noticed = 0, served = 0, violations = 0;
	struct image image;

	fill(stand);
	image.bytes = scratch_read(stand->database, &image.length);
	for (long run = 0; run < runs; run++) {
		int status;

		lay_out(stand, &image, &seed);
		stand_start(stand);
		for (int ms = 0; ms < LIFE_MS && !has_ended(stand); ms += 20)
			stand_sleep_ms(20);
		status =
		    has_ended(stand) ? stand_wait_end(stand, STAND_PATIENCE_MS) : stand_stop(stand);
		refused += status != CORRUPT && status != 0;
		noticed += status == CORRUPT;
		served += status == 0;
		if (status != 0 && status != 1 && status != 75 && status != CORRUPT &&
		    status != 78) {
			(void)fprintf(stderr, "run %ld ended with %d\n", run, status);
			stand_show(stand);
			violations++;
		}
	}
	free(image.bytes);
	tally("flipped bits in the database", runs, violations,
	    "%ld noticed as corrupt, %ld refused otherwise, %ld served (nothing to notice)",
	    noticed, refused, served);
	assert_int_equal(violations, 0);
	assert_true(noticed + refused > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(flipped_bits, stand_setup, stand_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
