/*
 * harness.c - processes, shops and what they cost.
 */
#include "bench/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct settings settings = {.runs = 3};

/* Children that still run, so that nothing outlives us. */
enum { CHILDREN_MAX = 64 };
static pid_t children[CHILDREN_MAX];
static pid_t main_pid;

static void
kill_children(void)
{
	if (getpid() != main_pid)
		return;
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i] > 0)
			(void)kill(children[i], SIGKILL);
}

static void
remember_child(pid_t pid)
{
	if (main_pid == 0) {
		main_pid = getpid();
		(void)atexit(kill_children);
	}
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i] == 0) {
			children[i] = pid;
			return;
		}
	(void)kill(pid, SIGKILL);
	die("too many processes");
}

static void
forget_child(pid_t pid)
{
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i] == pid)
			children[i] = 0;
}

void
die(const char *format, ...)
{
	va_list arguments;

	(void)fflush(stdout);
	(void)fprintf(stderr, "%sbench: ", settings.progress ? "\r\033[K" : "");
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	exit(1);
}

void
progress(const char *format, ...)
{
	va_list arguments;

	if (!settings.progress)
		return;
	(void)fputs("\r\033[K", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fflush(stderr);
}

int64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
sleep_ms(int64_t ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

int64_t
chosen(int64_t asked, int64_t usual, int64_t quick)
{
	if (asked > 0)
		return asked;
	return settings.quick ? quick : usual;
}

/* --- processes --- */

static void
become(char *const argv[], const char *const extra[], const char *error_file)
{
	int in = open("/dev/null", O_RDWR);
	int error = open(error_file, O_WRONLY | O_CREAT | O_APPEND, 0644);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (in == -1 || error == -1 || dup2(in, 0) == -1 || dup2(error, 1) == -1 ||
	    dup2(error, 2) == -1)
		_exit(126);
	for (; extra != NULL && *extra != NULL; extra++)
		(void)putenv((char *)(uintptr_t)*extra);
	(void)execvp(argv[0], argv);
	_exit(127);
}

pid_t
process_start(char *const argv[], const char *const extra[], const char *error_file)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == -1)
		die("cannot fork: %s", strerror(errno));
	if (pid == 0)
		become(argv, extra, error_file);
	remember_child(pid);
	return pid;
}

pid_t
process_fork(void (*work)(void *context), void *context)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == -1)
		die("cannot fork: %s", strerror(errno));
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGTERM, SIG_DFL);
		(void)signal(SIGINT, SIG_DFL);
		work(context);
		_exit(0);
	}
	remember_child(pid);
	return pid;
}

void
process_stop(pid_t pid, int signal)
{
	int status;

	if (pid <= 0)
		return;
	if (signal != 0)
		(void)kill(pid, signal);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	forget_child(pid);
}

int
process_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	forget_child(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool
process_alive(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

/* The last words in a file, which is gone when we are. */
static const char *
tail_of(const char *path)
{
	static char text[2048];
	FILE *file = fopen(path, "re");
	size_t length = 0;

	if (file != NULL) {
		(void)fseek(file, -(long)sizeof(text) + 1, SEEK_END);
		length = fread(text, 1, sizeof(text) - 1, file);
		(void)fclose(file);
	}
	text[length] = '\0';
	return text;
}

void
process_run(char *const argv[], const char *error_file)
{
	if (process_wait(process_start(argv, NULL, error_file)) != 0)
		die("%s %s failed: %s", argv[0], argv[1] == NULL ? "" : argv[1],
		    tail_of(error_file));
}

char *
process_output(char *const argv[], int *status)
{
	int ends[2];
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	char buffer[4096];
	ssize_t got;
	pid_t pid;

	(void)fflush(stdout);
	if (out == NULL || pipe(ends) == -1 || (pid = fork()) == -1)
		die("cannot start %s", argv[0]);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(ends[1], 1) == -1 || dup2(ends[1], 2) == -1)
			_exit(126);
		(void)close(ends[0]);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)close(ends[1]);
	while ((got = read(ends[0], buffer, sizeof(buffer))) > 0)
		(void)fwrite(buffer, 1, (size_t)got, out);
	(void)close(ends[0]);
	(void)fclose(out);
	while (waitpid(pid, status, 0) == -1 && errno == EINTR)
		;
	return text;
}

/* The number after a name in a file of /proc, or -1. */
static int64_t
proc_number(pid_t pid, const char *file, const char *name)
{
	char path[64];
	char line[256];
	int64_t value = -1;
	FILE *stream;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	stream = fopen(path, "re");
	while (stream != NULL && value == -1 && fgets(line, sizeof(line), stream) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoll(line + strlen(name), NULL, 10);
	if (stream != NULL)
		(void)fclose(stream);
	return value;
}

void
usage_read(pid_t pid, struct usage *usage)
{
	char path[64];
	long long ns = 0;
	FILE *stream;

	/* Nanoseconds on a processor; /proc/PID/stat counts hundredths of a second. */
	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	stream = fopen(path, "re");
	if (stream == NULL || fscanf(stream, "%lld", &ns) != 1)
		die("cannot read %s", path);
	(void)fclose(stream);
	usage->cpu_us = (double)ns / 1000.0;
	usage->rss_kib = proc_number(pid, "status", "VmRSS:");
	usage->rss_max_kib = proc_number(pid, "status", "VmHWM:");
	usage->switches = proc_number(pid, "status", "voluntary_ctxt_switches:");
	usage->written = proc_number(pid, "io", "write_bytes:");
}

/* --- fsyncs --- */

/* One entry, which lives as long as we do. */
static const char *
entry(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) == -1)
		die("out of memory");
	va_end(arguments);
	return text;
}

struct syncs *
syncs_open(const char *const **environment, int delay_ms)
{
	static int number;
	const char **list = calloc(4, sizeof(*list));
	const char *file = entry("%s/syncs-%d", settings.scratch, number++);
	struct syncs *syncs;
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (list == NULL || fd == -1 || ftruncate(fd, sizeof(*syncs)) == -1)
		die("cannot write %s: %s", file, strerror(errno));
	syncs = mmap(NULL, sizeof(*syncs), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (syncs == MAP_FAILED)
		die("cannot map %s", file);
	list[0] = entry("LD_PRELOAD=%s/bench-slowsync.so", settings.build);
	list[1] = entry("BENCH_SYNCS=%s", file);
	list[2] = entry("BENCH_SYNC_MS=%d", delay_ms);
	*environment = list;
	return syncs;
}

void
syncs_close(struct syncs *syncs)
{
	(void)munmap(syncs, sizeof(*syncs));
}

/* --- a shop --- */

const char body_sql[] =
    "'{\"order\":{\"number\":\"A-' || i || '\",\"totalGrossAmount\":' || (i % 900 + 10) || "
    "'.90,\"currency\":\"EUR\","
    "\"items\":[{\"id\":\"sku-4711\",\"text\":\"Blue shirt, size "
    "M\",\"quantity\":1,\"grossUnitPrice\":49.90},"
    "{\"id\":\"sku-4712\",\"text\":\"Socks\",\"quantity\":2,\"grossUnitPrice\":4.90}]},"
    "\"customer\":{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"email\":\"jane.doe@example.com\"}}"
    "'";

static const char keyless_profile[] =
    "unprocessed = [ 401, 429 ];\n"
    "operations = { post = { method = \"POST\"; path_pattern = \"/{path...}\"; kind = \"keyless\"; "
    "}; };\n"
    "answers = ( { name = \"done\"; phase = \"submit\"; status = \"200\";\n"
    "  when = ( { json = \"\"; exists = true; } ); verdict = \"succeeded\"; } );\n";

static void
write_file(const char *path, const char *text, size_t length)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fwrite(text, 1, length, file) != length || fclose(file) != 0)
		die("cannot write %s: %s", path, strerror(errno));
}

static void
copy_file(const char *from, const char *to)
{
	static char bytes[256 * 1024];
	FILE *file = fopen(from, "re");
	size_t length;

	if (file == NULL)
		die("cannot read %s: %s", from, strerror(errno));
	length = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	write_file(to, bytes, length);
}

static void
write_profiles(const struct shop *shop)
{
	char from[700];
	char to[700];

	(void)snprintf(to, sizeof(to), "%s/profiles", shop->directory);
	if (mkdir(to, 0755) == -1)
		die("cannot create %s: %s", to, strerror(errno));
	(void)snprintf(from, sizeof(from), "%s/generic.conf", settings.profiles);
	(void)snprintf(to, sizeof(to), "%s/profiles/generic.conf", shop->directory);
	copy_file(from, to);
	(void)snprintf(to, sizeof(to), "%s/profiles/keyless.conf", shop->directory);
	write_file(to, keyless_profile, sizeof(keyless_profile) - 1);
}

static void
write_config(
    const struct shop *shop, const struct destination_plan *plans, int count, const char *more)
{
	FILE *file = fopen(shop->config, "we");

	if (file == NULL)
		die("cannot write %s: %s", shop->config, strerror(errno));
	(void)fprintf(file,
	    "database = \"%s\";\nstate_dir = \"%s/state\";\nprofiles = \"%s/profiles\";\n%s\n"
	    "destinations = {\n",
	    shop->database, shop->directory, shop->directory, more == NULL ? "" : more);
	for (int i = 0; i < count; i++)
		(void)fprintf(file,
		    "  %s = { profile = \"%s\"; base_url = \"%s\"; concurrency = %d; ramp = "
		    "\"0s\";\n"
		    "    allow_plain_loopback = true; %s %s };\n",
		    plans[i].name, plans[i].profile, plans[i].base_url, plans[i].concurrency,
		    strcmp(plans[i].profile, "generic") == 0 ? "key_retention = \"24h\";" : "",
		    plans[i].more == NULL ? "" : plans[i].more);
	(void)fprintf(file, "};\n");
	if (fclose(file) != 0)
		die("cannot write %s", shop->config);
}

static void
daemon_path(char *path, size_t size)
{
	(void)snprintf(path, size, "%s/outboxd", settings.build);
}

static void
error_path(const struct shop *shop, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/errors", shop->directory);
}

void
shop_open(struct shop *shop, const struct destination_plan *plans, int count, const char *more)
{
	static int number;
	char program[600];
	char errors[700];
	char *init[] = {program, "init", "--database", shop->database, NULL};
	sqlite3 *db = NULL;

	memset(shop, 0, sizeof(*shop));
	(void)snprintf(
	    shop->directory, sizeof(shop->directory), "%s/shop-%d", settings.scratch, number++);
	(void)snprintf(shop->database, sizeof(shop->database), "%s/shop.db", shop->directory);
	(void)snprintf(shop->config, sizeof(shop->config), "%s/outboxd.conf", shop->directory);
	if (mkdir(shop->directory, 0755) == -1)
		die("cannot create %s: %s", shop->directory, strerror(errno));
	write_profiles(shop);
	write_config(shop, plans, count, more);
	daemon_path(program, sizeof(program));
	error_path(shop, errors, sizeof(errors));
	if (sqlite3_open(shop->database, &db) != SQLITE_OK)
		die("cannot create %s", shop->database);
	sql(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT, total TEXT)");
	(void)sqlite3_close(db);
	process_run(init, errors);
	shop->syncs = syncs_open(&shop->environment, settings.sync_ms);
}

static int
remove_one(const char *path, const struct stat *file, int type, struct FTW *walk)
{
	(void)file;
	(void)type;
	(void)walk;
	return remove(path);
}

void
shop_close(struct shop *shop)
{
	process_stop(shop->daemon, SIGTERM);
	shop->daemon = 0;
	syncs_close(shop->syncs);
	(void)nftw(shop->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

sqlite3 *
shop_connect(const struct shop *shop)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(shop->database, &db) != SQLITE_OK)
		die("cannot open %s: %s", shop->database, sqlite3_errmsg(db));
	(void)sqlite3_busy_timeout(db, 60000);
	return db;
}

static char *
format_sql(const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) == -1)
		die("out of memory");
	return text;
}

void
sql(sqlite3 *db, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_sql(format, arguments);
	va_end(arguments);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		die("%s: %s", text, sqlite3_errmsg(db));
	free(text);
}

int64_t
sql_number(sqlite3 *db, const char *format, ...)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = -1;
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_sql(format, arguments);
	va_end(arguments);
	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
		die("%s: %s", text, sqlite3_errmsg(db));
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	free(text);
	return value;
}

/* Only this disk: sync() waits for every file system of the machine, and one of them may never
 * answer. */
void
disk_settle(void)
{
	int fd = open(settings.scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || syncfs(fd) == -1)
		die("cannot sync %s: %s", settings.scratch, strerror(errno));
	(void)close(fd);
}

void
shop_fill(const struct shop *shop, const char *destination, const char *operation, int64_t rows)
{
	sqlite3 *db = shop_connect(shop);

	progress("inserting %lld rows", (long long)rows);
	sql(db,
	    "PRAGMA synchronous = OFF;"
	    "INSERT INTO outbox (destination, operation, path, reference, body) "
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld) "
	    "SELECT '%s', '%s', '/d/' || i, 'r-' || i, %s FROM n;"
	    "PRAGMA wal_checkpoint(TRUNCATE);",
	    (long long)rows, destination, operation, body_sql);
	(void)sqlite3_close(db);
	disk_settle(); /* what filling left to be written belongs to no measurement */
}

void
shop_start_daemon(struct shop *shop)
{
	char program[600];
	char *run[] = {program, "run", "--config", shop->config, NULL};

	daemon_path(program, sizeof(program));
	shop->daemon = process_start(
	    run, shop->environment, settings.log == NULL ? "/dev/null" : settings.log);
}

int64_t
shop_wait_drained(const struct shop *shop, int seconds)
{
	int64_t end = now_ns() + (int64_t)seconds * 1000000000;
	sqlite3 *db = shop_connect(shop);
	sqlite3_stmt *first_open = NULL;
	int64_t id = 0;
	int64_t at = 0;

	/* From the last one that was open: a look costs what was finished since. */
	if (sqlite3_prepare_v2(db,
		"SELECT outbox_id FROM outbox_delivery WHERE outbox_id >= ?1 AND state <> 'done' "
		"ORDER BY outbox_id LIMIT 1",
		-1, &first_open, NULL) != SQLITE_OK)
		die("%s", sqlite3_errmsg(db));
	while (at == 0) {
		if (!process_alive(shop->daemon))
			die("outboxd ended by itself; its words: --log FILE (%s)",
			    settings.log == NULL ? "now to /dev/null" : tail_of(settings.log));
		if (now_ns() > end)
			die("not drained after %d s", seconds);
		(void)sqlite3_bind_int64(first_open, 1, id);
		if (sqlite3_step(first_open) == SQLITE_ROW)
			id = sqlite3_column_int64(first_open, 0);
		else
			at = wall_ms();
		(void)sqlite3_reset(first_open);
		if (at == 0)
			sleep_ms(10);
	}
	(void)sqlite3_finalize(first_open);
	(void)sqlite3_close(db);
	return at;
}

void
shop_expect(const struct shop *shop, const char *result, int64_t rows)
{
	sqlite3 *db = shop_connect(shop);
	int64_t found =
	    sql_number(db, "SELECT count(*) FROM outbox_result WHERE result = '%s'", result);
	int64_t attempts = sql_number(db, "SELECT sum(count) FROM outbox_attempt");

	(void)sqlite3_close(db);
	if (found != rows)
		die("%lld of %lld rows ended as %s (%lld attempts)", (long long)found,
		    (long long)rows, result, (long long)attempts);
}
