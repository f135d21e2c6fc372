/*
 * reply.c - why: what a gateway answered decides about money, so a document is read only after a
 * strict check (jsoncheck.c), and only here. It may not know what any member means.
 *
 * cJSON holds the tree and the decoded strings. What it spoils, numbers and the exact bytes of a
 * value, is read from the source: a place is a node and where it starts in the source, and both are
 * followed together (the check has made sure that they agree).
 */
#include "core/reply.h"
#include "core/jsoncheck.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reply {
	char *source; /* NUL-terminated, without NUL bytes inside */
	cJSON *root;
};

struct place {
	const cJSON *node;  /* NULL: nothing here */
	const char *source; /* the value's first byte */
};

/* ---- the source of a checked document ---- */

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t\n\r");
}

/* From the opening quote to behind the closing one. */
static const char *
skip_string(const char *at)
{
	for (at++; *at != '"'; at++)
		if (*at == '\\')
			at++;
	return at + 1;
}

static const char *
skip_value(const char *at)
{
	int depth = 0;

	if (*at != '{' && *at != '[' && *at != '"')
		return at + strcspn(at, ",]} \t\n\r");
	do {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		at++;
	} while (depth > 0);
	return at;
}

/* The value behind an opening bracket or a comma. */
static const char *
value_behind(const char *at, bool in_object)
{
	at = skip_space(at + 1);
	if (in_object)
		at = skip_space(skip_space(skip_string(at)) + 1);
	return at;
}

/* ---- places ---- */

static struct place
place_root(const struct reply *reply)
{
	return (struct place){reply->root, skip_space(reply->source)};
}

static struct place
place_child(struct place parent)
{
	struct place child = {parent.node->child, NULL};

	if (child.node != NULL)
		child.source = value_behind(parent.source, cJSON_IsObject(parent.node));
	return child;
}

/* end: behind the last byte of place's value. */
static struct place
place_next(struct place place, const char *end)
{
	struct place next = {place.node->next, NULL};

	if (next.node != NULL)
		next.source = value_behind(skip_space(end), place.node->string != NULL);
	return next;
}

/* Whether a reference token, with its ~0 and ~1, is this member name. */
static bool
token_is_name(const char *token, size_t length, const char *name)
{
	for (size_t i = 0; i < length; i++, name++) {
		char c = token[i];
		if (c == '~') {
			if (++i == length || (token[i] != '0' && token[i] != '1'))
				return false;
			c = token[i] == '0' ? '~' : '/';
		}
		if (*name != c)
			return false;
	}
	return *name == '\0';
}

/* The index that a reference token writes (RFC 6901: no leading zero), or -1. */
static long
token_index(const char *token, size_t length)
{
	long index = 0;

	if (length == 0 || length > 9 || (token[0] == '0' && length > 1))
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (token[i] < '0' || token[i] > '9')
			return -1;
		index = index * 10 + (token[i] - '0');
	}
	return index;
}

/* One step of a pointer. */
static struct place
place_step(struct place parent, const char *token, size_t length)
{
	struct place place = place_child(parent);
	bool in_object = cJSON_IsObject(parent.node);
	long index = in_object ? -1 : token_index(token, length);

	for (long i = 0; place.node != NULL; i++) {
		if (in_object ? token_is_name(token, length, place.node->string) : i == index)
			break;
		place = place_next(place, skip_value(place.source));
	}
	return place;
}

static struct place
place_at(const struct reply *reply, const char *pointer)
{
	struct place place = place_root(reply);

	while (place.node != NULL && *pointer != '\0') {
		if (*pointer != '/')
			return (struct place){NULL, NULL};
		size_t length = strcspn(++pointer, "/");
		place = place_step(place, pointer, length);
		pointer += length;
	}
	return place;
}

static enum reply_type
node_type(const cJSON *node)
{
	if (node == NULL)
		return REPLY_ABSENT;
	if (cJSON_IsObject(node))
		return REPLY_OBJECT;
	if (cJSON_IsArray(node))
		return REPLY_ARRAY;
	if (cJSON_IsString(node))
		return REPLY_STRING;
	if (cJSON_IsNumber(node))
		return REPLY_NUMBER;
	return cJSON_IsBool(node) ? REPLY_BOOLEAN : REPLY_NULL;
}

/* ---- duplicate names ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* names has room for the widest object. Sorted, so that 100,000 members cost no 10^10 comparisons.
 */
static bool
has_duplicates(const cJSON *node, const char **names)
{
	size_t count = 0;
	const cJSON *child;

	cJSON_ArrayForEach(child, node)
	{
		if (child->string != NULL)
			names[count++] = child->string;
	}
	if (count > 1)
		qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return true;
	cJSON_ArrayForEach(child, node)
	{
		if (child->child != NULL && has_duplicates(child, names))
			return true;
	}
	return false;
}

/* NULL, or what is wrong. */
static const char *
check_names(const cJSON *root, size_t members_max)
{
	if (members_max < 2)
		return NULL;
	const char **names = malloc(members_max * sizeof(*names));
	if (names == NULL)
		return "out of memory";
	bool found = has_duplicates(root, names);
	free(names);
	return found ? "duplicate member name" : NULL;
}

/* ---- the interface ---- */

static const char *
parse(struct reply *reply, const char *text, size_t length)
{
	size_t members_max;
	const char *why;

	if (length == 0)
		return "empty document";
	if (memchr(text, '\0', length) != NULL)
		return "NUL byte";
	reply->source = malloc(length + 1);
	if (reply->source == NULL)
		return "out of memory";
	memcpy(reply->source, text, length);
	reply->source[length] = '\0';

	why = json_check(reply->source, &members_max);
	if (why != NULL)
		return why;
	/* The length counts the NUL: with it, cJSON checks that nothing stands behind the document.
	 */
	reply->root = cJSON_ParseWithLengthOpts(reply->source, length + 1, NULL, true);
	if (reply->root == NULL)
		return "out of memory"; /* all else has been checked */
	return check_names(reply->root, members_max);
}

struct reply *
reply_parse(const char *text, size_t length, const char **why)
{
	struct reply *reply = calloc(1, sizeof(*reply));

	*why = reply == NULL ? "out of memory" : parse(reply, text, length);
	if (*why != NULL) {
		reply_free(reply);
		return NULL;
	}
	return reply;
}

void
reply_free(struct reply *reply)
{
	if (reply == NULL)
		return;
	cJSON_Delete(reply->root);
	free(reply->source);
	free(reply);
}

enum reply_type
reply_type_at(const struct reply *reply, const char *pointer)
{
	return node_type(place_at(reply, pointer).node);
}

const char *
reply_string_at(const struct reply *reply, const char *pointer)
{
	const cJSON *node = place_at(reply, pointer).node;

	return cJSON_IsString(node) ? node->valuestring : NULL;
}

int
reply_integer_at(const struct reply *reply, const char *pointer, int64_t *value)
{
	struct place place = place_at(reply, pointer);

	if (!cJSON_IsNumber(place.node))
		return -1;
	char *end;
	errno = 0;
	long long number = strtoll(place.source, &end, 10);
	if (errno != 0 || end != skip_value(place.source))
		return -1;
	*value = number;
	return 0;
}

int
reply_boolean_at(const struct reply *reply, const char *pointer, bool *value)
{
	const cJSON *node = place_at(reply, pointer).node;

	if (!cJSON_IsBool(node))
		return -1;
	*value = cJSON_IsTrue(node);
	return 0;
}

int
reply_slice_at(const struct reply *reply, const char *pointer, const char **start, size_t *length)
{
	struct place place = place_at(reply, pointer);

	if (place.node == NULL)
		return -1;
	*start = place.source;
	*length = (size_t)(skip_value(place.source) - place.source);
	return 0;
}

/* Visits one value and what is in it; *end is then behind its last byte. */
static int
walk(struct place place, const char **end, reply_visitor *visit, void *context)
{
	enum reply_type type = node_type(place.node);
	char number[JSON_NUMBER_LENGTH_MAX + 1];
	const char *text = NULL;

	if (type == REPLY_STRING) {
		text = place.node->valuestring;
	} else if (type == REPLY_NUMBER) {
		size_t length = (size_t)(skip_value(place.source) - place.source);
		memcpy(number, place.source, length);
		number[length] = '\0';
		text = number;
	}
	int stop = visit(context, place.node->string, type, text);
	if (stop != 0)
		return stop;
	if (place.node->child == NULL) {
		*end = skip_value(place.source);
		return 0;
	}
	for (struct place child = place_child(place); child.node != NULL;
	     child = place_next(child, *end)) {
		stop = walk(child, end, visit, context);
		if (stop != 0)
			return stop;
	}
	*end = skip_space(*end) + 1;
	return 0;
}

int
reply_walk(const struct reply *reply, reply_visitor *visit, void *context)
{
	const char *end;

	return walk(place_root(reply), &end, visit, context);
}
