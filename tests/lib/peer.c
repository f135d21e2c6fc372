/*
 * peer.c - the scripted server: one thread accepts, one thread per connection plays.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/peer_parts.h"

static void *
play(void *data)
{
	struct peer_connection *c = data;
	bool ready = true;

	if (c->peer->tls) {
		c->ssl = SSL_new(c->peer->tls);
		SSL_set_fd(c->ssl, c->fd);
		ready = peer_wait_for(c, POLLIN, -1) && SSL_accept(c->ssl) == 1;
	}
	if (ready)
		c->peer->script(c, c->peer->context);
	peer_end(c, ready);
	return NULL;
}

static void *
accept_all(void *data)
{
	struct peer *peer = data;
	struct pollfd fds[2] = {
	    {.fd = peer->listener, .events = POLLIN}, {.fd = peer->over, .events = POLLIN}};

	while (poll(fds, 2, -1) >= 0 && fds[1].revents == 0) {
		int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
		int number = peer->connection_count;
		if (fd < 0 || number >= CONNECTIONS_MAX)
			continue;
		struct timeval limit = {.tv_sec = 5}; /* a TLS client that stops half-way */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		struct peer_connection *c = calloc(1, sizeof(*c));
		*c = (struct peer_connection){.peer = peer, .number = number, .fd = fd};
		peer->connections[number] = c;
		atomic_fetch_add(&peer->connection_count, 1);
		if (pthread_create(&c->thread, NULL, play, c) != 0)
			abort();
	}
	return NULL;
}

struct peer *
peer_start(enum peer_tls tls, peer_script *script, void *context)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct peer *peer = calloc(1, sizeof(*peer));

	signal(SIGPIPE, SIG_IGN);
	peer->script = script;
	peer->context = context;
	pthread_mutex_init(&peer->lock, NULL);
	const char *parent = getenv("TMPDIR");
	snprintf(peer->directory, sizeof(peer->directory), "%s/outboxd-peer-XXXXXX",
	    parent ? parent : "/tmp");
	if (!mkdtemp(peer->directory))
		abort();
	snprintf(peer->ca_file, sizeof(peer->ca_file), "%s/ca.pem", peer->directory);
	snprintf(peer->client_cert, sizeof(peer->client_cert), "%s/client.pem", peer->directory);
	snprintf(peer->client_key, sizeof(peer->client_key), "%s/client.key", peer->directory);
	if (tls != PEER_PLAIN)
		peer->tls = peer_cert_context(tls, peer->directory);
	peer->over = eventfd(0, EFD_CLOEXEC);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(peer->listener, (struct sockaddr *)&address, size) != 0 ||
	    listen(peer->listener, 1024) != 0 ||
	    getsockname(peer->listener, (struct sockaddr *)&address, &size) != 0)
		abort();
	peer->port = ntohs(address.sin_port);
	snprintf(peer->origin, sizeof(peer->origin), "%s://127.0.0.1:%d",
	    tls == PEER_PLAIN ? "http" : "https", peer->port);
	if (pthread_create(&peer->acceptor, NULL, accept_all, peer) != 0)
		abort();
	return peer;
}

void
peer_stop(struct peer *peer)
{
	uint64_t one = 1;

	if (!peer)
		return;
	if (write(peer->over, &one, sizeof(one)) != sizeof(one))
		abort();
	pthread_join(peer->acceptor, NULL);
	for (int i = 0; i < peer->connection_count; i++) {
		pthread_join(peer->connections[i]->thread, NULL);
		free(peer->connections[i]->input);
		free(peer->connections[i]);
	}
	for (int i = 0; i < peer->request_count; i++)
		free(peer->requests[i].bytes);
	free(peer->requests);
	close(peer->listener);
	close(peer->over);
	SSL_CTX_free(peer->tls);
	unlink(peer->ca_file);
	unlink(peer->client_cert);
	unlink(peer->client_key);
	rmdir(peer->directory);
	pthread_mutex_destroy(&peer->lock);
	free(peer);
}

int
peer_port(const struct peer *peer)
{
	return peer->port;
}

const char *
peer_origin(const struct peer *peer)
{
	return peer->origin;
}

const char *
peer_ca_file(const struct peer *peer)
{
	return peer->ca_file;
}

const char *
peer_client_cert(const struct peer *peer)
{
	return peer->client_cert;
}

const char *
peer_client_key(const struct peer *peer)
{
	return peer->client_key;
}

int
peer_connections(struct peer *peer)
{
	return atomic_load(&peer->connection_count);
}

int
peer_requests(struct peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	int count = peer->request_count;
	pthread_mutex_unlock(&peer->lock);
	return count;
}

size_t
peer_bytes(struct peer *peer)
{
	return atomic_load(&peer->bytes);
}

size_t
peer_sent(struct peer *peer)
{
	return atomic_load(&peer->sent);
}

char *
peer_request(struct peer *peer, int n, size_t *length)
{
	char *copy = NULL;

	pthread_mutex_lock(&peer->lock);
	if (n < peer->request_count) {
		const struct request *request = &peer->requests[n];
		copy = malloc(request->length + 1);
		memcpy(copy, request->bytes, request->length + 1);
		if (length)
			*length = request->length;
	}
	pthread_mutex_unlock(&peer->lock);
	return copy;
}
