/*
 * sim.c - campaigns of seeds.
 *
 *   sim --seeds N [--first N] [--jobs N]     that many seeds; every counter of sometimes.h must be
 * reached sim --seeds N --stop                     the same up to the first failure, whatever the
 * counters say sim --seed N --verbose                   one seed again, with all that happens
 *
 * Exit status 0: every promise was kept. Seeds are spread over processes, so that a crash is a
 * finding like any other.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/tally.h"
#include "sim/campaign.h"
#include "sim/run.h"
#include "sim/sometimes.h"
#include "sim/world.h"

static int
one_seed(uint64_t seed, bool verbose)
{
	bool kept;

	if (run_set_up() == -1)
		return 2;
	kept = run_seed(seed, verbose);
	printf("%s\n", kept ? "every promise was kept" : world_failure());
	run_tear_down();
	return kept ? 0 : 1;
}

/* The counters of sometimes.h that count faults, in order; the others count states and decisions.
 */
static int64_t
faults(int first, int last)
{
	int64_t sum = 0;

	for (int i = first; i <= last; i++)
		sum += sometimes_count[i];
	return sum;
}

static void
tell(const struct campaign *campaign)
{
	int64_t wire = faults(SOMETIMES_refused, SOMETIMES_date_wrong_or_absent);
	int64_t gateway = faults(SOMETIMES_job_lost, SOMETIMES_delayed_in_network);
	int64_t deaths = faults(SOMETIMES_killed, SOMETIMES_power_lost_app_normal) -
			 sometimes_count[SOMETIMES_killed_in_hook] -
			 sometimes_count[SOMETIMES_killed_in_sync] -
			 sometimes_count[SOMETIMES_killed_at_start] -
			 sometimes_count[SOMETIMES_power_lost_in_flight] -
			 sometimes_count[SOMETIMES_power_lost_app_normal];
	int64_t around = faults(SOMETIMES_restored_same_file, SOMETIMES_restored_new_file) +
			 faults(SOMETIMES_database_busy, SOMETIMES_witness_failed);

	tally("simulator: random faults of all kinds", (long)campaign->seeds,
	    (long)campaign->failures,
	    "%" PRId64 " faults: %" PRId64 " on the wire, %" PRId64 " at gateways, %" PRId64
	    " kills and power cuts, %" PRId64
	    " of disk, lock, clock, restore; %d of %d rare states reached; %.0f seeds/s",
	    wire + gateway + deaths + around, wire, gateway, deaths, around,
	    SOMETIMES_COUNT - campaign->unreached, SOMETIMES_COUNT,
	    (double)campaign->seeds / campaign->seconds);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
	    {"first", required_argument, NULL, 'f'}, {"jobs", required_argument, NULL, 'j'},
	    {"seed", required_argument, NULL, 's'}, {"verbose", no_argument, NULL, 'v'},
	    {"progress", no_argument, NULL, 'p'}, {"stop", no_argument, NULL, 'x'},
	    {NULL, 0, NULL, 0}};
	struct campaign campaign = {
	    .first = 1, .seeds = 2000, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
	bool verbose = false;
	bool single = false;
	uint64_t seed = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			campaign.seeds = atoll(optarg);
			break;
		case 'f':
			campaign.first = strtoull(optarg, NULL, 10);
			break;
		case 'j':
			campaign.jobs = atoi(optarg);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 10);
			single = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'p':
			campaign.progress = true;
			break;
		case 'x':
			campaign.stop = true;
			break;
		default:
			return 64;
		}
	}
	if (single)
		return one_seed(seed, verbose);
	campaign_run(&campaign);
	campaign_print(&campaign);
	if (!campaign.stop)
		tell(&campaign);
	return campaign.failures == 0 && (campaign.stop || campaign.unreached == 0) ? 0 : 1;
}
