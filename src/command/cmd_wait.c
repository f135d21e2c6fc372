/*
 * cmd_wait.c - outboxd wait: returns when rows have a result.
 *
 * The disk is not polled: inotify tells that somebody wrote, PRAGMA data_version (shared memory)
 * whether a commit came of it, and only then the rows are read.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "core/text.h"
#include "command/overview.h"
#include "command/terminal.h"
#include "core/units.h"
#include "edge/clock.h"
#include "edge/lock.h"
#include "edge/watch.h"

enum { IDS_MAX = 10000, NOT_SUCCEEDED = 1, PROGRESS_MS = 250, OUTPUT_MAX = 16 * 1024 * 1024 };

struct waited {
	int64_t id;
	struct store_standing standing;
	bool finished;
};

struct wait {
	struct store *store;
	const char *database;
	struct waited *rows;
	size_t count;
	size_t finished;
	int64_t began; /* boot clock */
	int64_t until; /* boot clock; TIME_NONE: for ever */
	bool progress; /* standard error is a terminal */
	bool json;
};

/* --- looking --- */

/* Reads the rows that were open. */
static int
look(struct wait *wait)
{
	for (size_t i = 0; i < wait->count; i++) {
		struct waited *row = &wait->rows[i];
		enum store_status status;

		if (row->finished)
			continue;
		status = store_standing(wait->store, row->id, &row->standing);
		if (status == STORE_NOTHING) {
			command_say("there is no outbox row %" PRId64, row->id);
			return NOT_SUCCEEDED;
		}
		if (status == STORE_BUSY)
			continue;
		if (status != STORE_OK) {
			command_say("cannot read outbox row %" PRId64 ": %s", row->id,
			    store_error(wait->store));
			return command_exit_code(status);
		}
		row->finished = row->standing.result != RESULT_NONE;
		wait->finished += row->finished;
	}
	return EXIT_FINE;
}

static void
show_progress(const struct wait *wait)
{
	struct terminal_size size = terminal_size(STDERR_FILENO);
	int width = size.columns - 40 > 50 ? 50 : size.columns - 40;
	char since[24];
	struct text line;

	if (!wait->progress)
		return;
	text_init(&line, 1024);
	words_duration(clock_boot_ms() - wait->began, since);
	(void)text_format(&line, "\r");
	if (width >= 8)
		terminal_bar(
		    &line, (double)wait->finished / (double)wait->count, width, terminal_utf8());
	(void)text_format(
	    &line, " %zu of %zu finished, %s\033[K", wait->finished, wait->count, since);
	(void)fputs(text_string(&line), stderr);
	text_free(&line);
}

/* Until something was written, or `most_ms`. */
static void
sleep_until_news(struct watch *watch, int64_t most_ms)
{
	/* poll() passes over a negative descriptor */
	struct pollfd news = {.fd = watch_is_deaf(watch) ? -1 : watch_fd(watch), .events = POLLIN};
	int64_t wait_ms = (watch_next_us(watch, clock_boot_us()) + 999) / 1000;

	if (wait_ms > most_ms)
		wait_ms = most_ms;
	(void)poll(&news, 1, (int)wait_ms);
	(void)watch_drain(watch, clock_boot_us());
}

static bool
has_news(struct wait *wait, struct watch *watch, int64_t *version)
{
	int64_t now = clock_boot_us();
	int64_t seen;

	if (watch_next_us(watch, now) > 0)
		return false;
	seen = store_data_version(wait->store);
	watch_looked(watch, now, seen != *version);
	if (seen == *version)
		return false;
	*version = seen;
	return true;
}

/* EXIT_FINE when all are finished, or why not. */
static int
wait_for_all(struct wait *wait, struct watch *watch)
{
	int64_t version = store_data_version(wait->store);
	int code = look(wait);

	if (code == EXIT_FINE && wait->finished < wait->count && lock_holder(wait->database) == 0)
		command_say("outboxd is not running on %s: nothing is finished until it is",
		    wait->database);
	while (code == EXIT_FINE && wait->finished < wait->count) {
		int64_t left = wait->until == TIME_NONE ? INT32_MAX : wait->until - clock_boot_ms();

		show_progress(wait);
		if (left <= 0)
			return EXIT_TEMPORARY;
		if (wait->progress && left > PROGRESS_MS)
			left = PROGRESS_MS;
		sleep_until_news(watch, left);
		if (!store_in_place(wait->store)) {
			command_say("%s was replaced", wait->database);
			return EXIT_TEMPORARY;
		}
		if (has_news(wait, watch, &version))
			code = look(wait);
	}
	return code;
}

/* --- saying --- */

static void
say_row(const struct waited *row)
{
	const struct store_standing *standing = &row->standing;
	char reason[sizeof(standing->reason)];

	if (!row->finished) {
		(void)printf("%" PRId64 " %s\n", row->id, state_name(standing->state));
		return;
	}
	(void)printf("%" PRId64 " %s", row->id, result_name(standing->result));
	if (standing->http_status != 0)
		(void)printf(" (HTTP %d)", standing->http_status);
	text_copy(reason, sizeof(reason), standing->reason);
	words_clean(reason);
	(void)printf("%s%s\n", reason[0] == '\0' ? "" : ": ", reason);
}

/* {"timeout":false,"rows":[{"id":1,"state":"done","result":"succeeded","http_status":200,"reason":null,"finished_at":"..."}]}
 */
static void
say_json(const struct wait *wait)
{
	struct text out;

	text_init(&out, OUTPUT_MAX);
	(void)text_format(
	    &out, "{\"timeout\":%s,\"rows\":[", wait->finished < wait->count ? "true" : "false");
	for (size_t i = 0; i < wait->count; i++) {
		const struct waited *row = &wait->rows[i];
		const struct store_standing *standing = &row->standing;
		char time[32];

		(void)text_format(&out,
		    "%s{\"id\":%" PRId64 ",\"state\":\"%s\",\"result\":", i == 0 ? "" : ",",
		    row->id, state_name(standing->state));
		if (row->finished)
			(void)text_format(&out, "\"%s\"", result_name(standing->result));
		else
			(void)text_format(&out, "null");
		if (standing->http_status == 0)
			(void)text_format(&out, ",\"http_status\":null,\"reason\":");
		else
			(void)text_format(
			    &out, ",\"http_status\":%d,\"reason\":", standing->http_status);
		if (standing->reason[0] == '\0')
			(void)text_format(&out, "null");
		else
			words_json(&out, standing->reason);
		words_time(standing->finished_at, time);
		(void)text_format(&out,
		    row->finished ? ",\"finished_at\":\"%s\"}" : ",\"finished_at\":null}", time);
	}
	(void)text_format(&out, "]}\n");
	(void)fwrite(text_string(&out), 1, out.length, stdout);
	text_free(&out);
}

static int
answer(const struct wait *wait, int code)
{
	if (wait->progress)
		(void)fputs("\r\033[K", stderr);
	if (code != EXIT_FINE && code != EXIT_TEMPORARY)
		return code;
	if (wait->json)
		say_json(wait);
	for (size_t i = 0; i < wait->count; i++) {
		if (!wait->json)
			say_row(&wait->rows[i]);
		if (code == EXIT_FINE && wait->rows[i].standing.result != RESULT_SUCCEEDED)
			code = NOT_SUCCEEDED;
	}
	return code;
}

/* --- the command --- */

static int
wait_on(struct wait *wait)
{
	int code = EXIT_TEMPORARY;
	struct watch *watch = watch_open(wait->database);

	if (watch == NULL) {
		command_say(
		    "cannot watch the directory of %s: %s", wait->database, strerror(errno));
		return code;
	}
	wait->store = command_open(wait->database, &code);
	if (wait->store != NULL)
		code = answer(wait, wait_for_all(wait, watch));
	store_close(wait->store);
	watch_close(watch);
	return code;
}

struct words {
	const char *config;
	const char *database;
	int64_t timeout_ms; /* TIME_NONE: none */
	bool json;
};

static int
read_words(const struct command *command, int argc, char **argv, struct words *words)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	    {"database", required_argument, NULL, 'd'}, {"timeout", required_argument, NULL, 't'},
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			words->config = optarg;
		else if (option == 'd')
			words->database = optarg;
		else if (option == 'j')
			words->json = true;
		else if (option != 't')
			return command_usage(command, NULL);
		else if (units_parse(optarg, duration_units, &words->timeout_ms) == -1)
			return command_usage(command,
			    "%s is not a duration such as \"500ms\", \"30s\" or \"10m\"", optarg);
	}
	if ((words->config == NULL) == (words->database == NULL))
		return command_usage(command,
		    "say which configuration or database: --config FILE or --database FILE");
	if (optind == argc || argc - optind > IDS_MAX)
		return command_usage(
		    command, "say which rows: one or more ids, at most %d", IDS_MAX);
	return EXIT_FINE;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct words words = {.timeout_ms = TIME_NONE};
	struct wait wait = {.began = clock_boot_ms(), .until = TIME_NONE};
	int code = read_words(command, argc, argv, &words);
	char *database;

	if (code != EXIT_FINE)
		return code;
	wait.count = (size_t)(argc - optind);
	wait.rows = calloc(wait.count, sizeof(*wait.rows));
	for (size_t i = 0; wait.rows != NULL && i < wait.count; i++) {
		wait.rows[i].id = command_number(argv[(size_t)optind + i]);
		if (wait.rows[i].id == -1) {
			free(wait.rows);
			return command_usage(
			    command, "%s is not the id of an outbox row", argv[(size_t)optind + i]);
		}
	}
	if (words.timeout_ms != TIME_NONE)
		wait.until = wait.began + words.timeout_ms;
	wait.json = words.json;
	wait.progress = isatty(STDERR_FILENO) != 0;
	code = EXIT_TEMPORARY;
	database = wait.rows == NULL ? NULL : command_database(words.config, words.database, &code);
	wait.database = database;
	if (database != NULL)
		code = wait_on(&wait);
	free(database);
	free(wait.rows);
	return code;
}

const struct command command_wait = {
    .name = "wait",
    .usage = "--config FILE | --database FILE  [--timeout 30s] [--json] ID...",
    .summary = "until these rows have a result (exit 0 all succeeded, 1 not all, 75 time is up)",
    .run = run,
};
