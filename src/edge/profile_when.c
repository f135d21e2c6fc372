/*
 * profile_when.c - the conditions of an answer's rule: where to look, and what must stand there.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/checks.h"
#include "edge/profile_parts.h"

enum {
	CONDITIONS_MAX = 16,
	VALUES_MAX = 64,
	VALUE_LENGTH_MAX = 200,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char example_when[] =
    "( { json = \"/error/code\"; equals = \"request_processing\"; } )";
/* A condition as it is being read. */
struct draft_match {
	struct match match;
	int kinds; /* how many of equals, one_of, exists were given */
};

static void
read_value(struct settings *settings, const config_setting_t *value, struct match *match, size_t at)
{
	int type = config_setting_type(value);
	const char *string;

	if (type == CONFIG_TYPE_INT) {
		match->type = MATCH_INTEGER;
		match->integers[at] = config_setting_get_int(value);
		match->integer_count = at + 1;
		return;
	}
	string = settings_string(settings, value, "a string or a whole number");
	if (string == NULL)
		return;
	if (strlen(string) > VALUE_LENGTH_MAX)
		settings_problem(settings, value, "longer than %d characters; compare with less",
		    VALUE_LENGTH_MAX);
	match->type = MATCH_STRING;
	match->strings[at] = settings_copy(settings, string);
	match->string_count = at + 1;
}

/* Room for count values of either type. */
static bool
make_room(struct settings *settings, struct match *match, size_t count)
{
	if (match->strings != NULL)
		return false;
	match->strings = settings_array(settings, count, sizeof(*match->strings));
	match->integers = settings_array(settings, count, sizeof(*match->integers));
	return match->strings != NULL && match->integers != NULL;
}

static void
read_equals(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_match *draft = target;

	draft->kinds++;
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL) {
		draft->match.type = MATCH_BOOLEAN;
		draft->match.boolean = config_setting_get_bool(setting) != 0;
	} else if (make_room(settings, &draft->match, 1)) {
		read_value(settings, setting, &draft->match, 0);
	}
}

static void
read_one_of(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_match *draft = target;
	size_t count;
	int type;

	draft->kinds++;
	if (!settings_is_list(
		settings, setting, 1, VALUES_MAX, "[\"a\", \"b\"] or [1, 2]", &count) ||
	    !make_room(settings, &draft->match, count))
		return;
	type = config_setting_type(config_setting_get_elem(setting, 0));
	for (size_t i = 0; i < count; i++) {
		const config_setting_t *value = config_setting_get_elem(setting, (unsigned)i);

		if (config_setting_type(value) != type) {
			settings_problem(settings, value,
			    "one_of compares values of one type; write all as strings or all as "
			    "numbers");
			return;
		}
		read_value(settings, value, &draft->match, i);
	}
}

static void
read_exists(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_match *draft = target;

	draft->kinds++;
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
		settings_problem(settings, setting, "must be true or false; write exists = true");
	else
		draft->match.type = config_setting_get_bool(setting) ? MATCH_EXISTS : MATCH_ABSENT;
}

static const struct setting_rule condition_rules[] = {
    {.name = "json",
	.type = SETTING_STRING,
	.max = 256,
	.offset = offsetof(struct draft_match, match.pointer),
	.example = "\"/error/code\""},
    {.name = "header",
	.type = SETTING_STRING,
	.max = 64,
	.offset = offsetof(struct draft_match, match.header),
	.example = "\"Location\""},
    {.name = "equals", .type = SETTING_OTHER, .read = read_equals},
    {.name = "one_of", .type = SETTING_OTHER, .read = read_one_of},
    {.name = "exists", .type = SETTING_OTHER, .read = read_exists},
};

static void
read_condition(struct settings *settings, const config_setting_t *setting, struct match *match)
{
	struct draft_match draft = {0};
	const char *wrong = NULL;

	if (!settings_is_group(settings, setting, example_when))
		return;
	settings_walk(settings, setting, condition_rules, COUNT(condition_rules), &draft);
	*match = draft.match;
	if ((config_setting_get_member(setting, "json") == NULL) ==
	    (config_setting_get_member(setting, "header") == NULL))
		settings_problem(settings, setting,
		    "a condition looks at one place; write either json = \"/pointer\" or header = "
		    "\"Name\"");
	if (draft.kinds != 1)
		settings_problem(settings, setting,
		    "a condition asks one thing; write one of equals, one_of and exists");
	if (match->pointer != NULL)
		wrong = check_pointer(match->pointer);
	else if (match->header != NULL)
		wrong = check_header_name(match->header);
	if (wrong != NULL)
		settings_problem(settings, setting, "%s", wrong);
	if (match->header != NULL && (match->type == MATCH_INTEGER || match->type == MATCH_BOOLEAN))
		settings_problem(settings, setting,
		    "a header's value is text; write equals = \"...\" in double quotes");
}

/* A list of conditions, or a single one without the list's parentheses. */
void
profile_when_read(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct rule *rule = target;
	bool single = config_setting_type(setting) == CONFIG_TYPE_GROUP;
	size_t count = 1;

	if (!single &&
	    !settings_is_list(settings, setting, 1, CONDITIONS_MAX, example_when, &count))
		return;
	rule->matches = settings_array(settings, count, sizeof(*rule->matches));
	if (rule->matches == NULL)
		return;
	rule->match_count = count;
	for (size_t i = 0; i < count; i++)
		read_condition(settings,
		    single ? setting : config_setting_get_elem(setting, (unsigned)i),
		    &rule->matches[i]);
}
