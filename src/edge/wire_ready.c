/*
 * wire_ready.c - which sockets have something to do.
 *
 * libcurl says what it waits for at which socket, epoll says where that came true, and only these
 * transfers are moved: a look at every one of hundreds costs more than the requests themselves.
 *
 * A connection that is kept from one request to the next stays with epoll in between, because
 * taking it out and in again would be two system calls a request. What then happens on it while
 * nobody waits is its end, or an answer that nobody asked for: it is taken out, and libcurl and
 * wire_socket_is_clean() find it so at the next request.
 */
#include "edge/wire_parts.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 256 };

static int
watch(const struct wire *wire, int fd, struct wire_socket *socket, uint32_t wanted)
{
	struct epoll_event event = {.events = wanted, .data.fd = fd};

	if (socket->watched == wanted)
		return 0;
	int operation = wanted == 0            ? EPOLL_CTL_DEL
			: socket->watched == 0 ? EPOLL_CTL_ADD
					       : EPOLL_CTL_MOD;
	socket->watched = wanted;
	int bad = epoll_ctl(wire->epoll, operation, fd, &event);
	if (bad && operation == EPOLL_CTL_DEL)
		return 0; /* closed before we were told */
	if (bad)
		socket->watched = 0;
	return bad;
}

/* libcurl's CURLMOPT_SOCKETFUNCTION. -1 makes all of libcurl fail. */
static int
on_interest(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct wire *wire = data;
	struct wire_transfer *transfer = NULL;
	uint32_t wanted =
	    (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);

	(void)socket_data;
	if (what == CURL_POLL_REMOVE)
		wanted = 0;
	if (wire_sockets_room(&wire->sockets, fd) != 0)
		return -1;
	struct wire_socket *socket = &wire->sockets.by_fd[fd];
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	if (transfer) /* libcurl has handles of its own */
		transfer->waits_at = what == CURL_POLL_REMOVE ? -1 : fd;
	socket->wanted = wanted != 0;
	if (!socket->wanted && socket->ours && socket->watched == EPOLLIN)
		return 0;
	return watch(wire, fd, socket, wanted);
}

int
wire_ready_init(struct wire *wire)
{
	wire->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (wire->epoll < 0 ||
	    curl_multi_setopt(wire->multi, CURLMOPT_SOCKETFUNCTION, on_interest) ||
	    curl_multi_setopt(wire->multi, CURLMOPT_SOCKETDATA, wire))
		return -1;
	return 0;
}

bool
wire_ready_due(const struct wire *wire, int *timeout_ms)
{
	long ms = -1;

	if (curl_multi_timeout(wire->multi, &ms) != CURLM_OK)
		ms = 0;
	if (ms >= 0 && ms < *timeout_ms)
		*timeout_ms = (int)ms;
	return ms == 0;
}

static int
move_one(struct wire *wire, curl_socket_t fd, int bits)
{
	int running;

	return curl_multi_socket_action(wire->multi, fd, bits, &running) == CURLM_OK ? 0 : -1;
}

int
wire_ready_look(struct wire *wire, const struct wire_transfer *transfer)
{
	return transfer->waits_at < 0 ? 0 : move_one(wire, transfer->waits_at, 0);
}

int
wire_ready_move(struct wire *wire)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(wire->epoll, events, EVENTS_MAX, 0);
	int none = 0, result = 0;

	if (count < 0 && errno != EINTR)
		return -1;
	for (int i = 0; i < count && result == 0; i++) {
		int fd = events[i].data.fd;
		struct wire_socket *socket = &wire->sockets.by_fd[fd];
		uint32_t seen = events[i].events;
		if (!socket->wanted) {
			watch(wire, fd, socket, 0);
			continue;
		}
		if (seen & (EPOLLERR | EPOLLHUP)) /* libcurl finds it by what it wanted to do */
			seen |= socket->watched;
		result = move_one(wire, fd,
		    (seen & EPOLLIN ? CURL_CSELECT_IN : 0) |
			(seen & EPOLLOUT ? CURL_CSELECT_OUT : 0));
	}
	if (result == 0 && wire_ready_due(wire, &none))
		result = move_one(wire, CURL_SOCKET_TIMEOUT, 0);
	return result;
}
