/*
 * slow_gateway.c - a gateway on epoll that takes its time and stamps when each request arrived.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/gateway.h"
#include "bench/harness.h"

enum { PEERS_MAX = 8192, BUFFER_BYTES = 8192 };

/* One connection, with at most one request at a time. Waiting ones stand in a queue per delay:
 * first in, first out. */
struct peer {
	int fd;
	size_t length;
	char buffer[BUFFER_BYTES];
	int64_t answer_at;
	uint32_t
	    serial; /* of the connection: an answer never goes to the next one on this descriptor */
};

struct waiting {
	int fd;
	uint32_t serial;
	int64_t at;
	bool poll;
};

struct queue {
	struct waiting *ring;
	size_t head;
	size_t count;
};

struct server {
	int listener;
	int epoll;
	struct slow_plan plan;
	struct seen *seen;
	struct peer *peers[PEERS_MAX]; /* by descriptor */
	struct queue submits;
	struct queue polls;
	uint32_t serial;
	int64_t made; /* fetch URLs */
};

static const char body[] = "{\"outcome\":\"Accepted\",\"checkoutId\":\"4b0c1f2e-9f6c-4b0e-8a52-"
			   "0d2d6a1f7c11\",\"reservationId\":"
			   "\"7f3a-11-884201\",\"customer\":{\"customerNumber\":\"100234\","
			   "\"firstName\":\"Jane\",\"lastName\":\"Doe\"},"
			   "\"expiresAt\":\"2030-01-01\"}";

static void
drop(struct server *server, int fd)
{
	free(server->peers[fd]);
	server->peers[fd] = NULL;
	(void)close(fd);
}

static void
answer(struct server *server, int fd, bool poll)
{
	char text[1024];
	int length;

	if (poll || server->plan.pending)
		length = snprintf(text, sizeof(text),
		    "HTTP/1.1 202 Accepted\r\nLocation: /poll/%lld\r\nContent-Type: "
		    "application/json\r\n"
		    "Content-Length: 2\r\n\r\n{}",
		    (long long)++server->made);
	else
		length = snprintf(text, sizeof(text),
		    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
		    "%zu\r\n\r\n%s",
		    sizeof(body) - 1, body);
	if (write(fd, text, (size_t)length) != length)
		drop(server, fd);
}

static void
enqueue(struct queue *queue, struct waiting waiting)
{
	if (queue->count == PEERS_MAX)
		_exit(1);
	queue->ring[(queue->head + queue->count++) % PEERS_MAX] = waiting;
}

static void
note(struct server *server, const char *target, bool poll)
{
	const char *slash = strrchr(target, '/');
	long number = slash == NULL ? -1 : strtol(slash + 1, NULL, 10);
	struct seen *seen = server->seen;

	seen->requests++;
	if (poll)
		seen->polls++;
	else
		seen->submits++;
	if (!poll && number >= 0 && number < STAMPS_MAX && seen->at_ns[number] == 0)
		seen->at_ns[number] = now_ns();
}

/* A whole request in the buffer? Notes it and queues or gives its answer. */
static bool
take_request(struct server *server, struct peer *peer)
{
	char *end = memmem(peer->buffer, peer->length, "\r\n\r\n", 4);
	char target[256] = "";
	bool poll;
	char *length;
	size_t whole;
	int delay;

	if (end == NULL)
		return false;
	*end = '\0';
	length = strcasestr(peer->buffer, "\r\nContent-Length:");
	whole = (size_t)(end - peer->buffer) + 4 +
		(length == NULL ? 0 : strtoul(length + 17, NULL, 10));
	if (peer->length < whole) {
		*end = '\r';
		return false;
	}
	poll = strncmp(peer->buffer, "GET", 3) == 0;
	(void)sscanf(peer->buffer, "%*s %255s", target);
	note(server, target, poll);
	memmove(peer->buffer, peer->buffer + whole, peer->length - whole);
	peer->length -= whole;
	delay = poll ? server->plan.poll_ms : server->plan.submit_ms;
	if (delay == 0)
		answer(server, peer->fd, poll);
	else
		enqueue(poll ? &server->polls : &server->submits,
		    (struct waiting){
			peer->fd, peer->serial, now_ns() + delay * INT64_C(1000000), poll});
	return true;
}

static void
receive(struct server *server, int fd)
{
	struct peer *peer = server->peers[fd];
	ssize_t got;

	for (;;) {
		got = read(fd, peer->buffer + peer->length, BUFFER_BYTES - 1 - peer->length);
		if (got == -1 && errno == EAGAIN)
			return;
		if (got <= 0) {
			drop(server, fd);
			return;
		}
		peer->length += (size_t)got;
		peer->buffer[peer->length] = '\0';
		while (take_request(server, peer))
			if (server->peers[fd] == NULL)
				return;
	}
}

static void
welcome(struct server *server)
{
	int fd;

	while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
		int one = 1;

		if (fd >= PEERS_MAX ||
		    (server->peers[fd] = calloc(1, sizeof(struct peer))) == NULL) {
			(void)close(fd);
			continue;
		}
		server->peers[fd]->fd = fd;
		server->peers[fd]->serial = ++server->serial;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
		receive(server, fd);
	}
}

/* Answers what is due; returns when the next one is, or INT64_MAX. */
static int64_t
answer_due(struct server *server, struct queue *queue, int64_t now)
{
	while (queue->count > 0) {
		struct waiting *first = &queue->ring[queue->head];
		struct peer *peer = server->peers[first->fd];

		if (first->at > now)
			return first->at;
		if (peer != NULL && peer->serial == first->serial)
			answer(server, first->fd, first->poll);
		queue->head = (queue->head + 1) % PEERS_MAX;
		queue->count--;
	}
	return INT64_MAX;
}

static void
serve(void *context)
{
	struct server *server = context;
	struct epoll_event events[256];
	struct epoll_event event = {.events = EPOLLIN, .data = {.fd = server->listener}};

	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->submits.ring = calloc(PEERS_MAX, sizeof(struct waiting));
	server->polls.ring = calloc(PEERS_MAX, sizeof(struct waiting));
	(void)signal(SIGPIPE, SIG_IGN);
	(void)epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event);
	for (;;) {
		int64_t now = now_ns();
		int64_t a = answer_due(server, &server->submits, now);
		int64_t b = answer_due(server, &server->polls, now);
		int64_t wait = (a < b ? a : b) - now;
		struct timespec time = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
		int count = epoll_pwait2(server->epoll, events, 256,
		    a == INT64_MAX && b == INT64_MAX ? NULL : &time, NULL);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == server->listener)
				welcome(server);
			else if (server->peers[events[i].data.fd] != NULL)
				receive(server, events[i].data.fd);
		}
	}
}

void
slow_start(struct slow_gateway *gateway, const struct slow_plan *plan)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	struct server *server = calloc(1, sizeof(*server));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	gateway->seen = mmap(NULL, sizeof(*gateway->seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (server == NULL || gateway->seen == MAP_FAILED || fd == -1 ||
	    bind(fd, (struct sockaddr *)&address, size) == -1 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) == -1 || listen(fd, 4096) == -1)
		die("cannot start the gateway: %s", strerror(errno));
	server->listener = fd;
	server->plan = *plan;
	server->seen = gateway->seen;
	(void)snprintf(
	    gateway->url, sizeof(gateway->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	gateway->pid = process_fork(serve, server);
	(void)close(fd);
	free(server);
}

void
slow_stop(struct slow_gateway *gateway)
{
	process_stop(gateway->pid, SIGKILL);
	(void)munmap(gateway->seen, sizeof(*gateway->seen));
	gateway->pid = 0;
}
