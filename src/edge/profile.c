/*
 * profile.c - etc/profiles/NAME.conf -> struct profile.
 *
 * Knows the grammar and what would be dangerous or useless in it; nothing of any one gateway.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/checks.h"
#include "edge/profile.h"
#include "edge/profile_parts.h"

enum { STATUSES_MAX = 64 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* The file while it is being read: readers get this, so the profile comes first. */
struct draft {
	struct profile profile;
	bool unprocessed_given;
};

bool
profile_refuse(
    struct settings *settings, const config_setting_t *setting, const char *text, const char *wrong)
{
	if (wrong != NULL)
		settings_problem(settings, setting, "\"%s\": %s", settings_shown(text), wrong);
	return wrong != NULL;
}

bool
profile_names_header(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

void
profile_read_header_names(struct settings *settings, const config_setting_t *setting,
    const char *example, char ***names, size_t *count)
{
	if (settings_strings(settings, setting, 0, PROFILE_HEADERS_MAX, example, names, count) != 0)
		return;
	for (size_t i = 0; i < *count; i++) {
		const char *name = (*names)[i];

		if (!profile_refuse(settings, setting, name, check_header_name(name)))
			profile_refuse(settings, setting, name, check_header_free(name));
		if (profile_names_header(*names, i, name))
			profile_refuse(settings, setting, name, "given twice; take one out");
	}
}

static void
read_statuses(
    struct settings *settings, const config_setting_t *setting, int **statuses, size_t *count)
{
	settings_integers(settings, setting, STATUSES_MAX, 400, 599, "[401, 429]", statuses, count);
}

static void
read_base_url(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	const char *url = settings_string(settings, setting, "\"https://api.example.com\"");

	if (url != NULL)
		profile_refuse(
		    settings, setting, url, check_base_url(url, false, false, &profile->base_url));
}

static void
read_required_headers(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;

	profile_read_header_names(settings, setting, "[\"X-Api-Key\"]", &profile->required_headers,
	    &profile->required_header_count);
}

/* headers = { Accept = "application/json"; } becomes whole lines. */
static void
read_headers(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	size_t count = (size_t)config_setting_length(setting);

	if (!settings_is_group(settings, setting, "{ Accept = \"application/json\"; }"))
		return;
	if (count > PROFILE_HEADERS_MAX) {
		settings_problem(
		    settings, setting, "write at most %d headers", PROFILE_HEADERS_MAX);
		return;
	}
	profile->fixed_headers = settings_array(settings, count, sizeof(char *));
	for (size_t i = 0; profile->fixed_headers != NULL && i < count; i++) {
		const config_setting_t *header = config_setting_get_elem(setting, (unsigned)i);
		const char *name = config_setting_name(header);
		const char *value = settings_string(settings, header, "\"text\"");
		char *line;

		if (value == NULL ||
		    profile_refuse(settings, header, name, check_header_name(name)) ||
		    profile_refuse(settings, header, name, check_header_free(name)) ||
		    profile_refuse(settings, header, value, check_header_value(value)))
			continue;
		if (asprintf(&line, "%s: %s", name, value) < 0)
			settings_problem(settings, NULL, "out of memory; try again");
		else
			profile->fixed_headers[profile->fixed_header_count++] = line;
	}
}

static void
read_unprocessed(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft *draft = target;

	draft->unprocessed_given = true;
	read_statuses(
	    settings, setting, &draft->profile.unprocessed, &draft->profile.unprocessed_count);
}

static void
read_unprocessed_if_unexposed(
    struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;

	read_statuses(settings, setting, &profile->unprocessed_if_unexposed,
	    &profile->unprocessed_if_unexposed_count);
}

static void
read_fetch_prefix(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	const char *prefix = settings_string(settings, setting, "\"/api_requests/\"");

	if (prefix == NULL || profile_refuse(settings, setting, prefix, check_path(prefix)))
		return;
	if (prefix[strlen(prefix) - 1] != '/')
		profile_refuse(settings, setting, prefix,
		    "a prefix ends with /, or it would admit other paths");
	else
		profile->fetch_prefix = settings_copy(settings, prefix);
}

#define FIELD(member) offsetof(struct draft, profile.member)

static const struct setting_rule profile_rules[] = {
    {.name = "base_url", .type = SETTING_OTHER, .read = read_base_url},
    {.name = "required_headers", .type = SETTING_OTHER, .read = read_required_headers},
    {.name = "headers", .type = SETTING_OTHER, .read = read_headers},
    {.name = "key", .type = SETTING_OTHER, .read = profile_key_read},
    {.name = "unprocessed", .type = SETTING_OTHER, .read = read_unprocessed},
    {.name = "unprocessed_if_unexposed",
	.type = SETTING_OTHER,
	.read = read_unprocessed_if_unexposed},
    {.name = "answers_json",
	.type = SETTING_BOOLEAN,
	.offset = FIELD(answers_json),
	.example = "true"},
    {.name = "fetch_prefix", .type = SETTING_OTHER, .read = read_fetch_prefix},
    {.name = "poll_interval",
	.type = SETTING_DURATION,
	.min = 10,
	.max = HOUR_MS,
	.offset = FIELD(poll_interval_ms),
	.example = "\"2s\""},
    {.name = "poll_deadline",
	.type = SETTING_DURATION,
	.min = 100,
	.max = 90 * DAY_MS,
	.offset = FIELD(poll_deadline_ms),
	.example = "\"4m\""},
    {.name = "login", .type = SETTING_OTHER, .read = profile_login_read},
    {.name = "operations",
	.type = SETTING_OTHER,
	.required = true,
	.read = profile_operations_read,
	.example = "{ order = { method = \"POST\"; path = \"/orders\"; kind = \"keyless\"; }; }"},
    {.name = "answers",
	.type = SETTING_OTHER,
	.required = true,
	.read = profile_answers_read,
	.example = "( { name = \"done\"; phase = \"submit\"; status = \"2xx\"; verdict = "
		   "\"succeeded\"; } )"},
};

#undef FIELD

/* What RFC 9110 and the usual gateways mean by these: refused before anything was done. */
static void
default_unprocessed(struct settings *settings, struct profile *profile)
{
	static const int usual[] = {401, 421, 425, 429};

	profile->unprocessed = settings_array(settings, COUNT(usual), sizeof(int));
	if (profile->unprocessed == NULL)
		return;
	memcpy(profile->unprocessed, usual, sizeof(usual));
	profile->unprocessed_count = COUNT(usual);
}

/* The file's own name without directory and ".conf". */
static void
read_name(struct settings *settings, struct profile *profile)
{
	const char *slash = strrchr(settings->file, '/');
	const char *start = slash != NULL ? slash + 1 : settings->file;
	size_t length = strlen(start);

	if (length <= strlen(".conf") || strcmp(start + length - strlen(".conf"), ".conf") != 0) {
		settings_problem(settings, NULL, "a profile's file is named NAME.conf; rename it");
		return;
	}
	profile->name = strndup(start, length - strlen(".conf"));
	if (profile->name == NULL)
		settings_problem(settings, NULL, "out of memory; try again");
}

static void
read_profile(struct settings *settings, struct draft *draft)
{
	read_name(settings, &draft->profile);
	settings_walk(
	    settings, settings_root(settings), profile_rules, COUNT(profile_rules), draft);
	if (!draft->unprocessed_given)
		default_unprocessed(settings, &draft->profile);
	/* Half-read parts would only bring problems that are none. */
	if (settings->problem_count == 0)
		profile_check(settings, &draft->profile);
}

struct profile *
profile_load(const char *file, struct text *problems)
{
	struct settings settings;
	struct draft *draft = calloc(1, sizeof(*draft));
	struct profile *profile = (struct profile *)draft;

	if (draft == NULL) {
		text_format(problems, "%s: out of memory; try again\n", file);
		return NULL;
	}
	draft->profile.answers_json = true;
	if (settings_open(&settings, file, problems) == 0)
		read_profile(&settings, draft);
	if (settings.problem_count > 0) {
		profile_free(profile);
		profile = NULL;
	}
	settings_close(&settings);
	return profile;
}

void
profile_free(struct profile *profile)
{
	if (profile == NULL)
		return;
	profile_operations_free(profile->operations, profile->operation_count);
	profile_answers_free(profile->rules, profile->rule_count);
	profile_login_free(profile->login);
	settings_free_strings(profile->required_headers, profile->required_header_count);
	settings_free_strings(profile->fixed_headers, profile->fixed_header_count);
	free(profile->key.header);
	free(profile->key.characters);
	free(profile->unprocessed);
	free(profile->unprocessed_if_unexposed);
	free(profile->fetch_prefix);
	free(profile->base_url);
	free(profile->name);
	free(profile);
}
