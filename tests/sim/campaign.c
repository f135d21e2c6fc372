/*
 * campaign.c - processes that share counters.
 */
#include "sim/campaign.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/run.h"
#include "sim/sometimes.h"
#include "sim/world.h"

int64_t sometimes_count[SOMETIMES_COUNT];

#define NAME(name) #name,
static const char *const names[] = {SOMETIMES(NAME)};
#undef NAME

const char *
sometimes_name(int which)
{
	return names[which];
}

/* What the processes of a campaign share. */
struct shared {
	int64_t next;
	int64_t done;
	int64_t failures;
	int64_t shown;
	int64_t counts[SOMETIMES_COUNT];
	int64_t at[CAMPAIGN_JOBS_MAX]; /* the run that each process is at, -1: none */
	char text[CAMPAIGN_FAILURES_SHOWN][700];
};

static double
now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
note_failure(struct shared *shared, const char *text)
{
	int64_t slot = __atomic_fetch_add(&shared->shown, 1, __ATOMIC_RELAXED);

	(void)__atomic_fetch_add(&shared->failures, 1, __ATOMIC_RELAXED);
	if (slot < CAMPAIGN_FAILURES_SHOWN)
		(void)snprintf(shared->text[slot], sizeof(shared->text[slot]), "%s", text);
}

static void
work(const struct campaign *campaign, struct shared *shared, int job)
{
	if (run_set_up() == -1)
		_exit(2);
	for (;;) {
		int64_t i = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
		uint64_t number = campaign->first + (uint64_t)i;
		bool kept;

		if (i >= campaign->seeds || (campaign->stop && shared->failures > 0))
			break;
		shared->at[job] = (int64_t)number;
		kept = campaign->run == NULL ? run_seed(number, false)
					     : campaign->run(number, campaign->context);
		if (!kept)
			note_failure(shared, world_failure());
		(void)__atomic_fetch_add(&shared->done, 1, __ATOMIC_RELAXED);
	}
	for (int i = 0; i < SOMETIMES_COUNT; i++)
		(void)__atomic_fetch_add(&shared->counts[i], sometimes_count[i], __ATOMIC_RELAXED);
	shared->at[job] = -1;
	run_tear_down();
	/* exit, not _exit: a leak check wants to run */
	exit(0);
}

static void
start(const struct campaign *campaign, struct shared *shared, pid_t *pid, int job)
{
	(void)fflush(NULL);
	shared->at[job] = -1;
	*pid = fork();
	assert(*pid >= 0);
	if (*pid == 0)
		work(campaign, shared, job);
}

static void
ended(const struct campaign *campaign, struct shared *shared, pid_t *pid, int job, int status)
{
	char text[200];

	*pid = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	(void)snprintf(text, sizeof(text), "seed %" PRId64 ": the process ended with %s %d",
	    shared->at[job], WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	note_failure(shared, text);
	/* The others of its share still want to be run. */
	if (shared->at[job] != -1 && shared->next < campaign->seeds && !campaign->stop)
		start(campaign, shared, pid, job);
}

static void
collect(struct campaign *campaign, const struct shared *shared)
{
	campaign->failures = shared->failures;
	campaign->unreached = 0;
	memcpy(campaign->shown, shared->text, sizeof(campaign->shown));
	for (int i = 0; i < SOMETIMES_COUNT; i++) {
		sometimes_count[i] = shared->counts[i];
		campaign->unreached += shared->counts[i] == 0;
	}
}

void *
campaign_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert(memory != MAP_FAILED);
	return memory;
}

void
campaign_unshare(void *memory, size_t size)
{
	(void)munmap(memory, size);
}

void
campaign_run(struct campaign *campaign)
{
	struct shared *shared = campaign_share(sizeof(*shared));
	pid_t pids[CAMPAIGN_JOBS_MAX];
	double begun = now();
	int alive;

	if (campaign->jobs < 1)
		campaign->jobs = 1;
	if (campaign->jobs > CAMPAIGN_JOBS_MAX)
		campaign->jobs = CAMPAIGN_JOBS_MAX;
	for (int i = 0; i < campaign->jobs; i++)
		start(campaign, shared, &pids[i], i);
	do {
		int status;
		struct timespec pause = {0, 20 * 1000 * 1000};

		alive = 0;
		for (int i = 0; i < campaign->jobs; i++) {
			if (pids[i] > 0 && waitpid(pids[i], &status, WNOHANG) == pids[i])
				ended(campaign, shared, &pids[i], i, status);
			alive += pids[i] > 0;
		}
		if (campaign->progress)
			(void)fprintf(stderr, "\r%" PRId64 " of %" PRId64 ", %" PRId64 " failed ",
			    shared->done, campaign->seeds, shared->failures);
		(void)nanosleep(&pause, NULL);
	} while (alive > 0);
	if (campaign->progress)
		(void)fputc('\n', stderr);
	campaign->seconds = now() - begun;
	collect(campaign, shared);
	campaign_unshare(shared, sizeof(*shared));
}

void
campaign_print(const struct campaign *campaign)
{
	printf("%" PRId64 " runs in %.1f s (%.1f a second), %" PRId64 " failed\n", campaign->seeds,
	    campaign->seconds, (double)campaign->seeds / campaign->seconds, campaign->failures);
	for (int i = 0; i < CAMPAIGN_FAILURES_SHOWN; i++)
		if (campaign->shown[i][0] != '\0')
			printf("  %s\n", campaign->shown[i]);
	for (int i = 0; i < SOMETIMES_COUNT; i++)
		printf("%s%s %" PRId64, i % 6 == 0 ? "\n  " : ", ", names[i], sometimes_count[i]);
	printf("\n");
	if (campaign->unreached > 0)
		printf("%d counter(s) at zero: the campaign proved less than it says\n",
		    campaign->unreached);
}
