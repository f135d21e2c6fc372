/*
 * config_destination.h - one destination of outboxd.conf. Only config*.c include this.
 */
#ifndef OUTBOXD_EDGE_CONFIG_DESTINATION_H
#define OUTBOXD_EDGE_CONFIG_DESTINATION_H

#include "edge/config.h"
#include "edge/settings.h"

/*
 * Reads the group into destination, which is zeroed. directory: what relative paths are relative
 * to. profile may be NULL when it could not be loaded (told already): then only what does not
 * depend on it is checked.
 */
void config_destination_read(struct settings *settings, const config_setting_t *group,
    const char *directory, const struct profile *profile, struct destination *destination);

/* Wipes the credentials and frees what the destination owns. */
void config_destination_free(struct destination *destination);

/* path itself when absolute, else below directory; malloc'd, NULL with the problem told. */
char *config_path(struct settings *settings, const char *directory, const char *path);

/* --- what config_destination.c, config_credentials.c and config_keys.c share --- */

/* A destination while it is being read: what is only known once everything else is. */
struct destination_draft {
	struct destination destination;
	int replay;
	int card_data;
	char *key_header;
	bool key_quoted;
	char *ca_file;
	char *client_cert;
	char *client_key;
};

struct destination_reading {
	struct settings *settings;
	const config_setting_t *group;
	const char *directory;
	const struct profile *profile; /* or NULL */
	struct destination_draft *draft;
};

/* The setting of that name, or NULL when the file does not have it. */
const config_setting_t *config_given(const struct destination_reading *reading, const char *name);

/* Tells what is wrong at a setting. True when something is (wrong is not NULL). */
bool config_refuse(struct settings *settings, const config_setting_t *setting, const char *wrong);

/* Headers and login: read, and compared with what the profile asks for. After base_url is known. */
void config_credentials_read(const struct destination_reading *reading);

/* Everything about idempotency keys; the profile must be known. */
void config_keys_read(const struct destination_reading *reading);

#endif
