/*
 * wire_parts.h - what the wire's own files share. Nobody else includes it.
 */
#ifndef OUTBOXD_EDGE_WIRE_PARTS_H
#define OUTBOXD_EDGE_WIRE_PARTS_H

#include <curl/curl.h>

#include "edge/wire.h"
#include "edge/wire_answer.h"
#include "edge/wire_peer.h"

struct wire {
	CURLM *multi;
	wire_before_send *before_send;
	void *context;
	bool in_hook;
	bool started; /* something waits for its first move */
	struct wire_transfer *all;
	struct wire_transfer *pool;
	size_t pooled;
	struct wire_transfer *finished, **finished_end;
	struct wire_transfer *cancelling;
	struct curl_waitfd *wait_fds;
	size_t wait_fd_capacity;
};

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
	int hook_calls;
	bool released; /* the hook let the request go: from here on bytes may have left */
	bool refused;  /* the owner's hook said no */
	bool forbidden;
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

/* libcurl's callbacks, data: the transfer. */
int wire_on_before_send(void *data, char *peer_ip, char *own_ip, int peer_port, int own_port);
curl_socket_t wire_on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address);
size_t wire_on_header(char *line, size_t size, size_t count, void *data);
size_t wire_on_body(char *bytes, size_t size, size_t count, void *data);

#endif
