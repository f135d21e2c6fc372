/*
 * test_witness.c - the file, and every way in which a database may not be the one that was served
 * last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/witness.h"
#include "lib/scratch.h"

static const struct witness served = {
    .database_id = "0b2f7c1e-6a1d-4c9e-9f57-3d6f0c3f2a11",
    .epoch = 5,
    .write_counter = 120,
    .outbox_id_max = 77,
    .new_keys = 3,
    .path = "/srv/shop/shop.db",
    .inode = 4711,
    .machine_id = "0123456789abcdef0123456789abcdef",
};

static void
assert_same(const struct witness *a, const struct witness *b)
{
	assert_string_equal(a->database_id, b->database_id);
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->write_counter, b->write_counter);
	assert_int_equal(a->outbox_id_max, b->outbox_id_max);
	assert_int_equal(a->new_keys, b->new_keys);
	assert_string_equal(a->path, b->path);
	assert_int_equal(a->inode, b->inode);
	assert_string_equal(a->machine_id, b->machine_id);
}

/* --- The file --- */

static void
test_round_trip(void **state)
{
	struct witness written = served;
	struct witness got;
	struct stat status;

	assert_int_equal(witness_write(*state, &written, 1), 0);
	assert_int_equal(witness_read(*state, &got), WITNESS_FOUND);
	assert_same(&got, &written);

	written.epoch = INT64_MAX;
	written.write_counter = 0;
	written.machine_id[0] = '\0';
	strcpy(written.path, "/srv/two\nlines\nchecksum=0 and %s = \"x\"");
	assert_int_equal(witness_write(*state, &written, 0), 0);
	assert_int_equal(witness_read(*state, &got), WITNESS_FOUND);
	assert_same(&got, &written);

	memset(written.path, 'p', sizeof(written.path) - 1);
	written.path[sizeof(written.path) - 1] = '\0';
	assert_int_equal(witness_write(*state, &written, 0), 0);
	assert_int_equal(witness_read(*state, &got), WITNESS_FOUND);
	assert_same(&got, &written);

	assert_int_equal(stat(scratch_path(*state, "witness"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(access(scratch_path(*state, "witness.new"), F_OK), -1);
}

static void
test_absent(void **state)
{
	struct witness got;

	assert_int_equal(witness_read(*state, &got), WITNESS_ABSENT);
	assert_int_equal(
	    witness_read(scratch_path(*state, "no-such-directory"), &got), WITNESS_ABSENT);
	assert_int_equal(witness_write(scratch_path(*state, "no-such-directory"), &served, 1), -1);
	assert_int_equal(errno, ENOENT);
}

static void
assert_damaged(const char *directory)
{
	struct witness got;

	assert_int_equal(witness_read(directory, &got), WITNESS_UNREADABLE);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(got.epoch, 0);
}

static void
test_truncated(void **state)
{
	const char *file = scratch_path(*state, "witness");
	size_t length;
	char *bytes;

	assert_int_equal(witness_write(*state, &served, 1), 0);
	bytes = scratch_read(file, &length);
	for (size_t cut = 0; cut < length; cut++) {
		scratch_write(file, bytes, cut);
		assert_damaged(*state);
	}
	free(bytes);
}

static void
test_every_changed_byte_is_noticed(void **state)
{
	const char *file = scratch_path(*state, "witness");
	size_t length;
	char *bytes;

	assert_int_equal(witness_write(*state, &served, 1), 0);
	bytes = scratch_read(file, &length);
	for (size_t i = 0; i < length; i++) {
		bytes[i] = (char)(bytes[i] ^ 1);
		scratch_write(file, bytes, length);
		assert_damaged(*state);
		bytes[i] = '\0';
		scratch_write(file, bytes, length);
		assert_damaged(*state);
		free(bytes);
		assert_int_equal(witness_write(*state, &served, 1), 0);
		bytes = scratch_read(file, &length);
	}
	free(bytes);
}

static void
test_garbage(void **state)
{
	const char *file = scratch_path(*state, "witness");
	static char large[100000];
	struct witness got;

	memset(large, 'x', sizeof(large));
	scratch_write(file, large, sizeof(large));
	assert_damaged(*state);
	scratch_write(file, "\nchecksum=cbf29ce484222325\n", 27); /* right, over nothing */
	assert_damaged(*state);
	unlink(file);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(witness_read(*state, &got), WITNESS_UNREADABLE);
	assert_int_equal(witness_write(*state, &served, 1), -1);
	rmdir(file);
	assert_int_equal(symlink("elsewhere", file), 0);
	assert_int_equal(witness_read(*state, &got), WITNESS_UNREADABLE);
	assert_int_equal(errno, ELOOP);
}

static void
test_place(void **state)
{
	const char *database = scratch_path(*state, "shop.db");
	const char *link = scratch_path(*state, "link.db");
	struct witness place = {.epoch = 3};
	struct witness through_link = {.epoch = 3};
	struct stat status;
	char *real;

	scratch_write(database, "", 0);
	assert_int_equal(symlink("shop.db", link), 0);
	assert_int_equal(witness_place(database, &place), 0);
	assert_int_equal(witness_place(link, &through_link), 0);
	assert_same(&place, &through_link);
	real = realpath(database, NULL);
	assert_string_equal(place.path, real);
	free(real);
	assert_int_equal(stat(database, &status), 0);
	assert_int_equal(place.inode, status.st_ino);
	assert_int_equal(place.epoch, 3);
	assert_int_equal(witness_place(scratch_path(*state, "none.db"), &place), -1);
	assert_int_equal(errno, ENOENT);
}

/* --- Comparing --- */

static void
accepted(const struct witness *witness, const struct witness *now)
{
	struct text why;

	text_init(&why, 8192);
	assert_int_equal(witness_compare(witness, now, &why), 0);
	assert_int_equal(why.length, 0);
	text_free(&why);
}

static void
refused(const struct witness *witness, const struct witness *now, const char *found)
{
	struct text why;

	text_init(&why, 16384);
	assert_int_equal(witness_compare(witness, now, &why), 1);
	assert_false(why.failed);
	if (strstr(text_string(&why), found) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text_string(&why), found);
	assert_non_null(strstr(text_string(&why), "outboxd adopt --config FILE"));
	text_free(&why);
}

static void
test_same(void **state)
{
	(void)state;
	accepted(&served, &served);
}

static void
test_age(void **state)
{
	struct witness now = served;

	(void)state;
	now.write_counter = 121; /* the witness is written up to 10 s late */
	accepted(&served, &now);
	now.epoch = 6;
	accepted(&served, &now);

	now = served;
	now.write_counter = 119;
	refused(&served, &now,
	    "older than what was served last: it stands at start 5, write 119, but start 5, write "
	    "120");
	now.epoch = 6; /* served elsewhere from an older copy */
	refused(&served, &now, "older");

	now = served;
	now.epoch = 4; /* died between the witness and the commit of epoch 5 */
	accepted(&served, &now);
	now.write_counter = 119;
	refused(&served, &now, "older");
	now = served;
	now.epoch = 3;
	refused(&served, &now, "start 3, write 120, but start 5");
}

static void
test_first_start_interrupted(void **state)
{
	struct witness witness = served;
	struct witness now = served;

	(void)state;
	witness.epoch = 1;
	witness.write_counter = 0;
	now.epoch = 0;
	now.write_counter = 0;
	accepted(&witness, &now);
}

static void
test_place_differs(void **state)
{
	struct witness now = served;

	(void)state;
	strcpy(now.path, "/srv/copy/shop.db");
	now.inode = 4712;
	refused(&served, &now,
	    "moved or copied: it is now /srv/copy/shop.db and was /srv/shop/shop.db");

	now = served;
	now.inode = 4712;
	refused(&served, &now, "/srv/shop/shop.db was replaced by another one");
	now.write_counter = 3; /* both are said */
	refused(&served, &now, "replaced");
	refused(&served, &now, "; the database is older");
}

static void
test_machine_differs(void **state)
{
	struct witness witness = served;
	struct witness now = served;

	(void)state;
	strcpy(now.machine_id, "fedcba9876543210fedcba9876543210");
	refused(&witness, &now, "another machine (machine id 01234567, this one is fedcba98)");
	now.machine_id[0] = '\0';
	accepted(&witness, &now);
	witness.machine_id[0] = '\0';
	accepted(&witness, &now);
	now = served;
	accepted(&witness, &now);
}

static void
test_another_database(void **state)
{
	struct witness now = served;
	struct text why;

	(void)state;
	strcpy(now.database_id, "ffffffff-6a1d-4c9e-9f57-3d6f0c3f2a11");
	now.epoch = 0;
	now.write_counter = 0;
	refused(&served, &now,
	    "/srv/shop/shop.db holds another database (id ffffffff-6a1d-4c9e-9f57-3d6f0c3f2a11)");

	/* Their ages have nothing to do with each other. */
	text_init(&why, 8192);
	assert_int_equal(witness_compare(&served, &now, &why), 1);
	assert_null(strstr(text_string(&why), "older"));
	text_free(&why);
}

static void
test_no_witness(void **state)
{
	struct witness now = served;

	(void)state;
	refused(NULL, &now, "served before (5 starts), but state_dir holds no witness");
	now.epoch = 0;
	accepted(NULL, &now);
}

/* No room for the sentence: the finding still counts. */
static void
test_refuses_without_room(void **state)
{
	struct witness now = served;
	struct text why;

	(void)state;
	now.write_counter = 1;
	text_init(&why, 4);
	assert_int_equal(witness_compare(&served, &now, &why), 1);
	assert_true(why.failed);
	/* Also when an earlier addition had already failed. */
	assert_int_equal(witness_compare(&served, &now, &why), 1);
	text_free(&why);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_round_trip),
	    TEST(test_absent),
	    TEST(test_truncated),
	    TEST(test_every_changed_byte_is_noticed),
	    TEST(test_garbage),
	    TEST(test_place),
	    cmocka_unit_test(test_same),
	    cmocka_unit_test(test_age),
	    cmocka_unit_test(test_first_start_interrupted),
	    cmocka_unit_test(test_place_differs),
	    cmocka_unit_test(test_machine_differs),
	    cmocka_unit_test(test_another_database),
	    cmocka_unit_test(test_no_witness),
	    cmocka_unit_test(test_refuses_without_room),
	};

	return cmocka_run_group_tests_name("witness", tests, NULL, NULL);
}
