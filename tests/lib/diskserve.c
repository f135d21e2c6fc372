/*
 * diskserve.c - the little of FUSE that a single file needs. After the power cut it reads no more
 * requests, so that no sync ever returns that the cut has made a lie; who waits is killed
 * meanwhile.
 */
#include "lib/diskserve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "lib/daemon_parts.h"

enum { WRITE_MAX = 1 << 20, BUFFER_SIZE = WRITE_MAX + 65536, PAGES_MAX = 256, VALID_S = 3600 };

struct server {
	struct diskserve *disk;
	struct diskcache *cache;
	int fuse;
	int control;
	bool frozen;
	bool dead;
	struct fuse_in_header waiting; /* the flush at which the power went; .unique 0: none */
};

static void
answer(
    struct server *s, const struct fuse_in_header *in, int error, const void *bytes, size_t length)
{
	struct fuse_out_header out = {
	    .len = (uint32_t)(sizeof(out) + length), .error = -error, .unique = in->unique};
	struct iovec parts[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)bytes, length}};

	(void)!writev(s->fuse, parts, length == 0 ? 1 : 2); /* nobody waits any more: fine */
}

static void
answer_init(struct server *s, const struct fuse_in_header *in, const struct fuse_init_in *init)
{
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
	    .minor = FUSE_KERNEL_MINOR_VERSION,
	    .max_readahead = init->max_readahead,
	    .flags = init->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ASYNC_READ),
	    .max_background = 16,
	    .congestion_threshold = 12,
	    .max_write = WRITE_MAX,
	    .time_gran = 1,
	    .max_pages = PAGES_MAX};

	answer(s, in, 0, &out, sizeof(out));
}

static void
answer_attributes(struct server *s, const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {.attr_valid = VALID_S,
	    .attr = {.ino = FUSE_ROOT_ID,
		.size = s->disk->size,
		.blocks = s->disk->size / 512,
		.mode = S_IFREG | 0600,
		.nlink = 1,
		.blksize = 4096}};

	answer(s, in, 0, &out, sizeof(out));
}

static bool
fails(struct diskserve *disk)
{
	long number = atomic_fetch_add(&disk->writes, 1) + 1;
	long from = atomic_load(&disk->fail_write_at);

	if (from == 0 || number < from || number >= from + atomic_load(&disk->fail_writes))
		return false;
	atomic_fetch_add(&disk->failed, 1);
	return true;
}

static void
answer_write(struct server *s, const struct fuse_in_header *in, const struct fuse_write_in *write)
{
	struct fuse_write_out out = {.size = write->size};

	if (write->offset + write->size > s->disk->size) {
		answer(s, in, ENOSPC, NULL, 0);
		return;
	}
	if (fails(s->disk)) {
		answer(s, in, EIO, NULL, 0);
		return;
	}
	diskcache_write(s->cache, write->offset, write + 1, write->size);
	answer(s, in, 0, &out, sizeof(out));
}

static void
answer_read(struct server *s, const struct fuse_in_header *in, const struct fuse_read_in *read)
{
	size_t offset = read->offset < s->disk->size ? read->offset : s->disk->size;
	size_t length = read->size;

	if (length > s->disk->size - offset)
		length = s->disk->size - offset;
	answer(s, in, 0, s->disk->image + offset, length);
}

static void
cut(struct server *s)
{
	s->frozen = true;
	atomic_store(&s->disk->gone, (long)diskcache_cut(s->cache,
					 (enum diskcache_survival)atomic_load(&s->disk->survival)));
	atomic_store(&s->disk->is_cut, 1);
}

static void
answer_flush(struct server *s, const struct fuse_in_header *in)
{
	long number = atomic_fetch_add(&s->disk->flushes, 1) + 1;
	long cut_at = atomic_load(&s->disk->cut_at);
	long fail_at = atomic_load(&s->disk->fail_at);
	bool last = cut_at > 0 && number >= cut_at;

	if (fail_at > 0 &&
	    (number == fail_at || (number > fail_at && atomic_load(&s->disk->fail_sticky)))) {
		/* What waits is not lost: a disk that forgets it, tells one writer, and says yes to
		 * the next defeats everybody. */
		atomic_fetch_add(&s->disk->failed, 1);
		answer(s, in, EIO, NULL, 0);
		return;
	}
	if (!last || atomic_load(&s->disk->cut_after))
		diskcache_flush(s->cache);
	if (!last) {
		answer(s, in, 0, NULL, 0);
		return;
	}
	s->waiting = *in;
	cut(s);
}

static void
serve_one(struct server *s, const struct fuse_in_header *in)
{
	const void *body = in + 1;
	struct fuse_open_out open = {.open_flags = FOPEN_KEEP_CACHE};
	struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255}};

	if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	    in->opcode == FUSE_INTERRUPT)
		return;
	if (s->dead &&
	    (in->opcode == FUSE_READ || in->opcode == FUSE_WRITE || in->opcode == FUSE_FSYNC)) {
		answer(s, in, EIO, NULL, 0);
		return;
	}
	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(s, in, body);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer_attributes(s, in);
		break;
	case FUSE_OPEN:
		answer(s, in, 0, &open, sizeof(open));
		break;
	case FUSE_READ:
		answer_read(s, in, body);
		break;
	case FUSE_WRITE:
		answer_write(s, in, body);
		break;
	case FUSE_FSYNC:
		answer_flush(s, in);
		break;
	case FUSE_STATFS:
		answer(s, in, 0, &statfs, sizeof(statfs));
		break;
	case FUSE_FLUSH: /* close(): no promise */
	case FUSE_RELEASE:
	case FUSE_DESTROY:
		answer(s, in, 0, NULL, 0);
		break;
	default:
		answer(s, in, ENOSYS, NULL, 0);
	}
}

/* false: nobody commands any more. */
static bool
obey(struct server *s)
{
	char command;

	if (read(s->control, &command, 1) != 1)
		return false;
	if (command == DISKSERVE_CUT && !s->frozen)
		cut(s);
	if (command == DISKSERVE_DEAD) {
		s->frozen = false;
		s->dead = true;
		if (s->waiting.unique != 0)
			answer(s, &s->waiting, EIO, NULL, 0);
		s->waiting.unique = 0;
	}
	return write(s->control, &command, 1) == 1;
}

static void
serve(struct server *s)
{
	/* aligned for the kernel's structures */
	uint64_t *buffer = malloc(BUFFER_SIZE);

	for (;;) {
		struct pollfd fds[2] = {
		    {s->control, POLLIN, 0}, {s->frozen ? -1 : s->fuse, POLLIN, 0}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents != 0 && !obey(s))
			return;
		if (s->frozen || fds[1].revents == 0)
			continue;
		if (read(s->fuse, buffer, BUFFER_SIZE) > 0)
			serve_one(s, (struct fuse_in_header *)buffer);
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			return; /* ENODEV: unmounted */
	}
}

pid_t
diskserve_start(struct diskserve *disk, const char *mount_point, int *control)
{
	struct server s = {.disk = disk, .fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC)};
	char options[128];
	pid_t parent = getpid();
	int pair[2];
	pid_t pid;

	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0,allow_other",
	    s.fuse);
	if (s.fuse < 0 || mount("lossy", mount_point, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
		return -1;
	stand_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
	pid = fork();
	stand_must(pid >= 0, "fork");
	if (pid == 0) {
		/* Were it the last in the test's namespace, its end would unmount what only it can
		 * serve: a wait for ever. */
		if (setns(disk->outside, CLONE_NEWNS) != 0)
			_exit(124);
		stand_be_child(parent);
		close(pair[0]);
		s.control = pair[1];
		s.cache = diskcache_new(disk->image, disk->size, disk->piece, disk->seed);
		serve(&s);
		_exit(0);
	}
	close(pair[1]);
	close(s.fuse);
	*control = pair[0];
	return pid;
}

void
diskserve_tell(int control, enum diskserve_command command)
{
	char byte = (char)command;

	stand_must(
	    write(control, &byte, 1) == 1 && read(control, &byte, 1) == 1, "the disk's process");
}
