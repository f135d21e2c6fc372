/*
 * test_power_loss.c - the power goes at every sync of a working day (T5), before it and after it,
 * with twenty different sets of what survives each; then the daemon starts again and the day goes
 * on. P1 to P9 hold, the database is whole.
 *
 * The control leaves out the daemon's syncs of the WAL, as synchronous = NORMAL does, and must
 * fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/tally.h"
#include "sim/campaign.h"
#include "sim/run.h"
#include "sim/sometimes.h"

enum { SUBSETS = 20, SEED = 7 };

static bool
cut_once(uint64_t number, void *context)
{
	const bool *control = context;
	struct script script = {.cut_at_sync = (int64_t)(number / (2 * SUBSETS)) + 1,
	    .before_sync = number / SUBSETS % 2 == 0,
	    .survivors = (int)(number % SUBSETS),
	    .skip_wal_syncs = *control};
	struct tally tally;

	return run_script(SEED, &script, &tally, false);
}

/* How many syncs such a day has. The library cannot be set up twice in one process: a child counts.
 */
static bool
count_syncs(uint64_t number, void *context)
{
	struct script script = {.cut_at_sync = 0};
	struct tally tally;
	bool kept = run_script(SEED, &script, &tally, false);

	(void)number;
	*(int64_t *)context = tally.syncs;
	return kept;
}

static int64_t
syncs(void)
{
	int64_t *count = campaign_share(sizeof(*count));
	struct campaign campaign = {.seeds = 1, .jobs = 1, .run = count_syncs, .context = count};
	int64_t result;

	campaign_run(&campaign);
	assert_int_equal(campaign.failures, 0);
	result = *count;
	campaign_unshare(count, sizeof(*count));
	return result;
}

static struct campaign
cut_everywhere(bool *control, int64_t boundaries)
{
	/* The control shows soon enough what it has to show. */
	struct campaign campaign = {.seeds = *control ? 10 * 2 * SUBSETS : boundaries * 2 * SUBSETS,
	    .jobs = 2,
	    .run = cut_once,
	    .context = control};

	campaign_run(&campaign);
	return campaign;
}

static void
test_every_sync(void **state)
{
	bool control = false;
	int64_t boundaries = syncs();
	struct campaign campaign;

	(void)state;
	assert_true(boundaries > 20);
	campaign = cut_everywhere(&control, boundaries);
	printf("%lld syncs\n", (long long)boundaries);
	campaign_print(&campaign);
	tally("power cut at every sync (VFS)", (long)campaign.seeds, (long)campaign.failures,
	    "%lld syncs of a working day, before and after each, %d sets of surviving sectors; "
	    "rows met: sending %lld, "
	    "pending %lld, claimed %lld",
	    (long long)boundaries, SUBSETS,
	    (long long)sometimes_count[SOMETIMES_killed_while_sending],
	    (long long)sometimes_count[SOMETIMES_killed_while_pending],
	    (long long)sometimes_count[SOMETIMES_killed_while_claimed]);
	assert_int_equal(campaign.failures, 0);
}

static void
test_control_fails(void **state)
{
	bool control = true;
	struct campaign campaign = cut_everywhere(&control, syncs());

	(void)state;
	printf("without the syncs %lld of %lld cuts broke a promise, for example:\n  %s\n",
	    (long long)campaign.failures, (long long)campaign.seeds, campaign.shown[0]);
	tally("control: the same without syncs must fail", (long)campaign.seeds,
	    campaign.failures == 0, "%lld cuts broke a promise, as they must",
	    (long long)campaign.failures);
	assert_true(campaign.failures > 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_sync),
	    cmocka_unit_test(test_control_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
