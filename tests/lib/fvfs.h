/*
 * fvfs.h - a SQLite VFS in memory that can forget, fail and be frozen.
 *
 * It keeps, for each file, what a process sees and what a disk would still have after a power cut:
 * content counts as durable once xSync has returned; of later writes any subset may survive, in
 * torn pieces of 512 bytes. A newer write to a sector is never overtaken by an older one, which is
 * how a disk's cache behaves. Creating, truncating and deleting a file are un-synced too until the
 * file is synced; a deletion until anything is.
 *
 * Shared memory works between the connections of this process. One thread only. Everything lies in
 * memory of its own: nothing here calls malloc, so that allocation sweeps see only the code under
 * test.
 */
#ifndef OUTBOXD_TESTS_FVFS_H
#define OUTBOXD_TESTS_FVFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the surroundings provide. Every member must be set. */
struct fvfs_hooks {
	int64_t (*wall_ms)(void);
	void (*sleep_us)(int64_t microseconds); /* a busy handler waits */
	uint64_t (*random)(void);
	void (*before_call)(void); /* before each counted call: the place to freeze */
	void (*before_sync)(void); /* before each xSync, also of quiet ones */
	void (*after_sync)(void);
};

/* Registers it as the default VFS; once, before anything is opened. */
void fvfs_register(const struct fvfs_hooks *hooks);

/* Forgets all files. No connection may be open. */
void fvfs_reset(void);

/* --- faults --- */

enum fvfs_error {
	FVFS_EIO,   /* reads, writes, syncs, everything */
	FVFS_FULL,  /* whatever needs more space */
	FVFS_SHORT, /* a write stops half way with an I/O error; other calls as EIO */
};

/* Quiet calls are neither counted nor failed (another process's connection). Nests. */
void fvfs_quiet(bool quiet);

/* Fails the n-th counted call from now (1: the next), or from then on every one. */
void fvfs_fail(enum fvfs_error error, int64_t n, bool for_ever);
void fvfs_heal(void);

/*
 * A control: the daemon's (not the quiet ones') syncs of a -wal do nothing, as at synchronous =
 * NORMAL. A test that still passes then proves nothing.
 */
void fvfs_skip_wal_syncs(bool skip);
bool fvfs_skips_wal_syncs(void);

/* How many files some connection has open. */
int fvfs_open_files(void);

/* Counted calls, and failures injected, since the last fvfs_reset(). */
int64_t fvfs_calls(void);
int64_t fvfs_failures(void);

/* --- a process dies --- */

/*
 * Keeps a copy of everything as it is now; what happens from here on happens to a dead man.
 * fvfs_thaw() brings the copy back: connections of the dead process must be closed by then, those
 * of others may stay open if they did nothing meanwhile.
 */
void fvfs_freeze(void);
bool fvfs_frozen(void);
void fvfs_thaw(void);

/* The power goes: what was not durable survives in a random subset. No connection may be open. */
enum fvfs_survival { FVFS_SOME, FVFS_NONE, FVFS_ALL };
void fvfs_power_loss(enum fvfs_survival survival, uint64_t (*random)(void));

/*
 * One backup of all files, as they are; restoring it leaves everything durable, under the old inode
 * numbers or under new ones. No connection may be open on restore. fvfs_reset() forgets it.
 */
void fvfs_back_up(void);
bool fvfs_has_backup(void);
void fvfs_restore_backup(bool as_another_file);

/* What every run starts from. Using it implies fvfs_reset(). */
void fvfs_keep_template(void);
void fvfs_use_template(void);

/* --- for those who ask the file system --- */

/* Whether the file exists; *size and *inode tell more. */
bool fvfs_stat(const char *path, int64_t *size, uint64_t *inode);

/* Whether every write to it is durable (a truncation may not be). */
bool fvfs_is_synced(const char *path);

#endif
