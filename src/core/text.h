/*
 * text.h - a growing piece of text with a limit that is set when it is created.
 *
 * Always NUL-terminated once something was added. Adding past the limit or without memory
 * sets `failed`, changes nothing else, and every later addition fails too: check once at the end.
 */
#ifndef OUTBOXD_CORE_TEXT_H
#define OUTBOXD_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* NULL until something was added */
	size_t length;
	size_t capacity;
	size_t limit; /* in bytes, without the NUL */
	bool failed;
};

void text_init(struct text *text, size_t limit);
void text_free(struct text *text);

/* 0, or -1 with text->failed set. */
int text_add(struct text *text, const void *bytes, size_t length);
int text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What fits of a string into an array of so many bytes, always NUL-terminated: a "%s" that costs a
 * tenth. */
void text_copy(char *to, size_t size, const char *from);

/* The text so far, never NULL. */
const char *text_string(const struct text *text);

#endif
