/*
 * oracle.c - joins the delivery with the gateway's logs, in an in-memory database, and asks for
 * what must not be.
 */
#include "lib/oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon_parts.h"

/* One line per row: what outboxd says of it, and what the gateway saw. */
static const char facts[] =
    "CREATE TABLE fact AS SELECT d.outbox_id AS id, d.destination, d.operation, d.reference, "
    "d.state, d.result,"
    "  d.kind, d.attempts, d.exposed_at, d.deadline_at, d.fetch_url, d.idempotency_key, d.reason,"
    "  d.reference || ' (row ' || d.outbox_id || ', ' || d.destination || ' ' || d.operation || "
    "')' AS name,"
    "  coalesce(d.reason, '') LIKE 'resolved by%' AS resolved,"
    "  (SELECT count(*) FROM shop.outbox_control c WHERE c.outbox_id = d.outbox_id AND c.command = "
    "'retry'"
    "    AND c.status = 'done') AS retries,"
    "  (SELECT count(*) FROM shop.outbox_control c WHERE c.outbox_id = d.outbox_id AND c.command = "
    "'retry'"
    "    AND c.status = 'done' AND (c.key_mode = 'new' OR c.argument = 'resubmit')) AS new_keys,"
    "  (SELECT count(*) FROM effect e WHERE e.reference = d.reference"
    "    AND (e.operation = d.operation OR e.gateway = 'generic')) AS effects,"
    "  (SELECT count(*) FROM request r WHERE r.row = d.outbox_id AND r.phase = 'submit') AS "
    "submits,"
    /* not answered by a status that proves that nothing happened */
    "  (SELECT count(*) FROM request r WHERE r.row = d.outbox_id AND r.phase = 'submit' AND "
    "(r.effect OR NOT"
    "    (r.status IN (401, 429) OR (r.gateway = 'vrio' AND r.status = 403)"
    "    OR (r.gateway = 'travlinq' AND r.status = 503)))) AS doubtful,"
    "  (SELECT count(DISTINCT r.sha256) FROM request r WHERE r.row = d.outbox_id AND r.phase = "
    "'submit'"
    "    AND coalesce(r.fault, '') <> 'incomplete request') AS hashes,"
    "  (SELECT min(r.arrived) FROM request r WHERE r.row = d.outbox_id AND r.phase = 'poll') AS "
    "first_poll,"
    "  (SELECT max(r.arrived) FROM request r WHERE r.row = d.outbox_id AND r.phase = 'submit') AS "
    "last_submit,"
    "  (SELECT count(*) FROM request r WHERE r.row = d.outbox_id AND r.phase = 'submit' AND r.key "
    "IS NOT NULL"
    "    AND r.key IS NOT d.idempotency_key) AS other_keys"
    " FROM shop.outbox_delivery d";

/* Which row a request belonged to: same reference, and its target is the row's URL (a poll: any).
 */
static const char rows_of_requests[] =
    "CREATE INDEX shop_reference ON known (reference);"
    "UPDATE request SET row = (SELECT k.id FROM known k WHERE k.reference = request.reference"
    "  AND (k.url IS NULL OR request.phase <> 'submit' OR substr(k.url, -length(request.target)) ="
    "  request.target) ORDER BY k.url IS NULL LIMIT 1);"
    "CREATE INDEX request_row ON request (row, phase);"
    "CREATE INDEX effect_reference ON effect (reference)";

struct promise {
	const char *what;
	bool finished_only;
	bool not_restored;
	const char *sql; /* names of what breaks it */
};

static const struct promise promises[] = {
    {"succeeded is exactly one effect", false, false,
	"SELECT name || ': ' || effects || ' effects' FROM fact WHERE result = 'succeeded' AND NOT "
	"resolved"
	" AND kind <> 'safe' AND new_keys = 0 AND effects <> 1"},
    {"failed, expired, canceled and invalid are no effect", false, false,
	"SELECT name || ' is ' || result || ': ' || effects || ' effects' FROM fact WHERE NOT "
	"resolved"
	" AND result IN ('failed', 'expired', 'canceled', 'invalid') AND effects > 0 AND new_keys "
	"= 0"},
    {"never two effects", false, false,
	"SELECT name || ': ' || effects || ' effects' FROM fact WHERE effects > 1 + new_keys"},
    {"expired, canceled and invalid were never sent in doubt", false, false,
	"SELECT name || ': ' || doubtful || ' requests' FROM fact"
	" WHERE result IN ('expired', 'canceled', 'invalid') AND doubtful > 0 AND NOT resolved"},
    {"succeeded and failed were sent", false, false,
	"SELECT name || ' is ' || result FROM fact WHERE result IN ('succeeded', 'failed') AND "
	"submits = 0 AND NOT"
	" resolved"},
    {"keyless: one request that is not proven undone", false, false,
	"SELECT name || ': ' || doubtful || ' requests' FROM fact WHERE coalesce(kind, 'keyless') "
	"= 'keyless'"
	" AND doubtful > 1 + retries"},
    {"keyed: the same request each time", false, false,
	"SELECT name || ': ' || hashes || ' different requests' FROM fact WHERE hashes > 1 + "
	"new_keys"},
    {"the key on the wire is the key in the database", false, false,
	"SELECT name FROM fact WHERE other_keys > 0 AND new_keys = 0"},
    {"keyless: no submit once it is polled", false, false,
	"SELECT name FROM fact WHERE kind = 'keyless' AND last_submit > first_poll AND retries = "
	"0"},
    /* A kill while an answer was under way costs one, at a gateway that forgives it
       (--fetch-grace). */
    {"no poll of a fetch URL that was replaced", false, false,
	"SELECT r.reference || ': ' || count(*) FROM request r WHERE stale GROUP BY row HAVING "
	"count(*) > (SELECT count"
	" FROM kills)"},
    {"no poll of a fetch URL that was replaced, but after a kill", false, false,
	"SELECT reference FROM request r WHERE stale AND EXISTS (SELECT 1 FROM mark) AND NOT "
	"EXISTS (SELECT 1 FROM mark"
	" WHERE mark.n < r.arrived AND mark.n > (SELECT max(p.arrived) FROM request p WHERE p.row "
	"= r.row AND"
	" p.arrived < r.arrived AND (NOT p.stale OR (p.status / 100 = 2 AND p.fault IS NULL))))"},
    {"no poll of a fetch URL when a newer one was used", false, false,
	"SELECT target || ' ' || reference FROM request WHERE stale AND status = 404 AND gateway = "
	"'travlinq'"},
    {"nothing leaves before its intent is on disk", false, true,
	"SELECT name || ': ' || submits || ' requests, ' || attempts || ' attempts' FROM fact"
	" WHERE submits > attempts"},
    {"what was sent is known to be sent", false, true,
	"SELECT name || ' is ' || state FROM fact WHERE submits > 0 AND state IN ('blocked', "
	"'queued')"},
    {"every effect has its row", false, true,
	"SELECT DISTINCT reference || ' ' || operation FROM effect WHERE reference NOT IN (SELECT "
	"reference FROM"
	" known)"},
    {"every request has its row", false, true,
	"SELECT DISTINCT phase || ' ' || target || ' ' || reference FROM request WHERE row IS NULL "
	"AND phase <>"
	" 'login' AND coalesce(fault, '') <> 'incomplete request'"},
    {"every row has a delivery", false, false,
	"SELECT 'row ' || id FROM shop.outbox WHERE id NOT IN (SELECT outbox_id FROM "
	"shop.outbox_delivery)"},
    {"done has its result, and only done", false, false,
	"SELECT name FROM fact LEFT JOIN shop.outbox_result r ON r.outbox_id = fact.id"
	" WHERE fact.result IS NOT r.result"},
    {"keys are not shared", false, false,
	"SELECT key FROM request WHERE key IS NOT NULL AND phase = 'submit' GROUP BY gateway, key"
	" HAVING count(DISTINCT row) > 1"},
    {"nothing open", true, false,
	"SELECT name || ' is ' || state FROM fact WHERE state NOT IN ('done', 'held') AND NOT "
	"(state = 'blocked'"
	" AND EXISTS (SELECT 1 FROM shop.outbox_stuck s WHERE s.id = fact.id))"},
    {"held and unknown are in outbox_stuck", false, false,
	"SELECT name FROM fact WHERE (state = 'held' OR result = 'unknown') AND id NOT IN (SELECT "
	"id FROM"
	" shop.outbox_stuck)"},
    {"every exchange that ended is on record", false, true,
	"SELECT name || ': ' || recorded || ' of ' || submits FROM (SELECT *, (SELECT "
	"coalesce(sum(count), 0)"
	" FROM shop.outbox_attempt a WHERE a.outbox_id = fact.id AND phase = 'submit' AND evidence "
	"<> 'unsent')"
	" AS recorded FROM fact) WHERE state <> 'sending' AND recorded < submits"
	" AND id IN (SELECT id FROM shop.outbox)"},
    {"the database is whole", false, false,
	"SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
};

static void
must(sqlite3 *db, int code)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	fprintf(stderr, "oracle: %s\n", sqlite3_errmsg(db));
	abort();
}

static void
bind_member(sqlite3 *db, sqlite3_stmt *statement, int index, const cJSON *entry, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(entry, name);

	if (cJSON_IsString(member))
		must(db,
		    sqlite3_bind_text(statement, index, member->valuestring, -1, SQLITE_TRANSIENT));
	else if (cJSON_IsNumber(member))
		must(db, sqlite3_bind_int64(statement, index, (sqlite3_int64)member->valuedouble));
	else if (cJSON_IsBool(member))
		must(db, sqlite3_bind_int(statement, index, cJSON_IsTrue(member)));
	else
		must(db, sqlite3_bind_null(statement, index));
}

/* Into a table of these columns, in the log's order. */
static void
load(sqlite3 *db, cJSON *log, const char *insert, const char *const *names)
{
	sqlite3_stmt *statement = NULL;
	const cJSON *entry;

	stand_must(log != NULL, "the gateway's log");
	must(db, sqlite3_prepare_v2(db, insert, -1, &statement, NULL));
	cJSON_ArrayForEach(entry, log)
	{
		for (int i = 0; names[i] != NULL; i++)
			bind_member(db, statement, i + 1, entry, names[i]);
		must(db, sqlite3_step(statement));
		must(db, sqlite3_reset(statement));
	}
	must(db, sqlite3_finalize(statement));
	cJSON_Delete(log);
}

static void
load_logs(sqlite3 *db, const struct gateway *gateway)
{
	static const char *const effect[] = {"gateway", "operation", "reference", "key", NULL};
	static const char *const request[] = {"gateway", "phase", "target", "reference", "key",
	    "sha256", "status", "fault", "effect", "replay", "stale", NULL};

	/* The log is in the order of arrival; a gateway that was started again counts from one. */
	must(db, sqlite3_exec(db,
		     "CREATE TABLE effect (gateway, operation, reference, key);"
		     "CREATE TABLE request (arrived INTEGER PRIMARY KEY, gateway, phase, target, "
		     "reference, "
		     "key, sha256,"
		     " status, fault, effect, replay, stale, row INTEGER)",
		     NULL, NULL, NULL));
	load(db, gateway_effect_log(gateway), "INSERT INTO effect VALUES (?, ?, ?, ?)", effect);
	load(db, gateway_request_log(gateway),
	    "INSERT INTO request (gateway, phase, target, reference, key, sha256, status, "
	    "fault, effect,"
	    " replay, stale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    request);
}

/* How many kills there were, and which requests the test itself sent to mark them in the log. */
static void
load_kills(sqlite3 *db, const struct stand *stand)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
	    "CREATE TABLE kills (count); INSERT INTO kills VALUES (%d);"
	    "CREATE TABLE mark AS SELECT arrived AS n FROM request WHERE target LIKE '" ORACLE_MARK
	    "%%';"
	    "DELETE FROM request WHERE target LIKE '" ORACLE_MARK "%%'",
	    stand->kills);
	must(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* The requests of a reference that is named so or begins a line so, in the gateway's order. */
static void
show_requests(sqlite3 *db, const char *name)
{
	sqlite3_stmt *statement = NULL;

	must(
	    db, sqlite3_prepare_v2(db,
		    "SELECT 'request ' || arrived || ', after mark ' || (SELECT count(*) FROM mark"
		    " WHERE n < arrived) || ': ' || phase || ' ' || target || ', status ' || status"
		    " || coalesce(', ' || fault, '') || iif(stale, ', old URL', '') FROM request"
		    " WHERE ?1 = reference OR instr(?1, reference || ' ') = 1 OR instr(?1, "
		    "reference || ':') = 1 ORDER BY arrived LIMIT 40",
		    -1, &statement, NULL));
	must(db, sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC));
	while (sqlite3_step(statement) == SQLITE_ROW)
		fprintf(stderr, "    %s\n", (const char *)sqlite3_column_text(statement, 0));
	must(db, sqlite3_finalize(statement));
}

static int
broken(sqlite3 *db, const struct promise *promise)
{
	sqlite3_stmt *statement = NULL;
	int count = 0;

	must(db, sqlite3_prepare_v2(db, promise->sql, -1, &statement, NULL));
	while (sqlite3_step(statement) == SQLITE_ROW && ++count <= 10) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);

		fprintf(stderr, "ORACLE: %s: %s\n", promise->what, name);
		show_requests(db, name);
	}
	must(db, sqlite3_finalize(statement));
	return count;
}

int
oracle_violations(struct stand *stand, enum oracle_scope scope)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *attach = NULL;
	int count = 0;

	must(db, sqlite3_open(":memory:", &db));
	must(db, sqlite3_busy_timeout(db, 30000));
	must(db, sqlite3_prepare_v2(db, "ATTACH ? AS shop", -1, &attach, NULL));
	must(db, sqlite3_bind_text(attach, 1, stand->database, -1, SQLITE_STATIC));
	must(db, sqlite3_step(attach));
	must(db, sqlite3_finalize(attach));
	must(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
	/* The database first: what a running daemon sends later cannot be missing from the log. */
	must(db, sqlite3_exec(db,
		     "CREATE TABLE known AS SELECT outbox_id AS id, reference, url FROM "
		     "shop.outbox_delivery",
		     NULL, NULL, NULL));
	load_logs(db, stand->gateway);
	load_kills(db, stand);
	must(db, sqlite3_exec(db, rows_of_requests, NULL, NULL, NULL));
	must(db, sqlite3_exec(db, facts, NULL, NULL, NULL));
	for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
		if (promises[i].finished_only && scope != ORACLE_FINISHED)
			continue;
		if (promises[i].not_restored && scope == ORACLE_RESTORED)
			continue;
		count += broken(db, &promises[i]);
	}
	sqlite3_close(db);
	return count;
}

void
oracle_assert(struct stand *stand, enum oracle_scope scope, const char *file, int line)
{
	int count = oracle_violations(stand, scope);

	if (count == 0)
		return;
	stand_show(stand);
	print_error("%s:%d: %d violations, see above\n", file, line, count);
	fail();
}
