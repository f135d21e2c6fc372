/*
 * test_wire_reuse.c - what a connection that was used before may do to a request (T28).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/exchange.h"

static void
die_on_second(struct peer_connection *c, void *context)
{
	const bool *reset = context;

	while (peer_read(c)) {
		if (peer_turn(c) == 2) {
			if (*reset)
				peer_reset(c);
			return;
		}
		peer_answer(c, "{}");
	}
}

static void
check_no_resend(enum peer_tls tls, bool reset, const char *method)
{
	struct exchange e;

	exchange_begin(&e, tls, die_on_second, &reset);
	e.request.fresh_connection = false;
	e.request.method = method;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_MAYBE_SENT, 0, 1);
	/* The second one was received once, on the first connection; nothing else arrived anywhere.
	 */
	assert_int_equal(peer_requests(e.peer), 2);
	size_t length = 0;
	free(peer_request(e.peer, 1, &length));
	assert_int_equal(peer_bytes(e.peer), 2 * length);
	exchange_end(&e);
}

static void
test_a_dead_reused_connection_is_no_resend(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++)
		for (int reset = 0; reset < 2; reset++) {
			check_no_resend(tls ? PEER_TLS : PEER_PLAIN, reset, "POST");
			check_no_resend(tls ? PEER_TLS : PEER_PLAIN, reset, "GET");
		}
}

static void
close_after_answer(struct peer_connection *c, void *context)
{
	(void)context;
	if (peer_read(c))
		peer_answer(c, "{}");
}

static void
test_a_connection_closed_while_idle_is_replaced(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS, close_after_answer, NULL);
	e.request.fresh_connection = false;
	for (int i = 0; i < 3; i++) {
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		assert_int_equal(wire_wait(e.wire, NULL, NULL, 0, 30), 0);
	}
	assert_int_equal(peer_connections(e.peer), 3);
	exchange_end(&e);
}

static void
answer_twice(struct peer_connection *c, void *context)
{
	(void)context;
	if (!peer_read(c))
		return;
	peer_answer(c, peer_number(c) == 0 ? "{\"for\":1}" : "{\"for\":2}");
	peer_pause(c, 20);
	peer_answer(c, "{\"nobody\":0}");
	peer_hang(c);
}

static void
test_an_answer_that_was_here_before_the_request_is_not_its_answer(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct exchange e;

		exchange_begin(&e, tls ? PEER_TLS : PEER_PLAIN, answer_twice, NULL);
		e.request.fresh_connection = false;
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		assert_string_equal(e.outcome->body, "{\"for\":1}");
		assert_int_equal(wire_wait(e.wire, NULL, NULL, 0, 60), 0);
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		assert_string_equal(e.outcome->body, "{\"for\":2}");
		assert_int_equal(peer_requests(e.peer), 2);
		assert_int_equal(peer_connections(e.peer), 2);
		exchange_end(&e);
	}
}

/* What nobody waits for must not keep the daemon busy. */
static void
test_an_idle_connection_that_speaks_wakes_once(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct exchange e;
		int64_t until;
		int turns = 0;

		exchange_begin(&e, tls ? PEER_TLS : PEER_PLAIN, answer_twice, NULL);
		e.request.fresh_connection = false;
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		until = exchange_clock_ms() + 300;
		for (; exchange_clock_ms() < until; turns++)
			assert_int_equal(wire_wait(e.wire, NULL, NULL, 0, 50), 0);
		assert_in_range(turns, 1, 20);
		exchange_end(&e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_dead_reused_connection_is_no_resend),
	    cmocka_unit_test(test_a_connection_closed_while_idle_is_replaced),
	    cmocka_unit_test(test_an_answer_that_was_here_before_the_request_is_not_its_answer),
	    cmocka_unit_test(test_an_idle_connection_that_speaks_wakes_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
