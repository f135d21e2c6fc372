/*
 * harness.h - what every benchmark needs: a directory, processes that are ended by their pid, a
 * shop with an outbox, the real daemon, and what a process has cost.
 *
 * A benchmark is a program: whatever it cannot do ends it with a sentence (die()). What it started
 * ends with it.
 */
#ifndef OUTBOXD_BENCH_HARNESS_H
#define OUTBOXD_BENCH_HARNESS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct settings {
	char build[512];    /* where outboxd and we were built */
	char profiles[512]; /* etc/profiles of the source */
	char tests[512];    /* tests/bench of the source */
	char scratch[512];  /* on a real disk; a shop is made in a directory below */
	int runs;
	bool quick;
	bool strict;
	bool json;
	bool progress; /* standard error is a terminal */
	int64_t rows;  /* 0: the benchmark's own number; so for the next ones */
	int concurrency;
	int sync_ms;     /* added to each fsync of the daemon (and of the app) */
	const char *log; /* where the daemon's standard error goes; NULL: /dev/null */
};

extern struct settings settings;

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* What is going on, on a terminal's last line. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

int64_t now_ns(void);  /* monotonic */
int64_t wall_ms(void); /* Unix */
void sleep_ms(int64_t ms);
int64_t chosen(int64_t asked, int64_t usual, int64_t quick);

/* --- processes --- */

/* argv[0] is looked up in PATH. extra: "NAME=value" added to the environment, or NULL. Standard
 * error goes to the file. */
pid_t process_start(char *const argv[], const char *const extra[], const char *error_file);
/* A child that runs work(context) and ends; killed when we end. */
pid_t process_fork(void (*work)(void *context), void *context);
void process_stop(pid_t pid, int signal);
int process_wait(pid_t pid); /* its exit status; 128 + the signal that ended it */
/* Runs to its end; dies unless it exits with 0. */
void process_run(char *const argv[], const char *error_file);
/* Still there? */
bool process_alive(pid_t pid);
/* Runs a program and returns all it wrote to standard output and standard error, to be freed;
 * status as from waitpid(). */
char *process_output(char *const argv[], int *status);

struct usage {
	double cpu_us;
	int64_t rss_kib;
	int64_t rss_max_kib;
	int64_t switches; /* voluntary: wake-ups */
	int64_t written;  /* bytes to storage; -1: not ours to read */
};
void usage_read(pid_t pid, struct usage *usage);

/* --- counting and slowing fsyncs: tests/bench/slowsync.c, preloaded --- */

struct syncs {
	_Atomic uint64_t count;
	_Atomic uint64_t ns;
};
/* Environment entries that preload it into a program; counts arrive in the returned memory. */
struct syncs *syncs_open(const char *const **environment, int delay_ms);
void syncs_close(struct syncs *syncs);

/* --- a shop --- */

struct destination_plan {
	const char *name;
	const char *profile;
	char base_url[128];
	int concurrency;
	const char *more; /* settings, or NULL */
};

struct shop {
	char directory[600];
	char database[700];
	char config[700];
	pid_t daemon;
	struct syncs *syncs;
	const char *const *environment;
};

/* An empty outbox, and a configuration. more: settings outside of destinations, or NULL. */
void shop_open(
    struct shop *shop, const struct destination_plan *plans, int count, const char *more);
void shop_close(struct shop *shop); /* stops the daemon, removes everything */

/* The app's connection. */
sqlite3 *shop_connect(const struct shop *shop);
void sql(sqlite3 *db, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t sql_number(sqlite3 *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* rows for one destination, "reference" r-1, r-2, ... in path /d/N, with a body of about 290 bytes.
 */
void shop_fill(
    const struct shop *shop, const char *destination, const char *operation, int64_t rows);
extern const char body_sql[]; /* the body, an SQL expression over i */

void shop_start_daemon(struct shop *shop);
/* Waits until no row is open (or seconds have passed: dies). Returns the Unix ms. */
int64_t shop_wait_drained(const struct shop *shop, int seconds);
/* Dies unless that many rows ended with this result. */
void shop_expect(const struct shop *shop, const char *result, int64_t rows);

/* What was written before belongs to no measurement. */
void disk_settle(void);

#endif
