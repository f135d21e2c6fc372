/*
 * cmd_decide.c - cancel, retry, resolve, hold, release, adopt, clock, purge: an operator's
 * decisions.
 *
 * Each is a row in outbox_control, as it could be inserted with sqlite3; the daemon answers in that
 * row.
 */
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "command/overview.h"
#include "edge/lock.h"

enum { ANSWER_WAIT_MS = 10000, ANSWER_STEP_MS = 20 };

struct decision_words {
	const char *config;
	const char *text;
	const char *destination; /* many rows: of this destination, */
	const char *state;       /* in this state, */
	const char *count;       /* so many, */
	const char *up_to;       /* and none after this one (NULL: all) */
	const char *older_than;
	bool same_key;
	bool new_key;
	bool resubmit;
	bool resend;
};

/* Who decides: the login name, with the one behind sudo first. */
static void
author(char *name, size_t size)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *user = getpwuid(getuid());

	if (sudo != NULL && getuid() == 0)
		(void)snprintf(name, size, "%.60s (sudo)", sudo);
	else if (user != NULL)
		(void)snprintf(name, size, "%.60s", user->pw_name);
	else
		(void)snprintf(name, size, "uid %ld", (long)getuid());
}

static int
await_answer(struct store *store, const struct config *config, int64_t id)
{
	struct timespec step = {.tv_nsec = ANSWER_STEP_MS * 1000000L};
	struct text answer;
	int state = 0;

	if (lock_holder(config->database) <= 0) {
		(void)printf("recorded as request %lld; outboxd is not running on %s and answers "
			     "when it starts\n",
		    (long long)id, config->database);
		return EXIT_FINE;
	}
	for (int waited = 0; waited < ANSWER_WAIT_MS && state == 0; waited += ANSWER_STEP_MS) {
		(void)nanosleep(&step, NULL);
		text_init(&answer, 4096);
		state = store_control_read(store, id, &answer);
		if (answer.data != NULL)
			words_clean(answer.data);
		if (state == 1)
			(void)printf("%s\n", text_string(&answer));
		else if (state == 2)
			command_say("refused: %s", text_string(&answer));
		text_free(&answer);
	}
	if (state == 0)
		(void)printf(
		    "recorded as request %lld; not answered yet (is the row under way?): look in "
		    "outbox_control\n",
		    (long long)id);
	if (state == -1)
		command_say("cannot read the answer: %s", store_error(store));
	return state == 2 ? 1 : (state == -1 ? EXIT_TEMPORARY : EXIT_FINE);
}

static int
submit(const struct decision_words *words, struct store_control *request)
{
	char name[80];
	int code = EXIT_CONFIG;
	struct config *config = command_config(words->config, false, &code);
	struct store *store;
	int64_t id;
	enum store_status status;

	if (config == NULL)
		return code;
	store = command_store(config, &code);
	if (store == NULL) {
		config_free(config);
		return code;
	}
	author(name, sizeof(name));
	request->created_by = name;
	status = store_control_insert(store, request, &id);
	if (status != STORE_OK)
		command_say("cannot record the request: %s", store_error(store));
	code = status == STORE_OK ? await_answer(store, config, id) : command_exit_code(status);
	store_close(store);
	config_free(config);
	return code;
}

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"text", required_argument, NULL, 't'},
    {"why", required_argument, NULL, 't'},
    {"i-checked-with-gateway", required_argument, NULL, 't'},
    {"same-key", no_argument, NULL, 's'},
    {"new-key", no_argument, NULL, 'n'},
    {"resubmit", no_argument, NULL, 'r'},
    {"resend", no_argument, NULL, 'e'},
    {"destination", required_argument, NULL, 'd'},
    {"state", required_argument, NULL, 'S'},
    {"count", required_argument, NULL, 'C'},
    {"up-to", required_argument, NULL, 'u'},
    {"older-than", required_argument, NULL, 'o'},
    {NULL, 0, NULL, 0},
};

static int
read_words(int argc, char **argv, struct decision_words *words)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			words->config = optarg;
			break;
		case 't':
			words->text = optarg;
			break;
		case 's':
			words->same_key = true;
			break;
		case 'n':
			words->new_key = true;
			break;
		case 'r':
			words->resubmit = true;
			break;
		case 'e':
			words->resend = true;
			break;
		case 'd':
			words->destination = optarg;
			break;
		case 'S':
			words->state = optarg;
			break;
		case 'C':
			words->count = optarg;
			break;
		case 'u':
			words->up_to = optarg;
			break;
		case 'o':
			words->older_than = optarg;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

/* What the command's own words name: a row, a destination, or many rows. EXIT_FINE, or the usage
 * was said. */
static int
name_rows(const struct command *command, const struct decision_words *words, char *word,
    struct store_control *request)
{
	bool either = command == &command_hold || command == &command_release;

	if (words->state != NULL || words->up_to != NULL || words->destination != NULL) {
		if (words->state == NULL || words->destination == NULL || words->count == NULL)
			return command_usage(
			    command, "many rows need all of --destination, --state and --count");
		request->destination = (char *)(uintptr_t)words->destination;
		request->state = (char *)(uintptr_t)words->state;
		request->outbox_id = words->up_to == NULL ? 0 : command_number(words->up_to);
		if (request->outbox_id == -1)
			return command_usage(
			    command, "%s is not the id of an outbox row", words->up_to);
		return EXIT_FINE;
	}
	request->outbox_id = command_number(word);
	if (request->outbox_id == -1 && !either)
		return command_usage(command, "%s is not the id of an outbox row", word);
	if (request->outbox_id == -1) {
		request->outbox_id = 0;
		request->destination = word;
	}
	return EXIT_FINE;
}

/* Everything but the rows. */
static int
name_rest(const struct command *command, const struct decision_words *words, char **rest,
    int rest_count, struct store_control *request)
{
	static char resubmit[] = "resubmit", resend[] = "resend", same[] = "same", new[] = "new";

	if (words->same_key && words->new_key)
		return command_usage(command, "the same key or a new one?");
	if (words->count != NULL && (request->count = command_number(words->count)) == -1)
		return command_usage(command, "%s is not a number of rows", words->count);
	if (command == &command_resolve && rest_count > 0)
		request->argument = rest[rest_count - 1];
	if (command == &command_purge) {
		if (words->older_than == NULL)
			return command_usage(command, "say how old: --older-than 90d");
		request->argument = (char *)(uintptr_t)words->older_than;
	}
	if (words->resubmit)
		request->argument = resubmit;
	if (words->resend)
		request->argument = resend;
	if (words->same_key || words->new_key)
		request->key_mode = words->same_key ? same : new;
	request->text = (char *)(uintptr_t)words->text;
	return EXIT_FINE;
}

/* cancel ID, retry ID, resolve ID RESULT, hold ID|DESTINATION, release ID|DESTINATION; the same on
 * many rows; adopt, clock, purge */
static int
decide(const struct command *command, int argc, char **argv)
{
	struct decision_words words = {0};
	struct store_control request = {0};
	bool whole =
	    command == &command_adopt || command == &command_clock || command == &command_purge;
	char name[16];
	int wanted;
	int code = EXIT_FINE;

	if (read_words(argc, argv, &words) == -1)
		return command_usage(command, NULL);
	if (words.config == NULL)
		return command_usage(command, "say which configuration: --config FILE");
	wanted = (whole || words.state != NULL ? 0 : 1) + (command == &command_resolve ? 1 : 0);
	if (argc - optind != wanted)
		return command_usage(command, "%s",
		    argc - optind > wanted        ? "too many words"
		    : command != &command_resolve ? "say which one"
						  : "say which one, and what happened: "
						    "succeeded, failed or canceled");
	(void)snprintf(name, sizeof(name), "%s", command->name);
	request.command = name;
	if (!whole)
		code = name_rows(command, &words, argv[optind], &request);
	if (code == EXIT_FINE)
		code = name_rest(command, &words, argv + optind, wanted, &request);
	return code == EXIT_FINE ? submit(&words, &request) : code;
}

#define MANY "--destination NAME --state STATE --count N [--up-to ID]"

const struct command command_cancel = {
    .name = "cancel",
    .usage = "--config FILE ID | " MANY "  [--text|--why WHY]",
    .summary = "end a row that was never sent",
    .run = decide,
};
const struct command command_retry = {
    .name = "retry",
    .usage = "--config FILE ID | " MANY
	     "  --same-key | --new-key | --resubmit --i-checked-with-gateway TEXT",
    .summary = "send a held row, or one whose result is unknown, again",
    .run = decide,
};
const struct command command_resolve = {
    .name = "resolve",
    .usage = "--config FILE ID | " MANY "  succeeded|failed|canceled --text|--why WHY",
    .summary = "state what happened to a row that is held, pending or unknown",
    .run = decide,
};
const struct command command_hold = {
    .name = "hold",
    .usage = "--config FILE ID | DESTINATION | " MANY "  [--text|--why WHY]",
    .summary = "send nothing of this row, or nothing to this destination, until it is released",
    .run = decide,
};
const struct command command_release = {
    .name = "release",
    .usage = "--config FILE ID | DESTINATION | " MANY,
    .summary = "let a held row or destination go on",
    .run = decide,
};
const struct command command_adopt = {
    .name = "adopt",
    .usage = "--config FILE [--resend --count N]",
    .summary = "serve a database that was restored, copied or moved; --resend: also what may have "
	       "been sent",
    .run = decide,
};
const struct command command_clock = {
    .name = "clock",
    .usage = "--config FILE",
    .summary = "confirm that this machine's clock is right, after it jumped",
    .run = decide,
};
const struct command command_purge = {
    .name = "purge",
    .usage = "--config FILE --older-than 90d",
    .summary =
	"take finished rows out of outbox and outbox_attempt; their results and references stay",
    .run = decide,
};
