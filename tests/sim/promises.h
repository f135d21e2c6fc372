/*
 * promises.h - P1 to P11, P13 and P14, asserted from the gateways' own log and a look into the
 * database.
 */
#ifndef OUTBOXD_SIM_PROMISES_H
#define OUTBOXD_SIM_PROMISES_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/gateway.h"

void promises_begin(void);

/* A POST leaves now. Returns the order's exposure before it. */
int64_t promises_at_send(
    struct order *order, const char *method, const char *url, const char *key, const char *body);
/* A poll leaves now. */
void promises_at_poll(const char *url);
/* The daemon was told that this exchange had no effect. */
void promises_excused(struct order *order, int64_t exposed_before);

/* Nothing may be sent until the operator has said adopt. */
void promises_await_adopt(bool await);
bool promises_awaiting_adopt(void);

/*
 * The daemon was started with a clock that is wrong: what it writes counts in wrong years. Known:
 * P11 is not asserted for such rows.
 */
void promises_clock_is_wrong(bool wrong);

/* The database as it stands, against the log. all: even when nobody wrote since the last look. */
void promises_check(bool all);
/* After a crash, before the next start: what left has a durable intent; what was accepted is there.
 */
void promises_check_after_death(bool power);

#endif
