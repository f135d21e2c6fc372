/*
 * profile_parts.h - what the files that read a profile (profile*.c) share. Nobody else includes
 * this.
 */
#ifndef OUTBOXD_EDGE_PROFILE_PARTS_H
#define OUTBOXD_EDGE_PROFILE_PARTS_H

#include "core/rules.h"
#include "edge/settings.h"

enum {
	PROFILE_OPERATIONS_MAX = 64,
	PROFILE_HEADERS_MAX = 32,
};

/* Tells what is wrong with a text at its setting. True when something is (wrong is not NULL). */
bool profile_refuse(struct settings *settings, const config_setting_t *setting, const char *text,
    const char *wrong);

/* Whether a header name is among names, without case. */
bool profile_names_header(char *const *names, size_t count, const char *name);

/* Reads header names, each valid, not reserved, and once. */
void profile_read_header_names(struct settings *settings, const config_setting_t *setting,
    const char *example, char ***names, size_t *count);

/* The setting_readers of "key", "login", "operations" and "answers"; target is the struct profile.
 */
void profile_key_read(struct settings *settings, const config_setting_t *setting, void *target);
void profile_login_read(struct settings *settings, const config_setting_t *setting, void *target);
void profile_operations_read(
    struct settings *settings, const config_setting_t *setting, void *target);
void profile_answers_read(struct settings *settings, const config_setting_t *setting, void *target);

/* The setting_reader of "when" in an answer; target is the struct rule. */
void profile_when_read(struct settings *settings, const config_setting_t *setting, void *target);

/*
 * What can only be judged once the whole profile was read without a problem: each header comes from
 * one place, keys and sessions are both provided and used, rules name operations that exist, no
 * rule repeats a keyless operation, every operation can succeed, every pending one can end.
 */
void profile_check(struct settings *settings, const struct profile *profile);

void profile_login_free(struct login *login);
void profile_operations_free(struct operation *operations, size_t count);
void profile_answers_free(struct rule *rules, size_t count);

#endif
