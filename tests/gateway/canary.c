/* canary.c - the other host that must never be contacted: it only writes down who came. */
#include "server.h"

#include <poll.h>
#include <stdio.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_BYTES_MS = 300 };

static void
canary_note(int log, unsigned long n, const char *bytes, size_t length)
{
	struct text line = {NULL, 0, 0};

	text_printf(&line,
	    "{\"t\":%lld,\"connection\":%lu,\"bytes\":%zu,\"first\":", (long long)clock_unix_ms(),
	    n, length);
	text_json(&line, bytes, length);
	text_puts(&line, "}\n");
	if (write(log, line.data, line.length) != (ssize_t)line.length || fdatasync(log) != 0)
		perror("fakegw: cannot write the canary log");
	text_free(&line);
}

int
canary_open(const char *path)
{
	int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (log < 0)
		perror(path);
	return log;
}

void
canary_run(int listen_fd, int log)
{
	unsigned long n = 0;
	char bytes[4096];

	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		ssize_t got = 0;

		if (fd < 0)
			continue;
		if (poll(&readable, 1, FIRST_BYTES_MS) == 1)
			got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		canary_note(log, ++n, bytes, got > 0 ? (size_t)got : 0);
		close(fd);
	}
}
