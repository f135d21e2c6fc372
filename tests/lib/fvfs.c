/*
 * fvfs.c - see fvfs.h. The VFS methods first, then faults, crashes and copies.
 */
#include "lib/fvfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	FILES_MAX = 12,
	NAME_MAX_LENGTH = 64,
	SECTOR = 512,
	REGIONS_MAX = 8,
	REGION_SIZE = 32768,
	WRITES_MAX = 65536,
};
#define CONTENT_MAX ((size_t)16 << 20)

/* What happened to a file since it was last synced. */
struct change {
	int64_t offset; /* -1: truncated to length */
	int64_t length;
	size_t at; /* in the journal's bytes */
};

/* Reserved once, grown by the kernel as it is touched. */
struct content {
	unsigned char *bytes;
	int64_t size;
	int64_t used; /* the most that was ever written: beyond it all is zero */
};

struct file {
	char name[NAME_MAX_LENGTH]; /* "": free */
	bool exists;
	bool durable_exists;  /* a power cut may leave `durable` under this name */
	bool entry_is_synced; /* the name is known to lead to the present file */
	uint64_t inode;
	struct content now;
	struct content durable;
	struct change *changes;
	size_t change_count;
	struct content log; /* bytes of the changes */
	unsigned char *shm; /* REGIONS_MAX regions */
	int region_count;
	/* locks; they belong to handles and are no part of a copy */
	int handles;
	int attached; /* to the shared memory */
	int shared;
	struct handle *reserved, *pending, *exclusive;
	int shm_shared[SQLITE_SHM_NLOCK];
	struct handle *shm_exclusive[SQLITE_SHM_NLOCK];
};

struct handle {
	sqlite3_file base;
	struct file *file;
	bool delete_on_close;
	bool is_attached;
	int lock;
	unsigned shm_shared_mask;
};

static struct {
	const struct fvfs_hooks *hooks;
	struct file files[FILES_MAX];
	struct file frozen[FILES_MAX];
	struct file backup[FILES_MAX];
	struct file model[FILES_MAX];
	bool is_frozen;
	bool has_backup;
	bool skip_wal_syncs;
	int quiet;
	int64_t calls;
	int64_t failures;
	bool failing;
	bool for_ever;
	int64_t fail_at;
	enum fvfs_error error;
	uint64_t inode_last;
	int temporary;
} disk;

/* --- content --- */

static void *
reserve(size_t size)
{
	void *bytes = mmap(
	    NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(bytes != MAP_FAILED);
	return bytes;
}

static void
content_write(struct content *content, int64_t offset, const void *bytes, int64_t length)
{
	assert(offset + length <= (int64_t)CONTENT_MAX);
	if (content->bytes == NULL)
		content->bytes = reserve(CONTENT_MAX);
	memcpy(content->bytes + offset, bytes, (size_t)length);
	if (offset + length > content->size)
		content->size = offset + length;
	if (content->size > content->used)
		content->used = content->size;
}

static void
content_truncate(struct content *content, int64_t size)
{
	if (size < content->size && content->bytes != NULL)
		memset(content->bytes + size, 0, (size_t)(content->size - size));
	content->size = size;
}

static void
content_copy(struct content *to, const struct content *from)
{
	/* Only what lies beyond the new end has to be zeroed. */
	if (to->size > from->size)
		content_truncate(to, from->size);
	if (from->size > 0)
		content_write(to, 0, from->bytes, from->size);
}

/* Takes over all but locks. */
static void
file_copy(struct file *to, const struct file *from)
{
	memcpy(to->name, from->name, sizeof(to->name));
	to->exists = from->exists;
	to->durable_exists = from->durable_exists;
	to->entry_is_synced = from->entry_is_synced;
	to->inode = from->inode;
	content_copy(&to->now, &from->now);
	content_copy(&to->durable, &from->durable);
	content_copy(&to->log, &from->log);
	if (from->change_count > 0) {
		if (to->changes == NULL)
			to->changes = reserve(WRITES_MAX * sizeof(*to->changes));
		memcpy(to->changes, from->changes, from->change_count * sizeof(*to->changes));
	}
	to->change_count = from->change_count;
	if (from->region_count > 0) {
		if (to->shm == NULL)
			to->shm = reserve(REGIONS_MAX * REGION_SIZE);
		memcpy(to->shm, from->shm, (size_t)from->region_count * REGION_SIZE);
	}
	to->region_count = from->region_count;
}

static void
files_copy(struct file *to, const struct file *from)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		file_copy(&to[i], &from[i]);
}

static void
forget_changes(struct file *file)
{
	file->change_count = 0;
	file->log.size = 0; /* written from its start again, hence nothing to zero */
}

static struct change *
add_change(struct file *file)
{
	if (file->changes == NULL)
		file->changes = reserve(WRITES_MAX * sizeof(*file->changes));
	assert(file->change_count < WRITES_MAX);
	return &file->changes[file->change_count++];
}

static void
note_write(struct file *file, const void *bytes, int64_t offset, int64_t length)
{
	struct change *change = add_change(file);

	change->offset = offset;
	change->length = length;
	change->at = (size_t)file->log.size;
	content_write(&file->log, file->log.size, bytes, length);
}

static void
make_durable(struct file *file)
{
	/* Few changes: replay them; it is cheaper than copying the file. */
	if (!file->durable_exists || !file->entry_is_synced) {
		content_copy(&file->durable, &file->now);
	} else {
		for (size_t i = 0; i < file->change_count; i++) {
			const struct change *change = &file->changes[i];

			if (change->offset == -1)
				content_truncate(&file->durable, change->length);
			else
				content_write(&file->durable, change->offset,
				    file->log.bytes + change->at, change->length);
		}
	}
	file->durable_exists = true;
	file->entry_is_synced = true;
	forget_changes(file);
}

/* A journaling file system keeps the order of what it does to directories: a deletion is durable
 * with the next sync. */
static void
make_deletions_durable(void)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct file *file = &disk.files[i];

		if (file->exists || !file->durable_exists)
			continue;
		file->durable_exists = false;
		content_truncate(&file->durable, 0);
	}
}

static struct file *
find(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (strcmp(disk.files[i].name, name) == 0)
			return &disk.files[i];
	return NULL;
}

static struct file *
create(const char *name)
{
	struct file *file = find(name);

	if (file == NULL)
		file = find("");
	assert(file != NULL && strlen(name) < sizeof(file->name));
	memcpy(file->name, name, strlen(name) + 1);
	file->exists = true;
	file->entry_is_synced = false;
	file->inode = ++disk.inode_last;
	content_truncate(&file->now, 0);
	forget_changes(file);
	return file;
}

/* --- faults --- */

/* Counts a call; true when it has to fail. */
static bool
fails(bool needs_space)
{
	if (disk.quiet > 0 || disk.is_frozen)
		return false;
	disk.hooks->before_call();
	disk.calls++;
	if (!disk.failing || disk.is_frozen)
		return false;
	if (disk.error == FVFS_FULL && !needs_space)
		return false;
	if (disk.fail_at > 1) {
		disk.fail_at--;
		return false;
	}
	disk.failing = disk.for_ever;
	disk.failures++;
	return true;
}

static int
code(int io_error)
{
	return disk.error == FVFS_FULL ? SQLITE_FULL : io_error;
}

/* --- sqlite3_io_methods --- */

static struct file *
file_of(sqlite3_file *base)
{
	return ((struct handle *)base)->file;
}

static int
read_file(sqlite3_file *base, void *bytes, int amount, sqlite3_int64 offset)
{
	const struct file *file = file_of(base);
	int64_t there = file->now.size - offset;

	if (fails(false))
		return SQLITE_IOERR_READ;
	if (there >= amount) {
		memcpy(bytes, file->now.bytes + offset, (size_t)amount);
		return SQLITE_OK;
	}
	memset(bytes, 0, (size_t)amount);
	if (there > 0)
		memcpy(bytes, file->now.bytes + offset, (size_t)there);
	return SQLITE_IOERR_SHORT_READ;
}

static int
write_file(sqlite3_file *base, const void *bytes, int amount, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	bool failed = fails(true);

	if (failed && disk.error != FVFS_SHORT)
		return code(SQLITE_IOERR_WRITE);
	if (failed)
		amount /= 2;
	content_write(&file->now, offset, bytes, amount);
	note_write(file, bytes, offset, amount);
	return failed ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int
truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);
	struct change *change;

	if (fails(false))
		return SQLITE_IOERR_TRUNCATE;
	content_truncate(&file->now, size);
	change = add_change(file);
	change->offset = -1;
	change->length = size;
	return SQLITE_OK;
}

static bool
is_wal(const struct file *file)
{
	size_t length = strlen(file->name);

	return length > 4 && strcmp(file->name + length - 4, "-wal") == 0;
}

static int
sync_file(sqlite3_file *base, int flags)
{
	(void)flags;
	disk.hooks->before_sync();
	if (fails(false))
		return SQLITE_IOERR_FSYNC;
	if (disk.skip_wal_syncs && disk.quiet == 0 && is_wal(file_of(base))) {
		disk.hooks->after_sync();
		return SQLITE_OK;
	}
	make_durable(file_of(base));
	make_deletions_durable();
	disk.hooks->after_sync();
	return SQLITE_OK;
}

static int
file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	if (fails(false))
		return SQLITE_IOERR_FSTAT;
	*size = file_of(base)->now.size;
	return SQLITE_OK;
}

static int
unlock_file(sqlite3_file *base, int level)
{
	struct handle *handle = (struct handle *)base;
	struct file *file = handle->file;

	if (handle->lock <= level)
		return SQLITE_OK;
	if (file->exclusive == handle)
		file->exclusive = NULL;
	if (file->pending == handle)
		file->pending = NULL;
	if (file->reserved == handle)
		file->reserved = NULL;
	if (level == SQLITE_LOCK_NONE)
		file->shared--;
	handle->lock = level;
	return SQLITE_OK;
}

static bool
others(const struct handle *owner, const struct handle *handle)
{
	return owner != NULL && owner != handle;
}

static int
lock_file(sqlite3_file *base, int level)
{
	struct handle *handle = (struct handle *)base;
	struct file *file = handle->file;

	if (handle->lock >= level)
		return SQLITE_OK;
	if (handle->lock == SQLITE_LOCK_NONE) {
		if (others(file->pending, handle) || others(file->exclusive, handle))
			return SQLITE_BUSY;
		file->shared++;
		handle->lock = SQLITE_LOCK_SHARED;
	}
	if (level >= SQLITE_LOCK_RESERVED && handle->lock < SQLITE_LOCK_RESERVED) {
		if (others(file->reserved, handle) || others(file->pending, handle))
			return SQLITE_BUSY;
		file->reserved = handle;
		handle->lock = SQLITE_LOCK_RESERVED;
	}
	if (level == SQLITE_LOCK_EXCLUSIVE) {
		file->pending = handle;
		handle->lock = SQLITE_LOCK_PENDING;
		if (file->shared > 1)
			return SQLITE_BUSY;
		file->exclusive = handle;
		handle->lock = SQLITE_LOCK_EXCLUSIVE;
	}
	return SQLITE_OK;
}

static int
check_reserved(sqlite3_file *base, int *result)
{
	const struct file *file = file_of(base);

	*result = file->reserved != NULL || file->pending != NULL || file->exclusive != NULL;
	return SQLITE_OK;
}

static int
control(sqlite3_file *base, int operation, void *argument)
{
	(void)base;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int
sector_size(sqlite3_file *base)
{
	(void)base;
	return 4096;
}

static int
characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as on Linux; torn pieces are whole sectors or
						    ends of one write */
}

/* --- shared memory --- */

static int
shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **at)
{
	struct handle *handle = (struct handle *)base;
	struct file *file = handle->file;

	assert(size == REGION_SIZE && region < REGIONS_MAX);
	*at = NULL;
	if (fails(region >= file->region_count && extend != 0))
		return code(SQLITE_IOERR_SHMMAP);
	if (!handle->is_attached) {
		handle->is_attached = true;
		if (file->attached++ == 0)
			file->region_count = 0; /* nobody else has it: a new index */
	}
	if (region >= file->region_count && extend == 0)
		return SQLITE_OK;
	if (file->shm == NULL)
		file->shm = reserve(REGIONS_MAX * REGION_SIZE);
	for (; file->region_count <= region; file->region_count++)
		memset(file->shm + file->region_count * REGION_SIZE, 0, REGION_SIZE);
	*at = file->shm + region * REGION_SIZE;
	return SQLITE_OK;
}

static int
shm_unlock(struct handle *handle, int first, int count)
{
	struct file *file = handle->file;

	for (int i = first; i < first + count; i++) {
		if (file->shm_exclusive[i] == handle)
			file->shm_exclusive[i] = NULL;
		if ((handle->shm_shared_mask & 1u << i) != 0) {
			handle->shm_shared_mask &= ~(1u << i);
			file->shm_shared[i]--;
		}
	}
	return SQLITE_OK;
}

static int
shm_lock(sqlite3_file *base, int first, int count, int flags)
{
	struct handle *handle = (struct handle *)base;
	struct file *file = handle->file;
	bool shared = (flags & SQLITE_SHM_SHARED) != 0;

	if ((flags & SQLITE_SHM_UNLOCK) != 0)
		return shm_unlock(handle, first, count);
	for (int i = first; i < first + count; i++) {
		bool mine = (handle->shm_shared_mask & 1u << i) != 0;

		if (others(file->shm_exclusive[i], handle))
			return SQLITE_BUSY;
		if (!shared && file->shm_shared[i] > (mine ? 1 : 0))
			return SQLITE_BUSY;
	}
	for (int i = first; i < first + count; i++) {
		if (!shared) {
			file->shm_exclusive[i] = handle;
		} else if ((handle->shm_shared_mask & 1u << i) == 0) {
			handle->shm_shared_mask |= 1u << i;
			file->shm_shared[i]++;
		}
	}
	return SQLITE_OK;
}

static void
shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int
shm_unmap(sqlite3_file *base, int delete_it)
{
	struct handle *handle = (struct handle *)base;

	(void)delete_it;
	(void)shm_unlock(handle, 0, SQLITE_SHM_NLOCK);
	if (handle->is_attached)
		handle->file->attached--;
	handle->is_attached = false;
	return SQLITE_OK;
}

static void
remove_name(struct file *file, bool durably)
{
	file->exists = false;
	content_truncate(&file->now, 0);
	forget_changes(file);
	/* Not durably: a power cut may bring the old content back. */
	if (durably) {
		file->durable_exists = false;
		content_truncate(&file->durable, 0);
	}
	file->entry_is_synced = false;
}

static int
close_file(sqlite3_file *base)
{
	struct handle *handle = (struct handle *)base;

	(void)shm_unmap(base, 0);
	(void)unlock_file(base, SQLITE_LOCK_NONE);
	handle->file->handles--;
	if (handle->delete_on_close) {
		remove_name(handle->file, true);
		handle->file->name[0] = '\0';
	}
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* --- sqlite3_vfs --- */

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
	struct handle *handle = (struct handle *)base;
	char own[24];
	struct file *file;

	(void)vfs;
	memset(handle, 0, sizeof(*handle));
	if (name == NULL) {
		(void)snprintf(own, sizeof(own), "temporary-%d", ++disk.temporary);
		name = own;
	}
	file = find(name);
	if (fails(file == NULL || !file->exists))
		return SQLITE_CANTOPEN;
	if (file == NULL || !file->exists) {
		if ((flags & SQLITE_OPEN_CREATE) == 0)
			return SQLITE_CANTOPEN;
		file = create(name);
	}
	handle->file = file;
	file->handles++;
	handle->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	handle->base.pMethods = &methods;
	if (out_flags != NULL)
		*out_flags = flags;
	return SQLITE_OK;
}

static int
delete_file(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
	struct file *file = find(name);

	(void)vfs;
	if (fails(false))
		return SQLITE_IOERR_DELETE;
	if (file == NULL || !file->exists)
		return SQLITE_IOERR_DELETE_NOENT;
	remove_name(file, sync_directory != 0);
	return SQLITE_OK;
}

static int
access_file(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	const struct file *file = find(name);

	(void)vfs;
	if (fails(false))
		return SQLITE_IOERR_ACCESS;
	*result = file != NULL && file->exists;
	/* SQLite takes an empty journal for none. */
	if (flags == SQLITE_ACCESS_EXISTS && *result != 0 && file->now.size == 0)
		*result = 0;
	return SQLITE_OK;
}

static int
full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	(void)sqlite3_snprintf(size, out, "%s", name);
	return SQLITE_OK;
}

static int
randomness(sqlite3_vfs *vfs, int length, char *out)
{
	(void)vfs;
	for (int i = 0; i < length; i++)
		out[i] = (char)(disk.hooks->random() & 0xff);
	return length;
}

static int
sleep_a_while(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	disk.hooks->sleep_us(microseconds);
	return microseconds;
}

static int
julian_ms(sqlite3_vfs *vfs, sqlite3_int64 *now)
{
	(void)vfs;
	*now = INT64_C(210866760000000) + disk.hooks->wall_ms();
	return SQLITE_OK;
}

static int
julian(sqlite3_vfs *vfs, double *now)
{
	sqlite3_int64 ms;

	(void)julian_ms(vfs, &ms);
	*now = (double)ms / 86400000.0;
	return SQLITE_OK;
}

static int
last_error(sqlite3_vfs *vfs, int size, char *text)
{
	(void)vfs;
	(void)size;
	(void)text;
	return 0;
}

void
fvfs_register(const struct fvfs_hooks *hooks)
{
	static sqlite3_vfs vfs = {
	    .iVersion = 2,
	    .szOsFile = sizeof(struct handle),
	    .mxPathname = NAME_MAX_LENGTH,
	    .zName = "fvfs",
	    .xOpen = open_file,
	    .xDelete = delete_file,
	    .xAccess = access_file,
	    .xFullPathname = full_path,
	    .xRandomness = randomness,
	    .xSleep = sleep_a_while,
	    .xCurrentTime = julian,
	    .xGetLastError = last_error,
	    .xCurrentTimeInt64 = julian_ms,
	};
	int rc;

	disk.hooks = hooks;
	rc = sqlite3_vfs_register(&vfs, 1);
	assert(rc == SQLITE_OK);
	(void)rc;
}

static void
forget_files(struct file *files)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct file *file = &files[i];

		assert(file->shared == 0 && file->attached == 0);
		remove_name(file, true);
		file->name[0] = '\0';
		file->region_count = 0;
	}
}

void
fvfs_reset(void)
{
	forget_files(disk.files);
	disk.is_frozen = false;
	disk.has_backup = false;
	disk.skip_wal_syncs = false;
	disk.quiet = 0;
	disk.calls = 0;
	disk.failures = 0;
	disk.failing = false;
	disk.inode_last = 0;
	disk.temporary = 0;
}

void
fvfs_quiet(bool quiet)
{
	disk.quiet += quiet ? 1 : -1;
	assert(disk.quiet >= 0);
}

void
fvfs_fail(enum fvfs_error error, int64_t n, bool for_ever)
{
	disk.error = error;
	disk.fail_at = n;
	disk.for_ever = for_ever;
	disk.failing = true;
}

void
fvfs_heal(void)
{
	disk.failing = false;
}

void
fvfs_skip_wal_syncs(bool skip)
{
	disk.skip_wal_syncs = skip;
}

bool
fvfs_skips_wal_syncs(void)
{
	return disk.skip_wal_syncs;
}

int
fvfs_open_files(void)
{
	int count = 0;

	for (size_t i = 0; i < FILES_MAX; i++)
		count += disk.files[i].handles > 0;
	return count;
}

int64_t
fvfs_calls(void)
{
	return disk.calls;
}

int64_t
fvfs_failures(void)
{
	return disk.failures;
}

/* --- crashes --- */

void
fvfs_freeze(void)
{
	assert(!disk.is_frozen);
	files_copy(disk.frozen, disk.files);
	disk.is_frozen = true;
	disk.failing = false;
}

bool
fvfs_frozen(void)
{
	return disk.is_frozen;
}

void
fvfs_thaw(void)
{
	assert(disk.is_frozen);
	files_copy(disk.files, disk.frozen);
	disk.is_frozen = false;
}

static bool
survives(enum fvfs_survival survival, uint64_t (*random)(void), unsigned chance)
{
	switch (survival) {
	case FVFS_NONE:
		return false;
	case FVFS_ALL:
		return true;
	case FVFS_SOME:
		break;
	}
	return random() % 100 < chance;
}

/* Plays those changes that survive onto what was durable. */
static void
lose_some(struct file *file, enum fvfs_survival survival, uint64_t (*random)(void))
{
	static const unsigned chances[] = {3, 50, 97};
	unsigned chance = chances[random() % 3];

	for (size_t i = 0; i < file->change_count; i++) {
		const struct change *change = &file->changes[i];
		int64_t done = 0;

		if (change->offset == -1) {
			if (survives(survival, random, chance))
				content_truncate(&file->durable, change->length);
			continue;
		}
		while (done < change->length) {
			int64_t at = change->offset + done;
			int64_t piece = SECTOR - at % SECTOR;

			if (piece > change->length - done)
				piece = change->length - done;
			if (survives(survival, random, chance))
				content_write(
				    &file->durable, at, file->log.bytes + change->at + done, piece);
			done += piece;
		}
	}
}

void
fvfs_power_loss(enum fvfs_survival survival, uint64_t (*random)(void))
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct file *file = &disk.files[i];

		assert(file->shared == 0 && file->attached == 0);
		if (file->exists && !file->entry_is_synced && survives(survival, random, 50)) {
			/* the new name made it to the disk, its content is another matter */
			content_truncate(&file->durable, 0);
			file->durable_exists = true;
			file->entry_is_synced = true;
		} else if (!file->exists && file->durable_exists &&
			   survives(survival, random, 50)) {
			file->durable_exists = false; /* the deletion made it */
			content_truncate(&file->durable, 0);
		}
		if (file->exists && file->entry_is_synced)
			lose_some(file, survival, random);
		file->exists = file->durable_exists;
		content_copy(&file->now, &file->durable);
		file->entry_is_synced = file->exists;
		forget_changes(file);
		file->region_count = 0;
	}
}

void
fvfs_back_up(void)
{
	files_copy(disk.backup, disk.files);
	disk.has_backup = true;
}

bool
fvfs_has_backup(void)
{
	return disk.has_backup;
}

void
fvfs_restore_backup(bool as_another_file)
{
	assert(disk.has_backup);
	files_copy(disk.files, disk.backup);
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (!disk.files[i].exists)
			continue;
		make_durable(&disk.files[i]);
		if (as_another_file)
			disk.files[i].inode = ++disk.inode_last;
	}
}

void
fvfs_keep_template(void)
{
	files_copy(disk.model, disk.files);
}

void
fvfs_use_template(void)
{
	fvfs_reset();
	files_copy(disk.files, disk.model);
	disk.inode_last = FILES_MAX;
}

bool
fvfs_is_synced(const char *path)
{
	const struct file *file = find(path);

	if (file == NULL || !file->exists)
		return true;
	for (size_t i = 0; i < file->change_count; i++)
		if (file->changes[i].offset != -1)
			return false;
	return file->entry_is_synced;
}

bool
fvfs_stat(const char *path, int64_t *size, uint64_t *inode)
{
	const struct file *file = find(path);

	if (path[0] == '\0' || file == NULL || !file->exists)
		return false;
	*size = file->now.size;
	*inode = file->inode;
	return true;
}
