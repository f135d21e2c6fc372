/*
 * pump.h - a thread that waits, writes raw bytes, and breaks connections.
 *
 * The HTTP library's connection is suspended meanwhile, so only the pump touches the socket. When
 * the plan has ended, or the client is gone, the connection is resumed.
 */
#ifndef FAKEGW_PUMP_H
#define FAKEGW_PUMP_H

#include "plan.h"

struct MHD_Connection;

struct parcel {
	struct parcel *next;
	struct MHD_Connection *connection;
	struct plan plan;
	int fd; /* a duplicate of the connection's */
	int64_t start_at_ms;
	int64_t next_byte_ms;
	int64_t hold_until_ms;
	size_t sent;
	size_t loop_at;
	bool started;
	bool wants_write;
	bool armed; /* what epoll was told of wants_write */
	bool gone;
};

struct pump;

/* NULL when the system gives no thread or descriptors. */
struct pump *pump_start(void);

/* Takes the suspended connection and the plan. The parcel is the caller's to free after the resume.
 */
struct parcel *pump_send(
    struct pump *pump, struct MHD_Connection *connection, int fd, struct plan *plan);

/* Resumes everything, ends the thread. Later pump_send calls resume at once. */
void pump_stop(struct pump *pump);
void pump_free(struct pump *pump);
void parcel_free(struct parcel *parcel);

#endif
