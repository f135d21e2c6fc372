/*
 * setting.c - three configurations; short times, so that a run does not take simulated days.
 */
#include "sim/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/config.h"
#include "sim/world.h"

void __real_config_free(struct config *config);

static struct config *loaded[SETTING_COUNT];
static struct config *current;

static const char common[] = "request_timeout = \"60s\"; retry_cap = \"30s\"; probe_interval = "
			     "\"10s\"; probe_interval_max = \"60s\";"
			     "give_up_after = \"3h\"; poll_interval_max = \"10s\";";

static void
write_destination(
    FILE *file, const char *name, const char *profile, const char *more, const char *limits)
{
	(void)fprintf(
	    file, "  %s = { profile = \"%s\"; %s %s %s };\n", name, profile, common, more, limits);
}

static void
write_file(FILE *file, enum setting setting)
{
	const char *limits = setting == SETTING_NARROW
				 ? "concurrency = 1; rate = \"2/s\"; ramp = \"30s\";"
				 : "concurrency = 4; ramp = \"0s\";";
	char *here = getcwd(NULL, 0);

	(void)fprintf(file,
	    "database = \"" DATABASE "\";\nstate_dir = \"" STATE_DIR "\";\n"
	    "profiles = \"%s/etc/profiles\";\ndestinations = {\n",
	    here);
	write_destination(file, "riv", "riverty",
	    "base_url = \"https://riverty.example\"; key_retention = \"60m\"; headers = { "
	    "X-Auth-Key = \"k\"; };",
	    limits);
	if (setting != SETTING_WITHOUT_GENERIC)
		write_destination(file, "gen", "generic",
		    "base_url = \"https://generic.example\"; key_retention = \"60m\"; "
		    "poll_deadline = \"10m\";",
		    limits);
	write_destination(file, "vrio", "vrio",
	    "headers = { X-Api-Key = \"k\"; }; poll_deadline = \"10m\";", limits);
	write_destination(file, "trav", "travlinq",
	    "base_url = \"https://travlinq.example\"; headers = { X-API-KEY = \"k\"; };"
	    "login = { userName = \"u\"; password = \"p\"; companyCode = \"c\"; };",
	    limits);
	(void)fprintf(file, "};\n");
	free(here);
}

static struct config *
load(enum setting setting)
{
	char path[] = "/tmp/outboxd-sim-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd == -1 ? NULL : fdopen(fd, "w");
	struct text problems;
	struct config *config;

	if (file == NULL)
		return NULL;
	write_file(file, setting);
	(void)fclose(file);
	text_init(&problems, 65536);
	config = config_load(path, &problems);
	if (config == NULL)
		(void)fprintf(stderr, "%s\n", text_string(&problems));
	text_free(&problems);
	(void)unlink(path);
	return config;
}

int
setting_load(void)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		loaded[i] = load((enum setting)i);
		if (loaded[i] == NULL)
			return -1;
	}
	return 0;
}

void
setting_free(void)
{
	for (int i = 0; i < SETTING_COUNT; i++)
		__real_config_free(loaded[i]);
}

struct config *
setting_at(enum setting setting)
{
	return loaded[setting];
}

struct config *
setting_choose(int setting)
{
	return current = loaded[setting];
}

struct config *
setting_current(void)
{
	return current;
}
