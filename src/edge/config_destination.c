/*
 * config_destination.c - one destination: its limits, its credentials, and what its profile asks of
 * it.
 *
 * Values of headers and of the login are never repeated in a message.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/checks.h"
#include "edge/config_destination.h"
#include "edge/secret.h"

enum { STATUSES_MAX = 64, ORIGINS_MAX = 16, RATE_MAX = 10000, WHY_MAX = 1024 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static const char *const replay_words[] = {"success", "all", NULL};
static const char *const card_words[] = {"never", "erase", NULL};

const config_setting_t *
config_given(const struct destination_reading *reading, const char *name)
{
	return config_setting_get_member(reading->group, name);
}

bool
config_refuse(struct settings *settings, const config_setting_t *setting, const char *wrong)
{
	if (wrong != NULL)
		settings_problem(settings, setting, "%s", wrong);
	return wrong != NULL;
}

char *
config_path(struct settings *settings, const char *directory, const char *path)
{
	char *joined;

	if (path[0] == '/')
		return settings_copy(settings, path);
	if (asprintf(&joined, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, path) >= 0)
		return joined;
	settings_problem(settings, NULL, "out of memory; try again");
	return NULL;
}

/* --- the table --- */

/* Known, but read once the profile and the other settings are. */
static void
read_later(struct settings *settings, const config_setting_t *setting, void *target)
{
	(void)settings;
	(void)setting;
	(void)target;
}

/* "50/s", "30/m". */
static void
read_rate(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct destination_draft *draft = target;
	const char *text = settings_string(settings, setting, "\"50/s\" or \"30/m\"");
	size_t digits;
	int number;

	if (text == NULL)
		return;
	digits = strspn(text, "0123456789");
	number = digits >= 1 && digits <= 5 ? atoi(text) : 0;
	if (number < 1 || number > RATE_MAX || text[0] == '0' ||
	    (strcmp(text + digits, "/s") != 0 && strcmp(text + digits, "/m") != 0)) {
		settings_problem(settings, setting,
		    "\"%s\" is no rate from 1 to %d a second or a minute; write for instance "
		    "\"50/s\" or \"30/m\"",
		    settings_shown(text), RATE_MAX);
		return;
	}
	draft->destination.rate_per_second = text[digits + 1] == 's' ? number : number / 60.0;
}

static void
read_unprocessed(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct destination_draft *draft = target;

	settings_integers(settings, setting, STATUSES_MAX, 400, 599, "[401, 429]",
	    &draft->destination.unprocessed, &draft->destination.unprocessed_count);
}

static void
read_fetch_origins(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct destination_draft *draft = target;

	settings_strings(settings, setting, 0, ORIGINS_MAX, "[\"https://fetch.example.com\"]",
	    &draft->destination.fetch_origins, &draft->destination.fetch_origin_count);
}

#define FIELD(member) offsetof(struct destination_draft, destination.member)
#define OTHER(setting, reader)                                                                     \
	{                                                                                          \
		.name = setting, .type = SETTING_OTHER, .read = reader                             \
	}
#define DURATION(setting, field, low, high, text)                                                  \
	{                                                                                          \
		.name = setting, .type = SETTING_DURATION, .min = low, .max = high,                \
		.offset = FIELD(field), .example = "\"" text "\""                                  \
	}
#define INTEGER(setting, high, text)                                                               \
	{                                                                                          \
		.name = #setting, .type = SETTING_INTEGER, .min = 1, .max = high,                  \
		.offset = FIELD(setting), .example = text                                          \
	}
#define BOOLEAN(setting, at)                                                                       \
	{                                                                                          \
		.name = setting, .type = SETTING_BOOLEAN, .offset = at, .example = "true"          \
	}
#define TEXT(setting, high, text)                                                                  \
	{                                                                                          \
		.name = #setting, .type = SETTING_STRING, .min = 1, .max = high,                   \
		.offset = offsetof(struct destination_draft, setting), .example = text             \
	}
#define CHOICE(setting, words, text)                                                               \
	{                                                                                          \
		.name = #setting, .type = SETTING_CHOICE, .choices = words,                        \
		.offset = offsetof(struct destination_draft, setting), .example = text             \
	}

static const struct setting_rule destination_rules[] = {
    {.name = "profile",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_later,
	.example = "\"riverty\""},
    OTHER("base_url", read_later),
    OTHER("headers", read_later),
    OTHER("login", read_later),
    OTHER("rate", read_rate),
    OTHER("unprocessed", read_unprocessed),
    OTHER("fetch_origins", read_fetch_origins),
    INTEGER(concurrency, 256, "8"),
    INTEGER(poll_concurrency, 1024, "64"),
    DURATION("ramp", ramp_ms, 0, HOUR_MS, "60s"),
    DURATION("connect_timeout", connect_timeout_ms, 100, 2 * MINUTE_MS, "10s"),
    DURATION("request_timeout", request_timeout_ms, 100, 10 * MINUTE_MS, "60s"),
    DURATION("poll_timeout", poll_timeout_ms, 100, 10 * MINUTE_MS, "60s"),
    DURATION("poll_interval", poll_interval_ms, 10, HOUR_MS, "2s"),
    DURATION("poll_interval_max", poll_interval_max_ms, 10, DAY_MS, "30s"),
    DURATION("poll_deadline", poll_deadline_ms, 100, 90 * DAY_MS, "24h"),
    DURATION("give_up_after", give_up_after_ms, 100, 90 * DAY_MS, "24h"),
    DURATION("retry_base", retry_base_ms, 10, HOUR_MS, "2s"),
    DURATION("retry_cap", retry_cap_ms, 10, DAY_MS, "10m"),
    DURATION("probe_interval", probe_interval_ms, 10, HOUR_MS, "30s"),
    DURATION("probe_interval_max", probe_interval_max_ms, 10, DAY_MS, "10m"),
    DURATION("key_retention", key_retention_ms, 1000, 400 * DAY_MS, "24h"),
    TEXT(key_header, 64, "\"X-Idempotency-Key\""),
    BOOLEAN("key_quoted", offsetof(struct destination_draft, key_quoted)),
    CHOICE(replay, replay_words, "\"all\""),
    CHOICE(card_data, card_words, "\"never\" or \"erase\""),
    TEXT(ca_file, 4096, "\"/etc/outboxd/ca.pem\""),
    TEXT(client_cert, 4096, "\"/etc/outboxd/client.pem\""),
    TEXT(client_key, 4096, "\"/etc/outboxd/client.key\""),
    BOOLEAN("allow_plain_loopback", FIELD(allow_plain_loopback)),
    BOOLEAN("allow_private", FIELD(allow_private)),
};

static void
set_defaults(struct destination *destination)
{
	destination->concurrency = 8;
	destination->poll_concurrency = 64;
	destination->ramp_ms = MINUTE_MS;
	destination->connect_timeout_ms = 10000;
	/* Above the gateways' own 25 s. */
	destination->request_timeout_ms = MINUTE_MS;
	destination->poll_timeout_ms = MINUTE_MS;
	destination->poll_interval_ms = 2000;
	destination->poll_interval_max_ms = 30000;
	destination->poll_deadline_ms = DAY_MS;
	destination->give_up_after_ms = DAY_MS;
	destination->retry_base_ms = 2000;
	destination->retry_cap_ms = 10 * MINUTE_MS;
	destination->probe_interval_ms = 30000;
	destination->probe_interval_max_ms = 10 * MINUTE_MS;
}

/* --- what depends on several settings --- */

/* A limit that was not given follows the one that was. */
static void
check_pair(const struct destination_reading *reading, const char *low_name, int64_t *low,
    const char *high_name, int64_t *high)
{
	const config_setting_t *low_setting = config_given(reading, low_name);

	if (*low <= *high)
		return;
	if (config_given(reading, high_name) == NULL)
		*high = *low;
	else if (low_setting == NULL)
		*low = *high;
	else
		settings_problem(reading->settings, low_setting,
		    "is longer than %s; write at most that, or raise %s", high_name, high_name);
}

static void
read_base_url(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "base_url");
	const char *url;
	const char *wrong;

	if (setting != NULL) {
		url = settings_string(reading->settings, setting, "\"https://api.example.com\"");
		wrong = url == NULL ? NULL
				    : check_base_url(url, destination->allow_plain_loopback, false,
					  &destination->base_url);
		if (wrong != NULL)
			settings_problem(
			    reading->settings, setting, "\"%s\": %s", settings_shown(url), wrong);
	} else if (reading->profile != NULL && reading->profile->base_url != NULL) {
		destination->base_url =
		    settings_copy(reading->settings, reading->profile->base_url);
	} else if (reading->profile != NULL) {
		settings_problem(reading->settings, reading->group,
		    "base_url is missing, and profile \"%s\" has none; write base_url = "
		    "\"https://...\";",
		    reading->profile->name);
	}
}

static void
check_fetch_origins(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "fetch_origins");

	for (size_t i = 0; i < destination->fetch_origin_count; i++) {
		char *normal;
		const char *wrong = check_base_url(destination->fetch_origins[i],
		    destination->allow_plain_loopback, true, &normal);

		if (wrong != NULL) {
			settings_problem(reading->settings, setting, "\"%s\": %s",
			    settings_shown(destination->fetch_origins[i]), wrong);
			continue;
		}
		free(destination->fetch_origins[i]);
		destination->fetch_origins[i] = normal;
	}
}

/* --- files --- */

static bool
is_readable_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, R_OK) == 0;
}

static char *
read_file_name(const struct destination_reading *reading, const char *name, const char *path)
{
	char *joined;

	if (path == NULL)
		return NULL;
	joined = config_path(reading->settings, reading->directory, path);
	if (joined != NULL && !is_readable_file(joined))
		settings_problem(reading->settings, config_given(reading, name),
		    "%s is no file that can be read; name a PEM file", joined);
	return joined;
}

static void
read_files(const struct destination_reading *reading)
{
	struct destination_draft *draft = reading->draft;
	struct destination *destination = &draft->destination;
	struct text why;

	destination->ca_file = read_file_name(reading, "ca_file", draft->ca_file);
	destination->client_cert = read_file_name(reading, "client_cert", draft->client_cert);
	if (draft->client_key == NULL)
		return;
	if (draft->client_cert == NULL)
		settings_problem(reading->settings, config_given(reading, "client_key"),
		    "a client key without its certificate; write client_cert = \"/path\";");
	destination->client_key =
	    config_path(reading->settings, reading->directory, draft->client_key);
	text_init(&why, WHY_MAX);
	if (destination->client_key != NULL && !reading->settings->unread_credentials &&
	    secret_check_file(destination->client_key, &why) != 0)
		config_refuse(
		    reading->settings, config_given(reading, "client_key"), text_string(&why));
	text_free(&why);
}

/* --- the whole --- */

static void
read_unprocessed_default(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const struct profile *profile = reading->profile;

	if (config_given(reading, "unprocessed") != NULL || profile->unprocessed_count == 0)
		return;
	destination->unprocessed =
	    settings_array(reading->settings, profile->unprocessed_count, sizeof(int));
	if (destination->unprocessed == NULL)
		return;
	destination->unprocessed_count = profile->unprocessed_count;
	memcpy(destination->unprocessed, profile->unprocessed,
	    profile->unprocessed_count * sizeof(int));
}

static void
read_polling(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const struct profile *profile = reading->profile;

	if (config_given(reading, "poll_interval") == NULL && profile->poll_interval_ms > 0)
		destination->poll_interval_ms = profile->poll_interval_ms;
	if (config_given(reading, "poll_deadline") == NULL && profile->poll_deadline_ms > 0)
		destination->poll_deadline_ms = profile->poll_deadline_ms;
}

static void
read_by_profile(const struct destination_reading *reading)
{
	read_unprocessed_default(reading);
	read_polling(reading);
	config_keys_read(reading);
}

static void
check_pairs(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;

	check_pair(reading, "poll_interval", &destination->poll_interval_ms, "poll_interval_max",
	    &destination->poll_interval_max_ms);
	check_pair(reading, "retry_base", &destination->retry_base_ms, "retry_cap",
	    &destination->retry_cap_ms);
	check_pair(reading, "probe_interval", &destination->probe_interval_ms, "probe_interval_max",
	    &destination->probe_interval_max_ms);
}

void
config_destination_read(struct settings *settings, const config_setting_t *group,
    const char *directory, const struct profile *profile, struct destination *destination)
{
	struct destination_draft draft = {0};
	struct destination_reading reading = {settings, group, directory, profile, &draft};

	set_defaults(&draft.destination);
	settings_walk(settings, group, destination_rules, COUNT(destination_rules), &draft);
	draft.destination.profile = profile;
	draft.destination.name = settings_copy(settings, config_setting_name(group));
	draft.destination.card_data = (enum card_policy)draft.card_data;
	read_base_url(&reading);
	check_fetch_origins(&reading);
	config_credentials_read(&reading);
	read_files(&reading);
	if (profile != NULL)
		read_by_profile(&reading);
	check_pairs(&reading);
	*destination = draft.destination;
	free(draft.key_header);
	free(draft.ca_file);
	free(draft.client_cert);
	free(draft.client_key);
}

void
config_destination_free(struct destination *destination)
{
	for (size_t i = 0; i < destination->header_count; i++) {
		free(destination->headers[i].name);
		secret_free(destination->headers[i].value);
	}
	for (size_t i = 0; i < destination->login_count; i++) {
		free(destination->login[i].name);
		secret_free(destination->login[i].value);
	}
	free(destination->headers);
	free(destination->login);
	free(destination->name);
	free(destination->base_url);
	free(destination->key_header);
	free(destination->unprocessed);
	settings_free_strings(destination->fetch_origins, destination->fetch_origin_count);
	free(destination->ca_file);
	free(destination->client_cert);
	free(destination->client_key);
}
