/*
 * cmd_report.c - outboxd report: what happened in a period, as one page on standard output.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command/command.h"
#include "command/report.h"
#include "core/units.h"
#include "edge/clock.h"

enum { PAGE_MAX = 64 * 1024 * 1024, DAYS_MAX = 366 };

struct words {
	const char *config;
	const char *database;
	int64_t since_ms;
};

static int
print_page(struct store *store, const char *database, int64_t since_ms)
{
	int code = EXIT_TEMPORARY;
	int64_t now = clock_wall_ms();
	struct overview *overview = overview_gather(store, database, &code);
	struct report *report =
	    overview == NULL ? NULL : report_gather(store, now - since_ms, now, &code);
	struct text out;

	text_init(&out, PAGE_MAX);
	if (report != NULL) {
		report_page(store, report, overview, &out);
		code = EXIT_FINE;
		if (out.failed || fwrite(out.data, 1, out.length, stdout) != out.length ||
		    fflush(stdout) != 0) {
			command_say("cannot write the page");
			code = EXIT_TEMPORARY;
		}
	}
	text_free(&out);
	report_free(report);
	overview_free(overview);
	return code;
}

static int
read_words(const struct command *command, int argc, char **argv, struct words *words)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	    {"database", required_argument, NULL, 'd'}, {"since", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			words->config = optarg;
		else if (option == 'd')
			words->database = optarg;
		else if (option != 's')
			return command_usage(command, NULL);
		else if (units_parse(optarg, duration_units, &words->since_ms) == -1 ||
			 words->since_ms < 60000 || words->since_ms > DAYS_MAX * INT64_C(86400000))
			return command_usage(command,
			    "%s is not a period such as \"24h\" or \"7d\", at most %dd", optarg,
			    DAYS_MAX);
	}
	if ((words->config == NULL) == (words->database == NULL))
		return command_usage(command,
		    "say which configuration or database: --config FILE or --database FILE");
	if (optind != argc)
		return command_usage(command, "too many words");
	return EXIT_FINE;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct words words = {.since_ms = 7 * INT64_C(86400000)};
	int code = read_words(command, argc, argv, &words);
	struct store *store;
	char *database;

	if (code != EXIT_FINE)
		return code;
	database = command_database(words.config, words.database, &code);
	store = database == NULL ? NULL : command_open(database, &code);
	if (store != NULL)
		code = print_page(store, database, words.since_ms);
	store_close(store);
	free(database);
	return code;
}

const struct command command_report = {
    .name = "report",
    .usage = "--config FILE | --database FILE  [--since 7d] > report.html",
    .summary = "what happened in a period, as one page with plots",
    .run = run,
};
