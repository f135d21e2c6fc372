/*
 * daemon.c - starts, ends and configures the daemon under test.
 */
#include "lib/daemon.h"
#include "lib/daemon_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/scratch.h"

enum { WORDS_MAX = 32, OUTPUT_MAX = 65536 };

static const char *const gateway_words[] = {"--no-fsync", NULL};

/* Tests are no place for handling their own misfortune. */
void
stand_must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "stand: %s: %s\n", what, strerror(errno));
	abort();
}

void
stand_be_child(pid_t parent)
{
	static const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS, SIGABRT};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
}

void
stand_sleep_ms(int ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};

	nanosleep(&time, NULL);
}

int64_t
stand_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- where things are --- */

/* BUILD/tests/DIRECTORY/program -> BUILD. Asked once: in a chroot the answer is another one after
 * unshare(CLONE_NEWNS). */
static const char *
build_directory(void)
{
	static char path[PATH_MAX];
	ssize_t length;

	if (path[0] != '\0')
		return path;
	length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	stand_must(length > 0, "/proc/self/exe");
	path[length] = '\0';
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');

		if (slash != NULL)
			*slash = '\0';
	}
	return path;
}

const char *
stand_binary(void)
{
	static char path[PATH_MAX + 16];
	const char *given = getenv("OUTBOXD");

	if (given != NULL)
		return given;
	snprintf(path, sizeof(path), "%s/outboxd", build_directory());
	return path;
}

/* The shipped profiles: beside the build directory, or where make runs. */
static const char *
profiles(void)
{
	static char path[PATH_MAX + 32];
	static char real[PATH_MAX];

	snprintf(path, sizeof(path), "%s/../etc/profiles", build_directory());
	stand_must(realpath(path, real) != NULL || realpath("etc/profiles", real) != NULL, path);
	return real;
}

/* --- children --- */

static void
become(const char *const *words, const char *output, bool truncated, pid_t parent)
{
	const char *all[WORDS_MAX + 2] = {stand_binary()};
	int fd = open(output, O_WRONLY | O_CREAT | (truncated ? O_TRUNC : O_APPEND), 0600);

	for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++)
		all[i + 1] = words[i];
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	execv(all[0], (char *const *)(uintptr_t)all);
	fprintf(stderr, "%s: %s\n", all[0], strerror(errno));
	_exit(127);
}

static pid_t
launch(const char *const *words, const char *output, bool truncated)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	stand_must(pid >= 0, "fork");
	if (pid == 0)
		become(words, output, truncated, parent);
	return pid;
}

void
stand_start(struct stand *stand)
{
	const char *const words[] = {"run", "--config", stand->config, NULL};

	stand_must(stand->pid == 0, "the daemon runs already");
	stand_configure(stand);
	stand->pid = launch(words, scratch_path(stand->dir, "outboxd.log"), false);
}

void
stand_signal(struct stand *stand, int number)
{
	if (stand->pid > 0)
		kill(stand->pid, number);
}

/* The signals of a line of /proc/PID/status. */
static bool
signal_in(const char *status, const char *line, int number)
{
	const char *found = strstr(status, line);

	return found != NULL && (strtoull(found + strlen(line), NULL, 16) >> (number - 1) & 1) != 0;
}

bool
stand_wait_listening(struct stand *stand)
{
	int64_t until = stand_clock_ms() + STAND_PATIENCE_MS;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)stand->pid);
	while (stand_runs(stand) && stand_clock_ms() < until) {
		char *text = scratch_read(path, NULL);
		/* Both: glibc 2.41 blocks every signal during fork(), before there is a daemon. */
		bool held =
		    signal_in(text, "SigBlk:", SIGTERM) && signal_in(text, "SigIgn:", SIGUSR1);

		free(text);
		if (held)
			return true;
		stand_sleep_ms(2);
	}
	return false;
}

void
stand_kill(struct stand *stand)
{
	int status;

	if (stand->pid <= 0)
		return;
	kill(stand->pid, SIGKILL);
	waitpid(stand->pid, &status, 0);
	stand->pid = 0;
	stand->kills++;
}

int
stand_wait_end(struct stand *stand, int timeout_ms)
{
	int64_t until = stand_clock_ms() + timeout_ms;
	int status = 0;

	while (stand->pid > 0) {
		if (waitpid(stand->pid, &status, WNOHANG) == stand->pid) {
			stand->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		if (stand_clock_ms() > until)
			stand_kill(stand);
		else
			stand_sleep_ms(5);
	}
	return -1;
}

/* Whether it takes signals in order already: before main() a SIGTERM is the end of any process. */
static bool
holds_signals(pid_t pid)
{
	char path[64];
	char line[256];
	unsigned long long blocked = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "SigBlk: %llx", &blocked);
	if (file != NULL)
		fclose(file);
	return (blocked >> (SIGTERM - 1) & 1) != 0;
}

int
stand_stop(struct stand *stand)
{
	for (int waited = 0; waited < 5000 && stand->pid > 0 && !holds_signals(stand->pid);
	     waited += 5)
		stand_sleep_ms(5);
	stand_signal(stand, SIGTERM);
	return stand_wait_end(stand, STAND_PATIENCE_MS);
}

bool
stand_runs(struct stand *stand)
{
	int status;

	if (stand->pid > 0 && waitpid(stand->pid, &status, WNOHANG) == stand->pid)
		stand->pid = 0;
	return stand->pid > 0;
}

const char *
stand_command(struct stand *stand, int *status, const char *const *words)
{
	static char output[OUTPUT_MAX];
	const char *path = scratch_path(stand->dir, "command.out");
	pid_t pid = launch(words, path, true);
	char *text;
	int raw;

	waitpid(pid, &raw, 0);
	*status = WIFEXITED(raw) ? WEXITSTATUS(raw) : -1;
	text = scratch_read(path, NULL);
	snprintf(output, sizeof(output), "%s", text);
	free(text);
	return output;
}

/* --- the configuration --- */

/* What tests want short; extra may say otherwise. */
static const struct {
	const char *name;
	const char *value;
} usual[] = {
    {"base_url", NULL},
    {"allow_plain_loopback", "true"},
    {"ramp", "\"0s\""},
    {"retry_base", "\"20ms\""},
    {"retry_cap", "\"200ms\""},
    {"poll_interval", "\"20ms\""},
    {"poll_interval_max", "\"100ms\""},
    {"probe_interval", "\"200ms\""},
    {"probe_interval_max", "\"400ms\""},
};

static bool
says(const char *extra, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = extra; (at = strstr(at, name)) != NULL; at += length)
		if ((at == extra || at[-1] == ' ' || at[-1] == ';') &&
		    (at[length] == ' ' || at[length] == '='))
			return true;
	return false;
}

void
stand_destination(struct stand *stand, const char *name, const char *profile, const char *extra)
{
	char *old = stand->destinations;
	char text[4096];
	size_t used = 0;
	const char *credentials = "headers = { Authorization = \"test\"; };";

#define ADD(...) (used += (size_t)snprintf(text + used, sizeof(text) - used, __VA_ARGS__))
	if (strcmp(profile, "riverty") == 0)
		credentials = "headers = { X-Auth-Key = \"test\"; };";
	else if (strcmp(profile, "vrio") == 0)
		credentials = "headers = { X-Api-Key = \"test\"; };";
	else if (strcmp(profile, "travlinq") == 0)
		credentials = "headers = { X-API-KEY = \"test\"; };";
	ADD("  %s = { profile = \"%s\";", name, profile);
	if (!says(extra, "headers"))
		ADD(" %s", credentials);
	if (strcmp(profile, "travlinq") == 0 && !says(extra, "login"))
		ADD(" login = { userName = \"%s\"; password = \"p\"; companyCode = \"C\"; };",
		    name);
	if ((strcmp(profile, "riverty") == 0 || strcmp(profile, "generic") == 0) &&
	    !says(extra, "key_retention"))
		ADD(" key_retention = \"24h\";");
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (says(extra, usual[i].name))
			continue;
		if (usual[i].value != NULL)
			ADD(" %s = %s;", usual[i].name, usual[i].value);
		else
			ADD(" %s = \"%s\";", usual[i].name, gateway_url(stand->gateway, ""));
	}
	ADD(" %s };\n", extra);
#undef ADD
	stand_must(used < sizeof(text), "stand_destination");
	stand_must(
	    asprintf(&stand->destinations, "%s%s", old == NULL ? "" : old, text) > 0, "memory");
	free(old);
}

void
stand_forget_destinations(struct stand *stand)
{
	free(stand->destinations);
	stand->destinations = NULL;
}

void
stand_configure(struct stand *stand)
{
	char *text;
	int length = asprintf(&text,
	    "database = \"%s\";\nstate_dir = \"state\";\nprofiles = \"%s\";\n%s\ndestinations = "
	    "{\n%s};\n",
	    stand->database, profiles(), stand->head,
	    stand->destinations == NULL ? "" : stand->destinations);
	mode_t mask = umask(0077);

	stand_must(length > 0, "memory");
	scratch_write(stand->config, text, (size_t)length);
	umask(mask);
	free(text);
}

/* --- the whole --- */

struct stand *
stand_new(const char *const *gateway_args)
{
	struct stand *stand = calloc(1, sizeof(*stand));
	const char *words[] = {"init", "--database", NULL, NULL};
	int status;

	stand_must(stand != NULL && scratch_setup(&stand->dir) == 0, "scratch");
	snprintf(stand->database, sizeof(stand->database), "%s/shop.db", (char *)stand->dir);
	snprintf(stand->config, sizeof(stand->config), "%s/outboxd.conf", (char *)stand->dir);
	stand->gateway =
	    gateway_start(stand->dir, gateway_args == NULL ? gateway_words : gateway_args);
	stand_must(stand->gateway != NULL, "gateway_start");
	words[2] = stand->database;
	(void)stand_command(stand, &status, words);
	stand_must(status == 0, "outboxd init");
	return stand;
}

void
stand_free(struct stand *stand)
{
	if (stand == NULL)
		return;
	stand_kill(stand);
	gateway_stop(stand->gateway);
	gateway_stop(stand->canary);
	stand_forget_destinations(stand);
	scratch_teardown(&stand->dir);
	free(stand);
}

struct gateway *
stand_canary(struct stand *stand)
{
	if (stand->canary == NULL)
		stand->canary = gateway_canary_start(stand->dir);
	stand_must(stand->canary != NULL, "canary");
	return stand->canary;
}

int
stand_setup(void **state)
{
	(void)build_directory(); /* before a test makes itself another world */
	*state = stand_new(NULL);
	return 0;
}

int
stand_teardown(void **state)
{
	stand_free(*state);
	return 0;
}

bool
stand_log_has(struct stand *stand, const char *text)
{
	char *log = scratch_read(scratch_path(stand->dir, "outboxd.log"), NULL);
	bool found = strstr(log, text) != NULL;

	free(log);
	return found;
}
