/*
 * test_outboxd_signals.c - signals in a storm (T11, T47): what has no meaning here is ignored, a
 * reload under load loses nothing, a bad configuration leaves the old one in force, and a stopped
 * daemon goes on where it stood.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"

static void
usual(struct stand *stand)
{
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "travlinq", "travlinq", "");
}

/* n orders, the third of which is fetched later. */
static void
sell(struct stand *stand, const char *name, int n)
{
	static const char *const profiles[] = {"vrio", "riverty", "travlinq"};

	for (int i = 0; i < n; i++) {
		char reference[64];

		snprintf(
		    reference, sizeof(reference), "%s%s-%d", i % 6 == 2 ? "slow-" : "", name, i);
		(void)stand_order(stand, profiles[i % 3], profiles[i % 3], reference);
	}
}

static long
storm(struct stand *stand, const int *signals, size_t count, int64_t ms, int pause_us)
{
	int64_t until = stand_clock_ms() + ms;
	uint64_t seed = tally_seed();
	long sent = 0;

	while (stand_clock_ms() < until && stand_runs(stand)) {
		struct timespec pause = {0, pause_us * 1000L};

		stand_signal(stand, signals[tally_random(&seed) % count]);
		sent++;
		nanosleep(&pause, NULL);
	}
	return sent;
}

static void
all_succeed(struct stand *stand)
{
	assert_true(stand_wait_settled(stand));
	assert_int_equal(
	    stand_number(
		stand, "SELECT count(*) FROM outbox_delivery WHERE result IS NOT 'succeeded'"),
	    0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* Nobody's business here, and no reason to die: a stray kill -USR1 from a log rotation, an alarm, a
 * closed pipe. */
static void
meaningless_signals_are_ignored(void **state)
{
	static const int signals[] = {
	    SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGCHLD, SIGWINCH, SIGURG};
	struct stand *stand = *state;
	int64_t ms = extent_of(3000, 8000, 60000);
	long sent;

	usual(stand);
	sell(stand, "storm", 60);
	stand_start(stand);
	assert_true(stand_wait_listening(stand));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		stand_signal(stand, signals[i]);
		stand_sleep_ms(50);
		if (!stand_runs(stand))
			fail_msg("signal %d ended the daemon", signals[i]);
	}
	sent = storm(stand, signals, sizeof(signals) / sizeof(signals[0]), ms, 700);
	assert_true(stand_runs(stand));
	sell(stand, "after", 6);
	all_succeed(stand);
	tally("storm of USR1, USR2, PIPE, ALRM, CHLD", sent, 0,
	    "%lld s under load, all rows succeeded", (long long)ms / 1000);
	assert_int_equal(stand_stop(stand), 0);
}

static void
reloads_in_a_storm_lose_nothing(void **state)
{
	static const int signals[] = {SIGHUP};
	struct stand *stand = *state;
	long sent;

	usual(stand);
	sell(stand, "first", 90);
	assert_int_equal(gateway_script(stand->gateway, "* any * delay 20\n"), 0);
	stand_start(stand);
	assert_true(stand_wait_listening(stand));
	sent = storm(stand, signals, 1, extent_of(3000, 6000, 60000), 2000);
	assert_true(stand_runs(stand));
	assert_true(stand_log_has(stand, "event=reload result=done"));
	all_succeed(stand);
	tally("SIGHUP in a storm", sent, 0, "all rows succeeded");
	assert_int_equal(stand_stop(stand), 0);
}

static void
a_bad_reload_keeps_the_old_configuration(void **state)
{
	static const char *const bad[] = {"database = \"", "destinations = { };\n",
	    "database = \"/nonexistent/x.db\";\n", "", "unknown_name = 1;\n"};
	struct stand *stand = *state;

	usual(stand);
	stand_start(stand);
	/* it serves: a bad file before that would be a bad start */
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "vrio", "vrio", "first")), "succeeded");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char name[32];
		char *log;
		int said = 0;

		scratch_write(stand->config, bad[i], strlen(bad[i]));
		stand_signal(stand, SIGHUP);
		for (int waited = 0; waited < STAND_PATIENCE_MS && said <= (int)i; waited += 20) {
			said = 0;
			log = scratch_read(scratch_path(stand->dir, "outboxd.log"), NULL);
			for (const char *at = log;
			     (at = strstr(at, "refused, the old configuration stays")) != NULL;
			     at++)
				said++;
			free(log);
			stand_sleep_ms(20);
		}
		assert_int_equal(said, (int)i + 1);
		snprintf(name, sizeof(name), "bad-%zu", i);
		assert_string_equal(
		    stand_await(stand, stand_order(stand, "vrio", "vrio", name)), "succeeded");
	}
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	for (int waited = 0;
	     waited < STAND_PATIENCE_MS && !stand_log_has(stand, "event=reload result=done");
	     waited += 20)
		stand_sleep_ms(20);
	assert_true(stand_log_has(stand, "event=reload result=done"));
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* Stopped while requests and polls are out, then continued: nothing is sent twice, no timer fires
 * in a burst. */
static void
stopped_and_continued(void **state)
{
	struct stand *stand = *state;
	long rounds = extent_of(3, 5, 10);
	int ms = (int)extent_of(700, 2000, 20000);

	usual(stand);
	assert_int_equal(gateway_script(stand->gateway, "* submit * delay 300\n"), 0);
	stand_start(stand);
	for (long i = 0; i < rounds; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s%ld", i);
		sell(stand, name, 12);
		stand_sleep_ms(150 + 90 * (int)i);
		stand_signal(stand, SIGSTOP);
		stand_sleep_ms(ms);
		stand_signal(stand, SIGCONT);
	}
	all_succeed(stand);
	tally("SIGSTOP and SIGCONT", rounds, 0, "%d ms each, requests and polls under way", ms);
	assert_int_equal(stand_stop(stand), 0);
}

/* SIGTERM and SIGINT, also twice, wait for the answer that is under way; a SIGTERM at any time of
 * the start is an orderly end. */
static void
told_twice_to_stop(void **state)
{
	struct stand *stand = *state;
	long rounds = extent_of(20, 50, 200);
	long orderly = 0;

	usual(stand);
	assert_int_equal(gateway_script(stand->gateway, "t-* submit 1 delay 700\n"), 0);
	(void)stand_order(stand, "vrio", "vrio", "t-1");
	stand_start(stand);
	assert_true(
	    stand_wait(stand, "SELECT count(*) FROM outbox_delivery WHERE state = 'sending'"));
	stand_signal(stand, SIGTERM);
	stand_sleep_ms(50);
	stand_signal(stand, SIGTERM);
	stand_signal(stand, SIGINT);
	stand_sleep_ms(20);
	stand_signal(stand, SIGHUP);
	assert_int_equal(stand_wait_end(stand, 30000), 0);
	assert_string_equal(stand_outcome(stand, 1), "succeeded");
	for (long i = 0; i < rounds; i++) {
		int code;

		stand_start(stand);
		stand_sleep_ms((int)(i * 60 / rounds));
		stand_signal(stand, SIGTERM);
		code = stand_wait_end(stand, 30000);
		/* before its first instruction it is not ours yet */
		if (code != 0 && code != -1)
			fail_msg("ended with %d", code);
		orderly += code == 0;
	}
	tally("SIGTERM during the start", rounds, 0, "%ld orderly ends, the others before main()",
	    orderly);
	oracle_check(stand, ORACLE_FINISHED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(meaningless_signals_are_ignored),
	    TEST(reloads_in_a_storm_lose_nothing), TEST(a_bad_reload_keeps_the_old_configuration),
	    TEST(stopped_and_continued), TEST(told_twice_to_stop)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
