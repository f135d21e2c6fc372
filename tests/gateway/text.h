/*
 * text.h - a growing run of bytes, always NUL-terminated behind its length.
 *
 * Out of memory ends the program: this is a test tool, and a witness that cannot remember is none.
 */
#ifndef FAKEGW_TEXT_H
#define FAKEGW_TEXT_H

#include <stddef.h>

/* Zero-initialise; text_free makes it zero again. data is NULL while nothing was ever added. */
struct text {
	char *data;
	size_t length;
	size_t size;
};

void text_add(struct text *text, const void *bytes, size_t length);
void text_puts(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends string as a JSON string literal, quotes included; bytes >= 0x80 are passed through. */
void text_json(struct text *text, const char *string, size_t length);

/* text becomes a copy of from (what it held before is freed). */
void text_copy(struct text *text, const struct text *from);

/* Never NULL. */
const char *text_get(const struct text *text);
void text_free(struct text *text);

/* malloc, strdup that never fail. */
void *must_calloc(size_t size);
char *must_strdup(const char *string);

#endif
