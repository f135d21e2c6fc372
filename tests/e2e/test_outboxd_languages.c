/*
 * test_outboxd_languages.c - apps in Python and PHP, with the default settings of their libraries,
 * beside the running daemon: no error of any kind, and no BUSY in particular. Where an interpreter
 * is missing, its test is skipped.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"

enum { ORDERS = 150 };

static bool
has(const char *interpreter)
{
	char command[300];

	snprintf(command, sizeof(command), "%s >/dev/null 2>&1", interpreter);
	return system(command) == 0;
}

/* tests/e2e/apps, beside the build directory or where make runs. */
static const char *
app(const char *name)
{
	static char path[PATH_MAX];
	const char *build = getenv("OUTBOXD_BUILD");

	snprintf(
	    path, sizeof(path), "%s/../tests/e2e/apps/%s", build == NULL ? "build" : build, name);
	if (access(path, R_OK) == -1)
		snprintf(path, sizeof(path), "tests/e2e/apps/%s", name);
	return path;
}

/* What a shell starts for one app; its exit status goes to a file. */
static void
append(struct stand *stand, char *script, size_t size, const char *interpreter, const char *name)
{
	size_t used = strlen(script);

	snprintf(script + used, size - used,
	    "(%s '%s' '%s' %d >'%s/%s.out' 2>&1 || touch '%s/failed') & ", interpreter, app(name),
	    stand->database, ORDERS, (char *)stand->dir, name, (char *)stand->dir);
}

static void
run_apps(struct stand *stand, bool python, bool php)
{
	char script[PATH_MAX * 6] = "";

	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	if (python)
		append(stand, script, sizeof(script), "python3", "app.py");
	if (php)
		append(stand, script, sizeof(script), "php -d display_errors=stderr", "app.php");
	strcat(script, "wait");
	assert_int_equal(system(script), 0);
	if (access(scratch_path(stand->dir, "failed"), F_OK) == 0) {
		snprintf(script, sizeof(script), "cat '%s'/app.*.out >&2", (char *)stand->dir);
		(void)!system(script);
		stand_show(stand);
		fail();
	}
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_result WHERE result = 'succeeded'"),
	    ORDERS * (python + php));
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

static bool
has_python(void)
{
	return has("python3 -c 'import sqlite3'");
}

static bool
has_php(void)
{
	return has("php -r 'new PDO(\"sqlite::memory:\");'");
}

static void
python_sells(void **state)
{
	if (!has_python())
		skip();
	run_apps(*state, true, false);
}

static void
php_sells(void **state)
{
	if (!has_php())
		skip();
	run_apps(*state, false, true);
}

static void
both_sell_at_once(void **state)
{
	if (!has_python() || !has_php())
		skip();
	run_apps(*state, true, true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(python_sells), TEST(php_sells), TEST(both_sell_at_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
