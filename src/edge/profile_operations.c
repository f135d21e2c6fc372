/*
 * profile_operations.c - the "operations" of a profile: what may be called, and what a repeat
 * means.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/checks.h"
#include "edge/profile_parts.h"

enum { OPERATION_NAME_MAX = 64 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char example_operation[] =
    "{ method = \"POST\"; path = \"/orders\"; kind = \"keyless\"; }";

struct draft_operation {
	struct operation operation;
	int method;
	int kind;
	int replay;
};

static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "GET", NULL};
static const char *const kind_words[] = {"keyed", "keyless", "safe", NULL};
static const char *const replay_words[] = {"success", "all", NULL};

static void
read_row_headers(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_operation *draft = target;

	profile_read_header_names(settings, setting, "[\"conversationId\"]",
	    &draft->operation.row_headers, &draft->operation.row_header_count);
}

#define FIELD(member) offsetof(struct draft_operation, member)

static const struct setting_rule operation_rules[] = {
    {.name = "method",
	.type = SETTING_CHOICE,
	.required = true,
	.choices = methods,
	.offset = FIELD(method),
	.example = "\"POST\""},
    {.name = "path",
	.type = SETTING_STRING,
	.min = 1,
	.max = PATH_LENGTH_MAX,
	.offset = FIELD(operation.path),
	.example = "\"/orders\""},
    {.name = "path_pattern",
	.type = SETTING_STRING,
	.min = 1,
	.max = PATH_LENGTH_MAX,
	.offset = FIELD(operation.path_pattern),
	.example = "\"/orders/{id}/process\""},
    {.name = "kind",
	.type = SETTING_CHOICE,
	.required = true,
	.choices = kind_words,
	.offset = FIELD(kind),
	.example = "\"keyed\", \"keyless\" or \"safe\""},
    {.name = "replay",
	.type = SETTING_CHOICE,
	.choices = replay_words,
	.offset = FIELD(replay),
	.example = "\"all\""},
    {.name = "row_headers", .type = SETTING_OTHER, .read = read_row_headers},
    {.name = "session",
	.type = SETTING_BOOLEAN,
	.offset = FIELD(operation.session),
	.example = "true"},
};

#undef FIELD

static void
check_operation(
    struct settings *settings, const config_setting_t *setting, const struct operation *operation)
{
	if (operation->path == NULL && operation->path_pattern == NULL)
		settings_problem(settings, setting,
		    "has no path; write path = \"/orders\", or path_pattern = \"/orders/{id}\" "
		    "when the row gives it");
	if (operation->path != NULL)
		profile_refuse(settings, setting, operation->path, check_path(operation->path));
	if (operation->path_pattern != NULL)
		profile_refuse(settings, setting, operation->path_pattern,
		    check_path_pattern(operation->path_pattern));
	if (operation->kind != KIND_KEYED && config_setting_get_member(setting, "replay") != NULL)
		settings_problem(settings, setting,
		    "replay says what a repeated key brings back; take it out, or write kind = "
		    "\"keyed\"");
}

static void
read_operation(
    struct settings *settings, const config_setting_t *setting, struct operation *operation)
{
	struct draft_operation draft = {0};
	const char *name = config_setting_name(setting);
	int before = settings->problem_count;

	if (!settings_is_group(settings, setting, example_operation))
		return;
	if (strlen(name) > OPERATION_NAME_MAX || !check_is_setting_name(name))
		settings_problem(settings, setting,
		    "an operation's name has at most %d letters, digits, - and _; write a shorter "
		    "one",
		    OPERATION_NAME_MAX);
	settings_walk(settings, setting, operation_rules, COUNT(operation_rules), &draft);
	*operation = draft.operation;
	operation->name = settings_copy(settings, name);
	operation->method = settings_copy(settings, methods[draft.method]);
	operation->kind = (enum kind)draft.kind;
	operation->replay = (enum replay)draft.replay;
	if (settings->problem_count == before)
		check_operation(settings, setting, operation);
}

void
profile_operations_read(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	size_t count = (size_t)config_setting_length(setting);

	if (!settings_is_group(settings, setting, "{ order = { ... }; }"))
		return;
	if (count < 1 || count > PROFILE_OPERATIONS_MAX) {
		settings_problem(settings, setting, "has %zu operations; write 1 to %d", count,
		    PROFILE_OPERATIONS_MAX);
		return;
	}
	profile->operations = settings_array(settings, count, sizeof(*profile->operations));
	for (size_t i = 0; profile->operations != NULL && i < count; i++)
		read_operation(settings, config_setting_get_elem(setting, (unsigned)i),
		    &profile->operations[profile->operation_count++]);
}

void
profile_operations_free(struct operation *operations, size_t count)
{
	for (size_t i = 0; operations != NULL && i < count; i++) {
		free(operations[i].name);
		free(operations[i].method);
		free(operations[i].path);
		free(operations[i].path_pattern);
		settings_free_strings(operations[i].row_headers, operations[i].row_header_count);
	}
	free(operations);
}
