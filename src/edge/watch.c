/*
 * watch.c - did another process write to the database?
 *
 * Writes to the -wal are events of that file: what else is written in its directory, the database
 * itself at a checkpoint included, wakes nobody. Of the directory only names matter, because -wal
 * comes and goes with the connections. The event for a write comes before the writer's commit is
 * visible and nothing comes after it; hence the ladder of looks. May not open the database: closing
 * it would drop SQLite's locks.
 */
#include "edge/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	SAFETY_US = 5000000,
	/* After the last look of the ladder, for writers whose sync takes long: their commit is
	 * seen only after it. */
	LAST_US = 2000000,
	FIRST_US = 100, /* after the hint; then twice as long, until the usual delay is near */
	/* Around the usual delay: how fine, and how much coarser with each look. */
	NEAR_US = 40,
	NEAR_SHARE = 32,
	NEAR_FACTOR = 3,
	OWN_MAX_US = 300, /* after our own commit: then a look for other ones */
	PATIENT_NEWS = 8, /* so many in a row that concerned nobody: there is no hurry */
	/* There were news already, and probably the hinted ones; or the hint is our own. */
	DOUBTFUL_FACTOR = 8,
	USUAL_US = 200, /* until we know better */
	USUAL_MAX_US = 500000,
	/* Somebody writes without end: no more looks than that. */
	CLOSE_US = 2000,
	CLOSE_HINTS = 8,
	PACE_US = 1600,
	NEAR_MAX_US = 20000, /* milliseconds are fine enough for what is later */
	READS_MAX = 256,
};

struct watch {
	int events;
	int timer;
	int wal;    /* the watch on -wal; -1: it does not exist */
	char *path; /* of -wal */
	char *name; /* of the database within its directory */
	size_t name_length;
	bool open;     /* a hinted commit is awaited */
	bool baseline; /* a look was taken since the hint: further news can only be the hinted
			  commit's, or a later one's */
	bool doubtful; /* that look found news: which? Or we wrote ourselves: did others, too? */
	bool wrote;    /* we did since the events were read */
	bool looked;   /* false: never, so a look is due at once */
	int close_hints;
	int idle_news; /* in a row that concerned nobody */
	int64_t hint_us;
	int64_t looked_us;
	int64_t next_us;
	int64_t timer_us;  /* what the timer is set to */
	int64_t usual_us;  /* from a hint to its news */
	int64_t before_us; /* the last time it took longer than this */
};

/* The directory that the file really stands in, and its name there. Both in the returned buffer. */
static char *
real_place(const char *database, char **name)
{
	char *path = realpath(database, NULL);

	if (path || errno != ENOENT) {
		*name = path ? strrchr(path, '/') + 1 : NULL;
		return path;
	}
	/* Not there yet: its directory must be. */
	const char *slash = strrchr(database, '/');
	char *directory = slash ? strndup(database, (size_t)(slash - database) + 1) : strdup(".");
	char *real = directory ? realpath(directory, NULL) : NULL;
	free(directory);
	if (!real || asprintf(&path, "%s/%s", real, slash ? slash + 1 : database) < 0)
		path = NULL;
	free(real);
	*name = path ? strrchr(path, '/') + 1 : NULL;
	return path;
}

/* Whatever stands under that name now. */
static int
follow_wal(struct watch *watch)
{
	int before = watch->wal;

	watch->wal = inotify_add_watch(watch->events, watch->path, IN_MODIFY);
	if (before != -1 && before != watch->wal)
		(void)inotify_rm_watch(watch->events, before); /* moved away, or gone already */
	return watch->wal != -1 || errno == ENOENT ? 0 : -1;
}

static int
begin(struct watch *watch, const char *directory)
{
	watch->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	watch->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (watch->events < 0 || watch->timer < 0 ||
	    inotify_add_watch(watch->events, directory,
		IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -1;
	return follow_wal(watch);
}

struct watch *
watch_open(const char *database)
{
	char *name = NULL;
	char *path = real_place(database, &name);
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!path || !watch)
		goto fail;
	*watch = (struct watch){.events = -1, .timer = -1, .wal = -1, .usual_us = USUAL_US};
	watch->name = strdup(name);
	if (!watch->name || asprintf(&watch->path, "%s-wal", path) < 0) {
		watch->path = NULL;
		goto fail;
	}
	watch->name_length = strlen(name);
	name[-1] = '\0';
	if (begin(watch, path[0] ? path : "/") == 0) {
		free(path);
		return watch;
	}

fail:;
	int why = errno;
	watch_close(watch);
	free(path);
	errno = why;
	return NULL;
}

void
watch_close(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->events >= 0)
		close(watch->events);
	if (watch->timer >= 0)
		close(watch->timer);
	free(watch->name);
	free(watch->path);
	free(watch);
}

int
watch_fd(const struct watch *watch)
{
	return watch->events;
}

int
watch_timer(struct watch *watch, int64_t now_us)
{
	struct itimerspec at = {.it_value = {.tv_sec = (time_t)(watch->next_us / 1000000),
				    .tv_nsec = (long)(watch->next_us % 1000000) * 1000 + 1}};

	if (watch->next_us - now_us >= NEAR_MAX_US)
		return -1;
	if (watch->timer_us != watch->next_us)
		(void)timerfd_settime(watch->timer, TFD_TIMER_ABSTIME, &at, NULL);
	watch->timer_us = watch->next_us;
	return watch->timer;
}

bool
watch_is_open(const struct watch *watch)
{
	return watch->open;
}

bool
watch_is_deaf(const struct watch *watch)
{
	return watch->open && watch->looked_us <= watch->hint_us;
}

/* --- events --- */

enum what { NOTHING = 0, WRITTEN = 1, RENAMED = 2 };

static enum what
meaning(const struct watch *watch, const struct inotify_event *event)
{
	/* Whatever was lost may have been ours. */
	if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT))
		return RENAMED;
	if (event->len == 0)
		return event->wd == watch->wal ? WRITTEN : NOTHING;
	if (strncmp(event->name, watch->name, watch->name_length) != 0)
		return NOTHING;
	/* The database itself or its -wal; what happens to -shm and -journal tells nothing. */
	const char *rest = event->name + watch->name_length;
	return *rest == '\0' || strcmp(rest, "-wal") == 0 ? RENAMED : NOTHING;
}

static unsigned
read_events(struct watch *watch)
{
	_Alignas(struct inotify_event) char buffer[8192];
	const ssize_t room = (ssize_t)sizeof(struct inotify_event) + NAME_MAX + 1;
	unsigned found = NOTHING;

	for (int reads = 0; reads < READS_MAX; reads++) {
		ssize_t got = read(watch->events, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			continue;
		for (ssize_t at = 0; at < got;) {
			struct inotify_event event;
			memcpy(&event, buffer + at, sizeof(event));
			found |= meaning(watch, (const void *)(buffer + at));
			at += (ssize_t)(sizeof(event) + event.len);
		}
		if (got + room < (ssize_t)sizeof(buffer))
			break; /* one more would have found its place */
	}
	return found;
}

static int64_t
own_delay(const struct watch *watch)
{
	return watch->usual_us < OWN_MAX_US ? watch->usual_us : OWN_MAX_US;
}

bool
watch_drain(struct watch *watch, int64_t now_us)
{
	unsigned found = read_events(watch);
	bool ours = watch->wrote;

	watch->wrote = false;
	if (found & RENAMED)
		(void)follow_wal(watch); /* without one the safety look remains */
	if (found == NOTHING)
		return false;
	watch->close_hints = now_us - watch->hint_us < CLOSE_US ? watch->close_hints + 1 : 0;
	watch->open = true;
	watch->baseline = false;
	watch->hint_us = now_us;
	/* Nobody else's commit can be visible yet when ours has just given way to it. */
	watch->next_us = ours ? now_us + own_delay(watch) : now_us;
	watch->doubtful = ours;
	return (found & RENAMED) != 0;
}

/* --- the ladder --- */

int64_t
watch_next_us(const struct watch *watch, int64_t now_us)
{
	return watch->looked && watch->next_us > now_us ? watch->next_us - now_us : 0;
}

static int64_t
near(int64_t usual_us)
{
	return usual_us / NEAR_SHARE > NEAR_US ? usual_us / NEAR_SHARE : NEAR_US;
}

/* What is written here concerns nobody: it may be noticed by half a commit later. */
static bool
is_patient(const struct watch *watch)
{
	return watch->idle_news >= PATIENT_NEWS;
}

/* So long after the hint comes the look after the one at `age_us`; LAST_US ends the ladder. */
static int64_t
next_rung(const struct watch *watch, int64_t age_us)
{
	int64_t usual_us = watch->usual_us;
	int64_t rung_us = age_us < FIRST_US ? FIRST_US : 2 * age_us;

	if (age_us >= usual_us) {
		int64_t near_us = is_patient(watch) ? usual_us / 2 : near(usual_us);
		int64_t past_us = NEAR_FACTOR * (age_us - usual_us);
		rung_us = usual_us + (past_us > near_us ? past_us : near_us);
	} else if (is_patient(watch) || rung_us > usual_us / 4) {
		rung_us = usual_us;
	}
	if (watch->doubtful && rung_us < DOUBTFUL_FACTOR * age_us)
		rung_us = DOUBTFUL_FACTOR * age_us;
	if (watch->close_hints >= CLOSE_HINTS && rung_us < PACE_US)
		rung_us = PACE_US;
	return rung_us < LAST_US ? rung_us : LAST_US;
}

/*
 * What took age_us from hint to news, and not before_us. Two that are late in a row are no
 * accident: what neither had reached is the new beginning.
 */
static void
learn(struct watch *watch, int64_t before_us, int64_t age_us)
{
	int64_t usual_us = watch->usual_us;
	int64_t late_us = before_us < watch->before_us ? before_us : watch->before_us;

	if (age_us < usual_us)
		usual_us += (age_us - usual_us) / 4;
	else if (before_us < usual_us)
		usual_us -= usual_us / 64 + 1;
	else
		usual_us = late_us > usual_us ? late_us : usual_us + near(usual_us) / 4;
	if (usual_us < FIRST_US / 2)
		usual_us = FIRST_US / 2;
	watch->usual_us = usual_us < USUAL_MAX_US ? usual_us : USUAL_MAX_US;
	watch->before_us = before_us;
}

/*
 * Writers take turns, so whatever was committed before the hinted write was visible when the hint
 * came. News of the first look after it may be that older commit; news of a later look can only be
 * the hinted one.
 */
void
watch_looked(struct watch *watch, int64_t now_us, bool moved)
{
	int64_t age_us = now_us - watch->hint_us;
	int64_t before_us = watch->looked_us - watch->hint_us;

	if (watch->open && watch->baseline && moved) {
		learn(watch, before_us, age_us);
		watch->open = false;
	}
	if (!watch->baseline)
		watch->doubtful = watch->doubtful || moved;
	if (watch->open && age_us >= LAST_US)
		watch->open = false;
	watch->next_us =
	    watch->open ? watch->hint_us + next_rung(watch, age_us) : now_us + SAFETY_US;
	watch->baseline = true;
	watch->looked = true;
	watch->looked_us = now_us;
}

void
watch_matters(struct watch *watch, bool matters)
{
	if (matters)
		watch->idle_news = 0;
	else if (watch->idle_news < PATIENT_NEWS)
		watch->idle_news++;
}

void
watch_wrote(struct watch *watch)
{
	watch->wrote = true;
}
