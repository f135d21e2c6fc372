/*
 * wire_parts.h - what the wire's own files share. Nobody else includes it.
 */
#ifndef OUTBOXD_EDGE_WIRE_PARTS_H
#define OUTBOXD_EDGE_WIRE_PARTS_H

#include <curl/curl.h>
#include <netinet/in.h>

#include "edge/wire.h"
#include "edge/wire_answer.h"
#include "edge/wire_peer.h"

/* Every socket: what is waited for there, and once connected its ends, so that a reused one can be
 * looked at. */
struct wire_socket {
	bool ours;        /* made for a connection, and not yet closed */
	bool wanted;      /* libcurl waits for something there */
	uint32_t watched; /* what epoll looks for there; 0: it does not know it */
	int own_port, peer_port;
	char peer_ip[INET6_ADDRSTRLEN]; /* "": closed, or not connected yet */
};
struct wire_sockets {
	int *of_port; /* the descriptor that has this port of ours */
	struct wire_socket *by_fd;
	size_t capacity;
};
/* A connection as libcurl names it to the hook. */
struct wire_ends {
	const char *peer_ip;
	int peer_port, own_port;
};

struct wire {
	CURLM *multi;
	wire_before_send *before_send;
	void *context;
	bool in_hook;
	bool started; /* something waits for its first move */
	int epoll;    /* of the sockets that libcurl waits at */
	struct wire_transfer *all;
	struct wire_transfer *pool;
	size_t pooled;
	struct wire_transfer *finished, **finished_end;
	struct wire_transfer *cancelling;
	struct wire_sockets sockets;
	const char *ca_file, *ca_directory; /* the system's, as libcurl was built */
};

/* Candidates of one connect that are open at the same time: one IPv6, one IPv4. */
enum { OPENED_MAX = 4 };

enum wire_state {
	WIRE_IDLE,       /* in the pool */
	WIRE_RUNNING,    /* libcurl has it */
	WIRE_CANCELLING, /* libcurl has it; nothing new may be sent; one last look, then it ends */
	WIRE_ENDED,      /* libcurl is through with it, but still holds it */
	WIRE_FINISHED,   /* has an outcome, in the queue */
	WIRE_TAKEN,      /* handed out by wire_finished() */
};

struct wire_transfer {
	struct wire *wire;
	void *owner;
	enum wire_state state;
	struct wire_transfer *previous, *next; /* all that are not in the pool; in the pool: next */
	struct wire_transfer *queue_next;      /* ended, then finished */
	struct wire_transfer *cancel_next;

	CURL *easy;
	CURLcode code;
	bool released;          /* the hook let the request go: from here on bytes may have left */
	bool resend;            /* ... and libcurl wanted to send it again */
	bool refused;           /* the owner's hook said no */
	bool forbidden;         /* the peer's address is not allowed */
	bool unclean;           /* the reused connection was not quiet: start again on a new one */
	int waits_at;           /* the socket where it waits, or -1 */
	int opened[OPENED_MAX]; /* the last sockets made for it */
	size_t opened_count;
	struct peer_policy peer;
	struct wire_answer answer;
	struct wire_outcome outcome;
	char words[CURL_ERROR_SIZE]; /* libcurl's */

	/* The request's header lines and their list: kept from one request to the next. */
	struct curl_slist *nodes;
	size_t node_capacity;
	char *lines;
	size_t line_bytes, line_capacity;
};

/* Why this libcurl cannot be used, or NULL. */
const char *wire_setup_version_refusal(const curl_version_info_data *info);
/* Options that are the same for every request, once per handle. -1: refused or no memory. */
int wire_setup_handle(struct wire_transfer *transfer);
/* Why such a request must not be started, or NULL. */
const char *wire_setup_refusal(const struct wire_request *request);
/* Everything that may differ between two requests, each time all of it. */
CURLcode wire_setup_request(struct wire_transfer *transfer, const struct wire_request *request);
/* Forgets the request's header lines, which carry credentials. */
void wire_setup_forget(struct wire_transfer *transfer);

/* Decides the outcome of a transfer that is over. Words that a cancel or a refusal gave stay. */
void wire_conclude(struct wire_transfer *transfer);
/* Any text to the outcome's printable error. */
void wire_say(struct wire_transfer *transfer, const char *words);

int wire_ready_init(struct wire *wire);
/* Is something to be done now, whatever the sockets say? If only later, *timeout_ms becomes at most
 * the time until then. */
bool wire_ready_due(const struct wire *wire, int *timeout_ms);
/* Moves the transfers whose sockets are ready or whose time has come. -1: libcurl fails as a
 * whole. */
int wire_ready_move(struct wire *wire);
/* Moves this one, whether its socket is ready or not. */
int wire_ready_look(struct wire *wire, const struct wire_transfer *transfer);

int wire_sockets_init(struct wire_sockets *sockets);
/* Makes room for what is known about fd; -1: no memory. */
int wire_sockets_room(struct wire_sockets *sockets, int fd);
void wire_sockets_free(struct wire_sockets *sockets);
/* In the hook: is nothing there to be read before the request has gone? False: never use that
 * connection. */
bool wire_socket_is_clean(struct wire_transfer *transfer, const struct wire_ends *ends);

/* libcurl's callbacks; data: the transfer, for the closing of a socket the wire. */
int wire_on_before_send(void *data, char *peer_ip, char *own_ip, int peer_port, int own_port);
curl_socket_t wire_on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address);
int wire_on_close_socket(void *data, curl_socket_t fd);
size_t wire_on_header(char *line, size_t size, size_t count, void *data);
size_t wire_on_body(char *bytes, size_t size, size_t count, void *data);

#endif
