/*
 * timeline.c - one base, one offset.
 */
#include "core/timeline.h"

#include "core/txn.h"

static int64_t
distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

static void
rebase(struct timeline *line, int64_t now, int64_t boot)
{
	line->base_now = now;
	line->base_boot = boot;
}

void
timeline_start(struct timeline *line, int64_t wall, int64_t boot, int64_t mark)
{
	rebase(line, wall, boot);
	line->offset = wall - boot;
	line->trusted = mark == TIME_NONE || (wall >= mark && wall - mark <= TIMELINE_AWAY_MS);
}

int64_t
timeline_read(struct timeline *line, int64_t wall, int64_t boot, bool *jumped)
{
	int64_t now = line->base_now + (boot - line->base_boot);
	int64_t offset = wall - boot;
	bool jump = distance(offset, line->offset) > TIMELINE_STEP_MS;

	if (jumped != 0)
		*jumped = jump && line->trusted;
	line->offset = offset;
	if (jump)
		line->trusted = false;
	if (line->trusted && wall != now) {
		now = wall; /* slewed, or a small step: follow */
		rebase(line, now, boot);
	}
	return now;
}

bool
timeline_witness(struct timeline *line, int64_t wall, int64_t boot, int64_t date)
{
	if (line->trusted || distance(wall, date) > TIMELINE_AGREE_MS)
		return false;
	timeline_confirm(line, wall, boot);
	return true;
}

void
timeline_confirm(struct timeline *line, int64_t wall, int64_t boot)
{
	rebase(line, wall, boot);
	line->offset = wall - boot;
	line->trusted = true;
}
