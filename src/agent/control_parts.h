/*
 * control_parts.h - what the files of control share. Nobody else includes it.
 */
#ifndef OUTBOXD_AGENT_CONTROL_PARTS_H
#define OUTBOXD_AGENT_CONTROL_PARTS_H

#include "agent/parts.h"

enum { ANSWER_SIZE = 400 };

enum reply_kind { REPLY_DONE, REPLY_REFUSED, REPLY_LATER };

/* One request and its answer in the making. */
struct request {
	struct agent *agent;
	const struct store_control *control;
	struct store_row *row; /* when the request names one */
	char answer[ANSWER_SIZE];
	enum store_status status; /* of the store, for whatever went wrong there */
};

#define SAY(request, ...) ((void)snprintf((request)->answer, ANSWER_SIZE, __VA_ARGS__))

/* Never NULL. */
const char *control_text(const struct request *request);
const char *control_author(const struct request *request);

/* --- control_rows.c: on request->row --- */
typedef enum reply_kind control_on_row(struct request *request);
control_on_row control_cancel, control_retry, control_resolve, control_hold, control_release;

/* --- control_bulk.c --- */
/* On every row of a destination that is in one state; count must be how many there are. All of
 * them, or none. */
enum reply_kind control_many(struct request *request, control_on_row *handler);

#endif
