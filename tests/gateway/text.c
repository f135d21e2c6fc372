/* text.c - the one place where the fake gateway grows memory; see text.h. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
out_of_memory(void)
{
	fputs("fakegw: out of memory\n", stderr);
	abort();
}

void *
must_calloc(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

char *
must_strdup(const char *string)
{
	char *copy = strdup(string);

	if (copy == NULL)
		out_of_memory();
	return copy;
}

static void
text_reserve(struct text *text, size_t more)
{
	size_t wanted = text->length + more + 1;
	size_t size = text->size == 0 ? 256 : text->size;

	if (wanted <= text->size)
		return;
	while (size < wanted)
		size *= 2;
	text->data = realloc(text->data, size);
	if (text->data == NULL)
		out_of_memory();
	text->size = size;
}

void
text_add(struct text *text, const void *bytes, size_t length)
{
	text_reserve(text, length);
	if (length > 0)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
text_puts(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void
text_printf(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	text_reserve(text, (size_t)length);
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

void
text_json(struct text *text, const char *string, size_t length)
{
	text_add(text, "\"", 1);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)string[i];

		if (c == '"' || c == '\\')
			text_printf(text, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			text_printf(text, "\\u%04x", c);
		else
			text_add(text, &c, 1);
	}
	text_add(text, "\"", 1);
}

void
text_copy(struct text *text, const struct text *from)
{
	text_free(text);
	text_add(text, from->data, from->length);
}

const char *
text_get(const struct text *text)
{
	return text->data == NULL ? "" : text->data;
}

void
text_free(struct text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}
