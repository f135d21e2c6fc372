/*
 * test_instructions.c - what a transaction costs, in instructions, which are the same on a busy
 * machine: a change that adds more than a tenth is seen here (tests/bench/micro.c has the bounds).
 *
 * They were counted with gcc 12 and Debian 12's libraries; other compilers and libraries count
 * differently, and are not asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <sqlite3.h>

static bool
is_where_it_was_counted(void)
{
#if defined(__clang__) || __GNUC__ != 12 || !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__)
	return false;
#else
	return strcmp(sqlite3_libversion(), "3.40.1") == 0 &&
	       curl_version_info(CURLVERSION_NOW)->version_num == 0x075801;
#endif
}

static bool
is_there(const char *program)
{
	char command[200];

	(void)snprintf(command, sizeof(command),
	    "PATH=$PATH:/usr/sbin command -v %s >/dev/null 2>&1", program);
	return system(command) == 0;
}

static void
test_instructions(void **state)
{
	const char *build = getenv("OUTBOXD_BUILD");
	char command[400];

	(void)state;
	if (!is_where_it_was_counted() || !is_there("valgrind") || !is_there("nginx"))
		skip();
	(void)snprintf(command, sizeof(command), "%s/bench instructions --quick --strict 2>&1",
	    build == NULL ? "build" : build);
	if (system(command) != 0)
		fail_msg("a transaction costs more than it did (above), or could not be counted");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_instructions)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
