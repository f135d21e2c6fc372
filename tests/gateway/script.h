/*
 * script.h - which faults meet a request.
 *
 * A script is lines: REFERENCE PHASE WHEN [before|after] FAULT [ARGS]. Every matching line counts;
 * of two in the same group (two broken transports, two statuses, ...) the later line wins.
 */
#ifndef FAKEGW_SCRIPT_H
#define FAKEGW_SCRIPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "map.h"
#include "text.h"

enum phase {
	PHASE_SUBMIT = 1,
	PHASE_POLL = 2,
	PHASE_LOGIN = 4,
	PHASE_ANY = 7,
};

const char *phase_name(enum phase phase);

enum fault_group {
	GROUP_TRANSPORT,
	GROUP_STATUS,
	GROUP_DELAY,
	GROUP_BODY,
	GROUP_OVERSIZE,
	GROUP_PENDING,
	GROUP_FETCH,
	GROUP_OUTCOME,
	GROUP_INNER_CODE,
	GROUP_INNER_BODY,
	GROUP_SESSION,
	GROUP_KEY,
	GROUP_DATE,
	GROUP_RETRY_AFTER,
	GROUP_HEADER,
	GROUP_ECHO,
	GROUP_COUNT,
};

enum fault_kind {
	FAULT_OK,
	FAULT_LOSE,
	FAULT_RESET,
	FAULT_SILENCE,
	FAULT_GARBAGE,
	FAULT_HTTP09,
	FAULT_HALF_HEADERS,
	FAULT_ONLY_1XX,
	FAULT_ENDLESS_1XX,
	FAULT_TRUNCATE,
	FAULT_HALF_CHUNK,
	FAULT_CLOSE_DELIMITED,
	FAULT_ENDLESS,
	FAULT_BIG_HEADER,
	FAULT_SLOW_HEADERS,
	FAULT_SLOW_BODY,
	FAULT_STATUS,
	FAULT_REDIRECT,
	FAULT_HTTP,
	FAULT_DELAY,
	FAULT_GARBLE,
	FAULT_NOT_JSON,
	FAULT_TRAILING,
	FAULT_DUPLICATE_MEMBER,
	FAULT_BODY,
	FAULT_OVERSIZE,
	FAULT_PENDING,
	FAULT_NOT_READY_FOREVER,
	FAULT_FETCH_URL,
	FAULT_FETCH_URL_MISSING,
	FAULT_REJECT,
	FAULT_ACTION_REQUIRED,
	FAULT_INNER_STATUS,
	FAULT_INNER_MISSING,
	FAULT_INNER_RAW,
	FAULT_INNER_OBJECT,
	FAULT_EXPIRE_SESSION,
	FAULT_FORGET_KEY,
	FAULT_IN_PROGRESS,
	FAULT_DATE,
	FAULT_RETRY_AFTER,
	FAULT_HEADER,
	FAULT_ECHO_CARD,
	FAULT_KIND_COUNT,
};

struct fault {
	enum fault_kind kind;
	enum fault_group group;
	bool before;       /* the gateway fails before it does anything */
	int64_t number;    /* ms, status, bytes or count; -1 when not given */
	char *text;        /* URL, body, date, header value; or NULL */
	char *retry_after; /* of status; or NULL */
};

/* What meets one request: NULL, or the fault of that group. Valid until the script changes. */
struct faults {
	const struct fault *of[GROUP_COUNT];
	long seen;    /* which time, from 1, this reference was met in this phase */
	long seen_as; /* the same, in this operation only */
};

/* Whether the fault of that group is of that kind. */
bool faults_have(const struct faults *faults, enum fault_kind kind);
const char *fault_name(enum fault_kind kind);

struct rule;
struct rules {
	struct rule *list;
	size_t count;
};

struct script {
	const char *path; /* the file, or NULL */
	struct stat file_seen;
	struct rules from_file;
	struct rules added;
	struct map seen;
	struct text source; /* what was added, as text */
	bool tls;           /* faults that write raw bytes are refused */
	atomic_bool reload; /* SIGHUP: read the file again even if it looks the same */
};

/*
 * Adds lines behind all others (a line "clear" first drops every added line). On a bad line nothing
 * is added, *error (the caller frees) names it, and -1 is returned.
 */
int script_add(struct script *script, const char *lines, struct text *error);

/* Reads the file again if it changed. -1 with *error set when it is bad: the old rules stay. */
int script_refresh(struct script *script, struct text *error);

/* Counts the request and collects its faults. */
void script_meet(struct script *script, const char *operation, const char *reference,
    enum phase phase, struct faults *faults);

/* Forgets added rules and all counters; the file's rules stay. */
void script_reset(struct script *script);

/* Frees everything. */
void script_close(struct script *script);

#endif
