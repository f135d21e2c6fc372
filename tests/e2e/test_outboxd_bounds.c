/*
 * test_outboxd_bounds.c - what the daemon takes, whatever comes (P16): memory and WAL beside floods
 * and a backlog. And what it refuses to take: a configuration with a fault (P23), a core dump
 * (P19).
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
enum { CHUNK = 500, FLOODED = 8, RSS_MAX_MIB = 64, WAL_MAX_MIB = 16 };

/* The sanitizers' own memory counts for nothing. */
#if defined(__SANITIZE_ADDRESS__)
enum { PLAIN_BUILD = 0 };
#else
enum { PLAIN_BUILD = 1 };
#endif

/* The figure of a line in /proc/PID/FILE; -1: none, or a word ("unlimited"). */
static int64_t
proc_number(const struct stand *stand, const char *file, const char *name)
{
	char path[64];
	char line[300];
	int64_t number = -1;
	FILE *lines;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)stand->pid, file);
	lines = fopen(path, "r");
	assert_non_null(lines);
	while (fgets(line, sizeof(line), lines) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			(void)sscanf(line + strlen(name), " %" SCNd64, &number);
	fclose(lines);
	return number;
}

static int64_t
wal_size(const struct stand *stand)
{
	struct stat status;

	return stat(scratch_path(stand->dir, "shop.db-wal"), &status) == 0 ? (int64_t)status.st_size
									   : 0;
}

static void
sell(struct stand *stand, const char *name, int n)
{
	stand_exec(stand,
	    "WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < %d)"
	    " INSERT INTO outbox (destination, operation, reference, body) SELECT 'good', "
	    "'authorize', '%s-' || n,"
	    " '{\"order\":{\"number\":\"%s-' || n || '\",\"totalGrossAmount\":1.00}}' FROM i",
	    n, name, name);
}

static void
flood(struct stand *stand, int which)
{
	static const char *const floods[FLOODED] = {"endless", "endless-1xx", "big-header 20000000",
	    "oversize 30000000", "slow-body 1", "slow-headers 1", "endless", "oversize 900000"};
	char line[100];
	char name[20];

	snprintf(name, sizeof(name), "flood-%d", which);
	snprintf(line, sizeof(line), "%s submit * %s\n", name, floods[which]);
	assert_int_equal(gateway_script(stand->gateway, line), 0);
	stand_destination(stand, name, "generic", "request_timeout = \"3s\";");
	(void)stand_order(stand, name, "generic", name);
}

static void
memory_and_wal_are_bounded(void **state)
{
	struct stand *stand = *state;
	int rows = (int)extent_of(2000, 10000, 100000);
	int64_t wal = 0;
	int64_t rss;
	int64_t body;

	stand_destination(stand, "good", "riverty", "concurrency = 16;");
	for (int i = 0; i < FLOODED; i++)
		flood(stand, i);
	/* half of them while nobody serves */
	for (int i = 0; i < rows; i += CHUNK) {
		char name[20];

		if (i >= rows / 2 && stand->pid == 0) {
			stand_start(stand);
			assert_true(stand_wait_listening(stand));
		}
		snprintf(name, sizeof(name), "g%d", i);
		sell(stand, name, CHUNK);
		wal = wal_size(stand) > wal ? wal_size(stand) : wal;
	}
	for (int64_t left = rows; left > 0;) {
		int64_t before = left;

		for (int i = 0; i < STAND_PATIENCE_MS / 50 && left == before; i++) {
			stand_sleep_ms(50);
			wal = wal_size(stand) > wal ? wal_size(stand) : wal;
			left = stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE "
						   "destination = 'good' AND state <> 'done'");
		}
		assert_true(left < before);
	}
	assert_true(stand_wait(stand,
	    "SELECT count(DISTINCT a.outbox_id) = %d FROM outbox_attempt a JOIN outbox_delivery d "
	    "USING (outbox_id) WHERE "
	    "d.destination LIKE 'flood-%%' AND a.evidence IS NOT NULL",
	    FLOODED));
	rss = proc_number(stand, "status", "VmHWM:");
	body = stand_number(
	    stand, "SELECT coalesce(max(length(CAST(body AS BLOB))), 0) FROM outbox_result");
	tally("memory and WAL beside floods and a backlog", rows + FLOODED,
	    (PLAIN_BUILD && rss > RSS_MAX_MIB * KIB) + (wal > WAL_MAX_MIB * MIB) + (body > MIB),
	    "peak RSS %.1f MiB, WAL %.1f MiB, largest answer kept %lld bytes",
	    (double)rss / (double)KIB, (double)wal / (double)MIB, (long long)body);
	assert_true(rss > 0 && (!PLAIN_BUILD || rss <= RSS_MAX_MIB * KIB));
	assert_true(wal <= WAL_MAX_MIB * MIB);
	assert_true(body <= MIB);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE "
					     "destination = 'good' AND result <> 'succeeded'"),
	    0);
	assert_int_equal(proc_number(stand, "limits", "Max core file size"), 0);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_UNDERWAY);
}

static void
a_faulty_configuration_does_not_start(void **state)
{
	/* {settings inside the destination, what is said} */
	static const char *const cases[][2] = {{"unknown_name = 1;", "unknown_name"},
	    {"concurrency = 0;", "concurrency"}, {"concurrency = 3000000000;", "too large"},
	    {"concurrency = \"8\";", "concurrency"},
	    {"request_timeout = \"-1s\";", "request_timeout"}, {"verify = false;", "verify"},
	    {"key_retention = \"\";", "key_retention"},
	    {"concurrency = 1; concurrency = 2;", "already given"}};
	struct stand *stand = *state;
	const char *words[] = {"run", "--config", NULL, NULL};
	int64_t version =
	    stand_number(stand, "SELECT value FROM outbox_meta WHERE name = 'write_counter'");

	words[2] = stand->config;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said;
		int status;

		stand_forget_destinations(stand);
		stand_destination(stand, "good", "riverty", cases[i][0]);
		stand_configure(stand);
		said = stand_command(stand, &status, words);
		if (status != 78 || strstr(said, cases[i][1]) == NULL ||
		    strstr(said, "outboxd.conf:") == NULL)
			fail_msg("%s: status %d, %s", cases[i][0], status, said);
	}
	assert_int_equal(
	    stand_number(stand, "SELECT value FROM outbox_meta WHERE name = 'write_counter'"),
	    version);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	struct rlimit cores;
	const struct CMUnitTest tests[] = {
	    TEST(memory_and_wal_are_bounded), TEST(a_faulty_configuration_does_not_start)};

	/* What the daemon is given, and has to refuse. */
	if (getrlimit(RLIMIT_CORE, &cores) == 0) {
		cores.rlim_cur = cores.rlim_max;
		(void)setrlimit(RLIMIT_CORE, &cores);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
