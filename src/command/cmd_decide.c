/*
 * cmd_decide.c - cancel, retry, resolve, hold, release, adopt, clock: an operator's decisions.
 *
 * Each is a row in outbox_control, as it could be inserted with sqlite3; the daemon answers in that row.
 */
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "edge/lock.h"

enum { ANSWER_WAIT_MS = 10000, ANSWER_STEP_MS = 20 };

struct decision_words {
	const char *config;
	const char *text;
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
		(void)printf("recorded as request %lld; outboxd is not running on %s and answers when it starts\n",
		    (long long)id, config->database);
		return EXIT_FINE;
	}
	for (int waited = 0; waited < ANSWER_WAIT_MS && state == 0; waited += ANSWER_STEP_MS) {
		(void)nanosleep(&step, NULL);
		text_init(&answer, 4096);
		state = store_control_read(store, id, &answer);
		if (state == 1)
			(void)printf("%s\n", text_string(&answer));
		else if (state == 2)
			command_say("refused: %s", text_string(&answer));
		text_free(&answer);
	}
	if (state == 0)
		(void)printf("recorded as request %lld; not answered yet (is the row under way?): look in "
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
	struct config *config = command_config(words->config, &code);
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
		default:
			return -1;
		}
	}
	return 0;
}

/* cancel ID, retry ID, resolve ID RESULT, hold ID|DESTINATION, release ID|DESTINATION, adopt, clock */
static int
decide(const struct command *command, int argc, char **argv)
{
	static char resubmit[] = "resubmit", resend[] = "resend", same[] = "same", new[] = "new";
	struct decision_words words = {0};
	struct store_control request = {0};
	bool whole = command == &command_adopt || command == &command_clock;
	bool either = command == &command_hold || command == &command_release;
	int wanted = whole ? 0 : (command == &command_resolve ? 2 : 1);
	char name[16];

	if (read_words(argc, argv, &words) == -1)
		return command_usage(command, NULL);
	if (words.config == NULL)
		return command_usage(command, "say which configuration: --config FILE");
	if (argc - optind != wanted)
		return command_usage(command, "%s", wanted == 0 ? "too many words" : "say which one");
	if (words.same_key && words.new_key)
		return command_usage(command, "the same key or a new one?");
	(void)snprintf(name, sizeof(name), "%s", command->name);
	request.command = name;
	if (!whole) {
		request.outbox_id = command_number(argv[optind]);
		if (request.outbox_id == -1 && !either)
			return command_usage(command, "%s is not the id of an outbox row", argv[optind]);
		if (request.outbox_id == -1) {
			request.outbox_id = 0;
			request.destination = argv[optind];
		}
	}
	if (command == &command_resolve)
		request.argument = argv[optind + 1];
	if (words.resubmit)
		request.argument = resubmit;
	if (words.resend)
		request.argument = resend;
	if (words.same_key || words.new_key)
		request.key_mode = words.same_key ? same : new;
	request.text = (char *)(uintptr_t)words.text;
	return submit(&words, &request);
}

const struct command command_cancel = {
    .name = "cancel",
    .usage = "--config FILE ID [--text WHY]",
    .summary = "end a row that was never sent",
    .run = decide,
};
const struct command command_retry = {
    .name = "retry",
    .usage = "--config FILE ID --same-key | --new-key | --resubmit --i-checked-with-gateway TEXT",
    .summary = "send a held row, or one whose result is unknown, again",
    .run = decide,
};
const struct command command_resolve = {
    .name = "resolve",
    .usage = "--config FILE ID succeeded|failed|canceled --text WHY",
    .summary = "state what happened to a row whose result is unknown",
    .run = decide,
};
const struct command command_hold = {
    .name = "hold",
    .usage = "--config FILE ID|DESTINATION [--text WHY]",
    .summary = "send nothing of this row, or nothing to this destination, until it is released",
    .run = decide,
};
const struct command command_release = {
    .name = "release",
    .usage = "--config FILE ID|DESTINATION",
    .summary = "let a held row or destination go on",
    .run = decide,
};
const struct command command_adopt = {
    .name = "adopt",
    .usage = "--config FILE [--resend]",
    .summary = "serve a database that was restored, copied or moved; --resend: also what may have been sent",
    .run = decide,
};
const struct command command_clock = {
    .name = "clock",
    .usage = "--config FILE",
    .summary = "confirm that this machine's clock is right, after it jumped",
    .run = decide,
};
