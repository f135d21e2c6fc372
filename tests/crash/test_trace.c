/*
 * test_trace.c - what the kernel is asked for, in which order: a keyless request's intent is synced
 * between its connection and its first byte (P3), and nobody but SQLite opens the database's files
 * (T15: closing such a descriptor would drop SQLite's locks).
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
#include "lib/tally.h"
#include "lib/traced.h"

enum { ORDERS = 12 };

static struct {
	long posts;
	long unsynced; /* posts without a sync since their connect */
	long syncs;
	int opened[3]; /* shop.db, -wal, -shm */
	int wal;       /* its descriptor */
	bool synced;
} seen;

static void
look_at(const char *line)
{
	static const char *const files[] = {"/shop.db\"", "/shop.db-wal\"", "/shop.db-shm\""};
	const char *call = line + strspn(line, "0123456789 ");
	const char *result = strrchr(line, '=');
	int fd = -1;

	if (strncmp(call, "openat(", 7) == 0 && result != NULL && atoi(result + 1) >= 0) {
		for (int i = 0; i < 3; i++)
			if (strstr(call, files[i]) != NULL) {
				seen.opened[i]++;
				if (i == 1)
					seen.wal = atoi(result + 1);
			}
	} else if (sscanf(call, "fdatasync(%d", &fd) == 1 || sscanf(call, "fsync(%d", &fd) == 1) {
		seen.synced = seen.synced || fd == seen.wal;
		seen.syncs += fd == seen.wal;
	} else if (strncmp(call, "connect(", 8) == 0 && strstr(call, "AF_INET") != NULL) {
		seen.synced = false;
	} else if (strstr(call, "\"POST ") != NULL) {
		seen.posts++;
		seen.unsynced += !seen.synced;
	}
}

static void
the_kernel_sees_the_right_order(void **state)
{
	struct stand *stand = *state;
	char options[PATH_MAX + 100];
	char line[4096];
	char path[PATH_MAX];
	FILE *log;

	if (!traced_possible())
		skip();
	memset(&seen, 0, sizeof(seen));
	snprintf(path, sizeof(path), "%s.trace", (char *)stand->dir);
	snprintf(options, sizeof(options),
	    "-s 40 -e trace=openat,connect,sendto,write,writev,sendmsg,fsync,fdatasync -o '%s'",
	    path);
	assert_int_equal(gateway_script(stand->gateway, "o-3 submit 1 pending 2\n"), 0);
	stand_destination(stand, "vrio", "vrio", "concurrency = 1;");
	traced_start(stand, options);
	for (int i = 0; i < ORDERS; i++) {
		char name[20];

		snprintf(name, sizeof(name), "o-%d", i);
		assert_string_equal(
		    stand_await(stand, stand_order(stand, "vrio", "vrio", name)), "succeeded");
	}
	assert_int_equal(stand_stop(stand), 0);
	stand_sleep_ms(200); /* strace ends after its child */
	log = fopen(path, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log) != NULL)
		look_at(line);
	fclose(log);
	unlink(path);
	tally("order of syncs and requests; opens of the database", seen.posts, seen.unsynced,
	    "%ld syncs of the WAL; shop.db, -wal, -shm opened %d, %d, %d times", seen.syncs,
	    seen.opened[0], seen.opened[1], seen.opened[2]);
	assert_int_equal(seen.posts, ORDERS);
	assert_int_equal(seen.unsynced, 0);
	/* once each, by the one connection */
	for (int i = 0; i < 3; i++)
		assert_int_equal(seen.opened[i], 1);
	oracle_check(stand, ORACLE_FINISHED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
	    the_kernel_sees_the_right_order, stand_setup, stand_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
