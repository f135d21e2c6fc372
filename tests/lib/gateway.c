/* gateway.c - starts, asks and ends the fake gateway; reads its logs from their files. */
#include "lib/gateway.h"
#include "lib/gateway_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

enum { URLS = 8, URL_SIZE = 1024, PATH_SIZE = 1024, ARGUMENTS_MAX = 64, START_MS_MAX = 10000 };

struct gateway {
	pid_t pid; /* 0: not running */
	int port;
	bool tls;
	bool canary;
	const char *const *extra_args;
	char dir[PATH_SIZE - 64];
	char urls[URLS][URL_SIZE];
	unsigned int next_url;
};

static void
sleep_ms(int ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};

	nanosleep(&time, NULL);
}

static void
path_in(const struct gateway *gateway, const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s", gateway->dir, name);
}

/* The gateway's binary: two directories above the test's own, unless the environment says. Asked
 * once, as build_directory() in daemon.c. */
static const char *
find_binary(void)
{
	static char path[PATH_SIZE];
	const char *given = getenv("FAKEGW");
	ssize_t length;

	if (path[0] != '\0')
		return path;
	length = readlink("/proc/self/exe", path, PATH_SIZE - 16);
	if (given != NULL || length < 0) {
		snprintf(path, PATH_SIZE, "%s", given == NULL ? "build/fakegw" : given);
		return path;
	}
	path[length] = '\0';
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');

		if (slash != NULL)
			*slash = '\0';
	}
	strcat(path, "/fakegw");
	return path;
}

/* Runs in the child. */
static void
become(const struct gateway *gateway, const char *binary, const char *listen, pid_t parent)
{
	char port_file[PATH_SIZE];
	char effects[PATH_SIZE];
	char requests[PATH_SIZE];
	char log[PATH_SIZE];
	const char *words[ARGUMENTS_MAX] = {binary, "--listen", listen, "--port-file", port_file,
	    gateway->canary ? "--canary" : "--effects", effects,
	    gateway->canary ? NULL : "--requests", requests};
	size_t count = gateway->canary ? 7 : 9;
	int fd;

	path_in(gateway, gateway->canary ? "canary.port" : "gateway.port", port_file);
	path_in(gateway, gateway->canary ? "canary.jsonl" : "effects.jsonl", effects);
	path_in(gateway, "requests.jsonl", requests);
	path_in(gateway, gateway->canary ? "canary.log" : "gateway.log", log);
	for (size_t i = 0; gateway->extra_args != NULL && gateway->extra_args[i] != NULL; i++)
		if (count + 1 < ARGUMENTS_MAX)
			words[count++] = gateway->extra_args[i];
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	execv(binary, (char *const *)(uintptr_t)words);
	fprintf(stderr, "%s: %s\n", binary, strerror(errno));
	_exit(127);
}

static int
read_port(const char *path)
{
	FILE *file = fopen(path, "re");
	int port = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &port) != 1)
		port = 0;
	fclose(file);
	return port;
}

static int
launch(struct gateway *gateway)
{
	const char *binary = find_binary();
	char port_file[PATH_SIZE];
	char listen[32];
	pid_t parent = getpid();
	int status;

	path_in(gateway, gateway->canary ? "canary.port" : "gateway.port", port_file);
	unlink(port_file);
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", gateway->port);
	gateway->pid = fork();
	if (gateway->pid == 0)
		become(gateway, binary, listen, parent);
	for (int waited = 0; gateway->pid > 0 && waited < START_MS_MAX; waited += 5) {
		int port = read_port(port_file);

		if (port > 0) {
			gateway->port = port;
			return 0;
		}
		if (waitpid(gateway->pid, &status, WNOHANG) == gateway->pid) {
			gateway->pid = 0;
			break;
		}
		sleep_ms(5);
	}
	fprintf(
	    stderr, "gateway: %s does not start; see gateway.log in %s\n", binary, gateway->dir);
	gateway_kill(gateway);
	return -1;
}

static struct gateway *
start(const char *dir, const char *const *extra_args, bool canary)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));

	if (gateway == NULL)
		return NULL;
	snprintf(gateway->dir, sizeof(gateway->dir), "%s", dir);
	gateway->extra_args = extra_args;
	gateway->canary = canary;
	for (size_t i = 0; extra_args != NULL && extra_args[i] != NULL; i++)
		if (strcmp(extra_args[i], "--tls-cert") == 0)
			gateway->tls = true;
	if (launch(gateway) != 0) {
		free(gateway);
		return NULL;
	}
	return gateway;
}

struct gateway *
gateway_start(const char *dir, const char *const *extra_args)
{
	return start(dir, extra_args, false);
}

struct gateway *
gateway_canary_start(const char *dir)
{
	return start(dir, NULL, true);
}

int
gateway_restart(struct gateway *gateway)
{
	return gateway->pid > 0 ? -1 : launch(gateway);
}

const char *
gateway_directory(const struct gateway *gateway)
{
	return gateway->dir;
}

int
gateway_port(const struct gateway *gateway)
{
	return gateway->port;
}

int
gateway_pid(const struct gateway *gateway)
{
	return gateway->pid;
}

const char *
gateway_url(struct gateway *gateway, const char *path)
{
	char *url = gateway->urls[gateway->next_url++ % URLS];

	snprintf(
	    url, URL_SIZE, "http%s://127.0.0.1:%d%s", gateway->tls ? "s" : "", gateway->port, path);
	return url;
}

static size_t
to_stderr(char *data, size_t size, size_t count, void *cookie)
{
	(void)cookie;
	if (strncmp(data, "ok", 2) != 0)
		fwrite(data, size, count, stderr);
	return count;
}

static int
post(struct gateway *gateway, const char *path, const char *body)
{
	CURL *curl = curl_easy_init();
	CURLcode code;
	long status = 0;

	if (curl == NULL)
		return -1;
	curl_easy_setopt(curl, CURLOPT_URL, gateway_url(gateway, path));
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
	/* the gateway's own control path, under a certificate that the test made itself */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, to_stderr);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code != CURLE_OK)
		fprintf(stderr, "gateway: %s: %s\n", path, curl_easy_strerror(code));
	return code == CURLE_OK && status == 200 ? 0 : -1;
}

int
gateway_script(struct gateway *gateway, const char *lines)
{
	return post(gateway, "/_fake/script", lines);
}

int
gateway_reset(struct gateway *gateway)
{
	return post(gateway, "/_fake/reset", "");
}

void
gateway_signal(const struct gateway *gateway, int number)
{
	if (gateway->pid > 0)
		kill(gateway->pid, number);
}

void
gateway_kill(struct gateway *gateway)
{
	int status;

	if (gateway->pid <= 0)
		return;
	kill(gateway->pid, SIGKILL);
	waitpid(gateway->pid, &status, 0);
	gateway->pid = 0;
}

int
gateway_stop(struct gateway *gateway)
{
	int status = -1;
	int result = -1;

	if (gateway == NULL)
		return -1;
	gateway_signal(gateway, SIGCONT);
	gateway_signal(gateway, SIGTERM);
	for (int waited = 0; gateway->pid > 0 && waited < 5000; waited += 5) {
		if (waitpid(gateway->pid, &status, WNOHANG) == gateway->pid) {
			gateway->pid = 0;
			result = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			break;
		}
		sleep_ms(5);
	}
	gateway_kill(gateway);
	free(gateway);
	return result;
}
