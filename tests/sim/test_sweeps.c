/*
 * test_sweeps.c - every disk call and every allocation of a working day fails once, and from there
 * on until somebody starts the daemon anew (T6, T9, T10). No crash, no leak (in the sanitizer
 * build), no lost row, no second effect, and everything ends.
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
	int64_t step;
	struct tally *total; /* shared: of a day without faults */
	int64_t *injected;   /* shared */
};

static bool
count(uint64_t number, void *context)
{
	const struct sweep *sweep = context;
	struct script script = {.for_ever = false};

	(void)number;
	return run_script(SEED, &script, sweep->total, false);
}

static bool
fail_one(uint64_t number, void *context)
{
	const struct sweep *sweep = context;
	int64_t at = (int64_t)number * sweep->step + 1;
	struct script script = {.for_ever = sweep->for_ever};
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
sweep(const char *name, bool memory, int disk_error, bool for_ever)
{
	struct sweep sweep = {.memory = memory,
	    .disk_error = disk_error,
	    .for_ever = for_ever,
	    .step = 1,
	    .total = campaign_share(sizeof(*sweep.total)),
	    .injected = campaign_share(sizeof(*sweep.injected))};
	struct campaign campaign = {.seeds = 1, .jobs = 1, .run = count, .context = &sweep};
	int64_t points;

	campaign_run(&campaign);
	assert_int_equal(campaign.failures, 0);
	points = memory ? sweep.total->allocations : sweep.total->disk_calls;
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
	tally(name, (long)*sweep.injected, (long)campaign.failures,
	    "%lld of %lld points of a working day%s", (long long)campaign.seeds, (long long)points,
	    for_ever ? ", failing until a restart" : "");
	assert_int_equal(campaign.failures, 0);
	assert_true(*sweep.injected > 0);
	campaign_unshare(sweep.total, sizeof(*sweep.total));
	campaign_unshare(sweep.injected, sizeof(*sweep.injected));
}

static void
test_io_error_once(void **state)
{
	(void)state;
	sweep("every disk call fails once: EIO", false, FVFS_EIO, false);
}

static void
test_io_error_for_ever(void **state)
{
	(void)state;
	sweep("every disk call fails for ever: EIO", false, FVFS_EIO, true);
}

static void
test_disk_full_once(void **state)
{
	(void)state;
	sweep("every disk call fails once: full", false, FVFS_FULL, false);
}

static void
test_disk_full_for_ever(void **state)
{
	(void)state;
	sweep("every disk call fails for ever: full", false, FVFS_FULL, true);
}

static void
test_short_write_once(void **state)
{
	(void)state;
	sweep("every disk call fails once: short write", false, FVFS_SHORT, false);
}

static void
test_no_memory_once(void **state)
{
	(void)state;
	sweep("every allocation fails once", true, 0, false);
}

static void
test_no_memory_for_ever(void **state)
{
	(void)state;
	sweep("every allocation fails for ever", true, 0, true);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
