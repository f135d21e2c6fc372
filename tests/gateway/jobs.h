/* jobs.h - what is still processing and is fetched later. */
#ifndef FAKEGW_JOBS_H
#define FAKEGW_JOBS_H

#include "gateway.h"

struct job {
	char id[UUID_SIZE];       /* the current one */
	char previous[UUID_SIZE]; /* the one that id replaced, or "" */
	char used[UUID_SIZE];     /* the one that was polled last, or "" */
	char reference[NAME_SIZE];
	const char *endpoint; /* static: the fetch path it belongs to */
	const char *style;    /* static, of the dialect */
	char *conversation;   /* or NULL */
	struct answer final;
	struct text request; /* the submit's body, which VRIO echoes */
	int64_t accepted_unix_ms;
	int64_t accepted_ms; /* steady */
	int64_t ready_ms;
	long not_ready_left;
	bool for_ever;
};

/* A job for the exchange: `not_ready` polls (and --process-ms) go by before final is given. */
struct job *job_new(
    struct world *world, const struct exchange *exchange, long not_ready, const char *endpoint);

/* By its current id (or, with --fetch-grace, by the one before); NULL if there is none. */
struct job *job_find(struct world *world, const char *id);

/* Whose id that is or was, for the reference of a poll; NULL if never given. */
const char *job_reference(const struct world *world, const char *id);

/* Counts one poll; true when the final answer may be given. */
bool job_poll(struct world *world, struct job *job, const struct exchange *exchange);

/* Gives the job a new id: the old one stops working. */
void job_rename(struct world *world, struct job *job);

/* Puts the job under its id, and its previous id (unless empty) among the replaced ones. */
void job_replace(struct world *world, struct job *job);

void job_free(void *value);

/* How many polls the script (or else fallback) makes not ready; -1: the answer comes at once. */
long job_wanted(const struct exchange *exchange, long fallback);

#endif
