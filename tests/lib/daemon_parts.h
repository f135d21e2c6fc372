/* daemon_parts.h - what daemon.c tells daemon_app.c. */
#ifndef OUTBOXD_TESTS_DAEMON_PARTS_H
#define OUTBOXD_TESTS_DAEMON_PARTS_H

#include <stdbool.h>
#include <sys/types.h>

/* In a forked child that goes on in this program: dies with the parent, and of its own signals;
 * cmocka's handlers would go on with the next test. */
void stand_be_child(pid_t parent);
void stand_must(bool condition, const char *what);

#endif
