/*
 * lock.c - one daemon per database, by a lock that the kernel drops with the process.
 *
 * An open-file-description lock and not flock(2) or a pid file: kill -9 frees it, and no other
 * close() in this process can. The file stays when the lock goes: removing it would let two daemons
 * lock two files of one name.
 */
#include "edge/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lock {
	int fd;
};

enum { LOCK_FILE_MODE = 0660 }; /* app and daemon may be different users of one group */

static const char suffix[] = "-outboxd.lock";

/* "<real path>-outboxd.lock", to be freed; NULL with errno. */
static char *
lock_file_name(const char *database)
{
	char *real = realpath(database, NULL);
	char *name = NULL;

	if (real == NULL)
		return NULL;
	if (asprintf(&name, "%s%s", real, suffix) < 0) {
		name = NULL;
		errno = ENOMEM;
	}
	free(real);
	return name;
}

/* Two names of one file in different directories would have two locks. */
static int
check_database(const char *database, const char **why)
{
	struct stat status;

	if (stat(database, &status) != 0) {
		*why = "the database file cannot be found";
		return -1;
	}
	if (!S_ISREG(status.st_mode)) {
		*why = "the database is not a regular file";
		errno = EINVAL;
		return -1;
	}
	if (status.st_nlink > 1) {
		*why = "the database file has more than one hard link: remove the other names";
		errno = EMLINK;
		return -1;
	}
	return 0;
}

/* What root makes belongs to whom the database belongs to, as SQLite does it with the -wal: else
 * root's init would shut the daemon out. */
static void
give_to_owner(int fd, const char *name)
{
	char database[PATH_MAX];
	struct stat owner;

	if (geteuid() != 0)
		return;
	(void)snprintf(
	    database, sizeof(database), "%.*s", (int)(strlen(name) - strlen(suffix)), name);
	if (stat(database, &owner) == 0 && owner.st_uid != 0 &&
	    fchown(fd, owner.st_uid, (gid_t)-1) != 0)
		return; /* a file system without owners: then there is nobody to shut out */
}

/* The group of the directory may open the lock as it may open the database. As far as we are
 * allowed to. */
static void
share_with_group(int fd, const char *name, const struct stat *status)
{
	struct stat directory;
	char path[PATH_MAX];
	char *slash;

	if (status->st_uid != geteuid() || strlen(name) >= sizeof(path))
		return;
	give_to_owner(fd, name);
	strcpy(path, name);
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	if (stat(path, &directory) == 0 && directory.st_gid != status->st_gid &&
	    fchown(fd, (uid_t)-1, directory.st_gid) != 0)
		return; /* not our group: then only we can open it */
	if ((status->st_mode & 07777) != LOCK_FILE_MODE)
		(void)fchmod(fd, LOCK_FILE_MODE);
}

/* The open lock file, or -1 with errno. */
static int
open_lock_file(const char *name, const char **why)
{
	struct stat status;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, LOCK_FILE_MODE);

	*why = "the lock file beside the database cannot be opened";
	if (fd < 0)
		return -1;
	/* Its text is about to be replaced: never through a name of somebody else's file. */
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink <= 1) {
		share_with_group(fd, name, &status);
		return fd;
	}
	*why = "the lock file beside the database is not a plain file of its own";
	close(fd);
	errno = EINVAL;
	return -1;
}

/* Whether the name still leads to the file that was locked: it may have been removed between open
 * and lock. */
static int
same_file(int fd, const char *name)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && lstat(name, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* For people who look at the file; that it fails on a full disk is no reason not to run. */
static void
write_pid(int fd)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
		return;
}

static enum lock_result
lock_file(const char *name, int *fd, const char **why)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (int attempt = 0; attempt < 3; attempt++) {
		*fd = open_lock_file(name, why);
		if (*fd < 0)
			return LOCK_FAILED;
		if (fcntl(*fd, F_OFD_SETLK, &whole) != 0) {
			int error = errno;

			close(*fd);
			errno = error;
			*why = "the file system of the database does not support locks";
			return error == EAGAIN || error == EACCES ? LOCK_HELD_ELSEWHERE
								  : LOCK_FAILED;
		}
		if (same_file(*fd, name))
			return LOCK_TAKEN;
		close(*fd);
	}
	*why = "the lock file beside the database is being removed by somebody";
	errno = EAGAIN;
	return LOCK_FAILED;
}

enum lock_result
lock_take(const char *database, struct lock **lock, const char **why)
{
	enum lock_result result = LOCK_FAILED;
	char *name = NULL;
	int fd = -1;
	int error;

	*lock = NULL;
	if (check_database(database, why) != 0)
		return LOCK_FAILED;
	*why = "the path of the database cannot be resolved";
	name = lock_file_name(database);
	if (name == NULL)
		return LOCK_FAILED;
	result = lock_file(name, &fd, why);
	error = errno;
	if (result == LOCK_TAKEN) {
		*lock = malloc(sizeof(**lock));
		if (*lock == NULL) {
			close(fd);
			*why = "out of memory";
			result = LOCK_FAILED;
			error = ENOMEM;
		} else {
			(*lock)->fd = fd;
			write_pid(fd);
		}
	}
	free(name);
	errno = error;
	return result;
}

/* The pid in the file, or -1. */
static int64_t
read_pid(int fd)
{
	char text[32];
	char *end;
	long long pid;
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return -1;
	text[length] = '\0';
	errno = 0;
	pid = strtoll(text, &end, 10);
	return errno != 0 || end == text || *end != '\n' || pid <= 0 ? -1 : pid;
}

int64_t
lock_holder(const char *database)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *name = lock_file_name(database);
	int64_t holder = -1;
	int fd;

	if (name == NULL)
		return -1;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		holder = 0;
	if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0)
		holder = whole.l_type == F_UNLCK ? 0 : read_pid(fd);
	if (fd >= 0)
		close(fd);
	free(name);
	return holder;
}

void
lock_release(struct lock *lock)
{
	if (lock == NULL)
		return;
	if (ftruncate(lock->fd, 0) != 0) {
		/* An old pid in a free lock file misleads nobody: lock_holder asks the lock first.
		 */
	}
	close(lock->fd);
	free(lock);
}
