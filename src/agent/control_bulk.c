/*
 * control_bulk.c - an operator's word on many rows at once: never without naming how many.
 *
 * The request names a destination, a state and a count. Whoever counted wrongly has something else
 * before his eyes than what is there, and at a gateway without idempotency keys that is how an
 * order goes out twice. All rows follow in one commit, or none does; therefore not more than can be
 * written while the app hardly notices.
 */
#include "agent/control_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 500, COUNTED_MAX = 100000 };

/* Refuses unless the request names what is there. */
static enum reply_kind
check_count(struct request *request, const int64_t *ids, int found)
{
	const struct store_control *control = request->control;

	if (found > ROWS_MAX) {
		SAY(request,
		    "there are %s%d rows %s at %.60s; decide on at most %d at a time: those up to "
		    "row %" PRId64 " (--up-to, column outbox_id) are %d",
		    found > COUNTED_MAX ? "more than " : "",
		    found > COUNTED_MAX ? COUNTED_MAX : found, control->state, control->destination,
		    ROWS_MAX, ids[ROWS_MAX - 1], ROWS_MAX);
		return REPLY_REFUSED;
	}
	if (control->count == found && found > 0)
		return REPLY_DONE;
	if (control->count <= 0)
		SAY(request, "say how many (--count, column count): there are %d rows %s at %.60s",
		    found, control->state, control->destination);
	else
		SAY(request, "there are %d rows %s at %.60s, not %" PRId64 "; nothing was done",
		    found, control->state, control->destination, control->count);
	return REPLY_REFUSED;
}

/* One of them. A row that refuses puts its answer behind its id. */
static enum reply_kind
decide(struct request *request, control_on_row *handler, int64_t id)
{
	char answer[ANSWER_SIZE];
	enum reply_kind kind;

	if (job_of_row(request->agent, id) != NULL) {
		SAY(request,
		    "outbox row %" PRId64
		    " is under way; hold the destination first, then try again; nothing was done",
		    id);
		return REPLY_REFUSED;
	}
	request->status = store_row(request->agent->store, id, &request->row);
	if (request->status != STORE_OK)
		return REPLY_LATER;
	kind = handler(request);
	store_row_free(request->row);
	request->row = NULL;
	if (kind == REPLY_REFUSED) {
		memcpy(answer, request->answer, sizeof(answer));
		SAY(request, "outbox row %" PRId64 ": %.300s; nothing was done", id, answer);
	}
	return kind;
}

static enum reply_kind
decide_all(struct request *request, control_on_row *handler, const int64_t *ids, int count)
{
	struct store *store = request->agent->store;
	enum reply_kind kind = REPLY_DONE;
	enum store_status ended;

	request->status = store_row_begin(store);
	if (request->status != STORE_OK)
		return REPLY_LATER;
	for (int i = 0; kind == REPLY_DONE && request->status == STORE_OK && i < count; i++)
		kind = decide(request, handler, ids[i]);
	ended = store_row_end(store, kind == REPLY_DONE && request->status == STORE_OK);
	if (request->status == STORE_OK)
		request->status = ended;
	if (kind == REPLY_DONE)
		SAY(request,
		    "%d rows that were %s at %.60s: %s is done (rows %" PRId64 " to %" PRId64 ")",
		    count, request->control->state, request->control->destination,
		    request->control->command, ids[0], ids[count - 1]);
	return request->status == STORE_OK ? kind : REPLY_LATER;
}

enum reply_kind
control_many(struct request *request, control_on_row *handler)
{
	const struct store_control *control = request->control;
	int64_t up_to = control->outbox_id == 0 ? INT64_MAX : control->outbox_id;
	int64_t *ids = malloc((COUNTED_MAX + 1) * sizeof(*ids));
	enum reply_kind kind = REPLY_LATER;
	int found;

	if (ids == NULL) {
		request->status = STORE_FULL;
		return kind;
	}
	found = store_ids_at(request->agent->store, control->destination, control->state, up_to,
	    ids, COUNTED_MAX + 1);
	if (found == -2) {
		SAY(request, "state is one of blocked, queued, retry, pending, held and unknown");
		kind = REPLY_REFUSED;
	} else if (found == -1) {
		request->status = STORE_FULL;
	} else {
		kind = check_count(request, ids, found);
		if (kind == REPLY_DONE)
			kind = decide_all(request, handler, ids, found);
	}
	free(ids);
	return kind;
}
