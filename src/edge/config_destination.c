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

enum { HEADERS_MAX = 32, STATUSES_MAX = 64, ORIGINS_MAX = 16, RATE_MAX = 10000, WHY_MAX = 1024 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* The margin before a key expires is 15 min at least: less than this leaves nothing to work with.
 */
#define KEY_RETENTION_MIN_MS (20 * MINUTE_MS)

static const char *const replay_words[] = {"success", "all", NULL};
static const char *const card_words[] = {"never", "erase", NULL};

/* A destination while it is being read; readers get its destination part. */
struct draft {
	struct destination destination;
	int replay;
	int card_data;
	char *key_header;
	bool key_quoted;
	char *ca_file;
	char *client_cert;
	char *client_key;
};

/* What every function below needs. */
struct reading {
	struct settings *settings;
	const config_setting_t *group;
	const char *directory;
	const struct profile *profile;
	struct draft *draft;
};

static const config_setting_t *
given(const struct reading *reading, const char *name)
{
	return config_setting_get_member(reading->group, name);
}

static bool
refuse(struct settings *settings, const config_setting_t *setting, const char *wrong)
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
	struct draft *draft = target;
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
	struct draft *draft = target;

	settings_integers(settings, setting, STATUSES_MAX, 400, 599, "[401, 429]",
	    &draft->destination.unprocessed, &draft->destination.unprocessed_count);
}

static void
read_fetch_origins(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft *draft = target;

	settings_strings(settings, setting, 0, ORIGINS_MAX, "[\"https://fetch.example.com\"]",
	    &draft->destination.fetch_origins, &draft->destination.fetch_origin_count);
}

#define FIELD(member) offsetof(struct draft, destination.member)
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
		.offset = offsetof(struct draft, setting), .example = text                         \
	}
#define CHOICE(setting, words, text)                                                               \
	{                                                                                          \
		.name = #setting, .type = SETTING_CHOICE, .choices = words,                        \
		.offset = offsetof(struct draft, setting), .example = text                         \
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
    BOOLEAN("key_quoted", offsetof(struct draft, key_quoted)),
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
check_pair(const struct reading *reading, const char *low_name, int64_t *low, const char *high_name,
    int64_t *high)
{
	const config_setting_t *low_setting = given(reading, low_name);

	if (*low <= *high)
		return;
	if (given(reading, high_name) == NULL)
		*high = *low;
	else if (low_setting == NULL)
		*low = *high;
	else
		settings_problem(reading->settings, low_setting,
		    "is longer than %s; write at most that, or raise %s", high_name, high_name);
}

static void
read_base_url(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "base_url");
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
check_fetch_origins(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "fetch_origins");

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

/* --- credentials --- */

/* Whether a name says that its value is secret. */
static bool
sounds_secret(const char *name)
{
	static const char *const words[] = {"key", "token", "secret", "password", "auth"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

/* A secret written into a file that every user of the machine may read. Tests against this machine
 * itself may. */
static void
check_literal(const struct reading *reading, const config_setting_t *setting, const char *value)
{
	const char *url = reading->draft->destination.base_url;

	if ((reading->settings->mode & S_IROTH) == 0 || secret_is_reference(value) ||
	    (url != NULL && check_is_loopback(url)))
		return;
	settings_problem(reading->settings, setting,
	    "a credential in a file that everybody may read; write \"file:/path\" or "
	    "\"credential:NAME\", or run chmod 0640 %s",
	    reading->settings->file);
}

/* The value behind a setting, or NULL with the problem told. */
static char *
read_credential(const struct reading *reading, const config_setting_t *setting, bool secret)
{
	const char *text = settings_string(
	    reading->settings, setting, "\"file:/path\", \"credential:NAME\" or the text");
	struct text why;
	char *value;

	if (text == NULL)
		return NULL;
	if (secret)
		check_literal(reading, setting, text);
	text_init(&why, WHY_MAX);
	value = secret_read(text, reading->directory, &why);
	if (value == NULL)
		refuse(reading->settings, setting, text_string(&why));
	text_free(&why);
	return value;
}

static bool
is_one_of(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
is_fixed(const struct profile *profile, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < profile->fixed_header_count; i++)
		if (strncasecmp(profile->fixed_headers[i], name, length) == 0 &&
		    profile->fixed_headers[i][length] == ':')
			return true;
	return false;
}

/* A header that somebody else sets: NULL when nobody does. */
static const char *
check_header_owner(const struct reading *reading, const char *name)
{
	const struct profile *profile = reading->profile;
	const char *key_header = reading->draft->key_header;

	if (key_header == NULL && profile != NULL)
		key_header = profile->key.header;
	if (key_header != NULL && strcasecmp(name, key_header) == 0)
		return "this header carries the idempotency key of each row; take it out";
	if (profile == NULL)
		return NULL;
	if (profile->login != NULL && strcasecmp(name, profile->login->header) == 0)
		return "this header carries the session; take it out and write login = { ... }";
	if (is_fixed(profile, name))
		return "the profile sets this header; take it out, or change it in the profile";
	for (size_t i = 0; i < profile->operation_count; i++)
		if (is_one_of(profile->operations[i].row_headers,
			profile->operations[i].row_header_count, name))
			return "the profile lets each row set this header; take it out";
	return NULL;
}

static void
read_header(const struct reading *reading, const config_setting_t *setting)
{
	struct destination *destination = &reading->draft->destination;
	struct config_header *header = &destination->headers[destination->header_count];
	const struct profile *profile = reading->profile;
	const char *name = config_setting_name(setting);
	bool required = profile != NULL &&
			is_one_of(profile->required_headers, profile->required_header_count, name);

	if (refuse(reading->settings, setting, check_header_name(name)) ||
	    refuse(reading->settings, setting, check_header_free(name)) ||
	    refuse(reading->settings, setting, check_header_owner(reading, name)))
		return;
	for (size_t i = 0; i < destination->header_count; i++) {
		if (strcasecmp(destination->headers[i].name, name) != 0)
			continue;
		settings_problem(reading->settings, setting,
		    "the same header as %s (case makes no difference); take one out",
		    settings_shown(destination->headers[i].name));
		return;
	}
	/* Counted also when the value is bad, so that it is not told as missing too. */
	header->name = settings_copy(reading->settings, name);
	if (header->name == NULL)
		return;
	destination->header_count++;
	header->value = read_credential(reading, setting, required || sounds_secret(name));
	if (header->value != NULL)
		refuse(reading->settings, setting, check_header_value(header->value));
}

static void
read_headers(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "headers");
	int count = setting != NULL ? config_setting_length(setting) : 0;

	if (setting == NULL ||
	    !settings_is_group(reading->settings, setting, "{ X-Api-Key = \"file:/path\"; }"))
		return;
	if (count > HEADERS_MAX) {
		settings_problem(reading->settings, setting, "has %d headers; write at most %d",
		    count, HEADERS_MAX);
		return;
	}
	destination->headers =
	    settings_array(reading->settings, (size_t)count, sizeof(*destination->headers));
	for (int i = 0; destination->headers != NULL && i < count; i++)
		read_header(reading, config_setting_get_elem(setting, (unsigned)i));
}

static void
check_required_headers(const struct reading *reading)
{
	const struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "headers");
	const struct profile *profile = reading->profile;

	for (size_t i = 0; i < profile->required_header_count; i++) {
		const char *name = profile->required_headers[i];
		bool found = false;

		for (size_t j = 0; j < destination->header_count; j++)
			found = found || strcasecmp(destination->headers[j].name, name) == 0;
		if (!found)
			settings_problem(reading->settings,
			    setting != NULL ? setting : reading->group,
			    "profile \"%s\" needs the header %s; write headers = { %s = "
			    "\"file:/path\"; };",
			    profile->name, name, name);
	}
}

/* Names in login = { } are the profile's own. */
static void
check_login_names(const struct reading *reading, const config_setting_t *setting)
{
	const struct login *login = reading->profile->login;
	const char **names =
	    settings_array(reading->settings, login->member_count + 1, sizeof(*names));

	for (size_t i = 0; names != NULL && i < login->member_count; i++)
		names[i] = login->members[i].setting;
	for (int i = 0; names != NULL && i < config_setting_length(setting); i++) {
		const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
		const char *nearest;
		size_t j = 0;

		while (names[j] != NULL && strcmp(names[j], config_setting_name(member)) != 0)
			j++;
		if (names[j] != NULL)
			continue;
		nearest = settings_nearest(config_setting_name(member), names);
		settings_problem(reading->settings, member,
		    "the login of profile \"%s\" has no such member; %s%s", reading->profile->name,
		    nearest != NULL ? "write " : "take it out", nearest != NULL ? nearest : "");
	}
	free(names);
}

static void
read_login(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "login");
	const struct login *login = reading->profile->login;

	if (setting != NULL && login == NULL) {
		settings_problem(reading->settings, setting,
		    "profile \"%s\" has no login; take this out", reading->profile->name);
		return;
	}
	if (login == NULL)
		return;
	if (setting != NULL) {
		if (!settings_is_group(reading->settings, setting, "{ userName = \"...\"; }"))
			return;
		check_login_names(reading, setting);
	}
	destination->login =
	    settings_array(reading->settings, login->member_count, sizeof(*destination->login));
	for (size_t i = 0; destination->login != NULL && i < login->member_count; i++) {
		const char *name = login->members[i].setting;
		const config_setting_t *member =
		    setting != NULL ? config_setting_get_member(setting, name) : NULL;
		struct config_setting_value *value =
		    &destination->login[destination->login_count++];

		if (member == NULL) {
			settings_problem(reading->settings,
			    setting != NULL ? setting : reading->group,
			    "the login of profile \"%s\" needs %s; write login = { %s = "
			    "\"file:/path\"; };",
			    reading->profile->name, name, name);
			continue;
		}
		value->name = settings_copy(reading->settings, name);
		value->value = read_credential(reading, member, sounds_secret(name));
		if (value->value != NULL)
			refuse(reading->settings, member, check_utf8(value->value));
	}
}

/* --- keys --- */

static bool
has_keyed(const struct profile *profile)
{
	for (size_t i = 0; i < profile->operation_count; i++)
		if (profile->operations[i].kind == KIND_KEYED)
			return true;
	return false;
}

static void
refuse_keys(const struct reading *reading)
{
	static const char *const names[] = {"key_retention", "key_header", "key_quoted", "replay"};

	for (size_t i = 0; i < COUNT(names); i++)
		if (given(reading, names[i]) != NULL)
			settings_problem(reading->settings, given(reading, names[i]),
			    "profile \"%s\" has no keyed operation; take this out",
			    reading->profile->name);
}

static void
read_key_header(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "key_header");
	const struct key_rules *key = &reading->profile->key;
	const char *name = reading->draft->key_header;

	if (setting != NULL && !key->header_configurable) {
		settings_problem(reading->settings, setting,
		    "profile \"%s\" fixes the key's header to %s; take this out",
		    reading->profile->name, key->header);
		return;
	}
	if (name != NULL && (refuse(reading->settings, setting, check_header_name(name)) ||
				refuse(reading->settings, setting, check_header_free(name))))
		return;
	destination->key_header =
	    settings_copy(reading->settings, name != NULL ? name : key->header);
	destination->key_quoted =
	    given(reading, "key_quoted") != NULL ? reading->draft->key_quoted : key->quoted;
	if (destination->key_quoted && strpbrk(key->characters, "\"\\") != NULL)
		settings_problem(reading->settings, given(reading, "key_quoted"),
		    "profile \"%s\" allows \" or \\ in keys, which cannot be quoted; take this "
		    "out, or "
		    "narrow characters in the profile",
		    reading->profile->name);
}

static void
read_key(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = given(reading, "key_retention");

	read_key_header(reading);
	if (setting == NULL) {
		destination->key_retention_ms = reading->profile->key_retention_ms;
		if (destination->key_retention_ms == 0)
			settings_problem(reading->settings, reading->group,
			    "key_retention is missing: how long the gateway remembers an "
			    "idempotency key (no "
			    "default, ask the gateway); write for instance key_retention = "
			    "\"24h\";");
	} else if (destination->key_retention_ms > 0 && !destination->allow_plain_loopback &&
		   destination->key_retention_ms < KEY_RETENTION_MIN_MS) {
		settings_problem(reading->settings, setting,
		    "out of range: keys are not used in the last 10 %% (15 minutes at least) of "
		    "this time; "
		    "write \"20m\" to \"400d\"");
	}
	destination->replay_set = given(reading, "replay") != NULL;
	destination->replay = (enum replay)reading->draft->replay;
}

/* --- files --- */

static bool
is_readable_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, R_OK) == 0;
}

static char *
read_file_name(const struct reading *reading, const char *name, const char *path)
{
	char *joined;

	if (path == NULL)
		return NULL;
	joined = config_path(reading->settings, reading->directory, path);
	if (joined != NULL && !is_readable_file(joined))
		settings_problem(reading->settings, given(reading, name),
		    "%s is no file that can be read; name a PEM file", joined);
	return joined;
}

static void
read_files(const struct reading *reading)
{
	struct draft *draft = reading->draft;
	struct destination *destination = &draft->destination;
	struct text why;

	destination->ca_file = read_file_name(reading, "ca_file", draft->ca_file);
	destination->client_cert = read_file_name(reading, "client_cert", draft->client_cert);
	if (draft->client_key == NULL)
		return;
	if (draft->client_cert == NULL)
		settings_problem(reading->settings, given(reading, "client_key"),
		    "a client key without its certificate; write client_cert = \"/path\";");
	destination->client_key =
	    config_path(reading->settings, reading->directory, draft->client_key);
	text_init(&why, WHY_MAX);
	if (destination->client_key != NULL &&
	    secret_check_file(destination->client_key, &why) != 0)
		refuse(reading->settings, given(reading, "client_key"), text_string(&why));
	text_free(&why);
}

/* --- the whole --- */

static void
read_unprocessed_default(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const struct profile *profile = reading->profile;

	if (given(reading, "unprocessed") != NULL || profile->unprocessed_count == 0)
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
read_polling(const struct reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const struct profile *profile = reading->profile;

	if (given(reading, "poll_interval") == NULL && profile->poll_interval_ms > 0)
		destination->poll_interval_ms = profile->poll_interval_ms;
	if (given(reading, "poll_deadline") == NULL && profile->poll_deadline_ms > 0)
		destination->poll_deadline_ms = profile->poll_deadline_ms;
}

static void
read_by_profile(const struct reading *reading)
{
	check_required_headers(reading);
	read_login(reading);
	read_unprocessed_default(reading);
	read_polling(reading);
	if (has_keyed(reading->profile))
		read_key(reading);
	else
		refuse_keys(reading);
}

static void
check_pairs(const struct reading *reading)
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
	struct draft draft = {0};
	struct reading reading = {settings, group, directory, profile, &draft};

	set_defaults(&draft.destination);
	settings_walk(settings, group, destination_rules, COUNT(destination_rules), &draft);
	draft.destination.profile = profile;
	draft.destination.name = settings_copy(settings, config_setting_name(group));
	draft.destination.card_data = (enum card_policy)draft.card_data;
	read_base_url(&reading);
	check_fetch_origins(&reading);
	read_headers(&reading);
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
