/* jobs.c - fetch-later jobs under their current id, and the ids that were replaced; see jobs.h. */
#include "jobs.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long
job_wanted(const struct exchange *exchange, long fallback)
{
	const struct fault *fault = exchange_fault(exchange, GROUP_PENDING);

	if (fault == NULL)
		return fallback;
	return fault->kind == FAULT_PENDING ? (long)fault->number : 0;
}

struct job *
job_new(struct world *world, const struct exchange *exchange, long not_ready, const char *endpoint)
{
	struct job *job = must_calloc(sizeof(*job));

	uuid_new(job->id);
	snprintf(job->reference, sizeof(job->reference), "%s", exchange->reference);
	job->endpoint = endpoint;
	job->accepted_unix_ms = clock_unix_ms();
	job->accepted_ms = clock_steady_ms();
	job->ready_ms = job->accepted_ms + world->process_ms;
	job->not_ready_left = not_ready;
	job->for_ever = faults_have(&exchange->faults, FAULT_NOT_READY_FOREVER);
	text_copy(&job->request, &exchange->body);
	map_put(&world->jobs, job->id, job);
	return job;
}

/* The job that once had this id. */
static struct job *
find_replaced(const struct world *world, const char *id)
{
	const char *next = map_get(&world->old_urls, id);
	struct job *job = NULL;

	while (job == NULL && next != NULL) {
		job = map_get(&world->jobs, next);
		next = map_get(&world->old_urls, next);
	}
	return job;
}

struct job *
job_find(struct world *world, const char *id)
{
	struct job *job = map_get(&world->jobs, id);

	if (job != NULL) {
		memcpy(job->used, job->id, UUID_SIZE);
		return job;
	}
	if (!world->fetch_grace)
		return NULL;
	job = find_replaced(world, id);
	return job != NULL && strcmp(job->used, id) == 0 ? job : NULL;
}

const char *
job_reference(const struct world *world, const char *id)
{
	const struct job *job = map_get(&world->jobs, id);
	const char *old;

	if (job != NULL)
		return job->reference;
	old = map_get(&world->old_urls, id);
	return old == NULL ? NULL : old + UUID_SIZE;
}

bool
job_poll(struct world *world, struct job *job, const struct exchange *exchange)
{
	if (job->for_ever || faults_have(&exchange->faults, FAULT_NOT_READY_FOREVER))
		return false;
	if (job->not_ready_left > 0) {
		job->not_ready_left--;
		memory_keep_job(world, job);
		return false;
	}
	return clock_steady_ms() >= job->ready_ms;
}

void
job_replace(struct world *world, struct job *job)
{
	/* the id that came after (for --fetch-grace), then the reference */
	char *old = must_calloc(UUID_SIZE + strlen(job->reference) + 1);

	if (job->previous[0] == '\0') {
		free(old);
	} else {
		map_take(&world->jobs, job->previous);
		memcpy(old, job->id, UUID_SIZE);
		strcpy(old + UUID_SIZE, job->reference);
		map_put(&world->old_urls, job->previous, old);
	}
	map_put(&world->jobs, job->id, job);
}

void
job_rename(struct world *world, struct job *job)
{
	memcpy(job->previous, job->id, UUID_SIZE);
	uuid_new(job->id);
	job_replace(world, job);
	memory_keep_job(world, job);
}

void
job_free(void *value)
{
	struct job *job = value;

	answer_free(&job->final);
	text_free(&job->request);
	free(job->conversation);
	free(job);
}
