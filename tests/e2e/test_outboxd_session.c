/*
 * test_outboxd_session.c - logins, refused credentials, politeness: what concerns a destination as
 * a whole.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"

static void
orders(struct stand *stand, const char *destination, const char *profile, const char *prefix,
    int count)
{
	char name[32];

	stand_exec(stand, "BEGIN IMMEDIATE; COMMIT");
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s-%d", prefix, i);
		(void)stand_order(stand, destination, profile, name);
	}
}

static void
expect_all(struct stand *stand, const char *outcome, int count)
{
	int64_t got;

	assert_true(stand_wait_settled(stand));
	got = stand_number(
	    stand, "SELECT count(*) FROM outbox_delivery WHERE result = '%s'", outcome);
	if (got != count)
		stand_show(stand);
	assert_int_equal(got, count);
}

/* Nothing is sent without a session; eight rows need one login, and eight late refusals one more.
 */
static void
one_login_for_many_rows(void **state)
{
	struct stand *stand = *state;

	/* All eight are under way when the session ends, and are refused one after the other, some
	 * after the new login. */
	assert_int_equal(
	    gateway_script(stand->gateway,
		"a-* submit 1 delay 500ms\nb-* submit 1 expire-session\nb-[0-3] submit 1 delay "
		"300ms\n"
		"b-[4-5] submit 1 delay 1s\nb-6 submit 1 delay 1500ms\nb-7 submit 1 delay 2s\n"),
	    0);
	stand_destination(stand, "travlinq", "travlinq", "concurrency = 8;");
	orders(stand, "travlinq", "travlinq", "a", 8);
	stand_start(stand);
	expect_all(stand, "succeeded", 8);
	assert_int_equal(gateway_requests(stand->gateway, NULL, "login"), 1);
	/* held while they are inserted, so that they leave together */
	stand_ask(stand, "command, destination", "'hold', 'travlinq'", NULL);
	orders(stand, "travlinq", "travlinq", "b", 8);
	stand_ask(stand, "command, destination", "'release', 'travlinq'", NULL);
	expect_all(stand, "succeeded", 16);
	assert_int_equal(gateway_requests(stand->gateway, NULL, "login"), 2);
	oracle_check(stand, ORACLE_FINISHED);
}

static void
one_relogin_and_then_a_hold(void **state)
{
	struct stand *stand = *state;

	/* Each submit of this row meets an expired session: the second time in a row it is the
	 * credentials. */
	assert_int_equal(gateway_script(stand->gateway, "e-0 submit 1-2 expire-session\n"), 0);
	stand_destination(
	    stand, "travlinq", "travlinq", "probe_interval = \"1s\"; probe_interval_max = \"1s\";");
	orders(stand, "travlinq", "travlinq", "e", 1);
	stand_start(stand);
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_destination WHERE held AND cause = 'credentials'"));
	assert_int_equal(gateway_requests(stand->gateway, "e-0", "submit"), 2);
	assert_int_equal(gateway_effects(stand->gateway, NULL), 0);
	/* The probe is a login, which succeeds; then the row goes on. */
	expect_all(stand, "succeeded", 1);
	oracle_check(stand, ORACLE_FINISHED);
}

static void
a_refused_login_holds_the_destination(void **state)
{
	struct stand *stand = *state;

	assert_int_equal(gateway_script(stand->gateway, "travlinq login 1-2 reject\n"), 0);
	stand_destination(stand, "travlinq", "travlinq", "");
	stand_destination(stand, "vrio", "vrio", "");
	orders(stand, "travlinq", "travlinq", "l", 3);
	stand_start(stand);
	assert_true(stand_wait(stand, "SELECT count(*) FROM outbox_destination WHERE held"));
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "vrio", "vrio", "other")), "succeeded");
	expect_all(stand, "succeeded", 4);
	assert_int_equal(gateway_requests(stand->gateway, NULL, "login"), 3);
	oracle_check(stand, ORACLE_FINISHED);
}

/* Wrong credentials: everything waits, nothing fails; a new configuration is the cure. */
static void
wrong_credentials_wait_for_better_ones(void **state)
{
	struct stand *stand = *state;

	/* fakegw wants the header, whatever it says: 401 comes from the script */
	assert_int_equal(gateway_script(stand->gateway, "w-* submit * status 401\n"), 0);
	stand_destination(stand, "riverty", "riverty", "");
	orders(stand, "riverty", "riverty", "w", 5);
	stand_start(stand);
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_destination WHERE held AND cause = 'credentials'"));
	stand_sleep_ms(1000);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE state = 'done'"), 0);
	/* probes only: one at a time, at growing intervals */
	assert_true(gateway_requests(stand->gateway, NULL, "submit") < 20);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_stuck"), 5);
	assert_string_equal(stand_text(stand, "SELECT status FROM outbox_health"), "attention");
	assert_int_equal(gateway_script(stand->gateway, "clear\n"), 0);
	expect_all(stand, "succeeded", 5);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_destination WHERE held"), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

static void
retry_after_slows_the_destination(void **state)
{
	struct stand *stand = *state;
	int64_t began;

	assert_int_equal(
	    gateway_script(stand->gateway, "p-0 submit 1 status 429 retry-after 3\n"), 0);
	stand_destination(stand, "riverty", "riverty", "concurrency = 1;");
	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	orders(stand, "riverty", "riverty", "p", 1);
	assert_true(stand_wait(
	    stand, "SELECT attempts = 1 AND state = 'retry' FROM outbox_status WHERE id = 1"));
	began = stand_clock_ms();
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "vrio", "vrio", "other")), "succeeded");
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "riverty", "riverty", "p-1")), "succeeded");
	assert_true(stand_clock_ms() - began > 2000); /* the whole destination waited */
	expect_all(stand, "succeeded", 3);
	oracle_check(stand, ORACLE_FINISHED);
}

/* Two answers in doubt in a row, and no more orders are burnt but by a slow probe. */
static void
the_breaker_of_a_keyless_gateway(void **state)
{
	struct stand *stand = *state;
	int64_t burnt;

	assert_int_equal(gateway_script(stand->gateway, "b-* submit * lose\n"), 0);
	stand_destination(stand, "vrio", "vrio",
	    "concurrency = 1; probe_interval = \"2s\"; probe_interval_max = \"2s\";");
	orders(stand, "vrio", "vrio", "b", 20);
	stand_start(stand);
	assert_true(stand_wait(
	    stand, "SELECT count(*) >= 2 FROM outbox_delivery WHERE result = 'unknown'"));
	stand_sleep_ms(1000);
	burnt =
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'unknown'");
	assert_true(burnt <= 3);
	assert_int_equal(gateway_script(stand->gateway, "clear\n"), 0);
	assert_true(stand_wait_settled(stand));
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'unknown'"),
	    burnt);
	oracle_check(stand, ORACLE_FINISHED);
}

/* One gateway that hangs and one bad row do not delay the others. */
static void
a_dead_gateway_delays_nobody(void **state)
{
	struct stand *stand = *state;
	int64_t began;

	assert_int_equal(gateway_script(stand->gateway, "dead-* submit * silence\n"), 0);
	stand_destination(stand, "dead", "riverty", "request_timeout = \"60s\";");
	stand_destination(stand, "refused", "riverty", "base_url = \"http://127.0.0.1:1\";");
	stand_destination(stand, "good", "riverty", "");
	orders(stand, "dead", "riverty", "dead", 30);
	orders(stand, "refused", "riverty", "refused", 30);
	stand_start(stand);
	assert_int_equal(gateway_wait_requests(stand->gateway, NULL, NULL, 0, 1), 0);
	began = stand_clock_ms();
	orders(stand, "good", "riverty", "good", 100);
	assert_true(stand_wait(
	    stand, "SELECT count(*) = 100 FROM outbox_delivery WHERE result = 'succeeded'"));
	assert_true(stand_clock_ms() - began < 20000);
	oracle_check(stand, ORACLE_UNDERWAY);
	assert_int_equal(gateway_requests(stand->gateway, "refused-0", NULL), 0);
}

static void
wait_without_requests(struct stand *stand, int ms)
{
	int before = gateway_requests(stand->gateway, NULL, NULL);

	stand_sleep_ms(ms);
	assert_int_equal(gateway_requests(stand->gateway, NULL, NULL), before);
}

/* A TLS gateway whose certificate nobody vouches for gets no byte, and its rows wait. */
static void
an_untrusted_certificate_holds_the_destination(void **state)
{
	struct stand *stand = *state;
	const char *key = scratch_path(stand->dir, "key.pem");
	const char *cert = scratch_path(stand->dir, "cert.pem");
	char command[1200];
	const char *words[] = {"--no-fsync", "--tls-cert", cert, "--tls-key", key, NULL};
	char settings[400];
	struct gateway *tls;

	snprintf(command, sizeof(command),
	    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s "
	    "-out %s -days 2 "
	    "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null",
	    key, cert);
	assert_int_equal(system(command), 0);
	gateway_stop(stand->gateway);
	tls = stand->gateway = gateway_start(stand->dir, words);
	assert_non_null(tls);
	stand_destination(stand, "riverty", "riverty", "");
	orders(stand, "riverty", "riverty", "tls", 3);
	stand_start(stand);
	assert_true(stand_wait(
	    stand, "SELECT count(*) FROM outbox_destination WHERE held AND cause = 'trust'"));
	wait_without_requests(stand, 700);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE "
					     "exposed_at IS NOT NULL AND state <> 'sending'"),
	    0);
	/* The operator names the authority. */
	snprintf(settings, sizeof(settings), "ca_file = \"%s\";", cert);
	stand_forget_destinations(stand);
	stand_destination(stand, "riverty", "riverty", settings);
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	expect_all(stand, "succeeded", 3);
	oracle_check(stand, ORACLE_FINISHED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(one_login_for_many_rows),
	    TEST(one_relogin_and_then_a_hold), TEST(a_refused_login_holds_the_destination),
	    TEST(wrong_credentials_wait_for_better_ones), TEST(retry_after_slows_the_destination),
	    TEST(the_breaker_of_a_keyless_gateway), TEST(a_dead_gateway_delays_nobody),
	    TEST(an_untrusted_certificate_holds_the_destination)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
