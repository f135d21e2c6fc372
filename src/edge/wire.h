/*
 * wire.h - the only transfer code: start, cancel, report.
 *
 * One libcurl multi handle. The wire knows nothing of rows, rules or time limits: it starts what it
 * is given, asks its owner just before the first byte, and reports what came back with the evidence
 * of what left. Deadlines are the owner's (wire_cancel after wire_wait has drained the sockets):
 * libcurl's own time-outs throw away an answer that has already arrived.
 *
 * Evidence comes from libcurl's pre-request hook (CURLOPT_PREREQFUNCTION), never from error codes:
 * it runs after TCP, TLS and the certificate check and before the first request byte. Its second
 * call in one attempt is always refused, because libcurl resends a POST by itself when a reused
 * connection dies.
 */
#ifndef OUTBOXD_EDGE_WIRE_H
#define OUTBOXD_EDGE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/answer.h"

struct wire;
struct wire_transfer; /* one exchange in flight */

struct wire_request {
	const char *method;
	const char *url;
	const char *const *headers; /* whole lines "Name: value", count of them; copied */
	size_t header_count;
	const void *body; /* must stay valid until the outcome was taken; NULL with 0: none */
	size_t body_length;
	size_t response_max; /* more body bytes than this: cut off, `oversize` */
	int64_t connect_timeout_ms;
	bool fresh_connection; /* never on, and never left for, another request (keyless submits) */
	bool allow_private;    /* the peer may be in a private range */
	bool allow_loopback;   /* the peer may be 127.0.0.0/8 or ::1 */
	const char *ca_file;
	const char *client_cert;
	const char *client_key;
};

/* What came back. Valid until wire_transfer_free(). */
struct wire_outcome {
	enum evidence evidence;
	enum wire_trouble trouble;
	bool oversize;   /* the answer was larger than response_max (evidence is then MAYBE_SENT) */
	int http_status; /* of the last complete or begun header block, 0: none */
	const char *body; /* what arrived, NUL-terminated; NULL when nothing did */
	size_t body_length;
	char error[256]; /* libcurl's words for the log, printable ASCII; "" when answered */
};

/* Called just before the first request byte. Non-zero: do not send (the outcome is unsent,
 * REFUSED). */
typedef int wire_before_send(void *context, void *owner);

/*
 * NULL when libcurl is older than 7.85 or cannot start; *why then says so. Ignores SIGPIPE from
 * here on and drops SSLKEYLOGFILE and its like from the environment; so before any thread is
 * started.
 */
struct wire *wire_new(wire_before_send *before_send, void *context, const char **why);
/* Ends every transfer without an outcome. */
void wire_free(struct wire *wire);

/*
 * Starts an exchange. owner is handed back by the hook and by wire_finished(). NULL when memory is
 * short: nothing was or will be sent. A request that must not be sent (control characters, a header
 * that only the wire may write, no http(s) URL) finishes at once as unsent, SETUP. Progress happens
 * only in wire_wait(), and in wire_finished() after a wire_cancel(); the hook may call nothing
 * here.
 */
struct wire_transfer *wire_start(
    struct wire *wire, const struct wire_request *request, void *owner);

/*
 * Moves every transfer forward, then waits up to timeout_ms for a socket or for one of
 * fds[0..fd_count) to become readable (ready[i] is set accordingly; NULL with 0: none), and moves
 * them again. 0, or -1 when libcurl fails as a whole.
 */
int wire_wait(struct wire *wire, const int *fds, bool *ready, size_t fd_count, int timeout_ms);

/* The next finished transfer that was not yet taken, or NULL. */
struct wire_transfer *wire_finished(struct wire *wire);

/*
 * Gives a transfer up: nothing more of it is sent, and it becomes finished with the evidence so
 * far. Take it with wire_finished() as any other: the next call looks at the sockets once more for
 * all that were cancelled, so that an answer that is already here stays an answer. why is copied to
 * outcome.error. On a finished transfer: no effect.
 */
void wire_cancel(struct wire *wire, struct wire_transfer *transfer, const char *why);

/* For finished transfers. */
void *wire_transfer_owner(const struct wire_transfer *transfer);
const struct wire_outcome *wire_transfer_outcome(const struct wire_transfer *transfer);

/*
 * A response header's value of the final header block, or NULL; name without case. When it came
 * several times, *count (may be NULL) says so and the first is returned.
 */
const char *wire_transfer_header(
    const struct wire_transfer *transfer, const char *name, size_t *count);

void wire_transfer_free(struct wire *wire, struct wire_transfer *transfer);

#endif
