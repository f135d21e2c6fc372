/*
 * main.c - which command?
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "edge/store.h"

#ifndef OUTBOXD_VERSION
#define OUTBOXD_VERSION "development"
#endif

static const struct command *const commands[] = {&command_init, &command_run, &command_check,
    &command_status, &command_wait, &command_report, &command_explain, &command_cancel,
    &command_retry, &command_resolve, &command_hold, &command_release, &command_adopt,
    &command_clock, &command_purge};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void
usage(FILE *to)
{
	(void)fputs(
	    "outboxd - delivers the rows of an outbox table to payment and booking gateways: never "
	    "lost, never twice without asking you\n\nusage:\n",
	    to);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)fprintf(to, "  outboxd %-8s %s\n           %s\n", commands[i]->name,
		    commands[i]->usage, commands[i]->summary);
	(void)fputs("  outboxd --version | --help\n", to);
}

/* getopt complains in the name of the first word. */
static int
run(const struct command *command, int argc, char **argv)
{
	static char name[32];

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		(void)printf("usage: outboxd %s %s\n  %s\n", command->name, command->usage,
		    command->summary);
		return EXIT_FINE;
	}
	(void)snprintf(name, sizeof(name), "outboxd %s", command->name);
	argv[0] = name;
	return command->run(command, argc, argv);
}

int
main(int argc, char **argv)
{
	(void)setlocale(LC_ALL, "C");
	store_alone();
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EXIT_FINE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("outboxd " OUTBOXD_VERSION);
		return EXIT_FINE;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return run(commands[i], argc - 1, argv + 1);
	command_say("there is no command %s; see outboxd --help", argv[1]);
	return EXIT_USAGE;
}
