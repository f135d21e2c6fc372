/*
 * wire_socket.c - which socket a request is about to use, and whether that one is quiet.
 *
 * libcurl 7.88 takes bytes that came on an idle connection for the beginning of the next answer: a
 * gateway's second answer to one order would become the answer to another order. And it takes a TLS
 * connection that the gateway has closed for alive, because the closing alert is something to read.
 * So before a request goes out on a reused connection, nothing may be there to be read; if
 * something is, the connection is made useless and the request, of which nothing was sent, starts
 * again on a new one.
 *
 * libcurl names the connection by its ports only; the sockets are known from their creation.
 */
#include "edge/wire_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS = 65536 };

int
wire_sockets_init(struct wire_sockets *sockets)
{
	*sockets = (struct wire_sockets){.of_port = calloc(PORTS, sizeof(*sockets->of_port))};
	return sockets->of_port ? 0 : -1;
}

void
wire_sockets_free(struct wire_sockets *sockets)
{
	free(sockets->of_port);
	free(sockets->by_fd);
}

int
wire_sockets_room(struct wire_sockets *sockets, int fd)
{
	if ((size_t)fd < sockets->capacity)
		return 0;
	size_t capacity = (size_t)fd + 64;
	void *larger = realloc(sockets->by_fd, capacity * sizeof(*sockets->by_fd));
	if (!larger)
		return -1;
	sockets->by_fd = larger;
	memset(sockets->by_fd + sockets->capacity, 0,
	    (capacity - sockets->capacity) * sizeof(*sockets->by_fd));
	sockets->capacity = capacity;
	return 0;
}

curl_socket_t
wire_on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct wire_transfer *transfer = data;
	struct wire_sockets *sockets = &transfer->wire->sockets;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    !peer_allowed(peer_classify(&address->addr), &transfer->peer)) {
		transfer->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (wire_sockets_room(sockets, fd) != 0) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	sockets->by_fd[fd] = (struct wire_socket){.ours = true};
	transfer->opened[transfer->opened_count++ % OPENED_MAX] = fd;
	return fd;
}

int
wire_on_close_socket(void *data, curl_socket_t fd)
{
	struct wire *wire = data;

	if ((size_t)fd < wire->sockets.capacity)
		wire->sockets.by_fd[fd] = (struct wire_socket){.ours = false};
	return close(fd); /* epoll forgets it, too */
}

static int
own_port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} own;
	socklen_t size = sizeof(own);

	if (getsockname(fd, &own.any, &size) != 0)
		return -1;
	return ntohs(own.any.sa_family == AF_INET6 ? own.in6.sin6_port : own.in.sin_port);
}

/* Of the sockets that this transfer opened, remembers the one that was connected. */
static void
learn(struct wire_transfer *transfer, const struct wire_ends *ends)
{
	struct wire_sockets *sockets = &transfer->wire->sockets;
	size_t count = transfer->opened_count < OPENED_MAX ? transfer->opened_count : OPENED_MAX;

	for (size_t i = 0; i < count; i++) {
		int fd = transfer->opened[i];
		if (own_port_of(fd) != ends->own_port || ends->own_port <= 0)
			continue;
		struct wire_socket *known = &sockets->by_fd[fd];
		if (strlen(ends->peer_ip) >= sizeof(known->peer_ip))
			return;
		strcpy(known->peer_ip, ends->peer_ip);
		known->peer_port = ends->peer_port;
		known->own_port = ends->own_port;
		sockets->of_port[ends->own_port] = fd;
	}
}

/* -1: not known; then nothing is known about its quiet either. */
static int
find(const struct wire_sockets *sockets, const struct wire_ends *ends)
{
	if (ends->own_port <= 0 || ends->own_port >= PORTS)
		return -1;
	int fd = sockets->of_port[ends->own_port];
	if ((size_t)fd >= sockets->capacity)
		return -1;
	const struct wire_socket *known = &sockets->by_fd[fd];
	if (known->own_port != ends->own_port || known->peer_port != ends->peer_port ||
	    strcmp(known->peer_ip, ends->peer_ip) != 0)
		return -1;
	return fd;
}

bool
wire_socket_is_clean(struct wire_transfer *transfer, const struct wire_ends *ends)
{
	if (transfer->opened_count > 0) {
		learn(transfer, ends); /* new: a session ticket may be waiting, an answer cannot */
		return true;
	}
	int fd = find(&transfer->wire->sockets, ends);
	if (fd < 0)
		return false;
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return true;
	/* Read empty and shut, it looks dead to libcurl too, which will not choose it again. */
	shutdown(fd, SHUT_RDWR);
	char sink[4096];
	for (int i = 0; i < 64 && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0; i++)
		;
	return false;
}
