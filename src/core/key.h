/*
 * key.h - idempotency keys: derive, check, and the hash that freezes a request.
 *
 * A key is a lower-case UUID (36 characters: it fits every documented gateway) shaped from
 * HMAC-SHA256 over what the row already holds, so that a restored database, or the same order
 * inserted again under its reference, gets its key again, and nobody without the secret can guess
 * one.
 */
#ifndef OUTBOXD_CORE_KEY_H
#define OUTBOXD_CORE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules.h"

enum {
	KEY_SECRET_SIZE = 32, /* bytes; made once per database */
	KEY_TEXT_SIZE = 37,   /* 36 characters and the NUL */
	KEY_HASH_SIZE = 32,   /* SHA-256 */
};

/* What a key is derived from. Strings are never NULL except reference. */
struct key_input {
	const char *destination;
	const char *operation;
	const char *method;
	const char *path;
	const char
	    *reference; /* the merchant's own name, or NULL: then id, created_at and the body */
	int64_t id;
	int64_t created_at;
	const void *body;
	size_t body_length;
	int64_t generation; /* raised only by an operator's new-key retry */
};

/* Fills secret with random bytes. -1 when the system gives none. */
int key_secret_new(unsigned char secret[KEY_SECRET_SIZE]);

/* A secret, ready for use. NULL when memory is short or libcrypto fails. The secret itself is not
 * kept. */
struct key_maker *key_maker_new(const unsigned char secret[KEY_SECRET_SIZE]);
void key_maker_free(struct key_maker *maker);

/*
 * The key: the first 16 bytes of HMAC-SHA256(secret, fields), each field preceded by its length as
 * 8 bytes big-endian, written as a UUID of version 8 and the RFC 9562 variant. -1 when libcrypto
 * fails. The fields: destination, operation, method, path; then "reference" and the reference, or
 * "row", id, created_at and SHA-256(body); then generation. Integers are 8 bytes big-endian.
 */
int key_derive(
    const struct key_maker *maker, const struct key_input *input, char key[KEY_TEXT_SIZE]);

/*
 * Whether an app's own key fits; if not, *why says what is wrong (a constant sentence fragment).
 * Whatever the rules say, only visible ASCII passes, and under `quoted` no quote or backslash.
 */
bool key_fits(const struct key_rules *rules, const char *key, const char **why);

/*
 * Whether a key has the shape of a derived one: a lower-case UUID of version 8. An app's own key
 * may not, so that the two can never be mistaken for each other.
 */
bool key_is_derived(const char *key);

/* What one attempt and the next must have in common. Strings may be NULL. */
struct key_request {
	enum kind kind;
	const char *method;
	const char *url;
	const char *key_header;
	const char *key;
	const char *content_type;
	const char *headers; /* the row's headers, as stored */
	const void *body;
	size_t body_length;
};

/*
 * SHA-256 over the kind and the length-prefixed fields (NULL differs from "", except that a body of
 * no bytes is the same with and without a pointer, as SQLite hands it out). -1 when libcrypto
 * fails.
 */
int key_request_hash(const struct key_request *request, unsigned char hash[KEY_HASH_SIZE]);

/* SHA-256 of bytes. -1 when libcrypto fails. */
int key_sha256(const void *bytes, size_t length, unsigned char hash[KEY_HASH_SIZE]);

#endif
