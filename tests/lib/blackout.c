/*
 * blackout.c - starts them, waits, and takes the power away in an order in which nobody sees what
 * cannot be: first the disk stands still, then all who use it are killed, and only then it answers
 * again, with errors.
 */
#include "lib/blackout.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/daemon_parts.h"
#include "lib/kills.h"
#include "lib/onlooker.h"
#include "lib/scratch.h"
#include "lib/shopper.h"
#include "lib/tally.h"

enum { OPEN_MAX = 120, AFTER_FAILURE_MS = 150, PUSH_MS_MAX = 40, FAILED_WRITES = 3 };

static const char *const words[] = {"--no-fsync", "--quiet", "--fetch-grace", NULL};

void
blackout_open(struct blackout *blackout, const char *filesystem, uint64_t seed)
{
	const char *init[] = {"init", "--database", NULL, NULL};
	int status;

	blackout->stand = stand_new(words);
	blackout->careless = seed / 16 % 4 == 0;
	shopper_be_careless(blackout->careless);
	blackout->disk = disk_new(blackout->stand->dir, filesystem, seed);
	/* The daemon's whole state is on that disk; the configuration is written again before each
	 * start. */
	snprintf(blackout->stand->database, sizeof(blackout->stand->database), "%s/shop.db",
	    disk_path(blackout->disk));
	snprintf(blackout->stand->config, sizeof(blackout->stand->config), "%s/outboxd.conf",
	    disk_path(blackout->disk));
	init[2] = blackout->stand->database;
	(void)stand_command(blackout->stand, &status, init);
	stand_must(status == 0, "outboxd init");
	shopper_destinations(blackout->stand);
	stand_must(gateway_script(blackout->stand->gateway, shopper_faults()) == 0,
	    "the gateway's script");
}

void
blackout_close(struct blackout *blackout)
{
	stand_kill(blackout->stand);
	disk_free(blackout->disk);
	stand_free(blackout->stand);
}

struct blackout_plan
blackout_plan(uint64_t *random)
{
	static const char survivals[] = {SURVIVES_NOTHING, SURVIVES_NOTHING, SURVIVES_NOTHING,
	    SURVIVES_PIECES, SURVIVES_PIECES, SURVIVES_REQUESTS, SURVIVES_REQUESTS, SURVIVES_PREFIX,
	    SURVIVES_PREFIX, SURVIVES_ALL};
	struct blackout_plan plan = {
	    .survival =
		(enum diskcache_survival)survivals[tally_random(random) % sizeof(survivals)]};

	plan.life_ms = tally_random(random) % 4 == 0 ? (int)(tally_random(random) % 60)
						     : 60 + (int)(tally_random(random) % 500);
	plan.quiet_ms = tally_random(random) % 3 == 0 ? plan.life_ms / 2 : INT32_MAX;
	if (tally_random(random) % 2 == 0) {
		plan.flush = 1 + (long)(tally_random(random) % 100);
		plan.life_ms = 600;
		plan.after = tally_random(random) % 2 == 0;
		plan.sick = tally_random(random) % 4 == 0;
		plan.sticky = tally_random(random) % 2 == 0;
	} else if (tally_random(random) % 6 == 0) {
		plan.write = 1 + (long)(tally_random(random) % 300);
		plan.life_ms = 600;
	}
	/* After an error ext4 writes its superblock past its journal: torn, it cannot be mounted.
	 * That is not ours. */
	if ((plan.sick || plan.write > 0) && plan.survival == SURVIVES_PIECES)
		plan.survival = SURVIVES_REQUESTS;
	return plan;
}

void
blackout_tell(const struct blackout_plan *plan)
{
	fprintf(stderr, "survival %d, %d ms, app until %d ms, flush %ld%s%s%s, failed write %ld\n",
	    (int)plan->survival, plan->life_ms, plan->quiet_ms, plan->flush,
	    plan->after ? " after" : "", plan->sick ? " sick" : "", plan->sticky ? " sticky" : "",
	    plan->write);
}

/* --- one life --- */

static bool
ended(pid_t *pid)
{
	if (*pid > 0 && waitpid(*pid, NULL, WNOHANG) == *pid)
		*pid = 0;
	return *pid == 0;
}

static void
kill_all(const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
}

static void
reap(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void
set_plan(struct diskserve *disk, const struct blackout_plan *plan)
{
	long at = plan->flush > 0 ? atomic_load(&disk->flushes) + plan->flush : 0;

	long write = plan->write > 0 ? atomic_load(&disk->writes) + plan->write : 0;

	atomic_store(&disk->survival, plan->survival);
	atomic_store(&disk->fail_writes, FAILED_WRITES);
	atomic_store(&disk->fail_write_at, write);
	atomic_store(&disk->cut_after, plan->after);
	atomic_store(&disk->fail_sticky, plan->sticky);
	atomic_store(&disk->fail_at, plan->sick ? at : 0);
	atomic_store(&disk->cut_at, plan->sick ? 0 : at);
}

/* The kernel writes back when it likes, also what nobody has synced: in a process of its own, which
 * may stand still. */
static void
push(struct stand *stand, uint64_t random)
{
	static const char *const names[] = {
	    "disk/shop.db-wal", "disk/shop.db-wal", "disk/shop.db", "disk/state/witness.recent"};

	for (;;) {
		int fd = open(
		    scratch_path(stand->dir, names[tally_random(&random) % 4]), O_RDWR | O_CLOEXEC);

		if (fd >= 0) {
			(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
			close(fd);
		}
		stand_sleep_ms((int)(tally_random(&random) % PUSH_MS_MAX));
	}
}

static pid_t
start_pushing(struct stand *stand, uint64_t random)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	stand_must(pid >= 0, "fork");
	if (pid > 0)
		return pid;
	stand_be_child(parent);
	push(stand, random);
	_exit(1);
}

static void
wait_for_the_end(struct blackout *blackout, const struct blackout_plan *plan, pid_t *app)
{
	struct diskserve *disk = disk_state(blackout->disk);
	int64_t began = stand_clock_ms();
	int64_t until = began + plan->life_ms;
	bool failed = false;

	while (stand_clock_ms() < until && !atomic_load(&disk->is_cut)) {
		stand_sleep_ms(1);
		if (!failed && atomic_load(&disk->failed) > 0) {
			failed = true;
			until = stand_clock_ms() + AFTER_FAILURE_MS;
		}
		/* alone it may be that the disk stands still just now */
		if (stand_clock_ms() >= began + plan->quiet_ms && *app > 0) {
			kill(*app, SIGKILL);
			(void)ended(app);
		}
	}
}

long
blackout_live(struct blackout *blackout, const struct blackout_plan *plan, struct blackout_sum *sum,
    uint64_t *random)
{
	struct stand *stand = blackout->stand;
	struct diskserve *disk = disk_state(blackout->disk);
	pid_t app, onlooker, pusher;
	bool quiet, at_flush;
	long wrong = 0;

	stand_start(stand); /* it writes the configuration: no plan may stop us there */
	set_plan(disk, plan);
	app = shopper_start(stand, tally_random(random), OPEN_MAX);
	onlooker = onlooker_start(stand);
	pusher = tally_random(random) % 3 == 0 ? 0 : start_pushing(stand, tally_random(random));
	wait_for_the_end(blackout, plan, &app);
	at_flush = atomic_load(&disk->is_cut) != 0;
	disk_cut(blackout->disk);
	quiet = plan->quiet_ms < plan->life_ms;
	if (atomic_load(&disk->failed) == 0) {
		if (!stand_runs(stand) && ++wrong > 0)
			fprintf(stderr, "the daemon ended by itself\n");
		if (!quiet && ended(&app) && ++wrong > 0)
			fprintf(stderr, "the app ended by itself\n");
	}
	/* They may stand still inside a call: first all die, then they are let go. */
	stand_signal(stand, SIGKILL);
	kill_all((pid_t[]){app, onlooker, pusher}, 3);
	disk_release(blackout->disk);
	stand->kills += stand->pid == 0;
	stand_kill(stand);
	reap(&app);
	reap(&onlooker);
	reap(&pusher);
	kills_mark(stand);
	sum->cuts++;
	sum->at_flush += at_flush;
	sum->sick += atomic_load(&disk->failed) > 0;
	sum->quiet += quiet;
	sum->lossy += atomic_load(&disk->gone) > 0;
	sum->sectors += atomic_load(&disk->gone);
	disk_remove(blackout->disk);
	return wrong;
}
