/*
 * test_timeline.c - whose word counts for the time (promise P11): jumps of ten years, slews,
 * suspend, witnesses, the mark.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/timeline.h"
#include "core/txn.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)
#define YEAR (365 * DAY)
#define WALL (INT64_C(1790000000) * SECOND)
#define BOOT (5 * DAY)

static struct timeline
started(void)
{
	struct timeline line;

	timeline_start(&line, WALL, BOOT, WALL - MINUTE);
	assert_true(line.trusted);
	return line;
}

static void
test_the_mark(void **state)
{
	static const struct {
		int64_t mark;
		bool trusted;
	} marks[] = {
	    {TIME_NONE, true}, /* the first start */
	    {WALL, true},
	    {WALL - 1, true},
	    {WALL - 30 * DAY, true},
	    {WALL - 30 * DAY - 1, false}, /* nobody is away for so long */
	    {WALL + 1, false},            /* it was later than this already */
	    {WALL + 10 * YEAR, false},
	    {0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(marks); i++) {
		struct timeline line;

		timeline_start(&line, WALL, BOOT, marks[i].mark);
		assert_int_equal(line.trusted, marks[i].trusted);
		assert_int_equal(timeline_read(&line, WALL, BOOT, NULL), WALL);
	}
}

static void
test_time_passes(void **state)
{
	struct timeline line = started();
	bool jumped = true;

	(void)state;
	assert_int_equal(timeline_read(&line, WALL + DAY, BOOT + DAY, &jumped), WALL + DAY);
	assert_false(jumped);
	assert_true(line.trusted);
}

/* NTP slews and steps of up to a minute are followed, also many of them in a row. */
static void
test_small_differences_are_followed(void **state)
{
	struct timeline line = started();
	int64_t wall = WALL;
	int64_t boot = BOOT;
	bool jumped;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		boot += SECOND;
		wall += SECOND + (i % 2 == 0 ? 30 : -5) * SECOND;
		assert_int_equal(timeline_read(&line, wall, boot, &jumped), wall);
		assert_false(jumped);
	}
	assert_int_equal(timeline_read(&line, wall + MINUTE, boot, &jumped), wall + MINUTE);
	assert_false(jumped);
	assert_int_equal(timeline_read(&line, wall, boot, &jumped), wall);
	assert_true(line.trusted);
}

static void
test_jumps(void **state)
{
	static const int64_t jumps[] = {
	    MINUTE + 1, -MINUTE - 1, 2 * DAY, -2 * DAY, 10 * YEAR, -10 * YEAR, -WALL /* 1970 */};

	(void)state;
	for (size_t i = 0; i < COUNT(jumps); i++) {
		struct timeline line = started();
		bool jumped;

		/* It goes on with the boot clock, as if nothing had happened. */
		assert_int_equal(
		    timeline_read(&line, WALL + jumps[i] + SECOND, BOOT + SECOND, &jumped),
		    WALL + SECOND);
		assert_true(jumped);
		assert_false(line.trusted);
		assert_int_equal(
		    timeline_read(&line, WALL + jumps[i] + DAY, BOOT + DAY, &jumped), WALL + DAY);
		assert_false(jumped); /* told once */
		/* Back again is a second jump, not a cure: who knows which of them was wrong. */
		assert_int_equal(
		    timeline_read(&line, WALL + DAY + SECOND, BOOT + DAY + SECOND, &jumped),
		    WALL + DAY + SECOND);
		assert_false(jumped);
		assert_false(line.trusted);
	}
}

/* The boot clock runs on in suspend: a night's sleep is no jump. */
static void
test_suspend(void **state)
{
	struct timeline line = started();
	bool jumped;

	(void)state;
	assert_int_equal(timeline_read(&line, WALL + 3 * DAY + 200, BOOT + 3 * DAY, &jumped),
	    WALL + 3 * DAY + 200);
	assert_false(jumped);
	assert_true(line.trusted);
}

static void
test_a_witness_brings_trust_back(void **state)
{
	struct timeline line = started();
	int64_t wall = WALL + 2 * DAY;

	(void)state;
	(void)timeline_read(&line, wall, BOOT, NULL);
	assert_false(line.trusted);
	assert_false(timeline_witness(&line, wall, BOOT, wall - 5 * MINUTE - 1));
	assert_false(timeline_witness(&line, wall, BOOT, wall + 5 * MINUTE + 1));
	assert_false(timeline_witness(
	    &line, wall, BOOT, WALL)); /* it agrees with the time before the jump */
	assert_false(timeline_witness(&line, wall, BOOT, 0));
	assert_false(line.trusted);
	assert_int_equal(timeline_read(&line, wall, BOOT, NULL), WALL);
	assert_true(timeline_witness(&line, wall, BOOT, wall + 5 * MINUTE));
	assert_true(line.trusted);
	assert_int_equal(timeline_read(&line, wall + 7, BOOT + 7, NULL), wall + 7);
}

/* A gateway whose clock is wrong changes nothing while ours is trusted. */
static void
test_a_witness_takes_no_trust(void **state)
{
	struct timeline line = started();

	(void)state;
	assert_false(timeline_witness(&line, WALL, BOOT, WALL - 10 * YEAR));
	assert_true(line.trusted);
	assert_false(timeline_witness(&line, WALL, BOOT, WALL));
	assert_int_equal(timeline_read(&line, WALL, BOOT, NULL), WALL);
}

/* The jump happened, and somebody mended the clock: the witness confirms what the wall says now. */
static void
test_mended(void **state)
{
	struct timeline line = started();
	bool jumped;

	(void)state;
	(void)timeline_read(&line, WALL - 10 * YEAR, BOOT, NULL);
	(void)timeline_read(&line, WALL + SECOND, BOOT + SECOND, NULL);
	assert_false(line.trusted);
	assert_true(timeline_witness(&line, WALL + SECOND, BOOT + SECOND, WALL));
	assert_int_equal(
	    timeline_read(&line, WALL + 2 * SECOND, BOOT + 2 * SECOND, &jumped), WALL + 2 * SECOND);
	assert_false(jumped);
}

static void
test_the_operator_confirms(void **state)
{
	struct timeline line = started();

	(void)state;
	(void)timeline_read(&line, WALL + 10 * YEAR, BOOT, NULL);
	timeline_confirm(&line, WALL + 10 * YEAR, BOOT);
	assert_true(line.trusted);
	assert_int_equal(
	    timeline_read(&line, WALL + 10 * YEAR + 5, BOOT + 5, NULL), WALL + 10 * YEAR + 5);
}

/* Doubtful at start: goes on from what the wall said, until it is confirmed. */
static void
test_start_in_doubt(void **state)
{
	struct timeline line;
	bool jumped;

	(void)state;
	timeline_start(&line, WALL, BOOT, WALL + YEAR);
	assert_int_equal(timeline_read(&line, WALL + DAY, BOOT + SECOND, &jumped), WALL + SECOND);
	assert_false(jumped); /* there was no trust to lose */
	assert_false(line.trusted);
	assert_true(timeline_witness(&line, WALL + DAY, BOOT + SECOND, WALL + DAY));
	assert_int_equal(timeline_read(&line, WALL + DAY, BOOT + SECOND, NULL), WALL + DAY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_mark),
	    cmocka_unit_test(test_time_passes),
	    cmocka_unit_test(test_small_differences_are_followed),
	    cmocka_unit_test(test_jumps),
	    cmocka_unit_test(test_suspend),
	    cmocka_unit_test(test_a_witness_brings_trust_back),
	    cmocka_unit_test(test_a_witness_takes_no_trust),
	    cmocka_unit_test(test_mended),
	    cmocka_unit_test(test_the_operator_confirms),
	    cmocka_unit_test(test_start_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
