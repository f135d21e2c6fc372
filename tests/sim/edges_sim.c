/*
 * edges_sim.c - the small edges, and the few library calls that are replaced at link time (--wrap).
 */
#include "sim/edges_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "edge/clock.h"
#include "edge/config.h"
#include "edge/log.h"
#include "edge/watch.h"
#include "lib/fvfs.h"
#include "sim/sometimes.h"
#include "sim/world.h"

static struct {
	bool hinted;   /* the event is in the queue */
	bool open;     /* a ladder of looks */
	bool baseline; /* of which one was taken */
	int64_t hint_at;
	int64_t looked_at;
	int64_t look_at;
	bool has_witness;
	struct witness witness;
	bool has_note;
	struct witness note;
	int witness_fails;
	int64_t allocations;
	int64_t allocation_failures;
	int64_t allocation_at; /* 0: none fails */
	bool allocation_for_ever;
	int paused;
} edges;

void
edges_begin(void)
{
	memset(&edges, 0, sizeof(edges));
}

/* --- clock.h --- */

int64_t
clock_wall_ms(void)
{
	return world_wall();
}

int64_t
clock_boot_ms(void)
{
	return world_boot();
}

int64_t
clock_boot_us(void)
{
	return clock_boot_ms() * 1000;
}

uint64_t
clock_random(void)
{
	return world_random();
}

/* --- watch.h: the same ladder in ms, without inotify and timer --- */

struct watch {
	int unused;
};

enum { EVENTS_FD = 1000, TIMER_FD = 1001 };

struct watch *
watch_open(const char *database)
{
	(void)database;
	edges.open = false;
	edges.look_at = world_boot();
	return calloc(1, sizeof(struct watch));
}

void
watch_close(struct watch *watch)
{
	free(watch);
}

int
watch_fd(const struct watch *watch)
{
	(void)watch;
	return EVENTS_FD;
}

int
watch_timer(struct watch *watch, int64_t now_us)
{
	(void)watch;
	(void)now_us;
	return edges.look_at <= world_boot() + 20 ? TIMER_FD : -1;
}

void
hint(void)
{
	if (world_chance(50))
		sometimes(hint_lost);
	else
		edges.hinted = true;
}

bool
hint_is_ready(void)
{
	return edges.hinted && !watch_is_deaf(NULL);
}

bool
watch_fd_is_ready(int fd)
{
	if (fd == TIMER_FD)
		return world_boot() >= edges.look_at;
	return fd == EVENTS_FD && hint_is_ready();
}

bool
watch_is_open(const struct watch *watch)
{
	(void)watch;
	return edges.open;
}

bool
watch_is_deaf(const struct watch *watch)
{
	(void)watch;
	return edges.open && edges.looked_at <= edges.hint_at;
}

bool
watch_drain(struct watch *watch, int64_t now_us)
{
	(void)watch;
	if (!edges.hinted)
		return false;
	edges.hinted = false;
	edges.open = true;
	edges.baseline = false;
	edges.hint_at = now_us / 1000;
	edges.look_at = now_us / 1000;
	return false;
}

int64_t
watch_next_us(const struct watch *watch, int64_t now_us)
{
	(void)watch;
	return edges.look_at * 1000 > now_us ? edges.look_at * 1000 - now_us : 0;
}

void
watch_matters(struct watch *watch, bool matters)
{
	(void)watch;
	(void)matters;
}

void
watch_wrote(struct watch *watch)
{
	(void)watch;
}

void
watch_looked(struct watch *watch, int64_t now_us, bool moved)
{
	int64_t now = now_us / 1000;
	int64_t age = now - edges.hint_at;

	(void)watch;
	if ((edges.baseline && moved) || age >= SECONDS(2))
		edges.open = false;
	edges.baseline = true;
	edges.looked_at = now;
	edges.look_at = !edges.open ? now + SECONDS(5) : age == 0 ? now + 1 : now + 3 * age;
	if (edges.open && edges.look_at > edges.hint_at + SECONDS(2))
		edges.look_at = edges.hint_at + SECONDS(2);
}

/* --- log.h --- */

void
log_configure(bool json, enum log_level most_verbose)
{
	(void)json;
	(void)most_verbose;
}

void
log_event(enum log_level level, const char *event, const struct log_field *fields)
{
	char line[700];
	size_t length = 0;

	(void)level;
	if (strcmp(event, "destination_held") == 0)
		sometimes(destination_held);
	else if (strcmp(event, "destination_released") == 0)
		sometimes(destination_released);
	if (!world_is_verbose())
		return;
	line[0] = '\0';
	for (; fields->name != NULL && length < sizeof(line) - 1; fields++) {
		int wrote = fields->text != NULL
				? snprintf(line + length, sizeof(line) - length, " %s=\"%s\"",
				      fields->name, fields->text)
				: snprintf(line + length, sizeof(line) - length, " %s=%lld",
				      fields->name, (long long)fields->number);

		length += (size_t)wrote;
	}
	world_say("outboxd%s: %s%s", world_dead() == DEATH_NONE ? "" : " (ghost)", event, line);
}

/* --- witness.h: its file; the comparison is the real one --- */

/* clang-format off */
enum witness_found __wrap_witness_read(const char *state_dir, struct witness *witness);
int __wrap_witness_write(const char *state_dir, const struct witness *witness, int durable);
int __wrap_witness_place(const char *database, struct witness *witness);
int __wrap_witness_note(const char *state_dir, const struct witness *witness, int *fd);
void __wrap_config_free(struct config *config);
int __wrap_stat(const char *path, struct stat *status);
char *__wrap_realpath(const char *path, char *resolved);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
int __real_stat(const char *path, struct stat *status);
char *__real_realpath(const char *path, char *resolved);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
/* clang-format on */

enum witness_found
__wrap_witness_read(const char *state_dir, struct witness *witness)
{
	(void)state_dir;
	memset(witness, 0, sizeof(*witness));
	return witness_sim_get(witness) ? WITNESS_FOUND : WITNESS_ABSENT;
}

/* Not synced: a power cut may take it (see witness_sim_power_loss()). */
int
__wrap_witness_note(const char *state_dir, const struct witness *witness, int *fd)
{
	(void)state_dir;
	(void)fd;
	world_point();
	if (world_dead() == DEATH_NONE) {
		edges.note = *witness;
		edges.has_note = true;
	}
	return 0;
}

int
__wrap_witness_write(const char *state_dir, const struct witness *witness, int durable)
{
	(void)state_dir;
	(void)durable;
	world_point();
	if (world_dead() != DEATH_NONE)
		return 0;
	if (edges.witness_fails > 0) {
		edges.witness_fails--;
		sometimes(witness_failed);
		errno = ENOSPC;
		return -1;
	}
	edges.witness = *witness;
	edges.has_witness = true;
	world_point();
	return 0;
}

int
__wrap_witness_place(const char *database, struct witness *witness)
{
	int64_t size;
	uint64_t inode;

	if (!fvfs_stat(database, &size, &inode)) {
		errno = ENOENT;
		return -1;
	}
	(void)snprintf(witness->path, sizeof(witness->path), "%s", database);
	witness->inode = (int64_t)inode;
	return 0;
}

bool
witness_sim_get(struct witness *witness)
{
	const struct witness *note = &edges.note;

	*witness = edges.witness;
	if (edges.has_witness && edges.has_note &&
	    strcmp(note->database_id, witness->database_id) == 0 &&
	    (note->epoch > witness->epoch ||
		(note->epoch == witness->epoch && note->write_counter > witness->write_counter)))
		*witness = *note;
	return edges.has_witness;
}

void
witness_sim_power_loss(void)
{
	if (world_chance(500))
		edges.has_note = false;
}

void
witness_sim_fail(int n)
{
	edges.witness_fails = n;
}

void
witness_sim_forget(void)
{
	edges.has_witness = false;
}

/* --- what else the daemon's code calls --- */

/* Configurations are loaded once and used for every seed. */
void
__wrap_config_free(struct config *config)
{
	(void)config;
}

int
__wrap_stat(const char *path, struct stat *status)
{
	int64_t size;
	uint64_t inode;

	if (strncmp(path, "/sim/", 5) != 0)
		return __real_stat(path, status);
	memset(status, 0, sizeof(*status));
	if (!fvfs_stat(path, &size, &inode)) {
		errno = ENOENT;
		return -1;
	}
	status->st_ino = inode;
	status->st_dev = 1;
	status->st_nlink = 1;
	status->st_mode = S_IFREG | 0660;
	status->st_size = size;
	return 0;
}

char *
__wrap_realpath(const char *path, char *resolved)
{
	if (strncmp(path, "/sim/", 5) != 0)
		return __real_realpath(path, resolved);
	return __wrap_strdup(path);
}

/* --- allocations --- */

void
allocations_fail(int64_t n, bool for_ever)
{
	edges.allocation_at = n;
	edges.allocation_for_ever = for_ever;
}

void
allocations_heal(void)
{
	edges.allocation_at = 0;
}

int64_t
allocations_count(void)
{
	return edges.allocations;
}

int64_t
allocations_failed(void)
{
	return edges.allocation_failures;
}

void
allocations_pause(void)
{
	edges.paused++;
}

void
allocations_resume(void)
{
	edges.paused--;
}

bool
allocation_fails(void)
{
	if (edges.paused > 0)
		return false;
	edges.allocations++;
	if (edges.allocation_at == 0)
		return false;
	if (edges.allocation_at > 1) {
		edges.allocation_at--;
		return false;
	}
	if (!edges.allocation_for_ever)
		edges.allocation_at = 0;
	edges.allocation_failures++;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(old, size);
}

char *
__wrap_strdup(const char *text)
{
	return allocation_fails() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t size)
{
	return allocation_fails() ? NULL : __real_strndup(text, size);
}
