/*
 * test_upgrade.c - a database that an earlier version left behind (schema-N.sql), killed with rows
 * in every state: this version serves it on, and so does the next one (outboxd-next) once its init
 * has upgraded it. Nothing of it is lost, sent twice or sent under another key.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "edge/store.h"
#include "lib/kept.h"
#include "lib/scratch.h"

enum { EX_TEMPORARY = 75, EX_CONFIGURATION = 78, CRITICAL = 2 };

struct place {
	void *directory;
	char memory[400];
	struct stand *stand;
};

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)scratch_setup(&place->directory);
	snprintf(place->memory, sizeof(place->memory), "%s/memory", (char *)place->directory);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;

	unsetenv("OUTBOXD");
	stand_free(place->stand);
	scratch_teardown(&place->directory);
	free(place);
	return 0;
}

/* The stand with what version `schema` left, and with the gateway that it talked to. */
static struct stand *
load(struct place *place, int schema)
{
	char name[40];
	char *memory;
	size_t length;

	snprintf(name, sizeof(name), "schema-%d.gateway", schema);
	memory = scratch_read(kept_path(name), &length);
	scratch_write(place->memory, memory, length);
	free(memory);
	stand_free(place->stand);
	place->stand = kept_stand(place->memory);
	snprintf(name, sizeof(name), "schema-%d.sql", schema);
	kept_load(place->stand, kept_path(name));
	stand_configure(place->stand);
	return place->stand;
}

static void
become_next(void)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s", stand_binary());
	*strrchr(path, '/') = '\0';
	strcat(path, "/tests/upgrade/outboxd-next");
	setenv("OUTBOXD", path, 1);
}

/* "outboxd WORD --database|--config": its exit status, and these words in what it says. */
static void
says(struct stand *stand, const char *word, int status, const char *words)
{
	bool database = strcmp(word, "init") == 0 || strcmp(word, "status") == 0;
	const char *all[] = {word, database ? "--database" : "--config",
	    database ? stand->database : stand->config, NULL};
	int got;
	const char *output = stand_command(stand, &got, all);

	if (got != status || strstr(output, words) == NULL)
		fail_msg(
		    "%s: status %d, expected %d with \"%s\": %s", word, got, status, words, output);
}

/* --- the tests --- */

static bool
is_kept(int schema)
{
	char name[40];

	snprintf(name, sizeof(name), "schema-%d.sql", schema);
	return access(kept_path(name), F_OK) == 0;
}

static void
this_version_serves_what_every_earlier_one_left(void **state)
{
	struct place *place = *state;

	assert_true(is_kept(store_schema_version())); /* else: make fixture */
	for (int schema = 1; schema <= store_schema_version(); schema++) {
		struct stand *stand = load(place, schema);
		char *copy = strdup(scratch_path(place->directory, "copy.db"));
		char *before;
		char *after;

		stand_exec(stand, "VACUUM INTO '%s'", copy);
		before = kept_picture(copy, NULL);
		if (schema < store_schema_version())
			says(stand, "run", EX_CONFIGURATION, "upgrade it: outboxd init --database");
		says(stand, "init", 0,
		    schema < store_schema_version() ? "upgraded the outbox tables"
						    : "has the outbox tables");
		after = kept_picture(stand->database, copy);
		assert_string_equal(after, before);
		says(stand, "check", 0, "all is well");
		says(stand, "status", CRITICAL, "lost");
		kept_serve_on(stand);
		free(before);
		free(after);
		unlink(copy);
		free(copy);
	}
}

static void
the_next_version_upgrades_it(void **state)
{
	struct place *place = *state;
	int schema = store_schema_version();
	struct stand *stand = load(place, schema);
	char *copy = strdup(scratch_path(place->directory, "copy.db"));
	char *before;
	char *after;
	char *definitions;
	char words[100];

	/* What a merchant may have hung on a table that the next version builds anew. */
	stand_exec(stand,
	    "CREATE INDEX attempts_by_rule ON outbox_attempt (rule);"
	    "CREATE TRIGGER count_attempts AFTER DELETE ON outbox_attempt BEGIN UPDATE orders SET "
	    "state = state; END;"
	    "CREATE VIEW tries AS SELECT number, count FROM orders JOIN outbox_attempt");
	stand_exec(stand, "VACUUM INTO '%s'", copy);
	before = kept_picture(copy, NULL);
	become_next();
	/* Until somebody has run init nothing is touched, and everybody says what to do. */
	snprintf(words, sizeof(words),
	    "has outbox schema %d, this outboxd works with %d; upgrade it: outboxd init --database",
	    schema, schema + 1);
	says(stand, "run", EX_CONFIGURATION, words);
	says(stand, "check", EX_CONFIGURATION, words);
	says(stand, "status", EX_CONFIGURATION, words);
	after = kept_picture(stand->database, NULL);
	assert_string_equal(after, before);
	free(after);

	snprintf(words, sizeof(words), "from schema %d to %d", schema, schema + 1);
	says(stand, "init", 0, words);
	after = kept_picture(stand->database, copy);
	assert_string_equal(after, before);
	says(stand, "init", 0, "already");
	/* The same tables, triggers and views as those of a new database. */
	definitions = kept_definitions(stand->database);
	{
		const char *fresh = scratch_path(place->directory, "fresh.db");
		const char *all[] = {"init", "--database", fresh, NULL};
		char *expected;
		int status;

		(void)stand_command(stand, &status, all);
		assert_int_equal(status, 0);
		expected = kept_definitions(fresh);
		/* The merchant's own are only in the old one. */
		for (char *line = strtok(expected, "\n"); line != NULL; line = strtok(NULL, "\n"))
			if (strstr(definitions, line) == NULL)
				fail_msg("not in the upgraded database: %s", line);
		free(expected);
	}
	assert_non_null(strstr(definitions, "orders_once"));
	assert_non_null(strstr(definitions, "attempts_by_rule"));
	assert_non_null(strstr(definitions, "count_attempts"));
	assert_true(stand_number(stand, "SELECT count(*) FROM tries") > 0);
	assert_int_equal(stand_number(stand, "SELECT count(*) FROM outbox_note"),
	    stand_number(stand, "SELECT count(*) FROM outbox_result"));
	assert_int_equal(
	    stand_number(stand, "SELECT deliveries FROM outbox_weights WHERE weight = 1"), 13 - 1);
	kept_serve_on(stand);

	/* No way back. */
	unsetenv("OUTBOXD");
	snprintf(words, sizeof(words), "has outbox schema %d, this outboxd knows", schema + 1);
	says(stand, "init", EX_CONFIGURATION, words);
	says(stand, "run", EX_CONFIGURATION, "install the newer outboxd that upgraded it");
	says(stand, "check", EX_CONFIGURATION, "no way back but a backup");
	says(stand, "status", EX_CONFIGURATION, words);
	free(definitions);
	free(before);
	free(after);
	free(copy);
}

/* Neither starts while the other is at work. */
static void
init_and_daemon_exclude_each_other(void **state)
{
	struct place *place = *state;
	struct stand *stand = load(place, store_schema_version());
	char command[9000];
	char said[600] = "";
	sqlite3 *app;
	FILE *upgrade;

	stand_start(stand);
	kept_end_with(stand, "polled", "succeeded");
	become_next();
	says(stand, "init", EX_TEMPORARY, "is running on");
	unsetenv("OUTBOXD");
	assert_int_equal(stand_stop(stand), 0);

	/* The app is in the middle of a write: init waits, and has the daemon's lock already. */
	become_next();
	assert_int_equal(sqlite3_open(stand->database, &app), SQLITE_OK);
	assert_int_equal(sqlite3_exec(app, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	snprintf(command, sizeof(command), "'%s' init --database '%s' 2>&1", stand_binary(),
	    stand->database);
	upgrade = popen(command, "r");
	stand_sleep_ms(400);
	unsetenv("OUTBOXD");
	stand_start(stand);
	assert_int_equal(stand_wait_end(stand, 20000), EX_TEMPORARY);
	assert_true(stand_log_has(stand, "or upgrades it just now"));
	assert_int_equal(sqlite3_exec(app, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_non_null(fgets(said, sizeof(said), upgrade));
	assert_int_equal(pclose(upgrade), 0);
	assert_non_null(strstr(said, "upgraded"));
	assert_int_equal(sqlite3_close(app), SQLITE_OK);
}

/* A web server's process lives through it: with its statement prepared before, and while it reads.
 */
static void
the_app_works_through_it(void **state)
{
	struct place *place = *state;
	struct stand *stand = load(place, store_schema_version());
	sqlite3 *app;
	sqlite3 *reader;
	sqlite3_stmt *insert;
	sqlite3_stmt *read;

	assert_int_equal(sqlite3_open(stand->database, &app), SQLITE_OK);
	assert_int_equal(sqlite3_open(stand->database, &reader), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(app,
		"INSERT INTO outbox (destination, operation, reference, body) VALUES ('riverty',"
		" 'authorize', ?, '{\"order\":{\"number\":\"later\",\"totalGrossAmount\":1.00}}')",
		-1, &insert, NULL),
	    SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(reader, "SELECT id, state FROM outbox_status", -1, &read, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	become_next();
	says(stand, "init", 0, "upgraded");
	for (int rows = 1; rows < 25; rows++)
		assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	assert_int_equal(sqlite3_step(read), SQLITE_DONE);
	sqlite3_bind_text(insert, 1, "later", -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
	sqlite3_finalize(insert);
	sqlite3_finalize(read);
	assert_int_equal(sqlite3_close(app), SQLITE_OK);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	assert_int_equal(
	    stand_number(stand, "SELECT weight FROM outbox_delivery WHERE reference = 'later'"), 7);
	stand_start(stand);
	kept_end_with(stand, "later", "succeeded");
	assert_int_equal(stand_stop(stand), 0);
}

/* An app that holds the write lock for too long. */
static void
a_locked_database_stays_as_it_is(void **state)
{
	struct place *place = *state;
	struct stand *stand = load(place, store_schema_version());
	char *before = kept_definitions(stand->database);
	char *after;
	sqlite3 *app;

	assert_int_equal(sqlite3_open(stand->database, &app), SQLITE_OK);
	assert_int_equal(sqlite3_exec(app, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	become_next();
	says(stand, "init", EX_TEMPORARY, "try again");
	assert_int_equal(sqlite3_exec(app, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(app), SQLITE_OK);
	after = kept_definitions(stand->database);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(this_version_serves_what_every_earlier_one_left),
	    TEST(the_next_version_upgrades_it), TEST(init_and_daemon_exclude_each_other),
	    TEST(the_app_works_through_it), TEST(a_locked_database_stays_as_it_is)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
