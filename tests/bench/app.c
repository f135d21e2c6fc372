/*
 * app.c - the app in C, and how the others are run.
 */
#include "bench/app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char order_sql[] = "INSERT INTO orders (number, total) VALUES ('A-' || ?1, '49.90')";

static void
pause_us(int64_t us)
{
	struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static int64_t
gap(int64_t from, int64_t to)
{
	return to <= from ? from : from + random() % (to - from + 1);
}

/* --- the app in C --- */

struct app {
	sqlite3 *db;
	sqlite3_stmt *statements[4]; /* begin, order, outbox, commit */
	int64_t visible_ns;
};

enum { CHECKPOINT_PAGES = 1000 }; /* SQLite's own default */

/* A commit is visible now. What SQLite does next, and COMMIT returns after, is a checkpoint of a
 * WAL that is long. */
static int
on_visible(void *context, sqlite3 *db, const char *schema, int pages)
{
	struct app *app = context;

	app->visible_ns = now_ns();
	if (pages >= CHECKPOINT_PAGES)
		(void)sqlite3_wal_checkpoint_v2(db, schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

static int
run_statement(sqlite3_stmt *statement, int64_t number)
{
	int rc;

	if (sqlite3_bind_parameter_count(statement) > 0)
		(void)sqlite3_bind_int64(statement, 1, number);
	rc = sqlite3_step(statement);
	(void)sqlite3_reset(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One order: SQLITE_OK, or SQLITE_BUSY when the database was locked. */
static int
insert(struct app *app, int64_t number, bool unrelated)
{
	int rc = run_statement(app->statements[0], number);

	if (rc != SQLITE_OK)
		return rc;
	rc = run_statement(app->statements[1], number);
	if (rc == SQLITE_OK && !unrelated)
		rc = run_statement(app->statements[2], number);
	if (rc == SQLITE_OK)
		rc = run_statement(app->statements[3], number);
	if (rc != SQLITE_OK)
		(void)sqlite3_exec(app->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static void
prepare(struct app *app)
{
	char outbox[2048];
	const char *texts[4] = {"BEGIN IMMEDIATE", order_sql, outbox, "COMMIT"};

	(void)snprintf(outbox, sizeof(outbox),
	    "INSERT INTO outbox (destination, operation, path, reference, body) "
	    "SELECT 'shop0', 'post', '/d/' || i, 'w-' || i, %s FROM (SELECT ?1 AS i)",
	    body_sql);
	for (int i = 0; i < 4; i++)
		if (sqlite3_prepare_v2(app->db, texts[i], -1, &app->statements[i], NULL) !=
		    SQLITE_OK)
			die("app: %s", sqlite3_errmsg(app->db));
}

/* app DATABASE COUNT FIRST GAP_MIN GAP_MAX TIMEOUT SYNCHRONOUS UNRELATED OUT */
int
app_main(int argc, char **argv)
{
	struct app app = {.db = NULL};
	int64_t count;
	FILE *out;

	if (argc != 10 || (out = fopen(argv[9], "we")) == NULL)
		return 64;
	if (sqlite3_open(argv[1], &app.db) != SQLITE_OK)
		die("app: %s", sqlite3_errmsg(app.db));
	count = atoll(argv[2]);
	srandom((unsigned)getpid());
	(void)sqlite3_busy_timeout(app.db, 60000);
	sql(app.db, "PRAGMA synchronous = %s", argv[7]);
	prepare(&app);
	(void)sqlite3_wal_hook(app.db, on_visible, &app);
	(void)sqlite3_busy_timeout(app.db, atoi(argv[6]));
	for (int64_t i = 0; i < count; i++) {
		int64_t number = atoll(argv[3]) + i;
		int64_t begin;
		int rc;

		pause_us(gap(atoll(argv[4]), atoll(argv[5])));
		begin = now_ns();
		rc = insert(&app, number, atoi(argv[8]) != 0);
		(void)fprintf(out, "%lld %lld %lld %lld %s\n", (long long)number, (long long)begin,
		    (long long)app.visible_ns, (long long)now_ns(),
		    rc == SQLITE_OK ? "ok" : "busy");
		if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
			die("app: %s", sqlite3_errmsg(app.db));
	}
	return fclose(out) == 0 ? 0 : 1;
}

/* --- the sqlite3 shell, spoken to through pipes --- */

static pid_t
start_shell(const char *database, FILE **to, FILE **from)
{
	int in[2];
	int out[2];
	pid_t pid;

	if (pipe(in) == -1 || pipe(out) == -1 || (pid = fork()) == -1)
		die("cannot start sqlite3: %s", strerror(errno));
	if (pid == 0) {
		if (dup2(in[0], 0) == -1 || dup2(out[1], 1) == -1)
			_exit(126);
		(void)close(in[0]);
		(void)close(in[1]);
		(void)close(out[0]);
		(void)close(out[1]);
		(void)execlp(
		    "stdbuf", "stdbuf", "-oL", "sqlite3", "-batch", database, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	*to = fdopen(in[1], "w");
	*from = fdopen(out[0], "r");
	return pid;
}

static void
shell_app(const struct shop *shop, const struct app_plan *plan, const char *file)
{
	FILE *to;
	FILE *from;
	pid_t pid = start_shell(shop->database, &to, &from);
	FILE *out = fopen(file, "we");
	char line[64];

	if (out == NULL)
		die("cannot write %s", file);
	(void)fprintf(to, ".timeout %d\nPRAGMA synchronous = %s;\nPRAGMA wal_autocheckpoint = 0;\n",
	    plan->timeout_ms, plan->synchronous);
	for (int64_t number = plan->first; number < plan->first + plan->count; number++) {
		int64_t begin;
		int64_t end;

		pause_us(gap(plan->gap_us_min, plan->gap_us_max));
		begin = now_ns();
		(void)fprintf(to,
		    "BEGIN IMMEDIATE; INSERT INTO orders (number, total) VALUES ('A-%lld', "
		    "'49.90'); "
		    "INSERT INTO outbox (destination, operation, path, reference, body) "
		    "SELECT 'shop0', 'post', '/d/' || i, 'w-' || i, %s FROM (SELECT %lld AS i); "
		    "COMMIT;\n"
		    ".print done\n",
		    (long long)number, body_sql, (long long)number);
		(void)fflush(to);
		if (fgets(line, sizeof(line), from) == NULL)
			die("the sqlite3 shell ended");
		end = now_ns();
		(void)fprintf(out, "%lld %lld %lld %lld ok\n", (long long)number, (long long)begin,
		    (long long)end, (long long)end);
	}
	(void)fclose(out);
	(void)fclose(to);
	(void)fclose(from);
	(void)waitpid(pid, NULL, 0);
}

/* --- running one --- */

static void
read_commits(const char *file, struct app_run *run)
{
	FILE *in = fopen(file, "re");
	long long number;
	long long begin;
	long long visible;
	long long end;
	char word[8];

	run->count = 0;
	run->refused = 0;
	run->commits = calloc(COMMITS_MAX, sizeof(*run->commits));
	if (in == NULL || run->commits == NULL)
		die("cannot read %s", file);
	while (run->count < COMMITS_MAX &&
	       fscanf(in, "%lld %lld %lld %lld %7s", &number, &begin, &visible, &end, word) == 5) {
		bool refused = strcmp(word, "busy") == 0;

		run->commits[run->count++] = (struct commit){number, begin, visible, end, refused};
		run->refused += refused;
	}
	(void)fclose(in);
}

void
app_run(const struct shop *shop, const struct app_plan *plan, struct app_run *run)
{
	char numbers[6][24];
	char file[700];
	char script[700];
	char program[600];
	char database[700];
	char synchronous[16];
	const char *const *environment = NULL;
	struct syncs *syncs = NULL;
	char *own[] = {program, "app", database, numbers[0], numbers[1], numbers[2], numbers[3],
	    numbers[4], synchronous, numbers[5], file, NULL};
	char *scripted[] = {program, script, database, numbers[0], numbers[1], numbers[2],
	    numbers[3], numbers[4], synchronous, file, NULL};
	const int64_t values[6] = {plan->count, plan->first, plan->gap_us_min, plan->gap_us_max,
	    plan->timeout_ms, plan->unrelated};
	bool c = strcmp(plan->language, "c") == 0;
	int status;
	pid_t pid;

	for (int i = 0; i < 6; i++)
		(void)snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)values[i]);
	(void)snprintf(file, sizeof(file), "%s/commits", shop->directory);
	(void)snprintf(database, sizeof(database), "%s", shop->database);
	(void)snprintf(synchronous, sizeof(synchronous), "%s", plan->synchronous);
	(void)snprintf(script, sizeof(script), "%s/app.%s", settings.tests,
	    strcmp(plan->language, "php") == 0 ? "php" : "py");
	if (c)
		(void)snprintf(program, sizeof(program), "%s/bench", settings.build);
	else
		(void)snprintf(program, sizeof(program), "%s",
		    strcmp(plan->language, "php") == 0 ? "php" : "python3");
	if (strcmp(plan->language, "shell") == 0) {
		shell_app(shop, plan, file);
	} else {
		if (plan->sync_ms > 0)
			syncs = syncs_open(&environment, plan->sync_ms);
		pid = process_start(c ? own : scripted, environment, "/dev/stderr");
		status = process_wait(pid);
		if (syncs != NULL)
			syncs_close(syncs);
		if (status != 0)
			die("the app in %s failed (%d)", plan->language, status);
	}
	read_commits(file, run);
	if (run->count != plan->count)
		die("the app in %s made %lld of %lld commits", plan->language,
		    (long long)run->count, (long long)plan->count);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double
app_took_ms(const struct app_run *run, double share)
{
	double *took = calloc((size_t)run->count + 1, sizeof(*took));
	size_t count = 0;
	double result;

	if (took == NULL)
		die("out of memory");
	for (int64_t i = 0; i < run->count; i++)
		if (!run->commits[i].refused)
			took[count++] =
			    (double)(run->commits[i].end_ns - run->commits[i].begin_ns) / 1e6;
	qsort(took, count, sizeof(*took), compare);
	result = count == 0 ? 0 : took[(size_t)(share * (double)(count - 1))];
	free(took);
	return result;
}
