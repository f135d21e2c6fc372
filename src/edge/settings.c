/*
 * settings.c - a libconfig file, walked against a table.
 *
 * Knows types, ranges, units and names; knows nothing of what the settings mean. The file is read
 * by us, not by libconfig, so that what was scanned is what is parsed.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/settings.h"

enum { PATH_TEXT_MAX = 200, SHOWN_MAX = 60, NAME_MAX_COMPARED = 40 };

/* --- problems --- */

const char *
settings_shown(const char *string)
{
	static char buffers[4][SHOWN_MAX + 4];
	static unsigned next;
	char *shown = buffers[next++ % 4];
	size_t length = 0;

	for (; length < SHOWN_MAX && string[length] != '\0'; length++) {
		unsigned char c = (unsigned char)string[length];

		shown[length] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
	}
	memcpy(shown + length, string[length] == '\0' ? "" : "...", string[length] == '\0' ? 1 : 4);
	return shown;
}

/* "destinations.riverty.rate", "answers[3].verdict"; empty for the root. */
static void
setting_path(const config_setting_t *setting, char path[PATH_TEXT_MAX])
{
	const config_setting_t *parent = config_setting_parent(setting);
	const char *name = config_setting_name(setting);
	size_t length;

	path[0] = '\0';
	if (parent == NULL)
		return;
	setting_path(parent, path);
	length = strlen(path);
	if (name != NULL)
		snprintf(path + length, PATH_TEXT_MAX - length, "%s%s", length > 0 ? "." : "",
		    settings_shown(name));
	else
		snprintf(
		    path + length, PATH_TEXT_MAX - length, "[%d]", config_setting_index(setting));
}

static void __attribute__((format(printf, 4, 0))) add_problem(
    struct settings *settings, unsigned line, const char *name, const char *format, va_list args)
{
	char message[1024];

	settings->problem_count++;
	if (settings->problem_count > SETTINGS_PROBLEMS_MAX) {
		if (settings->problem_count == SETTINGS_PROBLEMS_MAX + 1)
			text_format(settings->problems,
			    "%s: more problems than %d; mend these first\n", settings->file,
			    SETTINGS_PROBLEMS_MAX);
		return;
	}
	vsnprintf(message, sizeof(message), format, args);
	if (line > 0)
		text_format(settings->problems, "%s:%u: ", settings->file, line);
	else
		text_format(settings->problems, "%s: ", settings->file);
	text_format(settings->problems, "%s%s%s\n", name, name[0] != '\0' ? ": " : "", message);
}

void
settings_problem(struct settings *settings, const config_setting_t *where, const char *format, ...)
{
	char path[PATH_TEXT_MAX] = "";
	va_list args;

	if (where != NULL)
		setting_path(where, path);
	va_start(args, format);
	add_problem(
	    settings, where != NULL ? config_setting_source_line(where) : 0, path, format, args);
	va_end(args);
}

void
settings_problem_line(struct settings *settings, unsigned line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_problem(settings, line, "", format, args);
	va_end(args);
}

static void
problem_memory(struct settings *settings)
{
	settings_problem(settings, NULL, "out of memory; try again");
}

/* --- the file --- */

/* The whole file, NUL-terminated, or NULL with the problem told. */
static char *
read_file(struct settings *settings, size_t *length)
{
	struct stat status;
	char *bytes = NULL;
	ssize_t got = 0;
	int fd = open(settings->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		settings_problem(
		    settings, NULL, "cannot be opened: %s; name a readable file", strerror(errno));
		return NULL;
	}
	*length = 0;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		settings_problem(settings, NULL, "not a regular file; name a configuration file");
		goto out;
	}
	settings->mode = status.st_mode & 07777;
	if (status.st_size > SETTINGS_FILE_MAX) {
		settings_problem(settings, NULL, "larger than 1 MiB; write a smaller file");
		goto out;
	}
	bytes = malloc(SETTINGS_FILE_MAX + 2);
	if (bytes == NULL) {
		problem_memory(settings);
		goto out;
	}
	while (*length <= SETTINGS_FILE_MAX &&
	       (got = read(fd, bytes + *length, SETTINGS_FILE_MAX + 1 - *length)) > 0)
		*length += (size_t)got;
	bytes[*length] = '\0';
	if (got < 0 || *length > SETTINGS_FILE_MAX) {
		settings_problem(settings, NULL,
		    got < 0 ? "cannot be read: %s; name a readable file"
			    : "larger than 1 MiB%.0s; write a smaller file",
		    strerror(errno));
		explicit_bzero(bytes, *length);
		free(bytes);
		bytes = NULL;
	}
out:
	close(fd);
	return bytes;
}

/* libconfig's few words, made into a remedy. */
static void
problem_syntax(struct settings *settings)
{
	const char *text = config_error_text(&settings->tree);
	const char *told =
	    "the text is not understood here; write NAME = VALUE; and close every { [ ( "
	    "and every value with ; (the line before may lack it)";

	if (config_error_type(&settings->tree) != CONFIG_ERR_PARSE || text == NULL)
		told = "cannot be parsed; try again";
	else if (strstr(text, "duplicate") != NULL)
		told = "a setting of this name was already given in the same group; take one of "
		       "them out";
	else if (strstr(text, "mismatched") != NULL)
		told = "[ ] holds values of one type only; write all of them as strings or all as "
		       "numbers";
	settings_problem_line(settings, (unsigned)config_error_line(&settings->tree), "%s", told);
}

int
settings_open(struct settings *settings, const char *file, struct text *problems)
{
	size_t length;
	char *bytes;

	*settings = (struct settings){.problems = problems};
	config_init(&settings->tree);
	settings->file = strdup(file);
	if (settings->file == NULL) {
		settings->problem_count++;
		text_format(problems, "%s: out of memory; try again\n", file);
		return -1;
	}
	bytes = read_file(settings, &length);
	if (bytes == NULL)
		return -1;
	settings_scan(settings, bytes, length);
	if (settings->problem_count == 0 && !config_read_string(&settings->tree, bytes))
		problem_syntax(settings);
	explicit_bzero(bytes, length);
	free(bytes);
	return settings->problem_count == 0 ? 0 : -1;
}

/* libconfig owns the strings and frees them without a wipe. */
static void
wipe(config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		char *string = (char *)config_setting_get_string(setting);

		if (string != NULL)
			explicit_bzero(string, strlen(string));
	}
	if (config_setting_is_aggregate(setting))
		for (int i = 0; i < config_setting_length(setting); i++)
			wipe(config_setting_get_elem(setting, (unsigned)i));
}

void
settings_close(struct settings *settings)
{
	wipe(config_root_setting(&settings->tree));
	config_destroy(&settings->tree);
	free(settings->file);
	settings->file = NULL;
}

const config_setting_t *
settings_root(const struct settings *settings)
{
	return config_root_setting(&settings->tree);
}

/* --- names --- */

/* Edit distance (insert, delete, replace, swap of neighbours), without case. */
static size_t
distance(const char *a, const char *b)
{
	size_t table[NAME_MAX_COMPARED + 1][NAME_MAX_COMPARED + 1];
	size_t a_length = strlen(a);
	size_t b_length = strlen(b);

	if (a_length > NAME_MAX_COMPARED || b_length > NAME_MAX_COMPARED)
		return SIZE_MAX;
	for (size_t i = 0; i <= a_length; i++)
		table[i][0] = i;
	for (size_t j = 0; j <= b_length; j++)
		table[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		for (size_t j = 1; j <= b_length; j++) {
			int c = tolower((unsigned char)a[i - 1]);
			int d = tolower((unsigned char)b[j - 1]);
			size_t best = table[i - 1][j - 1] + (c != d);

			if (table[i - 1][j] + 1 < best)
				best = table[i - 1][j] + 1;
			if (table[i][j - 1] + 1 < best)
				best = table[i][j - 1] + 1;
			if (i > 1 && j > 1 && c == tolower((unsigned char)b[j - 2]) &&
			    d == tolower((unsigned char)a[i - 2]) && table[i - 2][j - 2] + 1 < best)
				best = table[i - 2][j - 2] + 1;
			table[i][j] = best;
		}
	}
	return table[a_length][b_length];
}

/* One word begins with the other: "company" for "companyCode". */
static bool
is_beginning(const char *a, const char *b)
{
	size_t length = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return length >= 4 && strncasecmp(a, b, length) == 0;
}

const char *
settings_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 3 + 1;

	for (; *words != NULL; words++) {
		size_t apart = distance(word, *words);

		if (is_beginning(word, *words) && apart > 2)
			apart = 2;
		if (apart < best || (apart == best && nearest == NULL && apart < strlen(*words))) {
			best = apart;
			nearest = *words;
		}
	}
	return nearest;
}

/* An unknown name: the nearest known one, else all of them. */
static void
problem_unknown(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rules, size_t rule_count)
{
	const char **names = calloc(rule_count + 1, sizeof(*names));
	const char *nearest;
	char known[700];
	size_t length = 0;

	if (names == NULL) {
		problem_memory(settings);
		return;
	}
	known[0] = '\0';
	for (size_t i = 0; i < rule_count; i++) {
		names[i] = rules[i].name;
		if (length + strlen(names[i]) + 3 < sizeof(known))
			length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s",
			    i > 0 ? ", " : "", names[i]);
	}
	nearest = settings_nearest(config_setting_name(setting), names);
	if (nearest != NULL)
		settings_problem(
		    settings, setting, "unknown setting; write %s if that is meant", nearest);
	else
		settings_problem(settings, setting, "unknown setting; write one of %s", known);
	free(names);
}

void
settings_walk(struct settings *settings, const config_setting_t *group,
    const struct setting_rule *rules, size_t rule_count, void *target)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const struct setting_rule *rule = rules;

		while (rule < rules + rule_count &&
		       strcmp(rule->name, config_setting_name(setting)) != 0)
			rule++;
		if (rule == rules + rule_count)
			problem_unknown(settings, setting, rules, rule_count);
		else
			settings_read_value(settings, setting, rule, target);
	}
	for (size_t i = 0; i < rule_count; i++)
		if (rules[i].required && config_setting_get_member(group, rules[i].name) == NULL)
			settings_problem(settings, config_setting_is_root(group) ? NULL : group,
			    "%s is missing; write %s = %s;", rules[i].name, rules[i].name,
			    rules[i].example);
}
