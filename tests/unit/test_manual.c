/*
 * test_manual.c - the manual pages name what there is, and nothing else.
 *
 * The settings come from the readers themselves: a name that they do not know makes them list those
 * that they know. The commands and options come from "outboxd --help", the tables and columns from
 * a database made by init.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/txn.h"
#include "edge/config.h"
#include "edge/profile.h"
#include "edge/store.h"
#include "lib/scratch.h"

#define MAN "packaging/man/"

/* No setting is called so, nor nearly so. */
#define NOBODY "zzqqxxzz"

enum { WORDS_MAX = 200, WORD_MAX = 64, TEXT_MAX = 256 * 1024 };

/* --- sets of words --- */

struct words {
	char word[WORDS_MAX][WORD_MAX];
	size_t count;
};

static bool
has(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (strcmp(words->word[i], word) == 0)
			return true;
	return false;
}

static void
add(struct words *words, const char *word, size_t length)
{
	char copy[WORD_MAX];

	assert_true(length < WORD_MAX && words->count < WORDS_MAX);
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)length, word);
	if (!has(words, copy))
		memcpy(words->word[words->count++], copy, sizeof(copy));
}

/* Both name the same; says every difference. */
static void
assert_same(const char *what, const struct words *page, const struct words *binary)
{
	int differences = 0;

	for (size_t i = 0; i < binary->count; i++)
		if (!has(page, binary->word[i])) {
			print_error("%s: %s is missing in the manual\n", what, binary->word[i]);
			differences++;
		}
	for (size_t i = 0; i < page->count; i++)
		if (!has(binary, page->word[i])) {
			print_error("%s: %s stands in the manual only\n", what, page->word[i]);
			differences++;
		}
	assert_true(binary->count > 0);
	assert_int_equal(differences, 0);
}

/* --- pages --- */

/* The text between a heading line (".Sh OPERATIONS") and the next one of its rank or above; to be
 * freed. */
static char *
section(const char *page, const char *heading)
{
	char *text = scratch_read(page, NULL);
	char wanted[100];
	char *start;
	char *end;
	char *copy;

	(void)snprintf(wanted, sizeof(wanted), "\n%s\n", heading);
	start = strstr(text, wanted);
	if (start == NULL)
		fail_msg("%s has no %s", page, heading);
	start += strlen(wanted) - 1;
	end = strstr(start, "\n.Sh ");
	if (strncmp(heading, ".Ss", 3) == 0) {
		char *next = strstr(start, "\n.Ss ");

		end = next != NULL && (end == NULL || next < end) ? next : end;
	}
	copy = strndup(start, end == NULL ? strlen(start) : (size_t)(end - start) + 1);
	free(text);
	return copy;
}

/* The words that the items of a section tag with a macro: ".It Ic url_json , Ic url_header", ".It
 * Va id , n". */
static void
items(const char *text, const char *macro, struct words *words)
{
	char beginning[16];

	(void)snprintf(beginning, sizeof(beginning), "\n.It %s ", macro);
	for (const char *at = text; (at = strstr(at, beginning)) != NULL;) {
		const char *end;

		at += strlen(beginning);
		end = at + strcspn(at, "\n");
		while (at < end) {
			size_t length = strcspn(at, " \n");

			if (!(length == 1 && at[0] == ',') && strncmp(at, macro, length) != 0)
				add(words, at, length);
			at += length;
			at += strspn(at, " ");
		}
		at = end;
	}
}

static void
page_settings(const char *page, const char *heading, struct words *words)
{
	char *text = section(page, heading);

	*words = (struct words){.count = 0};
	items(text, "Ic", words);
	free(text);
}

/* --- what the readers know --- */

/* Each "unknown setting; write one of a, b" in the problems. */
static void
known(const char *problems, struct words *words)
{
	static const char beginning[] = "unknown setting; write one of ";

	for (const char *at = problems; (at = strstr(at, beginning)) != NULL;) {
		at += strlen(beginning);
		while (*at != '\n' && *at != '\0') {
			size_t length = strcspn(at, ",\n");

			add(words, at, length);
			at += length;
			at += strspn(at, ", ");
		}
	}
}

static char *
config_problems(const char *directory, const char *text)
{
	const char *file = scratch_path(directory, "outboxd.conf");
	struct text problems;
	struct config *config;
	char *copy;

	scratch_write(file, text, strlen(text));
	text_init(&problems, TEXT_MAX);
	config = config_load(file, &problems);
	copy = strdup(text_string(&problems));
	text_free(&problems);
	config_free(config);
	return copy;
}

static void
config_knows(const char *directory, const char *text, struct words *words)
{
	char *problems = config_problems(directory, text);

	*words = (struct words){.count = 0};
	known(problems, words);
	free(problems);
}

static void
profile_knows(const char *directory, const char *text, struct words *words)
{
	const char *file = scratch_path(directory, "gateway.conf");
	struct text problems;
	struct profile *profile;

	scratch_write(file, text, strlen(text));
	text_init(&problems, TEXT_MAX);
	profile = profile_load(file, &problems);
	known(text_string(&problems), words);
	text_free(&problems);
	profile_free(profile);
}

static void
test_config_settings(void **state)
{
	struct words page;
	struct words binary;

	page_settings(MAN "outboxd.conf.5", ".Sh THE FILE AS A WHOLE", &page);
	config_knows(*state, NOBODY " = 1;", &binary);
	assert_same("outboxd.conf", &page, &binary);
	page_settings(MAN "outboxd.conf.5", ".Sh DESTINATIONS", &page);
	config_knows(*state, "destinations = { d = { " NOBODY " = 1; }; };", &binary);
	assert_same("a destination", &page, &binary);
}

static void
test_profile_settings(void **state)
{
	static const struct {
		const char *heading;
		const char *texts[2];
	} cases[] = {
	    {".Sh THE FILE AS A WHOLE", {NOBODY " = 1;", ""}},
	    {".Sh THE KEY", {"key = { " NOBODY " = 1; };", ""}},
	    {".Sh THE LOGIN", {"login = { " NOBODY " = 1; };",
				  "login = { members = ( { " NOBODY " = 1; } ); };"}},
	    {".Sh OPERATIONS", {"operations = { o = { " NOBODY " = 1; }; };", ""}},
	    {".Sh ANSWERS", {"answers = ( { " NOBODY " = 1; } );",
				"answers = ( { when = { " NOBODY " = 1; }; } );"}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct words page;
		struct words binary = {.count = 0};

		page_settings(MAN "outboxd-profile.5", cases[i].heading, &page);
		profile_knows(*state, cases[i].texts[0], &binary);
		if (cases[i].texts[1][0] != '\0')
			profile_knows(*state, cases[i].texts[1], &binary);
		assert_same(cases[i].heading, &page, &binary);
	}
}

/* --- ranges and defaults --- */

/* What a page says of one setting: from its item to the next one. */
static char *
entry(const char *text, const char *name)
{
	char beginning[80];
	const char *start;
	const char *end;

	(void)snprintf(beginning, sizeof(beginning), "\n.It Ic %s\n", name);
	start = strstr(text, beginning);
	if (start == NULL)
		return NULL;
	end = strstr(start + 1, "\n.It Ic ");
	return strndup(start, end == NULL ? strlen(start) : (size_t)(end - start) + 1);
}

/* "\"100ms\" to \"2m\"" or "1 to 256": does the entry say both ends? */
static bool
says_range(const char *said, const char *range)
{
	char low[40];
	char high[40];
	char wanted[120];

	if (sscanf(range, "\"%39[^\"]\" to \"%39[^\"]\"", low, high) == 2)
		(void)snprintf(wanted, sizeof(wanted), "\n.Qq %s\nto\n.Qq %s", low, high);
	else if (sscanf(range, "%39[0-9] to %39[0-9]", low, high) == 2)
		(void)snprintf(wanted, sizeof(wanted), "%s to %s", low, high);
	else
		return false;
	if (strstr(said, wanted) != NULL)
		return true;
	/* ".Qq 0s ,\nno ramp, to\n.Qq 1h ." */
	(void)snprintf(wanted, sizeof(wanted), ".Qq %s ", low);
	if (strstr(said, wanted) == NULL)
		return false;
	(void)snprintf(wanted, sizeof(wanted), "to\n.Qq %s", high);
	return strstr(said, wanted) != NULL;
}

/* Every out-of-range message of the readers, against the page. before and after: the text around
 * the setting. */
static int
compare_ranges(const char *directory, const char *heading, const char *before, const char *after)
{
	static const char *const values[] = {
	    "\"999999999d\"", "\"999999999GiB\"", "999999999", "\"999999999/s\""};
	char *page = section(MAN "outboxd.conf.5", heading);
	struct words names = {.count = 0};
	int compared = 0;

	items(page, "Ic", &names);
	for (size_t i = 0; i < names.count; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			char text[400];
			char *problems;
			char *said = entry(page, names.word[i]);
			const char *range;

			(void)snprintf(text, sizeof(text), "%s%s = %s;%s", before, names.word[i],
			    values[v], after);
			problems = config_problems(directory, text);
			range = strstr(problems, "is out of range; write ");
			if (said != NULL && range != NULL) {
				range += strlen("is out of range; write ");
				/* What the page says of it depends on another setting. */
				if (strcmp(names.word[i], "key_retention") != 0 &&
				    !says_range(said, range))
					fail_msg("%s: the manual does not say %.60s", names.word[i],
					    range);
				compared++;
			}
			free(problems);
			free(said);
		}
	}
	free(page);
	return compared;
}

static void
test_ranges(void **state)
{
	assert_true(compare_ranges(*state, ".Sh THE FILE AS A WHOLE", "", "") >= 5);
	assert_true(
	    compare_ranges(*state, ".Sh DESTINATIONS", "destinations = { d = { ", " }; };") >= 14);
}

static void
assert_default(const char *heading, const char *name, const char *value)
{
	char *page = section(MAN "outboxd.conf.5", heading);
	char *said = entry(page, name);
	char *last = said == NULL ? NULL : strstr(said, "Default:");
	char wanted[60];

	if (last == NULL)
		fail_msg("the manual says no default of %s", name);
	(void)snprintf(wanted, sizeof(wanted), "\n.Qq %s ", value);
	if (strstr(last, wanted) == NULL) {
		(void)snprintf(wanted, sizeof(wanted), "Default: %s.", value);
		if (strstr(last, wanted) == NULL)
			fail_msg("%s: the default is %s, the manual says:%s", name, value, last);
	}
	free(said);
	free(page);
}

static void
assert_default_ms(const char *heading, const char *name, int64_t ms)
{
	char value[40];

	if (ms > 100 * 1000 || ms % 1000 != 0)
		(void)snprintf(value, sizeof(value),
		    ms % 3600000 == 0 ? "%" PRId64 "h" : "%" PRId64 "m",
		    ms % 3600000 == 0 ? ms / 3600000 : ms / 60000);
	else
		(void)snprintf(value, sizeof(value), "%" PRId64 "s", ms / 1000);
	if (ms < 1000)
		(void)snprintf(value, sizeof(value), "%" PRId64 "ms", ms);
	assert_default(heading, name, value);
}

static void
test_defaults(void **state)
{
	static const char text[] =
	    "database = \"shop.db\"; state_dir = \"state\"; profiles = \"profiles\";\n"
	    "destinations = { d = { profile = \"vrio\"; headers = { X-Api-Key = \"x\"; }; }; };";
	static const char whole[] = ".Sh THE FILE AS A WHOLE";
	static const char each[] = ".Sh DESTINATIONS";
	const char *file = scratch_path(*state, "outboxd.conf");
	char *profile = scratch_read("etc/profiles/vrio.conf", NULL);
	struct text problems;
	struct config *config;
	const struct destination *d;
	char value[40];

	assert_int_equal(mkdir(scratch_path(*state, "profiles"), 0700), 0);
	scratch_write(scratch_path(*state, "profiles/vrio.conf"), profile, strlen(profile));
	free(profile);
	scratch_write(file, text, strlen(text));
	assert_int_equal(chmod(file, 0600), 0);
	text_init(&problems, TEXT_MAX);
	config = config_load(file, &problems);
	if (config == NULL)
		fail_msg("%s", text_string(&problems));
	text_free(&problems);

	assert_default_ms(whole, "commit_window", config->commit_window_ms);
	assert_default_ms(whole, "drain", config->drain_ms);
	(void)snprintf(value, sizeof(value), "%" PRId64 "MiB", config->response_max / 1048576);
	assert_default(whole, "response_max", value);
	(void)snprintf(value, sizeof(value), "%" PRId64 "MiB", config->body_max / 1048576);
	assert_default(whole, "body_max", value);
	assert_int_equal(config->retention_ms, 0);
	assert_int_equal(config->log_format, LOG_KEY_VALUE);
	assert_default(whole, "log_format", "text");
	d = &config->destinations[0];
	(void)snprintf(value, sizeof(value), "%d", d->concurrency);
	assert_default(each, "concurrency", value);
	(void)snprintf(value, sizeof(value), "%d", d->poll_concurrency);
	assert_default(each, "poll_concurrency", value);
	assert_default_ms(each, "ramp", d->ramp_ms);
	assert_default_ms(each, "connect_timeout", d->connect_timeout_ms);
	assert_default_ms(each, "request_timeout", d->request_timeout_ms);
	assert_default_ms(each, "poll_timeout", d->poll_timeout_ms);
	assert_default_ms(each, "poll_interval", d->poll_interval_ms);
	assert_default_ms(each, "poll_interval_max", d->poll_interval_max_ms);
	assert_default_ms(each, "poll_deadline", d->poll_deadline_ms);
	assert_default_ms(each, "give_up_after", d->give_up_after_ms);
	assert_default_ms(each, "retry_base", d->retry_base_ms);
	assert_default_ms(each, "retry_cap", d->retry_cap_ms);
	assert_default_ms(each, "probe_interval", d->probe_interval_ms);
	assert_default_ms(each, "probe_interval_max", d->probe_interval_max_ms);
	assert_int_equal(d->card_data, CARD_NEVER);
	assert_default(each, "card_data", "never");
	config_free(config);
}

/* --- commands --- */

static char *
help(void)
{
	const char *build = getenv("OUTBOXD_BUILD");
	char command[300];
	char *text = calloc(1, TEXT_MAX);
	FILE *from;
	size_t length;

	assert_non_null(text);
	(void)snprintf(
	    command, sizeof(command), "%s/outboxd --help", build == NULL ? "build" : build);
	from = popen(command, "r");
	assert_non_null(from);
	length = fread(text, 1, TEXT_MAX - 1, from);
	assert_int_equal(pclose(from), 0);
	assert_true(length > 0);
	return text;
}

/* Each "--option" in [text, end), behind its hyphens; the manual writes "-option" behind a macro.
 */
static void
options(const char *text, const char *end, const char *hyphens, struct words *words)
{
	for (const char *at = text; at < end; at++) {
		size_t length = strspn(at + strlen(hyphens), "abcdefghijklmnopqrstuvwxyz-");

		if ((at > text && at[-1] != ' ' && at[-1] != '[' && at[-1] != '|') ||
		    strncmp(at, hyphens, strlen(hyphens)) != 0 ||
		    !islower((unsigned char)at[strlen(hyphens)]))
			continue;
		add(words, at + strlen(hyphens), length);
		at += strlen(hyphens) + length - 1;
	}
}

static void
test_commands(void **state)
{
	char *usage = help();
	char *page = section(MAN "outboxd.8", ".Sh COMMANDS");
	struct words binary = {.count = 0};
	struct words paged = {.count = 0};

	(void)state;
	for (const char *at = usage; (at = strstr(at, "\n  outboxd ")) != NULL;) {
		at += strlen("\n  outboxd ");
		if (at[0] != '-')
			add(&binary, at, strcspn(at, " \n"));
	}
	for (const char *at = page; (at = strstr(at, "\n.It Cm ")) != NULL;) {
		at += strlen("\n.It Cm ");
		add(&paged, at, strcspn(at, " \n"));
	}
	assert_same("commands", &paged, &binary);
	for (size_t i = 0; i < binary.count; i++) {
		struct words of_binary = {.count = 0};
		struct words of_page = {.count = 0};
		char line[WORD_MAX + 20];
		const char *at;

		(void)snprintf(line, sizeof(line), "\n  outboxd %s ", binary.word[i]);
		at = strstr(usage, line) + strlen(line);
		options(at, at + strcspn(at, "\n"), "--", &of_binary);
		(void)snprintf(line, sizeof(line), "\n.It Cm %s ", binary.word[i]);
		at = strstr(page, line) + strlen(line);
		options(at, at + strcspn(at, "\n"), "-", &of_page);
		assert_same(binary.word[i], &of_page, &of_binary);
	}
	free(usage);
	free(page);
}

/* --- tables --- */

static sqlite3 *
new_database(const char *directory)
{
	const char *file = scratch_path(directory, "shop.db");
	struct text report;
	sqlite3 *db = NULL;

	text_init(&report, 4096);
	assert_int_equal(store_init(file, &report), STORE_OK);
	text_free(&report);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	return db;
}

static void
rows(sqlite3 *db, const char *sql, const char *argument, struct words *words)
{
	sqlite3_stmt *statement = NULL;

	*words = (struct words){.count = 0};
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	if (argument != NULL)
		assert_int_equal(
		    sqlite3_bind_text(statement, 1, argument, -1, SQLITE_STATIC), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		add(words, text, strlen(text));
	}
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static void
test_tables(void **state)
{
	sqlite3 *db = new_database(*state);
	char *page = scratch_read(MAN "outboxd-schema.7", NULL);
	struct words names;
	struct words paged = {.count = 0};

	rows(db,
	    "SELECT name FROM sqlite_schema WHERE type IN ('table','view') AND name LIKE 'outbox%'",
	    NULL, &names);
	for (const char *at = page; (at = strstr(at, "\n.Ss outbox")) != NULL;) {
		at += strlen("\n.Ss ");
		add(&paged, at, strcspn(at, "\n"));
	}
	assert_same("tables", &paged, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct words columns;
		struct words of_page = {.count = 0};
		char heading[WORD_MAX + 8];
		char *text;

		(void)snprintf(heading, sizeof(heading), ".Ss %s", names.word[i]);
		text = section(MAN "outboxd-schema.7", heading);
		items(text, "Va", &of_page);
		rows(db, "SELECT name FROM pragma_table_info(?1)", names.word[i], &columns);
		assert_same(names.word[i], &of_page, &columns);
		free(text);
	}
	free(page);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_words_on_disk(void **state)
{
	char *page = section(MAN "outboxd-schema.7", ".Sh STATES");
	char *meta = section(MAN "outboxd-schema.7", ".Ss outbox_meta");
	char *causes = section(MAN "outboxd-schema.7", ".Ss outbox_delivery");
	struct words paged = {.count = 0};
	struct words binary = {.count = 0};
	struct words names;
	sqlite3 *db = new_database(*state);
	char line[WORD_MAX + 8];

	for (int i = 0; i < STATE_COUNT; i++)
		add(&binary, state_name((enum state)i), strlen(state_name((enum state)i)));
	items(page, "Sy", &paged);
	assert_same("states", &paged, &binary);
	free(page);

	page = section(MAN "outboxd-schema.7", ".Sh RESULTS");
	binary.count = 0;
	paged.count = 0;
	for (int i = RESULT_SUCCEEDED; i < RESULT_COUNT; i++)
		add(&binary, result_name((enum result)i), strlen(result_name((enum result)i)));
	items(page, "Sy", &paged);
	assert_same("results", &paged, &binary);
	free(page);

	for (int i = HOLD_NONE + 1; i < HOLD_COUNT; i++) {
		(void)snprintf(line, sizeof(line), "\n.Sy %s", hold_cause_name((enum hold_cause)i));
		if (strstr(causes, line) == NULL)
			fail_msg("the manual does not know the hold_cause %s", line + 5);
	}
	free(causes);

	rows(db, "SELECT name FROM outbox_meta", NULL, &names);
	for (size_t i = 0; i < names.count; i++) {
		(void)snprintf(line, sizeof(line), "\n.Sy %s", names.word[i]);
		if (strstr(meta, line) == NULL)
			fail_msg("the manual does not know %s in outbox_meta", names.word[i]);
	}
	free(meta);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* --- examples --- */

/* The n-th literal display (from 0) of a page, with what mdoc escapes undone; to be freed. NULL:
 * there are fewer. */
static char *
display(const char *page, int n)
{
	char *text = scratch_read(page, NULL);
	const char *at = text;
	const char *end;
	char *copy;
	char *to;

	for (int i = 0; at != NULL && i <= n; i++)
		at = strstr(at + (i > 0), "\n.Bd -literal -offset indent\n");
	if (at == NULL) {
		free(text);
		return NULL;
	}
	at += strlen("\n.Bd -literal -offset indent\n");
	end = strstr(at, "\n.Ed");
	assert_non_null(end);
	copy = strndup(at, (size_t)(end - at) + 1);
	to = copy;
	for (const char *from = copy; *from != '\0'; from++)
		if (from[0] == '\\' && from[1] == 'e')
			*to++ = *from++;
		else
			*to++ = *from;
	*to = '\0';
	free(text);
	return copy;
}

/* The profile that outboxd-profile(5) writes step by step is one. */
static void
test_worked_profile(void **state)
{
	const char *file = scratch_path(*state, "kassa.conf");
	char *text = display(MAN "outboxd-profile.5", 0);
	struct text problems;
	struct profile *profile;

	assert_non_null(text);
	scratch_write(file, text, strlen(text));
	text_init(&problems, TEXT_MAX);
	profile = profile_load(file, &problems);
	if (profile == NULL)
		fail_msg("%s", text_string(&problems));
	text_free(&problems);
	assert_int_equal(profile->operation_count, 2);
	profile_free(profile);
	free(text);
}

/* Every statement that outboxd-schema(7) shows runs, in the order of the page. */
static void
test_sql(void **state)
{
	sqlite3 *db = new_database(*state);
	int ran = 0;
	char *text;

	assert_int_equal(
	    sqlite3_exec(db, "CREATE TABLE orders (number, amount)", NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; (text = display(MAN "outboxd-schema.7", i)) != NULL; i++) {
		if (strncmp(text, "sqlite3 ", 8) != 0) {
			if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
				fail_msg("%s: %s", sqlite3_errmsg(db), text);
			ran++;
		}
		free(text);
	}
	assert_true(ran >= 8);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_config_settings),
	    TEST(test_profile_settings),
	    TEST(test_ranges),
	    TEST(test_defaults),
	    TEST(test_commands),
	    TEST(test_tables),
	    TEST(test_words_on_disk),
	    TEST(test_worked_profile),
	    TEST(test_sql),
	};

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
