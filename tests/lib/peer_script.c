/*
 * peer_script.c - what a script can do with its connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/peer_parts.h"

bool
peer_wait_for(struct peer_connection *c, short events, int ms)
{
	struct pollfd fds[2] = {
	    {.fd = c->fd, .events = events}, {.fd = c->peer->over, .events = POLLIN}};
	int ready;

	do
		ready = poll(fds, 2, ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0 && fds[1].revents == 0;
}

static ssize_t
receive(struct peer_connection *c, char *to, size_t room)
{
	if (c->fd < 0 || (!(c->ssl && SSL_pending(c->ssl) > 0) && !peer_wait_for(c, POLLIN, -1)))
		return -1;
	ssize_t got = c->ssl ? SSL_read(c->ssl, to, (int)room) : recv(c->fd, to, room, 0);
	if (got > 0)
		atomic_fetch_add(&c->peer->bytes, (size_t)got);
	return got;
}

static size_t
body_length(const char *head)
{
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
			return strtoul(line + 17, NULL, 10);
	return 0;
}

/* The whole request's length when it is there, 0: more is needed. */
static size_t
request_length(const struct peer_connection *c)
{
	if (c->input_length == 0)
		return 0;
	const char *end = memmem(c->input, c->input_length, "\r\n\r\n", 4);
	if (!end)
		return 0;
	char *head = strndup(c->input, (size_t)(end - c->input));
	size_t length = (size_t)(end - c->input) + 4 + body_length(head);
	free(head);
	return length <= c->input_length ? length : 0;
}

static void
keep_request(struct peer_connection *c, size_t length)
{
	struct peer *peer = c->peer;
	char *copy = malloc(length + 1);

	memcpy(copy, c->input, length);
	copy[length] = '\0';
	pthread_mutex_lock(&peer->lock);
	peer->requests =
	    realloc(peer->requests, (size_t)(peer->request_count + 1) * sizeof(*peer->requests));
	peer->requests[peer->request_count++] = (struct request){copy, length};
	pthread_mutex_unlock(&peer->lock);
	memmove(c->input, c->input + length, c->input_length - length);
	c->input_length -= length;
	c->turn++;
}

bool
peer_read(struct peer_connection *c)
{
	for (;;) {
		size_t length = request_length(c);
		if (length > 0) {
			keep_request(c, length);
			return true;
		}
		if (c->input_capacity - c->input_length < 65536) {
			c->input_capacity += 65536 + c->input_capacity;
			c->input = realloc(c->input, c->input_capacity);
		}
		ssize_t got = receive(c, c->input + c->input_length, 65536);
		if (got <= 0)
			return false;
		c->input_length += (size_t)got;
	}
}

bool
peer_send(struct peer_connection *c, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		if (c->fd < 0 || !peer_wait_for(c, POLLOUT, -1))
			return false;
		size_t part = length < 16384 ? length : 16384;
		ssize_t sent = c->ssl ? SSL_write(c->ssl, at, (int)part)
				      : send(c->fd, at, part, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && !c->ssl && errno == EAGAIN)
			continue;
		if (sent <= 0)
			return false;
		atomic_fetch_add(&c->peer->sent, (size_t)sent);
		at += sent;
		length -= (size_t)sent;
	}
	return true;
}

bool
peer_say(struct peer_connection *c, const char *text)
{
	return peer_send(c, text, strlen(text));
}

bool
peer_answer(struct peer_connection *c, const char *body)
{
	char head[256];

	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    strlen(body));
	char *whole = malloc(strlen(head) + strlen(body) + 1);
	stpcpy(stpcpy(whole, head), body);
	bool fine = peer_say(c, whole);
	free(whole);
	return fine;
}

bool
peer_pause(struct peer_connection *c, int ms)
{
	struct pollfd over = {.fd = c->peer->over, .events = POLLIN};
	return poll(&over, 1, ms) == 0;
}

void
peer_hang(struct peer_connection *c)
{
	char sink[4096];

	while (receive(c, sink, sizeof(sink)) > 0)
		;
}

void
peer_end(struct peer_connection *c, bool polite)
{
	if (c->fd < 0)
		return;
	if (c->ssl) {
		if (polite && SSL_is_init_finished(c->ssl))
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	close(c->fd);
	c->fd = -1;
}

void
peer_cut(struct peer_connection *c)
{
	peer_end(c, false);
}

void
peer_reset(struct peer_connection *c)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_end(c, false);
}

int
peer_number(const struct peer_connection *c)
{
	return c->number;
}

int
peer_turn(const struct peer_connection *c)
{
	return c->turn;
}
