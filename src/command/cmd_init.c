/*
 * cmd_init.c - outboxd init: create or upgrade the tables.
 */
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

	if (copy != NULL && stat(dirname(copy), &directory) == 0 && (directory.st_mode & S_ISGID) != 0)
		(void)chmod(database, 0660);
	free(copy);
}

static int
init(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
	    {"database", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
	const char *database = NULL;
	struct text report;
	enum store_status status;
	bool fresh;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'd')
			return command_usage(command, NULL);
		database = optarg;
	}
	if (database == NULL || optind != argc)
		return command_usage(command, "say which database: --database FILE");
	if (lock_holder(database) > 0) {
		command_say("outboxd is running on %s; stop it first", database);
		return EXIT_TEMPORARY;
	}
	text_init(&report, 4096);
	fresh = access(database, F_OK) == -1;
	status = store_init(database, &report);
	if (status == STORE_OK && fresh)
		share(database);
	(void)fprintf(status == STORE_OK ? stdout : stderr, "%s\n", text_string(&report));
	text_free(&report);
	return command_exit_code(status);
}

const struct command command_init = {
    .name = "init",
    .usage = "--database FILE",
    .summary = "create or upgrade the outbox tables in a database (harmless when they are there)",
    .run = init,
};
