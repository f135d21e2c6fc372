/*
 * test_outboxd_outage.c - one bad row and two bad gateways beside a thousand good rows (T41, P17),
 * and a gateway that answers 503 to everything with a backlog due, and comes back (T42, P18).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/tally.h"

enum { SECONDS_MAX = 1200 };

/* n orders in one transaction. */
static void
sell(struct stand *stand, const char *destination, const char *name, int n)
{
	stand_exec(stand,
	    "WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < %d)"
	    " INSERT INTO outbox (destination, operation, reference, body) SELECT '%s', "
	    "'authorize', '%s-' || n,"
	    " '{\"order\":{\"number\":\"%s-' || n || '\",\"totalGrossAmount\":1.00}}' FROM i",
	    n, destination, name, name);
}

static int64_t
drain_ms(struct stand *stand, const char *destination)
{
	int64_t began = stand_clock_ms();

	assert_true(stand_wait(stand,
	    "SELECT NOT EXISTS (SELECT 1 FROM outbox_delivery WHERE destination = '%s' AND state "
	    "<> 'done')",
	    destination));
	return stand_clock_ms() - began;
}

static void
bad_neighbours_delay_nobody(void **state)
{
	struct stand *stand = *state;
	int rows = (int)extent_of(300, 1000, 1000);
	int64_t alone;
	int64_t beside;
	long wrong;

	assert_int_equal(
	    gateway_script(stand->gateway,
		"dead-* submit * silence\npoison submit * status 500\n* submit * delay 5\n"),
	    0);
	stand_destination(stand, "good", "riverty", "retry_base = \"20ms\";");
	stand_destination(stand, "hangs", "riverty", "request_timeout = \"60s\";");
	stand_destination(stand, "refuses", "riverty", "base_url = \"http://127.0.0.1:1\";");
	stand_start(stand);
	assert_true(stand_wait_listening(stand));
	sell(stand, "good", "alone", rows);
	alone = drain_ms(stand, "good");
	sell(stand, "hangs", "dead", 200);
	sell(stand, "refuses", "none", 200);
	stand_sleep_ms(300);
	(void)stand_order(stand, "good", "riverty", "poison");
	sell(stand, "good", "beside", rows);
	beside = drain_ms(stand, "good");
	/* a repeat may never be answered otherwise: replayed for ever */
	wrong = (long)stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE destination "
					  "= 'good' AND result IS NOT 'succeeded'"
					  " AND reference <> 'poison'");
	tally("poison row, hanging and refusing gateway", rows, wrong + (beside > 2 * alone + 500),
	    "%d good rows in %lld ms alone, %lld ms beside them; the poison row: %s after %lld "
	    "attempts",
	    rows, (long long)alone, (long long)beside,
	    stand_text(stand,
		"SELECT coalesce(result, state) FROM outbox_status WHERE reference = 'poison'"),
	    (long long)stand_number(
		stand, "SELECT attempts FROM outbox_status WHERE reference = 'poison'"));
	oracle_check(stand, ORACLE_UNDERWAY);
	assert_int_equal(wrong, 0);
	/* half a second for a busy machine */
	assert_true(beside <= 2 * alone + 500);
}

/* Requests of a destination's rows by second since the gateway's first; the last second that saw
 * one. */
static int
by_second(struct stand *stand, const char *prefix, int counts[SECONDS_MAX], int64_t since_ms)
{
	cJSON *log = gateway_request_log(stand->gateway);
	const cJSON *entry;
	int last = 0;

	assert_non_null(log);
	memset(counts, 0, SECONDS_MAX * sizeof(counts[0]));
	cJSON_ArrayForEach(entry, log)
	{
		const char *reference =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "reference"));
		double second =
		    (cJSON_GetObjectItemCaseSensitive(entry, "t")->valuedouble - (double)since_ms) /
		    1000.0;

		if (reference == NULL || strncmp(reference, prefix, strlen(prefix)) != 0 ||
		    second < 0 || second >= SECONDS_MAX)
			continue;
		counts[(int)second]++;
		if ((int)second > last)
			last = (int)second;
	}
	cJSON_Delete(log);
	return last;
}

static int64_t
wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct rate {
	double mean;
	int peak;
	long all;
};

static struct rate
rate_of(const int *counts, int from, int to)
{
	struct rate rate = {0};

	for (int i = from; i < to; i++) {
		rate.all += counts[i];
		if (counts[i] > rate.peak)
			rate.peak = counts[i];
	}
	rate.mean = to > from ? (double)rate.all / (to - from) : 0;
	return rate;
}

/*
 * The production settings but for their scale: rate 100/s, ramp and probes in seconds. While it is
 * down, the gateway sees a probe now and then; when it is back, the limit is kept and the backlog
 * drains without anybody's help; another gateway notices nothing.
 */
static void
an_outage_and_its_end(void **state)
{
	enum { LIMIT = 100 };
	static int counts[SECONDS_MAX];
	struct stand *stand = *state;
	int rows = (int)extent_of(400, 1000, 10000);
	int outage_s = (int)extent_of(6, 15, 300);
	int settle_s = (int)extent_of(2, 5, 60); /* how long it takes until retries have spread */
	struct rate normal;
	struct rate down;
	struct rate up;
	int64_t began;
	int64_t returned;
	int64_t drained;
	int other_before;
	int other;
	long wrong = 0;
	int back;
	int last;

	stand_destination(stand, "big", "riverty",
	    "rate = \"100/s\"; ramp = \"2s\"; retry_base = \"500ms\"; retry_cap = \"4s\";"
	    " probe_interval = \"1s\"; probe_interval_max = \"4s\"; concurrency = 8;");
	stand_destination(stand, "other", "riverty", "");
	stand_start(stand);
	assert_true(stand_wait_listening(stand));
	/* what it does when all is well */
	began = wall_ms();
	sell(stand, "big", "well", LIMIT * 3);
	(void)drain_ms(stand, "big");
	last = by_second(stand, "well", counts, began);
	normal = rate_of(counts, 0, last + 1);

	assert_int_equal(gateway_script(stand->gateway, "big-* submit * status 503\n"), 0);
	began = wall_ms();
	sell(stand, "big", "big", rows);
	other_before = gateway_requests(stand->gateway, NULL, "submit");
	for (int i = 0; i < outage_s * 5; i++) {
		char name[32];

		snprintf(name, sizeof(name), "other%d", i);
		(void)stand_order(stand, "other", "riverty", name);
		stand_sleep_ms(200);
	}
	(void)other_before;
	other = (int)stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE destination = "
					 "'other' AND result = 'succeeded'");
	back = (int)((wall_ms() - began) / 1000);
	assert_int_equal(gateway_script(stand->gateway, "clear\n"), 0);
	returned = stand_clock_ms();
	while (stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE destination = 'big' "
				   "AND state <> 'done'") > 0 &&
	       stand_clock_ms() < returned + (int64_t)rows * 1000 / LIMIT * 3 + 60000)
		stand_sleep_ms(100);
	drained = stand_clock_ms() - returned;
	last = by_second(stand, "big-", counts, began);
	down = rate_of(counts, settle_s, back);
	up = rate_of(counts, back + 1, last + 1);
	wrong += down.mean > normal.mean * 1.1;
	wrong += down.peak > LIMIT * 1.2;
	wrong += up.peak > LIMIT * 1.2; /* seconds of two clocks */
	/* two caps of waiting, then the limit's own time, twice */
	wrong += drained > 2 * ((int64_t)rows * 1000 / LIMIT) + 8000;
	wrong += stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE destination = "
				     "'big' AND result IS NOT 'succeeded'") != 0;
	wrong += other < outage_s * 5 - 3;
	tally("503 with a backlog due, and the return", rows, wrong,
	    "limit %d/s; well: %.0f/s; down %d s: mean %.1f/s, peak %d/s; back: peak %d/s, drained "
	    "in %.1f s (ideal %.1f); other gateway"
	    " meanwhile %d of %d",
	    LIMIT, normal.mean, outage_s, down.mean, down.peak, up.peak, (double)drained / 1000.0,
	    (double)rows / LIMIT, other, outage_s * 5);
	oracle_check(stand, ORACLE_UNDERWAY);
	assert_int_equal(wrong, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(bad_neighbours_delay_nobody), TEST(an_outage_and_its_end)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
