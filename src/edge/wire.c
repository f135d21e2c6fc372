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
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

enum {
	IDLE_CONNECTIONS_MAX =
	    512, /* fewer than are in use at a time would mean new ones all the time */
	IDLE_HANDLES_MAX = 512,
	MANY_RUNNING = 64,
	FEW_ENDED = 16, /* one in so many */
	GATHER_MS = 1,
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
	CURLM *multi = curl_multi_init();
	if (!wire || !multi || wire_sockets_init(&wire->sockets) != 0 ||
	    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX) ||
	    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING)) {
		curl_multi_cleanup(multi);
		curl_global_cleanup();
		if (wire)
			wire_sockets_free(&wire->sockets);
		free(wire);
		return NULL;
	}
	wire->multi = multi;
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
	free(wire->wait_fds);
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

	wire->ended = 0;
	for (CURLMsg *m; (m = curl_multi_info_read(wire->multi, &left)) != NULL; wire->ended++) {
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
	CURLMcode bad = curl_multi_perform(wire->multi, &wire->running);
	collect(wire);
	return bad ? -1 : 0;
}

/* One last look at the sockets for all that were cancelled, then they end as they are. */
static int
end_cancelled(struct wire *wire)
{
	if (!wire->cancelling)
		return 0;
	int result = move(wire);
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

/*
 * Each look at the sockets costs time for all of them: where many requests are in flight and few of
 * them end at a time, a millisecond's worth is looked at together. The caller's descriptors end the
 * wait.
 */
static int
gather(const struct wire *wire, size_t fd_count, int timeout_ms)
{
	struct pollfd fds[FD_COUNT_MAX];

	if (timeout_ms <= GATHER_MS || fd_count > FD_COUNT_MAX || wire->running < MANY_RUNNING ||
	    wire->ended * FEW_ENDED >= wire->running)
		return timeout_ms;
	for (size_t i = 0; i < fd_count; i++)
		fds[i] = (struct pollfd){.fd = wire->wait_fds[i].fd, .events = POLLIN};
	return poll(fds, fd_count, GATHER_MS) == 0 ? timeout_ms - GATHER_MS : 0;
}

/* Has a timer of libcurl's own run out? */
static bool
libcurl_is_due(const struct wire *wire)
{
	long ms = 0;

	return curl_multi_timeout(wire->multi, &ms) != CURLM_OK || ms == 0;
}

int
wire_wait(struct wire *wire, const int *fds, bool *ready, size_t fd_count, int timeout_ms)
{
	assert(!wire->in_hook);
	if (fd_count > wire->wait_fd_capacity) {
		void *larger = realloc(wire->wait_fds, fd_count * sizeof(*wire->wait_fds));
		if (!larger)
			return -1;
		wire->wait_fds = larger;
		wire->wait_fd_capacity = fd_count;
	}
	for (size_t i = 0; i < fd_count; i++)
		wire->wait_fds[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};

	if (end_cancelled(wire) != 0 || (wire->started && move(wire) != 0))
		return -1;
	if (wire->finished || timeout_ms < 0)
		timeout_ms = 0;
	timeout_ms = gather(wire, fd_count, timeout_ms);
	int result = 0, events = 0, own = 0;
	if (curl_multi_poll(wire->multi, wire->wait_fds, (unsigned)fd_count, timeout_ms, &events) !=
	    CURLM_OK)
		result = -1;
	for (size_t i = 0; i < fd_count; i++) {
		ready[i] = result == 0 && wire->wait_fds[i].revents != 0;
		own += ready[i];
	}
	/* A look at a thousand sockets that hang costs more than it finds. */
	if (result == 0 && events == own && !libcurl_is_due(wire))
		return 0;
	return move(wire) != 0 ? -1 : result;
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
