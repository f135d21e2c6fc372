/* test_rules.c - which paths a row may give (T36), and operations by name. */
#include "core/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct path_case {
	const char *pattern;
	const char *path;
};

static void
expect(bool match, const struct path_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (path_matches(cases[i].pattern, cases[i].path) != match)
			fail_msg("%s %s %s", cases[i].path, match ? "does not fit" : "fits",
			    cases[i].pattern);
}

static void
test_fits(void **state)
{
	static const struct path_case cases[] = {
	    {"/", "/"},
	    {"/orders", "/orders"},
	    {"/orders/", "/orders/"},
	    {"/orders/{id}/captures", "/orders/42/captures"},
	    {"/api/v3/orders/{orderNumber}/captures", "/api/v3/orders/A.b_c~d-9/captures"},
	    {"/orders/{id}", "/orders/..."},
	    {"/orders/{id}", "/orders/.x"},
	    {"/orders/{id}", "/orders/..x"},
	    {"/orders/{id}", "/orders/x.."},
	    {"/{a}/{b}", "/x/y"},
	    {"/{n}", "/x"},
	    {"/a:b/{id}", "/a:b/1"},
	    {"/x/{rest...}", "/x/1"},
	    {"/x/{rest...}", "/x/1/2/3"},
	    {"/{rest...}", "/x"},
	    {"/{a}/{rest...}", "/x/y/z"},
	};

	(void)state;
	expect(true, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_does_not_fit(void **state)
{
	static const struct path_case cases[] = {
	    {"/orders", ""},
	    {"/orders", "orders"},
	    {"/orders", "/"},
	    {"/orders", "/order"},
	    {"/orders", "/orders/"},
	    {"/orders", "/orders/1"},
	    {"/orders", "/ordersx"},
	    {"/orders", "/Orders"},
	    {"/orders", "//orders"},
	    {"/orders", "/orders?x=1"},
	    {"/orders", "/orders#x"},
	    {"/orders", "/orders "},
	    {"/orders", "/orders\r\nX-Evil: 1"},
	    {"/orders", "/%6frders"},
	    {"/orders/", "/orders"},
	    {"/orders/{id}", "/orders"},
	    {"/orders/{id}", "/orders/"},
	    {"/orders/{id}", "/orders//"},
	    {"/orders/{id}", "/orders/."},
	    {"/orders/{id}", "/orders/.."},
	    {"/orders/{id}", "/orders/1/"},
	    {"/orders/{id}", "/orders/1/2"},
	    {"/orders/{id}", "/orders/a b"},
	    {"/orders/{id}", "/orders/a%2fb"},
	    {"/orders/{id}", "/orders/%2e%2e"},
	    {"/orders/{id}", "/orders/1?x"},
	    {"/orders/{id}", "/orders/1#x"},
	    {"/orders/{id}", "/orders/1;x"},
	    {"/orders/{id}", "/orders/a\\b"},
	    {"/orders/{id}", "/orders/a@b"},
	    {"/orders/{id}", "/orders/a:b"},
	    {"/orders/{id}", "/orders/a+b"},
	    {"/orders/{id}", "/orders/\xc3\xa4"},
	    {"/orders/{id}", "/orders/1\n"},
	    {"/orders/{id}", "/orders/1\r"},
	    {"/orders/{id}", "/orders/\x7f"},
	    {"/orders/{id}", "//evil.com/1"},
	    {"/orders/{id}", "https://evil.com/orders/1"},
	    {"/orders/{id}/captures", "/orders/1"},
	    {"/orders/{id}/captures", "/orders/1/"},
	    {"/orders/{id}/captures", "/orders/1/refunds"},
	    {"/orders/{id}/captures", "/orders/../captures"},
	    {"/orders/{id}/captures", "/orders//captures"},
	    {"/orders/{id}/captures", "/orders/1/captures/2"},
	    {"/x/{rest...}", "/x"},
	    {"/x/{rest...}", "/x/"},
	    {"/x/{rest...}", "/x/1/"},
	    {"/x/{rest...}", "/x//1"},
	    {"/x/{rest...}", "/x/1/../2"},
	    {"/x/{rest...}", "/x/1/./2"},
	    {"/x/{rest...}", "/x/1/a b"},
	    {"/x/{rest...}", "/x/1/%2e"},
	    {"/{rest...}", "/"},
	};

	(void)state;
	expect(false, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_malformed_patterns_fit_nothing(void **state)
{
	static const struct path_case cases[] = {
	    {"", ""},
	    {"", "/"},
	    {"orders", "orders"},
	    {"/{", "/x"},
	    {"/{", "/{"},
	    {"/{}", "/x"},
	    {"/{}", "/{}"},
	    {"/{id", "/x"},
	    {"/{id", "/{id"},
	    {"/id}", "/id}"},
	    {"/{{id}}", "/x"},
	    {"/a{id}", "/a{id}"},
	    {"/a{id}", "/ax"},
	    {"/{id}a", "/xa"},
	    {"/{a}{b}", "/xy"},
	    {"/{...}", "/x"},
	    {"/{....}", "/x"},
	    {"/{rest...}/x", "/y/x"},
	    {"/{rest...}/", "/y/"},
	    {"/a%20b", "/a%20b"},
	    {"/a?b", "/a?b"},
	};

	(void)state;
	expect(false, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_lengths(void **state)
{
	char path[PATH_LENGTH_MAX + 2];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[1 + 128] = '\0';
	assert_true(path_matches("/{id}", path));
	path[1 + 128] = 'a';
	path[1 + 129] = '\0';
	assert_false(path_matches("/{id}", path));
	assert_false(path_matches("/{id...}", path));

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 == 0 ? '/' : 'a';
	path[PATH_LENGTH_MAX] = '\0';
	assert_true(path_matches("/{id...}", path));
	path[PATH_LENGTH_MAX] = '/';
	path[PATH_LENGTH_MAX + 1] = '\0';
	assert_false(path_matches("/{id...}", path));
	path[PATH_LENGTH_MAX] = 'b';
	assert_false(path_matches("/{id...}", path));
}

/* Every byte that is not in [A-Za-z0-9._~-] is refused, alone and inside. */
static void
test_every_byte(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char path[] = "/x-x";
		path[2] = (char)byte;
		bool allowed = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._~-",
				   byte) != NULL;
		assert_int_equal(path_matches("/{id}", path), allowed);
		assert_int_equal(path_matches("/{id...}", path), allowed || byte == '/');
	}
}

static void
test_operation(void **state)
{
	char capture[] = "capture";
	char captures[] = "captures";
	struct operation operations[] = {{.name = captures}, {.name = capture}};
	struct profile profile = {.operations = operations, .operation_count = 2};

	(void)state;
	assert_ptr_equal(profile_operation(&profile, "capture"), &operations[1]);
	assert_ptr_equal(profile_operation(&profile, "captures"), &operations[0]);
	assert_null(profile_operation(&profile, "captur"));
	assert_null(profile_operation(&profile, "Capture"));
	assert_null(profile_operation(&profile, ""));
	profile.operation_count = 0;
	assert_null(profile_operation(&profile, "capture"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fits),
	    cmocka_unit_test(test_does_not_fit),
	    cmocka_unit_test(test_malformed_patterns_fit_nothing),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_operation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
