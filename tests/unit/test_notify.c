/*
 * test_notify.c - what arrives at a real $NOTIFY_SOCKET.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "edge/notify.h"
#include "lib/scratch.h"

/* A socket as systemd has one; name begins with / or @. */
static int
listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_true(strlen(name) < sizeof(address.sun_path));
	strcpy(address.sun_path, name);
	if (name[0] == '@') {
		address.sun_path[0] = '\0';
		length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	}
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
assert_received(int fd, const char *expected)
{
	char message[1024];
	ssize_t length = recv(fd, message, sizeof(message) - 1, 0);

	assert_true(length >= 0);
	message[length] = '\0';
	assert_string_equal(message, expected);
}

static void
check_messages(int fd)
{
	notify_ready();
	assert_received(fd, "READY=1");
	notify_reloading(123456789012);
	assert_received(fd, "RELOADING=1\nMONOTONIC_USEC=123456789012");
	notify_status("12 due\nREADY=1");
	assert_received(fd, "STATUS=12 due READY=1");
	notify_watchdog();
	assert_received(fd, "WATCHDOG=1");
	notify_stopping();
	assert_received(fd, "STOPPING=1");
	close(fd);
}

static void
test_path_socket(void **state)
{
	check_messages(listen_at(scratch_path(*state, "notify")));
}

static void
test_abstract_socket(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@outboxd-test-%ld", (long)getpid());
	check_messages(listen_at(name));
}

static void
test_long_status_is_cut(void **state)
{
	char status[2000];
	char message[1024];
	int fd = listen_at(scratch_path(*state, "notify"));

	memset(status, 'x', sizeof(status));
	status[sizeof(status) - 1] = '\0';
	notify_status(status);
	assert_int_equal(recv(fd, message, sizeof(message), 0), 255);
	close(fd);
}

/* Nobody there, or nonsense: every call comes back, and no descriptor stays open. */
static void
test_outside_systemd(void **state)
{
	char too_long[300];
	int before = dup(0);
	int after;

	close(before);
	memset(too_long, 'x', sizeof(too_long));
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	const char *names[] = {
	    NULL, "", "/", "@", "relative", "vsock:2:1", too_long, scratch_path(*state, "none")};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i] == NULL)
			unsetenv("NOTIFY_SOCKET");
		else
			setenv("NOTIFY_SOCKET", names[i], 1);
		notify_ready();
		notify_status("x");
	}
	after = dup(0);
	assert_int_equal(after, before);
	close(after);
}

/* A queue that nobody reads: the daemon goes on. */
static void
test_full_queue(void **state)
{
	int fd = listen_at(scratch_path(*state, "notify"));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
	assert_int_equal(connect(filler, (struct sockaddr *)&address, sizeof(address)), 0);
	while (send(filler, "x", 1, 0) == 1) {
	}
	alarm(20);
	notify_watchdog();
	alarm(0);
	close(filler);
	close(fd);
}

static void
check_watchdog(const char *usec, const char *pid, int64_t expected_ms)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_interval_ms(), expected_ms);
}

static void
test_watchdog_interval(void **state)
{
	char own[32];

	(void)state;
	snprintf(own, sizeof(own), "%ld", (long)getpid());
	check_watchdog(NULL, NULL, 0);
	check_watchdog("30000000", NULL, 15000);
	check_watchdog("30000000", own, 15000);
	check_watchdog("30000000", "1", 0);
	check_watchdog("30000000", "x", 0);
	check_watchdog("1", NULL, 1);
	check_watchdog("0", NULL, 0);
	check_watchdog("-5", NULL, 0);
	check_watchdog("3x", NULL, 0);
	check_watchdog("99999999999999999999999", NULL, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_path_socket),
	    TEST(test_abstract_socket),
	    TEST(test_long_status_is_cut),
	    TEST(test_outside_systemd),
	    TEST(test_full_queue),
	    TEST(test_watchdog_interval),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
