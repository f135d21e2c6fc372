/* rules.h - one script line, parsed. */
#ifndef FAKEGW_RULES_H
#define FAKEGW_RULES_H

#include <limits.h>

#include "script.h"

struct rule {
	char *reference; /* a shell pattern */
	char *operation; /* "capture" of "capture:order-1"; NULL = any */
	unsigned int phases;
	long first; /* of the `seen` count, both ends included */
	long last;
	struct fault fault;
};

/*
 * Parses lines into rules (empty before). Comments begin with '#'. A line "clear" drops the rules
 * before it and sets *clear. On a bad line: -1, rules stay empty, *error says "NAME:LINE: what".
 */
int rules_parse(struct rules *rules, const char *lines, const char *name, bool tls, bool *clear,
    struct text *error);

/* Moves all of more to the end of rules. */
void rules_append(struct rules *rules, struct rules *more);
void rules_free(struct rules *rules);

#endif
