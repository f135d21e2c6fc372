/*
 * test_clock.c - an outage, a start with a clock that is ten years ahead, the clock put right, and
 * the operator's word for it: nobody's time is up by that (P11).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/campaign.h"
#include "sim/run.h"

static bool
confirmed_clock(uint64_t number, void *context)
{
	(void)context;
	return run_confirmed_clock(number, false);
}

static void
test_confirmed_clock(void **state)
{
	struct campaign campaign = {.first = 1, .seeds = 20, .jobs = 2, .run = confirmed_clock};

	(void)state;
	campaign_run(&campaign);
	if (campaign.failures > 0)
		campaign_print(&campaign);
	assert_int_equal(campaign.failures, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_confirmed_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
