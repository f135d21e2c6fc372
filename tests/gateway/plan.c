/* plan.c - turns a transport fault into the bytes that leave; who writes them is pump.c. */
#include "plan.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static void
add_status_line(const struct answer *answer, struct text *out)
{
	text_printf(out, "HTTP/1.1 %d %s\r\n", answer->status,
	    MHD_get_reason_phrase_for((unsigned int)answer->status));
	text_printf(out, "Content-Type: %s\r\n", answer->content_type);
	text_add(out, text_get(&answer->headers), answer->headers.length);
}

static void
add_body(const struct answer *answer, struct text *out, size_t length)
{
	text_add(out, text_get(&answer->body), length);
}

/* A complete answer; big adds one header of so many bytes. */
static void
plan_whole(const struct answer *answer, struct plan *plan, size_t big)
{
	char *filler;

	add_status_line(answer, &plan->bytes);
	if (big > 0) {
		filler = must_calloc(big + 1);
		memset(filler, 'h', big);
		text_printf(&plan->bytes, "X-Filler: %s\r\n", filler);
		free(filler);
	}
	text_printf(
	    &plan->bytes, "Content-Length: %zu\r\nConnection: close\r\n\r\n", answer->body.length);
	plan->slow_from = plan->bytes.length;
	add_body(answer, &plan->bytes, answer->body.length);
}

static void
plan_halves(const struct answer *answer, struct plan *plan, enum fault_kind kind)
{
	struct text *out = &plan->bytes;

	add_status_line(answer, out);
	if (kind == FAULT_HALF_HEADERS) {
		text_puts(out, "X-Cut-He");
		return;
	}
	if (kind == FAULT_TRUNCATE)
		text_printf(out, "Content-Length: %zu\r\n\r\n", answer->body.length + 100);
	else if (kind == FAULT_HALF_CHUNK)
		text_printf(
		    out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", answer->body.length + 100);
	else
		text_puts(out, "Connection: close\r\n\r\n");
	add_body(answer, out, answer->body.length / 2);
}

static void
plan_endless(const struct answer *answer, struct plan *plan)
{
	char run[4097];

	memset(run, 'e', sizeof(run) - 1);
	run[sizeof(run) - 1] = '\0';
	add_status_line(answer, &plan->bytes);
	text_puts(&plan->bytes, "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"data\":\"\r\n");
	text_printf(&plan->loop, "1000\r\n%s\r\n", run);
}

static void
plan_transport(const struct answer *answer, struct plan *plan, const struct fault *fault)
{
	switch ((int)fault->kind) {
	case FAULT_RESET:
		plan->end = END_RESET;
		return;
	case FAULT_SILENCE:
		plan->end = END_HANG;
		plan->hold_ms = fault->number;
		return;
	case FAULT_GARBAGE:
		text_puts(
		    &plan->bytes, "\x16\x03 WHAT IS THIS 200 OK\r\nContent-Length: 2\r\n\r\n{}");
		return;
	case FAULT_HTTP09:
		add_body(answer, &plan->bytes, answer->body.length);
		return;
	case FAULT_ONLY_1XX:
		text_puts(
		    &plan->bytes, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
		return;
	case FAULT_ENDLESS_1XX:
		for (int i = 0; i < 100; i++)
			text_puts(&plan->loop, "HTTP/1.1 102 Processing\r\nX-Still: here\r\n\r\n");
		return;
	case FAULT_HALF_HEADERS:
	case FAULT_TRUNCATE:
	case FAULT_HALF_CHUNK:
	case FAULT_CLOSE_DELIMITED:
		plan_halves(answer, plan, fault->kind);
		return;
	case FAULT_ENDLESS:
		plan_endless(answer, plan);
		return;
	case FAULT_BIG_HEADER:
		plan_whole(answer, plan, (size_t)fault->number);
		return;
	case FAULT_SLOW_HEADERS:
	case FAULT_SLOW_BODY:
		plan_whole(answer, plan, 0);
		if (fault->kind == FAULT_SLOW_HEADERS)
			plan->slow_from = 0;
		plan->ms_per_byte = fault->number;
		return;
	default: /* lose: nothing is sent */
		return;
	}
}

bool
plan_make(const struct exchange *exchange, struct plan *plan)
{
	const struct fault *delay = exchange_fault(exchange, GROUP_DELAY);
	const struct fault *transport = exchange_fault(exchange, GROUP_TRANSPORT);

	memset(plan, 0, sizeof(*plan));
	plan->hold_ms = -1;
	if (delay != NULL)
		plan->delay_ms = delay->number;
	if (transport == NULL)
		return delay != NULL;
	plan->end = END_CLOSE;
	plan_transport(&exchange->answer, plan, transport);
	return true;
}

void
plan_free(struct plan *plan)
{
	text_free(&plan->bytes);
	text_free(&plan->loop);
}
