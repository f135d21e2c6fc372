/*
 * test_apps.c - the ten-line integration of tests/apps in each language that is here, and the
 * settings that frameworks' SQLite connections come with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon.h"
#include "lib/scratch.h"

/* Go wants a place for what it compiles, also where nobody has a home. */
#define GO_CACHE "\"$(realpath \"${OUTBOXD_BUILD:-build}\")/tests/go\""
#define GO "env GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE=" GO_CACHE " go"

/* run: with the directory tests/apps; has: a shell command that succeeds where language and driver
 * are present. */
static const struct {
	const char *name;
	const char *has;
	const char *run;
} apps[] = {
    {"php", "php -r 'exit(in_array(\"sqlite\", PDO::getAvailableDrivers()) ? 0 : 1);'",
	"php %s/app.php"},
    {"python", "python3 -c 'import sqlite3'", "python3 %s/app.py"},
    {"ruby", "ruby -e 'require \"sqlite3\"'", "ruby %s/app.rb"},
    {"perl", "perl -MDBD::SQLite -MJSON::PP -e 1", "perl %s/app.pl"},
    {"java",
	"test -r /usr/share/java/sqlite-jdbc.jar && java --list-modules | grep -q jdk.compiler",
	"java -cp /usr/share/java/sqlite-jdbc.jar %s/App.java"},
    {"node", "node -e \"require('node:sqlite')\"", "node --no-warnings %s/app.mjs"},
    /* Debian's copy of the driver, the system's SQLite: nothing is fetched. */
    {"go", GO " list github.com/mattn/go-sqlite3", GO " run -tags libsqlite3 %s/app.go"},
};

static const char *
directory(void)
{
	static char path[1000];

	snprintf(path, sizeof(path), "%s", __FILE__);
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');

		*(slash == NULL ? path : slash) = '\0';
	}
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s", "/apps");
	return path;
}

/* The command, with tests/apps in the place of %s. */
static void
program(char *command, size_t size, const char *words)
{
	const char *place = strstr(words, "%s");

	snprintf(command, size, "%.*s%s%s", (int)(place - words), words, directory(), place + 2);
}

/* The exit status. */
static int
shell(struct stand *stand, const char *command, const char *arguments)
{
	char line[4000];
	int status;

	snprintf(line, sizeof(line), "(%s %s) >%s 2>&1 </dev/null", command, arguments,
	    scratch_path(stand->dir, "app.out"));
	status = system(line); /* NOLINT: a test's own words */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
start_shop(struct stand *stand)
{
	stand_exec(stand, "CREATE TABLE orders (number TEXT PRIMARY KEY, total TEXT)");
	stand_destination(stand, "riverty", "riverty", "");
	stand_start(stand);
}

static void
sell(struct stand *stand, size_t i)
{
	char command[1200];
	char arguments[400];
	char expected[100];
	char *said;

	program(command, sizeof(command), apps[i].run);
	snprintf(arguments, sizeof(arguments), "%s %s-1", stand->database, apps[i].name);
	snprintf(expected, sizeof(expected), "%s-1 succeeded 200\n", apps[i].name);
	if (shell(stand, command, arguments) != 0) {
		stand_show(stand);
		said = scratch_read(scratch_path(stand->dir, "app.out"), NULL);
		fail_msg("%s: %s", apps[i].name, said);
	}
	said = scratch_read(scratch_path(stand->dir, "app.out"), NULL);
	assert_string_equal(said, expected);
	free(said);
	/* The same order again: the app is told, and nothing is sent. */
	assert_int_not_equal(shell(stand, command, arguments), 0);
	snprintf(expected, sizeof(expected), "%s-1", apps[i].name);
	assert_int_equal(gateway_effects(stand->gateway, expected), 1);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox WHERE reference = '%s'", expected), 1);
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM orders WHERE number = '%s'", expected), 1);
}

static void
an_app_sells(struct stand *stand, size_t i)
{
	if (shell(stand, apps[i].has, "") != 0) {
		print_message("no %s with SQLite here\n", apps[i].name);
		skip();
	}
	start_shop(stand);
	sell(stand, i);
}

#define LANGUAGE(name, number)                                                                     \
	static void name##_sells(void **state)                                                     \
	{                                                                                          \
		an_app_sells(*state, number);                                                      \
	}
LANGUAGE(php, 0)
LANGUAGE(python, 1)
LANGUAGE(ruby, 2)
LANGUAGE(perl, 3)
LANGUAGE(java, 4)
LANGUAGE(node, 5)
LANGUAGE(go, 6)

/* --- frameworks --- */

/* What a fresh project's connection says to SQLite (its defaults), and how its transactions begin.
 */
static const struct {
	const char *name;
	const char *pragmas;
	int busy_ms;
	const char *begin;
} frameworks[] = {
    {"laravel", "PRAGMA foreign_keys = ON", 60000, "BEGIN"},
    {"laravel-tuned",
	"PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", 5000,
	"BEGIN"},
    {"symfony", "PRAGMA foreign_keys = ON", 60000, "BEGIN"},
    {"django", "PRAGMA foreign_keys = ON", 5000, "BEGIN"},
    {"django-tuned",
	"PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", 5000,
	"BEGIN IMMEDIATE"},
    {"rails",
	"PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA "
	"mmap_size = 134217728; "
	"PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = 2000",
	5000, "BEGIN IMMEDIATE"},
    {"rails-7.0", "PRAGMA foreign_keys = ON", 5000, "BEGIN"},
    {"sqlalchemy", "PRAGMA foreign_keys = OFF", 5000, "BEGIN"},
    {"hardened",
	"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = ON",
	5000, "BEGIN IMMEDIATE"},
    {"rollback-journal", "PRAGMA journal_mode = DELETE", 5000,
	"BEGIN IMMEDIATE"}, /* refused while the daemon has it open */
};
enum { FRAMEWORKS = sizeof(frameworks) / sizeof(frameworks[0]), ORDERS = 25 };

static void
frameworks_settings_work(void **state)
{
	struct stand *stand = *state;
	sqlite3 *connections[FRAMEWORKS];

	start_shop(stand);
	for (size_t i = 0; i < FRAMEWORKS; i++) {
		assert_int_equal(sqlite3_open(stand->database, &connections[i]), SQLITE_OK);
		sqlite3_busy_timeout(connections[i], frameworks[i].busy_ms);
		(void)sqlite3_exec(connections[i], frameworks[i].pragmas, NULL, NULL, NULL);
	}
	for (int n = 0; n < ORDERS; n++) {
		for (size_t i = 0; i < FRAMEWORKS; i++) {
			char sql[1000];
			char *error = NULL;

			snprintf(sql, sizeof(sql),
			    "%s; INSERT INTO orders VALUES ('%s-%d', '1.00'); INSERT INTO outbox "
			    "(destination, operation, "
			    "reference, body) VALUES ('riverty', 'authorize', '%s-%d', "
			    "'{\"order\":{\"number\":\"%s-%d\",\"totalGrossAmount\":1.00}}'); "
			    "COMMIT",
			    frameworks[i].begin, frameworks[i].name, n, frameworks[i].name, n,
			    frameworks[i].name, n);
			if (sqlite3_exec(connections[i], sql, NULL, NULL, &error) != SQLITE_OK)
				fail_msg("%s: %s", frameworks[i].name, error);
		}
	}
	assert_true(stand_wait_settled(stand));
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_result WHERE result = 'succeeded'"),
	    FRAMEWORKS * ORDERS);
	assert_int_equal(gateway_effects(stand->gateway, NULL), FRAMEWORKS * ORDERS);
	assert_string_equal(stand_text(stand, "PRAGMA journal_mode"), "wal");
	for (size_t i = 0; i < FRAMEWORKS; i++)
		sqlite3_close(connections[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)
	    TEST(php_sells),
	    TEST(python_sells),
	    TEST(ruby_sells),
	    TEST(perl_sells),
	    TEST(java_sells),
	    TEST(node_sells),
	    TEST(go_sells),
	    TEST(frameworks_settings_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
