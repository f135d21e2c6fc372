/*
 * profile_check.c - whether the parts of a profile fit together: what would be dangerous, useless
 * or without an end.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "edge/profile_parts.h"

/* One request must not carry the same header twice, from two places. */
static void
check_headers(struct settings *settings, const struct profile *profile)
{
	const config_setting_t *root = settings_root(settings);
	const char *names[3 + 2 * PROFILE_HEADERS_MAX];
	char fixed[PROFILE_HEADERS_MAX][65];
	size_t count = 0;

	if (profile->key.header != NULL)
		names[count++] = profile->key.header;
	if (profile->login != NULL && profile->login->header != NULL)
		names[count++] = profile->login->header;
	for (size_t i = 0; i < profile->required_header_count; i++)
		names[count++] = profile->required_headers[i];
	for (size_t i = 0; i < profile->fixed_header_count; i++) {
		snprintf(fixed[i], sizeof(fixed[i]), "%.*s",
		    (int)strcspn(profile->fixed_headers[i], ":"), profile->fixed_headers[i]);
		names[count++] = fixed[i];
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			if (strcasecmp(names[i], names[j]) == 0)
				settings_problem(settings,
				    config_setting_get_member(root, "operations"),
				    "header %s comes from two of key, login, required_headers and "
				    "headers; "
				    "take one out",
				    settings_shown(names[i]));
		for (size_t j = 0; j < profile->operation_count; j++)
			if (profile_names_header(profile->operations[j].row_headers,
				profile->operations[j].row_header_count, names[i]))
				settings_problem(settings,
				    config_setting_get_member(
					config_setting_get_member(root, "operations"),
					profile->operations[j].name),
				    "row_headers: %s is already set for every request; take it out",
				    settings_shown(names[i]));
	}
}

/* Keys and sessions: what one part promises, another must use. */
static void
check_parts(struct settings *settings, const struct profile *profile)
{
	const config_setting_t *root = settings_root(settings);
	const config_setting_t *operations = config_setting_get_member(root, "operations");
	bool keyed = false;
	bool session = false;

	for (size_t i = 0; i < profile->operation_count; i++) {
		const struct operation *operation = &profile->operations[i];
		const config_setting_t *where = config_setting_get_elem(operations, (unsigned)i);

		if (operation->kind == KIND_KEYED && profile->key.header == NULL)
			settings_problem(settings, where,
			    "is keyed, but there is no key; write key = { header = "
			    "\"Idempotency-Key\"; }; at the top");
		if (operation->session && profile->login == NULL)
			settings_problem(settings, where,
			    "needs a session, but there is no login; write login = { ... }; at the "
			    "top");
		keyed = keyed || operation->kind == KIND_KEYED;
		session = session || operation->session;
	}
	if (profile->key.header != NULL && !keyed)
		settings_problem(settings, config_setting_get_member(root, "key"),
		    "no operation is keyed; write kind = \"keyed\" at one, or take key out");
	if (profile->login != NULL && !session)
		settings_problem(settings, config_setting_get_member(root, "login"),
		    "no operation uses the session; write session = true at one, or take login "
		    "out");
}

static bool
applies(const struct rule *rule, const struct operation *operation)
{
	for (size_t i = 0; i < rule->operation_count; i++)
		if (strcmp(rule->operations[i], operation->name) == 0)
			return true;
	return rule->operation_count == 0;
}

static void
check_operations(struct settings *settings, const config_setting_t *setting,
    const struct rule *rule, const struct profile *profile)
{
	const char *names[PROFILE_OPERATIONS_MAX + 1] = {NULL};

	for (size_t i = 0; i < profile->operation_count && i < PROFILE_OPERATIONS_MAX; i++)
		names[i] = profile->operations[i].name;
	for (size_t i = 0; i < rule->operation_count; i++) {
		const char *nearest;

		if (profile_operation(profile, rule->operations[i]) != NULL)
			continue;
		nearest = settings_nearest(rule->operations[i], names);
		settings_problem(settings, setting,
		    "operation \"%s\" is not in operations; write %s%s%s",
		    settings_shown(rule->operations[i]), nearest != NULL ? "\"" : "",
		    nearest != NULL ? nearest : "the name of one that is",
		    nearest != NULL ? "\"" : "");
	}
}

static void
check_against(struct settings *settings, const config_setting_t *setting, const struct rule *rule,
    const struct profile *profile)
{
	check_operations(settings, setting, rule, profile);
	if (rule->verdict == RULE_LOGIN && profile->login == NULL)
		settings_problem(settings, setting,
		    "\"login\" without a login block; write login = { ... } or another verdict");
	if (rule->verdict != RULE_RETRY || (rule->phases & 1u << PHASE_SUBMIT) == 0)
		return;
	for (size_t i = 0; i < profile->operation_count; i++)
		if (profile->operations[i].kind == KIND_KEYLESS &&
		    applies(rule, &profile->operations[i]))
			settings_problem(settings, setting,
			    "\"retry\" would send the keyless operation \"%s\" twice; write "
			    "\"unprocessed\" where "
			    "the gateway proves that nothing happened, else \"unknown\", or list "
			    "other operations",
			    settings_shown(profile->operations[i].name));
}

static bool
can(const struct profile *profile, const struct operation *operation, enum rule_verdict verdict,
    unsigned phases)
{
	for (size_t i = 0; i < profile->rule_count; i++)
		if (profile->rules[i].verdict == verdict &&
		    (profile->rules[i].phases & phases) != 0 &&
		    (operation == NULL || applies(&profile->rules[i], operation)))
			return true;
	return false;
}

/* Nothing succeeds by default: a profile that forgets to say what success looks like makes every
 * order unknown. */
static void
check_ends(
    struct settings *settings, const config_setting_t *answers, const struct profile *profile)
{
	unsigned polls = 1u << PHASE_POLL;

	for (size_t i = 0; i < profile->operation_count; i++) {
		const struct operation *operation = &profile->operations[i];

		if (!can(profile, operation, RULE_SUCCEEDED, polls | 1u << PHASE_SUBMIT))
			settings_problem(settings, answers,
			    "operation \"%s\" can never succeed; write a rule with verdict = "
			    "\"succeeded\" for it",
			    settings_shown(operation->name));
		else if (can(profile, operation, RULE_PENDING, ~0u) &&
			 !can(profile, operation, RULE_SUCCEEDED, polls) &&
			 !can(profile, operation, RULE_UNWRAP, polls))
			settings_problem(settings, answers,
			    "operation \"%s\" can become pending, but no rule says what a finished "
			    "poll looks like; "
			    "write one with phase = \"poll\" and verdict \"succeeded\" or "
			    "\"unwrap\"",
			    settings_shown(operation->name));
	}
}

void
profile_check(struct settings *settings, const struct profile *profile)
{
	const config_setting_t *answers =
	    config_setting_get_member(settings_root(settings), "answers");

	check_headers(settings, profile);
	check_parts(settings, profile);
	for (size_t i = 0; i < profile->rule_count; i++)
		check_against(settings, config_setting_get_elem(answers, (unsigned)i),
		    &profile->rules[i], profile);
	if (settings->problem_count == 0)
		check_ends(settings, answers, profile);
}
