/*
 * test_wire_many.c - cancelling, many at once, waiting and ending.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/exchange.h"

static void
answer_all(struct peer_connection *c, void *context)
{
	while (peer_read(c))
		peer_answer(c, context ? context : "{\"status\":\"ok\"}");
}

static void
answer_late(struct peer_connection *c, void *context)
{
	while (peer_read(c)) {
		peer_pause(c, 30);
		peer_answer(c, context ? context : "{}");
	}
}

static void
read_and_hang(struct peer_connection *c, void *context)
{
	(void)context;
	while (peer_read(c))
		;
}

/* --- Cancelling --- */

static void
test_a_cancelled_transfer_keeps_its_evidence(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS, read_and_hang, NULL);
	exchange_cancel_after(&e, 0); /* before it could begin */
	exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
	exchange_expect_trouble(&e, WIRE_TROUBLE_NETWORK);
	assert_string_equal(e.outcome->error, "past its time");
	exchange_cancel_after_sent(&e, 50); /* sent and not answered */
	exchange_expect(&e, EVIDENCE_MAYBE_SENT, 0, 1);
	assert_string_equal(e.outcome->error, "past its time");
	assert_int_equal(peer_requests(e.peer), 1);
	exchange_end(&e);
}

/* A process that stood still finds answer and deadline at the same time: the answer counts. */
static void
test_an_answer_that_is_here_is_not_cancelled(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		char *large = malloc(40001);
		struct exchange e;

		memset(large, 'x', 40000);
		large[40000] = '\0';
		exchange_begin(&e, tls ? PEER_TLS : PEER_PLAIN, answer_late, large);
		struct wire_transfer *t = wire_start(e.wire, &e.request, &e);
		while (e.hook_calls == 0)
			assert_int_equal(wire_wait(e.wire, NULL, NULL, 0, 1), 0);
		usleep(100000);
		assert_null(wire_finished(e.wire));
		wire_cancel(e.wire, t, "past its time");
		wire_cancel(e.wire, t, "twice");
		e.transfer = wire_finished(e.wire);
		assert_ptr_equal(e.transfer, t);
		e.outcome = wire_transfer_outcome(t);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		assert_int_equal(e.outcome->body_length, 40000);
		assert_null(wire_finished(e.wire));
		wire_cancel(e.wire, t, "after the end");
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		exchange_end(&e);
		free(large);
	}
}

/* The last look at the sockets must not itself send what is being given up. */
static void
test_a_cancelled_transfer_is_not_sent_by_the_last_look(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS, answer_all, NULL);
	e.request.fresh_connection = false;
	exchange_run(&e); /* leaves a connection, over which a request goes out at the first move */
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	for (int i = 0; i < 10; i++) {
		exchange_cancel_after(&e, 0);
		exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
		exchange_expect_trouble(&e, WIRE_TROUBLE_NETWORK);
	}
	assert_int_equal(peer_requests(e.peer), 1);
	exchange_end(&e);
}

/* --- Many --- */

enum { MANY = 300 };

static int
mark(void *context, void *owner)
{
	(void)context;
	++*(int *)owner;
	return 0;
}

static void
test_300_at_once(void **state)
{
	(void)state;
	struct exchange e = {0};
	const char *why;
	int asked[MANY] = {0}, ended[MANY] = {0};
	int left = MANY;

	e.peer = peer_start(PEER_PLAIN, answer_late, NULL);
	e.wire = wire_new(mark, NULL, &why);
	snprintf(e.url, sizeof(e.url), "%s/", peer_origin(e.peer));
	for (int round = 0; round < 2; round++, left = MANY) {
		struct wire_request request = {.method = "POST",
		    .url = e.url,
		    .body = "x",
		    .body_length = 1,
		    .response_max = 100,
		    .connect_timeout_ms = 5000,
		    .allow_loopback = true};
		for (int i = 0; i < MANY; i++)
			assert_non_null(wire_start(e.wire, &request, &asked[i]));
		while (left > 0) {
			assert_int_equal(wire_wait(e.wire, NULL, NULL, 0, 1000), 0);
			for (struct wire_transfer *t; (t = wire_finished(e.wire)); left--) {
				int *owner = wire_transfer_owner(t);
				assert_int_equal(
				    wire_transfer_outcome(t)->evidence, EVIDENCE_ANSWERED);
				ended[owner - asked]++;
				wire_transfer_free(e.wire, t);
			}
		}
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(asked[i], round + 1);
			assert_int_equal(ended[i], round + 1);
		}
	}
	assert_int_equal(peer_requests(e.peer), 2 * MANY);
	wire_free(e.wire);
	peer_stop(e.peer);
}

static void
test_a_wire_ends_with_transfers_in_every_state(void **state)
{
	(void)state;
	struct exchange e;

	for (int tls = 0; tls < 2; tls++) {
		exchange_begin(&e, tls ? PEER_TLS : PEER_PLAIN, read_and_hang, NULL);
		const char *const bad = "no colon";
		for (int i = 0; i < 20; i++) {
			e.request.fresh_connection = i % 2;
			assert_non_null(wire_start(e.wire, &e.request, &e));
			if (i < 10)
				assert_int_equal(wire_wait(e.wire, NULL, NULL, 0, 5), 0);
		}
		e.request.headers = &bad;
		e.request.header_count = 1;
		assert_non_null(wire_start(e.wire, &e.request, &e)); /* taken and not freed */
		assert_non_null(wire_finished(e.wire));
		assert_non_null(wire_start(e.wire, &e.request, &e)); /* not taken */
		wire_cancel(e.wire, wire_start(e.wire, &e.request, &e), "never");
		exchange_end(&e);
	}
	wire_free(NULL);
}

static void
test_waiting_also_for_the_owners_descriptors(void **state)
{
	(void)state;
	struct exchange e;
	int first[2], second[2];
	bool ready[2] = {true, true};

	exchange_begin(&e, PEER_PLAIN, answer_all, NULL);
	assert_int_equal(pipe(first), 0);
	assert_int_equal(pipe(second), 0);
	const int fds[] = {first[0], second[0]};
	assert_int_equal(wire_wait(e.wire, fds, ready, 2, 20), 0);
	assert_false(ready[0] || ready[1]);
	assert_int_equal(write(second[1], "x", 1), 1);
	assert_int_equal(wire_wait(e.wire, fds, ready, 2, 60000), 0);
	assert_true(!ready[0] && ready[1]);
	close(first[1]);
	assert_int_equal(wire_wait(e.wire, fds, ready, 1, 60000), 0);
	assert_true(ready[0]);
	close(first[0]);
	close(second[0]);
	close(second[1]);
	exchange_end(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_cancelled_transfer_keeps_its_evidence),
	    cmocka_unit_test(test_an_answer_that_is_here_is_not_cancelled),
	    cmocka_unit_test(test_a_cancelled_transfer_is_not_sent_by_the_last_look),
	    cmocka_unit_test(test_300_at_once),
	    cmocka_unit_test(test_a_wire_ends_with_transfers_in_every_state),
	    cmocka_unit_test(test_waiting_also_for_the_owners_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
