/*
 * log.h - one structured line per event, on standard error, for the journal.
 *
 * Logs carry ids, states and codes; never bodies, whole keys or credentials. Text that came from
 * outside goes through LOG_TEXT and is escaped and cut at 200 characters.
 */
#ifndef OUTBOXD_EDGE_LOG_H
#define OUTBOXD_EDGE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6
};

struct log_field {
	const char *name;
	const char *text; /* NULL: the number counts */
	int64_t number;
};

#define LOG_NUMBER(n, v) ((struct log_field){.name = (n), .number = (v)})
#define LOG_TEXT(n, v) ((struct log_field){.name = (n), .text = log_text(v)})

/* A missing text is "-". (A function: gcc warns at a comparison of an array with NULL.) */
static inline const char *
log_text(const char *text)
{
	return text != NULL ? text : "-";
}

/* json: one JSON object a line instead of key=value. */
void log_configure(bool json, enum log_level most_verbose);

/* From here to log_release() lines are only kept in memory, and then written together: a system
 * call for many, and none while the write lock is held. Beyond 4 MiB they are counted. */
void log_gather(void);
void log_release(void);

/* event is a constant word ("attempt", "held"). Ends with a field whose name is NULL. */
void log_event(enum log_level level, const char *event, const struct log_field *fields);

/* log_write(LOG_LEVEL_INFO, "attempt", LOG_NUMBER("id", id), LOG_TEXT("state", s)); */
#define log_write(level, event, ...)                                                               \
	log_event((level), (event), (const struct log_field[]){__VA_ARGS__, {.name = NULL}})

#endif
