/*
 * reply.h - a strictly checked JSON document, and the only reader of JSON in outboxd.
 *
 * The strict check comes first: RFC 8259 with UTF-8 only, one document and nothing behind it
 * but white space, no byte order mark, no NUL byte and no \u0000, no lone surrogate, no duplicate
 * member name (compared after decoding), at most 32 levels deep, numbers of at most 40 characters,
 * at most 100,000 values (a parsed value takes up to 150 bytes: "[[],[],..." must not turn 1 MiB
 * into 30). What passes is parsed by cJSON, whose leniency (trailing bytes, first of duplicates,
 * numbers that saturate) can then do no harm. Numbers are never read as double: only an integer's
 * own digits count.
 */
#ifndef OUTBOXD_CORE_REPLY_H
#define OUTBOXD_CORE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply;

enum reply_type {
	REPLY_ABSENT,
	REPLY_NULL,
	REPLY_BOOLEAN,
	REPLY_NUMBER,
	REPLY_STRING,
	REPLY_OBJECT,
	REPLY_ARRAY,
};

/*
 * Checks and parses text[0..length), which is copied. NULL when it is not acceptable or memory is
 * short; *why is then a constant sentence fragment ("duplicate member name", "out of memory"), else
 * NULL. Nothing is read behind length; text may be NULL when length is 0.
 */
struct reply *reply_parse(const char *text, size_t length, const char **why);
void reply_free(struct reply *reply);

/*
 * The functions below take an RFC 6901 pointer ("" is the whole document), matched with case. A
 * malformed pointer finds nothing.
 */
enum reply_type reply_type_at(const struct reply *reply, const char *pointer);

/* The decoded string, owned by the reply, or NULL when there is no string there. */
const char *reply_string_at(const struct reply *reply, const char *pointer);

/* 0 and *value when a number written as an integer (-?digits, in range) stands there, else -1. */
int reply_integer_at(const struct reply *reply, const char *pointer, int64_t *value);

/* 0 and *value when true or false stands there, else -1. */
int reply_boolean_at(const struct reply *reply, const char *pointer, bool *value);

/*
 * 0 and the value's own bytes (inside the reply's copy of the source; never re-serialised), else
 * -1.
 */
int reply_slice_at(
    const struct reply *reply, const char *pointer, const char **start, size_t *length);

/*
 * Visits every value depth-first: name is the member's decoded name (NULL inside an array and at
 * the root), type its type, and text the decoded string or the number's own digits (NULL for the
 * other types). A visitor that returns non-zero ends the walk, and that value is returned; else 0.
 */
typedef int reply_visitor(void *context, const char *name, enum reply_type type, const char *text);
int reply_walk(const struct reply *reply, reply_visitor *visit, void *context);

#endif
