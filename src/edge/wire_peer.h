/*
 * wire_peer.h - may we talk to this address?
 */
#ifndef OUTBOXD_EDGE_WIRE_PEER_H
#define OUTBOXD_EDGE_WIRE_PEER_H

#include <stdbool.h>
#include <sys/socket.h>

enum peer_class {
	PEER_PUBLIC,
	PEER_PRIVATE,  /* RFC 1918, RFC 6598, unique local */
	PEER_LOOPBACK, /* 127.0.0.0/8, ::1 */
	PEER_NEVER,    /* link-local (cloud metadata), multicast, unspecified, reserved, not IP */
};

/* An address that carries an IPv4 address within (mapped, NAT64, 6to4) is what that one is. */
enum peer_class peer_classify(const struct sockaddr *address);
/* Of an address as text, as libcurl reports it. */
enum peer_class peer_classify_text(const char *address);

struct peer_policy {
	bool allow_private;
	bool allow_loopback;
	bool plain; /* without TLS: loopback only, whatever else is allowed */
};
bool peer_allowed(enum peer_class class, const struct peer_policy *policy);

#endif
