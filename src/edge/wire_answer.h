/*
 * wire_answer.h - what arrived for one request, and whether it is a whole answer.
 *
 * libcurl reports success for answers that only the closing of the connection has ended, and for
 * half of them: so the wire reads the framing itself, from the same header lines, and more
 * strictly.
 */
#ifndef OUTBOXD_EDGE_WIRE_ANSWER_H
#define OUTBOXD_EDGE_WIRE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

/* Of one answer, 1xx blocks and trailers included. */
enum { WIRE_HEADER_BYTES_MAX = 64 * 1024 };

struct wire_answer {
	int status;         /* of the last complete or begun header block, 0: none */
	bool in_block;      /* between a status line and its blank line */
	bool headers_ended; /* the final block's blank line was seen */
	bool head_only;     /* the request was a HEAD */
	bool http_1_0;
	bool chunked;
	bool malformed; /* the final block leaves its framing open to doubt */
	bool oversize;
	int64_t content_length; /* -1: not told */
	size_t header_bytes;
	const char *complaint; /* why we stopped reading, NULL: we did not */
	struct text fields;    /* the last block's: name NUL value NUL ... */
	struct text body;
};

void wire_answer_init(struct wire_answer *answer, bool head_only, size_t body_max);
void wire_answer_free(struct wire_answer *answer);

/* One line as libcurl hands it over, line end included. -1: stop reading, `complaint` says why. */
int wire_answer_line(struct wire_answer *answer, const char *line, size_t length);
/* More of the body, without its framing. -1 as above; what fits the limit is kept. */
int wire_answer_body(struct wire_answer *answer, const char *bytes, size_t length);

/* After libcurl's success: end of headers, and a body ended by its length or its last chunk? If
 * not, *why says so. */
bool wire_answer_is_whole(const struct wire_answer *answer, const char **why);

/* As wire_transfer_header(). */
const char *wire_answer_header(const struct wire_answer *answer, const char *name, size_t *count);

#endif
