/*
 * disk.c - file, loop device, file system, mount; and all of it away again.
 */
#include "lib/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/loop.h>

#include "lib/daemon.h"
#include "lib/daemon_parts.h"
#include "lib/scratch.h"

enum { MIB = 1 << 20, LOOP_MAJOR = 7, TRIES = 50, PATIENCE_MS = 10000 };

struct kind {
	const char *name;
	size_t size;
	/* ext4 journals whole blocks and bears torn ones; xfs counts on metadata blocks that are
	 * not. */
	size_t piece;
	const char *mkfs;
};

/* Without discards and lazy parts: what mkfs writes is all there is. 300 MiB is the least that
 * mkfs.xfs makes. */
static const struct kind kinds[] = {
    {"ext4", 96 * (size_t)MIB, DISKCACHE_SECTOR,
	"mkfs.ext4 -q -F -b 4096 -J size=8 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "},
    {"xfs", 304 * (size_t)MIB, 4096, "mkfs.xfs -q -f -K "},
};

/* What ext4 knows; its default most often. */
static const char *const journals[] = {NULL, NULL, "data=writeback", "data=journal"};

struct disk {
	const struct kind *kind;
	struct diskserve *state; /* shared memory */
	pid_t server;            /* 0: no power */
	int control;
	char file[300];
	char mounted[300];
	char loop[64];
	const char *options;
};

static const struct kind *
find_kind(const char *filesystem)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, filesystem) == 0)
			return &kinds[i];
	return NULL;
}

/* --- is it possible? --- */

static bool
can_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool entered;
static int outside = -1; /* the namespace that it left */

const char *
disk_impossible(const char *filesystem)
{
	static char why[128];
	char command[128];

	if (geteuid() != 0)
		return "it needs root";
	if (!can_open("/dev/fuse"))
		return "/dev/fuse cannot be opened";
	if (!can_open("/dev/loop-control"))
		return "there are no loop devices";
	snprintf(command, sizeof(command),
	    "PATH=$PATH:/usr/sbin:/sbin command -v mkfs.%s >/dev/null", filesystem);
	if (system(command) != 0) {
		snprintf(why, sizeof(why), "mkfs.%s is not here", filesystem);
		return why;
	}
	if (outside < 0)
		outside = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (!entered &&
	    (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0))
		return "mount namespaces are not allowed";
	entered = true;
	return NULL;
}

/* --- in and out --- */

/* A free loop device over the file; -1. Others look for one at the same time. */
static int
attach(struct disk *disk)
{
	struct loop_config config = {.info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
	int backing = open(disk->file, O_RDWR | O_CLOEXEC);
	int loops = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int fd = -1;

	stand_must(backing >= 0 && loops >= 0, disk->file);
	config.fd = (unsigned)backing;
	for (int i = 0; i < TRIES && fd < 0; i++) {
		int number = ioctl(loops, LOOP_CTL_GET_FREE);

		if (number < 0)
			break;
		snprintf(disk->loop, sizeof(disk->loop), "/dev/loop%d", number);
		/* a container's /dev does not follow the kernel */
		(void)mknod(disk->loop, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number));
		fd = open(disk->loop, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) != 0) {
			close(fd);
			fd = -1;
		}
	}
	close(loops);
	close(backing);
	return fd;
}

static bool
make_filesystem(const struct disk *disk)
{
	char command[300];

	snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin %s%s", disk->kind->mkfs,
	    disk->loop);
	return system(command) == 0;
}

static bool
power_on(struct disk *disk, uint64_t seed, bool fresh)
{
	struct diskserve *state = disk->state;
	bool made;
	int loop;

	state->seed = seed;
	atomic_store(&state->flushes, 0);
	atomic_store(&state->failed, 0);
	atomic_store(&state->cut_at, 0);
	atomic_store(&state->fail_at, 0);
	atomic_store(&state->writes, 0);
	atomic_store(&state->fail_write_at, 0);
	atomic_store(&state->is_cut, 0);
	disk->server = diskserve_start(state, disk->file, &disk->control);
	stand_must(disk->server > 0, "mount through /dev/fuse");
	loop = attach(disk);
	stand_must(loop >= 0, "no loop device");
	made = (!fresh || make_filesystem(disk)) &&
	       mount(disk->loop, disk->mounted, disk->kind->name, 0, disk->options) == 0;
	if (!made)
		fprintf(stderr, "%s on %s: %s\n", disk->kind->name, disk->loop, strerror(errno));
	close(loop);
	return made;
}

bool
disk_insert(struct disk *disk, uint64_t seed)
{
	return power_on(disk, seed, false);
}

void
disk_cut(struct disk *disk)
{
	if (disk->server > 0 && !atomic_load(&disk->state->is_cut))
		diskserve_tell(disk->control, DISKSERVE_CUT);
}

void
disk_release(struct disk *disk)
{
	if (disk->server > 0)
		diskserve_tell(disk->control, DISKSERVE_DEAD);
}

/* Autoclear comes a moment after the unmount. */
static void
wait_detached(const struct disk *disk)
{
	struct loop_info64 info;
	int fd = open(disk->loop, O_RDONLY | O_CLOEXEC);
	int64_t until = stand_clock_ms() + PATIENCE_MS;

	while (fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && stand_clock_ms() < until) {
		/* our own descriptor keeps it */
		close(fd);
		stand_sleep_ms(2);
		fd = open(disk->loop, O_RDONLY | O_CLOEXEC);
	}
	if (fd >= 0)
		close(fd);
}

void
disk_remove(struct disk *disk)
{
	int status;

	if (disk->server <= 0)
		return;
	if (umount2(disk->mounted, 0) != 0 && errno != EINVAL) {
		fprintf(stderr, "umount %s: %s\n", disk->mounted, strerror(errno));
		(void)umount2(disk->mounted, MNT_DETACH);
	}
	wait_detached(disk);
	(void)umount2(disk->file, MNT_DETACH);
	close(disk->control); /* the end of it */
	for (int waited = 0; waitpid(disk->server, &status, WNOHANG) == 0; waited++) {
		if (waited > PATIENCE_MS / 2)
			kill(disk->server, SIGKILL);
		stand_sleep_ms(2);
	}
	disk->server = 0;
}

/* --- the whole --- */

struct disk *
disk_new(const char *directory, const char *filesystem, uint64_t seed)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	const struct kind *kind = find_kind(filesystem);
	void *shared;

	stand_must(disk != NULL && kind != NULL, "disk_new");
	disk->kind = kind;
	if (strcmp(kind->name, "ext4") == 0)
		disk->options = journals[seed % (sizeof(journals) / sizeof(journals[0]))];
	shared = mmap(
	    NULL, sizeof(*disk->state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	stand_must(shared != MAP_FAILED, "mmap");
	disk->state = shared;
	disk->state->size = kind->size;
	disk->state->outside = outside;
	disk->state->piece = kind->piece;
	disk->state->image = mmap(NULL, kind->size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	stand_must(disk->state->image != MAP_FAILED, "mmap");
	snprintf(disk->file, sizeof(disk->file), "%s/disk.img", directory);
	snprintf(disk->mounted, sizeof(disk->mounted), "%s/disk", directory);
	scratch_write(disk->file, "", 0);
	stand_must(mkdir(disk->mounted, 0700) == 0, disk->mounted);
	stand_must(power_on(disk, seed, true), "a new disk");
	return disk;
}

void
disk_free(struct disk *disk)
{
	if (disk == NULL)
		return;
	disk_remove(disk);
	munmap(disk->state->image, disk->kind->size);
	munmap(disk->state, sizeof(*disk->state));
	free(disk);
}

const char *
disk_path(const struct disk *disk)
{
	return disk->mounted;
}

struct diskserve *
disk_state(struct disk *disk)
{
	return disk->state;
}
