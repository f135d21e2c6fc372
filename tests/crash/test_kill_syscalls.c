/*
 * test_kill_syscalls.c - kill -9 in front of every system call that the daemon makes on its way
 * (T1, T2): a first run under strace counts them, then one run for each (call, how manieth) ends
 * there. The daemon starts again, settles, and the oracle judges. What the dynamic linker does
 * before the daemon's own work is tried in the first scenario only.
 *
 * In `make test` for some seconds, in random order; OUTBOXD_EXTENT=whole (make kill-syscalls) tries
 * all. OUTBOXD_SCENARIO chooses one, OUTBOXD_POINT="NAME N" one point of it.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"
#include "lib/traced.h"

enum { POINTS_MIN = 10, POINTS_MAX = 20000, TRIES = 3, SHOWN = 3, STATES = 7, COUNTING_RUNS = 3 };

/* The gateway's memory lies in a directory of its own: the stand's has no name yet when the words
 * are needed. */
static char memory[400];
static const char *const gateway_words[] = {
    "--no-fsync", "--quiet", "--fetch-grace", "--memory", memory, NULL};
static const char *const states[STATES] = {
    "queued", "claimed", "sending", "retry", "pending", "blocked", "done"};

struct scenario {
	const char *name;
	void (*prepare)(struct stand *stand); /* inserts rows; may run the daemon, and kill it */
	bool drain;                           /* SIGTERM comes while the row "late" is under way */
};

/* --- what lies on disk before each run --- */

static const char *const kept[] = {"shop.db", "shop.db-wal", "state/witness",
    "state/witness.recent", "effects.jsonl", "requests.jsonl", memory};
enum { KEPT = sizeof(kept) / sizeof(kept[0]) };

struct image {
	char *bytes[KEPT]; /* NULL: not there */
	size_t lengths[KEPT];
};

static const char *
kept_path(struct stand *stand, int which)
{
	return kept[which][0] == '/' ? kept[which] : scratch_path(stand->dir, kept[which]);
}

static void
take_image(struct stand *stand, struct image *image)
{
	for (int i = 0; i < KEPT; i++) {
		const char *path = kept_path(stand, i);

		image->bytes[i] =
		    access(path, F_OK) == 0 ? scratch_read(path, &image->lengths[i]) : NULL;
	}
}

/* The same inode: another one would be another database. */
static void
put_file(const char *path, const char *bytes, size_t length)
{
	FILE *file;

	if (bytes == NULL) {
		unlink(path);
		return;
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* Whatever else lies there by now would be of another life. */
static void
empty(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
}

static void
put_image(struct stand *stand, const struct image *image)
{
	gateway_kill(stand->gateway);
	unlink(scratch_path(stand->dir, "shop.db-shm"));
	unlink(scratch_path(stand->dir, "shop.db-outboxd.lock"));
	unlink(scratch_path(stand->dir, "outboxd.log"));
	empty(scratch_path(stand->dir, "state"));
	for (int i = 0; i < KEPT; i++)
		put_file(kept_path(stand, i), image->bytes[i], image->lengths[i]);
	if (image->bytes[2] == NULL)
		rmdir(scratch_path(stand->dir, "state"));
	assert_int_equal(gateway_restart(stand->gateway), 0);
}

static void
free_image(struct image *image)
{
	for (int i = 0; i < KEPT; i++)
		free(image->bytes[i]);
}

/* --- the paths --- */

static void
submit_keyed(struct stand *stand)
{
	(void)stand_order(stand, "riverty", "riverty", "k-1");
	(void)stand_order(stand, "generic", "generic", "k-2");
}

static void
submit_keyless(struct stand *stand)
{
	(void)stand_order(stand, "vrio", "vrio", "n-1");
	(void)stand_order(stand, "travlinq", "travlinq", "n-2");
	/* a child of the first */
	(void)stand_insert(stand, "destination, operation, reference, after_id, body",
	    "'riverty', 'authorize', 'n-3', 1, "
	    "'{\"order\":{\"number\":\"n-3\",\"totalGrossAmount\":1.00}}'");
}

/* Fetch URLs: VRIO's is the same each time, Travlinq's changes with each poll. */
static void
poll_rows(struct stand *stand)
{
	(void)stand_insert(stand, "destination, operation, reference, body",
	    "'vrio', 'order', 'p-1', "
	    "'{\"connection_order_id\":\"p-1\",\"bill_lname\":\"testlongrequest\"}'");
	(void)stand_insert(stand, "destination, operation, reference, headers, body",
	    "'travlinq', 'flight-book', 'slow-2', "
	    "'{\"conversationId\":\"6f1f9fd2-7b5e-4b8e-9a3e-0d2f3c1b1002\"}', "
	    "'{\"offerId\":\"slow-2\"}'");
}

static void
run_and_kill(struct stand *stand, const char *script, const char *until)
{
	if (script[0] != '\0')
		assert_int_equal(gateway_script(stand->gateway, script), 0);
	stand_start(stand);
	assert_true(stand_wait(stand, "%s", until));
	stand_sleep_ms(100); /* the requests are out */
	stand_kill(stand);
}

/* What the last run left: keyed and keyless in flight, polls in flight, a retry; then a shutdown
 * with a request under way. */
static void
left_in_flight(struct stand *stand)
{
	poll_rows(stand);
	(void)stand_order(stand, "riverty", "riverty", "k-1");
	(void)stand_order(stand, "vrio", "vrio", "n-1");
	(void)stand_order(stand, "generic", "generic", "k-2");
	run_and_kill(stand,
	    "k-1 submit 1 silence\nn-1 submit 1 silence\np-1 poll 1 silence\nslow-2 poll 1 "
	    "silence\n"
	    "k-2 submit 1 lose\nk-2 submit 2- silence\n",
	    "SELECT (SELECT count(*) FROM outbox_delivery WHERE state = 'sending') = 3 AND (SELECT "
	    "count(*) FROM"
	    " outbox_delivery WHERE state = 'pending') = 2 AND (SELECT count(*) FROM "
	    "outbox_attempt) >= 3");
	(void)stand_order(stand, "riverty", "riverty", "late");
}

/* A keyless row that was claimed and provably not sent. */
static void
left_claimed(struct stand *stand)
{
	(void)stand_order(stand, "vrio", "vrio", "n-1");
	traced_start(stand, "-o /dev/null -e inject=connect:signal=KILL:when=1");
	(void)stand_wait_end(stand, 20000);
	assert_string_equal(stand_outcome(stand, 1), "claimed");
}

static const struct scenario scenarios[] = {
    {"submit-keyed", submit_keyed, false},
    {"submit-keyless", submit_keyless, false},
    {"poll", poll_rows, false},
    {"recovery-drain", left_in_flight, true},
    {"claimed", left_claimed, false},
};
enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

/* --- one run --- */

struct point {
	const char *call;
	int when;
};

struct sum {
	long runs;
	long points;
	long killed; /* points at which the daemon died of it */
	long missed; /* points that no try reached: the run was over before */
	long violations;
	long states[STATES]; /* kills after which at least one row stood there */
};

static struct stand *
set_up(const struct scenario *scenario, void **directory, struct image *image)
{
	struct stand *stand;

	assert_int_equal(scratch_setup(directory), 0);
	snprintf(memory, sizeof(memory), "%s/memory", (char *)*directory);
	stand = stand_new(gateway_words);
	stand_destination(stand, "riverty", "riverty", "request_timeout = \"5s\";");
	stand_destination(stand, "generic", "generic", "request_timeout = \"5s\";");
	stand_destination(
	    stand, "vrio", "vrio", "request_timeout = \"5s\"; poll_timeout = \"5s\";");
	stand_destination(
	    stand, "travlinq", "travlinq", "request_timeout = \"5s\"; poll_timeout = \"5s\";");
	scenario->prepare(stand);
	take_image(stand, image);
	return stand;
}

/* Until the daemon has nothing to do, or is dead; then SIGTERM. Whether it died of SIGKILL; *code
 * its exit code otherwise. */
static bool
see_it_through(struct stand *stand, const struct scenario *scenario, int *code)
{
	int64_t until = stand_clock_ms() + STAND_PATIENCE_MS;
	bool told = false;
	int status;

	*code = -1;
	for (;;) {
		if (waitpid(stand->pid, &status, WNOHANG) == stand->pid) {
			stand->pid = 0;
			if (WIFEXITED(status))
				*code = WEXITSTATUS(status);
			return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		}
		if (stand_clock_ms() > until) {
			fprintf(stderr, "neither settled nor dead\n");
			stand_show(stand);
			stand_kill(stand);
			return false;
		}
		stand_sleep_ms(4);
		if (told || stand_number(stand,
				"SELECT EXISTS (SELECT 1 FROM outbox_delivery WHERE state NOT IN "
				"('done', 'held')"
				" AND NOT (%d AND reference = 'late' AND state = 'sending'))",
				scenario->drain) != 0)
			continue;
		told = stand_wait_listening(stand);
		stand_signal(stand, SIGTERM);
	}
}

static void
look_at_states(struct stand *stand, struct sum *sum)
{
	for (int i = 0; i < STATES; i++)
		sum->states[i] +=
		    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE state = '%s'",
			states[i]) > 0;
}

/* What the scenarios promise beyond the oracle: a keyed row succeeds, a keyless one does or is
 * unknown. */
static long
unexpected(struct stand *stand)
{
	long wrong =
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE state <> 'done' AND "
				"state <> 'blocked' OR coalesce(result <> 'succeeded'"
				" AND (kind = 'keyed' OR result <> 'unknown'), 0)");

	if (wrong > 0)
		fprintf(stderr, "%ld rows did not end as they should\n", wrong);
	return wrong;
}

static long
judge(struct stand *stand, const char *name, const struct point *point)
{
	long violations = oracle_violations(stand, ORACLE_FINISHED) + unexpected(stand);

	if (violations > 0)
		fprintf(stderr,
		    "VIOLATION in %s, killed at %s %d: OUTBOXD_SCENARIO=%s OUTBOXD_POINT='%s %d'\n",
		    name, point->call, point->when, name, point->call, point->when);
	return violations;
}

/* false: the point was not reached. */
static bool
strike(struct stand *stand, const struct scenario *scenario, const struct image *image,
    const struct point *point, struct sum *sum)
{
	char options[128];
	long violations;
	bool killed;
	int code;

	put_image(stand, image);
	if (scenario->drain)
		assert_int_equal(gateway_script(stand->gateway, "late submit 1 delay 60ms\n"), 0);
	snprintf(options, sizeof(options), "-o /dev/null -e inject=%s:signal=KILL:when=%d",
	    point->call, point->when);
	traced_start(stand, options);
	stand->kills = 2;
	killed = see_it_through(stand, scenario, &code);
	sum->runs++;
	if (!killed && code != 0) {
		fprintf(stderr, "%s at %s %d: ended with %d\n", scenario->name, point->call,
		    point->when, code);
		stand_show(stand);
		sum->violations++;
	}
	if (killed && point->when % 2 == 0)
		look_at_states(
		    stand, sum); /* as an app that opens the database before the daemon does */
	stand_start(stand);
	if (!stand_wait(stand,
		"SELECT NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE state NOT IN ('done', "
		"'held',"
		" 'blocked')) AND NOT EXISTS (SELECT 1 FROM outbox_delivery d JOIN outbox_delivery "
		"p ON p.outbox_id ="
		" d.after_id WHERE d.state = 'blocked' AND p.result = 'succeeded')")) {
		sum->violations++;
		return killed;
	}
	if (!stand_wait_listening(stand) || stand_stop(stand) != 0) {
		fprintf(stderr, "%s at %s %d: did not stop\n", scenario->name, point->call,
		    point->when);
		sum->violations++;
	}
	violations = judge(stand, scenario->name, point);
	if (violations > 0 && sum->violations < SHOWN)
		stand_show(stand);
	sum->violations += violations;
	return killed;
}

/* --- all of them --- */

static size_t
list_points(const struct traced_call *calls, size_t count, bool all, struct point *points)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		for (int when = (all ? 0 : calls[i].skipped) + 1;
		     when <= calls[i].count && used < POINTS_MAX; when++)
			points[used++] = (struct point){calls[i].name, when};
	return used;
}

static void
shuffle(struct point *points, size_t count, uint64_t seed)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = tally_random(&seed) % i;
		struct point point = points[i - 1];

		points[i - 1] = points[other];
		points[other] = point;
	}
}

/* Calls whose number varies from run to run are tried again. */
static void
try_point(struct stand *stand, const struct scenario *scenario, const struct image *image,
    const struct point *point, struct sum *sum)
{
	sum->points++;
	for (int i = 0; i < TRIES; i++)
		if (strike(stand, scenario, image, point, sum)) {
			sum->killed++;
			return;
		}
	sum->missed++;
}

/* What every one of a few runs does: how often it waits and looks again varies. */
static size_t
count_calls(struct stand *stand, const struct scenario *scenario, const struct image *image,
    struct traced_call *calls)
{
	struct traced_call again[TRACED_CALLS];
	size_t count = 0;
	int code;

	for (int run = 0; run < COUNTING_RUNS; run++) {
		size_t found;

		put_image(stand, image);
		if (scenario->drain)
			assert_int_equal(
			    gateway_script(stand->gateway, "late submit 1 delay 60ms\n"), 0);
		traced_start_counting(stand);
		assert_false(see_it_through(stand, scenario, &code));
		assert_int_equal(code, 0);
		found = traced_counts(stand, run == 0 ? calls : again);
		count = run == 0 ? found : count;
		for (size_t i = 0; run > 0 && i < count; i++) {
			size_t j = 0;

			while (j < found && strcmp(again[j].name, calls[i].name) != 0)
				j++;
			if (j == found || again[j].count < calls[i].count)
				calls[i].count = j == found ? 0 : again[j].count;
		}
	}
	return count;
}

static void
run_scenario(int which, int64_t budget_ms, uint64_t seed)
{
	static struct point points[POINTS_MAX];
	const struct scenario *scenario = &scenarios[which];
	struct traced_call calls[TRACED_CALLS];
	struct image image = {{NULL}, {0}};
	struct sum sum = {0};
	const char *given = getenv("OUTBOXD_POINT");
	void *directory;
	struct stand *stand = set_up(scenario, &directory, &image);
	char name[64];
	int64_t until;
	size_t count;

	count = list_points(calls, count_calls(stand, scenario, &image, calls), which == 0, points);
	assert_true(count > 300);
	if (given != NULL) {
		static char call[32];

		count = 1;
		assert_int_equal(sscanf(given, "%31s %d", call, &points[0].when), 2);
		points[0].call = call;
	}
	shuffle(points, count, seed);
	until = stand_clock_ms() + budget_ms;
	for (size_t i = 0; i < count && (i < POINTS_MIN || stand_clock_ms() < until); i++) {
		try_point(stand, scenario, &image, &points[i], &sum);
		if (extent() == EXTENT_WHOLE && (i + 1) % 50 == 0)
			fprintf(stderr, "%s: %zu of %zu points, %ld violations\n", scenario->name,
			    i + 1, count, sum.violations);
	}
	snprintf(name, sizeof(name), "kill at every syscall: %s", scenario->name);
	tally(name, sum.runs, sum.violations,
	    "%ld of %zu points tried, %.1f %% of them really killed; rows met: queued %ld, claimed "
	    "%ld, sending %ld, retry"
	    " %ld, pending %ld, blocked %ld, done %ld",
	    sum.points, count,
	    sum.points == 0 ? 0 : 100.0 * (double)sum.killed / (double)sum.points, sum.states[0],
	    sum.states[1], sum.states[2], sum.states[3], sum.states[4], sum.states[5],
	    sum.states[6]);
	stand_free(stand);
	free_image(&image);
	scratch_teardown(&directory);
	assert_int_equal(sum.violations, 0);
	assert_true(
	    given != NULL || sum.killed * 100 >= sum.points * (extent() == EXTENT_WHOLE ? 98 : 60));
}

static void
scenario_test(void **state)
{
	int which = *(const int *)*state;
	const char *wanted = getenv("OUTBOXD_SCENARIO");

	if (!traced_possible() || (wanted != NULL && strcmp(wanted, scenarios[which].name) != 0))
		skip();
	run_scenario(which, extent_of(7000, 12000, 3600000), tally_seed());
}

int
main(void)
{
	static int numbers[] = {0, 1, 2, 3, 4};
#define SCENARIO(i)                                                                                \
	{                                                                                          \
		.name = names[i], .test_func = scenario_test, .initial_state = &numbers[i]         \
	}
	static const char *const names[] = {"kills_while_submitting_keyed",
	    "kills_while_submitting_keyless", "kills_while_polling",
	    "kills_while_recovering_and_draining", "kills_after_a_claim"};
	const struct CMUnitTest tests[] = {
	    SCENARIO(0), SCENARIO(1), SCENARIO(2), SCENARIO(3), SCENARIO(4)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
