/*
 * watch.h - did another process write to the database?
 *
 * inotify on the database's directory is a hint: its event comes before the writer's commit is visible. So after a hint the
 * owner looks several times (a ladder of delays); what it looks at, PRAGMA data_version, is the store's.
 */
#ifndef OUTBOXD_EDGE_WATCH_H
#define OUTBOXD_EDGE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* NULL with errno when inotify or the directory cannot be had. */
struct watch *watch_open(const char *database);
void watch_close(struct watch *watch);

/* To wait on for reading. */
int watch_fd(const struct watch *watch);

/* Empties the descriptor. True when an event named the database or its -wal: the ladder starts anew at now_ms. */
bool watch_drain(struct watch *watch, int64_t now_ms);

/*
 * When to look next, in ms from now_ms: 0 when a look is due now, else the time to the next rung (1, 2, 5, 10, 20, 50, ... 2000 ms after the
 * hint) or to the slow safety look (every 5 s).
 */
int64_t watch_next_ms(const struct watch *watch, int64_t now_ms);

/*
 * Tells that a look was taken; moved: it found news. The ladder ends with news of the second look after a hint or of a
 * later one: those of the first may be an older commit, with the hinted one still on its way.
 */
void watch_looked(struct watch *watch, int64_t now_ms, bool moved);

#endif
