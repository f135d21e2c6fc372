/*
 * config.h - outboxd.conf (libconfig) -> struct config, strictly checked.
 *
 * libconfig is silent about unknown names, wrong types and numbers that do not fit: everything is
 * therefore walked against a table, and what the table does not know is an error with its line.
 */
#ifndef OUTBOXD_EDGE_CONFIG_H
#define OUTBOXD_EDGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules.h"
#include "core/text.h"

enum card_policy { CARD_NEVER, CARD_ERASE };
enum log_format { LOG_KEY_VALUE, LOG_JSON };

/* A request header that a destination adds, credentials already read from their files. */
struct config_header {
	char *name;
	char *value;
};

struct config_setting_value {
	char *name;
	char *value;
};

struct destination {
	char *name;
	const struct profile *profile; /* owned by the config */
	char *base_url;                /* "https://host[:port][/prefix]", no trailing slash */
	struct config_header *headers;
	size_t header_count;
	struct config_setting_value *login; /* values of the profile's login members */
	size_t login_count;
	char *key_header; /* the effective one: profile's or overridden; NULL when no keyed
			     operation */
	bool key_quoted;
	int concurrency;
	int poll_concurrency;
	double rate_per_second; /* 0: no limit */
	int64_t ramp_ms;
	int64_t connect_timeout_ms;
	int64_t request_timeout_ms;
	int64_t poll_timeout_ms;
	int64_t poll_interval_ms;
	int64_t poll_interval_max_ms;
	int64_t poll_deadline_ms;
	int64_t give_up_after_ms;
	int64_t retry_base_ms;
	int64_t retry_cap_ms;
	int64_t probe_interval_ms;
	int64_t probe_interval_max_ms;
	int64_t key_retention_ms; /* > 0 whenever the profile has a keyed operation */
	bool replay_set;          /* replay overrides the operations' own */
	enum replay replay;
	int *unprocessed; /* the effective list: the destination's, else the profile's */
	size_t unprocessed_count;
	char **fetch_origins;
	size_t fetch_origin_count;
	enum card_policy card_data;
	char *ca_file;     /* or NULL: the system's */
	char *client_cert; /* or NULL */
	char *client_key;  /* or NULL */
	bool allow_plain_loopback;
	bool allow_private;
};

struct config {
	char *file;
	char *database;
	char *state_dir;    /* NULL: not said, when read without credentials */
	char *profiles_dir; /* what is not there is looked for among the installed ones */
	int64_t commit_window_ms;
	int64_t drain_ms;
	int64_t retention_ms; /* 0: keep for ever */
	int64_t response_max; /* bytes */
	int64_t body_max;     /* bytes */
	enum log_format log_format;
	char *metrics_file; /* or NULL */
	struct destination *destinations;
	size_t destination_count;
	struct profile **profiles; /* each loaded once */
	size_t profile_count;
};

/*
 * Reads file, the profiles it names and the credential files. Relative paths in it are relative to
 * the file's own directory. NULL when anything is wrong; then every problem found stands in
 * problems, a line each: "FILE:LINE: what is wrong, what to write" (no line for what is missing).
 * The caller frees with config_free(), which wipes credentials.
 */
struct config *config_load(const char *file, struct text *problems);
/* The same without reading a credential file: for commands that send nothing, and whose user may
 * not read them. */
struct config *config_load_without_credentials(const char *file, struct text *problems);
void config_free(struct config *config);

/* The destination of that name, or NULL. */
const struct destination *config_destination(const struct config *config, const char *name);

#endif
