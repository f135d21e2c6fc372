/*
 * test_secret.c - which files may hold a credential, and that no message repeats one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/secret.h"
#include "lib/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
put(const char *path, const char *bytes, size_t length, mode_t mode)
{
	scratch_write(path, bytes, length);
	assert_int_equal(chmod(path, mode), 0);
}

/* NULL expected: the secret; else the word that the refusal must hold. */
static void
check(const char *value, const char *base, const char *expected, const char *why_word)
{
	struct text why;
	char *secret;

	text_init(&why, 2048);
	secret = secret_read(value, base, &why);
	if (why_word == NULL) {
		assert_non_null(secret);
		assert_string_equal(secret, expected);
		assert_int_equal(why.length, 0);
	} else {
		assert_null(secret);
		if (strstr(text_string(&why), why_word) == NULL)
			fail_msg("%s: \"%s\" lacks \"%s\"", value, text_string(&why), why_word);
		assert_null(strstr(text_string(&why), "s3cret"));
		assert_null(strchr(text_string(&why), '\n'));
	}
	secret_free(secret);
	text_free(&why);
}

static void
test_contents(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *expected;
		const char *why;
	} cases[] = {
	    {"s3cret", 6, "s3cret", NULL},
	    {"s3cret\n", 7, "s3cret", NULL},
	    {"s3cret \xc3\xa4 x", 11, "s3cret \xc3\xa4 x", NULL},
	    {"s3cret\n\n", 8, NULL, "control character"},
	    {"s3cret\r\n", 8, NULL, "control character"},
	    {"s3\tcret", 7, NULL, "control character"},
	    {"s3cret\0x", 8, NULL, "control character"},
	    {"s3cret\x7f", 7, NULL, "control character"},
	    {"", 0, NULL, "is empty"},
	    {"\n", 1, NULL, "is empty"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		put(scratch_path(*state, "key"), cases[i].bytes, cases[i].length, 0600);
		check("file:key", *state, cases[i].expected, cases[i].why);
	}
}

static void
test_length(void **state)
{
	char bytes[4099];
	char expected[4097];

	memset(bytes, 'x', sizeof(bytes));
	memset(expected, 'x', 4096);
	expected[4096] = '\0';
	put(scratch_path(*state, "key"), bytes, 4096, 0600);
	check("file:key", *state, expected, NULL);
	put(scratch_path(*state, "key"), bytes, 4097, 0600);
	check("file:key", *state, NULL, "longer than 4096");
	bytes[4096] = '\n';
	put(scratch_path(*state, "key"), bytes, 4097, 0600);
	check("file:key", *state, expected, NULL);
	put(scratch_path(*state, "key"), bytes, 4098, 0600);
	check("file:key", *state, NULL, "longer than 4096");
}

static void
test_modes(void **state)
{
	static const mode_t good[] = {0400, 0600, 0440, 0640, 0700, 0750};
	static const mode_t bad[] = {0644, 0444, 0604, 0602, 0660, 0620, 0666, 0777};

	for (size_t i = 0; i < COUNT(good); i++) {
		put(scratch_path(*state, "key"), "s3cret", 6, 0600);
		chmod(scratch_path(*state, "key"), good[i]);
		check("file:key", *state, "s3cret", NULL);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		put(scratch_path(*state, "key"), "s3cret", 6, bad[i]);
		check("file:key", *state, NULL, "chmod 0640");
		unlink(scratch_path(*state, "key"));
	}
}

static void
test_places(void **state)
{
	char value[600];

	put(scratch_path(*state, "key"), "s3cret", 6, 0600);
	snprintf(value, sizeof(value), "file:%s", scratch_path(*state, "key"));
	check(value, "/nonexistent", "s3cret", NULL);
	check("file:key", "/nonexistent", NULL, "cannot be opened");
	check("file:", *state, NULL, "names no file");
	check("file:.", *state, NULL, "not a regular file");
	assert_int_equal(mkfifo(scratch_path(*state, "fifo"), 0600), 0);
	check("file:fifo", *state, NULL, "not a regular file");
	check("file:/dev/null", *state, NULL, "not a regular file");
	/* A link is fine: what counts is the file behind it. */
	assert_int_equal(symlink("key", scratch_path(*state, "link")), 0);
	check("file:link", *state, "s3cret", NULL);
	check("plain s3cret", *state, "plain s3cret", NULL);
	check("File:x", *state, "File:x", NULL);
	check("", *state, NULL, "is empty");
	check("s3cret\n", *state, NULL, "control character");
}

static void
test_credentials(void **state)
{
	put(scratch_path(*state, "vrio-key"), "s3cret\n", 7, 0400);
	unsetenv("CREDENTIALS_DIRECTORY");
	check("credential:vrio-key", *state, NULL, "LoadCredential=vrio-key");
	setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	check("credential:vrio-key", *state, NULL, "LoadCredential=vrio-key");
	setenv("CREDENTIALS_DIRECTORY", *state, 1);
	check("credential:vrio-key", "/nonexistent", "s3cret", NULL);
	check("credential:other", *state, NULL, "cannot be opened");
	check("credential:", *state, NULL, "credential:NAME");
	check("credential:../x", *state, NULL, "credential:NAME");
	check("credential:..", *state, NULL, "credential:NAME");
	check("credential:a/b", *state, NULL, "credential:NAME");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
test_others(void **state)
{
	struct text why;

	assert_true(secret_is_reference("file:x"));
	assert_true(secret_is_reference("credential:x"));
	assert_false(secret_is_reference("x"));
	secret_free(NULL);
	text_init(&why, 2048);
	put(scratch_path(*state, "pem"), "x", 1, 0600);
	assert_int_equal(secret_check_file(scratch_path(*state, "pem"), &why), 0);
	put(scratch_path(*state, "pem"), "x", 1, 0644);
	assert_int_equal(secret_check_file(scratch_path(*state, "pem"), &why), -1);
	assert_non_null(strstr(text_string(&why), "chmod"));
	text_free(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_contents, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_length, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_modes, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_places, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_credentials, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_others, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
