/*
 * peer.h - a server for tests that does exactly what a script says, byte by byte.
 *
 * It listens on 127.0.0.1, port chosen by the system; each connection runs the script in a thread
 * of its own. What it received is counted before anything goes wrong, so it can bear witness of
 * what was sent.
 */
#ifndef OUTBOXD_TESTS_PEER_H
#define OUTBOXD_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>

enum peer_tls {
	PEER_PLAIN,
	PEER_TLS,             /* certificate for 127.0.0.1 by the authority of peer_ca_file() */
	PEER_TLS_SELF_SIGNED, /* the same name, by itself */
	PEER_TLS_EXPIRED,     /* yesterday */
	PEER_TLS_WRONG_NAME,  /* for another host */
	PEER_TLS_1_1,         /* nothing newer */
	PEER_TLS_CLIENT,      /* as PEER_TLS, and wants a certificate of the same authority */
};

struct peer;
struct peer_connection;
typedef void peer_script(struct peer_connection *connection, void *context);

struct peer *peer_start(enum peer_tls tls, peer_script *script, void *context);
/* Ends every connection and thread. */
void peer_stop(struct peer *peer);

int peer_port(const struct peer *peer);
/* "https://127.0.0.1:PORT" or "http://...". */
const char *peer_origin(const struct peer *peer);
/* PEM files in a directory of the peer's own, gone after peer_stop(). */
const char *peer_ca_file(const struct peer *peer);
const char *peer_client_cert(const struct peer *peer);
const char *peer_client_key(const struct peer *peer);

/* So far. Bytes are those of requests, after TLS. */
int peer_connections(struct peer *peer);
int peer_requests(struct peer *peer);
size_t peer_bytes(struct peer *peer);
size_t peer_sent(struct peer *peer);

/* A copy of the n-th (from 0) complete request, NUL-terminated, to be freed; NULL: there is none.
 */
char *peer_request(struct peer *peer, int n, size_t *length);

/* --- For scripts --- */

/* Which connection this is, from 0; which request was read last on it, from 1. */
int peer_number(const struct peer_connection *connection);
int peer_turn(const struct peer_connection *connection);

/* Reads one request (head, and a body by Content-Length). False: the client went away or the test
 * is over. */
bool peer_read(struct peer_connection *connection);
/* False: could not be sent (the client went away). */
bool peer_send(struct peer_connection *connection, const void *bytes, size_t length);
bool peer_say(struct peer_connection *connection, const char *text);
/* "200 OK", JSON, framed by Content-Length, connection kept. */
bool peer_answer(struct peer_connection *connection, const char *body);
/* False: the test is over. */
bool peer_pause(struct peer_connection *connection, int ms);
/* Until the client goes away or the test is over. */
void peer_hang(struct peer_connection *connection);
/* Ends: the script should return after it. A script that simply returns closes properly. */
void peer_cut(struct peer_connection *connection);   /* FIN; in TLS without close_notify */
void peer_reset(struct peer_connection *connection); /* RST */

/* --- Certificates (peer_cert.c) --- */

struct ssl_ctx_st;
/* Writes ca.pem, client.pem, client.key into the directory and makes the server's context; aborts
 * on failure. */
struct ssl_ctx_st *peer_cert_context(enum peer_tls tls, const char *directory);

#endif
