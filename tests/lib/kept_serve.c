/*
 * kept_serve.c - what becomes of the rows of a kept database (tests/upgrade/README.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/kept.h"

static int64_t
id_of(struct stand *stand, const char *reference)
{
	return stand_number(
	    stand, "SELECT outbox_id FROM outbox_delivery WHERE reference = '%s'", reference);
}

/* What the gateway is asked in the name of a row: how often, and that the key is the one that the
 * kept row has. */
static void
assert_sent(struct stand *stand, const char *reference, int submits, int effects)
{
	cJSON *log = gateway_request_log(stand->gateway);
	const char *key = stand_text(stand,
	    "SELECT coalesce(idempotency_key, '') FROM outbox_delivery WHERE reference = '%s'",
	    reference);
	const cJSON *entry;

	cJSON_ArrayForEach(entry, log)
	{
		const cJSON *who = cJSON_GetObjectItem(entry, "reference");
		const cJSON *phase = cJSON_GetObjectItem(entry, "phase");
		const cJSON *sent = cJSON_GetObjectItem(entry, "key");

		if (cJSON_IsString(who) && strcmp(who->valuestring, reference) == 0 &&
		    strcmp(phase->valuestring, "submit") == 0)
			assert_string_equal(cJSON_IsString(sent) ? sent->valuestring : "", key);
	}
	cJSON_Delete(log);
	assert_int_equal(gateway_requests(stand->gateway, reference, "submit"), submits);
	assert_int_equal(gateway_effects(stand->gateway, reference), effects);
}

void
kept_end_with(struct stand *stand, const char *reference, const char *outcome)
{
	if (strcmp(stand_await(stand, id_of(stand, reference)), outcome) != 0) {
		stand_show(stand);
		fail_msg("%s did not end %s", reference, outcome);
	}
}

static char *
frozen_parts(struct stand *stand)
{
	return strdup(stand_text(stand,
	    "SELECT group_concat(outbox_id || method || url || coalesce(idempotency_key, '-') ||"
	    " hex(request_hash)) FROM outbox_delivery WHERE outbox_id <= 21 AND outbox_id NOT IN "
	    "(14, 15) AND request_hash"
	    " IS NOT NULL"));
}

static char *
old_results(struct stand *stand)
{
	return strdup(stand_text(stand, "SELECT group_concat(outbox_id || result || "
					"coalesce(http_status, '') || coalesce(body, '')"
					" || coalesce(reason, '') || finished_at || revision) FROM "
					"outbox_result WHERE outbox_id < 14"));
}

void
kept_serve_on(struct stand *stand)
{
	char *frozen = frozen_parts(stand);
	char *results = old_results(stand);
	char *after;

	stand_start(stand);
	/* in flight when the old daemon was killed */
	kept_end_with(stand, "sending-keyed", "succeeded");
	kept_end_with(stand, "sending-keyless", "unknown");
	kept_end_with(stand, "retry", "succeeded");
	kept_end_with(stand, "polled", "succeeded");
	kept_end_with(stand, "slow-polled", "succeeded");
	kept_end_with(stand, "child", "succeeded");
	kept_end_with(stand, "queued-keyed", "succeeded");
	kept_end_with(stand, "queued-keyless", "succeeded");
	kept_end_with(stand, "queued-expires", "succeeded");
	/* the operator's request that the old daemon did not live to see */
	kept_end_with(stand, "claimed", "canceled");
	assert_sent(stand, "sending-keyed", 1, 0); /* the gateway gave its first answer again */
	assert_sent(stand, "retry", 1, 0);
	assert_sent(stand, "sending-keyless", 0, 0);
	assert_sent(stand, "polled", 0, 0);
	assert_sent(stand, "slow-polled", 0, 0);
	assert_sent(stand, "child", 1, 1);
	assert_sent(stand, "queued-keyed", 1, 1);
	assert_sent(stand, "queued-keyless", 1, 1);
	assert_sent(stand, "queued-expires", 1, 1);
	/* holds are kept, and can be ended */
	assert_string_equal(stand_outcome(stand, id_of(stand, "waiting")), "queued");
	assert_string_equal(stand_outcome(stand, id_of(stand, "held")), "held");
	assert_string_equal(stand_outcome(stand, id_of(stand, "foreign")), "held");
	assert_string_equal(stand_ask(stand, "command, outbox_id", "'release', 14", NULL), "done");
	assert_string_equal(
	    stand_ask(stand, "command, destination", "'release', 'paused'", NULL), "done");
	kept_end_with(stand, "held", "succeeded");
	kept_end_with(stand, "waiting", "succeeded");
	/* results, references and the frozen requests are what they were */
	after = frozen_parts(stand);
	assert_string_equal(after, frozen);
	free(after);
	after = old_results(stand);
	assert_string_equal(after, results);
	free(after);
	assert_string_equal(stand_outcome(stand, id_of(stand, "lost")), "unknown");
	for (int id = 1; id < 14; id++)
		assert_int_equal(gateway_requests(stand->gateway,
				     stand_text(stand,
					 "SELECT reference FROM outbox_delivery WHERE"
					 " outbox_id = %d",
					 id),
				     NULL),
		    0);
	assert_int_not_equal(stand_try(stand, "INSERT INTO outbox (destination, operation, "
					      "reference, body) VALUES ('riverty', 'authorize',"
					      " 'deleted', '{}')"),
	    SQLITE_OK);
	assert_string_equal(stand_ask(stand, "command, outbox_id, argument, text",
				"'retry', 10, 'resubmit', 'no such order'", NULL),
	    "done");
	kept_end_with(stand, "lost", "succeeded");
	assert_sent(stand, "lost", 1, 1);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM orders"), 2);
	assert_int_not_equal(stand_try(stand, "UPDATE orders SET number = 'x'"), SQLITE_OK);
	assert_int_equal(stand_stop(stand), 0);
	free(frozen);
	free(results);
}
