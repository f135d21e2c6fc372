/*
 * witness.c - state_dir/witness: a few lines of text and a checksum.
 *
 * The path stands last, up to the checksum, because a path may contain anything. The file is
 * replaced by renaming, always with its contents on disk first: a power cut leaves the old or the
 * new one, never half.
 */
#include "edge/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "witness"
#define FILE_NAME_NEW "witness.new"
#define FILE_NAME_RECENT "witness.recent"
#define HEADER "outboxd witness 1\n"
#define TRAILER "\nchecksum=%016" PRIx64 "\n"

enum {
	FILE_SIZE_MAX = 8192,
	TRAILER_SIZE = 1 + 9 + 16 + 1,
};

/* FNV-1a: against torn writes and editors, not against an adversary, who could write the database
 * as well. */
static uint64_t
checksum(const char *bytes, size_t length)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return sum;
}

/* --- Reading --- */

/* The value of the line "name=value" at *at, copied; moves *at behind it. */
static bool
take_text(const char **at, const char *name, char *value, size_t size)
{
	size_t name_length = strlen(name);
	const char *start = *at + name_length;
	const char *end;

	if (strncmp(*at, name, name_length) != 0)
		return false;
	end = strchr(start, '\n');
	if (end == NULL || (size_t)(end - start) >= size)
		return false;
	memcpy(value, start, (size_t)(end - start));
	value[end - start] = '\0';
	*at = end + 1;
	return true;
}

static bool
take_number(const char **at, const char *name, int64_t *value)
{
	char text[24];
	char *end;

	if (!take_text(at, name, text, sizeof(text)))
		return false;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value >= 0;
}

/* Version 0.1.0 did not write it. */
static bool
take_new_keys(const char **at, int64_t *new_keys)
{
	static const char name[] = "new_keys=";

	*new_keys = 0;
	return strncmp(*at, name, strlen(name)) != 0 || take_number(at, name, new_keys);
}

/* contents is NUL-terminated and may be cut at its trailer. */
static bool
parse(char *contents, size_t length, struct witness *witness)
{
	char trailer[TRAILER_SIZE + 1];
	const char *at = contents;
	size_t body;

	if (length < TRAILER_SIZE || strlen(contents) != length)
		return false;
	body = length - TRAILER_SIZE;
	snprintf(trailer, sizeof(trailer), TRAILER, checksum(contents, body));
	if (strcmp(contents + body, trailer) != 0)
		return false;
	contents[body] = '\0';

	if (strncmp(at, HEADER, strlen(HEADER)) != 0)
		return false;
	at += strlen(HEADER);
	if (!take_text(&at, "database_id=", witness->database_id, sizeof(witness->database_id)) ||
	    !take_number(&at, "epoch=", &witness->epoch) ||
	    !take_number(&at, "write_counter=", &witness->write_counter) ||
	    !take_number(&at, "outbox_id_max=", &witness->outbox_id_max) ||
	    !take_new_keys(&at, &witness->new_keys) ||
	    !take_number(&at, "inode=", &witness->inode) ||
	    !take_text(&at, "machine_id=", witness->machine_id, sizeof(witness->machine_id)) ||
	    strncmp(at, "path=", 5) != 0 || strlen(at + 5) >= sizeof(witness->path))
		return false;
	strcpy(witness->path, at + 5);
	return true;
}

/* The whole of a small file, NUL-terminated; its length, or -1 with errno. */
static ssize_t
read_file(int directory, const char *name, char *contents, size_t size)
{
	size_t length = 0;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	for (;;) {
		ssize_t got = read(fd, contents + length, size - 1 - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = errno;

			close(fd);
			errno = error;
			return -1;
		}
		if (got == 0)
			break;
		length += (size_t)got;
	}
	close(fd);
	contents[length] = '\0';
	return (ssize_t)length;
}

/* The later of the two; a note that is torn, absent or of another database says nothing. */
static void
take_note(const char *state_dir, struct witness *witness)
{
	char contents[FILE_SIZE_MAX];
	char path[PATH_MAX];
	struct witness note;
	ssize_t length;

	memset(&note, 0, sizeof(note));
	if ((size_t)snprintf(path, sizeof(path), "%s/" FILE_NAME_RECENT, state_dir) >= sizeof(path))
		return;
	length = read_file(AT_FDCWD, path, contents, sizeof(contents));
	if (length < 0 || !parse(contents, (size_t)length, &note) ||
	    strcmp(note.database_id, witness->database_id) != 0)
		return;
	if (note.epoch > witness->epoch ||
	    (note.epoch == witness->epoch && note.write_counter > witness->write_counter))
		*witness = note;
}

enum witness_found
witness_read(const char *state_dir, struct witness *witness)
{
	char contents[FILE_SIZE_MAX];
	char path[PATH_MAX];
	ssize_t length;

	memset(witness, 0, sizeof(*witness));
	if ((size_t)snprintf(path, sizeof(path), "%s/" FILE_NAME, state_dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return WITNESS_UNREADABLE;
	}
	length = read_file(AT_FDCWD, path, contents, sizeof(contents));
	if (length < 0)
		return errno == ENOENT ? WITNESS_ABSENT : WITNESS_UNREADABLE;
	if (!parse(contents, (size_t)length, witness)) {
		memset(witness, 0, sizeof(*witness));
		errno = EBADMSG;
		return WITNESS_UNREADABLE;
	}
	take_note(state_dir, witness);
	return WITNESS_FOUND;
}

/* --- Writing --- */

/* The length, or 0 when it does not fit. */
static size_t
format(const struct witness *witness, char *contents, size_t size)
{
	int length = snprintf(contents, size,
	    HEADER "database_id=%s\nepoch=%" PRId64 "\nwrite_counter=%" PRId64
		   "\noutbox_id_max=%" PRId64 "\nnew_keys=%" PRId64 "\ninode=%" PRId64
		   "\nmachine_id=%s\npath=%s",
	    witness->database_id, witness->epoch, witness->write_counter, witness->outbox_id_max,
	    witness->new_keys, witness->inode, witness->machine_id, witness->path);
	size_t body = (size_t)length;

	if (length < 0 || body + TRAILER_SIZE >= size)
		return 0;
	return body +
	       (size_t)snprintf(contents + body, size - body, TRAILER, checksum(contents, body));
}

static int
write_file(int directory, const char *contents, size_t length)
{
	size_t done = 0;
	int result = -1;
	int error;
	int fd = openat(
	    directory, FILE_NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -1;
	while (done < length) {
		ssize_t wrote = write(fd, contents + done, length - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			goto out;
		done += (size_t)wrote;
	}
	result = fdatasync(fd);
out:
	error = errno;
	if (close(fd) != 0 && result == 0)
		result = -1;
	else
		errno = error;
	return result;
}

int
witness_write(const char *state_dir, const struct witness *witness, int durable)
{
	char contents[FILE_SIZE_MAX];
	size_t length = format(witness, contents, sizeof(contents));
	int result = -1;
	int error;
	int directory;

	if (length == 0) {
		errno = EINVAL;
		return -1;
	}
	directory = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -1;
	if (write_file(directory, contents, length) == 0 &&
	    renameat(directory, FILE_NAME_NEW, directory, FILE_NAME) == 0)
		result = durable ? fsync(directory) : 0;
	error = errno;
	close(directory);
	errno = error;
	return result;
}

int
witness_note(const char *state_dir, const struct witness *witness, int *fd)
{
	char contents[FILE_SIZE_MAX];
	char path[PATH_MAX];
	size_t length = format(witness, contents, sizeof(contents));

	if (length == 0 || (size_t)snprintf(path, sizeof(path), "%s/" FILE_NAME_RECENT,
			       state_dir) >= sizeof(path)) {
		errno = EINVAL;
		return -1;
	}
	if (*fd == -1)
		*fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1 || pwrite(*fd, contents, length, 0) != (ssize_t)length)
		return -1;
	return ftruncate(*fd, (off_t)length);
}

/* --- Comparing --- */

static void
read_machine_id(char *machine_id, size_t size)
{
	char contents[256];

	machine_id[0] = '\0';
	if (read_file(AT_FDCWD, "/etc/machine-id", contents, sizeof(contents)) < 0)
		return;
	contents[strcspn(contents, "\n")] = '\0';
	/* Also "uninitialized", which systemd writes into images. */
	if (strlen(contents) < size && strspn(contents, "0123456789abcdef") == strlen(contents))
		strcpy(machine_id, contents);
}

int
witness_place(const char *database, struct witness *witness)
{
	char *real = realpath(database, NULL);
	struct stat status;
	int result = -1;

	if (real == NULL)
		return -1;
	if (stat(real, &status) == 0) {
		result = 0;
		if (strlen(real) >= sizeof(witness->path)) {
			errno = ENAMETOOLONG;
			result = -1;
		}
	}
	if (result == 0) {
		strcpy(witness->path, real);
		witness->inode = (int64_t)status.st_ino;
		read_machine_id(witness->machine_id, sizeof(witness->machine_id));
	}
	free(real);
	return result;
}

/* Findings stand one after another: a restored backup is both replaced and older. */
static void
finding(struct text *why, int *found)
{
	if ((*found)++ > 0)
		text_format(why, "; ");
}

static void
compare_place(
    const struct witness *witness, const struct witness *now, struct text *why, int *found)
{
	if (strcmp(witness->path, now->path) != 0) {
		finding(why, found);
		text_format(why, "the database was moved or copied: it is now %s and was %s",
		    now->path, witness->path);
	} else if (witness->inode != now->inode) {
		finding(why, found);
		text_format(why,
		    "the file %s was replaced by another one, as a restored backup does (inode "
		    "%" PRId64 ", was %" PRId64 ")",
		    now->path, now->inode, witness->inode);
	}
	if (witness->machine_id[0] != '\0' && now->machine_id[0] != '\0' &&
	    strcmp(witness->machine_id, now->machine_id) != 0) {
		finding(why, found);
		text_format(why,
		    "the database was last served on another machine (machine id %.8s, this one is "
		    "%.8s)",
		    witness->machine_id, now->machine_id);
	}
}

/*
 * The witness of an epoch is written before the epoch is committed, so one epoch behind is a daemon
 * that died in between; its write counter is one that was committed before it was written, so any
 * smaller one is an older database.
 */
static void
compare_age(const struct witness *witness, const struct witness *now, struct text *why, int *found)
{
	if (now->epoch >= witness->epoch - 1 && now->write_counter >= witness->write_counter)
		return;
	finding(why, found);
	text_format(why,
	    "the database is older than what was served last: it stands at start %" PRId64
	    ", write %" PRId64 ", but start %" PRId64 ", write %" PRId64
	    " was reached, and what was sent since then it no longer knows",
	    now->epoch, now->write_counter, witness->epoch, witness->write_counter);
}

static void
compare_unwitnessed(const struct witness *now, struct text *why, int *found)
{
	if (now->epoch == 0)
		return;
	finding(why, found);
	text_format(why,
	    "the database was served before (%" PRId64
	    " starts), but state_dir holds no witness of it: it may be a copy or a backup, "
	    "or state_dir was lost or changed",
	    now->epoch);
}

int
witness_compare(const struct witness *witness, const struct witness *now, struct text *why)
{
	int found = 0;

	if (witness == NULL) {
		compare_unwitnessed(now, why, &found);
	} else if (strcmp(witness->database_id, now->database_id) != 0) {
		finding(why, &found);
		text_format(why,
		    "%s holds another database (id %s) than the one that was served last (id %s)",
		    now->path, now->database_id, witness->database_id);
		compare_place(witness, now, why, &found);
	} else {
		compare_place(witness, now, why, &found);
		compare_age(witness, now, why, &found);
	}
	if (found == 0)
		return 0;
	text_format(why,
	    ". Nothing is sent until you confirm that this is the right database and the only copy "
	    "that is served: outboxd adopt --config FILE");
	return 1;
}
