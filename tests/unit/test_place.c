/*
 * test_place.c - is a place fit for a database? With real directories, and the kernel's own words
 * on file systems.
 *
 * What depends on several users needs root, as it has it in CI; elsewhere those tests say that they
 * were skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/place_parts.h"
#include "lib/scratch.h"

enum { DAEMON = 4201, APP = 4202, SHARED = 4300 };

static char findings[16 * 1024];

static enum place_fitness
look(const char *database, const char *state_dir)
{
	struct text text;
	enum place_fitness fitness;

	text_init(&text, sizeof(findings) - 1);
	fitness = place_check(database, state_dir, &text);
	(void)snprintf(findings, sizeof(findings), "%s", text_string(&text));
	text_free(&text);
	return fitness;
}

static int
count_lines(const char *text)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

/* The place is as expected, with one finding (none when fit) that holds the words. */
static void
assert_place(const char *directory, enum place_fitness expected, const char *words)
{
	enum place_fitness fitness;

	/* Owned by us: that is who the daemon is. */
	(void)mkdir(scratch_path(directory, "state"), 0700);
	fitness = look(scratch_path(directory, "shop.db"), scratch_path(directory, "state"));

	if (fitness != expected || count_lines(findings) != (expected == PLACE_FIT ? 0 : 1) ||
	    strstr(findings, words) == NULL)
		print_error("wanted %d \"%s\", found %d: %s\n", (int)expected, words, (int)fitness,
		    findings);
	assert_int_equal(fitness, expected);
	assert_int_equal(count_lines(findings), expected == PLACE_FIT ? 0 : 1);
	assert_non_null(strstr(findings, words));
	if (expected != PLACE_FIT)
		assert_int_equal(
		    strncmp(findings, expected == PLACE_UNFIT ? "refused: " : "warning: ", 9), 0);
}

/* As another user in one group more, in a process of its own. The exit status of what the check
 * says there. */
static void
assert_place_as(
    uid_t user, gid_t group, const char *directory, enum place_fitness expected, const char *words)
{
	gid_t shared = SHARED;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		enum place_fitness fitness;

		if (setgroups(1, &shared) != 0 || setresgid(group, group, group) != 0 ||
		    setresuid(user, user, user) != 0)
			_exit(9);
		fitness =
		    look(scratch_path(directory, "shop.db"), scratch_path(directory, "state"));
		if (fitness == expected &&
		    count_lines(findings) == (expected == PLACE_FIT ? 0 : 1) &&
		    strstr(findings, words) != NULL)
			_exit(0);
		print_error("wanted %d \"%s\", found %d: %s\n", (int)expected, words, (int)fitness,
		    findings);
		(void)fflush(NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* shop.db of owner:group, in the directory of the same, with these modes. */
static void
furnish(const char *directory, mode_t directory_mode, uid_t owner, gid_t group, mode_t file_mode)
{
	const char *database = scratch_path(directory, "shop.db");

	scratch_write(database, "", 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(directory, owner, group), 0);
		assert_int_equal(chown(database, owner, group), 0);
	}
	assert_int_equal(chmod(database, file_mode), 0);
	assert_int_equal(chmod(directory, directory_mode), 0);
}

static void
make_state_dir(const char *directory, uid_t owner, mode_t mode)
{
	const char *state = scratch_path(directory, "state");

	(void)rmdir(state);
	assert_int_equal(mkdir(state, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(state, owner, owner), 0);
	assert_int_equal(chmod(state, mode), 0);
}

/* --- one user --- */

static void
test_own_directory_is_fit(void **state)
{
	furnish(*state, 0700, geteuid(), getegid(), 0600);
	assert_place(*state, PLACE_FIT, "");
	assert_int_equal(chmod(*state, 0750), 0);
	assert_place(*state, PLACE_FIT, "");
	make_state_dir(*state, geteuid(), 0700);
	assert_place(*state, PLACE_FIT, "");
}

static void
test_no_database_is_no_finding(void **state)
{
	assert_place(*state, PLACE_FIT, "");
}

static void
test_writable_by_everybody(void **state)
{
	furnish(*state, 0700, geteuid(), getegid(), 0606);
	assert_place(*state, PLACE_UNFIT, "may write to");
	furnish(*state, 0707, geteuid(), getegid(), 0600);
	assert_place(*state, PLACE_UNFIT, "may create files");
	assert_int_equal(chmod(*state, 01777), 0); /* sticky: they may still create */
	(void)look(scratch_path(*state, "shop.db"), scratch_path(*state, "state"));
	assert_non_null(strstr(findings, "may create files"));
}

static void
test_readable_by_everybody(void **state)
{
	furnish(*state, 0755, geteuid(), getegid(), 0644);
	assert_place(*state, PLACE_DOUBTFUL, "may read");
	assert_int_equal(chmod(*state, 0750), 0); /* nobody gets there */
	assert_place(*state, PLACE_FIT, "");
}

static void
test_not_a_file(void **state)
{
	assert_int_equal(mkdir(scratch_path(*state, "shop.db"), 0700), 0);
	assert_place(*state, PLACE_UNFIT, "not a regular file");
}

static void
test_links(void **state)
{
	furnish(*state, 0700, geteuid(), getegid(), 0600);
	assert_int_equal(
	    rename(scratch_path(*state, "shop.db"), scratch_path(*state, "real.db")), 0);
	assert_int_equal(symlink("real.db", scratch_path(*state, "shop.db")), 0);
	assert_place(*state, PLACE_DOUBTFUL, "symbolic link");
	assert_int_equal(unlink(scratch_path(*state, "shop.db")), 0);
	assert_int_equal(link(scratch_path(*state, "real.db"), scratch_path(*state, "shop.db")), 0);
	assert_place(*state, PLACE_UNFIT, "2 hard links");
}

static void
test_state_dir(void **state)
{
	furnish(*state, 0700, geteuid(), getegid(), 0600);
	make_state_dir(*state, geteuid(), 0707);
	assert_place(*state, PLACE_UNFIT, "others may write to state_dir");
	assert_int_equal(rmdir(scratch_path(*state, "state")), 0);
	scratch_write(scratch_path(*state, "state"), "", 0);
	assert_place(*state, PLACE_UNFIT, "not a directory");
}

/* --- several users --- */

static void
test_two_users_without_setgid(void **state)
{
	needs_root();
	furnish(*state, 0770, APP, SHARED, 0660);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_UNFIT, "chmod 2770");
	assert_place_as(DAEMON, DAEMON, *state, PLACE_UNFIT, "chgrp outbox");
	/* The one whose file it is is told as well, more gently. */
	assert_place_as(APP, APP, *state, PLACE_DOUBTFUL, "no setgid bit");
}

static void
test_two_users_with_setgid(void **state)
{
	needs_root();
	furnish(*state, 02770, APP, SHARED, 0660);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_FIT, "");
	assert_place_as(APP, APP, *state, PLACE_FIT, "");
	furnish(*state, 02770, DAEMON, SHARED, 0640);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_DOUBTFUL, "chmod 0660");
	assert_int_equal(chmod(scratch_path(*state, "shop.db"), 0660), 0);
	assert_int_equal(chown(scratch_path(*state, "shop.db"), (uid_t)-1, DAEMON), 0);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_DOUBTFUL, "another group");
}

static void
test_no_access(void **state)
{
	needs_root();
	furnish(*state, 02755, DAEMON, SHARED, 0660);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_FIT, "");
	assert_place_as(APP, APP, *state, PLACE_UNFIT, "may not write");
	furnish(*state, 02770, APP, SHARED, 0640);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_UNFIT, "may not write");
}

/* A private group is nobody else's: no sharing, no remark. */
static void
test_private_group(void **state)
{
	needs_root();
	furnish(*state, 0775, DAEMON, DAEMON, 0660);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_FIT, "");
}

/* root asks for the daemon, which it knows by its state_dir. */
static void
test_root_asks_for_the_daemon(void **state)
{
	needs_root();
	furnish(*state, 0770, APP, SHARED, 0660);
	assert_place(*state, PLACE_DOUBTFUL, "no setgid bit"); /* root itself may do everything */
	make_state_dir(*state, DAEMON, 0700);
	assert_place(*state, PLACE_UNFIT, "user id 4201");
	assert_int_equal(chmod(*state, 02770), 0);
	assert_place(*state, PLACE_DOUBTFUL,
	    "may not write"); /* as far as root can tell: not in the group */
	assert_int_equal(chown(*state, (uid_t)-1, DAEMON), 0);
	assert_int_equal(chown(scratch_path(*state, "shop.db"), (uid_t)-1, DAEMON), 0);
	assert_place(*state, PLACE_FIT, ""); /* its own group */
	assert_int_equal(chmod(scratch_path(*state, "shop.db"), 0640), 0);
	assert_place(*state, PLACE_DOUBTFUL, "may not write");
	furnish(*state, 0700, DAEMON, SHARED, 0600);
	assert_place(*state, PLACE_FIT, "");
}

static void
test_state_dir_of_another(void **state)
{
	needs_root();
	furnish(*state, 02770, APP, SHARED, 0660);
	make_state_dir(*state, APP, 0700);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_UNFIT, "belongs to another user");
	assert_int_equal(chown(scratch_path(*state, "state"), DAEMON, SHARED), 0);
	assert_int_equal(chmod(scratch_path(*state, "state"), 0770), 0);
	assert_place_as(DAEMON, DAEMON, *state, PLACE_DOUBTFUL, "others may write to state_dir");
}

/* --- file systems --- */

/* In a mount namespace of its own; 1 where that is not possible. */
static int
mount_in(const char *directory, const char *type, unsigned long flags, const char *options)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return 1;
	return mount("outboxd-test", directory, type, flags, options) != 0;
}

static int
in_child(int (*what)(const char *), const char *directory)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(what(directory));
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

enum { SKIPPED = 77 };

static int
on_tmpfs(const char *directory)
{
	if (mount_in(directory, "tmpfs", 0, "mode=0700,size=64k") != 0)
		return SKIPPED;
	scratch_write(scratch_path(directory, "shop.db"), "", 0);
	(void)mkdir(scratch_path(directory, "state"), 0700);
	return look(scratch_path(directory, "shop.db"), scratch_path(directory, "state")) ==
			   PLACE_DOUBTFUL &&
		       strstr(findings, "lies in memory (tmpfs): the database") != NULL &&
		       strstr(findings, "state_dir") != NULL
		   ? 0
		   : 1;
}

/* As a sandbox does it: a directory that is read-only for the one process. */
static int
on_read_only(const char *directory)
{
	if (mount_in(directory, "tmpfs", 0, "mode=0777,size=64k") != 0)
		return SKIPPED;
	scratch_write(scratch_path(directory, "shop.db"), "", 0);
	if (chown(directory, DAEMON, DAEMON) != 0 || chmod(directory, 0700) != 0 ||
	    chown(scratch_path(directory, "shop.db"), DAEMON, DAEMON) != 0 ||
	    mount("none", directory, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0 ||
	    setgid(DAEMON) != 0 || setuid(DAEMON) != 0)
		return SKIPPED;
	return look(scratch_path(directory, "shop.db"), "/nonexistent") == PLACE_UNFIT &&
		       strstr(findings, "ReadWritePaths=") != NULL
		   ? 0
		   : 1;
}

static void
test_mounted(void **state)
{
	int (*const cases[])(const char *) = {on_tmpfs, on_read_only};

	needs_root();
	for (size_t i = 0; i < 2; i++) {
		int result = in_child(cases[i], *state);

		if (result == SKIPPED)
			skip();
		assert_int_equal(result, 0);
	}
}

static void
test_media(void **state)
{
	static const struct {
		unsigned long magic;
		const char *type;
		enum place_medium medium;
	} cases[] = {
	    {0xef53, "ext4", MEDIUM_LOCAL},
	    {0x58465342, "xfs", MEDIUM_LOCAL},
	    {0x9123683e, "btrfs", MEDIUM_LOCAL},
	    {0x2fc12fc1, "zfs", MEDIUM_LOCAL},
	    {0xef53, "", MEDIUM_LOCAL}, /* /proc hidden */
	    {0, "", MEDIUM_LOCAL},
	    {0x6969, "nfs4", MEDIUM_NETWORK},
	    {0x6969, "", MEDIUM_NETWORK},
	    {0, "nfs", MEDIUM_NETWORK}, /* either one is enough */
	    {0xff534d42, "cifs", MEDIUM_NETWORK},
	    {0xfe534d42, "smb3", MEDIUM_NETWORK},
	    {0x01021997, "9p", MEDIUM_NETWORK},
	    {0x65735546, "virtiofs", MEDIUM_NETWORK}, /* has the number of FUSE */
	    {0x65735546, "fuse.sshfs", MEDIUM_NETWORK},
	    {0x65735546, "fuse.glusterfs", MEDIUM_NETWORK},
	    {0x65735546, "fuse", MEDIUM_NETWORK},
	    {0x65735546, "", MEDIUM_NETWORK},
	    {0x65735546, "fuseblk", MEDIUM_LOCAL},
	    {0x65735546, "fuse.fuse-overlayfs", MEDIUM_LOCAL},
	    {0x6969, "fuseblk", MEDIUM_NETWORK}, /* they contradict each other */
	    {0x00c36400, "ceph", MEDIUM_NETWORK},
	    {0x01161970, "gfs2", MEDIUM_NETWORK},
	    {0x01021994, "tmpfs", MEDIUM_MEMORY},
	    {0x858458f6, "ramfs", MEDIUM_MEMORY},
	    {0x794c7630, "overlay", MEDIUM_CONTAINER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (place_medium(cases[i].magic, cases[i].type) != cases[i].medium)
			print_error("%lx %s\n", cases[i].magic, cases[i].type);
		assert_int_equal(place_medium(cases[i].magic, cases[i].type), cases[i].medium);
	}
}

static void
test_mountinfo(void **state)
{
	static const char mountinfo[] =
	    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	    "40 27 0:40 / /srv rw,relatime shared:7 - xfs /dev/vdb rw\n"
	    "41 40 0:41 / /srv/shop rw,relatime shared:8 master:1 - nfs4 files:/shop "
	    "rw,addr=10.0.0.1\n"
	    "42 27 0:42 / /mnt/two\\040words\\011\\134 rw - fuse.sshfs me@there: rw\n"
	    "43 27 0:43 / /over rw - ext4 /dev/vdc rw\n"
	    "44 43 0:44 / /over rw - cifs //files/over rw\n"
	    "short line\n"
	    "45 27 0:45 / /cut rw shared:1\n"
	    "46 27 0:46 / /last rw - 9p host rw"; /* and no newline */
	static const char *const cases[][2] = {
	    {"/var/lib/outbox", "ext4"},
	    {"/", "ext4"},
	    {"/srv", "xfs"},
	    {"/srv/other", "xfs"},
	    {"/srv/shop", "nfs4"},
	    {"/srv/shop/data", "nfs4"},
	    {"/srv/shopping", "xfs"},
	    {"/srvx", "ext4"},
	    {"/mnt/two words\t\\/x", "fuse.sshfs"},
	    {"/over/x", "cifs"}, /* what was mounted last is seen */
	    {"/cut/x", "ext4"},
	    {"/last", "9p"},
	};
	char type[PLACE_TYPE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		place_mount_type(mountinfo, cases[i][0], type);
		assert_string_equal(type, cases[i][1]);
	}
	place_mount_type("", "/x", type);
	assert_string_equal(type, "");
	place_mount_type(
	    "40 27 0:40 / /srv rw - xfs /dev/vdb rw\n", "/x", type); /* no line covers it */
	assert_string_equal(type, "");
}

static void
test_this_machine(void **state)
{
	char type[PLACE_TYPE_MAX];

	(void)place_look(*state, type);
	/* In a chroot no line of mountinfo may cover what lies outside its mounts. */
	if (type[0] == '\0')
		print_message("no mount covers %s: is this a chroot?\n", (const char *)*state);
	assert_int_equal(place_look("/proc", type), MEDIUM_LOCAL);
	assert_string_equal(type, "proc");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_own_directory_is_fit),
	    TEST(test_no_database_is_no_finding),
	    TEST(test_writable_by_everybody),
	    TEST(test_readable_by_everybody),
	    TEST(test_not_a_file),
	    TEST(test_links),
	    TEST(test_state_dir),
	    TEST(test_two_users_without_setgid),
	    TEST(test_two_users_with_setgid),
	    TEST(test_no_access),
	    TEST(test_private_group),
	    TEST(test_root_asks_for_the_daemon),
	    TEST(test_state_dir_of_another),
	    TEST(test_mounted),
	    TEST(test_media),
	    TEST(test_mountinfo),
	    TEST(test_this_machine),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
