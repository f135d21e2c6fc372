/*
 * rules.c - why: what the app writes into a row becomes part of a URL that receives the merchant's
 * credentials, so it must fit what the profile's author had in mind, character by character.
 */
#include "core/rules.h"

#include <string.h>

enum { SEGMENT_LENGTH_MAX = 128 };

const struct operation *
profile_operation(const struct profile *profile, const char *name)
{
	for (size_t i = 0; i < profile->operation_count; i++)
		if (strcmp(profile->operations[i].name, name) == 0)
			return &profile->operations[i];
	return NULL;
}

/* Whether a segment may stand for "{name}". */
static bool
fits_variable(const char *segment, size_t length)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

	if (length == 0 || length > SEGMENT_LENGTH_MAX || strspn(segment, allowed) < length)
		return false;
	return strncmp(segment, ".", length) != 0 && strncmp(segment, "..", length) != 0;
}

/* From a segment to the end of the path. */
static bool
fits_rest(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");
		if (!fits_variable(path, length))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}

enum segment { SEGMENT_LITERAL, SEGMENT_VARIABLE, SEGMENT_REST, SEGMENT_MALFORMED };

static enum segment
segment_type(const char *segment, size_t length)
{
	if (memchr(segment, '{', length) == NULL && memchr(segment, '}', length) == NULL)
		return SEGMENT_LITERAL;
	if (length < strlen("{n}") || segment[0] != '{' || strcspn(segment + 1, "{}") != length - 2)
		return SEGMENT_MALFORMED;
	if (strncmp(segment + 1, "...", 3) == 0)
		return SEGMENT_MALFORMED;
	if (length > strlen("{...}") && strncmp(segment + length - 4, "...}", 4) == 0)
		return segment[length] == '\0' ? SEGMENT_REST : SEGMENT_MALFORMED;
	return SEGMENT_VARIABLE;
}

/* Visible ASCII without what starts a query, a fragment, an escape or a Windows path. */
static bool
is_plain(const char *path)
{
	for (; *path != '\0'; path++)
		if (*path < 0x21 || *path > 0x7e || strchr("%?#\\", *path) != NULL)
			return false;
	return true;
}

bool
path_matches(const char *pattern, const char *path)
{
	if (strnlen(path, PATH_LENGTH_MAX + 1) > PATH_LENGTH_MAX || !is_plain(path))
		return false;
	while (*pattern == '/' && *path == '/') {
		size_t expected = strcspn(++pattern, "/");
		size_t length = strcspn(++path, "/");
		switch (segment_type(pattern, expected)) {
		case SEGMENT_LITERAL:
			if (length != expected || memcmp(path, pattern, length) != 0)
				return false;
			break;
		case SEGMENT_VARIABLE:
			if (!fits_variable(path, length))
				return false;
			break;
		case SEGMENT_REST:
			return fits_rest(path);
		case SEGMENT_MALFORMED:
			return false;
		}
		pattern += expected;
		path += length;
		if (*pattern == '\0' && *path == '\0')
			return true;
	}
	return false;
}
