/*
 * config_destination.h - one destination of outboxd.conf. Only config.c includes this.
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

#endif
