/*
 * campaign.h - many runs, spread over processes.
 */
#ifndef OUTBOXD_SIM_CAMPAIGN_H
#define OUTBOXD_SIM_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAMPAIGN_FAILURES_SHOWN = 20, CAMPAIGN_JOBS_MAX = 64 };

struct campaign {
	uint64_t first;
	int64_t seeds;
	int jobs;
	bool progress;
	bool stop; /* at the first failure */
	/* one run; NULL: run_seed() */
	bool (*run)(uint64_t number, void *context);
	void *context;
	/* the outcome */
	int64_t failures;
	int unreached; /* counters of sometimes.h that are zero */
	double seconds;
	char shown[CAMPAIGN_FAILURES_SHOWN][700];
};

/* Memory that all processes of a campaign see. */
void *campaign_share(size_t size);
void campaign_unshare(void *memory, size_t size);

/* Runs number first .. first + seeds - 1. A process that crashes is a failure of the run that it
 * was at. */
void campaign_run(struct campaign *campaign);
/* Figures, failures, counters. */
void campaign_print(const struct campaign *campaign);

#endif
