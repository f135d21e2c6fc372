/*
 * wire_answer.c - header lines and body bytes to "a whole answer" or not.
 *
 * Where libcurl is lenient, this is not: a status line that is not HTTP/1.x, folded lines,
 * contradicting lengths make an answer that is kept for the log but is no evidence. May not know
 * libcurl.
 */
#include "edge/wire_answer.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

void
wire_answer_init(struct wire_answer *answer, bool head_only, size_t body_max)
{
	*answer = (struct wire_answer){.head_only = head_only, .content_length = -1};
	text_init(&answer->fields, WIRE_HEADER_BYTES_MAX + 1);
	text_init(&answer->body, body_max);
}

void
wire_answer_free(struct wire_answer *answer)
{
	text_free(&answer->fields);
	text_free(&answer->body);
}

static int
stop(struct wire_answer *answer, const char *complaint)
{
	answer->complaint = complaint;
	return -1;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200" and the end or a space; 0 for anything else. */
static int
parse_status_line(const char *line, size_t length, bool *http_1_0)
{
	if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
	    line[8] != ' ' || (length > 12 && line[12] != ' '))
		return 0;
	for (int i = 9; i < 12; i++)
		if (!is_digit(line[i]))
			return 0;
	*http_1_0 = line[7] == '0';
	return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

static void
begin_block(struct wire_answer *answer, const char *line, size_t length)
{
	text_free(&answer->fields);
	text_init(&answer->fields, WIRE_HEADER_BYTES_MAX + 1);
	answer->in_block = true;
	answer->chunked = false;
	answer->content_length = -1;
	answer->http_1_0 = false;
	answer->status = parse_status_line(line, length, &answer->http_1_0);
	answer->malformed = answer->status == 0;
}

/* Digits and nothing else, and not a second opinion. */
static void
read_content_length(struct wire_answer *answer, const char *value, size_t length)
{
	int64_t told = 0;

	if (length == 0 || length > 18)
		answer->malformed = true;
	for (size_t i = 0; i < length && !answer->malformed; i++) {
		if (is_digit(value[i]))
			told = told * 10 + (value[i] - '0');
		else
			answer->malformed = true;
	}
	if (answer->content_length != -1 && answer->content_length != told)
		answer->malformed = true;
	answer->content_length = told;
}

static bool
is_named(const char *name, size_t length, const char *wanted)
{
	return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

static int
read_field(struct wire_answer *answer, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	if (!colon || colon == line || line[0] == ' ' || line[0] == '\t') {
		answer->malformed = true; /* a folded line, or none at all */
		return 0;
	}
	size_t name_length = (size_t)(colon - line);
	const char *value = colon + 1;
	const char *end = line + length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	size_t value_length = (size_t)(end - value);

	if (is_named(line, name_length, "Content-Length"))
		read_content_length(answer, value, value_length);
	if (is_named(line, name_length, "Transfer-Encoding")) {
		if (answer->chunked || answer->http_1_0 ||
		    !is_named(value, value_length, "chunked"))
			answer->malformed = true;
		answer->chunked = true;
	}
	if (memchr(line, '\0', length)) {
		answer->malformed = true;
		return 0;
	}
	if (text_add(&answer->fields, line, name_length) != 0 ||
	    text_add(&answer->fields, "", 1) != 0 ||
	    text_add(&answer->fields, value, value_length) != 0 ||
	    text_add(&answer->fields, "", 1) != 0)
		return stop(answer, "no memory for the answer's headers");
	return 0;
}

int
wire_answer_line(struct wire_answer *answer, const char *line, size_t length)
{
	answer->header_bytes += length;
	if (answer->header_bytes > WIRE_HEADER_BYTES_MAX)
		return stop(answer, "more header bytes than allowed");
	if (answer->headers_ended)
		return 0; /* trailers say nothing that counts */
	if (length > 0 && line[length - 1] == '\n')
		length--;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	if (!answer->in_block) {
		begin_block(answer, line, length);
		return 0;
	}
	if (length > 0)
		return read_field(answer, line, length);
	answer->in_block = false;
	/* After 100-199 another block follows; 101 was never asked for and ends up as no answer. */
	answer->headers_ended = answer->status >= 200 || answer->status < 100;
	return 0;
}

int
wire_answer_body(struct wire_answer *answer, const char *bytes, size_t length)
{
	assert(answer->body.length <= answer->body.limit);
	size_t room = answer->body.limit - answer->body.length;
	size_t kept = length < room ? length : room;

	if (!answer->headers_ended)
		answer->malformed = true;
	if (kept > 0 && text_add(&answer->body, bytes, kept) != 0)
		return stop(answer, "no memory for the answer's body");
	if (kept == length)
		return 0;
	answer->oversize = true;
	return stop(answer, "the answer is larger than response_max");
}

bool
wire_answer_is_whole(const struct wire_answer *answer, const char **why)
{
	bool bodiless = answer->head_only || answer->status == 204 || answer->status == 304;

	*why = NULL;
	if (answer->complaint)
		*why = answer->complaint;
	else if (!answer->headers_ended || answer->status < 200)
		*why = "the answer's headers did not end";
	else if (answer->malformed)
		*why = "the answer's headers are malformed";
	else if (bodiless)
		*why = answer->body.length == 0 ? NULL : "a body where there must be none";
	else if (!answer->chunked && answer->content_length < 0)
		*why = "only the closing of the connection ended the answer";
	else if (!answer->chunked && answer->content_length != (int64_t)answer->body.length)
		*why = "the answer is shorter than its Content-Length";
	return *why == NULL;
}

const char *
wire_answer_header(const struct wire_answer *answer, const char *name, size_t *count)
{
	const char *first = NULL;
	size_t found = 0;
	size_t at = 0;

	while (at < answer->fields.length) {
		const char *field = answer->fields.data + at;
		const char *value = field + strlen(field) + 1;
		if (strcasecmp(field, name) == 0 && found++ == 0)
			first = value;
		at = (size_t)(value - answer->fields.data) + strlen(value) + 1;
	}
	if (count)
		*count = found;
	return first;
}
