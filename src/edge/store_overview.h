/*
 * store_overview.h - what people look at, beside store.h: the last results, stuck rows, rows that
 * somebody waits for.
 *
 * Reads only. Each look is bounded by its limit or by the number of open rows, never by the size of
 * the history.
 */
#ifndef OUTBOXD_EDGE_STORE_OVERVIEW_H
#define OUTBOXD_EDGE_STORE_OVERVIEW_H

#include "edge/store.h"

/* A finished row. Strings are valid during the visit. */
struct store_finished {
	const char *destination;
	enum result result;
	int64_t eligible_at; /* since when it could be sent */
	int64_t finished_at;
	int attempts;
	int64_t exchange_ms; /* of its last answered submit; -1: none */
};
typedef void store_finished_visitor(void *context, const struct store_finished *finished);
/* What finished at or after since, newest first, at most limit. */
enum store_status store_finished_since(
    struct store *store, int64_t since, int limit, store_finished_visitor *visit, void *context);

/* A line of outbox_stuck. Strings are valid during the visit; "" for NULL. */
struct store_stuck {
	int64_t id;
	const char *destination;
	const char *operation;
	const char *reference;
	const char *state; /* or the result of a done row */
	const char *reason;
	const char *advice;
	const char *since; /* ISO 8601 */
	const char *cause;
};
typedef void store_stuck_visitor(void *context, const struct store_stuck *stuck);
/* The oldest ones, without those whose whole destination is held. */
enum store_status store_stuck(
    struct store *store, int limit, store_stuck_visitor *visit, void *context);
/* How many there are of each cause. */
typedef void store_stuck_count_visitor(void *context, const char *cause, int64_t count);
enum store_status store_stuck_counts(
    struct store *store, store_stuck_count_visitor *visit, void *context);

/* How a row stands, for who waits for it. */
struct store_standing {
	enum state state;
	enum result result; /* RESULT_NONE: not finished */
	int http_status;    /* 0: none */
	char reason[256];   /* "": none */
	int64_t finished_at;
};
/* NOTHING: there is no such row. */
enum store_status store_standing(struct store *store, int64_t id, struct store_standing *standing);

/* --- for the report: these cost as much as the period has rows --- */

/* Exchanges of one destination in one slot of time, counted from since; bad: no complete answer, or
 * a 5xx. */
struct store_slot {
	const char *destination;
	int64_t slot;
	int64_t exchanges;
	int64_t bad;
};
typedef void store_slot_visitor(void *context, const struct store_slot *slot);
enum store_status store_slots(
    struct store *store, int64_t since, int64_t slot_ms, store_slot_visitor *visit, void *context);

/* What operators asked for, newest first. "" for NULL. */
struct store_decision {
	int64_t created_at;
	const char *created_by;
	const char *command;
	int64_t outbox_id; /* 0: none */
	const char *destination;
	const char *argument;
	const char *text;
	const char *status;
	const char *answer;
};
typedef void store_decision_visitor(void *context, const struct store_decision *decision);
enum store_status store_decisions(
    struct store *store, int64_t since, int limit, store_decision_visitor *visit, void *context);

#endif
