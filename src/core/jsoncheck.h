/*
 * jsoncheck.h - is this text one strictly written JSON document?
 *
 * The half of reply.c that looks at bytes only (its rules stand in reply.h). It builds nothing,
 * allocates nothing and recurses at most JSON_DEPTH_MAX levels, so it is safe on any bytes.
 */
#ifndef OUTBOXD_CORE_JSONCHECK_H
#define OUTBOXD_CORE_JSONCHECK_H

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

#endif
