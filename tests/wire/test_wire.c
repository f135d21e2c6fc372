/*
 * test_wire.c - the contract of wire.h with a server that behaves: what goes out, what comes back,
 * who is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/wire_parts.h"
#include "lib/exchange.h"

static void
answer_all(struct peer_connection *c, void *context)
{
	while (peer_read(c))
		peer_answer(c, context ? context : "{\"status\":\"ok\"}");
}

/* --- What goes out --- */

static void
expect_request(struct exchange *e, int n, const char *expected)
{
	size_t length = 0;
	char *request = peer_request(e->peer, n, &length);

	assert_non_null(request);
	assert_string_equal(request, expected);
	assert_int_equal(length, strlen(expected));
	free(request);
}

static void
test_the_bytes_of_requests(void **state)
{
	(void)state;
	static const char *const headers[] = {
	    "X-Api-Key: secret", "Content-Type: application/json", "X-Idempotency-Key: abc-1"};
	static const char *const accept[] = {"Accept: text/plain"};
	struct exchange e;
	char expected[512], host[64];

	exchange_begin(&e, PEER_PLAIN, answer_all, NULL);
	e.request.fresh_connection = false;
	snprintf(
	    host, sizeof(host), "Host: 127.0.0.1:%d\r\nUser-Agent: outboxd\r\n", peer_port(e.peer));
	e.request.headers = headers;
	e.request.header_count = 3;
	exchange_run(&e);
	snprintf(expected, sizeof(expected),
	    "POST /orders HTTP/1.1\r\n%sX-Api-Key: secret\r\nContent-Type: application/json\r\n"
	    "X-Idempotency-Key: abc-1\r\nContent-Length: 15\r\n\r\n{\"amount\":1250}",
	    host);
	expect_request(&e, 0, expected);

	/* Nothing of it in the next ones, on the same handle and connection. */
	e.request = (struct wire_request){.method = "GET",
	    .url = e.url,
	    .allow_loopback = true,
	    .response_max = 1000,
	    .connect_timeout_ms = 1000,
	    .headers = accept,
	    .header_count = 1};
	exchange_run(&e);
	snprintf(expected, sizeof(expected), "GET /orders HTTP/1.1\r\n%sAccept: text/plain\r\n\r\n",
	    host);
	expect_request(&e, 1, expected);

	e.request.header_count = 0;
	static const char *const empty[] = {"POST", "PUT", "PATCH"};
	for (int i = 0; i < 3; i++) {
		e.request.method = empty[i];
		exchange_run(&e);
		snprintf(expected, sizeof(expected),
		    "%s /orders HTTP/1.1\r\n%sContent-Length: 0\r\n\r\n", empty[i], host);
		expect_request(&e, 2 + i, expected);
	}
	e.request.method = "DELETE";
	exchange_run(&e);
	snprintf(expected, sizeof(expected), "DELETE /orders HTTP/1.1\r\n%s\r\n", host);
	expect_request(&e, 5, expected);

	e.request.body = "{}";
	e.request.body_length = 2;
	static const char *const filled[] = {"GET", "DELETE", "PUT"};
	for (int i = 0; i < 3; i++) {
		e.request.method = filled[i];
		exchange_run(&e);
		snprintf(expected, sizeof(expected),
		    "%s /orders HTTP/1.1\r\n%sContent-Length: 2\r\n\r\n{}", filled[i], host);
		expect_request(&e, 6 + i, expected);
	}
	e.request.body = NULL;
	e.request.body_length = 0;
	e.request.method = "GET";
	exchange_run(&e);
	snprintf(expected, sizeof(expected), "GET /orders HTTP/1.1\r\n%s\r\n", host);
	expect_request(&e, 9, expected);
	assert_int_equal(peer_connections(e.peer), 1);
	exchange_end(&e);
}

static void
answer_head(struct peer_connection *c, void *context)
{
	(void)context;
	while (peer_read(c))
		peer_say(c, peer_turn(c) == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"
					      : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
}

static void
test_head_has_no_body(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_PLAIN, answer_head, NULL);
	e.request.fresh_connection = false;
	e.request.method = "HEAD";
	e.request.body = NULL;
	e.request.body_length = 0;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	assert_null(e.outcome->body);
	e.request.method = "GET";
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	assert_string_equal(e.outcome->body, "{}");
	assert_int_equal(peer_connections(e.peer), 1);
	exchange_end(&e);
}

/* T32, on the wire's part */
static void
test_bodies_arrive_byte_for_byte(void **state)
{
	(void)state;
	struct exchange e;
	unsigned seed = 20261121;

	exchange_begin(&e, PEER_TLS, answer_all, NULL);
	e.request.fresh_connection = false;
	for (int i = 0; i < 60; i++) {
		size_t length = i < 50 ? (size_t)rand_r(&seed) % 3000 : (size_t)1 << (i - 38);
		char *body = malloc(length + 1), *request;
		size_t request_length = 0;
		for (size_t b = 0; b < length; b++)
			body[b] = (char)(rand_r(&seed) >> 8);
		e.request.body = body;
		e.request.body_length = length;
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		request = peer_request(e.peer, i, &request_length);
		assert_true(request_length > length);
		assert_memory_equal(request + request_length - length, body, length);
		assert_null(memmem(
		    request, request_length - length, "Expect", 6)); /* libcurl: over 1 MiB */
		assert_memory_equal(request + request_length - length - 4, "\r\n\r\n", 4);
		free(request);
		free(body);
	}
	assert_int_equal(peer_connections(e.peer), 1);
	exchange_end(&e);
}

/* T36 */
static void
test_what_must_not_be_sent_is_not(void **state)
{
	(void)state;
	static const char *const headers[] = {"X-A: b\r\nX-Evil: c", "X-A: b\nX-Evil: c",
	    "X-A: b\r", "X-A\r\n: b", "X A: b", ": b", "no colon", "",
	    "X-A:", "X-A:   ", "X-A: \x01", "X-A: \x7f", "Content-Length: 5", "content-length: 5",
	    "Transfer-Encoding: chunked", "Host: evil", "Connection: close", "Expect: 100-continue",
	    "X-A;"};
	static const char *const urls[] = {"https://127.0.0.1/a b", "https://127.0.0.1/a\r\nX: y",
	    "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1/", "",
	    "https://127.0.0.1/\xc3\xa4", "https://user:word@127.0.0.1/", "https://",
	    "https://127.0.0.1:99999/", "gopher://x/"};
	static const char *const methods[] = {"", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "G T"};
	struct exchange e;

	exchange_begin(&e, PEER_PLAIN, answer_all, NULL);
	e.request.header_count = 1;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		e.request.headers = &headers[i];
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
		exchange_expect_trouble(&e, WIRE_TROUBLE_SETUP);
	}
	e.request.header_count = 0;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		e.request.url = urls[i];
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
		exchange_expect_trouble(&e, WIRE_TROUBLE_SETUP);
	}
	e.request.url = e.url;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		e.request.method = methods[i];
		exchange_run(&e);
		exchange_expect_trouble(&e, WIRE_TROUBLE_SETUP);
	}
	e.request.method = "HEAD";
	exchange_run(&e);
	exchange_expect_trouble(&e, WIRE_TROUBLE_SETUP);
	assert_int_equal(peer_connections(e.peer), 0);
	exchange_end(&e);
}

/* --- What comes back --- */

static void
answer_with_headers(struct peer_connection *c, void *context)
{
	static const char answer[] =
	    "HTTP/1.1 100 Continue\r\nRetry-After: 1\r\n\r\n"
	    "HTTP/1.1 202 Accepted\r\nLocation:  /orders/7 \r\nretry-after:\t3\r\n"
	    "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Empty:\r\nRetry: no\r\n"
	    "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "4\r\n\x1f\x8b\x08\x00\r\n0\r\nLocation: /trailer\r\n\r\n";
	(void)context;
	while (peer_read(c))
		peer_send(c, answer, sizeof(answer) - 1);
}

static void
test_headers_are_found(void **state)
{
	(void)state;
	struct exchange e;
	size_t count = 9;

	exchange_begin(&e, PEER_TLS, answer_with_headers, NULL);
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 202, 1);
	assert_string_equal(wire_transfer_header(e.transfer, "location", &count), "/orders/7");
	assert_int_equal(count, 1);
	assert_string_equal(wire_transfer_header(e.transfer, "Retry-After", NULL), "3");
	assert_string_equal(wire_transfer_header(e.transfer, "SET-COOKIE", &count), "a=b");
	assert_int_equal(count, 2);
	assert_string_equal(wire_transfer_header(e.transfer, "X-Empty", &count), "");
	assert_int_equal(count, 1);
	assert_null(wire_transfer_header(e.transfer, "X-Absent", &count));
	assert_int_equal(count, 0);
	/* An encoding that nobody asked for stays as it came. */
	assert_int_equal(e.outcome->body_length, 4);
	assert_memory_equal(e.outcome->body, "\x1f\x8b\x08\x00", 5);
	exchange_end(&e);
}

/* --- Who is asked --- */

static void
test_the_owner_may_refuse(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS, answer_all, NULL);
	for (int fresh = 0; fresh < 2; fresh++) {
		e.request.fresh_connection = fresh;
		e.hook_answer = 1;
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_UNSENT, 0, 1);
		exchange_expect_trouble(&e, WIRE_TROUBLE_REFUSED);
		assert_int_equal(peer_bytes(e.peer), 0);
	}
	e.hook_answer = 0;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	assert_int_equal(peer_requests(e.peer), 1);
	exchange_end(&e);
}

static void
test_fresh_connections_are_their_own(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_PLAIN, answer_all, NULL);
	static const bool fresh[] = {false, false, true, true, false, true, false};
	static const int connections[] = {1, 1, 2, 3, 3, 4, 4};
	for (int i = 0; i < 7; i++) {
		e.request.fresh_connection = fresh[i];
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
		assert_int_equal(peer_connections(e.peer), connections[i]);
	}
	exchange_end(&e);
}

static void
test_a_broken_pipe_does_not_kill(void **state)
{
	(void)state;
	struct sigaction now;

	const char *why;

	signal(SIGPIPE, SIG_DFL);
	struct wire *wire = wire_new(NULL, NULL, &why);
	assert_non_null(wire);
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
	wire_free(wire);
}

static void
test_old_libraries_are_refused(void **state)
{
	(void)state;
	curl_version_info_data info = *curl_version_info(CURLVERSION_NOW);

	assert_null(wire_setup_version_refusal(&info));
	info.version_num = 0x075500;
	assert_null(wire_setup_version_refusal(&info));
	info.version_num = 0x0754ff;
	assert_non_null(wire_setup_version_refusal(&info));
	info.version_num = 0x080000;
	info.features &= ~CURL_VERSION_ASYNCHDNS;
	assert_non_null(wire_setup_version_refusal(&info));
	info.features = CURL_VERSION_ASYNCHDNS;
	assert_non_null(wire_setup_version_refusal(&info));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_bytes_of_requests),
	    cmocka_unit_test(test_head_has_no_body),
	    cmocka_unit_test(test_bodies_arrive_byte_for_byte),
	    cmocka_unit_test(test_what_must_not_be_sent_is_not),
	    cmocka_unit_test(test_headers_are_found),
	    cmocka_unit_test(test_the_owner_may_refuse),
	    cmocka_unit_test(test_fresh_connections_are_their_own),
	    cmocka_unit_test(test_a_broken_pipe_does_not_kill),
	    cmocka_unit_test(test_old_libraries_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
