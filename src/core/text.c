/*
 * text.c - why: building a line or a document piece by piece, with one check at the end instead of
 * one at every piece, and with a limit that nothing can talk its way past.
 */
#include "core/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 256 };

void
text_init(struct text *text, size_t limit)
{
	*text = (struct text){.limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1};
}

void
text_free(struct text *text)
{
	free(text->data);
	text_init(text, text->limit);
}

static int
set_failed(struct text *text)
{
	text->failed = true;
	return -1;
}

/* Room for more bytes and the NUL. */
static int
reserve(struct text *text, size_t more)
{
	if (text->failed || more > text->limit - text->length)
		return set_failed(text);
	size_t needed = text->length + more + 1;
	if (needed <= text->capacity)
		return 0;

	size_t capacity = text->capacity < CAPACITY_MIN ? CAPACITY_MIN : text->capacity;
	while (capacity < needed && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	if (capacity < needed || capacity > text->limit + 1)
		capacity = text->limit + 1;
	char *data = realloc(text->data, capacity);
	if (data == NULL)
		return set_failed(text);
	text->data = data;
	text->capacity = capacity;
	return 0;
}

int
text_add(struct text *text, const void *bytes, size_t length)
{
	if (reserve(text, length) != 0)
		return -1;
	if (length > 0)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
	return 0;
}

int
text_format(struct text *text, const char *format, ...)
{
	va_list arguments;
	size_t room;

	if (reserve(text, 0) != 0)
		return -1;
	room = text->capacity - text->length; /* never beyond the limit */
	va_start(arguments, format);
	int length = vsnprintf(text->data + text->length, room, format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < room) {
		text->length += (size_t)length;
		return 0;
	}
	text->data[text->length] = '\0';
	if (length < 0)
		return set_failed(text);
	if (reserve(text, (size_t)length) != 0)
		return -1;
	va_start(arguments, format);
	(void)vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
	return 0;
}

void
text_copy(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	to[length] = '\0';
}

const char *
text_string(const struct text *text)
{
	return text->data != NULL ? text->data : "";
}
