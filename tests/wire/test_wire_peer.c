/*
 * test_wire_peer.c - which address is what (T34).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "edge/wire_peer.h"

static const struct {
	const char *text;
	enum peer_class class;
} cases[] = {
    {"1.1.1.1", PEER_PUBLIC},
    {"9.255.255.255", PEER_PUBLIC},
    {"11.0.0.0", PEER_PUBLIC},
    {"100.63.255.255", PEER_PUBLIC},
    {"100.128.0.0", PEER_PUBLIC},
    {"126.255.255.255", PEER_PUBLIC},
    {"128.0.0.0", PEER_PUBLIC},
    {"169.253.255.255", PEER_PUBLIC},
    {"169.255.0.0", PEER_PUBLIC},
    {"172.15.255.255", PEER_PUBLIC},
    {"172.32.0.0", PEER_PUBLIC},
    {"192.167.255.255", PEER_PUBLIC},
    {"192.169.0.0", PEER_PUBLIC},
    {"223.255.255.255", PEER_PUBLIC},
    {"192.0.1.0", PEER_PUBLIC},
    {"10.0.0.0", PEER_PRIVATE},
    {"10.255.255.255", PEER_PRIVATE},
    {"172.16.0.0", PEER_PRIVATE},
    {"172.31.255.255", PEER_PRIVATE},
    {"192.168.0.0", PEER_PRIVATE},
    {"192.168.255.255", PEER_PRIVATE},
    {"100.64.0.0", PEER_PRIVATE},
    {"100.127.255.255", PEER_PRIVATE},
    {"127.0.0.0", PEER_LOOPBACK},
    {"127.0.0.1", PEER_LOOPBACK},
    {"127.255.255.255", PEER_LOOPBACK},
    {"0.0.0.0", PEER_NEVER},
    {"0.1.2.3", PEER_NEVER},
    {"169.254.0.0", PEER_NEVER},
    {"169.254.169.254", PEER_NEVER},
    {"192.0.0.1", PEER_NEVER},
    {"192.0.2.1", PEER_NEVER},
    {"192.88.99.1", PEER_NEVER},
    {"198.18.0.1", PEER_NEVER},
    {"198.19.255.255", PEER_NEVER},
    {"198.51.100.1", PEER_NEVER},
    {"203.0.113.1", PEER_NEVER},
    {"224.0.0.0", PEER_NEVER},
    {"239.255.255.255", PEER_NEVER},
    {"240.0.0.1", PEER_NEVER},
    {"255.255.255.255", PEER_NEVER},
    {"2606:4700::1111", PEER_PUBLIC},
    {"2a00::1", PEER_PUBLIC},
    {"2001:200::1", PEER_PUBLIC},
    {"2001:db9::1", PEER_PUBLIC},
    {"3fff:ffff::", PEER_PUBLIC},
    {"fc00::1", PEER_PRIVATE},
    {"fdff::1", PEER_PRIVATE},
    {"::1", PEER_LOOPBACK},
    {"::", PEER_NEVER},
    {"::2", PEER_NEVER},
    {"::127.0.0.1", PEER_NEVER},
    {"fe80::1", PEER_NEVER},
    {"febf::1", PEER_NEVER},
    {"fec0::1", PEER_NEVER},
    {"ff02::1", PEER_NEVER},
    {"100::1", PEER_NEVER},
    {"2001::1", PEER_NEVER},
    {"2001:1ff::1", PEER_NEVER},
    {"2001:db8::1", PEER_NEVER},
    {"4000::1", PEER_NEVER},
    {"::ffff:127.0.0.1", PEER_LOOPBACK},
    {"::ffff:10.0.0.1", PEER_PRIVATE},
    {"::ffff:169.254.169.254", PEER_NEVER},
    {"::ffff:1.1.1.1", PEER_PUBLIC},
    {"64:ff9b::7f00:1", PEER_LOOPBACK},
    {"64:ff9b::a9fe:a9fe", PEER_NEVER},
    {"64:ff9b::101:101", PEER_PUBLIC},
    {"64:ff9b:1::1", PEER_NEVER},
    {"2002:7f00:1::1", PEER_LOOPBACK},
    {"2002:a00:1::1", PEER_PRIVATE},
    {"2002:101:101::1", PEER_PUBLIC},
    {"", PEER_NEVER},
    {"fe80::1%lo", PEER_NEVER},
    {"127.1", PEER_NEVER},
    {"localhost", PEER_NEVER},
};

static void
test_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_in in = {.sin_family = AF_INET};
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

		if (peer_classify_text(cases[i].text) != cases[i].class)
			fail_msg("%s", cases[i].text);
		if (inet_pton(AF_INET, cases[i].text, &in.sin_addr) == 1)
			assert_int_equal(peer_classify((struct sockaddr *)&in), cases[i].class);
		if (inet_pton(AF_INET6, cases[i].text, &in6.sin6_addr) == 1)
			assert_int_equal(peer_classify((struct sockaddr *)&in6), cases[i].class);
	}
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	assert_int_equal(peer_classify((struct sockaddr *)&local), PEER_NEVER);
}

static void
test_policies(void **state)
{
	(void)state;
	for (int bits = 0; bits < 8; bits++) {
		const struct peer_policy policy = {
		    .allow_private = bits & 1, .allow_loopback = bits & 2, .plain = bits & 4};
		assert_int_equal(peer_allowed(PEER_PUBLIC, &policy), !(bits & 4));
		assert_int_equal(peer_allowed(PEER_PRIVATE, &policy), (bits & 1) && !(bits & 4));
		assert_int_equal(peer_allowed(PEER_LOOPBACK, &policy), (bits & 2) != 0);
		assert_false(peer_allowed(PEER_NEVER, &policy));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_classes),
	    cmocka_unit_test(test_policies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
