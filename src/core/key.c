/*
 * key.c - why: a key that can be computed again from the row is a key that survives a restored
 * backup, and a hash of what was sent is the proof that a later attempt sends the same. Fields go
 * in with their lengths, so that no two different inputs run together into the same bytes.
 */
#include "core/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { INTEGER_SIZE = 8 };

static void
put_integer(unsigned char out[INTEGER_SIZE], uint64_t value)
{
	for (int i = INTEGER_SIZE - 1; i >= 0; i--, value >>= 8)
		out[i] = (unsigned char)value;
}

int
key_secret_new(unsigned char secret[KEY_SECRET_SIZE])
{
	return RAND_priv_bytes(secret, KEY_SECRET_SIZE) == 1 ? 0 : -1;
}

/* Fetched once, for good: to look an algorithm up costs more than to hash a request. */
static const EVP_MD *
sha256(void)
{
	static EVP_MD *digest;

	if (digest == NULL)
		digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	return digest != NULL ? digest : EVP_sha256();
}

int
key_sha256(const void *bytes, size_t length, unsigned char hash[KEY_HASH_SIZE])
{
	return EVP_Digest(length > 0 ? bytes : "", length, hash, NULL, sha256(), NULL) == 1 ? 0
											    : -1;
}

/* ---- fields ---- */

/* Fields on their way into a digest: many small ones, and each call of libcrypto has its price. */
struct fields {
	EVP_MD_CTX *digest;
	bool failed;
	size_t used;
	unsigned char bytes[512];
};

/* One digest for all, made when first needed: nothing here lasts beyond a call. */
static bool
fields_open(struct fields *fields)
{
	static EVP_MD_CTX *digest;

	if (digest == NULL)
		digest = EVP_MD_CTX_new();
	fields->digest = digest;
	fields->failed = digest == NULL;
	fields->used = 0;
	return !fields->failed;
}

static void
flush(struct fields *fields)
{
	if (fields->used > 0 && EVP_DigestUpdate(fields->digest, fields->bytes, fields->used) != 1)
		fields->failed = true;
	fields->used = 0;
}

static void
put(struct fields *fields, const void *bytes, size_t length)
{
	if (length > sizeof(fields->bytes) - fields->used)
		flush(fields);
	if (length > sizeof(fields->bytes)) {
		if (EVP_DigestUpdate(fields->digest, bytes, length) != 1)
			fields->failed = true;
		return;
	}
	if (length > 0)
		memcpy(fields->bytes + fields->used, bytes, length);
	fields->used += length;
}

static void
put_bytes(struct fields *fields, const void *bytes, size_t length)
{
	unsigned char prefix[INTEGER_SIZE];

	put_integer(prefix, length);
	put(fields, prefix, sizeof(prefix));
	put(fields, bytes, length);
}

static void
put_string(struct fields *fields, const char *string)
{
	unsigned char absent[INTEGER_SIZE];

	if (string != NULL) {
		put_bytes(fields, string, strlen(string));
		return;
	}
	put_integer(absent, UINT64_MAX); /* a length that no string has */
	put(fields, absent, sizeof(absent));
}

static void
put_number(struct fields *fields, int64_t value)
{
	unsigned char bytes[INTEGER_SIZE];

	put_integer(bytes, (uint64_t)value);
	put_bytes(fields, bytes, sizeof(bytes));
}

static int
fields_close(struct fields *fields, unsigned char hash[KEY_HASH_SIZE])
{
	flush(fields);
	return !fields->failed && EVP_DigestFinal_ex(fields->digest, hash, NULL) == 1 ? 0 : -1;
}

/* ---- derivation ---- */

/*
 * HMAC (RFC 2104) is a hash behind the padded secret, in a hash behind the secret padded otherwise.
 * Both beginnings are the same for every key, and hashed once. (A copy of an EVP_MAC_CTX would
 * copy three of these.)
 */
struct key_maker {
	EVP_MD_CTX *inner;
	EVP_MD_CTX *outer;
};

static EVP_MD_CTX *
begin_with(const unsigned char secret[KEY_SECRET_SIZE], unsigned char pad)
{
	unsigned char block[64]; /* SHA-256's */
	EVP_MD_CTX *digest = EVP_MD_CTX_new();

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < KEY_SECRET_SIZE; i++)
		block[i] ^= secret[i];
	if (digest != NULL && (EVP_DigestInit_ex(digest, sha256(), NULL) != 1 ||
				  EVP_DigestUpdate(digest, block, sizeof(block)) != 1)) {
		EVP_MD_CTX_free(digest);
		digest = NULL;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return digest;
}

struct key_maker *
key_maker_new(const unsigned char secret[KEY_SECRET_SIZE])
{
	struct key_maker *maker = calloc(1, sizeof(*maker));

	if (maker == NULL)
		return NULL;
	maker->inner = begin_with(secret, 0x36);
	maker->outer = begin_with(secret, 0x5c);
	if (maker->inner == NULL || maker->outer == NULL) {
		key_maker_free(maker);
		return NULL;
	}
	return maker;
}

void
key_maker_free(struct key_maker *maker)
{
	if (maker == NULL)
		return;
	EVP_MD_CTX_free(maker->inner);
	EVP_MD_CTX_free(maker->outer);
	free(maker);
}

/* What makes the row this row. */
static void
put_identity(struct fields *fields, const struct key_input *input)
{
	unsigned char hash[KEY_HASH_SIZE] = {0};

	if (input->reference != NULL) {
		put_string(fields, "reference");
		put_string(fields, input->reference);
		return;
	}
	if (key_sha256(input->body, input->body_length, hash) != 0)
		fields->failed = true;
	put_string(fields, "row");
	put_number(fields, input->id);
	put_number(fields, input->created_at);
	put_bytes(fields, hash, sizeof(hash));
}

static int
mac(const struct key_maker *maker, const struct key_input *input, unsigned char code[KEY_HASH_SIZE])
{
	struct fields fields;

	if (!fields_open(&fields) || EVP_MD_CTX_copy_ex(fields.digest, maker->inner) != 1)
		return -1;
	put_string(&fields, input->destination);
	put_string(&fields, input->operation);
	put_string(&fields, input->method);
	put_string(&fields, input->path);
	put_identity(&fields, input);
	put_number(&fields, input->generation);
	if (fields_close(&fields, code) != 0 ||
	    EVP_MD_CTX_copy_ex(fields.digest, maker->outer) != 1)
		return -1;
	put(&fields, code, KEY_HASH_SIZE);
	return fields_close(&fields, code);
}

/* RFC 9562, 5.8: version 8 (what the bits mean is ours to say), variant 10. */
static void
write_uuid(unsigned char bytes[16], char key[KEY_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x80);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*key++ = '-';
		*key++ = hex[bytes[i] >> 4];
		*key++ = hex[bytes[i] & 0x0f];
	}
	*key = '\0';
}

int
key_derive(const struct key_maker *maker, const struct key_input *input, char key[KEY_TEXT_SIZE])
{
	unsigned char code[KEY_HASH_SIZE];

	if (mac(maker, input, code) != 0)
		return -1;
	write_uuid(code, key);
	return 0;
}

/* ---- an app's own key ---- */

bool
key_fits(const struct key_rules *rules, const char *key, const char **why)
{
	size_t length = strlen(key);

	*why = NULL;
	if (length == 0)
		*why = "the idempotency key is empty";
	else if (length < rules->length_min)
		*why = "the idempotency key is shorter than the gateway allows";
	else if (length > rules->length_max)
		*why = "the idempotency key is longer than the gateway allows";
	for (size_t i = 0; i < length && *why == NULL; i++) {
		char c = key[i];
		bool listed = rules->characters == NULL || strchr(rules->characters, c) != NULL;
		if (c < 0x21 || c > 0x7e || !listed || (rules->quoted && (c == '"' || c == '\\')))
			*why =
			    "the idempotency key has a character that the gateway does not allow";
	}
	return *why == NULL;
}

/* ---- the frozen request ---- */

static const char *
kind_name(enum kind kind)
{
	switch (kind) {
	case KIND_KEYED:
		return "keyed";
	case KIND_KEYLESS:
		return "keyless";
	case KIND_SAFE:
		return "safe";
	}
	return NULL;
}

int
key_request_hash(const struct key_request *request, unsigned char hash[KEY_HASH_SIZE])
{
	struct fields fields;

	if (!fields_open(&fields) || EVP_DigestInit_ex(fields.digest, sha256(), NULL) != 1)
		return -1;
	put_string(&fields, kind_name(request->kind));
	put_string(&fields, request->method);
	put_string(&fields, request->url);
	put_string(&fields, request->key_header);
	put_string(&fields, request->key);
	put_string(&fields, request->content_type);
	put_string(&fields, request->headers);
	put_bytes(&fields, request->body, request->body_length);
	return fields_close(&fields, hash);
}

bool
key_is_derived(const char *key)
{
	static const char shape[] = "xxxxxxxx-xxxx-8xxx-vxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(shape); i++) {
		const char *allowed = shape[i] == 'x'   ? "0123456789abcdef"
				      : shape[i] == 'v' ? "89ab"
							: NULL;

		if (allowed == NULL ? key[i] != shape[i]
				    : key[i] == '\0' || strchr(allowed, key[i]) == NULL)
			return false;
	}
	return true;
}
