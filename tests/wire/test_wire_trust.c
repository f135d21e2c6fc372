/*
 * test_wire_trust.c - whom the wire talks to (T26, T34, T35, T37): nothing is sent before the peer
 * is the right one, whatever the network, the environment or an answer says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/exchange.h"

static void
answer_all(struct peer_connection *c, void *context)
{
	while (peer_read(c))
		peer_answer(c, context ? context : "{}");
}

static void
hang_all(struct peer_connection *c, void *context)
{
	(void)context;
	peer_hang(c);
}

static void
expect_unsent(struct exchange *e, enum wire_trouble trouble)
{
	exchange_expect(e, EVIDENCE_UNSENT, 0, 0);
	exchange_expect_trouble(e, trouble);
	assert_int_equal(peer_requests(e->peer), 0);
	assert_int_equal(peer_bytes(e->peer), 0);
}

/* --- T26 --- */

static void
test_the_right_certificate(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS, answer_all, NULL);
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	/* The system's authorities do not know it. */
	e.request.ca_file = NULL;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
	exchange_expect_trouble(&e, WIRE_TROUBLE_TRUST);
	/* Nor is the first connection reused for a request with other trust. */
	e.request.fresh_connection = false;
	e.request.ca_file = peer_ca_file(e.peer);
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	e.request.ca_file = NULL;
	exchange_run(&e);
	exchange_expect_trouble(&e, WIRE_TROUBLE_TRUST);
	assert_int_equal(peer_requests(e.peer), 2);
	exchange_end(&e);
}

static void
test_wrong_certificates(void **state)
{
	(void)state;
	static const enum peer_tls wrong[] = {
	    PEER_TLS_SELF_SIGNED, PEER_TLS_EXPIRED, PEER_TLS_WRONG_NAME};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct exchange e;

		exchange_begin(&e, wrong[i], answer_all, NULL);
		exchange_run(&e);
		expect_unsent(&e, WIRE_TROUBLE_TRUST);
		exchange_end(&e);
	}
}

static void
test_no_old_tls(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS_1_1, answer_all, NULL);
	exchange_run(&e);
	expect_unsent(&e, WIRE_TROUBLE_NETWORK);
	exchange_end(&e);
}

static void
test_client_certificates(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS_CLIENT, answer_all, NULL);
	exchange_run(&e);
	expect_unsent(&e, WIRE_TROUBLE_NETWORK);
	e.request.client_cert = peer_client_cert(e.peer);
	e.request.client_key = peer_client_key(e.peer);
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	/* The next request on the same handle has none. */
	e.request.client_cert = e.request.client_key = NULL;
	exchange_run(&e);
	exchange_expect_trouble(&e, WIRE_TROUBLE_NETWORK);
	e.request.client_cert = "/nonexistent/client.pem";
	exchange_run(&e);
	exchange_expect_trouble(&e, WIRE_TROUBLE_SETUP);
	e.request.client_cert = NULL;
	e.request.ca_file = "/nonexistent/ca.pem";
	exchange_run(&e);
	exchange_expect_trouble(&e, WIRE_TROUBLE_SETUP);
	exchange_end(&e);
}

static void
test_refused_and_unresolved(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_PLAIN, answer_all, NULL);
	int reserved = socket(AF_INET, SOCK_STREAM, 0); /* bound and not listening */
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	assert_int_equal(bind(reserved, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(reserved, (struct sockaddr *)&address, &size), 0);
	snprintf(e.url, sizeof(e.url), "https://127.0.0.1:%d/", ntohs(address.sin_port));
	exchange_run(&e);
	expect_unsent(&e, WIRE_TROUBLE_NETWORK);
	e.request.url = "https://name.invalid/";
	exchange_run(&e);
	expect_unsent(&e, WIRE_TROUBLE_NETWORK);
	close(reserved);
	exchange_end(&e);
}

static void
test_tls_hang(void **state)
{
	(void)state;
	struct exchange e;

	/* A plain server that says nothing to the client's hello. */
	exchange_begin(&e, PEER_PLAIN, hang_all, NULL);
	snprintf(e.url, sizeof(e.url), "https://127.0.0.1:%d/", peer_port(e.peer));
	e.request.connect_timeout_ms = 100;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
	exchange_expect_trouble(&e, WIRE_TROUBLE_NETWORK);
	/* The same, ended by the owner. */
	e.request.connect_timeout_ms = 60000;
	exchange_cancel_after(&e, 50);
	exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
	exchange_expect_trouble(&e, WIRE_TROUBLE_NETWORK);
	assert_string_equal(e.outcome->error, "past its time");
	exchange_end(&e);
}

/* --- T34 --- */

static void
test_forbidden_addresses(void **state)
{
	(void)state;
	static const char *const hosts[] = {"127.0.0.1", "localhost", "0x7f.1", "2130706433",
	    "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
	    "224.0.0.1", "[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]", "[::]"};
	struct exchange e;

	exchange_begin(&e, PEER_TLS, answer_all, NULL);
	e.request.allow_loopback = false;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(e.url, sizeof(e.url), "https://%s:%d/", hosts[i], peer_port(e.peer));
		exchange_run(&e);
		expect_unsent(&e, WIRE_TROUBLE_FORBIDDEN);
	}
	assert_int_equal(peer_connections(e.peer), 0);
	exchange_end(&e);
}

static void
test_plain_goes_to_loopback_only(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_PLAIN, answer_all, NULL);
	e.request.allow_private = true;
	e.request.url = "http://10.255.255.1:81/";
	exchange_run(&e);
	expect_unsent(&e, WIRE_TROUBLE_FORBIDDEN);
	e.request.allow_loopback = false;
	e.request.url = e.url;
	exchange_run(&e);
	expect_unsent(&e, WIRE_TROUBLE_SETUP);
	exchange_end(&e);
}

static void
test_a_connection_of_a_laxer_request_is_not_reused(void **state)
{
	(void)state;
	struct exchange e;

	exchange_begin(&e, PEER_TLS, answer_all, NULL);
	e.request.fresh_connection = false;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_ANSWERED, 200, 1);
	e.request.allow_loopback = false;
	exchange_run(&e);
	exchange_expect(&e, EVIDENCE_UNSENT, 0, 0);
	exchange_expect_trouble(&e, WIRE_TROUBLE_FORBIDDEN);
	assert_int_equal(peer_requests(e.peer), 1);
	exchange_end(&e);
}

/* --- T35 --- */

static void
redirect(struct peer_connection *c, void *context)
{
	static const int codes[] = {301, 302, 303, 307, 308};
	char answer[256];

	while (peer_read(c)) {
		snprintf(answer, sizeof(answer),
		    "HTTP/1.1 %d Moved\r\nLocation: %s/elsewhere\r\nContent-Length: 2\r\n\r\n{}",
		    codes[(peer_turn(c) - 1) % 5], (const char *)context);
		peer_say(c, answer);
	}
}

static void
test_redirects_are_answers(void **state)
{
	(void)state;
	static const int codes[] = {301, 302, 303, 307, 308};
	struct peer *canary = peer_start(PEER_PLAIN, answer_all, NULL);
	char origin[64];
	struct exchange e;

	snprintf(origin, sizeof(origin), "%s", peer_origin(canary));
	exchange_begin(&e, PEER_PLAIN, redirect, origin);
	e.request.fresh_connection = false;
	for (int i = 0; i < 5; i++) {
		exchange_run(&e);
		exchange_expect(&e, EVIDENCE_ANSWERED, codes[i], 1);
		assert_non_null(wire_transfer_header(e.transfer, "location", NULL));
	}
	assert_int_equal(peer_requests(e.peer), 5);
	assert_int_equal(peer_connections(canary), 0);
	exchange_end(&e);
	peer_stop(canary);
}

/* --- T37 --- */

/* In a process of its own, as libcurl and OpenSSL read the environment when they start. */
static int
run_in_hostile_environment(void)
{
	for (int tls = 0; tls < 2; tls++) {
		struct exchange e;

		exchange_begin(&e, tls ? PEER_TLS : PEER_PLAIN, answer_all, NULL);
		exchange_run(&e);
		bool answered = e.outcome->evidence == EVIDENCE_ANSWERED;
		exchange_end(&e);
		if (!answered)
			return 1;
	}
	return 0;
}

/*
 * Ours come first, and the first of a name is the one that counts. Made before the process, because
 * a peer's thread runs here: a child that is forked beside it must not allocate.
 */
static int
spawn_in_hostile_environment(
    const char *self, const char *canary, const char *key_log, pid_t *child)
{
	static const char *const proxies[] = {
	    "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	enum { PROXIES = sizeof(proxies) / sizeof(proxies[0]), ALL_MAX = 500 };
	static char texts[PROXIES + 1][300];
	static char *all[ALL_MAX + 1];
	char *arguments[] = {"hostile", "environment", NULL};
	size_t count = 0;

	for (; count < PROXIES; count++) {
		snprintf(texts[count], sizeof(texts[count]), "%s=%s", proxies[count], canary);
		all[count] = texts[count];
	}
	snprintf(texts[count], sizeof(texts[count]), "SSLKEYLOGFILE=%s", key_log);
	all[count] = texts[count];
	count++;
	all[count++] = "no_proxy=";
	all[count++] = "SSL_CERT_FILE=/nonexistent";
	all[count++] = "OPENSSL_CONF=/nonexistent";
	for (char **at = environ; *at != NULL && count < ALL_MAX; at++)
		all[count++] = *at;
	return posix_spawn(child, self, NULL, NULL, arguments, all);
}

static void
test_the_environment_has_no_say(void **state)
{
	(void)state;
	struct peer *canary = peer_start(PEER_PLAIN, answer_all, NULL);
	const char *parent = getenv("TMPDIR");
	char key_log[256], self[4096];
	struct stat found;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(length > 0);
	self[length] = '\0';
	snprintf(
	    key_log, sizeof(key_log), "%s/keys-%d.log", parent ? parent : "/tmp", (int)getpid());
	pid_t child = -1;
	int status = -1;
	assert_int_equal(
	    spawn_in_hostile_environment(self, peer_origin(canary), key_log, &child), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(peer_connections(canary), 0);
	assert_int_equal(stat(key_log, &found), -1);
	peer_stop(canary);
}

int
main(int count, char **arguments)
{
	if (count == 2 && strcmp(arguments[1], "environment") == 0)
		return run_in_hostile_environment();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_environment_has_no_say),
	    cmocka_unit_test(test_the_right_certificate),
	    cmocka_unit_test(test_wrong_certificates),
	    cmocka_unit_test(test_no_old_tls),
	    cmocka_unit_test(test_client_certificates),
	    cmocka_unit_test(test_refused_and_unresolved),
	    cmocka_unit_test(test_tls_hang),
	    cmocka_unit_test(test_forbidden_addresses),
	    cmocka_unit_test(test_plain_goes_to_loopback_only),
	    cmocka_unit_test(test_a_connection_of_a_laxer_request_is_not_reused),
	    cmocka_unit_test(test_redirects_are_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
