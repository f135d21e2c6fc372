/*
 * test_kills.c - kill -9 at random moments, while an app sells and the gateways misbehave. Then the
 * faults stop, the daemon runs until nothing is open, and the oracle compares what it says with
 * what the gateways did.
 *
 * OUTBOXD_KILLS: how many (80). OUTBOXD_SEED: of all random choices (the clock); it is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon.h"
#include "lib/gateway_ask.h"
#include "lib/oracle.h"
#include "lib/shopper.h"

enum { KILLS = 80, OPEN_MAX = 150, STATES = 6 };

static const char *const states[STATES] = {
    "queued", "claimed", "sending", "retry", "pending", "blocked"};

/* At how many kills at least one row stood in a state, and how many rows in all. */
static struct {
	int kills;
	long rows;
} seen[STATES];

static const char *const words[] = {"--no-fsync", "--quiet", "--fetch-grace", NULL};

static long
from_environment(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? otherwise : strtol(value, NULL, 10);
}

static void
count_states(struct stand *stand)
{
	for (int i = 0; i < STATES; i++) {
		int64_t rows = stand_number(stand,
		    "SELECT count(*) FROM outbox_delivery WHERE state = '%s' AND state IN "
		    "('blocked','queued','claimed','sending','retry','pending')",
		    states[i]);

		seen[i].kills += rows > 0;
		seen[i].rows += rows;
	}
}

static void
tell(long kills, int64_t began)
{
	printf("%ld kills, %.1f s; kills that met a row", kills,
	    (double)(stand_clock_ms() - began) / 1000.0);
	for (int i = 0; i < STATES; i++)
		printf("%s %s %d", i == 0 ? "" : ",", states[i], seen[i].kills);
	printf("\n");
	fflush(stdout);
}

/* What the daemon sent before is read before this. */
static void
mark_kill(struct stand *stand)
{
	struct gateway_answer answer = gateway_ask(stand->gateway, ORACLE_MARK, NULL, NULL, 10000);

	assert_int_equal(answer.curl, 0);
	gateway_answer_free(&answer);
}

/* Mostly while it works; often while it starts. */
static int
life_ms(uint64_t *random)
{
	uint64_t kind = shopper_random(random) % 10;

	if (kind < 3)
		return (int)(shopper_random(random) % 20);
	if (kind < 8)
		return 15 + (int)(shopper_random(random) % 130);
	return 100 + (int)(shopper_random(random) % 300);
}

static void
settle(struct stand *stand)
{
	assert_int_equal(gateway_script(stand->gateway, "clear\n"), 0);
	stand_exec(stand,
	    "INSERT INTO outbox_control (command, destination) SELECT 'release', destination FROM "
	    "outbox_destination WHERE held");
	stand_start(stand);
	for (int round = 0; round < 2; round++) {
		stand_exec(stand, "INSERT INTO outbox_control (command, outbox_id) SELECT "
				  "'release', outbox_id FROM "
				  "outbox_delivery WHERE hold_cause = 'operator'");
		/* what waits for an unknown or held parent stays blocked */
		assert_true(
		    stand_wait(stand, "SELECT NOT EXISTS (SELECT 1 FROM outbox_control WHERE "
				      "status = 'open') AND NOT EXISTS (SELECT 1 FROM "
				      "outbox_delivery d WHERE state NOT IN ('done', 'held') AND "
				      "NOT (state = 'blocked' AND EXISTS (SELECT 1 "
				      "FROM outbox_delivery p WHERE p.outbox_id = d.after_id AND "
				      "(p.state = 'held' OR p.result = "
				      "'unknown'))))"));
	}
}

static void
random_kills(void **state)
{
	struct stand *stand = *state;
	long kills = from_environment("OUTBOXD_KILLS", KILLS);
	uint64_t seed = (uint64_t)from_environment(
	    "OUTBOXD_SEED", (long)(stand_clock_ms() ^ (int64_t)getpid() << 20));
	uint64_t random = seed;
	int64_t began = stand_clock_ms();
	pid_t app;
	int rows;

	printf("OUTBOXD_SEED=%llu OUTBOXD_KILLS=%ld\n", (unsigned long long)seed, kills);
	shopper_destinations(stand);
	assert_int_equal(gateway_script(stand->gateway, shopper_faults()), 0);
	app = shopper_start(stand, seed, OPEN_MAX);
	for (long k = 1; k <= kills; k++) {
		stand_start(stand);
		stand_sleep_ms(life_ms(&random));
		assert_true(stand_runs(stand));
		stand_kill(stand);
		mark_kill(stand);
		count_states(stand);
		if (k % 100 == 0)
			tell(k, began);
		if (k % 500 == 0)
			assert_int_equal(oracle_violations(stand, ORACLE_UNDERWAY), 0);
	}
	shopper_kill(app);
	oracle_check(stand, ORACLE_UNDERWAY);
	settle(stand);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
	assert_int_equal(shopper_lost(stand, &rows), 0);
	/* What is parked now was parked by a surprise. */
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE state = 'held'"), 0);
	tell(kills, began);
	printf("%d orders, %lld rows: %s; %d effects, %d requests\n", rows,
	    (long long)stand_number(stand, "SELECT count(*) FROM outbox_delivery"),
	    stand_text(stand, "SELECT group_concat(n, ', ') FROM (SELECT count(*) || ' ' || "
			      "coalesce(result, state) AS n "
			      "FROM outbox_delivery GROUP BY coalesce(result, state))"),
	    gateway_effects(stand->gateway, NULL), gateway_requests(stand->gateway, NULL, NULL));
	/* A campaign that never met a state proves nothing about it. */
	for (int i = 0; i < STATES; i++)
		if (strcmp(states[i], "claimed") != 0 || kills >= 1000)
			assert_true(seen[i].kills > 0);
}

static int
setup(void **state)
{
	*state = stand_new(words);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(random_kills, setup, stand_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
