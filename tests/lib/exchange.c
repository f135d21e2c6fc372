/*
 * exchange.c - the frame of most wire tests.
 */
#include "lib/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

int64_t
exchange_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
hook(void *context, void *owner)
{
	struct exchange *e = context;

	assert_ptr_equal(owner, e);
	e->hook_calls++;
	return e->hook_answer;
}

void
exchange_begin(struct exchange *e, enum peer_tls tls, peer_script *script, void *context)
{
	static const char body[] = "{\"amount\":1250}";
	const char *why = NULL;

	memset(e, 0, sizeof(*e));
	e->peer = peer_start(tls, script, context);
	e->wire = wire_new(hook, e, &why);
	assert_non_null(e->wire);
	snprintf(e->url, sizeof(e->url), "%s/orders", peer_origin(e->peer));
	e->request = (struct wire_request){
	    .method = "POST",
	    .url = e->url,
	    .body = body,
	    .body_length = sizeof(body) - 1,
	    .response_max = 1 << 20,
	    .connect_timeout_ms = 2000,
	    .fresh_connection = true,
	    .allow_loopback = true,
	    .ca_file = tls == PEER_PLAIN ? NULL : peer_ca_file(e->peer),
	};
}

void
exchange_end(struct exchange *e)
{
	wire_transfer_free(e->wire, e->transfer);
	wire_free(e->wire);
	peer_stop(e->peer);
	memset(e, 0, sizeof(*e));
}

static void
run(struct exchange *e, int cancel_after_ms, bool once_sent)
{
	int64_t start = exchange_clock_ms(), timer = start;

	wire_transfer_free(e->wire, e->transfer);
	e->hook_calls = 0;
	struct wire_transfer *started = wire_start(e->wire, &e->request, e);
	assert_non_null(started);
	while (!(e->transfer = wire_finished(e->wire))) {
		int64_t now = exchange_clock_ms();
		if (now - start > 10000)
			fail_msg("the transfer does not end");
		if (once_sent && e->hook_calls == 0)
			timer = now;
		if (cancel_after_ms >= 0 && now - timer >= cancel_after_ms)
			wire_cancel(e->wire, started, "past its time");
		else
			assert_int_equal(wire_wait(e->wire, NULL, NULL, 0, 10), 0);
	}
	assert_ptr_equal(e->transfer, started);
	assert_ptr_equal(wire_transfer_owner(e->transfer), e);
	e->outcome = wire_transfer_outcome(e->transfer);
}

void
exchange_run(struct exchange *e)
{
	run(e, -1, false);
}

void
exchange_cancel_after(struct exchange *e, int ms)
{
	run(e, ms, false);
}

void
exchange_cancel_after_sent(struct exchange *e, int ms)
{
	run(e, ms, true);
}

void
exchange_expect(const struct exchange *e, enum evidence evidence, int status, int hook_calls)
{
	if (e->outcome->evidence != evidence)
		print_error("evidence %d, status %d, hook %d, \"%s\"\n", (int)e->outcome->evidence,
		    e->outcome->http_status, e->hook_calls, e->outcome->error);
	assert_int_equal(e->outcome->evidence, evidence);
	assert_int_equal(e->outcome->http_status, status);
	assert_int_equal(e->hook_calls, hook_calls);
	if (evidence != EVIDENCE_UNSENT)
		assert_int_equal(e->outcome->trouble, WIRE_TROUBLE_NONE);
	if (evidence == EVIDENCE_ANSWERED)
		assert_string_equal(e->outcome->error, "");
	else
		assert_string_not_equal(e->outcome->error, "");
}

void
exchange_expect_trouble(const struct exchange *e, enum wire_trouble trouble)
{
	if (e->outcome->trouble != trouble)
		print_error("trouble %d: %s\n", (int)e->outcome->trouble, e->outcome->error);
	assert_int_equal(e->outcome->evidence, EVIDENCE_UNSENT);
	assert_int_equal(e->outcome->trouble, trouble);
}
