/*
 * wire_peer.c - which addresses a gateway may have.
 *
 * A gateway's name is the operator's, but what it resolves to is the network's word: an answer that
 * points into the merchant's own network would carry credentials there. Pure: knows no socket and
 * no libcurl.
 */
#include "edge/wire_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct range4 {
	uint32_t base;
	int bits;
	enum peer_class class;
};

/* IANA's special-purpose registry; everything else is public. */
static const struct range4 ranges4[] = {
    {0x00000000, 8, PEER_NEVER},    /* 0.0.0.0: this network; Linux connects it to itself */
    {0x0a000000, 8, PEER_PRIVATE},  /* 10.0.0.0 */
    {0x64400000, 10, PEER_PRIVATE}, /* 100.64.0.0: behind a carrier's NAT */
    {0x7f000000, 8, PEER_LOOPBACK}, /* 127.0.0.0 */
    {0xa9fe0000, 16, PEER_NEVER},   /* 169.254.0.0: link-local, cloud metadata */
    {0xac100000, 12, PEER_PRIVATE}, /* 172.16.0.0 */
    {0xc0000000, 24, PEER_NEVER},   /* 192.0.0.0: protocol assignments */
    {0xc0000200, 24, PEER_NEVER},   /* 192.0.2.0: documentation */
    {0xc0586300, 24, PEER_NEVER},   /* 192.88.99.0: old 6to4 relays */
    {0xc0a80000, 16, PEER_PRIVATE}, /* 192.168.0.0 */
    {0xc6120000, 15, PEER_NEVER},   /* 198.18.0.0: benchmarks */
    {0xc6336400, 24, PEER_NEVER},   /* 198.51.100.0: documentation */
    {0xcb007100, 24, PEER_NEVER},   /* 203.0.113.0: documentation */
    {0xe0000000, 3, PEER_NEVER},    /* 224.0.0.0 and above: multicast, reserved, broadcast */
};

static enum peer_class
classify4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(ranges4) / sizeof(ranges4[0]); i++)
		if ((address ^ ranges4[i].base) >> (32 - ranges4[i].bits) == 0)
			return ranges4[i].class;
	return PEER_PUBLIC;
}

static uint32_t
inner4(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static enum peer_class
classify6(const uint8_t *a)
{
	static const uint8_t zero[16];
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
		return classify4(inner4(a + 12));
	if (a[0] == 0x20 && a[1] == 0x02) /* 2002::/16, 6to4 */
		return classify4(inner4(a + 2));
	if (memcmp(a, zero, 15) == 0 && a[15] == 1)
		return PEER_LOOPBACK;
	if ((a[0] & 0xfe) == 0xfc) /* fc00::/7, unique local */
		return PEER_PRIVATE;
	if ((a[0] & 0xe0) != 0x20) /* outside 2000::/3: link-local, multicast, ::, 100::, ... */
		return PEER_NEVER;
	if (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) /* 2001::/23: Teredo and others */
		return PEER_NEVER;
	if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) /* documentation */
		return PEER_NEVER;
	return PEER_PUBLIC;
}

enum peer_class
peer_classify(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		return classify4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		return classify6(in6.sin6_addr.s6_addr);
	}
	return PEER_NEVER;
}

enum peer_class
peer_classify_text(const char *address)
{
	struct in_addr in;
	struct in6_addr in6;

	if (inet_pton(AF_INET, address, &in) == 1)
		return classify4(ntohl(in.s_addr));
	if (inet_pton(AF_INET6, address, &in6) == 1)
		return classify6(in6.s6_addr);
	return PEER_NEVER;
}

bool
peer_allowed(enum peer_class class, const struct peer_policy *policy)
{
	switch (class) {
	case PEER_PUBLIC:
		return !policy->plain;
	case PEER_PRIVATE:
		return policy->allow_private && !policy->plain;
	case PEER_LOOPBACK:
		return policy->allow_loopback;
	case PEER_NEVER:
		return false;
	}
	return false;
}
