/*
 * command.h - one file a command. Each takes the arguments behind its name and returns an exit code
 * of sysexits.h.
 */
#ifndef OUTBOXD_COMMAND_COMMAND_H
#define OUTBOXD_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "edge/config.h"
#include "edge/store.h"

enum {
	EXIT_FINE = 0,
	EXIT_USAGE = 64,     /* EX_USAGE */
	EXIT_TEMPORARY = 75, /* EX_TEMPFAIL: locked, replaced, I/O */
	EXIT_CORRUPT = 76,   /* EX_PROTOCOL: the database is corrupt */
	EXIT_CONFIG = 78,    /* EX_CONFIG */
};

struct command {
	const char *name;
	const char *usage;   /* what follows the name */
	const char *summary; /* one line */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_init, command_run, command_check, command_status, command_wait,
    command_report, command_explain, command_cancel, command_retry, command_resolve, command_hold,
    command_release, command_adopt, command_clock, command_purge;

/* --- shared by the commands (command.c) --- */

/* Says how the command is used, with a complaint first (may be NULL). Returns EXIT_USAGE. */
int command_usage(const struct command *command, const char *complaint, ...)
    __attribute__((format(printf, 2, 3)));

/* One line on standard error, "outboxd: ...". */
void command_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A positive number, or -1. */
int64_t command_number(const char *text);

/* Loads the configuration, with or without the credentials that it names, saying every problem.
 * NULL: *exit_code is set. */
struct config *command_config(const char *file, bool credentials, int *exit_code);

/*
 * The database that a configuration names, or the one that was given (then no configuration, hence
 * no credential, is read: a monitoring user need not see those). To be freed. NULL: said why,
 * *exit_code is set.
 */
char *command_database(const char *config_file, const char *database, int *exit_code);

/* Opens it for a command. NULL: said why, *exit_code is set. */
struct store *command_open(const char *database, int *exit_code);

/* Opens the configured database for a command. NULL: said why, *exit_code is set. */
struct store *command_store(const struct config *config, int *exit_code);

/* Whether the database may be served where it lies; says what was found. False: outboxd must not
 * run there (EXIT_CONFIG). */
bool command_place(const struct config *config);

int command_exit_code(enum store_status status);

#endif
