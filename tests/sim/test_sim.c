/*
 * test_sim.c - a slice of the simulation (T50): every promise kept, every rare state reached. The
 * long run is `make sim`.
 *
 * OUTBOXD_SIM_SEEDS says how many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/campaign.h"

static void
test_seeds(void **state)
{
	const char *seeds = getenv("OUTBOXD_SIM_SEEDS");
	struct campaign campaign = {
	    .first = 1, .seeds = seeds == NULL ? 2000 : atoll(seeds), .jobs = 2};

	(void)state;
	campaign_run(&campaign);
	campaign_print(&campaign);
	assert_int_equal(campaign.failures, 0);
	assert_int_equal(campaign.unreached, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
