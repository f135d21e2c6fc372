/*
 * fuzz_reply.c - any bytes: no crash, what the check accepts cJSON accepts, and every slice of an
 * accepted document is itself an accepted document.
 */
#include "core/reply.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
look(void *context, const char *name, enum reply_type type, const char *text)
{
	size_t *bytes = context;

	assert(type != REPLY_ABSENT);
	*bytes += (name != NULL ? strlen(name) : 0) + (text != NULL ? strlen(text) : 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const pointers[] = {
	    "", "/", "/a", "/a/a", "/0", "/1", "/0/0", "/a/0", "/0/a", "/error/code", "/~0~1"};
	const char *why;
	struct reply *reply = reply_parse((const char *)data, size, &why);
	size_t bytes = 0;

	if (reply == NULL) {
		assert(strcmp(why, "out of memory") != 0);
		return 0;
	}
	assert(why == NULL);
	assert(reply_walk(reply, look, &bytes) == 0);
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		const char *start;
		size_t length;
		int64_t integer;
		bool boolean;
		enum reply_type type = reply_type_at(reply, pointers[i]);
		assert((reply_string_at(reply, pointers[i]) != NULL) == (type == REPLY_STRING));
		assert((reply_boolean_at(reply, pointers[i], &boolean) == 0) ==
		       (type == REPLY_BOOLEAN));
		assert(reply_integer_at(reply, pointers[i], &integer) != 0 || type == REPLY_NUMBER);
		assert((reply_slice_at(reply, pointers[i], &start, &length) == 0) ==
		       (type != REPLY_ABSENT));
		if (type == REPLY_ABSENT)
			continue;
		struct reply *part = reply_parse(start, length, &why);
		assert(part != NULL && reply_type_at(part, "") == type);
		reply_free(part);
	}
	reply_free(reply);
	return 0;
}
