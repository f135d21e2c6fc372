/*
 * watch.c - did another process write to the database?
 *
 * The directory is watched, not the files: -wal comes and goes with the connections, and a file
 * that was replaced would be watched under its old inode. The event for a write comes before the
 * writer's commit is visible and nothing comes after it; hence the ladder of looks. May not open
 * the database: closing it would drop SQLite's locks.
 */
#include "edge/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	SAFETY_LOOK_MS = 5000,
	READS_MAX = 256, /* somebody who writes without end must not hold the loop */
};

/* After the hint. The last ones are for writers whose sync takes long: their commit is seen only after it. */
static const int64_t rungs_ms[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
enum { RUNGS = sizeof(rungs_ms) / sizeof(rungs_ms[0]) };

struct watch {
	int fd;
	char *name; /* of the database within its directory */
	size_t name_length;
	int rung; /* RUNGS: no hint is open */
	int64_t hint_ms;
	int64_t looked_ms;
	bool looked; /* false: never, so a look is due at once */
	bool looked_since_hint;
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

struct watch *
watch_open(const char *database)
{
	char *name = NULL;
	char *path = real_place(database, &name);
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!path || !watch)
		goto fail;
	watch->rung = RUNGS;
	watch->name = strdup(name);
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (!watch->name || watch->fd < 0)
		goto fail_watch;
	watch->name_length = strlen(name);
	name[-1] = '\0';
	if (inotify_add_watch(watch->fd, path[0] ? path : "/",
		IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) < 0)
		goto fail_watch;
	free(path);
	return watch;

fail_watch:
	if (watch->fd >= 0) {
		int why = errno;
		close(watch->fd);
		errno = why;
	}
	free(watch->name);
fail:
	free(watch);
	free(path);
	return NULL;
}

void
watch_close(struct watch *watch)
{
	if (!watch)
		return;
	close(watch->fd);
	free(watch->name);
	free(watch);
}

int
watch_fd(const struct watch *watch)
{
	return watch->fd;
}

/* The database itself or its -wal; what happens to -shm and -journal tells nothing. */
static bool
is_hint(const struct watch *watch, const struct inotify_event *event)
{
	if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT))
		return true; /* whatever was lost may have been ours */
	if (event->len == 0 || strncmp(event->name, watch->name, watch->name_length) != 0)
		return false;
	const char *rest = event->name + watch->name_length;
	return *rest == '\0' || strcmp(rest, "-wal") == 0;
}

bool
watch_drain(struct watch *watch, int64_t now_ms)
{
	_Alignas(struct inotify_event) char buffer[8192];
	bool hint = false;
	ssize_t got;

	for (int reads = 0; reads < READS_MAX; reads++) {
		got = read(watch->fd, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		for (ssize_t at = 0; at < got;) {
			struct inotify_event event;
			memcpy(&event, buffer + at, sizeof(event));
			hint = is_hint(watch, (const void *)(buffer + at)) || hint;
			at += (ssize_t)(sizeof(event) + event.len);
		}
	}
	if (hint) {
		watch->rung = 0;
		watch->hint_ms = now_ms;
		watch->looked_since_hint = false;
	}
	return hint;
}

int64_t
watch_next_ms(const struct watch *watch, int64_t now_ms)
{
	if (!watch->looked)
		return 0;
	int64_t next_ms = watch->looked_ms + SAFETY_LOOK_MS - now_ms;
	if (watch->rung < RUNGS) {
		int64_t rung_ms = watch->hint_ms + rungs_ms[watch->rung] - now_ms;
		if (rung_ms < next_ms)
			next_ms = rung_ms;
	}
	return next_ms > 0 ? next_ms : 0;
}

/*
 * Writers take turns, so whatever was committed before the hinted write was visible when the hint
 * came. News of the first look after it may be that older commit; news of a later look can only be
 * the hinted one.
 */
void
watch_looked(struct watch *watch, int64_t now_ms, bool moved)
{
	bool was_it = moved && watch->looked_since_hint;

	watch->looked = true;
	watch->looked_since_hint = true;
	watch->looked_ms = now_ms;
	while (watch->rung < RUNGS && (was_it || watch->hint_ms + rungs_ms[watch->rung] <= now_ms))
		watch->rung++;
}
