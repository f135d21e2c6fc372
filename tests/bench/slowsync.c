/*
 * slowsync.c - preloaded into a program: counts its fsyncs, and makes each take longer.
 *
 * A disk that answers in 0.1 ms hides what most disks cost. The sleep comes after the real call, so
 * that durability is the same. Counting by a shared page costs nothing; tracing would cost more
 * than what is measured.
 *
 * BENCH_SYNCS: a file of two 64-bit counters (calls, nanoseconds in them). BENCH_SYNC_MS: the
 * sleep.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct counters {
	_Atomic uint64_t count;
	_Atomic uint64_t ns;
};

static struct counters *counters;
static struct timespec delay;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

/* Before main(): the daemon empties its environment there. */
__attribute__((constructor)) static void
start(void)
{
	const char *file = getenv("BENCH_SYNCS");
	const char *text = getenv("BENCH_SYNC_MS");
	int ms = text == NULL ? 0 : atoi(text);
	int fd = file == NULL ? -1 : open(file, O_RDWR | O_CLOEXEC);
	void *memory = MAP_FAILED;

	*(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
	*(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	delay.tv_sec = ms / 1000;
	delay.tv_nsec = ms % 1000 * 1000000L;
	if (fd != -1) {
		memory = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		(void)close(fd);
	}
	counters = memory == MAP_FAILED ? NULL : memory;
}

static int
slow(int (*call)(int), int fd)
{
	struct timespec before;
	struct timespec after;
	int result;

	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	result = call(fd);
	if (delay.tv_sec > 0 || delay.tv_nsec > 0)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	if (counters != NULL) {
		counters->count++;
		counters->ns += (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000u +
				(uint64_t)after.tv_nsec - (uint64_t)before.tv_nsec;
	}
	return result;
}

int
fsync(int fd)
{
	return slow(real_fsync, fd);
}

int
fdatasync(int fd)
{
	return slow(real_fdatasync, fd);
}
