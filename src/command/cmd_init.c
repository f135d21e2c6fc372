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

/* In a directory that is made for sharing (setgid) the group may write to a new database, too;
 * nobody else may read orders. */
static void
share(const char *database, const struct stat *directory)
{
	struct stat file;

	if (stat(database, &file) == 0)
		(void)chmod(database, (directory->st_mode & S_ISGID) != 0
					  ? 0660
					  : file.st_mode & (S_IRWXU | S_IRWXG));
}

/* EXIT_FINE, or it was said what is wrong with the place of a new database. */
static int
look_at_directory(const char *database, struct stat *directory)
{
	char *copy = strdup(database);
	int code = EXIT_FINE;

	if (copy == NULL || stat(dirname(copy), directory) == -1 || !S_ISDIR(directory->st_mode)) {
		command_say("%s cannot be created: there is no directory %s", database,
		    copy == NULL ? "" : copy);
		code = EXIT_CONFIG;
	}
	free(copy);
	return code;
}

static bool
is_there(const char *database)
{
	struct stat file;

	return stat(database, &file) == 0;
}

static int
write_tables(const char *database)
{
	struct text report;
	enum store_status status;

	text_init(&report, 4096);
	status = store_init(database, &report);
	if (status == STORE_OK)
		(void)printf("%s\n", text_string(&report));
	else
		command_say("%s", text_string(&report));
	text_free(&report);
	return command_exit_code(status);
}

static int
create(const char *database)
{
	struct stat directory;
	int code = look_at_directory(database, &directory);

	if (code != EXIT_FINE)
		return code;
	code = write_tables(database);
	if (code == EXIT_FINE)
		share(database, &directory);
	return code;
}

static int
upgrade(const char *database)
{
	struct lock *lock = NULL;
	const char *why = "";
	int code = EXIT_CONFIG;

	switch (lock_take(database, &lock, &why)) {
	case LOCK_TAKEN:
		code = write_tables(database);
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
	if (optind != argc)
		return command_usage(command,
		    "what is \"%s\"? The database is named by --database FILE", argv[optind]);
	if ((database == NULL) == (config == NULL))
		return command_usage(
		    command, "say which database: --database FILE, or --config FILE");
	if (config != NULL)
		return init_configured(config);
	return is_there(database) ? upgrade(database) : create(database);
}

const struct command command_init = {
    .name = "init",
    .usage = "--database FILE | --config FILE",
    .summary = "create or upgrade the outbox tables in a database (harmless when they are there)",
    .run = init,
};
