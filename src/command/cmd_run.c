/*
 * cmd_run.c - outboxd run: the daemon, in the foreground.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "command/command.h"
#include "edge/lock.h"
#include "edge/log.h"
#include "edge/notify.h"

enum { WAIT_MS_MAX = 20000 };

/* What the environment may say to us. Everything else (proxies, OpenSSL, preloads of children) is
 * dropped. */
static const char *const kept_variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
    "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "JOURNAL_STREAM"};
enum { KEPT_COUNT = sizeof(kept_variables) / sizeof(kept_variables[0]) };

static int
clean_environment(void)
{
	char *values[KEPT_COUNT] = {NULL};
	int result = 0;

	for (size_t i = 0; i < KEPT_COUNT; i++) {
		const char *value = getenv(kept_variables[i]);

		values[i] = value == NULL ? NULL : strdup(value);
		if (value != NULL && values[i] == NULL)
			result = -1;
	}
	if (clearenv() != 0)
		result = -1;
	for (size_t i = 0; i < KEPT_COUNT; i++) {
		if (values[i] != NULL && setenv(kept_variables[i], values[i], 1) == -1)
			result = -1;
		free(values[i]);
	}
	return result;
}

/* Credentials live in this process: no core dumps, no ptrace by others of the same user. */
static void
protect(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)umask(0077);
}

static sigset_t
our_signals(void)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	return signals;
}

/* From the first moment on: a reload or a stop in the middle of the start waits until we listen.
 * What means nothing to us (a log rotation's USR1) is no reason to leave requests in doubt. */
static int
hold_signals(void)
{
	static const int meaningless[] = {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};
	sigset_t signals = our_signals();

	for (size_t i = 0; i < sizeof(meaningless) / sizeof(meaningless[0]); i++)
		if (signal(meaningless[i], SIG_IGN) == SIG_ERR)
			return -1;
	return sigprocmask(SIG_BLOCK, &signals, NULL);
}

static int
open_signals(void)
{
	sigset_t signals = our_signals();

	return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void
reload(struct agent *agent, const char *file)
{
	struct text problems;
	struct config *config;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	notify_reloading((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	text_init(&problems, 64 * 1024);
	config = config_load(file, &problems);
	if (config == NULL || agent_reconfigure(agent, config, &problems) == -1)
		log_write(LOG_LEVEL_ERROR, "reload",
		    LOG_TEXT("result", "refused, the old configuration stays in force"),
		    LOG_TEXT("problems", text_string(&problems)));
	else
		log_write(LOG_LEVEL_NOTICE, "reload", LOG_TEXT("result", "done"));
	text_free(&problems);
	notify_ready();
}

static void
take_signals(struct agent *agent, int signals, const char *file)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload(agent, file);
			continue;
		}
		log_write(LOG_LEVEL_NOTICE, "stopping", LOG_NUMBER("signal", info.ssi_signo));
		notify_stopping();
		agent_drain(agent);
	}
}

static enum agent_end
loop(struct agent *agent, int signals, const char *file)
{
	int64_t watchdog = notify_watchdog_interval_ms();
	int64_t wait = watchdog > 0 && watchdog < WAIT_MS_MAX ? watchdog : WAIT_MS_MAX;
	char said[300] = "";
	char status[300];
	enum agent_end end;

	notify_ready();
	do {
		bool signaled = false;

		end = agent_turn(agent, signals, wait, &signaled);
		if (signaled)
			take_signals(agent, signals, file);
		notify_watchdog();
		agent_describe(agent, status, sizeof(status));
		if (strcmp(status, said) != 0)
			notify_status(status);
		memcpy(said, status, sizeof(said));
	} while (end == AGENT_RUNS);
	return end;
}

static int
exit_code(enum agent_end end)
{
	switch (end) {
	case AGENT_RUNS:
	case AGENT_STOPPED:
		return EXIT_FINE;
	case AGENT_REPLACED:
		command_say("the database file was replaced or set back while outboxd served it; "
			    "nothing more is "
			    "sent. Start it again: it will say what it found");
		return EXIT_TEMPORARY;
	case AGENT_CORRUPT:
		command_say(
		    "the database is corrupt; restore a backup, then: outboxd adopt --config FILE");
		return EXIT_CORRUPT;
	case AGENT_FAILED:
		break;
	}
	return EXIT_TEMPORARY;
}

/* Locked already: serve until told to stop. */
static int
serve(struct config *config, const char *file)
{
	struct text why;
	enum agent_end end = AGENT_FAILED;
	struct agent *agent;
	int signals = open_signals();
	int code;

	if (signals == -1) {
		command_say("cannot receive signals: %s", strerror(errno));
		config_free(config);
		return EXIT_TEMPORARY;
	}
	text_init(&why, 4096);
	agent = agent_new(config, &why, &end);
	if (agent == NULL) {
		command_say("%s", text_string(&why));
		code = end == AGENT_STOPPED ? EXIT_CONFIG : exit_code(end);
	} else {
		log_write(LOG_LEVEL_NOTICE, "serving", LOG_TEXT("database", config->database),
		    LOG_NUMBER("pid", getpid()));
		code = exit_code(loop(agent, signals, file));
	}
	agent_free(agent);
	text_free(&why);
	(void)close(signals);
	return code;
}

static int
start(const char *file)
{
	int code = EXIT_CONFIG;
	struct config *config = command_config(file, true, &code);
	struct lock *lock = NULL;
	const char *why = "";

	if (config == NULL)
		return code;
	log_configure(config->log_format == LOG_JSON, LOG_LEVEL_INFO);
	if (mkdir(config->state_dir, 0700) == -1 && errno != EEXIST) {
		command_say("cannot create state_dir %s: %s", config->state_dir, strerror(errno));
		config_free(config);
		return EXIT_CONFIG;
	}
	if (!command_place(config)) {
		config_free(config);
		return EXIT_CONFIG;
	}
	switch (lock_take(config->database, &lock, &why)) {
	case LOCK_TAKEN:
		code = serve(config, file);
		lock_release(lock);
		return code;
	case LOCK_HELD_ELSEWHERE:
		command_say("another outboxd (pid %lld) serves %s, or upgrades it just now",
		    (long long)lock_holder(config->database), config->database);
		code = EXIT_TEMPORARY;
		break;
	case LOCK_FAILED:
		command_say("cannot lock %s: %s; if it does not exist: outboxd init --database %s",
		    config->database, why, config->database);
		code = EXIT_CONFIG;
		break;
	}
	config_free(config);
	return code;
}

static int
run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
	const char *file = NULL;
	char *path;
	int option;
	int code;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'c')
			return command_usage(command, NULL);
		file = optarg;
	}
	if (optind != argc)
		return command_usage(command, "what is \"%s\"?", argv[optind]);
	if (file == NULL)
		return command_usage(command, "say which configuration: --config FILE");
	protect();
	if (hold_signals() == -1) {
		command_say("cannot hold signals: %s", strerror(errno));
		return EXIT_TEMPORARY;
	}
	if (clean_environment() == -1) {
		command_say("cannot clean the environment");
		return EXIT_TEMPORARY;
	}
	path = realpath(file, NULL); /* a reload must find it again */
	code = start(path != NULL ? path : file);
	free(path);
	return code;
}

const struct command command_run = {
    .name = "run",
    .usage = "--config FILE",
    .summary = "the daemon, in the foreground",
    .run = run,
};
