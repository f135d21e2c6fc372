/*
 * cmd_status.c - outboxd status: how everything stands, once or live, or one transaction in words.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command/command.h"
#include "command/overview.h"
#include "command/status_row.h"
#include "command/terminal.h"
#include "edge/clock.h"

enum { WATCH_MS = 1000, OUTPUT_MAX = 4 * 1024 * 1024 };

struct words {
	const char *config;
	const char *database;
	bool json;
	bool watch;
	int64_t id; /* 0: all of them */
};

static int
print_all(struct store *store, const char *database, bool json)
{
	int code = EXIT_TEMPORARY;
	struct overview *overview = overview_gather(store, database, &code);
	struct text out;

	if (overview == NULL)
		return code;
	text_init(&out, OUTPUT_MAX);
	if (json)
		overview_json(overview, &out);
	else
		overview_text(overview, &out);
	(void)fwrite(text_string(&out), 1, out.length, stdout);
	text_free(&out);
	code = (int)overview_judge(overview, NULL);
	overview_free(overview);
	return code;
}

/* One look on the screen. -1: the database cannot be read any more. *took_ms: how long it took. */
static int
draw(struct store *store, const char *database, int *code, int64_t *took_ms)
{
	struct terminal_size size = terminal_size(STDOUT_FILENO);
	int64_t began = clock_boot_ms();
	struct overview *overview = overview_gather(store, database, code);
	struct text out;

	*took_ms = clock_boot_ms() - began;
	if (overview == NULL)
		return -1;
	text_init(&out, OUTPUT_MAX);
	overview_screen(overview, size.columns, size.lines, terminal_utf8(), &out);
	terminal_draw(text_string(&out));
	text_free(&out);
	*code = (int)overview_judge(overview, NULL);
	overview_free(overview);
	return 0;
}

static bool
is_end(int key)
{
	return key == -1 || key == 'q' || key == 'Q' || key == 3 || key == 4 || key == 27;
}

/* A look a second; where a look takes long (a large backlog), at most a tenth of the time goes into
 * looking. */
static int
watch(struct store *store, const char *database)
{
	int code = EXIT_TEMPORARY;
	int64_t took_ms = 0;

	if (terminal_enter() == -1) {
		command_say("--watch needs a terminal; this is how it stands now");
		return print_all(store, database, false);
	}
	while (draw(store, database, &code, &took_ms) == 0)
		if (is_end(terminal_key((int)(took_ms * 9 > WATCH_MS ? took_ms * 9 : WATCH_MS))))
			break;
	terminal_leave();
	return code;
}

static int
read_words(const struct command *command, int argc, char **argv, struct words *words)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	    {"database", required_argument, NULL, 'd'}, {"json", no_argument, NULL, 'j'},
	    {"watch", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			words->config = optarg;
		else if (option == 'd')
			words->database = optarg;
		else if (option == 'j')
			words->json = true;
		else if (option == 'w')
			words->watch = true;
		else
			return command_usage(command, NULL);
	}
	if ((words->config == NULL) == (words->database == NULL))
		return command_usage(command,
		    "say which configuration or database: --config FILE or --database FILE");
	if (argc - optind > 1 || (words->watch && words->json))
		return command_usage(command, "too many words");
	if (optind < argc && (words->id = command_number(argv[optind])) == -1)
		return command_usage(command, "%s is not the id of an outbox row", argv[optind]);
	if (words->id != 0 && (words->watch || words->json))
		return command_usage(command, "--watch and --json show all rows, not one");
	return EXIT_FINE;
}

static int
show(const struct command *command, int argc, char **argv)
{
	struct words words = {0};
	int code = read_words(command, argc, argv, &words);
	struct store *store;
	char *database;

	if (code != EXIT_FINE)
		return code;
	database = command_database(words.config, words.database, &code);
	store = database == NULL ? NULL : command_open(database, &code);
	if (store != NULL && words.id != 0)
		code = status_row(store, words.id);
	else if (store != NULL)
		code =
		    words.watch ? watch(store, database) : print_all(store, database, words.json);
	store_close(store);
	free(database);
	return code;
}

const struct command command_status = {
    .name = "status",
    .usage = "--config FILE | --database FILE  [--json | --watch | ID]",
    .summary =
	"how everything stands (exit 0 fine, 1 attention, 2 critical), live, or one row in words",
    .run = show,
};
