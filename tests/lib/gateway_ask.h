/*
 * gateway_ask.h - asks the fake gateway something the way a merchant's client would, or byte by
 * byte.
 */
#ifndef OUTBOXD_TESTS_GATEWAY_ASK_H
#define OUTBOXD_TESTS_GATEWAY_ASK_H

#include <stddef.h>

struct gateway;

/* What came back; answer_free after use. */
struct gateway_answer {
	int curl;   /* CURLcode; 0 = complete */
	int status; /* 0: none */
	char *headers;
	char *body;
};

/*
 * POSTs body to path, or GETs it when body is NULL; path may be an absolute URL. headers: NULL or
 * lines "Name: value", NULL-ended. At most timeout_ms. Never fails itself: see curl and status.
 */
struct gateway_answer gateway_ask(struct gateway *gateway, const char *path,
    const char *const *headers, const char *body, int timeout_ms);
void gateway_answer_free(struct gateway_answer *answer);

/* The string between the first `before` and the next '"' behind it, in a static buffer; "" if none.
 */
const char *gateway_pick(const struct gateway_answer *answer, const char *before);

/* Sends these bytes on a connection of their own, then closes it. */
void gateway_send_bytes(struct gateway *gateway, const char *bytes);

enum raw_end { RAW_FIN, RAW_RESET, RAW_TIMEOUT, RAW_FULL };

/* What came over a plain socket; bytes is NUL-terminated, the caller frees. */
struct raw_answer {
	enum raw_end end;
	char *bytes;
	size_t length;
	int ms; /* until the end */
};

/*
 * POSTs body to path on a plain socket and reads until the connection ends, timeout_ms are over, or
 * max bytes came.
 */
struct raw_answer gateway_raw(
    struct gateway *gateway, const char *path, const char *body, int timeout_ms, size_t max);

#endif
