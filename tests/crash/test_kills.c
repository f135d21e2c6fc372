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
#include "lib/kills.h"
#include "lib/oracle.h"
#include "lib/shopper.h"
#include "lib/tally.h"

enum { KILLS = 80, MORE = 4, OPEN_MAX = 150 };

static struct kills_seen seen;

static const char *const words[] = {"--no-fsync", "--quiet", "--fetch-grace", NULL};

static int
states_met(void)
{
	int met = 0;

	for (int i = 0; i < KILLS_STATES; i++)
		met += seen.kills[i] > 0;
	return met;
}

static long
from_environment(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? otherwise : strtol(value, NULL, 10);
}

static void
tell(long kills, int64_t began)
{
	printf("%ld kills, %.1f s; kills that met a row", kills,
	    (double)(stand_clock_ms() - began) / 1000.0);
	for (int i = 0; i < KILLS_STATES; i++)
		printf("%s %s %d", i == 0 ? "" : ",", kills_state(i), seen.kills[i]);
	printf("\n");
	fflush(stdout);
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
random_kills(void **state)
{
	struct stand *stand = *state;
	long kills = from_environment("OUTBOXD_KILLS", KILLS);
	uint64_t seed = (uint64_t)from_environment(
	    "OUTBOXD_SEED", (long)(stand_clock_ms() ^ (int64_t)getpid() << 20));
	uint64_t random = seed;
	int64_t began = stand_clock_ms();
	pid_t app;
	long k = 0;
	int rows;

	printf("OUTBOXD_SEED=%llu OUTBOXD_KILLS=%ld\n", (unsigned long long)seed, kills);
	shopper_destinations(stand);
	assert_int_equal(gateway_script(stand->gateway, shopper_faults()), 0);
	app = shopper_start(stand, seed, OPEN_MAX);
	/* A campaign that never met a state proves nothing about it: on a slow machine some more
	 * kills, after longer lives. */
	while (k < kills || (k < MORE * kills && states_met() < KILLS_STATES)) {
		k++;
		stand_start(stand);
		stand_sleep_ms(life_ms(&random) * (k > kills ? MORE : 1));
		assert_true(stand_runs(stand));
		stand_kill(stand);
		kills_mark(stand);
		kills_count_states(stand, &seen);
		if (k % 100 == 0)
			tell(k, began);
		if (k % 500 == 0)
			assert_int_equal(oracle_violations(stand, ORACLE_UNDERWAY), 0);
	}
	shopper_kill(app);
	oracle_check(stand, ORACLE_UNDERWAY);
	assert_true(kills_settle(stand));
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
	assert_int_equal(shopper_lost(stand, &rows), 0);
	/* What is parked now was parked by a surprise. */
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE state = 'held'"), 0);
	tell(k, began);
	tally("kill -9 at random moments, an app selling", k, 0,
	    "kills that met a row: queued %d, claimed %d, sending %d, retry %d, pending %d, "
	    "blocked %d; %d orders, %lld rows: %s; "
	    "%d effects, %d requests",
	    seen.kills[0], seen.kills[1], seen.kills[2], seen.kills[3], seen.kills[4],
	    seen.kills[5], rows,
	    (long long)stand_number(stand, "SELECT count(*) FROM outbox_delivery"),
	    stand_text(stand, "SELECT group_concat(n, ', ') FROM (SELECT count(*) || ' ' || "
			      "coalesce(result, state) AS n "
			      "FROM outbox_delivery GROUP BY coalesce(result, state))"),
	    gateway_effects(stand->gateway, NULL), gateway_requests(stand->gateway, NULL, NULL));
	assert_int_equal(states_met(), KILLS_STATES);
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
