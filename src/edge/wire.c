/*
 * wire.c - exchanges in flight on one libcurl multi handle.
 *
 * A transfer moves  idle -> running -> ended -> finished -> taken -> idle,  with cancelling beside
 * running. What it proves is decided in one place, wire_conclude(), from what the hook did and what
 * the answer shows; libcurl's result codes only choose words and trouble, because the same code
 * occurs before and after the first byte.
 *
 * May not know rows, rules or time.
 */
#include "edge/wire_parts.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	IDLE_CONNECTIONS_MAX =
	    512, /* fewer than are in use at a time would mean new ones all the time */
	IDLE_HANDLES_MAX = 512,
	FD_COUNT_MAX = 8,
};

/* --- The wire itself --- */

struct wire *
wire_new(wire_before_send *before_send, void *context, const char **why)
{
	/* libcurl and OpenSSL look here by themselves: session keys to a file, other settings,
	 * other backends. */
	static const char *const hostile[] = {
	    "SSLKEYLOGFILE", "OPENSSL_CONF", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_SSL_BACKEND"};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		unsetenv(hostile[i]);
	/* With NOSIGNAL libcurl leaves this to us: a peer may reset while TLS says good-bye. */
	signal(SIGPIPE, SIG_IGN);

	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	*why = wire_setup_version_refusal(info);
	if (*why)
		return NULL;
	*why = "libcurl does not start";
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	struct wire *wire = calloc(1, sizeof(*wire));
	if (!wire) {
		curl_global_cleanup();
		return NULL;
	}
	wire->epoll = -1;
	wire->multi = curl_multi_init();
	if (!wire->multi || wire_sockets_init(&wire->sockets) != 0 ||
	    curl_multi_setopt(wire->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX) ||
	    curl_multi_setopt(wire->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) ||
	    wire_ready_init(wire) != 0) {
		wire_free(wire);
		return NULL;
	}
	wire->before_send = before_send;
	wire->context = context;
	wire->ca_file = info->cainfo;
	wire->ca_directory = info->capath;
	wire->finished_end = &wire->finished;
	*why = NULL;
	return wire;
}

static void
destroy(struct wire_transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	wire_answer_free(&transfer->answer);
	wire_setup_forget(transfer);
	free(transfer->lines);
	free(transfer->nodes);
	free(transfer);
}

void
wire_free(struct wire *wire)
{
	if (!wire)
		return;
	assert(!wire->in_hook);
	while (wire->all) {
		struct wire_transfer *transfer = wire->all;
		wire->all = transfer->next;
		curl_multi_remove_handle(wire->multi, transfer->easy);
		destroy(transfer);
	}
	while (wire->pool) {
		struct wire_transfer *transfer = wire->pool;
		wire->pool = transfer->next;
		destroy(transfer);
	}
	curl_multi_cleanup(wire->multi);
	curl_global_cleanup();
	wire_sockets_free(&wire->sockets);
	if (wire->epoll >= 0)
		close(wire->epoll);
	free(wire);
}

/* --- One transfer's life --- */

static struct wire_transfer *
obtain(struct wire *wire)
{
	struct wire_transfer *transfer = wire->pool;

	if (transfer) {
		wire->pool = transfer->next;
		wire->pooled--;
	} else {
		transfer = calloc(1, sizeof(*transfer));
		if (!transfer)
			return NULL;
		transfer->wire = wire;
		transfer->easy = curl_easy_init();
		if (!transfer->easy || wire_setup_handle(transfer) != 0) {
			destroy(transfer);
			return NULL;
		}
	}
	transfer->previous = NULL;
	transfer->next = wire->all;
	if (wire->all)
		wire->all->previous = transfer;
	wire->all = transfer;
	return transfer;
}

static void
give_back(struct wire *wire, struct wire_transfer *transfer)
{
	*(transfer->previous ? &transfer->previous->next : &wire->all) = transfer->next;
	if (transfer->next)
		transfer->next->previous = transfer->previous;
	wire_answer_free(&transfer->answer);
	wire_setup_forget(transfer);
	transfer->state = WIRE_IDLE;
	if (wire->pooled >= IDLE_HANDLES_MAX) {
		destroy(transfer);
		return;
	}
	transfer->next = wire->pool;
	wire->pool = transfer;
	wire->pooled++;
}

static void
finish(struct wire *wire, struct wire_transfer *transfer)
{
	transfer->state = WIRE_FINISHED;
	transfer->queue_next = NULL;
	*wire->finished_end = transfer;
	wire->finished_end = &transfer->queue_next;
}

struct wire_transfer *
wire_start(struct wire *wire, const struct wire_request *request, void *owner)
{
	assert(!wire->in_hook);
	struct wire_transfer *transfer = obtain(wire);
	if (!transfer)
		return NULL;
	transfer->owner = owner;
	transfer->code = CURLE_OK;
	transfer->released = transfer->resend = transfer->refused = false;
	transfer->forbidden = transfer->unclean = false;
	transfer->opened_count = 0;
	transfer->waits_at = -1;
	transfer->outcome = (struct wire_outcome){.evidence = EVIDENCE_UNSENT};
	transfer->words[0] = '\0';
	wire_answer_init(&transfer->answer, false, 0);

	const char *refusal = wire_setup_refusal(request);
	CURLcode bad =
	    refusal ? CURLE_BAD_FUNCTION_ARGUMENT : wire_setup_request(transfer, request);
	if (bad && bad != CURLE_OUT_OF_MEMORY) {
		transfer->code = bad;
		wire_say(transfer, refusal ? refusal : curl_easy_strerror(bad));
		wire_conclude(transfer);
		finish(wire, transfer);
		return transfer;
	}
	if (bad || curl_multi_add_handle(wire->multi, transfer->easy) != CURLM_OK) {
		give_back(wire, transfer);
		return NULL;
	}
	transfer->state = WIRE_RUNNING;
	wire->started = true;
	return transfer;
}

void
wire_cancel(struct wire *wire, struct wire_transfer *transfer, const char *why)
{
	assert(!wire->in_hook);
	if (transfer->state != WIRE_RUNNING)
		return;
	wire_say(transfer, why);
	transfer->state = WIRE_CANCELLING;
	transfer->cancel_next = wire->cancelling;
	wire->cancelling = transfer;
}

/* --- Moving --- */

/* Nothing was sent and the owner was not asked, so it may simply start again; a new connection is
 * never unclean. */
static bool
start_on_new_connection(struct wire *wire, struct wire_transfer *transfer)
{
	assert(!transfer->released);
	transfer->unclean = false;
	transfer->words[0] = '\0';
	if (curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L) ||
	    curl_multi_add_handle(wire->multi, transfer->easy) != CURLM_OK)
		return false;
	transfer->state = WIRE_RUNNING;
	wire->started = true;
	return true;
}

/* Takes what libcurl is through with. It is let go only when all messages are read: letting go
 * walks the rest. */
static void
collect(struct wire *wire)
{
	struct wire_transfer *ended = NULL, **end = &ended;
	int left;

	for (CURLMsg *m; (m = curl_multi_info_read(wire->multi, &left)) != NULL;) {
		struct wire_transfer *transfer = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &transfer);
		transfer->code = m->data.result;
		transfer->state = WIRE_ENDED;
		transfer->queue_next = NULL;
		*end = transfer;
		end = &transfer->queue_next;
	}
	for (struct wire_transfer *transfer = ended, *next; transfer; transfer = next) {
		next = transfer->queue_next;
		curl_multi_remove_handle(wire->multi, transfer->easy);
		if (transfer->unclean && start_on_new_connection(wire, transfer))
			continue;
		wire_conclude(transfer);
		finish(wire, transfer);
	}
}

static int
move(struct wire *wire)
{
	wire->started = false;
	int bad = wire_ready_move(wire);
	collect(wire);
	return bad;
}

/* One last look at the sockets of all that were cancelled, then they end as they are. */
static int
end_cancelled(struct wire *wire)
{
	if (!wire->cancelling)
		return 0;
	int result = 0;
	for (const struct wire_transfer *transfer = wire->cancelling; transfer && result == 0;
	     transfer = transfer->cancel_next)
		result = wire_ready_look(wire, transfer);
	collect(wire);
	while (wire->cancelling) {
		struct wire_transfer *transfer = wire->cancelling;
		wire->cancelling = transfer->cancel_next;
		if (transfer->state != WIRE_CANCELLING)
			continue; /* its answer was there */
		curl_multi_remove_handle(wire->multi, transfer->easy);
		transfer->code = CURLE_ABORTED_BY_CALLBACK;
		wire_conclude(transfer);
		finish(wire, transfer);
	}
	return result;
}

int
wire_wait(struct wire *wire, const int *fds, bool *ready, size_t fd_count, int timeout_ms)
{
	struct pollfd polled[1 + FD_COUNT_MAX] = {{.fd = wire->epoll, .events = POLLIN}};

	assert(!wire->in_hook && fd_count <= FD_COUNT_MAX);
	for (size_t i = 0; i < fd_count; i++)
		polled[1 + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};

	if (end_cancelled(wire) != 0 || (wire->started && move(wire) != 0))
		return -1;
	if (wire->finished || timeout_ms < 0)
		timeout_ms = 0;
	wire_ready_due(wire, &timeout_ms);
	int result = poll(polled, 1 + fd_count, timeout_ms);
	if (result < 0 && errno != EINTR)
		return -1;
	for (size_t i = 0; i < fd_count; i++)
		ready[i] = result > 0 && polled[1 + i].revents != 0;
	if ((result > 0 && polled[0].revents != 0) || wire_ready_due(wire, &timeout_ms))
		return move(wire);
	return 0;
}

struct wire_transfer *
wire_finished(struct wire *wire)
{
	end_cancelled(wire); /* if libcurl fails as a whole, wire_wait() will say so */
	struct wire_transfer *transfer = wire->finished;
	if (!transfer)
		return NULL;
	wire->finished = transfer->queue_next;
	if (!wire->finished)
		wire->finished_end = &wire->finished;
	transfer->state = WIRE_TAKEN;
	return transfer;
}

/* --- Finished transfers --- */

void *
wire_transfer_owner(const struct wire_transfer *transfer)
{
	return transfer->owner;
}

const struct wire_outcome *
wire_transfer_outcome(const struct wire_transfer *transfer)
{
	assert(transfer->state == WIRE_TAKEN);
	return &transfer->outcome;
}

const char *
wire_transfer_header(const struct wire_transfer *transfer, const char *name, size_t *count)
{
	assert(transfer->state == WIRE_TAKEN);
	return wire_answer_header(&transfer->answer, name, count);
}

void
wire_transfer_free(struct wire *wire, struct wire_transfer *transfer)
{
	if (!transfer)
		return;
	assert(transfer->state == WIRE_TAKEN);
	give_back(wire, transfer);
}
