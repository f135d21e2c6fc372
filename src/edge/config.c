/*
 * config.c - outboxd.conf -> struct config: the top of the file, and the profiles that its
 * destinations name.
 */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/config.h"
#include "edge/config_destination.h"
#include "edge/profile.h"
#include "edge/settings.h"

enum { DESTINATIONS_MAX = 256, NAME_LENGTH_MAX = 64, PROFILES_LISTED_MAX = 64 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)

/* What is set when the build says nothing else: profiles beside the configuration file only. */
#ifndef OUTBOXD_PROFILES_DIR
#define OUTBOXD_PROFILES_DIR ""
#endif

static const char *const log_words[] = {"text", "json", NULL};
static const char name_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/* The file while it is being read. */
struct draft {
	struct config config;
	int log_format;
	char *directory;                      /* of the file: what relative paths are relative to */
	const char *failed[DESTINATIONS_MAX]; /* profiles that could not be loaded, told already */
	size_t failed_count;
};

static void
problem_memory(struct settings *settings)
{
	settings_problem(settings, NULL, "out of memory; try again");
}

/* --- the table --- */

static void
read_later(struct settings *settings, const config_setting_t *setting, void *target)
{
	(void)settings;
	(void)setting;
	(void)target;
}

#define FIELD(member) offsetof(struct draft, config.member)
#define PATH(setting, field, needed, text)                                                         \
	{                                                                                          \
		.name = setting, .type = SETTING_STRING, .required = needed, .min = 1,             \
		.max = PATH_MAX - 1, .offset = FIELD(field), .example = text                       \
	}
#define DURATION(setting, field, low, high, text)                                                  \
	{                                                                                          \
		.name = setting, .type = SETTING_DURATION, .min = low, .max = high,                \
		.offset = FIELD(field), .example = text                                            \
	}
#define SIZE(setting, text)                                                                        \
	{                                                                                          \
		.name = #setting, .type = SETTING_SIZE, .min = 64, .max = 16 * MIB,                \
		.offset = FIELD(setting), .example = text                                          \
	}

static const struct setting_rule config_rules[] = {
    PATH("database", database, true, "\"shop.db\""),
    PATH("state_dir", state_dir, false, "\"state\""),
    PATH("profiles", profiles_dir, false, "\"/etc/outboxd/profiles\""),
    DURATION("commit_window", commit_window_ms, 0, 1000, "\"2ms\""),
    DURATION("drain", drain_ms, 0, HOUR_MS, "\"75s\""),
    DURATION("retention", retention_ms, 1000, 3650 * DAY_MS, "\"90d\""),
    SIZE(response_max, "\"1MiB\""),
    SIZE(body_max, "\"1MiB\""),
    {.name = "log_format",
	.type = SETTING_CHOICE,
	.choices = log_words,
	.offset = offsetof(struct draft, log_format),
	.example = "\"text\" or \"json\""},
    PATH("metrics_file", metrics_file, false, "\"/run/outboxd/metrics.prom\""),
    {.name = "destinations",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_later,
	.example = "{ riverty = { profile = \"riverty\"; ... }; }"},
};

/* --- paths --- */

/* Absolute, so that nothing depends on where the daemon was started. */
static void
find_directory(struct settings *settings, struct draft *draft)
{
	char *copy = settings_copy(settings, settings->file);

	if (copy == NULL)
		return;
	draft->directory = realpath(dirname(copy), NULL);
	if (draft->directory == NULL)
		settings_problem(settings, NULL,
		    "its directory cannot be resolved: %s; name it by another path",
		    strerror(errno));
	free(copy);
}

static void
make_absolute(struct settings *settings, const struct draft *draft, char **path)
{
	char *joined;

	if (*path == NULL)
		return;
	joined = config_path(settings, draft->directory, *path);
	if (joined == NULL)
		return;
	free(*path);
	*path = joined;
}

static bool
is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Unless it is set: the directory that systemd made (StateDirectory=), the first of them if there
 * are more. Commands beside the daemon have no such word from systemd, and do without: they read no
 * credentials either. */
static void
find_state_dir(struct settings *settings, struct draft *draft)
{
	struct config *config = &draft->config;
	const char *given = getenv("STATE_DIRECTORY");

	if (config->state_dir != NULL || settings->unread_credentials)
		return;
	if (given != NULL && given[0] == '/')
		config->state_dir = strndup(given, strcspn(given, ":"));
	if (config->state_dir == NULL)
		settings_problem(settings, NULL,
		    "state_dir is missing, and systemd gives none (STATE_DIRECTORY); write "
		    "state_dir = "
		    "\"/var/lib/outboxd/NAME\"; - where outboxd remembers which database it "
		    "served");
}

/* The setting, else "profiles" beside the file; what was installed is looked through after it. */
static void
find_profiles(struct settings *settings, struct draft *draft)
{
	const config_setting_t *setting =
	    config_setting_get_member(settings_root(settings), "profiles");
	struct config *config = &draft->config;
	char *beside;

	if (setting != NULL) {
		if (config->profiles_dir == NULL || is_directory(config->profiles_dir))
			return;
		settings_problem(settings, setting,
		    "%s is no directory; name the one that holds NAME.conf", config->profiles_dir);
		/* Told once: no profile is looked for there. */
		free(config->profiles_dir);
		config->profiles_dir = NULL;
		return;
	}
	beside = config_path(settings, draft->directory, "profiles");
	if (beside == NULL)
		return;
	config->profiles_dir = beside;
}

/* Where the profile of that name lies: NAME.conf, malloc'd; the first place that has it, or NULL.
 */
static char *
profile_file(const struct draft *draft, const char *name)
{
	const char *const places[] = {draft->config.profiles_dir, OUTBOXD_PROFILES_DIR};

	for (size_t i = 0; i < COUNT(places); i++) {
		char *file;

		if (places[i][0] == '\0' || asprintf(&file, "%s/%s.conf", places[i], name) < 0)
			continue;
		if (access(file, F_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

/* --- profiles --- */

/* A profile that is there and has nearly this name; malloc'd. */
static char *
nearest_profile(const char *directory, const char *name)
{
	char *names[PROFILES_LISTED_MAX + 1] = {NULL};
	size_t count = 0;
	const char *nearest;
	struct dirent *entry;
	char *copy;
	DIR *listing = opendir(directory);

	if (listing == NULL)
		return NULL;
	while (count < PROFILES_LISTED_MAX && (entry = readdir(listing)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length <= strlen(".conf") ||
		    strcmp(entry->d_name + length - strlen(".conf"), ".conf") != 0)
			continue;
		names[count] = strndup(entry->d_name, length - strlen(".conf"));
		if (names[count] == NULL)
			break;
		count++;
	}
	closedir(listing);
	nearest = settings_nearest(name, (const char *const *)names);
	copy = nearest != NULL ? strdup(nearest) : NULL;
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	return copy;
}

static void
problem_no_profile(struct settings *settings, const config_setting_t *setting,
    const struct draft *draft, const char *name)
{
	const char *directory = draft->config.profiles_dir;
	bool installed = OUTBOXD_PROFILES_DIR[0] != '\0';
	char *nearest = nearest_profile(directory, name);

	if (nearest == NULL && installed)
		nearest = nearest_profile(OUTBOXD_PROFILES_DIR, name);
	settings_problem(settings, setting, "there is no %s.conf; looked in %s%s%s%s; write %s%s%s",
	    name, directory, is_directory(directory) ? "" : " (no such directory)",
	    installed ? " and " : "", installed ? OUTBOXD_PROFILES_DIR : "",
	    nearest != NULL ? "profile = \""
			    : "the name of a profile there, or profiles = \"DIRECTORY\" at the top",
	    nearest != NULL ? nearest : "", nearest != NULL ? "\";" : "");
	free(nearest);
}

static bool
failed_before(const struct draft *draft, const char *name)
{
	for (size_t i = 0; i < draft->failed_count; i++)
		if (strcmp(draft->failed[i], name) == 0)
			return true;
	return false;
}

static const struct profile *
load_profile(struct settings *settings, const config_setting_t *setting, struct draft *draft,
    const char *name)
{
	struct config *config = &draft->config;
	struct profile *profile = NULL;
	char *file = profile_file(draft, name);

	if (file == NULL)
		problem_no_profile(settings, setting, draft, name);
	else
		profile = profile_load(file, settings->problems);
	free(file);
	if (profile != NULL) {
		config->profiles[config->profile_count++] = profile;
		return profile;
	}
	settings->problem_count++; /* told, here or under the profile's own name */
	draft->failed[draft->failed_count++] = name;
	return NULL;
}

/* The profile that a destination names, loaded once; NULL with the problem told. */
static const struct profile *
read_profile(struct settings *settings, const config_setting_t *group, struct draft *draft)
{
	const config_setting_t *setting = config_setting_get_member(group, "profile");
	struct config *config = &draft->config;
	const char *name;

	if (setting == NULL || config->profiles_dir == NULL)
		return NULL;
	name = settings_string(settings, setting, "\"riverty\"");
	if (name == NULL)
		return NULL;
	if (name[0] == '\0' || strlen(name) > NAME_LENGTH_MAX ||
	    strspn(name, name_characters) != strlen(name)) {
		settings_problem(settings, setting,
		    "\"%s\" is no profile name; write the file's name without directory and .conf",
		    settings_shown(name));
		return NULL;
	}
	for (size_t i = 0; i < config->profile_count; i++)
		if (strcmp(config->profiles[i]->name, name) == 0)
			return config->profiles[i];
	return failed_before(draft, name) ? NULL : load_profile(settings, setting, draft, name);
}

/* --- destinations --- */

static void
check_destination_name(
    struct settings *settings, const config_setting_t *setting, const struct config *config)
{
	const char *name = config_setting_name(setting);

	if (strlen(name) > NAME_LENGTH_MAX || strspn(name, name_characters) != strlen(name))
		settings_problem(settings, setting,
		    "a destination's name has at most %d letters, digits, - and _; write another "
		    "one",
		    NAME_LENGTH_MAX);
	for (size_t i = 0; i < config->destination_count; i++)
		if (config->destinations[i].name != NULL &&
		    strcasecmp(config->destinations[i].name, name) == 0)
			settings_problem(settings, setting,
			    "differs from destination %s in case only; write another name",
			    settings_shown(config->destinations[i].name));
}

static void
read_destinations(struct settings *settings, struct draft *draft)
{
	const config_setting_t *setting =
	    config_setting_get_member(settings_root(settings), "destinations");
	struct config *config = &draft->config;
	size_t count;

	if (setting == NULL ||
	    !settings_is_group(settings, setting, "{ riverty = { profile = \"riverty\"; ... }; }"))
		return;
	count = (size_t)config_setting_length(setting);
	if (count < 1 || count > DESTINATIONS_MAX) {
		settings_problem(settings, setting, "has %zu destinations; write 1 to %d", count,
		    DESTINATIONS_MAX);
		return;
	}
	config->destinations = settings_array(settings, count, sizeof(*config->destinations));
	config->profiles = settings_array(settings, count, sizeof(struct profile *));
	for (size_t i = 0; config->destinations != NULL && config->profiles != NULL && i < count;
	     i++) {
		const config_setting_t *group = config_setting_get_elem(setting, (unsigned)i);

		check_destination_name(settings, group, config);
		if (!settings_is_group(settings, group, "{ profile = \"riverty\"; ... }"))
			continue;
		config_destination_read(settings, group, draft->directory,
		    read_profile(settings, group, draft),
		    &config->destinations[config->destination_count]);
		config->destination_count++;
	}
}

/* --- the whole --- */

static void
set_defaults(struct config *config)
{
	config->commit_window_ms = 2;
	config->drain_ms = 75000;
	config->response_max = MIB;
	config->body_max = MIB;
}

static void
read_config(struct settings *settings, struct draft *draft)
{
	struct config *config = &draft->config;

	if ((settings->mode & S_IWOTH) != 0)
		settings_problem(settings, NULL,
		    "everybody may write to it, and so send orders elsewhere; run chmod o-w %s",
		    settings->file);
	find_directory(settings, draft);
	if (draft->directory == NULL)
		return;
	config->file = settings_copy(settings, settings->file);
	settings_walk(settings, settings_root(settings), config_rules, COUNT(config_rules), draft);
	config->log_format = (enum log_format)draft->log_format;
	find_state_dir(settings, draft);
	make_absolute(settings, draft, &config->database);
	make_absolute(settings, draft, &config->state_dir);
	make_absolute(settings, draft, &config->profiles_dir);
	make_absolute(settings, draft, &config->metrics_file);
	find_profiles(settings, draft);
	read_destinations(settings, draft);
}

static struct config *
load(const char *file, bool credentials, struct text *problems)
{
	struct settings settings;
	struct draft *draft = calloc(1, sizeof(*draft));
	struct config *config = NULL;

	if (draft == NULL) {
		text_format(problems, "%s: out of memory; try again\n", file);
		return NULL;
	}
	set_defaults(&draft->config);
	if (settings_open(&settings, file, problems) == 0) {
		settings.unread_credentials = !credentials;
		read_config(&settings, draft);
	}
	if (settings.problem_count == 0)
		config = malloc(sizeof(*config));
	if (config != NULL) {
		*config = draft->config;
		draft->config = (struct config){0};
	} else if (settings.problem_count == 0) {
		problem_memory(&settings);
	}
	settings_close(&settings);
	free(draft->directory);
	config_free((struct config *)draft);
	return config;
}

struct config *
config_load(const char *file, struct text *problems)
{
	return load(file, true, problems);
}

struct config *
config_load_without_credentials(const char *file, struct text *problems)
{
	return load(file, false, problems);
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->destination_count; i++)
		config_destination_free(&config->destinations[i]);
	for (size_t i = 0; i < config->profile_count; i++)
		profile_free(config->profiles[i]);
	free(config->destinations);
	free(config->profiles);
	free(config->file);
	free(config->database);
	free(config->state_dir);
	free(config->profiles_dir);
	free(config->metrics_file);
	free(config);
}

const struct destination *
config_destination(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->destination_count; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return &config->destinations[i];
	return NULL;
}
