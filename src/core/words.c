/*
 * words.c - the names of states, results and the like, as they stand on disk and in documents:
 * frozen.
 */
#include "core/txn.h"

#include <stddef.h>
#include <string.h>

static const char *const state_names[STATE_COUNT] = {
    [STATE_BLOCKED] = "blocked",
    [STATE_QUEUED] = "queued",
    [STATE_CLAIMED] = "claimed",
    [STATE_SENDING] = "sending",
    [STATE_RETRY] = "retry",
    [STATE_PENDING] = "pending",
    [STATE_HELD] = "held",
    [STATE_DONE] = "done",
};

static const char *const result_names[RESULT_COUNT] = {
    [RESULT_NONE] = NULL,
    [RESULT_SUCCEEDED] = "succeeded",
    [RESULT_FAILED] = "failed",
    [RESULT_EXPIRED] = "expired",
    [RESULT_CANCELED] = "canceled",
    [RESULT_INVALID] = "invalid",
    [RESULT_UNKNOWN] = "unknown",
};

static const char *const hold_names[HOLD_COUNT] = {
    [HOLD_NONE] = NULL,
    [HOLD_CONFIGURATION] = "configuration",
    [HOLD_OPERATOR] = "operator",
    [HOLD_FETCH_URL] = "fetch_url",
    [HOLD_REDIRECT] = "redirect",
    [HOLD_FROZEN] = "frozen",
    [HOLD_KEY_CONFLICT] = "key_conflict",
    [HOLD_RESTORED] = "restored",
};

static const char *const kind_names[KIND_COUNT] = {
    [KIND_KEYED] = "keyed",
    [KIND_KEYLESS] = "keyless",
    [KIND_SAFE] = "safe",
};

static const char *const phase_names[PHASE_COUNT] = {
    [PHASE_SUBMIT] = "submit",
    [PHASE_POLL] = "poll",
    [PHASE_LOOKUP] = "lookup",
    [PHASE_LOGIN] = "login",
};

static const char *const event_names[EVENT_COUNT] = {
    [EVENT_PARENT_SUCCEEDED] = "parent_succeeded",
    [EVENT_CLAIM] = "claim",
    [EVENT_SEND] = "send",
    [EVENT_UNSENT] = "unsent",
    [EVENT_UNPROCESSED] = "unprocessed",
    [EVENT_AGAIN] = "again",
    [EVENT_PENDING] = "pending",
    [EVENT_POLL] = "poll",
    [EVENT_NOT_READY] = "not_ready",
    [EVENT_HOLD] = "hold",
    [EVENT_RELEASE] = "release",
    [EVENT_FINISH] = "finish",
    [EVENT_CRASH] = "crash",
    [EVENT_RESUBMIT] = "resubmit",
    [EVENT_RESOLVE] = "resolve",
    [EVENT_RESTORED] = "restored",
};

static int
parse(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (name == NULL ? names[i] == NULL
				 : names[i] != NULL && strcmp(names[i], name) == 0)
			return i;
	return -1;
}

const char *
state_name(enum state state)
{
	return state_names[state];
}

const char *
result_name(enum result result)
{
	return result_names[result];
}

const char *
hold_cause_name(enum hold_cause cause)
{
	return hold_names[cause];
}

const char *
kind_name(enum kind kind)
{
	return kind_names[kind];
}

const char *
phase_name(enum phase phase)
{
	return phase_names[phase];
}

const char *
event_name(enum event event)
{
	return event_names[event];
}

int
state_parse(const char *name)
{
	return parse(state_names, STATE_COUNT, name);
}

int
result_parse(const char *name)
{
	return parse(result_names, RESULT_COUNT, name);
}

int
hold_cause_parse(const char *name)
{
	return parse(hold_names, HOLD_COUNT, name);
}

int
kind_parse(const char *name)
{
	return parse(kind_names, KIND_COUNT, name);
}
