/*
 * test_outboxd_words.c - every command with right and wrong words, as a person types them at three
 * in the morning: the exit status, and that what is said names the remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/scratch.h"

enum {
	FINE = 0,
	REFUSED = 1,
	CRITICAL = 2,
	USAGE = 64,
	TEMPORARY = 75,
	CORRUPT = 76,
	CONFIGURATION = 78,
	WORDS_MAX = 12
};

struct saying {
	const char *line; /* words between blanks; @ is --config FILE, % --database FILE */
	int status;
	const char *words;
};

static void
say(struct stand *stand, const struct saying *saying)
{
	const char *words[WORDS_MAX + 2] = {NULL};
	char line[300];
	size_t count = 0;
	const char *output;
	int status;

	snprintf(line, sizeof(line), "%s", saying->line);
	for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX;
	     word = strtok(NULL, " ")) {
		if (word[0] == '@' || word[0] == '%') {
			words[count++] = word[0] == '@' ? "--config" : "--database";
			words[count++] = word[0] == '@' ? stand->config : stand->database;
		} else {
			words[count++] = word;
		}
	}
	output = stand_command(stand, &status, words);
	if (status != saying->status || strstr(output, saying->words) == NULL)
		fail_msg("outboxd %s: status %d, expected %d with \"%s\":\n%s", saying->line,
		    status, saying->status, saying->words, output);
}

static void
say_all(struct stand *stand, const struct saying *sayings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		say(stand, &sayings[i]);
}

#define SAY_ALL(stand, sayings) say_all(stand, sayings, sizeof(sayings) / sizeof((sayings)[0]))

static void
wrong_words_are_told(void **state)
{
	static const struct saying sayings[] = {
	    {"frobnicate", USAGE, "there is no command frobnicate; see outboxd --help"},
	    {"--help", FINE, "outboxd purge"},
	    {"-h", FINE, "outboxd purge"},
	    {"retry --help", FINE, "usage: outboxd retry --config FILE"},
	    {"init", USAGE, "say which database: --database FILE"},
	    {"init shop.db", USAGE,
		"what is \"shop.db\"? The database is named by --database FILE"},
	    {"init --database", USAGE, "outboxd init: option '--database' requires an argument"},
	    {"init @ %", USAGE, "say which database"},
	    {"init --database /nonexistent/shop.db", CONFIGURATION,
		"there is no directory /nonexistent"},
	    {"init --database /", CONFIGURATION, "not a regular file"},
	    {"init @", FINE, "already"},
	    {"init %", FINE, "already"},
	    {"run", USAGE, "say which configuration: --config FILE"},
	    {"run @ now", USAGE, "what is \"now\"?"},
	    {"check @ now", USAGE, "what is \"now\"?"},
	    {"check --config /nonexistent.conf", CONFIGURATION, "cannot be opened: No such file"},
	    {"check @", FINE, "all is well"},
	    {"status", USAGE, "--config FILE or --database FILE"},
	    {"status % seventeen", USAGE, "seventeen is not the id of an outbox row"},
	    {"status % 17", REFUSED, "there is no outbox row 17"},
	    {"status %", CRITICAL, "NOT RUNNING"},
	    {"status --database /nonexistent.db", CONFIGURATION,
		"create it: outboxd init --database /nonexistent.db"},
	    {"wait %", USAGE, "say which rows"},
	    {"wait % 17", REFUSED, "there is no outbox row 17"},
	    {"wait % --timeout 1 17", USAGE, "1 is not a duration such as"},
	    {"report % --since 7", USAGE, "7 is not a period such as"},
	    {"explain nope --operation order --status 500", CONFIGURATION, "nope"},
	    {"explain vrio --status 500", USAGE, "say which profile, operation and status"},
	    {"explain etc/profiles/vrio.conf --operation order --status 4294967496", USAGE,
		"4294967496 is not an HTTP status"},
	    {"explain etc/profiles/vrio.conf --operation order --status 200x", USAGE,
		"200x is not an HTTP status"},
	    {"explain etc/profiles/vrio.conf --operation order --status 200 --header Location",
		USAGE, "--header is 'NAME: VALUE'"},
	    {"explain etc/profiles/vrio.conf --operation order --status 200 --body etc", USAGE,
		"cannot read etc"},
	    {"cancel @", USAGE, "say which one"},
	    {"cancel @ all", USAGE, "all is not the id of an outbox row"},
	    {"cancel @ --destination vrio --state queued", USAGE,
		"need all of --destination, --state and --count"},
	    {"cancel @ --destination vrio --state queued --count many", USAGE,
		"many is not a number of rows"},
	    {"retry @ 1 --same-key --new-key", USAGE, "the same key or a new one?"},
	    {"resolve @ 1", USAGE, "what happened: succeeded, failed or canceled"},
	    {"resolve @ succeeded 1 --text x", USAGE, "succeeded is not the id"},
	    {"release @ vrio 5", USAGE, "too many words"},
	    {"purge @", USAGE, "say how old: --older-than 90d"},
	    {"hold vrio", USAGE, "say which configuration"},
	    {"hold @ vrio", FINE, "is not running on"},
	};
	struct stand *stand = *state;

	stand_destination(stand, "vrio", "vrio", "");
	stand_configure(stand);
	/* As if it had run before: else root's "check" asks for the user of an outboxd that is
	 * installed on this machine. */
	assert_int_equal(mkdir(scratch_path(stand->dir, "state"), 0700), 0);
	SAY_ALL(stand, sayings);
	/* A mistyped name in the configuration is no new database. */
	snprintf(
	    stand->database, sizeof(stand->database), "%s", scratch_path(stand->dir, "sohp.db"));
	stand_configure(stand);
	say(stand, &(struct saying){"init @", CONFIGURATION,
		       "does not exist; when it is the right name, create it"});
	say(stand, &(struct saying){"run @", CONFIGURATION, "outboxd init --database"});
	assert_int_equal(access(stand->database, F_OK), -1);
}

static void
refusals_say_what_to_do(void **state)
{
	static const struct saying sayings[] = {
	    {"init %", TEMPORARY, "is running on"},
	    {"run @", TEMPORARY, "another outboxd (pid "},
	    {"retry @ 1", REFUSED, "it is done, succeeded"},
	    {"retry @ 5", REFUSED, "it is done, succeeded"}, /* keyed: no question about its key */
	    {"retry @ 2", REFUSED,
		"ask the gateway first, then say retry --resubmit --i-checked-with-gateway TEXT"},
	    {"retry @ 2 --resubmit", REFUSED, "--i-checked-with-gateway TEXT"},
	    {"retry @ 3", REFUSED, "it is blocked"},
	    {"hold @ 3 --why later", FINE, "is held"},
	    {"retry @ 3 --new-key", REFUSED,
		"it waits for outbox row 2, which has not succeeded: settle that one"},
	    {"status @ 3", FINE, "held by"},
	    {"release @ 3", FINE, "goes on"},
	    {"status @ 3", FINE, "it waits for: outbox row 2"},
	    {"release @ 4", REFUSED,
		"the configuration has no operation order of a destination nosuch: add it and "
		"reload"},
	    {"resolve @ 2 succeeded", REFUSED, "say why (--text, column text)"},
	    {"resolve @ 2 paid --why x", REFUSED, "succeeded, failed or canceled"},
	    {"cancel @ 99", REFUSED, "there is no outbox row 99"},
	    {"cancel @ --destination vrio --state queued --count 3", REFUSED,
		"there are 0 rows queued at vrio, not 3"},
	    {"cancel @ 4 --why mistyped", FINE, "is canceled"},
	    {"hold @ vrio --why inventory", FINE, "nothing is sent to it"},
	    {"hold @ vrio", FINE, "held already"},
	    {"status @", REFUSED, "inventory"},
	    {"release @ vrio", FINE, "goes on"},
	    {"release @ vrio", REFUSED, "is not held"},
	    {"hold @ nosuch", REFUSED, "there is no destination nosuch in the configuration"},
	    {"adopt @", REFUSED, "there is nothing to adopt"},
	    {"purge @ --older-than 90", REFUSED, "with its unit"},
	    {"clock @", FINE, "is trusted"},
	};
	struct stand *stand = *state;

	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "riverty", "riverty", "");
	assert_int_equal(gateway_script(stand->gateway, "w-2 submit 1 lose\n"), 0);
	(void)stand_order(stand, "vrio", "vrio", "w-1");
	(void)stand_order(stand, "vrio", "vrio", "w-2");
	(void)stand_insert(stand, "destination, operation, reference, after_id, body",
	    "'riverty', 'authorize', 'w-3', 2, '{}'");
	(void)stand_order(stand, "nosuch", "vrio", "w-4");
	(void)stand_order(stand, "riverty", "riverty", "w-5");
	stand_start(stand);
	assert_string_equal(stand_await(stand, 1), "succeeded");
	assert_string_equal(stand_await(stand, 2), "unknown");
	assert_string_equal(stand_await(stand, 4), "held");
	assert_string_equal(stand_await(stand, 5), "succeeded");
	SAY_ALL(stand, sayings);
	/* What an operator wants is no error. */
	assert_int_equal(stand_number(stand,
			     "SELECT coalesce(last_error, '') LIKE 'held by%%' FROM outbox_health"),
	    0);
	assert_int_equal(stand_stop(stand), 0);
}

/* A new database is readable for whoever shares its directory, and for nobody else. */
static void
a_new_database_is_nobody_elses(void **state)
{
	struct stand *stand = *state;
	const char *shared = scratch_path(stand->dir, "shared");
	char path[400];
	const char *words[] = {"init", "--database", path, NULL};
	struct stat file;
	mode_t mask = umask(0022);
	int status;

	snprintf(path, sizeof(path), "%s/own.db", (char *)stand->dir);
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, FINE);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);
	assert_int_equal(mkdir(shared, 0770), 0);
	assert_int_equal(chmod(shared, 02770), 0);
	snprintf(path, sizeof(path), "%s/own.db", shared);
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, FINE);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0660);
	/* root's init of somebody's database leaves a lock that its owner can take. */
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
		(void)stand_command(stand, &status, words);
		assert_int_equal(status, FINE);
		assert_int_equal(stat(scratch_path(shared, "own.db-outboxd.lock"), &file), 0);
		assert_int_equal(file.st_uid, 65534);
	}
	umask(mask);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(wrong_words_are_told),
	    TEST(refusals_say_what_to_do), TEST(a_new_database_is_nobody_elses)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
