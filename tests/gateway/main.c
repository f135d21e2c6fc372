/* main.c - options, signals, and the order in which things start and stop. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway.h"
#include "jobs.h"
#include "keys.h"
#include "memory.h"
#include "server.h"
#include "usage.h"

enum { EXIT_USAGE = 64, EXIT_CANNOT = 75 };

struct options {
	const char *listen;
	const char *port_file;
	const char *effects;
	const char *requests;
	const char *canary;
	const char *memory;
	const char *cert;
	const char *key;
	struct world *world;
};

enum option_name {
	OPTION_LISTEN = 256,
	OPTION_PORT_FILE,
	OPTION_EFFECTS,
	OPTION_REQUESTS,
	OPTION_SCRIPT,
	OPTION_KEY_RETENTION,
	OPTION_TLS_CERT,
	OPTION_TLS_KEY,
	OPTION_PROCESS_MS,
	OPTION_SESSION_MS,
	OPTION_FETCH_MAX_MS,
	OPTION_NOT_READY,
	OPTION_FETCH_GRACE,
	OPTION_NO_FSYNC,
	OPTION_QUIET,
	OPTION_CANARY,
	OPTION_MEMORY,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"port-file", required_argument, NULL, OPTION_PORT_FILE},
    {"effects", required_argument, NULL, OPTION_EFFECTS},
    {"requests", required_argument, NULL, OPTION_REQUESTS},
    {"script", required_argument, NULL, OPTION_SCRIPT},
    {"key-retention", required_argument, NULL, OPTION_KEY_RETENTION},
    {"tls-cert", required_argument, NULL, OPTION_TLS_CERT},
    {"tls-key", required_argument, NULL, OPTION_TLS_KEY},
    {"process-ms", required_argument, NULL, OPTION_PROCESS_MS},
    {"session-ms", required_argument, NULL, OPTION_SESSION_MS},
    {"fetch-max-ms", required_argument, NULL, OPTION_FETCH_MAX_MS},
    {"not-ready", required_argument, NULL, OPTION_NOT_READY},
    {"fetch-grace", no_argument, NULL, OPTION_FETCH_GRACE},
    {"no-fsync", no_argument, NULL, OPTION_NO_FSYNC},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"canary", required_argument, NULL, OPTION_CANARY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int64_t
number_option(const char *name, const char *value)
{
	int64_t number = duration_ms(value);

	if (number < 0) {
		fprintf(stderr, "fakegw: --%s %s: want a number, or a time like 250ms, 30s, 24h\n",
		    name, value);
		exit(EXIT_USAGE);
	}
	return number;
}

/* True when the option was one of those that take a file. */
static bool
file_option(struct options *options, int option)
{
	switch (option) {
	case OPTION_LISTEN:
		options->listen = optarg;
		return true;
	case OPTION_PORT_FILE:
		options->port_file = optarg;
		return true;
	case OPTION_EFFECTS:
		options->effects = optarg;
		return true;
	case OPTION_REQUESTS:
		options->requests = optarg;
		return true;
	case OPTION_SCRIPT:
		options->world->script.path = optarg;
		return true;
	case OPTION_TLS_CERT:
		options->cert = optarg;
		return true;
	case OPTION_TLS_KEY:
		options->key = optarg;
		return true;
	case OPTION_MEMORY:
		options->memory = optarg;
		return true;
	case OPTION_CANARY:
		options->canary = optarg;
		return true;
	default:
		return false;
	}
}

static void
one_option(struct options *options, int option, const char *name)
{
	struct world *world = options->world;

	if (file_option(options, option))
		return;
	if (option == OPTION_KEY_RETENTION)
		world->key_retention_ms = number_option(name, optarg);
	else if (option == OPTION_PROCESS_MS)
		world->process_ms = number_option(name, optarg);
	else if (option == OPTION_SESSION_MS)
		world->session_ms = number_option(name, optarg);
	else if (option == OPTION_FETCH_MAX_MS)
		world->fetch_max_ms = number_option(name, optarg);
	else if (option == OPTION_NOT_READY)
		world->not_ready = (long)number_option(name, optarg);
	else if (option == OPTION_FETCH_GRACE)
		world->fetch_grace = true;
	else if (option == OPTION_NO_FSYNC)
		world->ledger.no_sync = true;
	else if (option == OPTION_QUIET)
		world->quiet = true;
}

static void
read_options(struct options *options, int argc, char **argv)
{
	int option;
	int index = 0;

	while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		if (option == 'h') {
			usage_print(stdout);
			exit(EXIT_SUCCESS);
		}
		if (option == '?')
			exit(EXIT_USAGE);
		one_option(options, option, long_options[index].name);
	}
	if (optind < argc || (options->cert == NULL) != (options->key == NULL)) {
		fputs(optind < argc ? "fakegw: it takes options only; try --help\n"
				    : "fakegw: --tls-cert and --tls-key go together\n",
		    stderr);
		exit(EXIT_USAGE);
	}
}

static char *
read_pem(const char *path)
{
	struct text content = {NULL, 0, 0};
	char chunk[4096];
	size_t got;
	FILE *file;

	if (path == NULL)
		return NULL;
	file = fopen(path, "re");
	if (file == NULL) {
		fprintf(stderr, "fakegw: %s: %s\n", path, strerror(errno));
		exit(EXIT_CANNOT);
	}
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		text_add(&content, chunk, got);
	fclose(file);
	return content.data;
}

static int
write_port_file(const char *path, int port)
{
	struct text temporary = {NULL, 0, 0};
	FILE *file;
	int result = -1;

	if (path == NULL)
		return 0;
	text_printf(&temporary, "%s.new", path);
	file = fopen(temporary.data, "we");
	if (file != NULL) {
		fprintf(file, "%d\n", port);
		if (fclose(file) == 0 && rename(temporary.data, path) == 0)
			result = 0;
	}
	if (result != 0)
		fprintf(stderr, "fakegw: %s: %s\n", path, strerror(errno));
	text_free(&temporary);
	return result;
}

static void
many_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
wait_for_the_end(struct world *world, const sigset_t *signals)
{
	int number = 0;

	while (sigwait(signals, &number) == 0) {
		if (number != SIGHUP)
			return;
		world->script.reload = true;
	}
}

static int
serve(struct options *options, int listen_fd, int port, const sigset_t *signals)
{
	struct world *world = options->world;
	struct text error = {NULL, 0, 0};
	struct server *server;
	char *cert = read_pem(options->cert);
	char *key = read_pem(options->key);
	int result = EXIT_CANNOT;

	world->tls = world->script.tls = cert != NULL;
	if (script_refresh(&world->script, &error) != 0) {
		fprintf(stderr, "fakegw: %s", text_get(&error));
		text_free(&error);
		return EXIT_USAGE;
	}
	if (ledger_open(&world->ledger, options->effects, options->requests) != 0 ||
	    memory_open(world, options->memory) != 0)
		return EXIT_CANNOT;
	server = server_start(world, listen_fd, cert, key);
	if (server != NULL && write_port_file(options->port_file, port) == 0) {
		if (!world->quiet)
			usage_greet(stdout, port, world->tls);
		wait_for_the_end(world, signals);
		result = EXIT_SUCCESS;
	}
	if (server != NULL)
		server_stop(server);
	free(cert);
	free(key);
	return result;
}

int
main(int argc, char **argv)
{
	struct world world = {
	    .ledger = {.fd = {-1, -1}},
	    .memory_fd = -1,
	    .key_retention_ms = 24 * 3600 * 1000,
	    .session_ms = 6 * 3600 * 1000,
	    .fetch_max_ms = 180 * 1000,
	    .not_ready = 2,
	};
	struct options options = {.listen = "127.0.0.1:8099", .world = &world};
	sigset_t signals;
	int port = 0;
	int fd;
	int result;

	world.keys.release = stored_free;
	world.jobs.release = job_free;
	world.orders.release = world.old_urls.release = world.sessions.release = free;
	read_options(&options, argc, argv);
	many_descriptors();
	signal(SIGPIPE, SIG_IGN);
	fd = server_listen(options.listen, &port);
	if (fd < 0)
		return EXIT_CANNOT;
	if (options.canary != NULL) {
		int log = canary_open(options.canary);

		if (log < 0 || write_port_file(options.port_file, port) != 0)
			return EXIT_CANNOT;
		canary_run(fd, log);
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	result = serve(&options, fd, port, &signals);
	world_close(&world);
	return result;
}
