/* tool.h - time, random ids, hashes, and reading members out of JSON. */
#ifndef FAKEGW_TOOL_H
#define FAKEGW_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

enum { UUID_SIZE = 37, SHA256_TEXT_SIZE = 65 };

/* Unix time, and a clock that never jumps, in ms. */
int64_t clock_unix_ms(void);
int64_t clock_steady_ms(void);

void uuid_new(char uuid[UUID_SIZE]);

/* SHA-256 of the given parts, each but the last followed by a newline; lower-case hex. */
struct bytes {
	const void *data;
	size_t length;
};
void sha256_text(const struct bytes *parts, size_t count, char hex[SHA256_TEXT_SIZE]);

/* The member at a JSON pointer ("/order/number"; no escapes, no array indices), or NULL. */
const cJSON *json_at(const cJSON *json, const char *pointer);

/*
 * The string or the integer at pointer, as text in out; false when there is none or it does not
 * fit.
 */
bool json_text_at(const cJSON *json, const char *pointer, char *out, size_t size);

/*
 * The value of the first member called name anywhere in body, as its source text without quotes:
 * money is copied, never converted. false when there is none.
 */
bool json_source_of(const char *body, const char *name, char *out, size_t size);

/* "250ms", "30s", "10m", "24h", "7d", or a bare number of ms; -1 when it is none of these. */
int64_t duration_ms(const char *text);

#endif
