/*
 * cmd_init.c - outboxd init: create or upgrade the tables.
 *
 * Under the daemon's own lock: an old daemon must not start on tables that are just becoming new
 * ones.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/command.h"
#include "edge/lock.h"

/* In a directory that is made for sharing (setgid) the group may write to a new database, too. */
static void
share(const char *database)
{
	char *copy = strdup(database);
	struct stat directory;

	if (copy != NULL && stat(dirname(copy), &directory) == 0 &&
	    (directory.st_mode & S_ISGID) != 0)
		(void)chmod(database, 0660);
	free(copy);
}

static bool
is_there(const char *database)
{
	struct stat file;

	return stat(database, &file) == 0;
}

static int
write_tables(const char *database, bool fresh)
{
	struct text report;
	enum store_status status;

	text_init(&report, 4096);
	status = store_init(database, &report);
	if (status == STORE_OK && fresh)
		share(database);
	if (status == STORE_OK)
		(void)printf("%s\n", text_string(&report));
	else
		command_say("%s", text_string(&report));
	text_free(&report);
	return command_exit_code(status);
}

static int
upgrade(const char *database)
{
	struct lock *lock = NULL;
	const char *why = "";
	int code = EXIT_CONFIG;

	switch (lock_take(database, &lock, &why)) {
	case LOCK_TAKEN:
		code = write_tables(database, false);
		break;
	case LOCK_HELD_ELSEWHERE:
		command_say("outboxd (pid %lld) is running on %s; stop it first",
		    (long long)lock_holder(database), database);
		code = EXIT_TEMPORARY;
		break;
	case LOCK_FAILED:
		command_say("cannot lock %s: %s: %s", database, why, strerror(errno));
		break;
	}
	lock_release(lock);
	return code;
}

/* By the configuration, as the systemd unit does before each start: a mistyped path must not become
 * an empty database that is served for ever. */
static int
init_configured(const char *file)
{
	int code = EXIT_CONFIG;
	char *database = command_database(file, NULL, &code);

	if (database == NULL)
		return code;
	if (is_there(database))
		code = upgrade(database);
	else
		command_say("%s does not exist; when it is the right name, create it: outboxd init "
			    "--database %s",
		    database, database);
	free(database);
	return code;
}

static int
init(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {{"database", required_argument, NULL, 'd'},
	    {"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
	const char *database = NULL;
	const char *config = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			database = optarg;
		else if (option == 'c')
			config = optarg;
		else
			return command_usage(command, NULL);
	}
	if ((database == NULL) == (config == NULL) || optind != argc)
		return command_usage(
		    command, "say which database: --database FILE, or --config FILE");
	if (config != NULL)
		return init_configured(config);
	return is_there(database) ? upgrade(database) : write_tables(database, true);
}

const struct command command_init = {
    .name = "init",
    .usage = "--database FILE | --config FILE",
    .summary = "create or upgrade the outbox tables in a database (harmless when they are there)",
    .run = init,
};
