/*
 * test_power_disk.c - the disk of the power cuts itself: does it lose what it should, and keep what
 * it must? And a disk that is full while answers arrive (T8).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/blackout.h"
#include "lib/diskcache.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"

enum {
	SECTORS = 8,
	EACH = 20,
	UNDER_WAY = 12,
	FULL_MS = 3000,
	ROOM_MS = 1000,
	RECOVERY_MS_MAX = 30000
};

static void
skip_unless_possible(const char *filesystem)
{
	const char *why = disk_impossible(filesystem);

	if (why == NULL)
		return;
	printf("SKIPPED: a disk with %s: %s\n", filesystem, why);
	skip();
}

/* --- the cache --- */

static void
only_a_flush_saves(void **state)
{
	unsigned char image[SECTORS * DISKCACHE_SECTOR] = {0};
	struct diskcache *cache = diskcache_new(image, sizeof(image), DISKCACHE_SECTOR, 1);

	(void)state;
	diskcache_write(cache, 0, "flushed", 7);
	diskcache_flush(cache);
	diskcache_write(cache, 0, "written", 7);
	diskcache_write(cache, DISKCACHE_SECTOR, "written", 7);
	assert_memory_equal(image, "written", 7);
	assert_int_equal(diskcache_cut(cache, SURVIVES_NOTHING), 2);
	assert_memory_equal(image, "flushed", 7);
	assert_int_equal(image[DISKCACHE_SECTOR], 0);
	diskcache_write(cache, 0, "written", 7);
	assert_int_equal(diskcache_cut(cache, SURVIVES_ALL), 0);
	assert_memory_equal(image, "written", 7);
	diskcache_free(cache);
}

static void
requests_are_torn(void **state)
{
	static unsigned char image[256 * DISKCACHE_SECTOR];
	static unsigned char bytes[sizeof(image)];
	struct diskcache *cache = diskcache_new(image, sizeof(image), DISKCACHE_SECTOR, 2);
	size_t gone;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	diskcache_write(cache, 0, bytes, sizeof(bytes));
	gone = diskcache_cut(cache, SURVIVES_PIECES);
	assert_true(gone > 0 && gone < 256);
	for (size_t i = 0; i < 256; i++) {
		assert_true(image[i * DISKCACHE_SECTOR] == image[(i + 1) * DISKCACHE_SECTOR - 1]);
		gone -= image[i * DISKCACHE_SECTOR] == 0;
	}
	assert_int_equal(gone, 0);
	diskcache_free(cache);
}

/* --- the disk --- */

static void
put(const char *path, const char *text, bool sync)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (sync)
		assert_int_equal(fsync(fd), 0);
	close(fd);
}

static bool
holds(const char *path, const char *text)
{
	char *bytes;
	bool same;

	if (access(path, F_OK) != 0)
		return false;
	bytes = scratch_read(path, NULL);
	same = strcmp(bytes, text) == 0;
	free(bytes);
	return same;
}

/* Without this, cuts that break nothing prove nothing. */
static void
only_what_is_synced_survives(const char *filesystem)
{
	void *directory;
	struct disk *disk;
	const char *at;

	skip_unless_possible(filesystem);
	assert_int_equal(scratch_setup(&directory), 0);
	disk = disk_new(directory, filesystem, 1);
	at = disk_path(disk);
	put(scratch_path(at, "synced"), "old", true);
	put(scratch_path(at, "synced"), "NEW", false);
	put(scratch_path(at, "unsynced"), "text", false);
	assert_true(holds(scratch_path(at, "synced"), "NEW"));
	assert_true(holds(scratch_path(at, "unsynced"), "text"));
	disk_cut(disk);
	disk_release(disk);
	disk_remove(disk);
	assert_true(disk_insert(disk, 2));
	assert_true(holds(scratch_path(at, "synced"), "old"));
	assert_false(holds(scratch_path(at, "unsynced"), "text"));
	/* the same file with a sync, to see that it is the sync which matters */
	put(scratch_path(at, "unsynced"), "text", true);
	disk_cut(disk);
	disk_release(disk);
	disk_remove(disk);
	assert_true(disk_insert(disk, 3));
	assert_true(holds(scratch_path(at, "unsynced"), "text"));
	disk_free(disk);
	scratch_teardown(&directory);
}

static void
ext4_keeps_what_is_synced(void **state)
{
	(void)state;
	only_what_is_synced_survives("ext4");
}

static void
xfs_keeps_what_is_synced(void **state)
{
	(void)state;
	only_what_is_synced_survives("xfs");
}

/* --- no space --- */

static void
fill(const char *path)
{
	static char bytes[65536];
	size_t size = sizeof(bytes);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (size >= DISKCACHE_SECTOR) {
		if (write(fd, bytes, size) > 0)
			continue;
		assert_int_equal(errno, ENOSPC);
		(void)fdatasync(fd);
		size /= 2;
	}
	close(fd);
}

/* Half of the rows are under way when the space is gone; their answers must wait in memory, and
 * nobody else is sent. */
static void
full_disk(void **state)
{
	struct blackout world;
	struct stand *stand;
	char reference[32];
	int64_t freed;
	int sent;

	(void)state;
	skip_unless_possible("ext4");
	blackout_open(&world, "ext4", 100);
	assert_false(world.careless);
	stand = world.stand;
	assert_int_equal(gateway_script(stand->gateway, "late-* submit 1 delay 1000ms\n"), 0);
	for (int i = 0; i < EACH; i++) {
		snprintf(reference, sizeof(reference), "late-v%d", i);
		(void)stand_order(stand, "vrio1", "vrio", reference);
		snprintf(reference, sizeof(reference), "late-r%d", i);
		(void)stand_order(stand, "riverty1", "riverty", reference);
	}
	stand_start(stand);
	assert_int_equal(
	    gateway_wait_requests(stand->gateway, NULL, "submit", UNDER_WAY, STAND_PATIENCE_MS), 0);
	fill(scratch_path(disk_path(world.disk), "filler"));
	/* What still finds room in the WAL as it is may go; then it ends. */
	stand_sleep_ms(ROOM_MS);
	sent = gateway_requests(stand->gateway, NULL, "submit");
	assert_true(sent < 2 * EACH);
	assert_int_equal(
	    stand_try(stand, "INSERT INTO outbox_control (command) SELECT hex(zeroblob(100000))"),
	    13);
	stand_sleep_ms(FULL_MS);
	assert_true(stand_runs(stand));
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), sent);
	/* one or two may have come through before, or found room in the WAL as it is */
	assert_true(stand_number(stand, "SELECT count(*) FROM outbox_result") < EACH);
	assert_int_equal(unlink(scratch_path(disk_path(world.disk), "filler")), 0);
	freed = stand_clock_ms();
	assert_true(stand_wait_settled(stand));
	freed = stand_clock_ms() - freed;
	assert_true(freed < RECOVERY_MS_MAX);
	/* no answer was forgotten: not even a keyless row is in doubt */
	assert_int_equal(
	    stand_number(stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'succeeded'"),
	    2 * EACH);
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), 2 * EACH);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
	tally("disk full while answers arrive (ext4)", 1, 0,
	    "%d requests under way, none new in %d ms, all done %lld ms after", sent, (int)FULL_MS,
	    (long long)freed);
	blackout_close(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_a_flush_saves),
	    cmocka_unit_test(requests_are_torn), cmocka_unit_test(ext4_keeps_what_is_synced),
	    cmocka_unit_test(xfs_keeps_what_is_synced), cmocka_unit_test(full_disk)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
