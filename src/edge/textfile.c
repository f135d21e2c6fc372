/*
 * textfile.c - write, rename.
 */
#include "edge/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, text, length);

		if (written == -1 && errno == EINTR)
			continue;
		if (written == -1)
			return -1;
		text += written;
		length -= (size_t)written;
	}
	return 0;
}

int
textfile_replace(const char *path, const char *text, size_t length)
{
	char temporary[PATH_MAX];
	int fd;
	int result;

	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -1;
	result = write_all(fd, text, length);
	if (fchmod(fd, 0644) == -1) /* whatever the umask says: the exporter is another user */
		result = -1;
	if (close(fd) == -1)
		result = -1;
	if (result == 0)
		result = rename(temporary, path);
	if (result == -1)
		(void)unlink(temporary);
	return result;
}
