/*
 * main.c - build/bench: every benchmark by its name, or all of them.
 */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench/app.h"
#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/harness.h"

enum { TMPFS = 0x01021994 };

static const struct {
	const char *name;
	void (*run)(void);
	const char *summary;
} benches[] = {
    {"limits", bench_limits, "the disk, bare SQLite, bare libcurl, nginx alone"},
    {"drain", bench_drain, "a full outbox of keyed rows, 64 at a time"},
    {"delayed", bench_delayed, "a gateway that takes 50 ms, 512 at a time"},
    {"slow", bench_slow, "fsyncs that take 2 and 10 ms more, 256 at a time"},
    {"tls", bench_tls, "the drain over TLS with connections kept"},
    {"keyless", bench_keyless, "rows without keys: a connection and a commit of their own"},
    {"log", bench_log, "what a line per attempt costs"},
    {"insert", bench_insert, "the app's insert beside a full drain"},
    {"wake", bench_wake, "from the app's commit to the request at the gateway"},
    {"idle", bench_idle, "processor, wake-ups and memory while there is nothing to do"},
    {"backlog", bench_backlog, "claims, looks and starts with a long history or queue"},
    {"micro", bench_micro, "our own additions: rules, JSON, key, hash, card check"},
    {"instructions", bench_instructions, "the same, and a whole transaction, counted by callgrind"},
    {"destinations", bench_destinations, "fifty destinations, one dead and one hanging"},
};
enum { BENCH_COUNT = sizeof(benches) / sizeof(benches[0]) };

static int
usage(void)
{
	(void)fprintf(stderr,
	    "bench - what outboxd costs, beside the same work with nothing around it\n\n"
	    "  bench all|NAME... [options]\n\n");
	for (size_t i = 0; i < BENCH_COUNT; i++)
		(void)fprintf(stderr, "  %-13s %s\n", benches[i].name, benches[i].summary);
	(void)fprintf(stderr,
	    "\n  --runs N          medians of so many (3)\n"
	    "  --quick           once, with fewer rows: does it work, not what it costs\n"
	    "  --json            instead of the table\n"
	    "  --rows N, --concurrency N, --sync-ms N   instead of each benchmark's own\n"
	    "  --scratch DIR     on the disk to be measured (/var/tmp)\n"
	    "  --strict          a missed bound is a failure\n"
	    "  --build DIR       with outboxd in it (where this program stands)\n"
	    "  --profiles DIR    (etc/profiles)\n"
	    "  --log FILE        of the daemons (/dev/null)\n");
	return 64;
}

static void
take_option(int option, const char *text)
{
	switch (option) {
	case 'n':
		settings.runs = atoi(text);
		break;
	case 'q':
		settings.quick = true;
		settings.runs = 1;
		break;
	case 'S':
		settings.strict = true;
		break;
	case 'j':
		settings.json = true;
		break;
	case 'r':
		settings.rows = atoll(text);
		break;
	case 'c':
		settings.concurrency = atoi(text);
		break;
	case 's':
		settings.sync_ms = atoi(text);
		break;
	case 'd':
		(void)snprintf(settings.scratch, sizeof(settings.scratch), "%s", text);
		break;
	case 'b':
		(void)snprintf(settings.build, sizeof(settings.build), "%s", text);
		break;
	case 'p':
		(void)snprintf(settings.profiles, sizeof(settings.profiles), "%s", text);
		break;
	case 'l':
		settings.log = text;
		break;
	default:
		exit(usage());
	}
}

static void
take_options(int argc, char **argv)
{
	static const struct option options[] = {{"runs", required_argument, NULL, 'n'},
	    {"quick", no_argument, NULL, 'q'}, {"strict", no_argument, NULL, 'S'},
	    {"json", no_argument, NULL, 'j'}, {"rows", required_argument, NULL, 'r'},
	    {"concurrency", required_argument, NULL, 'c'},
	    {"sync-ms", required_argument, NULL, 's'}, {"scratch", required_argument, NULL, 'd'},
	    {"build", required_argument, NULL, 'b'}, {"profiles", required_argument, NULL, 'p'},
	    {"log", required_argument, NULL, 'l'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(option, optarg);
	if (settings.runs < 1 || settings.runs > SAMPLES_MAX)
		exit(usage());
}

/* Makes the paths absolute, and a directory of our own below the scratch directory. */
static void
settle_places(void)
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *real;
	struct statfs disk;
	char directory[512];

	if (settings.build[0] == '\0' && length > 0) {
		own[length] = '\0';
		*strrchr(own, '/') = '\0';
		(void)snprintf(settings.build, sizeof(settings.build), "%.500s", own);
	}
	if (settings.profiles[0] == '\0')
		(void)strcpy(settings.profiles, "etc/profiles");
	if (settings.scratch[0] == '\0')
		(void)strcpy(settings.scratch, "/var/tmp");
	real = realpath(settings.profiles, NULL);
	if (real == NULL)
		die("%s: %s (start me in the source's top directory, or say --profiles)",
		    settings.profiles, strerror(errno));
	(void)snprintf(settings.profiles, sizeof(settings.profiles), "%s", real);
	(void)snprintf(settings.tests, sizeof(settings.tests), "%.480s/../../tests/bench", real);
	free(real);
	real = realpath(settings.scratch, NULL);
	if (real == NULL || statfs(real, &disk) == -1)
		die("%s: %s", settings.scratch, strerror(errno));
	if ((long)disk.f_type == TMPFS)
		(void)fprintf(stderr,
		    "bench: %s is in memory: its fsyncs cost nothing; say --scratch\n", real);
	(void)snprintf(directory, sizeof(directory), "%.450s/outboxd-bench-XXXXXX", real);
	free(real);
	if (mkdtemp(directory) == NULL)
		die("%s: %s", directory, strerror(errno));
	(void)strcpy(settings.scratch, directory);
}

static int
remove_one(const char *path, const struct stat *file, int type, struct FTW *walk)
{
	(void)file;
	(void)type;
	(void)walk;
	return remove(path);
}

static pid_t owner;

static void
clean_up(void)
{
	if (getpid() == owner)
		(void)nftw(settings.scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What was begun is removed, too, when a person breaks it off: not by the book in a handler, but
 * nothing else is at stake. */
static void
broken_off(int signal)
{
	exit(128 + signal);
}

static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* nginx stands where only root's PATH leads. */
static void
extend_path(void)
{
	const char *path = getenv("PATH");
	char longer[8192];

	(void)snprintf(
	    longer, sizeof(longer), "%s:/usr/sbin:/sbin", path == NULL ? "/usr/bin:/bin" : path);
	(void)setenv("PATH", longer, 1);
}

static bool
run_named(const char *name)
{
	bool all = strcmp(name, "all") == 0;
	bool found = all;

	for (size_t i = 0; i < BENCH_COUNT; i++)
		if (all || strcmp(name, benches[i].name) == 0) {
			found = true;
			benches[i].run();
		}
	return found;
}

int
main(int argc, char **argv)
{
	int missed;

	if (argc > 1 && strcmp(argv[1], "app") == 0)
		return app_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "piece") == 0)
		return piece_main(argc - 1, argv + 1);
	settings.progress = isatty(STDERR_FILENO) == 1;
	take_options(argc, argv);
	if (optind == argc)
		return usage();
	raise_descriptors();
	extend_path();
	settle_places();
	owner = getpid();
	(void)atexit(clean_up);
	(void)signal(SIGINT, broken_off);
	(void)signal(SIGTERM, broken_off);
	for (int i = optind; i < argc; i++)
		if (!run_named(argv[i]))
			return usage();
	missed = figures_print(settings.json);
	/* A missed bound is a finding, not a failure: the machine may be busy or small.
	 * Instructions do not depend on that. */
	return settings.strict && missed > 0;
}
