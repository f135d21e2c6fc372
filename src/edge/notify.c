/*
 * notify.c - sd_notify(3)'s protocol: one datagram of NAME=VALUE lines to $NOTIFY_SOCKET.
 *
 * Nothing here may fail loudly: without systemd the daemon runs as well.
 */
#include "edge/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The length of the address, 0 when there is nobody to notify. */
static socklen_t
notify_address(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path == NULL ? 0 : strlen(path);

	if (length < 2 || length >= sizeof(address->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length + 1);
	if (path[0] == '@') {
		/* An abstract name: it begins with a NUL and ends where the length says. */
		address->sun_path[0] = '\0';
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	}
	return (socklen_t)sizeof(*address);
}

static void
notify_send(const char *message)
{
	struct sockaddr_un address;
	socklen_t length = notify_address(&address);
	/* A full queue at PID 1 must not stop the loop for good. */
	struct timeval patience = {.tv_sec = 1};
	ssize_t sent;
	int fd;

	if (length == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	do
		sent = sendto(fd, message, strlen(message), MSG_NOSIGNAL,
		    (const struct sockaddr *)&address, length);
	while (sent < 0 && errno == EINTR);
	close(fd);
}

/* The whole string as a positive number, or 0. */
static int64_t
positive_number(const char *text)
{
	char *end;
	long long number;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno != 0 || *end != '\0' ? 0 : number;
}

void
notify_ready(void)
{
	notify_send("READY=1");
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1");
}

void
notify_reloading(int64_t monotonic_us)
{
	char message[64];

	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, monotonic_us);
	notify_send(message);
}

void
notify_status(const char *status)
{
	char message[256];

	snprintf(message, sizeof(message), "STATUS=%s", status);
	/* A line feed would begin another assignment. */
	for (char *at = message; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ')
			*at = ' ';
	}
	notify_send(message);
}

void
notify_watchdog(void)
{
	notify_send("WATCHDOG=1");
}

int64_t
notify_watchdog_interval_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	int64_t period_us = positive_number(getenv("WATCHDOG_USEC"));

	if (period_us == 0 || (pid != NULL && positive_number(pid) != (int64_t)getpid()))
		return 0;
	return period_us < 2000 ? 1 : period_us / 2000;
}
