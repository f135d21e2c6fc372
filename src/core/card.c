/*
 * card.c - why: card data that reaches an outbox row is on disk, in the WAL and in every backup
 * before anybody looks. It must be found, and a good order must not be refused for a number that
 * merely looks like one: whole values only, a known brand's prefix with that brand's length, and
 * the Luhn sum.
 */
#include "core/card.h"

#include "core/jsoncheck.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum {
	CARD_DIGITS_MIN = 14,
	CARD_DIGITS_MAX = 19,
	CARD_TEXT_MAX = 2 * CARD_DIGITS_MAX, /* a separator between any two digits */
	NAME_MAX_LENGTH = 48,
};

#define LENGTH(digits) (1u << (digits))
#define LENGTHS_16_TO_19 (LENGTH(16) | LENGTH(17) | LENGTH(18) | LENGTH(19))

/*
 * The brands' account ranges, by the first four digits. A length that a brand has defined but
 * hardly issues is left out where it would catch other people's numbers (Diners at 16, Visa at 13).
 */
static const struct range {
	int low;
	int high; /* inclusive */
	unsigned lengths;
} ranges[] = {
    {4000, 4999, LENGTH(16) | LENGTH(19)},                    /* Visa */
    {5100, 5599, LENGTH(16)},                                 /* Mastercard */
    {2221, 2720, LENGTH(16)},                                 /* Mastercard, since 2017 */
    {3400, 3499, LENGTH(15)},                                 /* American Express */
    {3700, 3799, LENGTH(15)},                                 /* American Express */
    {6011, 6011, LENGTHS_16_TO_19},                           /* Discover */
    {6440, 6599, LENGTHS_16_TO_19},                           /* Discover */
    {3000, 3059, LENGTH(14)},                                 /* Diners Club */
    {3095, 3095, LENGTH(14)},                                 /* Diners Club */
    {3600, 3699, LENGTH(14)},                                 /* Diners Club */
    {3800, 3999, LENGTH(14)},                                 /* Diners Club */
    {3528, 3589, LENGTHS_16_TO_19},                           /* JCB */
    {6200, 6299, LENGTHS_16_TO_19},                           /* UnionPay */
    {5018, 5018, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19}, /* Maestro, to the end */
    {5020, 5020, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19},
    {5038, 5038, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19},
    {5893, 5893, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19},
    {6304, 6304, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19},
    {6759, 6759, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19},
    {6761, 6763, LENGTH(14) | LENGTH(15) | LENGTHS_16_TO_19},
};

/*
 * Names of members that hold a verification code, track data or a PIN block. Not here, because good
 * orders use them for other things: "cid", "csc", "pin", "code", "track", "verification_value",
 * "number". Encrypted forms ("encryptedSecurityCode") are what a merchant should send.
 */
static const struct name {
	const char *name; /* lower case */
	const char *what;
} names[] = {
    {"cvv", "a member named cvv"},
    {"cvv2", "a member named cvv2"},
    {"cvc", "a member named cvc"},
    {"cvc2", "a member named cvc2"},
    {"cvn", "a member named cvn"},
    {"cvn2", "a member named cvn2"},
    {"cv2", "a member named cv2"},
    {"cav2", "a member named cav2"},
    {"cvvcode", "a member named cvvCode"},
    {"cvv_code", "a member named cvv_code"},
    {"cvccode", "a member named cvcCode"},
    {"cvc_code", "a member named cvc_code"},
    {"cvvnumber", "a member named cvvNumber"},
    {"cvv_number", "a member named cvv_number"},
    {"cvcnumber", "a member named cvcNumber"},
    {"cvc_number", "a member named cvc_number"},
    {"cvnumber", "a member named cvNumber"},
    {"cv_number", "a member named cv_number"},
    {"cardcvv", "a member named cardCvv"},
    {"card_cvv", "a member named card_cvv"},
    {"card-cvv", "a member named card-cvv"},
    {"cardcvv2", "a member named cardCvv2"},
    {"card_cvv2", "a member named card_cvv2"},
    {"cardcvc", "a member named cardCvc"},
    {"card_cvc", "a member named card_cvc"},
    {"card-cvc", "a member named card-cvc"},
    {"cardcvc2", "a member named cardCvc2"},
    {"card_cvc2", "a member named card_cvc2"},
    {"cardcvn", "a member named cardCvn"},
    {"card_cvn", "a member named card_cvn"},
    {"cardcsc", "a member named cardCsc"},
    {"card_csc", "a member named card_csc"},
    {"cardcid", "a member named cardCid"},
    {"card_cid", "a member named card_cid"},
    {"cccvv", "a member named ccCvv"},
    {"cc_cvv", "a member named cc_cvv"},
    {"cc_cvv2", "a member named cc_cvv2"},
    {"cccvc", "a member named ccCvc"},
    {"cc_cvc", "a member named cc_cvc"},
    {"cc_cid", "a member named cc_cid"},
    {"cc_csc", "a member named cc_csc"},
    {"creditcardcvv", "a member named creditCardCvv"},
    {"credit_card_cvv", "a member named credit_card_cvv"},
    {"creditcardcvc", "a member named creditCardCvc"},
    {"credit_card_cvc", "a member named credit_card_cvc"},
    {"securitycode", "a member named securityCode"},
    {"security_code", "a member named security_code"},
    {"security-code", "a member named security-code"},
    {"cardsecuritycode", "a member named cardSecurityCode"},
    {"card_security_code", "a member named card_security_code"},
    {"card-security-code", "a member named card-security-code"},
    {"cardverificationvalue", "a member named cardVerificationValue"},
    {"card_verification_value", "a member named card_verification_value"},
    {"cardverificationcode", "a member named cardVerificationCode"},
    {"card_verification_code", "a member named card_verification_code"},
    {"cardverificationnumber", "a member named cardVerificationNumber"},
    {"card_verification_number", "a member named card_verification_number"},
    {"track1", "a member named track1"},
    {"track_1", "a member named track_1"},
    {"track1data", "a member named track1Data"},
    {"track1_data", "a member named track1_data"},
    {"track2", "a member named track2"},
    {"track_2", "a member named track_2"},
    {"track2data", "a member named track2Data"},
    {"track2_data", "a member named track2_data"},
    {"trackdata", "a member named trackData"},
    {"track_data", "a member named track_data"},
    {"magstripe", "a member named magstripe"},
    {"magstripedata", "a member named magstripeData"},
    {"magstripe_data", "a member named magstripe_data"},
    {"pinblock", "a member named pinBlock"},
    {"pin_block", "a member named pin_block"},
    {"pin-block", "a member named pin-block"},
};

static const char a_card_number[] = "a card number";

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
luhn_holds(const char *digits, size_t length)
{
	int sum = 0;

	for (size_t i = 0; i < length; i++) {
		int digit = digits[length - 1 - i] - '0';
		if (i % 2 == 1)
			digit = digit < 5 ? 2 * digit : 2 * digit - 9;
		sum += digit;
	}
	return sum % 10 == 0;
}

static bool
has_brand(const char *digits, size_t length)
{
	int prefix = 0;

	for (size_t i = 0; i < 4; i++)
		prefix = prefix * 10 + (digits[i] - '0');
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (prefix >= ranges[i].low && prefix <= ranges[i].high &&
		    (ranges[i].lengths & LENGTH(length)) != 0)
			return true;
	return false;
}

bool
card_is_number(const char *digits, size_t length)
{
	if (length < CARD_DIGITS_MIN || length > CARD_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_digit(digits[i]))
			return false;
	return has_brand(digits, length) && luhn_holds(digits, length);
}

/* Looks through single spaces and hyphens between digits. */
static bool
text_is_number(const char *text, size_t length)
{
	char digits[CARD_DIGITS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < length; i++) {
		if (is_digit(text[i])) {
			if (count == CARD_DIGITS_MAX)
				return false;
			digits[count++] = text[i];
		} else if ((text[i] != ' ' && text[i] != '-') || i == 0 || i + 1 == length ||
			   !is_digit(text[i - 1])) {
			return false;
		}
	}
	return card_is_number(digits, count);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Does one of the names begin with these two letters? Almost every other name is dismissed by this.
 */
static bool
may_be_finding(char first, char second)
{
	static uint32_t seconds[26]; /* by the first letter: a bit for each second one */
	static bool known;

	for (size_t i = 0; !known && i < sizeof(names) / sizeof(names[0]); i++)
		seconds[names[i].name[0] - 'a'] |= 1u << (names[i].name[1] - 'a');
	known = true;
	return first >= 'a' && first <= 'z' && second >= 'a' && second <= 'z' &&
	       (seconds[first - 'a'] & 1u << (second - 'a')) != 0;
}

/* The finding that a member of this name is, or NULL. */
static const char *
name_finding(const char *name, size_t length)
{
	char first = length < 2 ? '\0' : lower(name[0]);
	char second = length < 2 ? '\0' : lower(name[1]);

	if (!may_be_finding(first, second))
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].name[1] == second && names[i].name[0] == first &&
		    strncasecmp(names[i].name, name, length) == 0 && names[i].name[length] == '\0')
			return names[i].what;
	return NULL;
}

static bool
holds_something(enum reply_type type, const char *text)
{
	switch (type) {
	case REPLY_STRING:
		return *text != '\0';
	case REPLY_NUMBER:
	case REPLY_OBJECT:
	case REPLY_ARRAY:
		return true;
	case REPLY_ABSENT:
	case REPLY_NULL:
	case REPLY_BOOLEAN:
		break;
	}
	return false;
}

/* A reply_visitor; context is where the finding goes. */
static int
visit(void *context, const char *name, enum reply_type type, const char *text)
{
	const char **what = context;

	if (name != NULL && holds_something(type, text))
		*what = name_finding(name, strlen(name));
	if (*what == NULL && type == REPLY_NUMBER && card_is_number(text, strlen(text)))
		*what = a_card_number;
	if (*what == NULL && type == REPLY_STRING && text_is_number(text, strlen(text)))
		*what = a_card_number;
	return *what != NULL;
}

bool
card_in_reply(const struct reply *body, const char **what)
{
	*what = NULL;
	return reply_walk(body, visit, what) != 0;
}

/* ---- JSON ---- */

/* A json_visitor; context is where the finding goes. */
static void
visit_raw(void *context, const struct json_value *value)
{
	const char **what = context;
	bool string = value->first == '"';
	bool number = value->text != NULL && !string;
	bool nothing = value->first == 't' || value->first == 'f' || value->first == 'n' ||
		       (string && value->length == 0);

	if (*what != NULL)
		return;
	if (value->name != NULL && !nothing)
		*what = name_finding(value->name, value->name_length);
	if (*what == NULL && ((number && card_is_number(value->text, value->length)) ||
				 (string && text_is_number(value->text, value->length))))
		*what = a_card_number;
}

bool
card_in_json(const char *json, size_t length, const char **what, const char **error)
{
	struct reply *document;
	bool plain;

	*what = NULL;
	*error = NULL;
	if (length > 0 && memchr(json, '\0', length) == NULL) {
		*error = json_scan(json, visit_raw, what, &plain);
		if (plain)
			return *what != NULL;
		*what = NULL;
		if (*error != NULL)
			return false;
	}
	/* Escapes, or perhaps the same name twice: only the tree tells. */
	document = reply_parse(json, length, error);
	if (document == NULL)
		return false;
	(void)card_in_reply(document, what);
	reply_free(document);
	return *what != NULL;
}

/* ---- forms ---- */

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* The next character of a form-encoded piece; *at moves behind it. */
static char
decode(const char **at, const char *end)
{
	char c = *(*at)++;

	if (c == '+')
		return ' ';
	if (c != '%' || end - *at < 2)
		return c;
	int high = hex_value((*at)[0]);
	int low = hex_value((*at)[1]);
	if (high < 0 || low < 0)
		return c;
	*at += 2;
	return (char)(high * 16 + low);
}

/* The last part of a form's name: "cvc" of "card[cvc]", "card[0][cvc]", "card.cvc" and "cvc[]". */
static const char *
form_name_finding(const char *at, const char *end)
{
	char name[NAME_MAX_LENGTH + 1] = "";
	size_t length = 0;
	bool new_part = false;

	while (at < end) {
		char c = decode(&at, end);
		if (c == '[' || c == '.') {
			new_part = true;
		} else if (c != ']') {
			if (new_part)
				length = 0;
			new_part = false;
			if (length < NAME_MAX_LENGTH)
				name[length] = c;
			length++;
		}
	}
	if (length > NAME_MAX_LENGTH)
		return NULL;
	name[length] = '\0';
	return name_finding(name, strlen(name)); /* of "cvv%00" what PHP sees of it */
}

static bool
form_value_is_number(const char *at, const char *end)
{
	char text[CARD_TEXT_MAX];
	size_t length = 0;

	while (at < end) {
		if (length == CARD_TEXT_MAX)
			return false;
		text[length++] = decode(&at, end);
	}
	return text_is_number(text, length);
}

/* One "name=value". */
static const char *
form_field_finding(const char *field, const char *end)
{
	const char *equals = memchr(field, '=', (size_t)(end - field));
	const char *what;

	if (equals == NULL || equals + 1 == end)
		return NULL;
	what = form_name_finding(field, equals);
	if (what == NULL && form_value_is_number(equals + 1, end))
		what = a_card_number;
	return what;
}

bool
card_in_form(const char *body, size_t length, const char **what)
{
	const char *end = length > 0 ? body + length : body;

	*what = NULL;
	while (body != end && *what == NULL) {
		const char *ampersand = memchr(body, '&', (size_t)(end - body));
		*what = form_field_finding(body, ampersand != NULL ? ampersand : end);
		body = ampersand != NULL ? ampersand + 1 : end;
	}
	return *what != NULL;
}

/* ---- other texts ---- */

static bool
is_word(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
}

/* Could a number begin here? */
static bool
begins(const char *text, size_t at)
{
	return is_digit(text[at]) &&
	       (at == 0 || (!is_word(text[at - 1]) && text[at - 1] != '.' && text[at - 1] != '-'));
}

/* Could it end before this byte? */
static bool
ends(const char *text, size_t at, size_t length)
{
	if (at == length)
		return true;
	if (text[at] == '.' || text[at] == '-')
		return at + 1 == length || !is_word(text[at + 1]);
	return !is_word(text[at]);
}

/* Through single spaces and hyphens; any group may be the last. */
static bool
number_begins_at(const char *text, size_t at, size_t length)
{
	char digits[CARD_DIGITS_MAX];
	size_t count = 0;

	for (; at < length; at++) {
		if (is_digit(text[at])) {
			if (count == CARD_DIGITS_MAX)
				return false;
			digits[count++] = text[at];
			if (ends(text, at + 1, length) && card_is_number(digits, count))
				return true;
		} else if ((text[at] != ' ' && text[at] != '-') || !is_digit(text[at - 1])) {
			return false;
		}
	}
	return false;
}

bool
card_in_text(const char *text, size_t length, const char **what)
{
	*what = NULL;
	for (size_t at = 0; at < length; at++)
		if (begins(text, at) && number_begins_at(text, at, length)) {
			*what = a_card_number;
			return true;
		}
	return false;
}
