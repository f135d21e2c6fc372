/*
 * units.h - durations and sizes as people write them: "200ms", "25s", "10m", "24h", "90d"; "64KiB",
 * "1MiB".
 */
#ifndef OUTBOXD_CORE_UNITS_H
#define OUTBOXD_CORE_UNITS_H

#include <stdint.h>

/* A table of these ends with a name of NULL; the largest unit comes first. */
struct unit {
	const char *name;
	int64_t factor;
};
extern const struct unit duration_units[]; /* in ms */
extern const struct unit size_units[];     /* in bytes */

/* Digits and a unit, nothing else. -1 when it is not that or overflows. */
int units_parse(const char *string, const struct unit *units, int64_t *value);

#endif
