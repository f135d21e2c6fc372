/*
 * profile_answers.h - the "answers" part of a profile: rules. Only profile.c includes this.
 */
#ifndef OUTBOXD_EDGE_PROFILE_ANSWERS_H
#define OUTBOXD_EDGE_PROFILE_ANSWERS_H

#include "core/rules.h"
#include "edge/settings.h"

/* The setting_reader of "answers"; target is the struct profile. */
void profile_answers_read(struct settings *settings, const config_setting_t *setting, void *target);

/*
 * What can only be judged once the whole profile was read: operations exist, a login verdict has a
 * login, no rule repeats a keyless operation, every operation can succeed, every pending can end.
 */
void profile_answers_check(
    struct settings *settings, const config_setting_t *answers, const struct profile *profile);

void profile_answers_free(struct rule *rules, size_t count);

#endif
