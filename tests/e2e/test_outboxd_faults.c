/*
 * test_outboxd_faults.c - every fault of a submit, at gateways with and without keys: the real
 * daemon against the fake gateway. Each row has a destination of its own, so that no breaker and no
 * hold of one touches another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"

enum { PROFILES = 4 };

static const char *const profiles[PROFILES] = {"vrio", "travlinq", "riverty", "generic"};

/* What becomes of the row: its result, or "held"; and how many effects the gateway has then. NULL:
 * does not exist there. */
struct expected {
	const char *outcome;
	int effects;
};

struct fault {
	const char *name;
	const char *script; /* behind "REFERENCE submit"; %s: the canary's URL */
	const char *settings;
	struct expected expected[PROFILES];
	bool releases; /* the destination is held by it, and has to be released for the row to go on
			*/
};

#define SHORT "request_timeout = \"1500ms\";"

/* Keyless: an answer that cannot be read is unknown, and nothing is sent again. Keyed: the same key
 * again. */
#define LOST                                                                                       \
	{                                                                                          \
		{"unknown", 1}, {"unknown", 1}, {"succeeded", 1},                                  \
		{                                                                                  \
			"succeeded", 1                                                             \
		}                                                                                  \
	}
#define LOST_BEFORE                                                                                \
	{                                                                                          \
		{"unknown", 0}, {"unknown", 0}, {"succeeded", 1},                                  \
		{                                                                                  \
			"succeeded", 1                                                             \
		}                                                                                  \
	}
#define FINE                                                                                       \
	{                                                                                          \
		{"succeeded", 1}, {"succeeded", 1}, {"succeeded", 1},                              \
		{                                                                                  \
			"succeeded", 1                                                             \
		}                                                                                  \
	}
#define REFUSED                                                                                    \
	{                                                                                          \
		{"failed", 0}, {"failed", 0}, {"failed", 0},                                       \
		{                                                                                  \
			"failed", 0                                                                \
		}                                                                                  \
	}

/* clang-format off */
static const struct fault faults[] = {
    {"none", "1 ok", "", FINE, false},
    {"lose", "1 lose", "", LOST, false},
    {"lose-before", "1 before lose", "", LOST_BEFORE, false},
    {"reset", "1 reset", "", LOST, false},
    {"silence", "1 silence", SHORT, LOST, false},
    {"delay", "1 delay 400ms", "", FINE, false},
    {"late", "1 delay 5s", SHORT, LOST, false},
    {"garbage", "1 garbage", "", LOST, false},
    {"http09", "1 http09", "", LOST, false},
    {"half-headers", "1 half-headers", "", LOST, false},
    {"only-1xx", "1 only-1xx", "", LOST, false},
    {"endless-1xx", "1 endless-1xx", SHORT, LOST, false},
    {"truncate", "1 truncate", "", LOST, false},
    {"half-chunk", "1 half-chunk", "", LOST, false},
    {"close-delimited", "1 close-delimited", "", LOST, false},
    {"endless", "1 endless", "", LOST, false},
    {"big-header", "1 big-header 400000", "", LOST, false},
    {"slow-headers", "1 slow-headers 200", SHORT, LOST, false},
    {"slow-body", "1 slow-body 200", SHORT, LOST, false},
    {"garble", "1 garble", "", LOST, false},
    {"not-json", "1 not-json", "", LOST, false},
    {"trailing", "1 trailing", "", LOST, false},
    {"duplicate", "1 duplicate-member", "", LOST, false},
    {"oversize", "1 oversize 2000000", "", LOST, false},
    {"empty", "1 body {}", "", {{"unknown", 1}, {"unknown", 1}, {"succeeded", 1}, {"succeeded", 1}}, false},
    {"twice", "1-2 lose", "", LOST, false},
    {"reject", "* reject", "", REFUSED, false},
    {"s400", "* status 400", "", REFUSED, false},
    {"s404", "* status 404", "", REFUSED, false},
    {"s422", "* status 422", "", REFUSED, false},
    {"s408", "1 status 408", "", LOST_BEFORE, false},
    {"s409", "1 status 409", "", LOST_BEFORE, false},
    /* 401, 403: the destination is held, and probed; the row waits where the profile says that nothing happened */
    {"s401", "1 status 401", "", FINE, false},
    {"s403", "1 status 403", "", {{"succeeded", 1}, {"unknown", 0}, {"succeeded", 1}, {"succeeded", 1}}, false},
    {"s425", "1 status 425", "", {{"unknown", 0}, {"unknown", 0}, {"succeeded", 1}, {"succeeded", 1}}, false},
    {"s429", "1-2 status 429 retry-after 1", "", FINE, false},
    {"s500", "1 status 500", "", {{"unknown", 0}, {"unknown", 0}, {"succeeded", 1}, {"unknown", 0}}, false},
    {"s500-after", "1 after status 500", "", {{"unknown", 1}, {"unknown", 1}, {"succeeded", 1}, {"unknown", 1}}, false},
    {"s502", "1 status 502", "", LOST_BEFORE, false},
    {"s502-after", "1 after status 502", "", LOST, false},
    {"s503", "1-2 status 503 retry-after 1", "",
	{{"unknown", 0}, {"succeeded", 1}, {"succeeded", 1}, {"succeeded", 1}}, false},
    {"s504-after", "1 after status 504", "", LOST, false},
    {"s599", "1 status 599", "", {{"unknown", 0}, {"unknown", 0}, {"succeeded", 1}, {"unknown", 0}}, false},
    /* after a lost answer a refusal is no proof, unless the gateway repeats its first answers */
    {"lost-then-400", "1 lose\n%R submit 2 status 400", "",
	{{"unknown", 1}, {"unknown", 1}, {NULL, 0}, {"unknown", 1}}, false},
    {"in-progress", "1-2 in-progress", "", {{NULL, 0}, {NULL, 0}, {"succeeded", 1}, {"succeeded", 1}}, false},
    {"r301", "1 redirect 301 %C", "", LOST_BEFORE, true},
    {"r302", "1 redirect 302 %C", "", LOST_BEFORE, true},
    {"r303", "1 redirect 303 %C", "", {{"unknown", 0}, {"unknown", 0}, {"unknown", 0}, {"unknown", 0}}, true},
    {"r307", "1 redirect 307 %C", "", LOST_BEFORE, true},
    {"r308-after", "1 after redirect 308 %C", "", LOST, true},
};
/* clang-format on */
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static void
add_fault(struct stand *stand, const struct fault *fault, const char *reference)
{
	char lines[512];
	size_t used = (size_t)snprintf(lines, sizeof(lines), "%s submit ", reference);

	for (const char *at = fault->script; *at != '\0'; at++) {
		if (strncmp(at, "%C", 2) == 0 || strncmp(at, "%R", 2) == 0) {
			used += (size_t)snprintf(lines + used, sizeof(lines) - used, "%s",
			    at[1] == 'R' ? reference : gateway_url(stand_canary(stand), "/stolen"));
			at++;
		} else if (used + 2 < sizeof(lines)) {
			lines[used++] = *at;
		}
	}
	snprintf(lines + used, sizeof(lines) - used, "\n");
	assert_int_equal(gateway_script(stand->gateway, lines), 0);
}

/* Rows of all faults at one gateway. */
static void
insert_all(struct stand *stand, int profile, int64_t ids[FAULTS])
{
	char name[64];

	for (int f = 0; f < FAULTS; f++) {
		if (faults[f].expected[profile].outcome == NULL)
			continue;
		snprintf(name, sizeof(name), "%s-%s", profiles[profile], faults[f].name);
		add_fault(stand, &faults[f], name);
		stand_destination(stand, name, profiles[profile], faults[f].settings);
		ids[f] = stand_order(stand, name, profiles[profile], name);
	}
}

static int
check_one(struct stand *stand, const struct fault *fault, int profile, int64_t id)
{
	const struct expected *expected = &fault->expected[profile];
	const char *outcome;
	char name[64];
	int effects;

	if (expected->outcome == NULL)
		return 0;
	outcome = stand_outcome(stand, id);
	snprintf(name, sizeof(name), "%s-%s", profiles[profile], fault->name);
	effects = gateway_effects(stand->gateway, name);
	if (strcmp(outcome, expected->outcome) == 0 && effects == expected->effects)
		return 0;
	print_error("%s: %s with %d effects, not %s with %d (%s)\n", name, outcome, effects,
	    expected->outcome, expected->effects,
	    stand_text(stand, "SELECT reason FROM outbox_status WHERE id = %lld", (long long)id));
	return 1;
}

static void
every_fault(struct stand *stand, int profile)
{
	int64_t ids[FAULTS];
	int wrong = 0;

	insert_all(stand, profile, ids);
	stand_start(stand);
	/* Rows that wait behind a redirect wait for a person. */
	for (int f = 0; f < FAULTS; f++) {
		char where[128];

		if (!faults[f].releases)
			continue;
		snprintf(
		    where, sizeof(where), "'release', '%s-%s'", profiles[profile], faults[f].name);
		assert_true(stand_wait(stand,
		    "SELECT count(*) FROM outbox_destination WHERE destination = '%s-%s' AND held",
		    profiles[profile], faults[f].name));
		assert_string_equal(stand_ask(stand, "command, destination", where, NULL), "done");
	}
	assert_true(stand_wait_settled(stand));
	for (int f = 0; f < FAULTS; f++)
		wrong += check_one(stand, &faults[f], profile, ids[f]);
	oracle_check(stand, ORACLE_FINISHED);
	assert_int_equal(wrong, 0);
	assert_int_equal(gateway_canary_hits(stand_canary(stand)), 0);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

static void
every_fault_at_vrio(void **state)
{
	every_fault(*state, 0);
}

static void
every_fault_at_travlinq(void **state)
{
	every_fault(*state, 1);
}

static void
every_fault_at_riverty(void **state)
{
	every_fault(*state, 2);
}

static void
every_fault_at_a_generic_api(void **state)
{
	every_fault(*state, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(every_fault_at_vrio), TEST(every_fault_at_travlinq),
	    TEST(every_fault_at_riverty), TEST(every_fault_at_a_generic_api)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
