/*
 * test_wire_floods.c - answers that are too slow or too large (T29, T30).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/exchange.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

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
		exchange_cancel_after_sent(&e, 600);
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
	if (strstr(head, "Content-Length")) /* known beforehand: nothing of it is read */
		assert_null(e.outcome->body);
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
	    cmocka_unit_test(test_slow_loris_ends_by_cancel),
	    cmocka_unit_test(test_floods_are_cut_off),
	    cmocka_unit_test(test_the_limit_is_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
