/* plan.h - an answer that breaks the protocol or the connection, as bytes and an ending. */
#ifndef FAKEGW_PLAN_H
#define FAKEGW_PLAN_H

#include "gateway.h"

enum plan_end {
	END_ANSWER, /* hand back to the HTTP library, which sends the answer */
	END_CLOSE,
	END_RESET,
	END_HANG, /* for hold_ms, or for ever when that is negative; then close */
};

struct plan {
	struct text bytes;
	size_t slow_from;    /* from here on one byte every ms_per_byte */
	int64_t ms_per_byte; /* 0: all at once */
	struct text loop;    /* repeated for ever after bytes, unless empty */
	enum plan_end end;
	int64_t hold_ms;
	int64_t delay_ms; /* before anything */
};

/* What the exchange's faults make of its answer. false: the library can send it at once. */
bool plan_make(const struct exchange *exchange, struct plan *plan);
void plan_free(struct plan *plan);

#endif
