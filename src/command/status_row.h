/*
 * status_row.h - one transaction in words, on standard output.
 */
#ifndef OUTBOXD_COMMAND_STATUS_ROW_H
#define OUTBOXD_COMMAND_STATUS_ROW_H

#include "edge/store.h"

/* The exit code: 1 when there is no such row. */
int status_row(struct store *store, int64_t id);

#endif
