/*
 * notify.h - what systemd wants to hear ($NOTIFY_SOCKET), without libsystemd. Outside systemd every
 * call does nothing.
 */
#ifndef OUTBOXD_EDGE_NOTIFY_H
#define OUTBOXD_EDGE_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_stopping(void);
void notify_reloading(int64_t monotonic_us);
void notify_status(const char *status);
void notify_watchdog(void);
/* How often the watchdog wants to be fed, in ms (half of $WATCHDOG_USEC); 0: no watchdog. */
int64_t notify_watchdog_interval_ms(void);

#endif
