/* pump.c - one thread, one epoll, all parcels looked at on each wake-up: thousands are few enough.
 */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOP_WRITES_MAX = 64 };

struct pump {
	pthread_t thread;
	pthread_mutex_t mutex;
	struct parcel *arrived; /* under mutex */
	bool stop;              /* under mutex */
	struct parcel *active;
	int epoll;
	int wake;
};

/* 1: all written, 0: the socket is full, -1: broken. */
static int
write_some(struct parcel *parcel, const struct text *text, size_t *at, size_t end)
{
	while (*at < end) {
		ssize_t sent =
		    send(parcel->fd, text->data + *at, end - *at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		*at += (size_t)sent;
	}
	return 1;
}

/* Sends what is due of the plan's bytes; the same results. wake_ms is lowered to when more is due.
 */
static int
write_bytes(struct parcel *parcel, int64_t now, int64_t *wake_ms)
{
	const struct plan *plan = &parcel->plan;
	size_t fast = plan->ms_per_byte > 0 && plan->slow_from < plan->bytes.length
			  ? plan->slow_from
			  : plan->bytes.length;
	int result = write_some(parcel, &plan->bytes, &parcel->sent, fast);

	while (result == 1 && parcel->sent < plan->bytes.length) {
		if (now < parcel->next_byte_ms) {
			*wake_ms = parcel->next_byte_ms;
			return 0;
		}
		parcel->next_byte_ms = now + plan->ms_per_byte;
		result = write_some(parcel, &plan->bytes, &parcel->sent, parcel->sent + 1);
	}
	if (result == 0)
		parcel->wants_write = true;
	return result;
}

static int
write_loop(struct parcel *parcel)
{
	int result = 1;

	for (int i = 0; i < LOOP_WRITES_MAX && result == 1; i++) {
		result = write_some(
		    parcel, &parcel->plan.loop, &parcel->loop_at, parcel->plan.loop.length);
		if (result == 1)
			parcel->loop_at = 0;
	}
	parcel->wants_write = true;
	return result < 0 ? -1 : 0;
}

static void
reset_connection(int fd)
{
	struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

	/* on Linux this drops a connected TCP socket with an RST, whoever else holds it */
	connect(fd, &unspecified, sizeof(unspecified));
}

/* Does what is due. True when the plan has ended. wake_ms: when to look again, -1 = not by time. */
static bool
parcel_step(struct parcel *parcel, int64_t now, int64_t *wake_ms)
{
	const struct plan *plan = &parcel->plan;

	*wake_ms = -1;
	parcel->wants_write = false;
	if (parcel->gone)
		return true;
	if (now < parcel->start_at_ms) {
		*wake_ms = parcel->start_at_ms;
		return false;
	}
	if (!parcel->started) {
		parcel->started = true;
		parcel->hold_until_ms = plan->hold_ms < 0 ? INT64_MAX : now + plan->hold_ms;
	}
	switch (write_bytes(parcel, now, wake_ms)) {
	case 0:
		return false;
	case -1:
		return true;
	}
	if (plan->loop.length > 0)
		return write_loop(parcel) < 0;
	if (plan->end == END_RESET)
		reset_connection(parcel->fd);
	if (plan->end != END_HANG || now >= parcel->hold_until_ms)
		return true;
	if (parcel->hold_until_ms != INT64_MAX)
		*wake_ms = parcel->hold_until_ms;
	return false;
}

static void
parcel_finish(struct parcel *parcel)
{
	struct MHD_Connection *connection = parcel->connection;

	close(parcel->fd);
	parcel->fd = -1;
	MHD_resume_connection(connection); /* from here on the parcel may be gone */
}

static void
parcel_arm(struct pump *pump, struct parcel *parcel)
{
	struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = parcel};

	if (parcel->wants_write == parcel->armed)
		return;
	if (parcel->wants_write)
		event.events |= EPOLLOUT;
	epoll_ctl(pump->epoll, EPOLL_CTL_MOD, parcel->fd, &event);
	parcel->armed = parcel->wants_write;
}

/* Steps every parcel; the time in ms until the next is due, -1 when none is. */
static int
pump_turn(struct pump *pump, bool stop)
{
	struct parcel **at = &pump->active;
	int64_t now = clock_steady_ms();
	int64_t first = INT64_MAX;
	int64_t wake_ms;

	while (*at != NULL) {
		struct parcel *parcel = *at;

		if (stop || parcel_step(parcel, now, &wake_ms)) {
			*at = parcel->next;
			epoll_ctl(pump->epoll, EPOLL_CTL_DEL, parcel->fd, NULL);
			parcel_finish(parcel);
			continue;
		}
		parcel_arm(pump, parcel);
		if (wake_ms >= 0 && wake_ms < first)
			first = wake_ms;
		at = &parcel->next;
	}
	if (first == INT64_MAX)
		return -1;
	return first <= now ? 0 : first - now > 60000 ? 60000 : (int)(first - now);
}

static bool
pump_take(struct pump *pump)
{
	struct parcel *arrived;
	bool stop;

	pthread_mutex_lock(&pump->mutex);
	arrived = pump->arrived;
	pump->arrived = NULL;
	stop = pump->stop;
	pthread_mutex_unlock(&pump->mutex);
	while (arrived != NULL) {
		struct parcel *parcel = arrived;
		struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = parcel};

		arrived = parcel->next;
		parcel->next = pump->active;
		pump->active = parcel;
		epoll_ctl(pump->epoll, EPOLL_CTL_ADD, parcel->fd, &event);
	}
	return stop;
}

static void *
pump_run(void *cookie)
{
	struct pump *pump = cookie;
	struct epoll_event events[256];
	uint64_t drained;
	int timeout = -1;
	int count;

	for (;;) {
		count = epoll_wait(pump->epoll, events, 256, timeout);
		for (int i = 0; i < count; i++) {
			struct parcel *parcel = events[i].data.ptr;

			if (parcel == NULL)
				(void)!read(pump->wake, &drained, sizeof(drained));
			else if ((events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
				parcel->gone = true;
		}
		bool stop = pump_take(pump);

		timeout = pump_turn(pump, stop);
		if (stop)
			return NULL;
	}
}

struct pump *
pump_start(void)
{
	struct pump *pump = must_calloc(sizeof(*pump));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	pthread_mutex_init(&pump->mutex, NULL);
	pump->epoll = epoll_create1(EPOLL_CLOEXEC);
	pump->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pump->epoll < 0 || pump->wake < 0 ||
	    epoll_ctl(pump->epoll, EPOLL_CTL_ADD, pump->wake, &event) != 0 ||
	    pthread_create(&pump->thread, NULL, pump_run, pump) != 0) {
		free(pump);
		return NULL;
	}
	return pump;
}

static void
pump_wake(struct pump *pump)
{
	uint64_t one = 1;

	(void)!write(pump->wake, &one, sizeof(one));
}

struct parcel *
pump_send(struct pump *pump, struct MHD_Connection *connection, int fd, struct plan *plan)
{
	struct parcel *parcel = must_calloc(sizeof(*parcel));
	int now = 1;
	bool stopped;

	parcel->connection = connection;
	parcel->plan = *plan;
	parcel->start_at_ms = clock_steady_ms() + plan->delay_ms;
	parcel->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof(now));
	pthread_mutex_lock(&pump->mutex);
	stopped = pump->stop || parcel->fd < 0;
	if (!stopped) {
		parcel->next = pump->arrived;
		pump->arrived = parcel;
	}
	pthread_mutex_unlock(&pump->mutex);
	if (stopped)
		MHD_resume_connection(connection);
	else
		pump_wake(pump);
	return parcel;
}

void
pump_stop(struct pump *pump)
{
	pthread_mutex_lock(&pump->mutex);
	pump->stop = true;
	pthread_mutex_unlock(&pump->mutex);
	pump_wake(pump);
	pthread_join(pump->thread, NULL);
}

void
pump_free(struct pump *pump)
{
	close(pump->epoll);
	close(pump->wake);
	pthread_mutex_destroy(&pump->mutex);
	free(pump);
}

void
parcel_free(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	if (parcel->fd >= 0)
		close(parcel->fd);
	plan_free(&parcel->plan);
	free(parcel);
}
