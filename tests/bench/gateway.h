/*
 * gateway.h - who answers: nginx, the neutral one, and a gateway of our own that takes its time and
 * stamps arrivals.
 */
#ifndef OUTBOXD_BENCH_GATEWAY_H
#define OUTBOXD_BENCH_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct nginx {
	pid_t pid;
	char plain[64]; /* http://127.0.0.1:PORT */
	char tls[64];   /* https://127.0.0.1:PORT */
	char ca_file[700];
};
void nginx_start(struct nginx *nginx);
void nginx_stop(struct nginx *nginx);

enum { STAMPS_MAX = 1 << 20 };
struct seen {
	_Atomic int64_t requests;
	_Atomic int64_t submits;
	_Atomic int64_t polls;
	_Atomic int64_t at_ns[STAMPS_MAX]; /* monotonic; of the first POST to .../N */
};

struct slow_plan {
	int submit_ms; /* until a POST is answered */
	bool pending;  /* a POST is answered with 202 and a Location, at once */
	int poll_ms;   /* until a GET is answered, with 202 again */
};

struct slow_gateway {
	pid_t pid;
	char url[64];
	struct seen *seen;
};
/* Answers 200 with the same body as nginx. */
void slow_start(struct slow_gateway *gateway, const struct slow_plan *plan);
void slow_stop(struct slow_gateway *gateway);

/* A port of this machine on which nobody listens. */
int free_port(void);

#endif
