/*
 * record_parts.h - what the files that record an exchange share. Nobody else includes it.
 */
#ifndef OUTBOXD_AGENT_RECORD_PARTS_H
#define OUTBOXD_AGENT_RECORD_PARTS_H

#include "agent/parts.h"

/* Everything that is known when a finished job is written. */
struct record {
	struct agent *agent;
	struct job *job;
	struct decision decision;
	struct txn after;
	char *fetch_url; /* a newer one, owned; NULL: keep what there is */
	enum fetch_admission admission;
	const char *refusal; /* of the fetch URL */
	char reason[512];
	const char *rule;
};

/* What the gateway asked for in Retry-After, in ms, or -1. */
int64_t record_retry_after(const struct record *record);

/* --- effect.c --- */
/* What the exchange means for its destination; within the transaction. refused_again: see
 * record_refused_before(). */
enum store_status record_effect(struct record *record, bool refused_again);
enum gate_outcome record_gate_outcome(const struct job *job);
/* Did the last exchange of this row, too, end with an expired session, not long ago? */
enum store_status record_refused_before(const struct record *record, bool *again);

#endif
