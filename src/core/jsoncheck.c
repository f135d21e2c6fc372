/*
 * jsoncheck.c - why: cJSON accepts a byte order mark, 0123, control characters in strings, broken
 * UTF-8 and more, and what two parsers read differently is how a refusal becomes a success. This
 * is a plain recursive descent over RFC 8259's grammar. The NUL at the end is the only bound: it
 * fits nowhere in the grammar, so no function can step over it.
 */
#include "core/jsoncheck.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { NAMES_MAX = 128 }; /* of objects that are open at a time, where equal ones are looked for */

/* Only where somebody wants to hear of the values. */
struct scan {
	json_visitor *visit;
	void *context;
	struct json_value value; /* at hand */
	bool plain;
	size_t name_count;
	uint32_t names[NAMES_MAX]; /* hashes, of all open objects */
};

struct check {
	const unsigned char *at;
	const char *why; /* set by whoever finds the fault */
	int depth;
	size_t values;
	size_t members_max;
	struct scan *scan; /* NULL: nobody */
};

static bool
refuse(struct check *check, const char *why)
{
	check->why = why;
	return false;
}

/* For a byte that the grammar does not allow here. */
static bool
refuse_byte(struct check *check)
{
	return refuse(check, *check->at == '\0' ? "unexpected end" : "unexpected character");
}

static void
skip_space(struct check *check)
{
	while (*check->at == ' ' || *check->at == '\t' || *check->at == '\n' || *check->at == '\r')
		check->at++;
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
take(struct check *check, unsigned char c)
{
	if (*check->at != c)
		return false;
	check->at++;
	return true;
}

static bool
check_word(struct check *check, const char *word)
{
	for (; *word != '\0'; word++)
		if (!take(check, (unsigned char)*word))
			return refuse_byte(check);
	return true;
}

/* Digits, at least one. */
static bool
check_digits(struct check *check)
{
	if (!is_digit(*check->at))
		return refuse(check, "bad number");
	while (is_digit(*check->at))
		check->at++;
	return true;
}

static bool
check_number(struct check *check)
{
	const unsigned char *start = check->at;

	(void)take(check, '-');
	if (take(check, '0')) {
		if (is_digit(*check->at))
			return refuse(check, "bad number");
	} else if (!check_digits(check)) {
		return false;
	}
	if (take(check, '.') && !check_digits(check))
		return false;
	if (take(check, 'e') || take(check, 'E')) {
		if (!take(check, '+'))
			(void)take(check, '-');
		if (!check_digits(check))
			return false;
	}
	if (check->at - start > JSON_NUMBER_LENGTH_MAX)
		return refuse(check, "number too long");
	return true;
}

/* Four hexadecimal digits, or -1. */
static int
take_hex4(struct check *check)
{
	int value = 0;

	for (int i = 0; i < 4; i++, check->at++) {
		unsigned char c = *check->at;
		unsigned char lower = c | 0x20;
		if (is_digit(c))
			value = value * 16 + (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value * 16 + (lower - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* Behind "\u". */
static bool
check_unicode_escape(struct check *check)
{
	int unit = take_hex4(check);

	if (unit < 0)
		return refuse(check, "bad escape");
	if (unit == 0)
		return refuse(check, "\\u0000 in a string");
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit > 0xdbff || !take(check, '\\') || !take(check, 'u'))
		return refuse(check, "lone surrogate");
	unit = take_hex4(check);
	if (unit < 0)
		return refuse(check, "bad escape");
	if (unit < 0xdc00 || unit > 0xdfff)
		return refuse(check, "lone surrogate");
	return true;
}

/* Behind the backslash. */
static bool
check_escape(struct check *check)
{
	if (check->scan != NULL)
		check->scan->plain = false;
	if (take(check, 'u'))
		return check_unicode_escape(check);
	if (*check->at == '\0')
		return refuse_byte(check);
	if (strchr("\"\\/bfnrt", *check->at) == NULL)
		return refuse(check, "bad escape");
	check->at++;
	return true;
}

/* One character of two to four bytes, by the table of well-formed sequences (Unicode, table 3-7).
 */
static bool
check_utf8(struct check *check)
{
	unsigned char lead = *check->at++;
	unsigned char low = 0x80;
	unsigned char high = 0xbf; /* bounds of the second byte; later ones are 80..bf */
	int more;

	if (lead >= 0xc2 && lead <= 0xdf)
		more = 1;
	else if (lead >= 0xe0 && lead <= 0xef)
		more = 2;
	else if (lead >= 0xf0 && lead <= 0xf4)
		more = 3;
	else
		return refuse(check, "bad UTF-8");

	if (lead == 0xe0)
		low = 0xa0; /* else overlong */
	else if (lead == 0xed)
		high = 0x9f; /* else a surrogate */
	else if (lead == 0xf0)
		low = 0x90; /* else overlong */
	else if (lead == 0xf4)
		high = 0x8f; /* else above U+10FFFF */

	for (; more > 0; more--, low = 0x80, high = 0xbf) {
		if (*check->at < low || *check->at > high)
			return refuse(check, "bad UTF-8");
		check->at++;
	}
	return true;
}

/* Printable ASCII that a string simply holds: most of what there is. Not so '"' and '\\'. */
#define SIXTEEN(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x
static const bool is_plain[256] = {
    SIXTEEN(0), SIXTEEN(0),                         /* 00 */
    1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 20 */
    SIXTEEN(1), SIXTEEN(1),                         /* 30 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, /* 50 */
    SIXTEEN(1), SIXTEEN(1),                         /* 60; none from 80 on */
};

static const unsigned char *
skip_plain(const unsigned char *at)
{
	while (is_plain[*at])
		at++;
	return at;
}

static bool
check_string(struct check *check)
{
	if (!take(check, '"'))
		return refuse_byte(check);
	for (;;) {
		unsigned char c;

		check->at = skip_plain(check->at);
		if (take(check, '"'))
			return true;
		c = *check->at;
		if (c == '\0')
			return refuse_byte(check);
		if (c < 0x20)
			return refuse(check, "control character in a string");
		if (c >= 0x80) {
			if (!check_utf8(check))
				return false;
		} else {
			check->at++;
			if (c == '\\' && !check_escape(check))
				return false;
		}
	}
}

/* --- telling --- */

/* FNV-1a. Equal names are equal hashes; what the other way round costs is a look at the tree. */
static uint32_t
hash_name(const char *name, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

/* A name that has just been read; first: of its object. */
static void
note_name(struct scan *scan, const unsigned char *start, const unsigned char *end, size_t first)
{
	uint32_t hash;

	scan->value.name = (const char *)start + 1;
	scan->value.name_length = (size_t)(end - start) - 2;
	hash = hash_name(scan->value.name, scan->value.name_length);
	for (size_t i = first; i < scan->name_count; i++)
		if (scan->names[i] == hash)
			scan->plain = false;
	if (scan->name_count == NAMES_MAX)
		scan->plain = false;
	else
		scan->names[scan->name_count++] = hash;
}

/* A value that begins here; a string or number ends before `end`. */
static void
tell(struct scan *scan, const unsigned char *start, const unsigned char *end)
{
	scan->value.first = (char)*start;
	scan->value.text = NULL;
	scan->value.length = 0;
	if (*start == '"') {
		scan->value.text = (const char *)start + 1;
		scan->value.length = (size_t)(end - start) - 2;
	} else if (*start == '-' || is_digit(*start)) {
		scan->value.text = (const char *)start;
		scan->value.length = (size_t)(end - start);
	}
	scan->visit(scan->context, &scan->value);
	scan->value.name = NULL;
	scan->value.name_length = 0;
}

/* --- values --- */

static bool check_value(struct check *check);

static bool
check_member(struct check *check, size_t first)
{
	const unsigned char *start = check->at;

	if (!check_string(check))
		return false;
	if (check->scan != NULL)
		note_name(check->scan, start, check->at, first);
	skip_space(check);
	if (!take(check, ':'))
		return refuse_byte(check);
	return check_value(check);
}

/* From the opening bracket to the closing one. */
static bool
check_container(struct check *check, unsigned char close)
{
	size_t members = 0;
	size_t first = check->scan == NULL ? 0 : check->scan->name_count;

	if (++check->depth > JSON_DEPTH_MAX)
		return refuse(check, "too deep");
	check->at++;
	skip_space(check);
	if (!take(check, close)) {
		do {
			skip_space(check);
			if (!(close == '}' ? check_member(check, first) : check_value(check)))
				return false;
			members++;
		} while (take(check, ','));
		if (!take(check, close))
			return refuse_byte(check);
	}
	if (close == '}' && members > check->members_max)
		check->members_max = members;
	if (check->scan != NULL)
		check->scan->name_count = first;
	check->depth--;
	return true;
}

static bool
check_value_proper(struct check *check)
{
	switch (*check->at) {
	case '{':
		return check_container(check, '}');
	case '[':
		return check_container(check, ']');
	case '"':
		return check_string(check);
	case 't':
		return check_word(check, "true");
	case 'f':
		return check_word(check, "false");
	case 'n':
		return check_word(check, "null");
	default:
		if (*check->at == '-' || is_digit(*check->at))
			return check_number(check);
		return refuse_byte(check);
	}
}

/* A value and the white space around it. */
static bool
check_value(struct check *check)
{
	if (++check->values > JSON_VALUES_MAX)
		return refuse(check, "too many values");
	skip_space(check);
	const unsigned char *start = check->at;
	bool container = *start == '{' || *start == '[';
	if (check->scan != NULL && container)
		tell(check->scan, start, start);
	if (!check_value_proper(check))
		return false;
	if (check->scan != NULL && !container)
		tell(check->scan, start, check->at);
	skip_space(check);
	return true;
}

static const char *
check_document(struct check *check)
{
	if (strncmp((const char *)check->at, "\xef\xbb\xbf", 3) == 0)
		return "byte order mark";
	skip_space(check);
	if (*check->at == '\0')
		return "empty document";
	if (!check_value(check))
		return check->why;
	return *check->at != '\0' ? "bytes behind the document" : NULL;
}

const char *
json_check(const char *text, size_t *members_max)
{
	struct check check = {.at = (const unsigned char *)text};
	const char *why = check_document(&check);

	*members_max = why == NULL ? check.members_max : 0;
	return why;
}

const char *
json_scan(const char *text, json_visitor *visit, void *context, bool *plain)
{
	struct scan scan;
	struct check check = {.at = (const unsigned char *)text, .scan = &scan};
	const char *why;

	scan.visit = visit;
	scan.context = context;
	scan.value = (struct json_value){0};
	scan.plain = true;
	scan.name_count = 0;
	why = check_document(&check);
	*plain = why == NULL && scan.plain;
	return why;
}
