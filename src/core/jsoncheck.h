/*
 * jsoncheck.h - is this text one strictly written JSON document?
 *
 * The half of reply.c that looks at bytes only (its rules stand in reply.h). It builds nothing,
 * allocates nothing and recurses at most JSON_DEPTH_MAX levels, so it is safe on any bytes.
 */
#ifndef OUTBOXD_CORE_JSONCHECK_H
#define OUTBOXD_CORE_JSONCHECK_H

#include <stdbool.h>
#include <stddef.h>

enum {
	JSON_DEPTH_MAX = 32,
	JSON_NUMBER_LENGTH_MAX = 40, /* characters; cJSON cuts numbers at 63 */
	JSON_VALUES_MAX = 100000,    /* a parsed value costs about 150 bytes at worst: 15 MB */
};

/*
 * Checks a NUL-terminated text. NULL when it is a document; *members_max is then the largest number
 * of members in one object. Otherwise what is wrong, a constant sentence fragment. Duplicate names
 * are not looked for: that needs the decoded names.
 */
const char *json_check(const char *text, size_t *members_max);

/* A member, an element or the root, as it is written: names and strings without their quotation
 * marks, escapes not decoded. */
struct json_value {
	const char *name; /* NULL: no member */
	size_t name_length;
	char first; /* of the value: { [ " t f n - or a digit; a container comes before what is in
		       it */
	const char *text; /* of a string or a number, else NULL */
	size_t length;
};
typedef void json_visitor(void *context, const struct json_value *value);

/*
 * The same check, and each value on the way, without a tree. *plain: no name or string had an
 * escape, and no object can have two names that are equal; else what was told is not the last word.
 * When the text is no document, *plain is false.
 */
const char *json_scan(const char *text, json_visitor *visit, void *context, bool *plain);

#endif
