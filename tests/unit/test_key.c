/*
 * test_key.c - known answers, computed with Python's hmac and hashlib, not with key.c:
 *
 *   import hmac, hashlib, struct
 *   i8 = lambda n: struct.pack('>q', n)                  # an integer
 *   p = lambda b: struct.pack('>Q', len(b)) + b          # a field
 *   secret = bytes(range(32))
 *   fields = [b'riverty', b'capture', b'POST', b'/api/v3/orders/42/captures', b'reference',
 * b'order-42', i8(0)] d = bytearray(hmac.new(secret, b''.join(map(p, fields)),
 * hashlib.sha256).digest()[:16]) d[6] = d[6] & 15 | 0x80; d[8] = d[8] & 63 | 0x80     # then
 * printed as a UUID
 *
 * Without a reference: b'row', i8(id), i8(created_at), sha256(body) instead of the two. A request's
 * hash is sha256 over p() of kind, method, url, key header, key, content type, headers and body,
 * with 8 bytes 0xff for an absent string.
 */
#include "core/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char body[] = "{\"amount\":10.10}";

static struct key_input
sample(void)
{
	return (struct key_input){
	    .destination = "riverty",
	    .operation = "capture",
	    .method = "POST",
	    .path = "/api/v3/orders/42/captures",
	    .reference = "order-42",
	    .id = 42,
	    .created_at = 1754000000000,
	    .body = body,
	    .body_length = strlen(body),
	};
}

static void
fill_secret(unsigned char secret[KEY_SECRET_SIZE])
{
	for (unsigned char i = 0; i < KEY_SECRET_SIZE; i++)
		secret[i] = i;
}

static void
derive_with(const unsigned char secret[KEY_SECRET_SIZE], const struct key_input *input,
    char key[KEY_TEXT_SIZE])
{
	struct key_maker *maker = key_maker_new(secret);

	assert_non_null(maker);
	assert_int_equal(key_derive(maker, input, key), 0);
	key_maker_free(maker);
}

static void
derive(const struct key_input *input, char key[KEY_TEXT_SIZE])
{
	unsigned char secret[KEY_SECRET_SIZE];

	fill_secret(secret);
	derive_with(secret, input, key);
}

static void
expect_key(const struct key_input *input, const char *expected)
{
	char key[KEY_TEXT_SIZE];

	derive(input, key);
	assert_string_equal(key, expected);
}

static void
test_known_keys(void **state)
{
	struct key_input input = sample();

	(void)state;
	expect_key(&input, "e9c72865-b0c1-8f83-acb9-18240e35ab72");
	input.generation = 1;
	expect_key(&input, "d07ef470-0565-8f85-a19c-3f380f4b0d4e");
	input.generation = 0;
	input.reference = NULL;
	expect_key(&input, "ee9da0c7-788c-86e0-bec7-e9e97e120fd3");
	input.body = NULL;
	input.body_length = 0;
	expect_key(&input, "ff588d83-325c-8eb6-bebf-2bdd4666ff73");
	input.body = "";
	expect_key(&input, "ff588d83-325c-8eb6-bebf-2bdd4666ff73");
}

/* Under a reference the row's number and body do not count: an order inserted again gets its key
 * again. */
static void
test_reference_is_the_identity(void **state)
{
	struct key_input input = sample();

	(void)state;
	input.id = 7;
	input.created_at = 1;
	input.body = "other";
	input.body_length = 5;
	expect_key(&input, "e9c72865-b0c1-8f83-acb9-18240e35ab72");
}

static void
expect_other(const struct key_input *input, const char *key)
{
	char other[KEY_TEXT_SIZE];

	derive(input, other);
	assert_string_not_equal(key, other);
}

static void
test_every_field_counts(void **state)
{
	char key[KEY_TEXT_SIZE];
	struct key_input input = sample();

	(void)state;
	derive(&input, key);
	input.destination = "riverty2";
	expect_other(&input, key);
	input = sample();
	input.operation = "refund";
	expect_other(&input, key);
	input = sample();
	input.method = "PUT";
	expect_other(&input, key);
	input = sample();
	input.path = "/api/v3/orders/43/captures";
	expect_other(&input, key);
	input = sample();
	input.reference = "order-43";
	expect_other(&input, key);
	input.reference = "";
	expect_other(&input, key);
	input = sample();
	input.generation = INT64_C(1) << 32;
	expect_other(&input, key);

	/* without a reference */
	input = sample();
	input.reference = NULL;
	derive(&input, key);
	input.id = 43;
	expect_other(&input, key);
	input.id = 42;
	input.created_at++;
	expect_other(&input, key);
	input.created_at--;
	input.body_length--;
	expect_other(&input, key);
	input.body_length++;
	expect_key(&input, key);
}

/* The same bytes in a row, cut elsewhere. */
static void
test_fields_do_not_run_together(void **state)
{
	char key[KEY_TEXT_SIZE];
	struct key_input input = sample();

	(void)state;
	input.destination = "ab";
	input.operation = "c";
	derive(&input, key);
	input.destination = "a";
	input.operation = "bc";
	expect_other(&input, key);
	input.destination = "";
	input.operation = "abc";
	expect_other(&input, key);
}

static void
test_secret_counts(void **state)
{
	unsigned char secret[KEY_SECRET_SIZE];
	char keys[2][KEY_TEXT_SIZE];
	struct key_input input = sample();

	(void)state;
	fill_secret(secret);
	derive_with(secret, &input, keys[0]);
	secret[KEY_SECRET_SIZE - 1] ^= 1;
	derive_with(secret, &input, keys[1]);
	assert_string_not_equal(keys[0], keys[1]);
}

static void
test_shape(void **state)
{
	struct key_input input = sample();

	(void)state;
	for (input.generation = 0; input.generation < 1000; input.generation++) {
		char key[KEY_TEXT_SIZE];
		derive(&input, key);
		assert_int_equal(strlen(key), 36);
		assert_int_equal(strspn(key, "0123456789abcdef-"), 36);
		assert_true(key[8] == '-' && key[13] == '-' && key[18] == '-' && key[23] == '-');
		assert_int_equal(key[14], '8');
		assert_non_null(strchr("89ab", key[19]));
	}
}

static void
test_new_secrets_differ(void **state)
{
	unsigned char first[KEY_SECRET_SIZE] = {0};
	unsigned char second[KEY_SECRET_SIZE] = {0};

	(void)state;
	assert_int_equal(key_secret_new(first), 0);
	assert_int_equal(key_secret_new(second), 0);
	assert_memory_not_equal(first, second, KEY_SECRET_SIZE);
}

/* ---- an app's own key ---- */

static void
expect_fit(const struct key_rules *rules, const char *key, const char *part_of_why)
{
	const char *why = "untouched";
	bool fits = key_fits(rules, key, &why);

	assert_int_equal(fits, part_of_why == NULL);
	if (part_of_why == NULL)
		assert_null(why);
	else
		assert_non_null(strstr(why, part_of_why));
}

static void
test_fits(void **state)
{
	char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const struct key_rules riverty = {
	    .length_min = 1, .length_max = 50, .characters = characters};
	char key[52];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[50] = '\0';
	expect_fit(&riverty, key, NULL);
	key[50] = 'k';
	key[51] = '\0';
	expect_fit(&riverty, key, "longer");
	expect_fit(&riverty, "", "empty");
	expect_fit(&riverty, "order_42-A", NULL);
	expect_fit(&riverty, "order:42", "character");
	expect_fit(&riverty, "order 42", "character");
	expect_fit(&riverty, "order\r\nX-Evil: 1", "character");
	expect_fit(&riverty, "order\n", "character");
	expect_fit(&riverty, "schl\xc3\xbcssel", "character");
	expect_fit(&riverty, "\x7f", "character");
}

static void
test_fits_lengths(void **state)
{
	const struct key_rules mangopay = {.length_min = 16, .length_max = 36};

	(void)state;
	expect_fit(&mangopay, "123456789012345", "shorter");
	expect_fit(&mangopay, "1234567890123456", NULL);
	expect_fit(&mangopay, "123456789012345678901234567890123456", NULL);
	expect_fit(&mangopay, "1234567890123456789012345678901234567", "longer");
}

/* A profile that lists too much lets nothing through that would break a header. */
static void
test_fits_never_control_characters(void **state)
{
	char all[256];
	const struct key_rules lax = {.length_max = 255, .characters = all};
	const struct key_rules none = {.length_max = 255};
	const struct key_rules quoted = {.length_max = 255, .characters = all, .quoted = true};

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	for (int byte = 1; byte < 256; byte++) {
		char key[] = {'a', (char)byte, '\0'};
		const char *why;
		bool visible = byte > 0x20 && byte < 0x7f;
		assert_int_equal(key_fits(&lax, key, &why), visible);
		assert_int_equal(key_fits(&none, key, &why), visible);
		assert_int_equal(
		    key_fits(&quoted, key, &why), visible && byte != '"' && byte != '\\');
	}
}

/* ---- hashes ---- */

static void
expect_hex(const unsigned char hash[KEY_HASH_SIZE], const char *expected)
{
	char hex[2 * KEY_HASH_SIZE + 1];

	for (size_t i = 0; i < KEY_HASH_SIZE; i++)
		assert_int_equal(snprintf(hex + 2 * i, 3, "%02x", hash[i]), 2);
	assert_string_equal(hex, expected);
}

/* FIPS 180-2, appendix B. */
static void
test_sha256(void **state)
{
	unsigned char hash[KEY_HASH_SIZE];

	(void)state;
	assert_int_equal(key_sha256("abc", 3, hash), 0);
	expect_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(key_sha256(NULL, 0, hash), 0);
	expect_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static struct key_request
sample_request(void)
{
	return (struct key_request){
	    .kind = KIND_KEYED,
	    .method = "POST",
	    .url = "https://gw.example/orders",
	    .key_header = "X-Idempotency-Key",
	    .key = "k-1",
	    .content_type = "application/json",
	    .headers = "{\"conversationId\":\"c\"}",
	    .body = body,
	    .body_length = strlen(body),
	};
}

static void
test_known_request_hashes(void **state)
{
	unsigned char hash[KEY_HASH_SIZE];
	struct key_request request = sample_request();

	(void)state;
	assert_int_equal(key_request_hash(&request, hash), 0);
	expect_hex(hash, "7a8c68c173d7d67935924fae6e29d0caca13ef43800c76b0a8591c86cd3ee6fe");
	request = (struct key_request){.kind = KIND_KEYLESS,
	    .method = "POST",
	    .url = "https://gw.example/orders",
	    .content_type = "application/json"};
	assert_int_equal(key_request_hash(&request, hash), 0);
	expect_hex(hash, "43217dd807e3f72b4800dfca89e291aee2755d10fa129e88c613971d5028f623");
	request.body = "";
	assert_int_equal(key_request_hash(&request, hash), 0);
	expect_hex(hash, "43217dd807e3f72b4800dfca89e291aee2755d10fa129e88c613971d5028f623");
}

static void
expect_other_hash(const struct key_request *request)
{
	unsigned char first[KEY_HASH_SIZE];
	unsigned char other[KEY_HASH_SIZE];
	struct key_request usual = sample_request();

	assert_int_equal(key_request_hash(&usual, first), 0);
	assert_int_equal(key_request_hash(request, other), 0);
	assert_memory_not_equal(first, other, KEY_HASH_SIZE);
}

static void
test_every_part_of_a_request_counts(void **state)
{
	struct key_request request = sample_request();
	const char **strings[] = {&request.method, &request.url, &request.key_header, &request.key,
	    &request.content_type, &request.headers};

	(void)state;
	request.kind = KIND_SAFE;
	expect_other_hash(&request);
	request.kind = KIND_KEYLESS;
	expect_other_hash(&request);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		request = sample_request();
		*strings[i] = "other";
		expect_other_hash(&request);
		*strings[i] = NULL;
		expect_other_hash(&request);
	}
	request = sample_request();
	request.body_length--;
	expect_other_hash(&request);
	request.body = "{\"amount\":10.1 }";
	request.body_length = strlen(body);
	expect_other_hash(&request);
}

static void
test_null_is_not_empty(void **state)
{
	unsigned char absent[KEY_HASH_SIZE];
	unsigned char empty[KEY_HASH_SIZE];
	struct key_request request = sample_request();
	const char **strings[] = {&request.method, &request.url, &request.key_header, &request.key,
	    &request.content_type, &request.headers};

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		request = sample_request();
		*strings[i] = NULL;
		assert_int_equal(key_request_hash(&request, absent), 0);
		*strings[i] = "";
		assert_int_equal(key_request_hash(&request, empty), 0);
		assert_memory_not_equal(absent, empty, KEY_HASH_SIZE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_keys),
	    cmocka_unit_test(test_reference_is_the_identity),
	    cmocka_unit_test(test_every_field_counts),
	    cmocka_unit_test(test_fields_do_not_run_together),
	    cmocka_unit_test(test_secret_counts),
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_new_secrets_differ),
	    cmocka_unit_test(test_fits),
	    cmocka_unit_test(test_fits_lengths),
	    cmocka_unit_test(test_fits_never_control_characters),
	    cmocka_unit_test(test_sha256),
	    cmocka_unit_test(test_known_request_hashes),
	    cmocka_unit_test(test_every_part_of_a_request_counts),
	    cmocka_unit_test(test_null_is_not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
