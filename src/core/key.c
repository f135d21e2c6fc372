/*
 * key.c - why: a key that can be computed again from the row is a key that survives a restored
 * backup, and a hash of what was sent is the proof that a later attempt sends the same. Fields go
 * in with their lengths, so that no two different inputs run together into the same bytes.
 */
#include "core/key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
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
static EVP_MAC_CTX *
mac_new(void)
{
	static EVP_MAC *hmac;

	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	return hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
}

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
	return EVP_Digest(length > 0 ? bytes : "", length, hash, NULL, sha256(), NULL) == 1
		   ? 0
		   : -1;
}

/* ---- derivation ---- */

static EVP_MAC_CTX *
mac_open(const unsigned char secret[KEY_SECRET_SIZE])
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *mac = mac_new();

	if (mac != NULL && EVP_MAC_init(mac, secret, KEY_SECRET_SIZE, parameters) != 1) {
		EVP_MAC_CTX_free(mac);
		mac = NULL;
	}
	return mac;
}

static bool
mac_bytes(EVP_MAC_CTX *mac, const void *bytes, size_t length)
{
	unsigned char prefix[INTEGER_SIZE];

	put_integer(prefix, length);
	return EVP_MAC_update(mac, prefix, sizeof(prefix)) == 1 &&
	       (length == 0 || EVP_MAC_update(mac, bytes, length) == 1);
}

static bool
mac_string(EVP_MAC_CTX *mac, const char *string)
{
	return mac_bytes(mac, string, strlen(string));
}

static bool
mac_integer(EVP_MAC_CTX *mac, int64_t value)
{
	unsigned char bytes[INTEGER_SIZE];

	put_integer(bytes, (uint64_t)value);
	return mac_bytes(mac, bytes, sizeof(bytes));
}

/* What makes the row this row. */
static bool
mac_identity(EVP_MAC_CTX *mac, const struct key_input *input)
{
	unsigned char hash[KEY_HASH_SIZE];

	if (input->reference != NULL)
		return mac_string(mac, "reference") && mac_string(mac, input->reference);
	return mac_string(mac, "row") && mac_integer(mac, input->id) &&
	       mac_integer(mac, input->created_at) &&
	       key_sha256(input->body, input->body_length, hash) == 0 &&
	       mac_bytes(mac, hash, sizeof(hash));
}

static bool
mac_input(EVP_MAC_CTX *mac, const struct key_input *input)
{
	return mac_string(mac, input->destination) && mac_string(mac, input->operation) &&
	       mac_string(mac, input->method) && mac_string(mac, input->path) &&
	       mac_identity(mac, input) && mac_integer(mac, input->generation);
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
key_derive(const unsigned char secret[KEY_SECRET_SIZE], const struct key_input *input,
    char key[KEY_TEXT_SIZE])
{
	unsigned char code[KEY_HASH_SIZE];
	size_t size = 0;
	EVP_MAC_CTX *mac = mac_open(secret);
	bool done = mac != NULL && mac_input(mac, input) &&
		    EVP_MAC_final(mac, code, &size, sizeof(code)) == 1 && size == sizeof(code);

	EVP_MAC_CTX_free(mac);
	if (!done)
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

static bool
hash_bytes(EVP_MD_CTX *digest, const void *bytes, size_t length)
{
	unsigned char prefix[INTEGER_SIZE];

	put_integer(prefix, length);
	return EVP_DigestUpdate(digest, prefix, sizeof(prefix)) == 1 &&
	       (length == 0 || EVP_DigestUpdate(digest, bytes, length) == 1);
}

static bool
hash_string(EVP_MD_CTX *digest, const char *string)
{
	unsigned char absent[INTEGER_SIZE];

	if (string != NULL)
		return hash_bytes(digest, string, strlen(string));
	put_integer(absent, UINT64_MAX); /* a length that no string has */
	return EVP_DigestUpdate(digest, absent, sizeof(absent)) == 1;
}

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

static bool
hash_request(EVP_MD_CTX *digest, const struct key_request *request)
{
	return hash_string(digest, kind_name(request->kind)) &&
	       hash_string(digest, request->method) && hash_string(digest, request->url) &&
	       hash_string(digest, request->key_header) && hash_string(digest, request->key) &&
	       hash_string(digest, request->content_type) &&
	       hash_string(digest, request->headers) &&
	       hash_bytes(digest, request->body, request->body_length);
}

int
key_request_hash(const struct key_request *request, unsigned char hash[KEY_HASH_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest != NULL && EVP_DigestInit_ex(digest, sha256(), NULL) == 1 &&
		    hash_request(digest, request) && EVP_DigestFinal_ex(digest, hash, NULL) == 1;

	EVP_MD_CTX_free(digest);
	return done ? 0 : -1;
}

bool
key_is_derived(const char *key)
{
	static const char shape[] = "xxxxxxxx-xxxx-8xxx-vxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(shape); i++) {
		const char *allowed = shape[i] == 'x' ? "0123456789abcdef"
		    : shape[i] == 'v'                 ? "89ab"
						      : NULL;

		if (allowed == NULL ? key[i] != shape[i]
				    : key[i] == '\0' || strchr(allowed, key[i]) == NULL)
			return false;
	}
	return true;
}
