/*
 * place_filesystem.c - whose file system is it: this machine's own, the network's, or one that will
 * not last?
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "edge/place_parts.h"

enum { MOUNTINFO_MAX = 4 * 1024 * 1024 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of the kernel's magic.h and the file systems' own headers; some are in no header that everybody
 * has. */
static const struct {
	unsigned long magic;
	const char *type;
} networks[] = {
    {0x6969, "nfs"},
    {0x517b, "smb"},
    {0xff534d42, "cifs"},
    {0xfe534d42, "smb2"},
    {0x01021997, "9p"},
    {0x65735546, "fuse"},
    {0x5346414f, "afs"},
    {0x6b414653, "afs"},
    {0x73757245, "coda"},
    {0x564c, "ncp"},
    {0x00c36400, "ceph"},
    {0x0bd00bd0, "lustre"},
    {0x01161970, "gfs2"},
    {0x7461636f, "ocfs2"},
    {0x20030528, "orangefs"},
    {0x19830326, "beegfs"},
    {0x47504653, "gpfs"},
    {0xaad7aaea, "panfs"},
    {0x786f4256, "vboxsf"},
    {0xbacbacbc, "vmhgfs"},
};

/* Names without a number of their own, and those whose number is FUSE's. */
static const char *const network_types[] = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p",
    "virtiofs", "fuse", "afs", "coda", "ncpfs", "ceph", "lustre", "gfs2", "ocfs2", "orangefs",
    "pvfs2", "beegfs", "gpfs", "panfs", "vboxsf", "vmhgfs", "prl_fs", "davfs", "drvfs"};

/* FUSE on a disk or directory of this machine, with the kernel's own locks and page cache. */
static const char *const local_fuses[] = {"fuseblk", "fuse.fuse-overlayfs", "fuse.ntfs-3g",
    "fuse.exfat", "fuse.ext4", "fuse.ext2", "fuse.zfs"};

static const unsigned long fuse_magic = 0x65735546;
static const unsigned long memory_magics[] = {0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */};
static const unsigned long overlay_magic = 0x794c7630;

static bool
is_among(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static const char *
network_of(unsigned long magic)
{
	for (size_t i = 0; i < COUNT(networks); i++)
		if (networks[i].magic == magic)
			return networks[i].type;
	return NULL;
}

enum place_medium
place_medium(unsigned long magic, const char *type)
{
	bool fuse = strncmp(type, "fuse", 4) == 0;

	if (is_among(type, local_fuses, COUNT(local_fuses)))
		return magic == fuse_magic ? MEDIUM_LOCAL : MEDIUM_NETWORK;
	if (fuse || is_among(type, network_types, COUNT(network_types)) ||
	    network_of(magic) != NULL)
		return MEDIUM_NETWORK;
	for (size_t i = 0; i < COUNT(memory_magics); i++)
		if (magic == memory_magics[i])
			return MEDIUM_MEMORY;
	return magic == overlay_magic ? MEDIUM_CONTAINER : MEDIUM_LOCAL;
}

/* --- mountinfo (proc_pid_mountinfo(5)) --- */

/* The next blank-separated word of a line, or NULL at its end. Blanks within a word are written
 * \040. */
static const char *
next_word(const char **at, size_t *length)
{
	const char *start = *at + strspn(*at, " ");

	*length = strcspn(start, " \n");
	*at = start + *length;
	return *length > 0 ? start : NULL;
}

/* One character of a mount point, which may be written as a backslash and three octal digits. */
static char
decode(const char **at)
{
	const char *c = *at;

	if (c[0] == '\\' && strspn(c + 1, "01234567") >= 3) {
		*at += 4;
		return (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));
	}
	*at += 1;
	return c[0];
}

/* How many characters of path the mount point covers; -1: none. */
static long
covers(const char *point, size_t length, const char *path)
{
	const char *end = point + length;
	long covered = 0;

	while (point < end) {
		if (decode(&point) != path[covered])
			return -1;
		covered++;
	}
	if (covered == 1) /* "/": everything */
		return 1;
	return path[covered] == '\0' || path[covered] == '/' ? covered : -1;
}

/* "36 35 98:0 /root /point options - type source options": the mount point is the fifth word, the
 * type follows the hyphen. */
static void
read_line(const char *line, const char *path, long *best, char type[PLACE_TYPE_MAX])
{
	size_t length = 0;
	const char *word = NULL;
	long covered;

	for (int i = 0; i < 5; i++) {
		word = next_word(&line, &length);
		if (word == NULL)
			return;
	}
	covered = covers(word, length, path);
	if (covered < *best || covered < 1)
		return;
	do {
		word = next_word(&line, &length);
	} while (word != NULL && !(length == 1 && word[0] == '-'));
	word = word == NULL ? NULL : next_word(&line, &length);
	if (word == NULL)
		return;
	*best = covered;
	(void)snprintf(type, PLACE_TYPE_MAX, "%.*s", (int)length, word);
}

void
place_mount_type(const char *mountinfo, const char *path, char type[PLACE_TYPE_MAX])
{
	long best = 0;

	type[0] = '\0';
	while (*mountinfo != '\0') {
		read_line(mountinfo, path, &best, type);
		mountinfo += strcspn(mountinfo, "\n");
		mountinfo += *mountinfo == '\n';
	}
}

/* The whole file, or NULL. /proc tells no size beforehand. */
static char *
read_mountinfo(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *text = NULL;
	size_t length = 0;
	ssize_t got;

	if (file == NULL)
		return NULL;
	/* No byte is NUL: this is the whole file. */
	got = getdelim(&text, &length, '\0', file);
	(void)fclose(file);
	if (got >= 0 && got < MOUNTINFO_MAX)
		return text;
	free(text);
	return NULL;
}

enum place_medium
place_look(const char *path, char type[PLACE_TYPE_MAX])
{
	struct statfs status = {0};
	char *mountinfo = read_mountinfo();
	unsigned long magic;

	type[0] = '\0';
	if (mountinfo != NULL)
		place_mount_type(mountinfo, path, type);
	free(mountinfo);
	/* 32 bits on every architecture, sign-extended where the type is signed. */
	magic = statfs(path, &status) == 0 ? (unsigned long)status.f_type & 0xffffffffUL : 0;
	if (type[0] == '\0')
		(void)snprintf(
		    type, PLACE_TYPE_MAX, "%s", network_of(magic) == NULL ? "" : network_of(magic));
	return place_medium(magic, type);
}
