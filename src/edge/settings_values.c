/*
 * settings_values.c - one value of a libconfig file: its type, its range, its unit.
 *
 * libconfig's own look-ups answer a wrong type with "not there" or with 0: every type is asked for
 * here.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/units.h"
#include "edge/settings.h"

static const char *
type_words(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a number with a decimal point or exponent";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ]";
	case CONFIG_TYPE_LIST:
		return "a list ( )";
	default:
		return "nothing";
	}
}

static void
problem_type(struct settings *settings, const config_setting_t *setting, const char *wanted,
    const char *example)
{
	settings_problem(settings, setting, "must be %s, but is %s; write %s", wanted,
	    type_words(setting), example);
}

char *
settings_copy(struct settings *settings, const char *string)
{
	char *copy = strdup(string);

	if (copy == NULL)
		settings_problem(settings, NULL, "out of memory; try again");
	return copy;
}

void *
settings_array(struct settings *settings, size_t count, size_t size)
{
	void *array;

	if (count == 0)
		return NULL;
	array = calloc(count, size);
	if (array == NULL)
		settings_problem(settings, NULL, "out of memory; try again");
	return array;
}

const char *
settings_string(struct settings *settings, const config_setting_t *setting, const char *example)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return config_setting_get_string(setting);
	problem_type(settings, setting, "a string in double quotes", example);
	return NULL;
}

bool
settings_is_group(struct settings *settings, const config_setting_t *setting, const char *example)
{
	if (config_setting_type(setting) == CONFIG_TYPE_GROUP)
		return true;
	problem_type(settings, setting, "a group in { }", example);
	return false;
}

bool
settings_is_list(struct settings *settings, const config_setting_t *setting, size_t min, size_t max,
    const char *example, size_t *count)
{
	int type = config_setting_type(setting);

	if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
		problem_type(settings, setting, "an array [ ] or a list ( )", example);
		return false;
	}
	*count = (size_t)config_setting_length(setting);
	if (*count >= min && *count <= max)
		return true;
	settings_problem(settings, setting, "has %zu elements; write %zu to %zu of them, as in %s",
	    *count, min, max, example);
	return false;
}

/* "5m" for 300000: in the largest unit that divides it. */
static void
unit_text(int64_t value, const struct unit *units, char text[32])
{
	while (value % units->factor != 0)
		units++;
	if (value == 0)
		snprintf(text, 32, "\"0s\"");
	else
		snprintf(text, 32, "\"%" PRId64 "%s\"", value / units->factor, units->name);
}

static void
read_units(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rule, const struct unit *units, int64_t *target)
{
	bool duration = units == duration_units;
	const char *wanted = duration ? "a duration: whole digits with ms, s, m, h or d"
				      : "a size: whole digits with B, KiB, MiB or GiB";
	char min[32];
	char max[32];
	int64_t value;
	const char *string;

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		problem_type(settings, setting, wanted, rule->example);
		return;
	}
	string = config_setting_get_string(setting);
	if (units_parse(string, units, &value) != 0) {
		settings_problem(settings, setting, "\"%s\" is not %s; write for instance %s",
		    settings_shown(string), wanted, rule->example);
		return;
	}
	if (value < rule->min || value > rule->max) {
		unit_text(rule->min, units, min);
		unit_text(rule->max, units, max);
		settings_problem(settings, setting, "\"%s\" is out of range; write %s to %s",
		    settings_shown(string), min, max);
		return;
	}
	*target = value;
}

static void
read_string(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rule, char **target)
{
	const char *string = settings_string(settings, setting, rule->example);
	int64_t length;

	if (string == NULL)
		return;
	length = (int64_t)strlen(string);
	if (length < rule->min || length > rule->max) {
		settings_problem(settings, setting,
		    "has %" PRId64 " characters; write %" PRId64 " to %" PRId64 ", as in %s",
		    length, rule->min, rule->max, rule->example);
		return;
	}
	free(*target);
	*target = settings_copy(settings, string);
}

static void
read_integer(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rule, int *target)
{
	int value;

	if (config_setting_type(setting) != CONFIG_TYPE_INT) {
		problem_type(settings, setting, "a whole number without quotes", rule->example);
		return;
	}
	value = config_setting_get_int(setting);
	if (value < rule->min || value > rule->max) {
		settings_problem(settings, setting,
		    "%d is out of range; write %" PRId64 " to %" PRId64, value, rule->min,
		    rule->max);
		return;
	}
	*target = value;
}

static void
read_choice(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rule, int *target)
{
	const char *string = settings_string(settings, setting, rule->example);
	const char *nearest;
	char known[300] = "";
	size_t length = 0;

	if (string == NULL)
		return;
	for (int i = 0; rule->choices[i] != NULL; i++) {
		if (strcmp(string, rule->choices[i]) == 0) {
			*target = i;
			return;
		}
		if (length < sizeof(known))
			length += (size_t)snprintf(known + length, sizeof(known) - length,
			    "%s\"%s\"", i > 0 ? ", " : "", rule->choices[i]);
	}
	nearest = settings_nearest(string, rule->choices);
	if (nearest != NULL)
		settings_problem(settings, setting, "\"%s\" is not known; write \"%s\" (of %s)",
		    settings_shown(string), nearest, known);
	else
		settings_problem(settings, setting, "\"%s\" is not known; write one of %s",
		    settings_shown(string), known);
}

void
settings_read_value(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rule, void *target)
{
	void *field = (char *)target + rule->offset;

	switch (rule->type) {
	case SETTING_STRING:
		read_string(settings, setting, rule, field);
		return;
	case SETTING_INTEGER:
		read_integer(settings, setting, rule, field);
		return;
	case SETTING_BOOLEAN:
		if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
			*(bool *)field = config_setting_get_bool(setting) != 0;
		else
			problem_type(
			    settings, setting, "true or false without quotes", rule->example);
		return;
	case SETTING_DURATION:
		read_units(settings, setting, rule, duration_units, field);
		return;
	case SETTING_SIZE:
		read_units(settings, setting, rule, size_units, field);
		return;
	case SETTING_CHOICE:
		read_choice(settings, setting, rule, field);
		return;
	case SETTING_OTHER:
		rule->read(settings, setting, target);
		return;
	}
	assert(0);
}

/* --- lists --- */

void
settings_free_strings(char **strings, size_t count)
{
	for (size_t i = 0; strings != NULL && i < count; i++)
		free(strings[i]);
	free(strings);
}

int
settings_strings(struct settings *settings, const config_setting_t *setting, size_t min, size_t max,
    const char *example, char ***strings, size_t *count)
{
	bool single = config_setting_type(setting) == CONFIG_TYPE_STRING;
	char **copies;
	size_t length = 1;

	if (!single && !settings_is_list(settings, setting, min, max, example, &length))
		return -1;
	copies = settings_array(settings, length, sizeof(*copies));
	if (copies == NULL && length > 0)
		return -1;
	for (size_t i = 0; i < length; i++) {
		const config_setting_t *element =
		    single ? setting : config_setting_get_elem(setting, (unsigned)i);
		const char *string = settings_string(settings, element, example);

		copies[i] = string != NULL ? settings_copy(settings, string) : NULL;
		if (copies[i] == NULL) {
			settings_free_strings(copies, length);
			return -1;
		}
	}
	settings_free_strings(*strings, *count);
	*strings = copies;
	*count = length;
	return 0;
}

int
settings_integers(struct settings *settings, const config_setting_t *setting, size_t max, int low,
    int high, const char *example, int **integers, size_t *count)
{
	size_t length;
	int *copies;

	if (!settings_is_list(settings, setting, 0, max, example, &length))
		return -1;
	copies = settings_array(settings, length, sizeof(*copies));
	if (copies == NULL && length > 0)
		return -1;
	for (size_t i = 0; i < length; i++) {
		struct setting_rule rule = {.min = low, .max = high, .example = example};
		int before = settings->problem_count;

		read_integer(
		    settings, config_setting_get_elem(setting, (unsigned)i), &rule, &copies[i]);
		if (settings->problem_count != before) {
			free(copies);
			return -1;
		}
	}
	free(*integers);
	*integers = copies;
	*count = length;
	return 0;
}
