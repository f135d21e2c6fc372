/*
 * gateway.h - the fake gateway as a child process, for tests.
 *
 * The child's logs are files in the given directory, so that they can still be read when it is
 * dead: gateway.port, effects.jsonl, requests.jsonl, gateway.log (its stdout and stderr). It dies
 * with the test. The counts are since the last gateway_reset. The binary is $FAKEGW, or fakegw in
 * the build directory that the test itself lies in.
 */
#ifndef OUTBOXD_TESTS_GATEWAY_H
#define OUTBOXD_TESTS_GATEWAY_H

#include <cjson/cJSON.h>

struct gateway;

/*
 * Starts the gateway on a free port of 127.0.0.1 and waits until it listens (at most 10 s).
 * extra_args: NULL, or further command line words, NULL-ended ("--key-retention", "10s", NULL);
 * they must live as long as the gateway. NULL with a message on stderr when it does not start. The
 * caller ends it with gateway_stop.
 */
struct gateway *gateway_start(const char *dir, const char *const *extra_args);

/* The canary: a host that must never be contacted; its log is canary.jsonl. */
struct gateway *gateway_canary_start(const char *dir);

int gateway_port(const struct gateway *gateway);
int gateway_pid(const struct gateway *gateway);

/* "http://127.0.0.1:PORT" + path (https when extra_args has --tls-cert). Valid for 8 further calls.
 */
const char *gateway_url(struct gateway *gateway, const char *path);

/* Appends script lines ("order-1 submit 1 lose\n"; "clear" drops the older). -1 with a message. */
int gateway_script(struct gateway *gateway, const char *lines);

/* Forgets keys, orders, jobs, sessions, added script lines; all counts below begin anew. -1: not
 * reached. */
int gateway_reset(struct gateway *gateway);

/* How many effects the gateway saw. reference: a merchant's reference; NULL = any. -1: unreadable
 * log. */
int gateway_effects(const struct gateway *gateway, const char *reference);

/* How many requests. phase: "submit", "poll", "login"; NULL = any. */
int gateway_requests(const struct gateway *gateway, const char *reference, const char *phase);

/* How many different (method, target, key, body) its submits had: 1 when attempts are identical. */
int gateway_distinct_hashes(const struct gateway *gateway, const char *reference);

/* How many polls used a fetch URL that a newer one had replaced. */
int gateway_stale_polls(const struct gateway *gateway, const char *reference);

/* How many submits came after the first poll: 0 unless a pending row was submitted again. */
int gateway_submits_after_pending(const struct gateway *gateway, const char *reference);

/* Waits until gateway_requests(...) >= count. 0, or -1 after timeout_ms. */
int gateway_wait_requests(const struct gateway *gateway, const char *reference, const char *phase,
    int count, int timeout_ms);

/* Connections that the canary saw. */
int gateway_canary_hits(const struct gateway *gateway);

/* The logs as an array of objects (see fakegw --help); the caller deletes it. NULL: unreadable. */
cJSON *gateway_effect_log(const struct gateway *gateway);
cJSON *gateway_request_log(const struct gateway *gateway);

/* kill -9; logs and port stay, gateway_restart and gateway_stop are still allowed. */
void gateway_kill(struct gateway *gateway);

/*
 * Starts it again on the same port after gateway_kill. Its logs go on; what it remembered (keys,
 * orders, jobs, sessions, script lines) is gone, unless extra_args had --memory (keys, orders,
 * jobs). -1 with a message.
 */
int gateway_restart(struct gateway *gateway);

/* Sends a signal: SIGSTOP and SIGCONT make it deaf for a while. */
void gateway_signal(const struct gateway *gateway, int number);

/* SIGTERM, SIGKILL after 5 s, and frees. NULL is fine. The exit status, or -1 when it was killed.
 */
int gateway_stop(struct gateway *gateway);

#endif
