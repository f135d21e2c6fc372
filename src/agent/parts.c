/*
 * parts.c - what every room of the agent needs of the house: its configuration, and where bad news
 * goes.
 */
#include "agent/parts.h"

#include <stdio.h>

#include "edge/log.h"

const struct config *
agent_config(const struct agent *agent)
{
	return agent->generation->config;
}

void
agent_error(struct agent *agent, const char *what)
{
	(void)snprintf(agent->last_error, sizeof(agent->last_error), "%s", what);
	agent->last_error_new = true;
}

bool
agent_store_failed(struct agent *agent, enum store_status status, const char *what)
{
	switch (status) {
	case STORE_OK:
	case STORE_NOTHING:
		return false;
	case STORE_BUSY:
		agent->write_after = agent->boot + BUSY_PAUSE_MS;
		return true;
	case STORE_REPLACED:
		agent->end = AGENT_REPLACED;
		break;
	case STORE_CORRUPT:
		agent->end = AGENT_CORRUPT;
		break;
	case STORE_UNSYNCED:
		agent->end = AGENT_FAILED;
		break;
	case STORE_FULL:
	case STORE_REFUSED:
	case STORE_CONFIG:
		agent->write_after = agent->boot + FULL_PAUSE_MS;
		break;
	}
	log_write(LOG_LEVEL_ERROR, "store", LOG_TEXT("doing", what),
	    LOG_TEXT("error", status == STORE_REPLACED ? "this is not the database that was opened"
			      : status == STORE_UNSYNCED
				  ? "the disk refused to sync, or a failed commit took place: "
				    "nothing more is sent before a new start"
				  : store_error(agent->store)));
	return true;
}
