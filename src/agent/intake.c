/*
 * intake.c - from a row to the request that every attempt will have in common.
 *
 * What can never be sent as it stands ends here, before any connection; what waits for
 * configuration is held.
 */
#include "agent/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/card.h"
#include "core/reply.h"

enum { HEADERS_LENGTH_MAX = 8192, HEADER_VALUE_MAX = 1024, CONTENT_TYPE_MAX = 200 };

struct header_walk {
	const struct operation *operation;
	int (*line)(void *context, const char *name, const char *value);
	void *context;
	char *why;
	size_t why_size;
	bool root_seen;
};

static bool
is_visible(const char *text, bool spaces)
{
	for (; *text != '\0'; text++)
		if ((*text < 0x21 || *text > 0x7e) && !(spaces && *text == ' '))
			return false;
	return true;
}

static bool
may_set(const struct operation *operation, const char *name)
{
	for (size_t i = 0; i < operation->row_header_count; i++)
		if (strcasecmp(operation->row_headers[i], name) == 0)
			return true;
	return false;
}

static int
one_header(void *context, const char *name, enum reply_type type, const char *text)
{
	struct header_walk *walk = context;

	if (!walk->root_seen) {
		walk->root_seen = true;
		if (type == REPLY_OBJECT)
			return 0;
		(void)snprintf(walk->why, walk->why_size, "headers is not a JSON object");
		return -1;
	}
	if (name == NULL || type != REPLY_STRING)
		(void)snprintf(walk->why, walk->why_size, "headers may hold strings only");
	else if (!may_set(walk->operation, name))
		(void)snprintf(walk->why, walk->why_size,
		    "operation %s does not allow a row to set the header %.60s",
		    walk->operation->name, is_visible(name, false) ? name : "(unprintable)");
	else if (strlen(text) > HEADER_VALUE_MAX || text[0] == '\0' || !is_visible(text, true) ||
		 text[0] == ' ' || text[strlen(text) - 1] == ' ')
		(void)snprintf(walk->why, walk->why_size,
		    "the value of header %.60s is empty, too long, or has characters outside "
		    "visible ASCII",
		    name);
	else
		return walk->line(walk->context, name, text);
	return -1;
}

int
intake_headers(const struct operation *operation, const char *json,
    int (*line)(void *context, const char *name, const char *value), void *context, char *why,
    size_t why_size)
{
	struct header_walk walk = {.operation = operation,
	    .line = line,
	    .context = context,
	    .why = why,
	    .why_size = why_size};
	const char *error = NULL;
	struct reply *document;
	int result;

	if (strlen(json) > HEADERS_LENGTH_MAX) {
		(void)snprintf(
		    why, why_size, "headers is longer than %d bytes", HEADERS_LENGTH_MAX);
		return -1;
	}
	document = reply_parse(json, strlen(json), &error);
	if (document == NULL) {
		(void)snprintf(why, why_size, "headers is not acceptable JSON: %s", error);
		return -1;
	}
	result = reply_walk(document, one_header, &walk);
	reply_free(document);
	return result;
}

static int
ignore_line(void *context, const char *name, const char *value)
{
	(void)context;
	(void)name;
	(void)value;
	return 0;
}

/* A media type: visible ASCII and single spaces, with a slash. */
static bool
content_type_fits(const char *type)
{
	return type != NULL && strlen(type) <= CONTENT_TYPE_MAX && strchr(type, '/') != NULL &&
	       is_visible(type, true) && type[0] != ' ';
}

static bool
is_type(const char *content_type, const char *wanted)
{
	size_t length = strlen(wanted);

	return strncasecmp(content_type, wanted, length) == 0 &&
	       (content_type[length] == '\0' || content_type[length] == ';' ||
		   content_type[length] == ' ');
}

static bool
is_json(const char *content_type)
{
	const char *end = strchr(content_type, ';');
	size_t length = end == NULL ? strlen(content_type) : (size_t)(end - content_type);

	if (is_type(content_type, "application/json") || is_type(content_type, "text/json"))
		return true;
	return length > 5 && strncasecmp(content_type + length - 5, "+json", 5) == 0;
}

/* INVALID when the body carries card data, or cannot be searched for it. */
static enum intake
check_card(const struct store_row *row, char *why, size_t why_size)
{
	const char *what = NULL;
	const char *error = NULL;
	bool found;

	if (is_type(row->content_type, "application/x-www-form-urlencoded")) {
		found = card_in_form(row->body, row->body_length, &what);
	} else if (is_json(row->content_type)) {
		found = card_in_json(row->body, row->body_length, &what, &error);
		if (error != NULL && strcmp(error, "out of memory") == 0)
			return INTAKE_LATER;
		if (error != NULL) {
			(void)snprintf(why, why_size, "body is not acceptable JSON: %s", error);
			return INTAKE_INVALID;
		}
	} else {
		found = card_in_text(row->body, row->body_length, &what);
	}
	if (!found)
		return INTAKE_READY;
	(void)snprintf(why, why_size,
	    "body carries %s, which must not be stored; send a token, or see card_data in "
	    "outboxd.conf(5)",
	    what);
	return INTAKE_INVALID;
}

static enum intake
check_body(const struct agent *agent, const struct job *job, char *why, size_t why_size)
{
	const struct store_row *row = job->row;
	int64_t most = agent_config(agent)->body_max;

	if (!content_type_fits(row->content_type)) {
		(void)snprintf(why, why_size, "content_type is not a media type");
		return INTAKE_INVALID;
	}
	if ((row->body == NULL && row->body_length > 0) || (int64_t)row->body_length > most) {
		(void)snprintf(
		    why, why_size, "body is larger than body_max (%lld bytes)", (long long)most);
		return INTAKE_INVALID;
	}
	if (row->body_length > 0 && strcmp(job->operation->method, "GET") == 0) {
		(void)snprintf(
		    why, why_size, "operation %s is a GET and takes no body", job->operation->name);
		return INTAKE_INVALID;
	}
	if (row->body_length == 0 || job->settings->card_data == CARD_ERASE)
		return INTAKE_READY;
	return check_card(row, why, why_size);
}

/* The path that this row is sent to, or NULL with the reason. */
static const char *
path_of(const struct job *job, char *why, size_t why_size)
{
	const struct operation *operation = job->operation;
	const char *path = job->row->path;

	if (path == NULL) {
		if (operation->path == NULL)
			(void)snprintf(why, why_size, "operation %s needs a path like %s",
			    operation->name, operation->path_pattern);
		return operation->path;
	}
	if (operation->path != NULL && strcmp(path, operation->path) == 0)
		return path;
	if (operation->path_pattern == NULL)
		(void)snprintf(why, why_size, "operation %s has its own path; leave path NULL",
		    operation->name);
	else if (!path_matches(operation->path_pattern, path))
		(void)snprintf(why, why_size, "path does not match %s of operation %s",
		    operation->path_pattern, operation->name);
	else
		return path;
	return NULL;
}

static int
make_url(struct job *job, const char *path)
{
	const char *base = job->settings->base_url;

	job->own_url = malloc(strlen(base) + strlen(path) + 1);
	if (job->own_url == NULL)
		return -1;
	(void)stpcpy(stpcpy(job->own_url, base), path);
	job->url = job->own_url;
	return 0;
}

/* The app's own key, or a derived one. An operator's new-key retry overrides the app's. */
static enum intake
choose_key(const struct agent *agent, struct job *job, const char *path, char *why, size_t why_size)
{
	const struct store_row *row = job->row;
	struct key_input input = {.destination = row->destination,
	    .operation = row->operation,
	    .method = job->operation->method,
	    .path = path,
	    .reference = row->reference,
	    .id = row->txn.id,
	    .created_at = row->created_at,
	    .body = row->body,
	    .body_length = row->body_length,
	    .generation = row->txn.generation};
	const char *error = NULL;

	if (job->operation->kind != KIND_KEYED) {
		if (row->own_key == NULL)
			return INTAKE_READY;
		(void)snprintf(why, why_size,
		    "operation %s takes no idempotency key; leave idempotency_key NULL",
		    job->operation->name);
		return INTAKE_INVALID;
	}
	job->key_header = job->settings->key_header;
	if (row->own_key != NULL && row->txn.generation == 0) {
		job->key = row->own_key;
		if (key_is_derived(job->key))
			error =
			    "UUIDs of version 8 are outboxd's own keys; leave it NULL to get one";
		else if (key_fits(&job->settings->profile->key, job->key, &error))
			return INTAKE_READY;
		(void)snprintf(why, why_size, "idempotency_key: %s", error);
		return INTAKE_INVALID;
	}
	if (key_derive(agent->key_maker, &input, job->own_key) == -1)
		return INTAKE_LATER;
	job->key = job->own_key;
	return INTAKE_READY;
}

static int
hash_request(struct job *job, unsigned char hash[KEY_HASH_SIZE])
{
	struct key_request request = {.kind = job->operation->kind,
	    .method = job->method,
	    .url = job->url,
	    .key_header = job->key_header,
	    .key = job->key,
	    .content_type = job->row->content_type,
	    .headers = job->row->headers,
	    .body = job->row->body,
	    .body_length = job->row->body_length};

	if (job->row->txn.frozen)
		request.kind = job->row->txn.kind;
	return key_request_hash(&request, hash);
}

static enum intake
freeze(struct agent *agent, struct job *job, char *why, size_t why_size)
{
	const char *path = path_of(job, why, why_size);
	enum intake intake;

	if (path == NULL)
		return INTAKE_INVALID;
	if (job->row->headers != NULL && intake_headers(job->operation, job->row->headers,
					     ignore_line, NULL, why, why_size) != 0)
		return INTAKE_INVALID;
	intake = check_body(agent, job, why, why_size);
	if (intake == INTAKE_READY)
		intake = choose_key(agent, job, path, why, why_size);
	if (intake != INTAKE_READY)
		return intake;
	job->method = job->operation->method;
	if (make_url(job, path) == -1 || hash_request(job, job->hash) == -1)
		return INTAKE_LATER;
	job->freezes = true;
	job->row->txn.frozen = true;
	job->row->txn.kind = job->operation->kind;
	return INTAKE_READY;
}

/* A later attempt: the stored request, and proof that it is still the same. */
static enum intake
reuse(struct job *job, char *why, size_t why_size)
{
	const struct store_row *row = job->row;

	job->method = row->method;
	job->url = row->url;
	job->key_header = row->key_header;
	job->key = row->key;
	if (hash_request(job, job->hash) == -1)
		return INTAKE_LATER;
	if (memcmp(job->hash, row->request_hash, KEY_HASH_SIZE) == 0)
		return INTAKE_READY;
	(void)snprintf(why, why_size,
	    "the outbox row differs from what was sent before; it is not sent again");
	return INTAKE_HELD;
}

enum intake
intake_prepare(
    struct agent *agent, struct job *job, char *why, size_t why_size, enum hold_cause *cause)
{
	const struct store_row *row = job->row;

	*cause = HOLD_FROZEN;
	if (!row->present) {
		(void)snprintf(why, why_size, "its outbox row is gone");
		return INTAKE_HELD;
	}
	job->operation = profile_operation(job->settings->profile, row->operation);
	if (job->operation == NULL) {
		*cause = HOLD_CONFIGURATION;
		(void)snprintf(why, why_size, "profile %s has no operation %.60s",
		    job->settings->profile->name, row->operation);
		return INTAKE_HELD;
	}
	if (row->malformed) {
		(void)snprintf(why, why_size, "a text column holds a BLOB or a NUL byte");
		return row->txn.frozen ? INTAKE_HELD : INTAKE_INVALID;
	}
	if (row->txn.frozen)
		return reuse(job, why, why_size);
	return freeze(agent, job, why, why_size);
}
