/*
 * memory.c - the journal behind --memory. One JSON object a line; later lines replace earlier ones.
 *
 * Written before the answer leaves, like the ledgers, so that a killed gateway still knows what it
 * has promised: a real one keeps its keys in a database.
 */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
member(struct text *line, const char *name, const char *value, size_t length)
{
	text_printf(line, "%s\"%s\":", line->length > 1 ? "," : "", name);
	text_json(line, value, length);
}

static void
words(struct text *line, const char *name, const char *value)
{
	member(line, name, value, strlen(value));
}

static void
add_answer(struct text *line, const struct answer *answer)
{
	text_printf(line, ",\"status\":%d", answer->status);
	words(line, "type", answer->content_type == NULL ? "" : answer->content_type);
	member(line, "headers", text_get(&answer->headers), answer->headers.length);
	member(line, "answer", text_get(&answer->body), answer->body.length);
}

static void
append(struct world *world, struct text *line)
{
	text_puts(line, "}\n");
	if (write(world->memory_fd, line->data, line->length) != (ssize_t)line->length ||
	    (!world->ledger.no_sync && fdatasync(world->memory_fd) != 0)) {
		perror("fakegw: cannot write --memory");
		abort();
	}
	text_free(line);
}

void
memory_keep_key(struct world *world, const char *name, const struct stored *stored)
{
	struct text line = {NULL, 0, 0};

	if (world->memory_fd < 0)
		return;
	text_puts(&line, "{");
	words(&line, "key", name);
	words(&line, "target", stored->target_hash);
	words(&line, "body", stored->body_hash);
	text_printf(&line, ",\"until\":%lld",
	    (long long)(stored->kept_until_ms - clock_steady_ms() + clock_unix_ms()));
	add_answer(&line, &stored->answer);
	append(world, &line);
}

void
memory_keep_order(struct world *world, const char *number)
{
	struct text line = {NULL, 0, 0};

	if (world->memory_fd < 0)
		return;
	text_puts(&line, "{");
	words(&line, "order", number);
	append(world, &line);
}

void
memory_keep_job(struct world *world, const struct job *job)
{
	struct text line = {NULL, 0, 0};
	int64_t offset = clock_unix_ms() - clock_steady_ms();

	if (world->memory_fd < 0)
		return;
	text_puts(&line, "{");
	words(&line, "job", job->id);
	words(&line, "previous", job->previous);
	words(&line, "used", job->used);
	words(&line, "reference", job->reference);
	words(&line, "endpoint", job->endpoint);
	words(&line, "style", job->style == NULL ? "" : job->style);
	member(&line, "request", text_get(&job->request), job->request.length);
	text_printf(&line, ",\"accepted\":%lld,\"ready\":%lld,\"left\":%ld,\"for_ever\":%d",
	    (long long)job->accepted_unix_ms, (long long)(job->ready_ms + offset),
	    job->not_ready_left, job->for_ever);
	add_answer(&line, &job->final);
	append(world, &line);
}

void
memory_reset(struct world *world)
{
	if (world->memory_fd >= 0 && ftruncate(world->memory_fd, 0) != 0)
		perror("fakegw: cannot empty --memory");
}

static const char *
string_at(const cJSON *entry, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(entry, name);

	return cJSON_IsString(found) ? found->valuestring : "";
}

static int64_t
number_at(const cJSON *entry, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(entry, name);

	return cJSON_IsNumber(found) ? (int64_t)found->valuedouble : 0;
}

/* What the program holds as a static string. */
static const char *
static_string(const char *value)
{
	static const char *const known[] = {"application/json", "text/html", "text/plain",
	    "/api_requests", "/api/v1/fetch/reservation/flight-book", "/api/v1/fetch/flight/search",
	    "/generic/operations", "Location", "Operation-Location"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], value) == 0)
			return known[i];
	return "";
}

static void
take_answer(const cJSON *entry, struct answer *answer)
{
	answer->status = (int)number_at(entry, "status");
	answer->content_type = static_string(string_at(entry, "type"));
	text_puts(&answer->headers, string_at(entry, "headers"));
	text_puts(&answer->body, string_at(entry, "answer"));
}

static void
take_key(struct world *world, const cJSON *entry)
{
	struct stored *stored = must_calloc(sizeof(*stored));

	snprintf(stored->target_hash, SHA256_TEXT_SIZE, "%s", string_at(entry, "target"));
	snprintf(stored->body_hash, SHA256_TEXT_SIZE, "%s", string_at(entry, "body"));
	stored->kept_until_ms = number_at(entry, "until") - clock_unix_ms() + clock_steady_ms();
	take_answer(entry, &stored->answer);
	map_put(&world->keys, string_at(entry, "key"), stored);
}

static void
take_job(struct world *world, const cJSON *entry)
{
	struct job *job = must_calloc(sizeof(*job));
	int64_t offset = clock_unix_ms() - clock_steady_ms();

	snprintf(job->id, UUID_SIZE, "%s", string_at(entry, "job"));
	snprintf(job->previous, UUID_SIZE, "%s", string_at(entry, "previous"));
	snprintf(job->used, UUID_SIZE, "%s", string_at(entry, "used"));
	snprintf(job->reference, NAME_SIZE, "%s", string_at(entry, "reference"));
	job->endpoint = static_string(string_at(entry, "endpoint"));
	job->style = static_string(string_at(entry, "style"));
	job->accepted_unix_ms = number_at(entry, "accepted");
	job->accepted_ms = job->accepted_unix_ms - offset;
	job->ready_ms = number_at(entry, "ready") - offset;
	job->not_ready_left = (long)number_at(entry, "left");
	job->for_ever = number_at(entry, "for_ever") != 0;
	text_puts(&job->request, string_at(entry, "request"));
	take_answer(entry, &job->final);
	if (job->previous[0] != '\0')
		map_remove(&world->jobs, job->previous);
	job_replace(world, job);
}

static void
take_line(struct world *world, const char *line)
{
	cJSON *entry = cJSON_Parse(line); /* NULL: cut off by a kill in mid-line, never answered */

	if (cJSON_HasObjectItem(entry, "key"))
		take_key(world, entry);
	else if (cJSON_HasObjectItem(entry, "job"))
		take_job(world, entry);
	else if (cJSON_HasObjectItem(entry, "order"))
		map_put(&world->orders, string_at(entry, "order"), must_strdup("used"));
	cJSON_Delete(entry);
}

int
memory_open(struct world *world, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file;
	int fd = -1;

	world->memory_fd = -1;
	if (path == NULL)
		return 0;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	file = fd < 0 ? NULL : fopen(path, "re");
	if (file == NULL) {
		fprintf(stderr, "fakegw: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (getline(&line, &size, file) > 0)
		take_line(world, line);
	free(line);
	fclose(file);
	world->memory_fd = fd;
	world->next_id = (unsigned long)(clock_unix_ms() % 1000000000);
	return 0;
}

void
memory_close(struct world *world)
{
	if (world->memory_fd >= 0)
		close(world->memory_fd);
}
