/*
 * profile.h - etc/profiles/NAME.conf (libconfig) -> struct profile, strictly checked.
 */
#ifndef OUTBOXD_EDGE_PROFILE_H
#define OUTBOXD_EDGE_PROFILE_H

#include "core/rules.h"
#include "core/text.h"

/*
 * Reads file. NULL when anything is wrong; then every problem found stands in problems, a line
 * each: "FILE:LINE: what is wrong, what to write". The caller frees with profile_free().
 */
struct profile *profile_load(const char *file, struct text *problems);
void profile_free(struct profile *profile);

#endif
