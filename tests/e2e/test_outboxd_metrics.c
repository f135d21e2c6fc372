/*
 * test_outboxd_metrics.c - metrics_file: read by a parser stricter than Prometheus' own, moving,
 * replaced whole; and the dashboard, the alert rules and their page name only what is really there.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/scratch.h"

enum { FAMILIES_MAX = 64, SERIES_MAX = 4096, NAME_MAX_LENGTH = 128 };

struct family {
	char name[NAME_MAX_LENGTH];
	char type[16];
	bool helped;
	bool closed; /* its lines have ended: none may follow */
};

struct sample {
	char series[512]; /* name and labels, as written */
	double value;
};

struct metrics {
	struct family families[FAMILIES_MAX];
	size_t family_count;
	struct sample *samples;
	size_t sample_count;
};

/* --- the parser --- */

static struct family *
family_named(struct metrics *metrics, const char *name, size_t length)
{
	struct family *last;

	for (size_t i = 0; i < metrics->family_count; i++) {
		struct family *found = &metrics->families[i];

		if (strlen(found->name) == length && memcmp(found->name, name, length) == 0) {
			if (i + 1 < metrics->family_count)
				fail_msg("the lines of %s are not together", found->name);
			return found;
		}
	}
	assert_true(metrics->family_count < FAMILIES_MAX && length < NAME_MAX_LENGTH);
	last = &metrics->families[metrics->family_count++];
	memcpy(last->name, name, length);
	return last;
}

static size_t
name_length(const char *text)
{
	size_t length = 0;

	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		fail_msg("no name: %.40s", text);
	while (isalnum((unsigned char)text[length]) || text[length] == '_')
		length++;
	return length;
}

static void
parse_comment(struct metrics *metrics, const char *line)
{
	bool help = strncmp(line, "# HELP ", 7) == 0;
	struct family *family;
	size_t length;

	if (!help && strncmp(line, "# TYPE ", 7) != 0)
		fail_msg("neither HELP nor TYPE: %s", line);
	line += 7;
	length = name_length(line);
	assert_int_equal(line[length], ' ');
	family = family_named(metrics, line, length);
	line += length + 1;
	if (help) {
		assert_false(family->helped);
		family->helped = true;
		assert_true(line[0] != '\0');
		return;
	}
	assert_true(family->helped);
	assert_string_equal(family->type, "");
	snprintf(family->type, sizeof(family->type), "%s", line);
	if (strcmp(line, "counter") != 0 && strcmp(line, "gauge") != 0 &&
	    strcmp(line, "histogram") != 0)
		fail_msg("type %s", line);
}

/* Behind the labels' closing brace. */
static const char *
parse_labels(const char *at)
{
	assert_int_equal(*at, '{');
	do {
		at++;
		at += name_length(at);
		assert_int_equal(at[0], '=');
		assert_int_equal(at[1], '"');
		for (at += 2; *at != '"'; at++) {
			assert_int_not_equal(*at, '\0');
			if (*at == '\\') {
				at++;
				assert_non_null(strchr("\\\"n", *at));
			}
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

/* Each series says of which database it is; the tests name them without that. */
static void
forget_database(char *series)
{
	char *label = strstr(series, "{database=\"");
	char *end;

	assert_non_null(label);
	end = strchr(label + strlen("{database=\""), '"') + 1;
	assert_non_null(strstr(label, "/shop.db\""));
	assert_true(strstr(label, "/shop.db\"") < end);
	if (*end == '}')
		memmove(label, end + 1, strlen(end + 1) + 1);
	else
		memmove(label + 1, end + 1, strlen(end + 1) + 1);
}

static void
parse_sample(struct metrics *metrics, const char *line)
{
	size_t length = name_length(line);
	size_t base = length;
	const char *at = line + length;
	struct family *family = &metrics->families[metrics->family_count - 1];
	struct sample *sample = &metrics->samples[metrics->sample_count++];
	char *end;

	assert_true(metrics->family_count > 0 && metrics->sample_count < SERIES_MAX);
	if (strcmp(family->type, "histogram") == 0) {
		base = strlen(family->name);
		assert_true(strncmp(line + base, "_bucket{", 8) == 0 ||
			    strncmp(line + base, "_sum", 4) == 0 ||
			    strncmp(line + base, "_count", 6) == 0);
	}
	if (strlen(family->name) != base || memcmp(family->name, line, base) != 0)
		fail_msg("%s stands among the lines of %s", line, family->name);
	if (strcmp(family->type, "counter") == 0)
		assert_memory_equal(line + length - 6, "_total", 6);
	if (*at == '{')
		at = parse_labels(at);
	snprintf(sample->series, sizeof(sample->series), "%.*s", (int)(at - line), line);
	forget_database(sample->series);
	for (size_t i = 0; i + 1 < metrics->sample_count; i++)
		assert_string_not_equal(metrics->samples[i].series, sample->series);
	assert_int_equal(*at, ' ');
	sample->value = strtod(at + 1, &end);
	if (end == at + 1 || *end != '\0')
		fail_msg("no value: %s", line);
}

static struct metrics *
parse(char *text)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	metrics->samples = calloc(SERIES_MAX, sizeof(*metrics->samples));
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (line[0] == '#')
			parse_comment(metrics, line);
		else
			parse_sample(metrics, line);
	}
	for (size_t i = 0; i < metrics->family_count; i++)
		assert_string_not_equal(metrics->families[i].type, "");
	return metrics;
}

static void
metrics_free(struct metrics *metrics)
{
	free(metrics->samples);
	free(metrics);
}

static double
value(const struct metrics *metrics, const char *series)
{
	for (size_t i = 0; i < metrics->sample_count; i++)
		if (strcmp(metrics->samples[i].series, series) == 0)
			return metrics->samples[i].value;
	fail_msg("no %s", series);
	return 0;
}

/* --- a file of a living daemon --- */

static char *
file_of(struct stand *stand)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/outboxd.prom", (char *)stand->dir);
	return path;
}

static ino_t
inode(const char *path)
{
	struct stat file;

	return stat(path, &file) == 0 ? file.st_ino : 0;
}

/* Waits for the next file, and parses it. */
static struct metrics *
next_file(struct stand *stand)
{
	const char *path = file_of(stand);
	ino_t before = inode(path);
	int64_t until = stand_clock_ms() + STAND_PATIENCE_MS;
	struct metrics *metrics;
	char *text;

	while (inode(path) == before) {
		assert_true(stand_clock_ms() < until);
		stand_sleep_ms(10);
	}
	text = scratch_read(path, NULL);
	metrics = parse(text);
	free(text);
	return metrics;
}

static void
start(struct stand *stand)
{
	snprintf(stand->head, sizeof(stand->head), "metrics_file = \"outboxd.prom\";");
	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "vrio", "vrio", "");
	stand_destination(stand, "travlinq", "travlinq", "");
	stand_start(stand);
}

static void
counters_move_and_histograms_add_up(void **state)
{
	struct stand *stand = *state;
	struct metrics *metrics;
	double last = 0;

	start(stand);
	metrics = next_file(stand);
	assert_true(value(metrics, "outboxd_up") == 1);
	assert_true(
	    value(metrics, "outboxd_results_total{destination=\"riverty\",result=\"succeeded\"}") ==
	    0);
	metrics_free(metrics);

	gateway_script(stand->gateway, "M-2 submit 1 lose\nM-3 submit 1 lose\n");
	(void)stand_order(stand, "riverty", "riverty", "M-1");
	(void)stand_order(stand, "riverty", "riverty", "M-2");
	(void)stand_order(stand, "vrio", "vrio", "M-3");
	(void)stand_order(stand, "travlinq", "travlinq", "M-4"); /* logs in first */
	/* Without an exchange: it counts as a result, too. */
	(void)stand_insert(
	    stand, "destination, operation, path", "'riverty', 'authorize', '/elsewhere'");
	assert_true(stand_wait_settled(stand));
	metrics = next_file(stand);
	assert_true(
	    value(metrics, "outboxd_results_total{destination=\"riverty\",result=\"succeeded\"}") ==
	    2);
	assert_true(value(metrics,
			"outboxd_results_total{destination=\"riverty\",result=\"invalid\"}") == 1);
	assert_true(
	    value(metrics, "outboxd_results_total{destination=\"vrio\",result=\"unknown\"}") == 1);
	assert_true(value(metrics, "outboxd_rows{destination=\"vrio\",state=\"unknown\"}") == 1);
	assert_true(value(metrics, "outboxd_retries_total{destination=\"riverty\"}") == 1);
	assert_true(value(metrics, "outboxd_attempts_total{destination=\"riverty\",phase="
				   "\"submit\",evidence=\"maybe_sent\"}") == 1);
	assert_true(value(metrics, "outboxd_attempts_total{destination=\"travlinq\",phase="
				   "\"login\",evidence=\"answered\"}") == 1);
	assert_true(value(metrics, "outboxd_commits_total") > 0);
	for (size_t i = 0; i < metrics->sample_count; i++) {
		const struct sample *sample = &metrics->samples[i];

		if (strstr(sample->series, "_seconds_bucket{destination=\"riverty\"") == NULL)
			continue;
		if (strstr(sample->series, "le=\"0.05\"") != NULL ||
		    strstr(sample->series, "le=\"0.005\"") != NULL)
			last = 0;
		assert_true(sample->value >= last);
		last = sample->value;
	}
	assert_true(
	    value(metrics,
		"outboxd_exchange_seconds_bucket{destination=\"riverty\",le=\"+Inf\"}") == 2);
	assert_true(value(metrics, "outboxd_exchange_seconds_count{destination=\"riverty\"}") == 2);
	assert_true(value(metrics, "outboxd_result_seconds_count{destination=\"riverty\"}") == 3);
	metrics_free(metrics);
}

/* --- names --- */

static char *
shipped(const char *name)
{
	char path[1000];

	snprintf(path, sizeof(path), "%s", __FILE__);
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');

		*(slash == NULL ? path : slash) = '\0';
	}
	if (path[0] == '\0')
		snprintf(path, sizeof(path), ".");
	snprintf(
	    path + strlen(path), sizeof(path) - strlen(path), "/packaging/monitoring/%s", name);
	return scratch_read(path, NULL);
}

static bool
knows(const struct metrics *metrics, const char *name, size_t length)
{
	for (size_t i = 0; i < metrics->family_count; i++) {
		const struct family *family = &metrics->families[i];
		size_t base = strlen(family->name);

		if (strncmp(name, family->name, base) != 0 || length < base)
			continue;
		if (length == base)
			return true;
		if (strcmp(family->type, "histogram") == 0 &&
		    ((length == base + 7 && strncmp(name + base, "_bucket", 7) == 0) ||
			(length == base + 4 && strncmp(name + base, "_sum", 4) == 0) ||
			(length == base + 6 && strncmp(name + base, "_count", 6) == 0)))
			return true;
	}
	return false;
}

static void
check_names(const struct metrics *metrics, const char *file)
{
	char *text = shipped(file);
	int found = 0;

	for (const char *at = text; (at = strstr(at, "outboxd_")) != NULL; found++) {
		size_t length = name_length(at);

		if (!knows(metrics, at, length))
			fail_msg(
			    "%s names %.*s, which outboxd does not write", file, (int)length, at);
		at += length;
	}
	assert_true(found > 10);
	free(text);
}

static void
shipped_files_name_only_what_there_is(void **state)
{
	struct stand *stand = *state;
	struct metrics *metrics;
	char *page = shipped("README.md");
	char *dashboard = shipped("outboxd-dashboard.json");
	cJSON *json = cJSON_Parse(dashboard);

	assert_non_null(json);
	cJSON_Delete(json);
	start(stand);
	metrics = next_file(stand);
	check_names(metrics, "outboxd.rules.yml");
	check_names(metrics, "outboxd-dashboard.json");
	check_names(metrics, "README.md");
	/* And the page leaves none out. */
	for (size_t i = 0; i < metrics->family_count; i++)
		if (strstr(page, metrics->families[i].name) == NULL)
			fail_msg("README.md says nothing of %s", metrics->families[i].name);
	metrics_free(metrics);
	free(dashboard);
	free(page);
}

/* The members of status --json stand on the same page. */
static void
the_page_knows_every_member_of_the_json(void **state)
{
	struct stand *stand = *state;
	const char *words[] = {"status", "--config", stand->config, "--json", NULL};
	char *page = shipped("README.md");
	char quoted[80];
	cJSON *json;
	int code;

	start(stand);
	json = cJSON_Parse(stand_command(stand, &code, words));
	assert_non_null(json);
	for (const cJSON *member = json->child; member != NULL; member = member->next) {
		snprintf(quoted, sizeof(quoted), "`%s`", member->string);
		if (strstr(page, quoted) == NULL)
			fail_msg("README.md says nothing of %s", quoted);
	}
	cJSON_Delete(json);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)
	    TEST(counters_move_and_histograms_add_up),
	    TEST(shipped_files_name_only_what_there_is),
	    TEST(the_page_knows_every_member_of_the_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
