/*
 * place.c - is the database's place fit for it? What was found on real machines to lose orders, or
 * to lock the app out.
 *
 * Only names are looked at: closing a descriptor of the database would drop SQLite's locks.
 */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/place.h"
#include "edge/place_parts.h"

/* Beyond the permission bits of everybody: who owns and shares a directory. */
enum { GROUP_WRITES = S_IWGRP, OTHERS_WRITE = S_IWOTH, OTHERS_READ = S_IROTH };

struct place {
	const char *database;
	char *file_name;      /* resolved */
	char *directory_name; /* of the resolved file */
	struct stat file;
	struct stat directory;
	uid_t user; /* the daemon's */
	gid_t group;
	bool is_self; /* that is who we run as: access(2) tells the truth */
	enum place_fitness fitness;
	struct text *findings;
};

static void __attribute__((format(printf, 3, 4)))
find(struct place *place, enum place_fitness fitness, const char *format, ...)
{
	char finding[4096 + 1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(finding, sizeof(finding), format, arguments);
	va_end(arguments);
	(void)text_format(
	    place->findings, "%s: %s\n", fitness == PLACE_UNFIT ? "refused" : "warning", finding);
	if (fitness > place->fitness)
		place->fitness = fitness;
}

/* --- who is the daemon? --- */

/* The one that the packages make; with it root can ask before the first start. */
static const char packaged_user[] = "outboxd";

static void
find_user(struct place *place, const char *state_dir)
{
	const struct passwd *entry = NULL;
	struct stat status;
	bool started = stat(state_dir, &status) == 0;

	place->user = geteuid();
	place->group = getegid();
	place->is_self = true;
	if (place->user != 0 || (started && status.st_uid == 0))
		return;
	entry = started ? getpwuid(status.st_uid) : getpwnam(packaged_user);
	if (entry == NULL && !started)
		return;
	place->user = entry != NULL ? entry->pw_uid : status.st_uid;
	place->group = entry != NULL ? entry->pw_gid : status.st_gid;
	place->is_self = false;
}

/* Whether the daemon's user is in a group, as far as the system's files of users tell. */
static bool
is_member(const struct place *place, gid_t group)
{
	const struct passwd *entry = getpwuid(place->user);
	gid_t groups[256];
	int count = 256;

	if (group == place->group)
		return true;
	if (entry == NULL || getgrouplist(entry->pw_name, place->group, groups, &count) == -1)
		return false;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Whether the daemon's user, who is not us, has these of the bits 4, 2 and 1. */
static bool
may(const struct place *place, const struct stat *status, unsigned bits)
{
	unsigned mode = status->st_mode & 07;

	if (status->st_uid == place->user)
		mode = status->st_mode >> 6 & 07;
	else if (is_member(place, status->st_gid))
		mode = status->st_mode >> 3 & 07;
	return (mode & bits) == bits;
}

static const char *
user_name(uid_t user, char name[40])
{
	const struct passwd *entry = getpwuid(user);

	if (entry != NULL)
		(void)snprintf(name, 40, "user %.32s", entry->pw_name);
	else
		(void)snprintf(name, 40, "user id %lu", (unsigned long)user);
	return name;
}

/* A group that is the user's own and nobody else's, as many systems make one for each user. */
static bool
is_private_group(const struct place *place, gid_t group)
{
	const struct group *entry = getgrgid(group);

	return group == place->group && (entry == NULL || entry->gr_mem[0] == NULL);
}

/* --- the database file --- */

/* False: not there, or cannot be told; whoever opens it has the better words. */
static bool
find_file(struct place *place)
{
	struct stat named;
	char *copy;

	place->file_name = realpath(place->database, NULL);
	if (place->file_name == NULL || stat(place->file_name, &place->file) == -1)
		return false;
	copy = strdup(place->file_name);
	place->directory_name = copy == NULL ? NULL : strdup(dirname(copy));
	free(copy);
	if (place->directory_name == NULL || stat(place->directory_name, &place->directory) == -1)
		return false;
	if (lstat(place->database, &named) == 0 && S_ISLNK(named.st_mode))
		find(place, PLACE_DOUBTFUL,
		    "%s is a symbolic link to %s, and whoever may change it decides which database "
		    "is served; write database = "
		    "\"%s\"",
		    place->database, place->file_name, place->file_name);
	return true;
}

static void
check_file(struct place *place)
{
	const struct stat *file = &place->file;

	if (!S_ISREG(file->st_mode)) {
		find(place, PLACE_UNFIT, "%s is not a regular file; name the database",
		    place->file_name);
		return;
	}
	if (file->st_nlink > 1)
		find(place, PLACE_UNFIT,
		    "%s has %lu hard links, and through another name SQLite would not find its "
		    "-wal file; remove the other "
		    "names",
		    place->file_name, (unsigned long)file->st_nlink);
	if ((file->st_mode & OTHERS_WRITE) != 0)
		find(place, PLACE_UNFIT,
		    "every user of this machine may write to %s (mode %04o), and so send orders; "
		    "run: chmod 0660 %s",
		    place->file_name, (unsigned)file->st_mode & 07777, place->file_name);
	else if ((file->st_mode & OTHERS_READ) != 0 && (place->directory.st_mode & S_IXOTH) != 0)
		find(place, PLACE_DOUBTFUL,
		    "every user of this machine may read %s (mode %04o) with the orders in it; "
		    "run: chmod 0660 %s",
		    place->file_name, (unsigned)file->st_mode & 07777, place->file_name);
}

/* --- its directory --- */

static void
refuse_unshared(struct place *place)
{
	char owner[40];
	char daemon[40];

	find(place, PLACE_UNFIT,
	    "%s belongs to %s and outboxd runs as %s, but the directory is not made for sharing "
	    "(mode %04o): the -wal and "
	    "-shm files of the one would be shut to the other, and after a crash the app could not "
	    "open its database. Put "
	    "both users in one group (outbox) and run: chgrp outbox %s && chmod 2770 %s && chgrp "
	    "outbox %s* && chmod 0660 "
	    "%s*",
	    place->file_name, user_name(place->file.st_uid, owner), user_name(place->user, daemon),
	    (unsigned)place->directory.st_mode & 07777, place->directory_name,
	    place->directory_name, place->file_name, place->file_name);
}

/* Where several users share a database, each new file in its directory must belong to the common
 * group. False: it is refused for that. */
static bool
check_sharing(struct place *place)
{
	const struct stat *directory = &place->directory;
	const struct stat *file = &place->file;
	bool shared =
	    (directory->st_mode & GROUP_WRITES) != 0 && !is_private_group(place, directory->st_gid);

	if ((directory->st_mode & S_ISGID) == 0) {
		/* SQLite, run by root, gives new files the database's own owner and group. */
		if (file->st_uid != place->user && place->user != 0) {
			refuse_unshared(place);
			return false;
		}
		if (shared && (file->st_mode & GROUP_WRITES) != 0)
			find(place, PLACE_DOUBTFUL,
			    "the group may write to %s, but new files in it get the group of "
			    "whoever makes them (no setgid "
			    "bit): the -wal file of one user may be shut to another; run: chgrp "
			    "outbox %s && chmod 2770 %s",
			    place->directory_name, place->directory_name, place->directory_name);
		return true;
	}
	if (!shared)
		return true;
	if (file->st_gid != directory->st_gid)
		find(place, PLACE_DOUBTFUL,
		    "%s has another group than its directory; run: chgrp --reference=%s %s",
		    place->file_name, place->directory_name, place->file_name);
	/* Where the daemon is the one who is shut out, check_access() says so. */
	if ((file->st_mode & 0660) != 0660 && file->st_uid == place->user)
		find(place, PLACE_DOUBTFUL,
		    "the group may not read and write %s (mode %04o), and its -wal file takes the "
		    "same mode; run: chmod 0660 "
		    "%s",
		    place->file_name, (unsigned)file->st_mode & 07777, place->file_name);
	return true;
}

static void
check_access(struct place *place)
{
	enum place_fitness fitness = PLACE_UNFIT;
	const char *error = "no permission";
	char name[40];

	if (!place->is_self) {
		fitness =
		    PLACE_DOUBTFUL; /* an access control list may allow what the mode does not */
		if (may(place, &place->directory, 03) && may(place, &place->file, 06))
			return;
	} else {
		if (access(place->directory_name, W_OK | X_OK) == 0 &&
		    access(place->file_name, R_OK | W_OK) == 0)
			return;
		if (errno == EROFS) {
			find(place, PLACE_UNFIT,
			    "%s is read-only for outboxd; under systemd: systemctl edit "
			    "outboxd@NAME, and write [Service] "
			    "and ReadWritePaths=%s",
			    place->directory_name, place->directory_name);
			return;
		}
		error = strerror(errno);
	}
	find(place, fitness,
	    "outboxd runs as %s, which may not write to %s and its directory (%s): SQLite must "
	    "create its -wal file there. "
	    "Put the user in the directory's group and run: chmod 2770 %s && chmod 0660 %s",
	    user_name(place->user, name), place->file_name, error, place->directory_name,
	    place->file_name);
}

static void
check_directory(struct place *place)
{
	if ((place->directory.st_mode & OTHERS_WRITE) != 0)
		find(place, PLACE_UNFIT,
		    "every user of this machine may create files in %s (mode %04o), also a -wal "
		    "file that SQLite would take "
		    "for the database's own; run: chmod 2770 %s, or move the database to a "
		    "directory of its own",
		    place->directory_name, (unsigned)place->directory.st_mode & 07777,
		    place->directory_name);
	if (check_sharing(place))
		check_access(place);
}

static void
check_medium(struct place *place)
{
	char type[PLACE_TYPE_MAX];

	switch (place_look(place->directory_name, type)) {
	case MEDIUM_LOCAL:
		return;
	case MEDIUM_NETWORK:
		find(place, PLACE_UNFIT,
		    "%s lies on a file system (%s) that other machines or a host may write to, "
		    "where SQLite's locks and shared "
		    "memory do not hold and orders get lost, and no setting allows that; move the "
		    "database to a disk of this machine",
		    place->directory_name, type);
		return;
	case MEDIUM_MEMORY:
		find(place, PLACE_DOUBTFUL,
		    "%s lies in memory (%s): the database, with every order in it, is gone when "
		    "this machine stops; move it "
		    "to a disk",
		    place->directory_name, type);
		return;
	case MEDIUM_CONTAINER:
		find(place, PLACE_DOUBTFUL,
		    "%s lies in the layer of a container (%s), and is gone when the container is; "
		    "mount a volume there",
		    place->directory_name, type);
		return;
	}
}

/* --- state_dir --- */

static void
check_state_dir(struct place *place, const char *state_dir)
{
	char type[PLACE_TYPE_MAX];
	char *resolved = realpath(state_dir, NULL);
	struct stat status;

	if (resolved == NULL || stat(resolved, &status) == -1) {
		free(resolved);
		return;
	}
	if (!S_ISDIR(status.st_mode))
		find(place, PLACE_UNFIT, "state_dir %s is not a directory; name one", state_dir);
	else if (status.st_uid != place->user && status.st_uid != 0)
		find(place, PLACE_UNFIT,
		    "state_dir %s belongs to another user, who could make outboxd forget what it "
		    "has sent; run: chown %lu %s",
		    state_dir, (unsigned long)place->user, state_dir);
	else if ((status.st_mode & OTHERS_WRITE) != 0 ||
		 ((status.st_mode & GROUP_WRITES) != 0 && !is_private_group(place, status.st_gid)))
		find(place, (status.st_mode & OTHERS_WRITE) != 0 ? PLACE_UNFIT : PLACE_DOUBTFUL,
		    "others may write to state_dir %s (mode %04o) and make outboxd forget what it "
		    "has sent; run: chmod 0700 %s",
		    state_dir, (unsigned)status.st_mode & 07777, state_dir);
	else if (place->is_self && access(resolved, W_OK | X_OK) == -1)
		find(place, PLACE_UNFIT, "outboxd may not write to state_dir %s: %s", state_dir,
		    strerror(errno));
	if (place_look(resolved, type) == MEDIUM_MEMORY)
		find(place, PLACE_DOUBTFUL,
		    "state_dir %s lies in memory (%s): after each start of this machine outboxd "
		    "would wait to be told that the "
		    "database is the right one; name a directory on a disk",
		    state_dir, type);
	free(resolved);
}

enum place_fitness
place_check(const char *database, const char *state_dir, struct text *findings)
{
	struct place place = {.database = database, .findings = findings};

	find_user(&place, state_dir);
	if (find_file(&place)) {
		check_file(&place);
		check_directory(&place);
		check_medium(&place);
	}
	check_state_dir(&place, state_dir);
	free(place.file_name);
	free(place.directory_name);
	return place.fitness;
}
