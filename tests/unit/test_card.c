/*
 * test_card.c - card numbers and codes are found, and good orders are not refused (T46).
 *
 * The numbers are the brands' and processors' published test numbers, or made for a range with a
 * right Luhn sum.
 */
#include "core/card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const cards[] = {
    "4111111111111111", "4012888888881881", "4242424242424242", "4000000000000002",
    "4012345678901239", "4012345678901234565", /* Visa, 16 and 19 */
    "5555555555554444", "5105105105105100", "5101234567890126", "5501234567890122",
    "2223003122003222", "2221012345678902", "2720012345678908", /* Mastercard */
    "378282246310005", "371449635398431", "340123456789014",    /* American Express */
    "6011111111111117", "6011000990139424", "6011012345678901238", "6440123456789010",
    "6490123456789019", "6501234567890120", /* Discover */
    "30569309025904", "38520000023237", "36227206271667", "30001234567891", "30950123456782",
    "39012345678908", /* Diners Club */
    "3530111333300000", "3566002020360505", "3528012345678900", "3528012345678901234",
    "3589012345678906", /* JCB */
    "6200000000000005", "6205500000000000004", "6201234567890123", "62012345678901237",
    "620123456789012342", "6201234567890123452", /* UnionPay */
    "6759649826438453", "50180123456781", "501801234567894", "5018012345678902",
    "50180123456789012", "501801234567890127", "5018012345678901234", "5020012345678908",
    "5038012345678908", "5893012345678902", "6304012345678903", "6759012345678903",
    "6761012345678909", "6763012345678907", /* Maestro */
};

static const char *const no_cards[] = {
    "", "0", "4", "4111111111111112", "4111111111111110", "1111111111111111", /* Luhn */
    "5555555555554445", "378282246310006", "30569309025905", "4012345678909", "40123456789017",
    "401234567890124", "40123456789012343", "401234567890123454",
    "40123456789012345673", /* no Visa length */
    "510123456789018", "51012345678901230", "5001234567890127", "5601234567890121",
    "2220012345678903", "2721012345678907", /* beside Mastercard */
    "34012345678903", "3401234567890128", "360123456789019", "3601234567890126", "30601234567898",
    "3527012345678901", "350123456789011", "3590012345678903", "6010012345678908",
    "601101234567898", "6430123456789012", "6601234567890129", "6101234567890124",
    "620123456789015", "6301234567890122", "5018012345671", "6760012345678900", "6764012345678906",
    "1012345678901235", "7012345678901232", "8012345678901230", "9012345678901238",
    "0012345678901237", "0000000000000000", "00000000000000", "490154203237518",
    "356938035643809", /* IMEIs: Luhn too */
};

static void
test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++)
		if (!card_is_number(cards[i], strlen(cards[i])))
			fail_msg("%s is a card number", cards[i]);
	for (size_t i = 0; i < sizeof(no_cards) / sizeof(no_cards[0]); i++)
		if (card_is_number(no_cards[i], strlen(no_cards[i])))
			fail_msg("%s is no card number", no_cards[i]);
	assert_false(card_is_number("4111111111111111", 15));
	assert_true(card_is_number("41111111111111119", 16));
	assert_false(card_is_number("4111 1111 1111 1111", 19));
	assert_false(card_is_number("411111111111111\xb1", 16));
}

/* Any digit changed, or two different neighbours exchanged (0 and 9 apart), is no card number any
 * more. */
static void
test_luhn_sees_slips(void **state)
{
	(void)state;
	for (size_t i = 6; i < 16; i++) {
		char digits[] = "4012345678901239";
		char right = digits[i];
		for (digits[i] = '0'; digits[i] <= '9'; digits[i]++)
			assert_int_equal(card_is_number(digits, 16), digits[i] == right);
	}
	assert_false(card_is_number("4021345678901239", 16));
	assert_false(card_is_number("4012345687901239", 16));
}

/* ---- JSON ---- */

static const char *
find_in_json(const char *text)
{
	const char *what = "untouched";
	struct reply *reply = reply_parse(text, strlen(text), &what);

	if (reply == NULL)
		fail_msg("%s: %s", text, what);
	bool found = card_in_reply(reply, &what);
	assert_int_equal(found, what != NULL);
	reply_free(reply);
	return what;
}

static void
test_numbers_in_json(void **state)
{
	static const char *const bodies[] = {
	    "{\"number\":\"4111111111111111\"}",
	    "{\"number\":4111111111111111}",
	    "{\"number\":\"4111 1111 1111 1111\"}",
	    "{\"number\":\"4111-1111-1111-1111\"}",
	    "{\"number\":\"3782 822463 10005\"}",
	    "{\"number\":\"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\"}",
	    "{\"number\":\"6 2 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 2\"}",
	    "{\"a\":{\"b\":[{\"c\":\"x\"},{\"c\":[1,[\"4242424242424242\"]]}]}}",
	    "[1,2,4242424242424242]",
	    "[\"4242424242424242\"]",
	    "\"4242424242424242\"",
	    "4242424242424242",
	    "{\"n\":\"\\u0034242424242424242\"}",
	    "{\"n\":\"4242\\u00204242\\u00204242\\u00204242\"}",
	    "{\"cvv\":null,\"n\":\"4242424242424242\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *what = find_in_json(bodies[i]);
		if (what == NULL)
			fail_msg("nothing found in %s", bodies[i]);
		assert_string_equal(what, "a card number");
	}
}

static void
test_members(void **state)
{
	static const char *const bodies[] = {
	    "{\"cvv\":\"123\"}",
	    "{\"cvv\":123}",
	    "{\"cvv\":0}",
	    "{\"CVV\":\"123\"}",
	    "{\"Cvc\":\"123\"}",
	    "{\"cvc2\":\"1234\"}",
	    "{\"card_cvv\":\"123\"}",
	    "{\"cardCvv\":\"123\"}",
	    "{\"securityCode\":\"123\"}",
	    "{\"card\":{\"cardSecurityCode\":\"123\"}}",
	    "{\"card\":[{\"cvc\":\"123\"}]}",
	    "{\"cvv\":[\"123\"]}",
	    "{\"cvv\":{\"value\":\"123\"}}",
	    "{\"cvv\":\" \"}",
	    "{\"\\u0063vv\":\"123\"}",
	    "{\"track1\":\"%B4242424242424242^X/Y^2512\"}",
	    "{\"track2\":\";4242424242424242=2512\"}",
	    "{\"track_data\":\"x\"}",
	    "{\"pin_block\":\"0123456789ABCDEF\"}",
	    "{\"pinBlock\":\"0123456789ABCDEF\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *what = find_in_json(bodies[i]);
		if (what == NULL)
			fail_msg("nothing found in %s", bodies[i]);
		assert_int_equal(strncmp(what, "a member named ", 15), 0);
		assert_null(strstr(what, "123"));
	}
	assert_string_equal(find_in_json("{\"CVV\":\"123\"}"), "a member named cvv");
}

static void
test_good_orders(void **state)
{
	static const char *const bodies[] = {
	    "{}",
	    "[]",
	    "null",
	    "{\"cvv\":null}",
	    "{\"cvv\":\"\"}",
	    "{\"cvv\":true,\"cvc\":false}",
	    "{\"cvv_result\":\"M\",\"cvvResponse\":\"M\",\"cvc_check\":\"pass\",\"cvvs\":1,"
	    "\"xcvv\":1}",
	    "{\"card_token\":\"tok_4242424242424242\"}",
	    "{\"encryptedSecurityCode\":\"adyenjs_0_1_18$...\"}",
	    "{\"cid\":\"1234\",\"csc\":\"123\",\"pin\":\"110001\",\"code\":\"123\",\"track\":"
	    "\"x\"}",
	    "{\"tracking1\":\"a\",\"tracking2\":\"b\",\"track10\":\"c\"}",
	    "{\"last4\":\"4242\",\"bin\":\"424242\",\"masked\":\"424242******4242\"}",
	    "{\"masked\":\"4242 42XX XXXX 4242\"}",
	    "{\"text\":\"pay 4242424242424242 please\"}",
	    "{\"text\":\"4242424242424242.\"}",
	    "{\"text\":\" 4242424242424242\"}",
	    "{\"text\":\"4242424242424242 \"}",
	    "{\"text\":\"4242  4242 4242 4242\"}",
	    "{\"text\":\"4242 - 4242 4242 4242\"}",
	    "{\"text\":\"4242.4242.4242.4242\"}",
	    "{\"text\":\"4242\\t4242 4242 4242\"}",
	    "{\"amount\":-4242424242424242}",
	    "{\"amount\":4242424242424242.0}",
	    "{\"amount\":4.242424242424242e15}",
	    "{\"4242424242424242\":1}", /* a name is no value */
	    "{\"iban\":\"DE89370400440532013000\",\"iban2\":\"GB82 WEST 1234 5698 7654 32\"}",
	    "{\"created\":1754000000000,\"us\":1754000000000006,\"ns\":1754000000000000004}",
	    "{\"time\":\"20250801120000\",\"at\":\"2025-08-01 12:00:00\"}",
	    "{\"phone\":\"+49 30 901820\",\"uuid\":\"2ec91038-19a6-4159-afea-325dccf12345\"}",
	    "{\"order\":\"4242424242424241\",\"ticket\":\"2201234567890\"}",
	    "{\"long\":\"42424242424242424242424242424242\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *what = find_in_json(bodies[i]);
		if (what != NULL)
			fail_msg("%s in %s", what, bodies[i]);
	}
}

/* ---- false positives ---- */

static int
luhn_sum(const char *digits)
{
	int sum = 0;
	size_t length = strlen(digits);

	for (size_t i = 0; i < length; i++) {
		int twice = (digits[i] - '0') << ((length - i) % 2 == 0);
		sum += twice / 10 + twice % 10;
	}
	return sum % 10;
}

/* A JSON array of count numbers in digits, start + i * step. */
static char *
number_array(int64_t start, int64_t step, int count, int *luhn_count)
{
	char *text = malloc((size_t)count * 22 + 3);
	size_t length = 0;

	assert_non_null(text);
	*luhn_count = 0;
	for (int i = 0; i < count; i++) {
		char digits[21];
		assert_true(
		    snprintf(digits, sizeof(digits), "%lld", (long long)(start + i * step)) > 0);
		*luhn_count += luhn_sum(digits) == 0;
		length += (size_t)sprintf(text + length, "%c%s%s%s", i == 0 ? '[' : ',',
		    i % 2 ? "\"" : "", digits, i % 2 ? "\"" : "");
	}
	memcpy(text + length, "]", 2);
	return text;
}

/* Of 100,000 timestamps, 10,000 pass Luhn; none may be a card number. */
static void
test_timestamps_pass(void **state)
{
	static const struct {
		int64_t start;
		int64_t step;
	} series[] = {
	    {INT64_C(1754000000000), 1},             /* ms, 13 digits */
	    {INT64_C(1500000000000), 86400007},      /* ms over 270 years */
	    {INT64_C(1754000000000000), 1009},       /* us, 16 digits */
	    {INT64_C(1754000000000000000), 1000003}, /* ns, 19 digits */
	    {INT64_C(20250801000000), 1},            /* YYYYMMDDhhmmss, 14 digits */
	    {INT64_C(20250801000000000), 1},         /* and ms, 17 digits */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
		int luhn_count;
		char *text = number_array(series[i].start, series[i].step, 99999, &luhn_count);
		assert_in_range(luhn_count, 8000, 12000);
		assert_null(find_in_json(text));
		free(text);
	}
}

/* Order numbers of 16 digits that begin with no brand, whatever their sum. */
static void
test_order_numbers_pass(void **state)
{
	static const int64_t starts[] = {INT64_C(1000000000000000), INT64_C(2000000000000000),
	    INT64_C(2800000000000000), INT64_C(3200000000000000), INT64_C(5600000000000000),
	    INT64_C(7000000000000000), INT64_C(8000000000000000), INT64_C(9000000000000000)};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		int luhn_count;
		char *text = number_array(starts[i], 7, 20000, &luhn_count);
		assert_in_range(luhn_count, 1800, 2200);
		assert_null(find_in_json(text));
		free(text);
	}
}

/* ---- forms ---- */

static const char *
find_in_form(const char *body)
{
	const char *what = "untouched";
	size_t length = strlen(body);
	char *exact = malloc(length + (length == 0)); /* so that ASan and valgrind see the end */

	assert_non_null(exact);
	memcpy(exact, body, length);
	bool found = card_in_form(exact, length, &what);
	free(exact);
	assert_int_equal(found, what != NULL);
	return what;
}

static void
test_forms(void **state)
{
	static const char *const numbers[] = {"n=4242424242424242", "a=b&n=4242424242424242&c=d",
	    "n=4242+4242+4242+4242", "n=4242%204242%204242%204242", "n=4242-4242-4242-4242",
	    "n=%34%32%34%32424242424242", "card[number]=4242424242424242", "=4242424242424242",
	    "&&n=4242424242424242&&", "cvv=&n=4242424242424242",
	    "n=%36+2+0+1+2+3+4+5+6+7+8+9+0+1+2+3+4+5+2"};
	static const char *const members[] = {"cvv=123", "a=b&cvc=123", "CVV=123", "card[cvc]=123",
	    "card%5Bcvc%5D=123", "payment_method_data[card][cvc]=123", "cards[0][cvc]=1",
	    "card.cvc=123", "cvv[]=123", "%63vv=123", "cvv=1&cvv=", "cvv%00=1", "cvv=+",
	    "a_very_long_outer_name_that_goes_on_and_on_and_on_and_on_and_on_and_on[cvc]=123"};
	static const char *const good[] = {"", "&", "=", "a", "a=", "a=b", "cvv",
	    "cvv=", "cvv=&a=b", "cvvs=1", "cvv[x]=1", "xcvv=1", "cvc_check=pass",
	    "n=4242424242424241", "n=x4242424242424242", "n=4242424242424242x",
	    "n=4242424242424242%00", "n=4242%2B4242", "n=4242++424242424242", "4242424242424242=n",
	    "4242424242424242", "n=%", "n=%4", "n=%zz",
	    "n=42424242424242424242424242424242424242424242424242424242",
	    "a_very_long_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_cvc=123"};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const char *what = find_in_form(numbers[i]);
		if (what == NULL || strcmp(what, "a card number") != 0)
			fail_msg("%s: %s", numbers[i], what != NULL ? what : "nothing found");
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *what = find_in_form(members[i]);
		if (what == NULL || strncmp(what, "a member named ", 15) != 0)
			fail_msg("%s: %s", members[i], what != NULL ? what : "nothing found");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *what = find_in_form(good[i]);
		if (what != NULL)
			fail_msg("%s: %s", good[i], what);
	}
}

/* ---- other texts ---- */

static void
test_texts(void **state)
{
	static const char *const numbers[] = {"4242424242424242", "card 4242424242424242 declined",
	    "<pan>4242424242424242</pan>", "<p>4242 4242 4242 4242</p>", "4242-4242-4242-4242.",
	    "pan=4242424242424242&exp=12/27", "{\"pan\":\"4242424242424242\"}",
	    "1;4242424242424242;12", "4242424242424242,7.50", "12 4242424242424242",
	    "4242424242424242 12/27", "4242424242424242 - declined", "no. 378282246310005\r\n"};
	static const char *const good[] = {"", "4", "4242424242424241", "x4242424242424242",
	    "4242424242424242x", "ORD-4242424242424242", "ORD_4242424242424242",
	    "4242424242424242-A", "0.4242424242424242", "4242424242424242.00",
	    "42424242424242424242424242424242", "4242  4242 4242 4242", "1700000000000001",
	    "f4242424-2424-4242-4242-424242424242", "4242424242424242_1"};
	const char *what;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!card_in_text(numbers[i], strlen(numbers[i]), &what) ||
		    strcmp(what, "a card number") != 0)
			fail_msg("%s: nothing found", numbers[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (card_in_text(good[i], strlen(good[i]), &what) || what != NULL)
			fail_msg("%s: found", good[i]);
	/* the text ends where it ends */
	assert_false(card_in_text("4242424242424242", 15, &what));
	assert_false(card_in_text(NULL, 0, &what));
}

static void
test_form_without_bytes(void **state)
{
	const char *what = "untouched";

	(void)state;
	assert_false(card_in_form(NULL, 0, &what));
	assert_null(what);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_luhn_sees_slips),
	    cmocka_unit_test(test_numbers_in_json),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_good_orders),
	    cmocka_unit_test(test_timestamps_pass),
	    cmocka_unit_test(test_order_numbers_pass),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_form_without_bytes),
	    cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
