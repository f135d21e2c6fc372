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
    {"a folded header",
	"HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 9\r\nContent-Length: 2\r\n\r\n{}", HANG, 200,
	2, EVIDENCE_MAYBE_SENT},
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
			exchange_cancel_after_sent(&e, 120);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_faults_in_plain),
	    cmocka_unit_test(test_faults_in_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
