/*
 * test_outboxd_fetch.c - answers that are fetched later: every fault of a poll, hostile fetch URLs,
 * deadlines. The gateway's log must show no second POST, no poll of a replaced URL, and nothing at
 * the canary.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"

#define SHORT "poll_timeout = \"1500ms\";"

/* One row at a destination of its own. */
struct fetched {
	const char *name;
	const char *submit; /* fault of the submit */
	const char *poll;   /* fault of polls, "" for none; %C: the canary */
	const char *settings;
	const char *vrio; /* outcomes; NULL: not tried there */
	const char *travlinq;
	const char *generic;
};

/* clang-format off */
static const struct fetched cases[] = {
    {"plain", "1 pending 2", "", "", "succeeded", "succeeded", "succeeded"},
    {"at-once", "1 pending 0", "", "", "succeeded", "succeeded", "succeeded"},
    {"long", "1 pending 12", "", "", "succeeded", "succeeded", "succeeded"},
    {"location", "1 pending 2 location", "", "", NULL, NULL, "succeeded"},
    {"operation-location", "1 pending 2 operation-location", "", "", NULL, NULL, "succeeded"},
    {"declined", "1 pending 1\n%R submit 1 reject", "", "", "failed", NULL, NULL},
    {"inner-402", "1 pending 1\n%R submit 1 reject", "2 inner-status 402", "", "failed", NULL, NULL},
    {"inner-500", "1 pending 1", "2 inner-status 500", "", "unknown", NULL, NULL},
    {"inner-text", "1 pending 1", "2 inner-status \"200\"", "", "*", NULL, NULL},
    {"inner-negative", "1 pending 1", "2- inner-status -1", "", "unknown", NULL, NULL},
    {"inner-missing", "1 pending 1", "2- inner-missing", "", "unknown", NULL, NULL},
    {"inner-object", "1 pending 1", "2 inner-object", "", "succeeded", NULL, NULL},
    {"lose", "1 pending 2", "1-2 lose", "", "succeeded", "succeeded", "succeeded"},
    {"reset", "1 pending 2", "2 reset", "", "succeeded", "succeeded", "succeeded"},
    {"silence", "1 pending 1", "1 silence", SHORT, "succeeded", "succeeded", "succeeded"},
    {"delay", "1 pending 1", "1 delay 500ms", "", "succeeded", "succeeded", "succeeded"},
    {"garbage", "1 pending 1", "1 garbage", "", "succeeded", "succeeded", "succeeded"},
    {"half-headers", "1 pending 1", "1 half-headers", "", "succeeded", "succeeded", "succeeded"},
    {"truncate", "1 pending 1", "1- truncate\n%R poll 4- ok", "", "succeeded", "succeeded", "succeeded"},
    {"half-chunk", "1 pending 1", "1 half-chunk", "", "succeeded", "succeeded", "succeeded"},
    {"close", "1 pending 1", "1-2 close-delimited", "", "succeeded", "succeeded", "succeeded"},
    {"garble", "1 pending 1", "1-2 garble", "", "succeeded", "succeeded", "succeeded"},
    {"not-json", "1 pending 1", "2 not-json", "", "succeeded", "succeeded", "succeeded"},
    {"trailing", "1 pending 1", "1 trailing", "", "succeeded", "succeeded", "succeeded"},
    {"oversize", "1 pending 1", "2 oversize 2000000", "", "succeeded", "succeeded", "succeeded"},
    {"p401", "1 pending 1", "1 status 401", "", "succeeded", "succeeded", "succeeded"},
    {"p403", "1 pending 1", "1 status 403", "", "succeeded", "succeeded", "succeeded"},
    {"p429", "1 pending 1", "1 status 429 retry-after 1", "", "succeeded", "succeeded", "succeeded"},
    {"p502", "1 pending 1", "1-3 status 502", "", "succeeded", "succeeded", "succeeded"},
    {"p503", "1 pending 1", "1 status 503 retry-after 1", "", "succeeded", "succeeded", "succeeded"},
    {"p500", "1 pending 1", "1 status 500", "", "succeeded", "unknown", "succeeded"},
    {"p500s", "1 pending 1", "1- status 500", "", "unknown", "unknown", "unknown"},
    {"p400", "1 pending 1", "1 status 400", "", "unknown", "unknown", "unknown"},
    {"p404", "1 pending 1", "1 status 404", "", "unknown", "unknown", "*"},
    {"no-end", "1 not-ready-forever", "", "poll_deadline = \"700ms\";", "unknown", "unknown", "unknown"},
    {"no-url", "1 pending 1\n%R submit 1 fetch-url-missing", "", "", "unknown", "unknown", NULL},
    {"empty-url", "1 pending 1\n%R submit 1 fetch-url ", "", "", "unknown", "unknown", NULL},
};

/* Where a gateway, or whoever speaks in its place, might send us. %C: the canary's port, %G: the gateway's. */
static const char *const hostile[] = {
    "http://127.0.0.1:%C/api_requests/1", "http://localhost:%G/api_requests/1", "//127.0.0.1:%C/api_requests/1",
    "http://127.0.0.1:%G@127.0.0.1:%C/api_requests/1", "http://user@127.0.0.1:%G/api_requests/1",
    "https://127.0.0.1:%G/api_requests/1", "http://127.0.0.1:%G/other/1", "http://127.0.0.1:%G/api_requests/../other",
    "http://127.0.0.2:%C/api_requests/1", "http://[::1]:%C/api_requests/1", "file:///etc/passwd", "gopher://127.0.0.1:%C/x",
    "http://127.0.0.1:%G\\@127.0.0.1:%C/api_requests/1", "http:/127.0.0.1:%C/api_requests/1", "javascript:alert(1)",
    "http://2130706433:%C/api_requests/1", "http://127.0.0.1:%G/api_requests/1#x", "http://127.0.0.1.:%G/api_requests/1",
};
/* clang-format on */
enum { CASES = sizeof(cases) / sizeof(cases[0]), HOSTILE = sizeof(hostile) / sizeof(hostile[0]) };

static const char *const profiles[] = {"vrio", "travlinq", "generic"};

static const char *
expected(const struct fetched *one, int profile)
{
	return profile == 0 ? one->vrio : (profile == 1 ? one->travlinq : one->generic);
}

/* %R, %C and %G filled in. */
static void
expand(struct stand *stand, char *out, size_t size, const char *text, const char *reference)
{
	size_t used = 0;

	for (const char *at = text; *at != '\0' && used + 1 < size; at++) {
		char what = at[0] == '%' ? at[1] : '\0';

		if (what == 'R')
			used += (size_t)snprintf(out + used, size - used, "%s", reference);
		else if (what == 'C')
			used += (size_t)snprintf(
			    out + used, size - used, "%d", gateway_port(stand_canary(stand)));
		else if (what == 'G')
			used += (size_t)snprintf(
			    out + used, size - used, "%d", gateway_port(stand->gateway));
		else
			out[used++] = *at;
		at += what == 'R' || what == 'C' || what == 'G';
	}
	out[used] = '\0';
}

static void
script(struct stand *stand, const char *reference, const char *phase, const char *text)
{
	char raw[512];
	char line[1024];

	if (phase[0] == 'p' && text[0] == '\0')
		return;
	snprintf(raw, sizeof(raw), "%s %s %s\n", reference, phase, text);
	expand(stand, line, sizeof(line), raw, reference);
	assert_int_equal(gateway_script(stand->gateway, line), 0);
}

static void
every_poll(struct stand *stand, int profile)
{
	int64_t ids[CASES];
	int wrong = 0;

	for (int c = 0; c < CASES; c++) {
		char name[64];

		if (expected(&cases[c], profile) == NULL)
			continue;
		snprintf(name, sizeof(name), "%s-%s", profiles[profile], cases[c].name);
		script(stand, name, "submit", cases[c].submit);
		script(stand, name, "poll", cases[c].poll);
		stand_destination(stand, name, profiles[profile], cases[c].settings);
		ids[c] = stand_order(stand, name, profiles[profile], name);
	}
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	for (int c = 0; c < CASES; c++) {
		const char *outcome;

		if (expected(&cases[c], profile) == NULL)
			continue;
		outcome = stand_outcome(stand, ids[c]);
		if (strcmp(expected(&cases[c], profile), "*") == 0 ||
		    strcmp(expected(&cases[c], profile), outcome) == 0)
			continue;
		print_error("%s-%s: %s, not %s (%s)\n", profiles[profile], cases[c].name, outcome,
		    expected(&cases[c], profile),
		    stand_text(stand, "SELECT reason FROM outbox_status WHERE id = %lld",
			(long long)ids[c]));
		wrong++;
	}
	oracle_check(stand, ORACLE_FINISHED);
	assert_int_equal(wrong, 0);
	assert_int_equal(stand_stop(stand), 0);
}

static void
every_poll_at_vrio(void **state)
{
	every_poll(*state, 0);
}

static void
every_poll_at_travlinq(void **state)
{
	every_poll(*state, 1);
}

static void
every_poll_at_a_generic_api(void **state)
{
	every_poll(*state, 2);
}

/* Held, with the URL kept for a person, and never contacted: neither at the submit nor when a poll
 * brings it. */
static void
hostile_fetch_urls_are_never_contacted(void **state)
{
	struct stand *stand = *state;

	for (int h = 0; h < HOSTILE; h++) {
		char fault[400];
		char name[64];

		snprintf(
		    fault, sizeof(fault), "1 pending 1\n%%R submit 1 fetch-url %s", hostile[h]);
		snprintf(name, sizeof(name), "submit-%d", h);
		script(stand, name, "submit", fault);
		stand_destination(stand, name, "vrio", "");
		(void)stand_order(stand, name, "vrio", name);
		snprintf(name, sizeof(name), "poll-%d", h);
		script(stand, name, "submit", "1 pending 3");
		snprintf(fault, sizeof(fault), "1 fetch-url %s", hostile[h]);
		script(stand, name, "poll", fault);
		stand_destination(stand, name, "travlinq", "");
		(void)stand_order(stand, name, "travlinq", name);
	}
	stand_start(stand);
	assert_true(stand_wait_settled(stand));
	if (stand_number(stand,
		"SELECT count(*) FROM outbox_status WHERE state = 'held' AND fetch_url <> ''") !=
	    2 * HOSTILE)
		stand_show(stand);
	assert_int_equal(stand_number(stand,
			     "SELECT count(*) FROM outbox_delivery WHERE hold_cause = 'fetch_url'"),
	    2 * HOSTILE);
	/* What is wrong with the URL: whoever knows its host must know whether that is all. */
	assert_int_equal(
	    stand_number(stand,
		"SELECT count(*) FROM outbox_status "
		"WHERE reason LIKE 'the fetch URL was not contacted: the fetch URL%%'"),
	    2 * HOSTILE);
	/* A restart changes nothing about that. */
	stand_kill(stand);
	stand_start(stand);
	stand_sleep_ms(500);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_status WHERE state = 'held'"),
	    2 * HOSTILE);
	assert_int_equal(gateway_canary_hits(stand_canary(stand)), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* Three in a row hold the destination; once the operator knows the host, the rows are asked for
 * there. */
static void
foreign_fetch_urls_hold_the_destination(void **state)
{
	struct stand *stand = *state;
	const char *elsewhere = scratch_path(stand->dir, "elsewhere");
	struct gateway *other;
	char settings[256];

	assert_int_equal(mkdir(elsewhere, 0700), 0);
	other = gateway_start(elsewhere, NULL);
	assert_non_null(other);
	for (int i = 1; i <= 3; i++) {
		char name[16];
		char fault[300];

		snprintf(name, sizeof(name), "f-%d", i);
		snprintf(fault, sizeof(fault), "1 pending 1\n%%R submit 1 fetch-url %s",
		    gateway_url(other, "/api_requests/1"));
		script(stand, name, "submit", fault);
	}
	stand_destination(stand, "vrio", "vrio", "concurrency = 1;");
	for (int i = 1; i <= 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f-%d", i);
		(void)stand_order(stand, "vrio", "vrio", name);
	}
	stand_start(stand);
	assert_true(
	    stand_wait(stand, "SELECT held AND cause = 'fetch_url' FROM outbox_destination"));
	stand_sleep_ms(600);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_status WHERE state = 'held'"), 3);
	assert_string_equal(stand_outcome(stand, 4), "queued");
	assert_int_equal(gateway_requests(stand->gateway, "f-4", NULL), 0);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_stuck WHERE id = 4"), 1);

	/* The hold survives a restart. */
	stand_kill(stand);
	stand_start(stand);
	stand_sleep_ms(500);
	assert_int_equal(gateway_requests(stand->gateway, "f-4", NULL), 0);
	assert_string_equal(
	    stand_ask(stand, "command, destination", "'release', 'vrio'", NULL), "done");
	assert_string_equal(stand_await(stand, 4), "succeeded");
	assert_int_equal(gateway_requests(other, NULL, NULL), 0);

	snprintf(settings, sizeof(settings), "fetch_origins = [ \"%s\" ];", gateway_url(other, ""));
	stand_forget_destinations(stand);
	stand_destination(stand, "vrio", "vrio", settings);
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	for (int waited = 0; waited < STAND_PATIENCE_MS && !stand_log_has(stand, "event=reload");
	     waited += 50)
		stand_sleep_ms(50);
	assert_true(stand_log_has(stand, "event=reload result=done"));
	for (int i = 1; i <= 3; i++) {
		char values[32];

		snprintf(values, sizeof(values), "'release', %d", i);
		assert_string_equal(stand_ask(stand, "command, outbox_id", values, NULL), "done");
	}
	/* These ids do not exist there (the script invented them): polled, and never sent again. */
	assert_true(stand_wait(
	    stand, "SELECT count(*) = 3 FROM outbox_status WHERE state = 'pending' AND polls > 1"));
	assert_int_equal(gateway_wait_requests(other, NULL, "poll", 6, STAND_PATIENCE_MS), 0);
	assert_int_equal(gateway_requests(other, NULL, "submit"), 0);
	oracle_check(stand, ORACLE_UNDERWAY);
	gateway_stop(other);
}

/* A redirected poll holds its row only, and keeps the URL; released, it gets its result. */
static void
a_redirected_poll_holds_the_row(void **state)
{
	struct stand *stand = *state;
	int64_t id;

	script(stand, "r-1", "submit", "1 pending 1");
	script(stand, "r-1", "poll", "1 redirect 302 http://127.0.0.1:%C/x");
	stand_destination(stand, "vrio", "vrio", "");
	id = stand_order(stand, "vrio", "vrio", "r-1");
	stand_start(stand);
	assert_string_equal(stand_await(stand, id), "held");
	assert_string_equal(
	    stand_await(stand, stand_order(stand, "vrio", "vrio", "r-2")), "succeeded");
	assert_string_equal(stand_ask(stand, "command, outbox_id", "'release', 1", NULL), "done");
	assert_string_equal(stand_await(stand, id), "succeeded");
	assert_int_equal(gateway_canary_hits(stand_canary(stand)), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

/* kill -9 at any time of a long fetch: the newest URL is used, and only GETs follow. */
static void
kills_between_polls(void **state)
{
	struct stand *stand = *state;

	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "travlinq", "travlinq", "");
	script(stand, "k-*", "submit", "1 pending 25");
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "k-%d", i);
		(void)stand_order(stand, i % 2 == 0 ? "vrio" : "travlinq",
		    i % 2 == 0 ? "vrio" : "travlinq", name);
	}
	stand_start(stand);
	assert_true(
	    stand_wait(stand, "SELECT count(*) = 4 FROM outbox_status WHERE state = 'pending'"));
	for (int i = 0; i < 5; i++) {
		/* Between polls: nothing is in flight that could bring a newer URL. */
		stand_sleep_ms(50 + 20 * i);
		gateway_signal(stand->gateway, SIGSTOP);
		stand_sleep_ms(300);
		stand_kill(stand);
		gateway_signal(stand->gateway, SIGCONT);
		stand_sleep_ms(50);
		stand_start(stand);
	}
	assert_true(stand_wait_settled(stand));
	for (int i = 1; i <= 4; i += 2)
		assert_string_equal(stand_outcome(stand, i), "succeeded");
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), 4);
	oracle_check(stand, ORACLE_FINISHED);
}

static const char *const graceful[] = {"--no-fsync", "--fetch-grace", NULL};

static int
setup_graceful(void **state)
{
	*state = stand_new(graceful);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

/* How often the daemon committed, or tried to, in a second: each leaves a note. */
static int
notes_in_a_second(struct stand *stand)
{
	const char *note = scratch_path(stand->dir, "state/witness.recent");
	struct timespec last = {0};
	int changes = -1;

	for (int i = 0; i < 50; i++) {
		struct stat status;

		assert_int_equal(stat(note, &status), 0);
		changes +=
		    status.st_mtim.tv_sec != last.tv_sec || status.st_mtim.tv_nsec != last.tv_nsec;
		last = status.st_mtim;
		stand_sleep_ms(20);
	}
	return changes;
}

/* A poll is under way at a destination that a reload takes away: there is nothing to do but to wait
 * for its end. */
static void
a_poll_of_a_removed_destination_is_awaited(void **state)
{
	struct stand *stand = *state;
	int64_t id;

	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "generic", "generic", "poll_timeout = \"5s\";");
	assert_int_equal(
	    gateway_script(stand->gateway, "gone submit 1 pending 9\ngone poll * silence\n"), 0);
	stand_start(stand);
	id = stand_order(stand, "generic", "generic", "gone");
	assert_true(stand_wait(stand,
	    "SELECT count(*) FROM outbox_delivery WHERE state = 'pending' AND due_at IS NULL"));
	stand_forget_destinations(stand);
	stand_destination(stand, "vrio", "vrio", "");
	stand_configure(stand);
	stand_signal(stand, SIGHUP);
	for (int waited = 0;
	     waited < STAND_PATIENCE_MS && !stand_log_has(stand, "event=reload result=done");
	     waited += 10)
		stand_sleep_ms(10);
	assert_in_range(notes_in_a_second(stand), 0, 5);
	assert_string_equal(stand_await(stand, id), "held");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(every_poll_at_vrio),
	    TEST(a_poll_of_a_removed_destination_is_awaited), TEST(every_poll_at_travlinq),
	    TEST(every_poll_at_a_generic_api), TEST(hostile_fetch_urls_are_never_contacted),
	    TEST(foreign_fetch_urls_hold_the_destination), TEST(a_redirected_poll_holds_the_row),
	    cmocka_unit_test_setup_teardown(kills_between_polls, setup_graceful, stand_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
