/* daemon_parts.h - what daemon.c tells daemon_app.c. */
#ifndef OUTBOXD_TESTS_DAEMON_PARTS_H
#define OUTBOXD_TESTS_DAEMON_PARTS_H

#include <stdbool.h>

void stand_must(bool condition, const char *what);

#endif
