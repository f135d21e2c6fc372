/*
 * config_credentials.c - headers and login of a destination: what its profile asks for, from where
 * the credentials are kept.
 *
 * Values are never repeated in a message.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "edge/checks.h"
#include "edge/config_destination.h"
#include "edge/secret.h"

enum { HEADERS_MAX = 32, WHY_MAX = 1024 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
check_literal(
    const struct destination_reading *reading, const config_setting_t *setting, const char *value)
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
read_credential(
    const struct destination_reading *reading, const config_setting_t *setting, bool secret)
{
	const char *text = settings_string(
	    reading->settings, setting, "\"file:/path\", \"credential:NAME\" or the text");
	struct text why;
	char *value;

	if (text == NULL)
		return NULL;
	if (secret)
		check_literal(reading, setting, text);
	if (reading->settings->unread_credentials && secret_is_reference(text))
		return settings_copy(reading->settings, "unread");
	text_init(&why, WHY_MAX);
	value = secret_read(text, reading->directory, &why);
	if (value == NULL)
		config_refuse(reading->settings, setting, text_string(&why));
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
check_header_owner(const struct destination_reading *reading, const char *name)
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
read_header(const struct destination_reading *reading, const config_setting_t *setting)
{
	struct destination *destination = &reading->draft->destination;
	struct config_header *header = &destination->headers[destination->header_count];
	const struct profile *profile = reading->profile;
	const char *name = config_setting_name(setting);
	bool required = profile != NULL &&
			is_one_of(profile->required_headers, profile->required_header_count, name);

	if (config_refuse(reading->settings, setting, check_header_name(name)) ||
	    config_refuse(reading->settings, setting, check_header_free(name)) ||
	    config_refuse(reading->settings, setting, check_header_owner(reading, name)))
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
		config_refuse(reading->settings, setting, check_header_value(header->value));
}

static void
read_headers(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "headers");
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
check_required_headers(const struct destination_reading *reading)
{
	const struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "headers");
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
check_login_names(const struct destination_reading *reading, const config_setting_t *setting)
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
read_login(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "login");
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
			config_refuse(reading->settings, member, check_utf8(value->value));
	}
}

void
config_credentials_read(const struct destination_reading *reading)
{
	read_headers(reading);
	if (reading->profile == NULL)
		return;
	check_required_headers(reading);
	read_login(reading);
}
