/*
 * peer_parts.h - what peer.c and peer_script.c share. Nobody else includes it.
 */
#ifndef OUTBOXD_TESTS_PEER_PARTS_H
#define OUTBOXD_TESTS_PEER_PARTS_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/peer.h"

enum { CONNECTIONS_MAX = 2048 };

struct peer_connection {
	struct peer *peer;
	pthread_t thread;
	int number;
	int turn;
	int fd; /* -1: ended */
	SSL *ssl;
	char *input; /* received and not yet part of a request */
	size_t input_length, input_capacity;
};

struct request {
	char *bytes;
	size_t length;
};

struct peer {
	peer_script *script;
	void *context;
	int listener;
	int over; /* an eventfd, readable when the test is over */
	int port;
	char origin[64];
	char directory[200], ca_file[240], client_cert[240], client_key[240];
	SSL_CTX *tls;
	pthread_t acceptor;
	pthread_mutex_t lock;
	struct peer_connection *connections[CONNECTIONS_MAX];
	struct request *requests;
	int request_count;
	atomic_int connection_count;
	atomic_size_t bytes, sent;
};

/* Waits for the socket; false when the test is over or time is up. */
bool peer_wait_for(struct peer_connection *connection, short events, int ms);
void peer_end(struct peer_connection *connection, bool polite);

#endif
