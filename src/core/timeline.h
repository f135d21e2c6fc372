/*
 * timeline.h - what time it is, and whether to believe it.
 *
 * Wall clocks jump: by hand, by a flat battery, by NTP. While the wall moves with the boot clock it
 * is trusted. After a jump the timeline goes on with the boot clock and is not trusted until a
 * gateway's Date header agrees with the wall, or the operator confirms. Without trust no deadline
 * passes and no exposed row is sent again. Pure.
 */
#ifndef OUTBOXD_CORE_TIMELINE_H
#define OUTBOXD_CORE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	TIMELINE_STEP_MS = 60 * 1000, /* a smaller difference is followed, a larger one is a jump */
	TIMELINE_AGREE_MS = 5 * 60 * 1000, /* a Date header this near confirms */
};
/* Longest plausible time switched off. */
#define TIMELINE_AWAY_MS (INT64_C(30) * 24 * 3600 * 1000)

struct timeline {
	int64_t base_now;  /* Unix ms at base_boot */
	int64_t base_boot; /* boot clock, ms */
	int64_t offset;    /* wall - boot when last seen */
	bool trusted;
};

/*
 * At start. mark is the newest trusted time of the last run (Unix ms, TIME_NONE: there was none):
 * trusted when the wall is not before it and at most TIMELINE_AWAY_MS after it.
 */
void timeline_start(struct timeline *line, int64_t wall, int64_t boot, int64_t mark);

/* Takes both clocks' readings and returns now, in Unix ms. jumped (may be NULL) is set when this
 * reading broke trust. */
int64_t timeline_read(struct timeline *line, int64_t wall, int64_t boot, bool *jumped);

/*
 * A peer's idea of the time. True when it brought trust back; now may then have moved (due times
 * that lie too far ahead must be brought forward).
 */
bool timeline_witness(struct timeline *line, int64_t wall, int64_t boot, int64_t date);

/* The operator says that the wall is right. */
void timeline_confirm(struct timeline *line, int64_t wall, int64_t boot);

#endif
