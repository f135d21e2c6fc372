/*
 * daemon.h - the real outboxd as a child process, beside a merchant's database and the fake
 * gateway.
 *
 * A stand is a directory with shop.db, outboxd.conf, state/, outboxd.log and the gateway's logs.
 * The app's side (stand_sql and its kin) opens a connection of its own for each call, with the
 * default settings of a merchant's client and a busy timeout as Python's sqlite3 has it. The
 * daemon's binary is $OUTBOXD, or outboxd in the build directory that the test itself lies in. It
 * dies with the test.
 */
#ifndef OUTBOXD_TESTS_DAEMON_H
#define OUTBOXD_TESTS_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/gateway.h"

enum { STAND_PATIENCE_MS = 60000 }; /* how long anything may take on a busy machine */

struct stand {
	void *dir; /* scratch */
	struct gateway *gateway;
	struct gateway *canary; /* NULL until stand_canary() */
	char database[300];
	char config[300];
	char *destinations; /* of the next configuration */
	char head[200];     /* further settings at the top of the configuration */
	pid_t pid;          /* 0: not running */
	int kills;          /* kill -9 */
};

/* For cmocka: *state is a struct stand, with the gateway running and the database initialised. */
int stand_setup(void **state);
int stand_teardown(void **state);

/* The same by hand, in a new directory. gateway_args as for gateway_start; NULL: --no-fsync alone.
 */
struct stand *stand_new(const char *const *gateway_args);
void stand_free(struct stand *stand);

struct gateway *stand_canary(struct stand *stand);

/*
 * Adds a destination of the shipped profile "riverty", "vrio", "travlinq" or "generic" at the fake
 * gateway, with short intervals. extra: further settings ("concurrency = 1; rate = \"5/s\";"),
 * which also replace the short ones.
 */
void stand_destination(
    struct stand *stand, const char *name, const char *profile, const char *extra);
void stand_forget_destinations(struct stand *stand);
/* Writes outboxd.conf; stand_start does so too. */
void stand_configure(struct stand *stand);

/* The daemon's program. */
const char *stand_binary(void);

/* Starts the daemon. Its stderr is appended to outboxd.log. */
void stand_start(struct stand *stand);
void stand_signal(struct stand *stand, int number);
/* Until it blocks SIGTERM: from then on a SIGTERM is an orderly end, however early it comes. */
bool stand_wait_listening(struct stand *stand);
/* kill -9, and waits for its end. */
void stand_kill(struct stand *stand);
/* SIGTERM; the exit status, -1 when it died of a signal or did not end in time (then it is killed).
 */
int stand_stop(struct stand *stand);
/* Waits for an end of its own; as stand_stop. */
int stand_wait_end(struct stand *stand, int timeout_ms);
/* Whether it runs. */
bool stand_runs(struct stand *stand);

/* Runs "outboxd WORDS..." to its end; output (stdout and stderr) in a static buffer, *status its
 * exit status. */
const char *stand_command(struct stand *stand, int *status, const char *const *words);

/* printf-like SQL of the app. exec fails the test; try gives SQLite's result code. The scalars: -1
 * and "" for NULL or no row; text in one of a few static buffers. */
void stand_exec(struct stand *stand, const char *format, ...) __attribute__((format(printf, 2, 3)));
int stand_try(struct stand *stand, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t stand_number(struct stand *stand, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *stand_text(struct stand *stand, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One row into outbox, as a good app does it: its id. columns: "destination, operation, ...",
 * values as in SQL. */
int64_t stand_insert(struct stand *stand, const char *columns, const char *values, ...)
    __attribute__((format(printf, 3, 4)));
/* The usual row for a gateway of that profile, under this reference; see daemon.c for the bodies.
 */
int64_t stand_order(
    struct stand *stand, const char *destination, const char *profile, const char *reference);

/* Waits until the query gives a number other than 0. false, with the query and all rows on stderr,
 * after STAND_PATIENCE_MS. */
bool stand_wait(struct stand *stand, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Until no row is open: done, or held. */
bool stand_wait_settled(struct stand *stand);
/* "succeeded", "unknown", ... of a finished row, else its state. */
const char *stand_outcome(struct stand *stand, int64_t id);
/* A row's outcome once it is done or held. */
const char *stand_await(struct stand *stand, int64_t id);

/* Inserts into outbox_control and waits for the answer: "done" or "refused"; *answer gets its text.
 */
const char *stand_ask(
    struct stand *stand, const char *columns, const char *values, const char **answer);

/* outbox_status and the end of outboxd.log on stderr. */
void stand_show(struct stand *stand);
bool stand_log_has(struct stand *stand, const char *text);

void stand_sleep_ms(int ms);
int64_t stand_clock_ms(void); /* monotonic */

#endif
