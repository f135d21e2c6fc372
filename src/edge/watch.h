/*
 * watch.h - did another process write to the database?
 *
 * inotify is a hint: its event comes when the WAL is written, before the writer's sync and before
 * the commit is visible, and nothing comes after it. So the owner looks when the hint comes, and
 * again in a ladder of delays that learns how long the commits of this database take; what it looks
 * at, PRAGMA data_version, is the store's. Times are the boot clock's, in microseconds.
 */
#ifndef OUTBOXD_EDGE_WATCH_H
#define OUTBOXD_EDGE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* NULL with errno when inotify or the directory cannot be had. */
struct watch *watch_open(const char *database);
void watch_close(struct watch *watch);

/* To wait on for reading: events have come. Not worth it while watch_is_deaf(). */
int watch_fd(const struct watch *watch);
/* The same: the next look is due, and milliseconds would be too coarse. -1: it is not near, they
 * will do. */
int watch_timer(struct watch *watch, int64_t now_us);

/*
 * Empties the descriptor. After a hint (somebody wrote to the WAL, or names in the directory
 * changed) a look is due now. True when the database or its WAL may be another file than before.
 */
bool watch_drain(struct watch *watch, int64_t now_us);

/* When to look next, in us from now_us; 0: now. A look comes at least every 5 s. */
int64_t watch_next_us(const struct watch *watch, int64_t now_us);

/*
 * Tells that a look was taken, after watch_drain(); moved: it found news. The ladder ends with news
 * that came after the first look at a hint: those of the first may be an older commit, with the
 * hinted one still on its way.
 */
void watch_looked(struct watch *watch, int64_t now_us, bool moved);

/* Did the news of the last look concern the owner? While they do not, looks are fewer and later. */
void watch_matters(struct watch *watch, bool matters);

/* The owner has committed itself: events that the next watch_drain() finds are its own, and perhaps
 * somebody else's as well. */
void watch_wrote(struct watch *watch);

/* Is a hinted commit still awaited? */
bool watch_is_open(const struct watch *watch);

/* Until the next look events are of no interest: one commit makes many, and the look will find
 * them. */
bool watch_is_deaf(const struct watch *watch);

#endif
