/*
 * house.c - keeping house: old rows leave in small batches, pages are given back, what was erased
 * leaves the WAL.
 *
 * The app must not notice: a batch holds the write lock for some milliseconds, and the next one
 * comes after a pause. The way through the history is remembered, because results stay for ever; a
 * place that a rolled back transaction reached is forgotten.
 */
#include "agent/parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "edge/clock.h"
#include "edge/log.h"

enum {
	BATCH_ROWS = 100,
	BATCHES_PASSED = 20, /* in one look */
	BATCH_MS = 20,       /* large bodies take longer: they are overwritten with zeros */
	PAUSE_MS = 250,      /* between batches */
	IDLE_MS = 60000,     /* between looks when there is nothing to do */
	ERASE_MS =
	    2000, /* between truncations of the WAL, and before another try when somebody reads */
};

/* Finished before this leaves; TIME_NONE: nothing does. */
static int64_t
purge_before(const struct agent *agent)
{
	int64_t retention = agent_config(agent)->retention_ms;

	if (agent->house.request != 0)
		return agent->house.before;
	return retention == 0 ? TIME_NONE : agent->now - retention;
}

static void
rest(struct agent *agent, int64_t ms)
{
	agent->house.at = agent->boot + ms;
}

/*
 * Goes past what was purged before, without a write lock: after a start that is the whole history.
 * Is there a row to purge? *more: the look was cut short.
 */
static bool
find_purgeable(struct agent *agent, int64_t before, bool *more)
{
	struct store_past past[BATCH_ROWS];
	int count = BATCH_ROWS;

	for (int batch = 0; batch < BATCHES_PASSED && count == BATCH_ROWS; batch++) {
		count = store_past(agent->store, &agent->house.place, before, past, BATCH_ROWS);
		for (int i = 0; i < count; i++) {
			if (past[i].purgeable)
				return true;
			agent->house.place = past[i];
		}
	}
	*more = count == BATCH_ROWS;
	return false;
}

bool
house_wanted(struct agent *agent, int64_t *wake_at)
{
	int64_t before = purge_before(agent);
	bool more = false;

	if (!agent->timeline.trusted)
		return false;
	if (agent->boot < agent->house.at) {
		if (*wake_at == TIME_NONE || agent->house.at < *wake_at)
			*wake_at = agent->house.at;
		return false;
	}
	if (before != TIME_NONE && find_purgeable(agent, before, &more))
		return true;
	if (!more && (agent->house.request != 0 || store_has_free_pages(agent->store)))
		return true;
	rest(agent, more ? PAUSE_MS : IDLE_MS);
	if (more && (*wake_at == TIME_NONE || agent->house.at < *wake_at))
		*wake_at = agent->house.at;
	return false;
}

/* A batch; *done: nothing older is left. */
static enum store_status
purge(struct agent *agent, int64_t before, bool *done)
{
	struct store_past past[BATCH_ROWS];
	int count = store_past(agent->store, &agent->house.place, before, past, BATCH_ROWS);
	int64_t began = clock_boot_ms();
	enum store_status status = STORE_OK;
	int passed = 0;

	while (passed < count && status == STORE_OK && clock_boot_ms() - began <= BATCH_MS) {
		if (past[passed].purgeable) {
			status = store_purge(agent->store, past[passed].id);
			agent->house.next_purged++;
		}
		agent->house.next_place = past[passed++];
	}
	*done = count >= 0 && count < BATCH_ROWS && passed == count;
	return count == -1 ? STORE_FULL : status;
}

static enum store_status
answer(struct agent *agent)
{
	char text[120];

	(void)snprintf(text, sizeof(text),
	    "%" PRId64 " rows were purged; their results and references stay",
	    agent->house.next_purged);
	log_write(LOG_LEVEL_NOTICE, "purged", LOG_NUMBER("request", agent->house.request),
	    LOG_NUMBER("rows", agent->house.next_purged));
	agent->house.next_request = 0;
	return store_control_answer(agent->store, agent->house.request, true, text, agent->now);
}

enum store_status
house_keep(struct agent *agent)
{
	struct house *house = &agent->house;
	int64_t before = purge_before(agent);
	enum store_status status = STORE_OK;
	bool done = true;

	house->next_place = house->place;
	house->next_purged = house->purged;
	house->next_request = house->request;
	house->worked = agent->timeline.trusted && agent->boot >= house->at;
	if (!house->worked)
		return STORE_OK;
	if (before != TIME_NONE)
		status = purge(agent, before, &done);
	if (status == STORE_OK && done && house->request != 0)
		status = answer(agent);
	if (status == STORE_OK && done && store_has_free_pages(agent->store)) {
		status = store_vacuum(agent->store);
		done = !store_has_free_pages(agent->store);
	}
	rest(agent, done ? IDLE_MS : PAUSE_MS);
	return status;
}

void
house_kept(struct agent *agent)
{
	struct house *house = &agent->house;

	if (!house->worked)
		return;
	house->worked = false;
	house->place = house->next_place;
	house->purged = house->next_request == 0 ? 0 : house->next_purged;
	house->request = house->next_request;
}

void
house_not_kept(struct agent *agent)
{
	if (agent->house.worked)
		rest(agent, PAUSE_MS);
	agent->house.worked = false;
}

bool
house_purge(struct agent *agent, int64_t request, int64_t before)
{
	struct house *house = &agent->house;

	if (house->request != 0)
		return house->request == request;
	house->request = request;
	house->before = before;
	house->purged = 0;
	house->place =
	    (struct store_past){.finished_at = 0}; /* a purge by hand looks at everything */
	house->at = agent->boot;
	return true;
}

/* --- card data --- */

void
house_erased(struct agent *agent)
{
	agent->house.erased = true;
}

void
house_sweep(struct agent *agent, int64_t *wake_at)
{
	struct house *house = &agent->house;

	if (!house->erased)
		return;
	if (agent->boot >= house->sweep_at) {
		/* BUSY: somebody reads; what was erased then lingers in the WAL until the next try.
		 */
		house->erased = store_truncate_wal(agent->store) != STORE_OK;
		house->sweep_at = agent->boot + ERASE_MS;
	}
	if (house->erased && (*wake_at == TIME_NONE || house->sweep_at < *wake_at))
		*wake_at = house->sweep_at;
}
