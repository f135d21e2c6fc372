/*
 * secret.c - credentials: from a file or from systemd, into memory, and wiped from it.
 *
 * Never from the environment, which stays readable in /proc. What is said in why names the place,
 * never the secret.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/secret.h"

enum { SECRET_MAX = 4096 };

static const char file_prefix[] = "file:";
static const char credential_prefix[] = "credential:";

bool
secret_is_reference(const char *value)
{
	return strncmp(value, file_prefix, strlen(file_prefix)) == 0 ||
	       strncmp(value, credential_prefix, strlen(credential_prefix)) == 0;
}

/* Who may read or change it is who may know or change the credential. */
static int
check_mode(const struct stat *status, const char *path, struct text *why)
{
	if (!S_ISREG(status->st_mode)) {
		text_format(
		    why, "%s is not a regular file; name a file that holds the credential", path);
		return -1;
	}
	if ((status->st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
		text_format(why,
		    "%s has mode %04o, so that others may read or change it; run chmod 0640 %s",
		    path, (unsigned)status->st_mode & 07777, path);
		return -1;
	}
	return 0;
}

/* O_NONBLOCK: a FIFO must not stop the daemon. */
static int
open_checked(const char *path, struct text *why)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		text_format(why, "%s cannot be opened: %s; create it, readable for outboxd's user",
		    path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &status) != 0) {
		text_format(
		    why, "%s cannot be examined: %s; name a regular file", path, strerror(errno));
	} else if (check_mode(&status, path, why) == 0) {
		return fd;
	}
	close(fd);
	return -1;
}

/* A copy of secret[0..length) when it is fit to be used; name says whose it is. */
static char *
accept(const char *secret, size_t length, const char *name, struct text *why)
{
	char *copy;

	if (length == 0) {
		text_format(why, "%s is empty; put the credential there", name);
		return NULL;
	}
	if (length > SECRET_MAX) {
		text_format(
		    why, "%s is longer than %d bytes; name the right credential", name, SECRET_MAX);
		return NULL;
	}
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)secret[i];

		if (c < 0x20 || c == 0x7f) {
			text_format(why,
			    "%s holds a control character (a line end, perhaps, or a tab); write "
			    "the "
			    "credential on one line with nothing else",
			    name);
			return NULL;
		}
	}
	copy = strndup(secret, length);
	if (copy == NULL)
		text_format(why, "out of memory; try again");
	return copy;
}

static char *
read_file(const char *path, struct text *why)
{
	char bytes[SECRET_MAX + 2]; /* one for a newline, one to see that there is more */
	size_t length = 0;
	char *secret = NULL;
	ssize_t got = 0;
	int fd = open_checked(path, why);

	if (fd < 0)
		return NULL;
	while (
	    length < sizeof(bytes) && (got = read(fd, bytes + length, sizeof(bytes) - length)) > 0)
		length += (size_t)got;
	if (got < 0) {
		text_format(
		    why, "%s cannot be read: %s; name a readable file", path, strerror(errno));
	} else {
		if (length > 0 && bytes[length - 1] == '\n')
			length--;
		secret = accept(bytes, length, path, why);
	}
	explicit_bzero(bytes, sizeof(bytes));
	close(fd);
	return secret;
}

static char *
read_path(const char *directory, const char *name, struct text *why)
{
	char *path;
	char *secret;

	if (asprintf(&path, "%s%s%s", directory, directory[0] != '\0' ? "/" : "", name) < 0) {
		text_format(why, "out of memory; try again");
		return NULL;
	}
	secret = read_file(path, why);
	free(path);
	return secret;
}

static char *
read_credential(const char *name, struct text *why)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");

	if (name[0] == '\0' || strchr(name, '/') != NULL || name[0] == '.') {
		text_format(why,
		    "a credential's name is not empty, holds no / and begins with no dot; "
		    "write credential:NAME");
		return NULL;
	}
	if (directory == NULL || directory[0] != '/') {
		text_format(why,
		    "credential:%s needs $CREDENTIALS_DIRECTORY; start outboxd from a systemd unit "
		    "with "
		    "LoadCredential=%s:/path, or write file:/path",
		    name, name);
		return NULL;
	}
	return read_path(directory, name, why);
}

char *
secret_read(const char *value, const char *base_dir, struct text *why)
{
	if (strncmp(value, credential_prefix, strlen(credential_prefix)) == 0)
		return read_credential(value + strlen(credential_prefix), why);
	if (strncmp(value, file_prefix, strlen(file_prefix)) == 0) {
		const char *path = value + strlen(file_prefix);

		if (path[0] == '\0') {
			text_format(why, "file: names no file; write file:/path");
			return NULL;
		}
		return read_path(path[0] == '/' ? "" : base_dir, path, why);
	}
	return accept(value, strlen(value), "the value", why);
}

int
secret_check_file(const char *path, struct text *why)
{
	int fd = open_checked(path, why);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -1;
}

void
secret_free(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
