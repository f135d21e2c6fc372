/*
 * test_wire_faults.c - servers that break off, lie or flood (T27-T30): what was sent is "maybe",
 * and only a whole answer is an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/exchange.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define HALF "{\"status\":\"ok\",\"id\":"

enum last { RETURN, CUT, RESET, HANG };

struct fault {
	const char *name;
	const char *text; /* NULL: nothing */
	enum last last;
	int status;
	size_t body_length;
	enum evidence evidence;
};

static const struct fault faults[] = {
    {"FIN at once", NULL, RETURN, 0, 0, EVIDENCE_MAYBE_SENT},
    {"RST at once", NULL, RESET, 0, 0, EVIDENCE_MAYBE_SENT},
    {"silence", NULL, HANG, 0, 0, EVIDENCE_MAYBE_SENT},
    {"garbage", "BLARGH 99\r\n\r\n", RETURN, 0, 0, EVIDENCE_MAYBE_SENT},
    {"garbage status", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", RETURN, 0, 0,
	EVIDENCE_MAYBE_SENT},
    {"no version", "HTTP 200 OK\r\nContent-Length: 2\r\n\r\n{}", RETURN, 0, -1UL,
	EVIDENCE_MAYBE_SENT},
    {"HTTP/0.9", HALF, RETURN, 0, 0, EVIDENCE_MAYBE_SENT},
    {"half a status line", "HTTP/1.1 20", RETURN, 0, -1UL, EVIDENCE_MAYBE_SENT},
    {"half a header", HEAD "Content-Le", RETURN, 200, -1UL, EVIDENCE_MAYBE_SENT},
    {"half a header, RST", HEAD "Content-Le", RESET, -1, -1UL, EVIDENCE_MAYBE_SENT},
    {"headers do not end", HEAD "Content-Length: 0\r\n", RETURN, 200, 0, EVIDENCE_MAYBE_SENT},
    {"only 100", "HTTP/1.1 100 Continue\r\n\r\n", RETURN, 100, 0, EVIDENCE_MAYBE_SENT},
    {"only 103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HANG, 103, 0,
	EVIDENCE_MAYBE_SENT},
    {"101 unasked for", "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 2\r\n\r\n{}", RETURN,
	101, -1UL, EVIDENCE_MAYBE_SENT},
    {"no body", HEAD "Content-Length: 40\r\n\r\n", RETURN, 200, 0, EVIDENCE_MAYBE_SENT},
    {"half a body", HEAD "Content-Length: 40\r\n\r\n" HALF, RETURN, 200, 20, EVIDENCE_MAYBE_SENT},
    {"half a body, RST", HEAD "Content-Length: 40\r\n\r\n" HALF, RESET, -1, -1UL,
	EVIDENCE_MAYBE_SENT},
    {"half a body, silence", HEAD "Content-Length: 40\r\n\r\n" HALF, HANG, 200, 20,
	EVIDENCE_MAYBE_SENT},
    {"two lengths", HEAD "Content-Length: 2\r\nContent-Length: 20\r\n\r\n" HALF, RETURN, 200, -1UL,
	EVIDENCE_MAYBE_SENT},
    {"a length that is none", HEAD "Content-Length: 2x\r\n\r\n{}", RETURN, 200, -1UL,
	EVIDENCE_MAYBE_SENT},
    {"a negative length", HEAD "Content-Length: -2\r\n\r\n{}", RETURN, 200, -1UL,
	EVIDENCE_MAYBE_SENT},
    {"a folded length", HEAD "Content-Length:\r\n 2\r\n\r\n{}", RETURN, 200, -1UL,
	EVIDENCE_MAYBE_SENT},
    {"half a chunk", HEAD "Transfer-Encoding: chunked\r\n\r\n28\r\n" HALF, RETURN, 200, 20,
	EVIDENCE_MAYBE_SENT},
    {"no last chunk", HEAD "Transfer-Encoding: chunked\r\n\r\n14\r\n" HALF "\r\n", RETURN, 200, 20,
	EVIDENCE_MAYBE_SENT},
    {"no last chunk, silence", HEAD "Transfer-Encoding: chunked\r\n\r\n14\r\n" HALF "\r\n", HANG,
	200, 20, EVIDENCE_MAYBE_SENT},
    {"a last chunk cut off", HEAD "Transfer-Encoding: chunked\r\n\r\n14\r\n" HALF "\r\n0\r\n",
	RETURN, 200, 20, EVIDENCE_MAYBE_SENT},
    {"a chunk size that is none",
	HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n" HALF "\r\n0\r\n\r\n", RETURN, 200, 0,
	EVIDENCE_MAYBE_SENT},
    {"chunked and more",
	HEAD "Transfer-Encoding: identity, chunked\r\n\r\n14\r\n" HALF "\r\n0\r\n\r\n", RETURN, 200,
	-1UL, EVIDENCE_MAYBE_SENT},
    {"ended by the close, half", HEAD "\r\n" HALF, RETURN, 200, 20, EVIDENCE_MAYBE_SENT},
    {"ended by the close, whole", HEAD "\r\n{}", RETURN, 200, 2, EVIDENCE_MAYBE_SENT},
    {"ended by the close, empty", HEAD "\r\n", RETURN, 200, 0, EVIDENCE_MAYBE_SENT},
    {"ended by a reset", HEAD "\r\n" HALF, RESET, -1, -1UL, EVIDENCE_MAYBE_SENT},
    {"ended by a cut", HEAD "\r\n" HALF, CUT, 200, 20, EVIDENCE_MAYBE_SENT},
    {"1.0, ended by the close", "HTTP/1.0 200 OK\r\n\r\n{}", RETURN, 200, 2, EVIDENCE_MAYBE_SENT},
    {"NUL is in no header", HEAD "X: a\r\nContent-Length: 2\r\n\r\n{}", RETURN, 200, 2,
	EVIDENCE_ANSWERED},
    {"length", HEAD "Content-Length: 2\r\n\r\n{}", RETURN, 200, 2, EVIDENCE_ANSWERED},
    {"length, then silence", HEAD "Content-Length: 2\r\n\r\n{}", HANG, 200, 2, EVIDENCE_ANSWERED},
    {"length, then a cut", HEAD "Content-Length: 2\r\n\r\n{}", CUT, 200, 2, EVIDENCE_ANSWERED},
    {"length 0", HEAD "Content-Length: 0\r\n\r\n", HANG, 200, 0, EVIDENCE_ANSWERED},
    {"the same length twice", HEAD "Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}", HANG, 200, 2,
	EVIDENCE_ANSWERED},
    {"more than its length", HEAD "Content-Length: 2\r\n\r\n{}{}{}", HANG, 200, 2,
	EVIDENCE_ANSWERED},
    {"1.0 with a length", "HTTP/1.0 402 No\r\nContent-Length: 2\r\n\r\n{}", RETURN, 402, 2,
	EVIDENCE_ANSWERED},
    {"chunks", HEAD "Transfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n", HANG,
	200, 2, EVIDENCE_ANSWERED},
    {"chunks with trailers",
	HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\n",
	HANG, 200, 2, EVIDENCE_ANSWERED},
    {"chunks and a length",
	HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n2\r\n{}\r\n0\r\n\r\n", HANG,
	200, 2, EVIDENCE_ANSWERED},
    {"a length and chunks",
	HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", HANG,
	200, 2, EVIDENCE_ANSWERED},
    {"1xx before",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nContent-Length: 7\r\n\r\n" HEAD
	"Content-Length: 2\r\n\r\n{}",
	HANG, 200, 2, EVIDENCE_ANSWERED},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", HANG, 204, 0, EVIDENCE_ANSWERED},
    {"304", "HTTP/1.1 304 Not Modified\r\n\r\n", HANG, 304, 0, EVIDENCE_ANSWERED},
    {"500 is an answer", "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", HANG, 500, 2,
	EVIDENCE_ANSWERED},
    {"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", HANG, 200, 2,
	EVIDENCE_ANSWERED},
};

static void
play_fault(struct peer_connection *c, void *context)
{
	const struct fault *fault = context;

	if (!peer_read(c))
		return;
	if (fault->text)
		peer_say(c, fault->text);
	if (fault->last == HANG)
		peer_hang(c);
	if (fault->last == CUT)
		peer_cut(c);
	if (fault->last == RESET)
		peer_reset(c);
}

static void
check_faults(enum peer_tls tls)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct fault fault = faults[i];
		struct exchange e;

		exchange_begin(&e, tls, play_fault, &fault);
		if (fault.last == HANG && fault.evidence != EVIDENCE_ANSWERED)
			exchange_run_and_cancel(&e, 60);
		else
			exchange_run(&e);
		if (e.outcome->evidence != fault.evidence)
			print_error("%s\n", fault.name);
		int status = fault.status >= 0 ? fault.status : e.outcome->http_status;
		exchange_expect(&e, fault.evidence, status, 1);
		if (fault.body_length != -1UL && e.outcome->body_length != fault.body_length)
			fail_msg("%s: %zu bytes", fault.name, e.outcome->body_length);
		assert_false(e.outcome->oversize);
		assert_int_equal(peer_requests(e.peer), 1);
		assert_int_equal(peer_connections(e.peer), 1);
		exchange_end(&e);
	}
}

/* T27 */
static void
test_faults_in_plain(void **state)
{
	(void)state;
	check_faults(PEER_PLAIN);
}

static void
test_faults_in_tls(void **state)
{
	(void)state;
	check_faults(PEER_TLS);
}

/* --- T28: libcurl's own resend --- */

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

/* --- T29: slow --- */

static void
drip(struct peer_connection *c, void *context)
{
	const char *text = context;

	if (!peer_read(c))
		return;
	while (*text && peer_pause(c, 5) && peer_send(c, text, 1))
		text++;
	peer_hang(c);
}

static void
test_slow_loris_ends_by_cancel(void **state)
{
	(void)state;
	static char headers[2000], body[2000];
	char *const texts[] = {headers, body};
	memset(stpcpy(headers, HEAD "X: "), 'a', 1500);
	memset(stpcpy(body, HEAD "Content-Length: 5000\r\n\r\n"), 'a', 1500);

	for (int i = 0; i < 2; i++) {
		struct exchange e;

		exchange_begin(&e, PEER_PLAIN, drip, texts[i]);
		exchange_run_and_cancel(&e, 600);
		exchange_expect(&e, EVIDENCE_MAYBE_SENT, 200, 1);
		assert_string_equal(e.outcome->error, "past its time");
		exchange_end(&e);
	}
}

/* --- T30: floods --- */

struct flood {
	const char *head, *piece;
	size_t repeats;
};

static void
play_flood(struct peer_connection *c, void *context)
{
	const struct flood *flood = context;
	char block[32768];
	size_t piece = strlen(flood->piece), filled = 0;

	while (filled + piece <= sizeof(block)) {
		memcpy(block + filled, flood->piece, piece);
		filled += piece;
	}
	if (!peer_read(c))
		return;
	peer_say(c, flood->head);
	for (size_t i = 0; i < flood->repeats && peer_send(c, block, filled); i++)
		;
	peer_hang(c);
}

static void
check_flood(const char *head, const char *piece, int status, bool oversize)
{
	struct flood flood = {head, piece, 20000000 / 32768};
	struct exchange e;

	exchange_begin(&e, PEER_PLAIN, play_flood, &flood);
	e.request.response_max = 10000;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_MAYBE_SENT, status, 1);
	assert_int_equal(e.outcome->oversize, oversize);
	assert_true(e.outcome->body_length <= 10000);
	/* What lies in the socket buffers of both sides, and no more. */
	assert_true(peer_sent(e.peer) < 12000000);
	exchange_end(&e);
}

static void
test_floods_are_cut_off(void **state)
{
	(void)state;
	check_flood(HEAD "Transfer-Encoding: chunked\r\n\r\n", "8\r\naaaaaaaa\r\n", 200, true);
	check_flood(HEAD "\r\n", "aaaaaaaa", 200, true);
	check_flood(HEAD "Content-Length: 20000000\r\n\r\n", "aaaaaaaa", 200, true);
	check_flood(HEAD "X: ", "aaaaaaaa", 200, false);
	check_flood(HEAD, "X-Some: header\r\n", 200, false);
	check_flood("", "HTTP/1.1 100 Continue\r\n\r\n", 100, false);
	check_flood(HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "X-A: trailer\r\n",
	    200, false);
	check_flood("", "aaaaaaaa", 0, false);
}

static void
answer_sized(struct peer_connection *c, void *context)
{
	const char *format = context;
	char answer[4096], body[1002];

	memset(body, 'b', 1001);
	body[1001] = '\0';
	while (peer_read(c)) {
		int length = peer_turn(c) == 1 ? 1000 : 1001;
		char hex[8];
		snprintf(hex, sizeof(hex), "%x", (unsigned)length);
		if (strchr(format, '!'))
			snprintf(answer, sizeof(answer),
			    HEAD "Transfer-Encoding: chunked\r\n\r\n%s\r\n%.*s\r\n0\r\n\r\n", hex,
			    length, body);
		else
			snprintf(answer, sizeof(answer), HEAD "Content-Length: %d\r\n\r\n%.*s",
			    length, length, body);
		peer_say(c, answer);
	}
}

static void
test_the_limit_is_exact(void **state)
{
	(void)state;
	char chunked[] = "!", sized[] = "=";
	char *const kinds[] = {chunked, sized};

	for (int i = 0; i < 2; i++) {
		struct exchange e;

		exchange_begin(&e, PEER_PLAIN, answer_sized, kinds[i]);
		e.request.fresh_connection = false;
		e.request.response_max = 1000;
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		assert_int_equal(e.outcome->body_length, 1000);
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_MAYBE_SENT, 200, 1);
		assert_true(e.outcome->oversize);
		exchange_end(&e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_faults_in_plain),
	    cmocka_unit_test(test_faults_in_tls),
	    cmocka_unit_test(test_a_dead_reused_connection_is_no_resend),
	    cmocka_unit_test(test_a_connection_closed_while_idle_is_replaced),
	    cmocka_unit_test(test_an_answer_that_was_here_before_the_request_is_not_its_answer),
	    cmocka_unit_test(test_slow_loris_ends_by_cancel),
	    cmocka_unit_test(test_floods_are_cut_off),
	    cmocka_unit_test(test_the_limit_is_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
