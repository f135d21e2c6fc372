/*
 * test_sweeps.c - every disk call and every allocation of a working day fails once, and from there
 * on until somebody starts the daemon anew (T6, T9, T10); so does every allocation of a start that
 * finds requests under way, and of an adoption. No crash, no leak (in the sanitizer build), no lost
 * row, no second effect, and everything ends.
 *
 * A slice; OUTBOXD_EXTENT=whole takes every single one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fvfs.h"
#include "lib/tally.h"
#include "sim/campaign.h"
#include "sim/run.h"

enum { SEED = 11, SLICE = 250 };

struct sweep {
	bool memory;
	int disk_error;
	bool for_ever;
	bool restarts;
	bool adopts;
	int64_t step;
	struct tally *total; /* shared: of a day without faults */
	int64_t *injected;   /* shared */
};

static bool
count(uint64_t number, void *context)
{
	const struct sweep *sweep = context;
	struct script script = {.restarts = sweep->restarts, .adopts = sweep->adopts};

	(void)number;
	return run_script(SEED, &script, sweep->total, false);
}

static bool
fail_one(uint64_t number, void *context)
{
	const struct sweep *sweep = context;
	int64_t at = (int64_t)number * sweep->step + 1;
	struct script script = {
	    .for_ever = sweep->for_ever, .restarts = sweep->restarts, .adopts = sweep->adopts};
	struct tally tally;
	bool kept;

	if (sweep->memory)
		script.memory_fails_at = at;
	else
		script.disk_fails_at = at;
	script.disk_error = sweep->disk_error;
	kept = run_script(SEED, &script, &tally, false);
	(void)__atomic_fetch_add(sweep->injected, tally.faults > 0, __ATOMIC_RELAXED);
	return kept;
}

static void
sweep(const char *name, struct sweep sweep)
{
	struct campaign campaign = {.seeds = 1, .jobs = 1, .run = count, .context = &sweep};
	int64_t points;

	sweep.step = 1;
	sweep.total = campaign_share(sizeof(*sweep.total));
	sweep.injected = campaign_share(sizeof(*sweep.injected));
	campaign_run(&campaign);
	assert_int_equal(campaign.failures, 0);
	points = sweep.memory ? sweep.total->allocations : sweep.total->disk_calls;
	assert_true(points > 500);
	if (extent() != EXTENT_WHOLE)
		sweep.step = points / SLICE + 1;
	campaign = (struct campaign){.seeds = (points + sweep.step - 1) / sweep.step,
	    .jobs = 2,
	    .run = fail_one,
	    .context = &sweep};
	campaign_run(&campaign);
	printf("%lld points, %lld tried, %lld reached, %lld failed, %.1f s\n", (long long)points,
	    (long long)campaign.seeds, (long long)*sweep.injected, (long long)campaign.failures,
	    campaign.seconds);
	for (int i = 0; i < CAMPAIGN_FAILURES_SHOWN && campaign.shown[i][0] != '\0'; i++)
		printf("  %s\n", campaign.shown[i]);
	tally(name, (long)*sweep.injected, (long)campaign.failures, "%lld of %lld points of %s%s",
	    (long long)campaign.seeds, (long long)points,
	    sweep.restarts ? "a start with requests under way"
	    : sweep.adopts ? "an adoption"
			   : "a working day",
	    sweep.for_ever ? ", failing until a restart" : "");
	assert_int_equal(campaign.failures, 0);
	assert_true(*sweep.injected > 0);
	campaign_unshare(sweep.total, sizeof(*sweep.total));
	campaign_unshare(sweep.injected, sizeof(*sweep.injected));
}

static void
test_io_error_once(void **state)
{
	(void)state;
	sweep("every disk call fails once: EIO", (struct sweep){.disk_error = FVFS_EIO});
}

static void
test_io_error_for_ever(void **state)
{
	(void)state;
	sweep("every disk call fails for ever: EIO",
	    (struct sweep){.disk_error = FVFS_EIO, .for_ever = true});
}

static void
test_disk_full_once(void **state)
{
	(void)state;
	sweep("every disk call fails once: full", (struct sweep){.disk_error = FVFS_FULL});
}

static void
test_disk_full_for_ever(void **state)
{
	(void)state;
	sweep("every disk call fails for ever: full",
	    (struct sweep){.disk_error = FVFS_FULL, .for_ever = true});
}

static void
test_short_write_once(void **state)
{
	(void)state;
	sweep("every disk call fails once: short write", (struct sweep){.disk_error = FVFS_SHORT});
}

static void
test_no_memory_once(void **state)
{
	(void)state;
	sweep("every allocation fails once", (struct sweep){.memory = true});
}

static void
test_no_memory_for_ever(void **state)
{
	(void)state;
	sweep("every allocation fails for ever", (struct sweep){.memory = true, .for_ever = true});
}

static void
test_no_memory_to_recover_once(void **state)
{
	(void)state;
	sweep("every allocation of a start fails once",
	    (struct sweep){.memory = true, .restarts = true});
}

static void
test_no_memory_to_recover_for_ever(void **state)
{
	(void)state;
	sweep("every allocation of a start fails for ever",
	    (struct sweep){.memory = true, .for_ever = true, .restarts = true});
}

static void
test_no_memory_to_adopt_once(void **state)
{
	(void)state;
	sweep("every allocation of an adoption fails once",
	    (struct sweep){.memory = true, .adopts = true});
}

static void
test_no_memory_to_adopt_for_ever(void **state)
{
	(void)state;
	sweep("every allocation of an adoption fails for ever",
	    (struct sweep){.memory = true, .for_ever = true, .adopts = true});
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_io_error_once),
	    cmocka_unit_test(test_io_error_for_ever),
	    cmocka_unit_test(test_disk_full_once),
	    cmocka_unit_test(test_disk_full_for_ever),
	    cmocka_unit_test(test_short_write_once),
	    cmocka_unit_test(test_no_memory_once),
	    cmocka_unit_test(test_no_memory_for_ever),
	    cmocka_unit_test(test_no_memory_to_recover_once),
	    cmocka_unit_test(test_no_memory_to_recover_for_ever),
	    cmocka_unit_test(test_no_memory_to_adopt_once),
	    cmocka_unit_test(test_no_memory_to_adopt_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
