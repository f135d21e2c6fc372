/*
 * command.c - what the commands share: usage, configuration, the database.
 */
#include "command/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string.h>

#include "edge/place.h"

enum { PROBLEMS_MAX = 64 * 1024 };

int
command_usage(const struct command *command, const char *complaint, ...)
{
	va_list arguments;

	if (complaint != NULL) {
		(void)fprintf(stderr, "outboxd %s: ", command->name);
		va_start(arguments, complaint);
		(void)vfprintf(stderr, complaint, arguments);
		va_end(arguments);
		(void)fputc('\n', stderr);
	}
	(void)fprintf(stderr, "usage: outboxd %s %s\n", command->name, command->usage);
	return EXIT_USAGE;
}

void
command_say(const char *format, ...)
{
	va_list arguments;

	(void)fputs("outboxd: ", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
}

int64_t
command_number(const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value <= 0)
		return -1;
	return value;
}

struct config *
command_config(const char *file, bool credentials, int *exit_code)
{
	struct text problems;
	struct config *config;

	text_init(&problems, PROBLEMS_MAX);
	config = credentials ? config_load(file, &problems)
			     : config_load_without_credentials(file, &problems);
	if (config == NULL) {
		(void)fputs(text_string(&problems), stderr);
		*exit_code = EXIT_CONFIG;
	}
	text_free(&problems);
	return config;
}

bool
command_place(const struct config *config)
{
	struct text findings;
	enum place_fitness fitness;
	const char *line;

	text_init(&findings, PROBLEMS_MAX);
	fitness = place_check(config->database, config->state_dir, &findings);
	for (line = text_string(&findings); *line != '\0'; line += strcspn(line, "\n") + 1)
		command_say("%.*s", (int)strcspn(line, "\n"), line);
	text_free(&findings);
	return fitness != PLACE_UNFIT;
}

int
command_exit_code(enum store_status status)
{
	switch (status) {
	case STORE_OK:
	case STORE_NOTHING:
		return EXIT_FINE;
	case STORE_CONFIG:
	case STORE_REFUSED:
		return EXIT_CONFIG;
	case STORE_CORRUPT:
		return EXIT_CORRUPT;
	case STORE_BUSY:
	case STORE_FULL:
	case STORE_REPLACED:
	case STORE_UNSYNCED:
		break;
	}
	return EXIT_TEMPORARY;
}

char *
command_database(const char *config_file, const char *database, int *exit_code)
{
	struct config *config;
	char *copy;

	if (database != NULL)
		return strdup(database);
	config = command_config(config_file, false, exit_code);
	if (config == NULL)
		return NULL;
	copy = strdup(config->database);
	if (copy == NULL)
		*exit_code = EXIT_TEMPORARY;
	config_free(config);
	return copy;
}

struct store *
command_open(const char *database, int *exit_code)
{
	struct text why;
	struct store *store;
	enum store_status status;

	text_init(&why, 2048);
	status = store_open(database, STORE_CLIENT, &store, &why);
	if (store == NULL) {
		command_say("%s", text_string(&why));
		*exit_code = command_exit_code(status);
	}
	text_free(&why);
	return store;
}

struct store *
command_store(const struct config *config, int *exit_code)
{
	return command_open(config->database, exit_code);
}
