/*
 * rules.h - what a profile says, as plain data.
 *
 * A profile (etc/profiles/NAME.conf) describes one gateway: its operations, its key rules and what
 * its answers mean. edge/profile.c reads the file into these structs; verdict.c and the agent
 * only read them. Nothing here owns behaviour, so that adding a gateway adds no C.
 *
 * Every string is NUL-terminated and owned by the struct profile; every array comes with its count.
 * After profile_load() the whole tree is constant.
 */
#ifndef OUTBOXD_CORE_RULES_H
#define OUTBOXD_CORE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which exchange an answer belongs to. */
enum phase { PHASE_SUBMIT, PHASE_POLL, PHASE_LOOKUP, PHASE_LOGIN };
enum { PHASE_COUNT = 4 };

/* What repeating an operation's request means at the gateway. */
enum kind {
	KIND_KEYED,   /* honours an idempotency key: a repeat under the same key is harmless */
	KIND_KEYLESS, /* documents none: a repeat may be a second effect */
	KIND_SAFE,    /* only reads: may be repeated freely */
};
enum { KIND_COUNT = 3 };

/* Which first answers the gateway shows again under the same key. */
enum replay {
	REPLAY_SUCCESS, /* successes only: after a 4xx or 5xx the request is executed again */
	REPLAY_ALL,     /* whatever was answered first */
};

/* What a rule may conclude. */
enum rule_verdict {
	RULE_SUCCEEDED,
	RULE_FAILED,
	RULE_PENDING,     /* still processing; a fetch URL says where to ask */
	RULE_NOT_READY,   /* a poll that found nothing yet; may bring a newer fetch URL */
	RULE_UNWRAP,      /* the real status and body stand inside the document */
	RULE_UNPROCESSED, /* the gateway proves that nothing happened: send again */
	RULE_LOGIN,       /* as RULE_UNPROCESSED, and the session has expired */
	RULE_HOLD,        /* hold the destination */
	RULE_RETRY,       /* ask again later: the same key, the same bytes */
	RULE_UNKNOWN,     /* it may or may not have happened */
};
enum { RULE_VERDICT_COUNT = 10 };

enum match_type {
	MATCH_EXISTS,  /* present, whatever the value (JSON null counts as present) */
	MATCH_ABSENT,  /* not there */
	MATCH_STRING,  /* a JSON string, or the header's value, equal to one of strings */
	MATCH_INTEGER, /* a JSON number written as an integer, equal to one of integers */
	MATCH_BOOLEAN, /* a JSON true or false, equal to boolean */
};

/* One condition. Exactly one of pointer and header is set. */
struct match {
	char *pointer; /* RFC 6901 JSON pointer into the answer's document */
	char *header;  /* response header name, compared without case */
	enum match_type type;
	char **strings;
	size_t string_count;
	int64_t *integers;
	size_t integer_count;
	bool boolean;
};

struct status_range {
	int low;
	int high; /* inclusive */
};

/* All conditions hold -> the verdict. The first rule that matches wins. */
struct rule {
	char *name;      /* recorded in outbox_attempt.rule */
	unsigned phases; /* bit 1u << enum phase; never 0 */
	char **operations;
	size_t operation_count; /* 0: every operation */
	struct status_range *statuses;
	size_t status_count; /* 0: every status */
	struct match *matches;
	size_t match_count;
	enum rule_verdict verdict;
	char *url_pointer;    /* RULE_PENDING, RULE_NOT_READY: where the fetch URL stands; */
	char *url_header;     /* at most one of the two is set */
	char *status_pointer; /* RULE_UNWRAP: the inner HTTP status, a JSON integer */
	char *body_pointer;   /* RULE_UNWRAP: the inner document, an object or JSON text */
	char *reason;         /* goes to outbox_result.reason, or NULL */
	char *reason_pointer; /* a string in the document to add to the reason, or NULL */
};

struct operation {
	char *name;
	char *method;       /* "POST", "PUT", "PATCH", "DELETE" or "GET" */
	char *path;         /* the operation's own path, or NULL when the row must give one */
	char *path_pattern; /* what a row's path must match (see path_matches()), or NULL: none
			       allowed */
	enum kind kind;
	enum replay replay;
	char **row_headers; /* header names that a row may set */
	size_t row_header_count;
	bool session; /* needs the profile's login */
};

/* Idempotency keys of the gateway. header is NULL when the profile has no keyed operation. */
struct key_rules {
	char *header;
	bool header_configurable; /* a destination may say key_header */
	size_t length_min;
	size_t length_max;
	char *characters; /* every allowed character, spelled out */
	bool quoted;      /* sent as an RFC 8941 string, in double quotes */
};

/* One member of the login document: the name in the JSON, the name in the destination's login{}. */
struct login_member {
	char *member;
	char *setting;
};

struct login {
	char *method;
	char *path;
	struct login_member *members;
	size_t member_count;
	char *session_pointer; /* where the session string stands in a 2xx answer */
	char *header;          /* the request header that carries it */
	int64_t lifetime_ms;   /* renewed when older; 0: only when the gateway says so */
};

struct profile {
	char *name;
	char *base_url;          /* the default, or NULL when the destination must say it */
	char **required_headers; /* headers that a destination must configure (credentials) */
	size_t required_header_count;
	char **fixed_headers; /* whole lines "Name: value" sent with every request */
	size_t fixed_header_count;
	struct key_rules key;
	int64_t
	    key_retention_ms; /* documented by the gateway, else 0: the destination must say it */
	int *unprocessed;     /* statuses that prove that nothing happened */
	size_t unprocessed_count;
	int *unprocessed_if_unexposed; /* the same, but only while no earlier attempt may have had
					  effect */
	size_t unprocessed_if_unexposed_count;
	bool answers_json;  /* a final answer is a JSON document; nothing else is understood */
	char *fetch_prefix; /* fetch URLs must have this path prefix, or NULL */
	int64_t poll_interval_ms; /* 0: the general default */
	int64_t poll_deadline_ms; /* 0: the general default */
	struct operation *operations;
	size_t operation_count;
	struct rule *rules;
	size_t rule_count;
	struct login *login; /* NULL: none */
};

enum { PATH_LENGTH_MAX = 1024 };

/* The operation of that name, or NULL. */
const struct operation *profile_operation(const struct profile *profile, const char *name);

/*
 * Whether a row's path fits an operation's pattern: literal segments, "{name}" for one segment of
 * 1 to 128 of [A-Za-z0-9._~-] that is neither "." nor "..", and a last "{name...}" for one or
 * more such segments. Neither a query nor a percent sign can pass, nor more than PATH_LENGTH_MAX
 * characters. A malformed pattern matches nothing.
 */
bool path_matches(const char *pattern, const char *path);

#endif
