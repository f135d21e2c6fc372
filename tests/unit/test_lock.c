/*
 * test_lock.c - the lock with real files and real processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/lock.h"
#include "lib/scratch.h"

static const char *
database_in(const char *directory)
{
	const char *path = scratch_path(directory, "shop.db");

	if (access(path, F_OK) != 0)
		scratch_write(path, "db", 2);
	return path;
}

static void
assert_taken(const char *database, struct lock **lock)
{
	const char *why = NULL;

	assert_int_equal(lock_take(database, lock, &why), LOCK_TAKEN);
	assert_non_null(*lock);
}

static void
assert_held(const char *database)
{
	struct lock *lock = (struct lock *)&lock;
	const char *why = NULL;

	assert_int_equal(lock_take(database, &lock, &why), LOCK_HELD_ELSEWHERE);
	assert_null(lock);
}

static void
assert_fails(const char *database, int error, const char *part_of_why)
{
	struct lock *lock = NULL;
	const char *why = NULL;

	assert_int_equal(lock_take(database, &lock, &why), LOCK_FAILED);
	assert_int_equal(errno, error);
	assert_null(lock);
	assert_non_null(why);
	assert_non_null(strstr(why, part_of_why));
}

/* A process that holds the lock until it is killed. run_inside: a program it has started meanwhile,
 * and its pid. */
static pid_t
hold(const char *database, pid_t *child)
{
	int ready[2];
	pid_t message = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion ends the test */
		struct lock *lock = NULL;
		const char *why;

		if (lock_take(database, &lock, &why) != LOCK_TAKEN)
			_exit(1);
		if (child != NULL) {
			int executed[2];
			char byte;

			if (pipe2(executed, O_CLOEXEC) != 0)
				_exit(1);
			message = fork();
			if (message == 0) {
				execlp("sleep", "sleep", "60", (char *)NULL);
				_exit(1);
			}
			/* The end of the pipe closes when exec has succeeded. */
			close(executed[1]);
			(void)!read(executed[0], &byte, 1);
		}
		if (write(ready[1], &message, sizeof(message)) != sizeof(message))
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &message, sizeof(message)), sizeof(message));
	close(ready[0]);
	close(ready[1]);
	if (child != NULL)
		*child = message;
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_take_and_release(void **state)
{
	const char *database = database_in(*state);
	struct lock *lock = NULL;

	assert_int_equal(lock_holder(database), 0);
	assert_taken(database, &lock);
	assert_int_equal(lock_holder(database), getpid());
	assert_held(database); /* also from within this process */
	lock_release(lock);
	assert_int_equal(lock_holder(database), 0);
	assert_taken(database, &lock);
	lock_release(lock);
	lock_release(NULL);
}

static void
test_other_process(void **state)
{
	const char *database = database_in(*state);
	struct lock *lock = NULL;
	pid_t other = hold(database, NULL);

	assert_held(database);
	assert_int_equal(lock_holder(database), other);
	end(other); /* kill -9 frees it */
	assert_int_equal(lock_holder(database), 0);
	assert_taken(database, &lock);
	assert_int_equal(lock_holder(database), getpid());
	lock_release(lock);
}

static void
test_pid_for_people(void **state)
{
	struct lock *lock = NULL;
	char expected[32];
	char *text;

	scratch_write(scratch_path(*state, "shop.db-outboxd.lock"), "4000000000 leftover", 19);
	assert_taken(database_in(*state), &lock);
	text = scratch_read(scratch_path(*state, "shop.db-outboxd.lock"), NULL);
	snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
	assert_string_equal(text, expected);
	free(text);
	lock_release(lock);
}

static void
test_symbolic_link(void **state)
{
	const char *database = database_in(*state);
	const char *name = scratch_path(*state, "other.db");
	struct lock *lock = NULL;

	assert_int_equal(symlink("shop.db", name), 0);
	assert_taken(name, &lock);
	assert_held(database);
	assert_int_equal(lock_holder(database), getpid());
	assert_int_equal(access(scratch_path(*state, "other.db-outboxd.lock"), F_OK), -1);
	lock_release(lock);
}

static void
test_hard_link(void **state)
{
	const char *database = database_in(*state);
	const char *name = scratch_path(*state, "other.db");

	assert_int_equal(link(database, name), 0);
	assert_fails(database, EMLINK, "hard link");
	assert_fails(name, EMLINK, "hard link");
}

static void
test_no_database(void **state)
{
	assert_fails(scratch_path(*state, "none.db"), ENOENT, "found");
	assert_fails(*state, EINVAL, "regular file");
	assert_int_equal(lock_holder(scratch_path(*state, "none.db")), -1);
	assert_int_equal(access(scratch_path(*state, "none.db-outboxd.lock"), F_OK), -1);
}

/* The daemon is dead and a program it once started is not: the lock is free. */
static void
test_children_do_not_inherit(void **state)
{
	const char *database = database_in(*state);
	struct lock *lock = NULL;
	pid_t child = 0;
	pid_t other = hold(database, &child);

	assert_held(database);
	end(other);
	assert_int_equal(kill(child, 0), 0);
	assert_taken(database, &lock);
	lock_release(lock);
	kill(child, SIGKILL);
}

static void
test_planted_lock_files(void **state)
{
	const char *database = database_in(*state);
	const char *name = scratch_path(*state, "shop.db-outboxd.lock");
	const char *victim = scratch_path(*state, "victim");
	char *text;

	scratch_write(victim, "precious", 8);
	assert_int_equal(symlink("victim", name), 0);
	assert_fails(database, ELOOP, "cannot be opened");
	unlink(name);
	assert_int_equal(link(victim, name), 0);
	assert_fails(database, EINVAL, "plain file");
	unlink(name);
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_fails(database, EINVAL, "plain file");
	assert_int_equal(lock_holder(database), 0);
	text = scratch_read(victim, NULL);
	assert_string_equal(text, "precious");
	free(text);
}

static void
test_mode_and_group(void **state)
{
	const char *database = database_in(*state);
	struct lock *lock = NULL;
	struct stat status;
	struct stat directory;
	mode_t mask = umask(077);

	if (geteuid() == 0)
		assert_int_equal(chown(*state, (uid_t)-1, 4242), 0);
	assert_taken(database, &lock);
	umask(mask);
	assert_int_equal(stat(scratch_path(*state, "shop.db-outboxd.lock"), &status), 0);
	assert_int_equal(stat(*state, &directory), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	assert_int_equal(status.st_gid, directory.st_gid);
	lock_release(lock);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_take_and_release),
	    TEST(test_other_process),
	    TEST(test_pid_for_people),
	    TEST(test_symbolic_link),
	    TEST(test_hard_link),
	    TEST(test_no_database),
	    TEST(test_children_do_not_inherit),
	    TEST(test_planted_lock_files),
	    TEST(test_mode_and_group),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
