/*
 * answer.h - what one exchange brought: the evidence of what left, and what came back.
 */
#ifndef OUTBOXD_CORE_ANSWER_H
#define OUTBOXD_CORE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rules.h"

enum evidence {
	EVIDENCE_UNSENT,     /* provably no request byte left this machine */
	EVIDENCE_MAYBE_SENT, /* bytes may have left; no complete answer */
	EVIDENCE_ANSWERED,   /* end of headers, and a body framed by its length or its last chunk */
};
enum { EVIDENCE_COUNT = 3 };

/* Why nothing was sent, as far as somebody must act on it. */
enum wire_trouble {
	WIRE_TROUBLE_NONE,
	WIRE_TROUBLE_NETWORK,   /* resolve, connect, handshake, time-out: try again later */
	WIRE_TROUBLE_TRUST,     /* certificate verification failed: hold the destination */
	WIRE_TROUBLE_SETUP,     /* URL, protocol or local certificate files unusable: hold the
				   destination */
	WIRE_TROUBLE_FORBIDDEN, /* the name resolves to an address that is not allowed */
	WIRE_TROUBLE_REFUSED,   /* the owner's hook said no */
};

struct answer {
	enum phase phase;
	enum evidence evidence;
	enum wire_trouble trouble;
	bool oversize;    /* the body was larger than the limit and cut off */
	int http_status;  /* 0: none arrived */
	const char *body; /* NULL when nothing arrived */
	size_t body_length;
	/* A response header's value or NULL; header_source is handed to it. NULL: no headers. */
	const char *(*header)(const void *header_source, const char *name);
	const void *header_source;
};

const char *evidence_name(enum evidence evidence);

#endif
