/*
 * gateway.h - what a request is, what an answer is, and what the gateways remember in between.
 *
 * A dialect identifies a request (which operation, which reference), then serves it: it fills the
 * answer and notes an effect if there was one. Faults bend the answer afterwards, in bend.c and
 * plan.c.
 */
#ifndef FAKEGW_GATEWAY_H
#define FAKEGW_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "ledger.h"
#include "map.h"
#include "script.h"
#include "text.h"
#include "tool.h"

enum { NAME_SIZE = 200 };

struct answer {
	int status;
	struct text headers; /* "Name: value\r\n" lines, without Content-Length, Date, Connection */
	struct text body;
	const char *content_type; /* static */
};

struct world {
	struct ledger ledger;
	struct script script;
	struct map keys;     /* gateway + key -> struct stored */
	struct map orders;   /* order numbers in use */
	struct map jobs;     /* current fetch id -> struct job */
	struct map old_urls; /* replaced fetch id -> struct old_url */
	struct map sessions; /* session id -> int64_t when it ends, steady ms */
	int memory_fd;       /* of --memory, or -1 */
	bool tls;
	bool quiet;
	bool fetch_grace;
	int64_t key_retention_ms;
	int64_t process_ms;
	int64_t session_ms;
	int64_t fetch_max_ms;
	long not_ready; /* how many polls of VRIO's testlongrequest are not ready */
	unsigned long requests;
	unsigned long connections;
	unsigned long next_id;
};

struct dialect;
struct MHD_Connection;

struct exchange {
	/* as it arrived */
	struct MHD_Connection *connection;
	unsigned long connection_number;
	unsigned long n;
	const char *method;
	char *target; /* with query */
	char *path;   /* without */
	const char *query;
	struct text body;
	cJSON *json; /* the body, or NULL when it is not JSON */
	char hash[SHA256_TEXT_SIZE];
	/* identified */
	const struct dialect *dialect;
	const char *operation; /* static */
	enum phase phase;
	char reference[NAME_SIZE];
	const char *key; /* as received, or NULL */
	char path_number[NAME_SIZE];
	struct faults faults;
	/* answered */
	struct answer answer;
	bool effect;
	bool replay;
	bool stale;
	/* the server's */
	struct parcel *parcel;
	char *busy_key; /* of a stored answer still on its way, or NULL */
	bool begun;
	bool noted;
};

struct dialect {
	const char *name;
	/* Sets operation, phase, reference, key, path_number; false when the path is not this
	 * dialect's. */
	bool (*identify)(const struct world *world, struct exchange *exchange);
	void (*serve)(struct world *world, struct exchange *exchange);
};

extern const struct dialect riverty_dialect;
extern const struct dialect vrio_dialect;
extern const struct dialect travlinq_dialect;
extern const struct dialect generic_dialect;
extern const struct dialect control_dialect;

/* A request header, or NULL. */
const char *exchange_header(const struct exchange *exchange, const char *name);

/* The value of name in the query, or NULL; into out. */
const char *exchange_query(
    const struct exchange *exchange, const char *name, char *out, size_t size);

/* /reference of the body, or the first of pointers (NULL-ended) found, or number, or the key, or
 * "-". */
void exchange_refer(struct exchange *exchange, const char *const *pointers);

/* Whether method and path are these; '*' in pattern is one path segment, kept in path_number. */
bool exchange_is(struct exchange *exchange, const char *method, const char *pattern);

/* Notes the effect in the ledger now. The amount is looked up in the body. */
void exchange_effect(
    struct world *world, struct exchange *exchange, const char *effect, const char *id);

/* The fault of that group, or NULL. */
const struct fault *exchange_fault(const struct exchange *exchange, enum fault_group group);

/* Whether the script lets this answer never arrive whole (so that its content was not "given"). */
bool exchange_answer_is_lost(const struct exchange *exchange);

/* Sets status and body; format is a printf format. */
void answer_set(struct answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void answer_header(struct answer *answer, const char *name, const char *value);
void answer_copy(struct answer *answer, const struct answer *from);
void answer_free(struct answer *answer);

/* bend.c: what faults do to an answer that will still be sent whole. */
void bend_answer(struct exchange *exchange);

/* serve.c: the whole life of a request whose body is complete; afterwards exchange->answer is set.
 */
void world_serve(struct world *world, struct exchange *exchange);

/* serve.c: notes a request that went away before it was complete. */
void world_note_incomplete(struct world *world, struct exchange *exchange);

/* The fault that leaves no complete answer, or NULL; and under which name the log shows it. */
const struct fault *exchange_broken_by(const struct exchange *exchange);

void world_reset(struct world *world);
void world_close(struct world *world);

#endif
