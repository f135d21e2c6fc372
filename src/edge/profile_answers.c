/*
 * profile_answers.c - the "answers" part of a profile: what a merchant's developer writes -> struct
 * rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/checks.h"
#include "edge/profile_parts.h"

enum {
	RULES_MAX = 256,
	RULE_NAME_MAX = 40,
	STATUSES_MAX = 32,
	STATUS_LOW = 200, /* 1xx is never a final answer */
	STATUS_HIGH = 599,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char example_status[] = "\"2xx\", \"404\", \"400-499\" or [\"200\", \"202\"]";
static const char example_rule[] =
    "{ name = \"done\"; phase = \"submit\"; status = \"2xx\"; verdict = \"succeeded\"; }";

/* In the order of enum rule_verdict. */
static const char *const verdict_words[] = {"succeeded", "failed", "pending", "not_ready", "unwrap",
    "unprocessed", "login", "hold", "retry", "unknown", NULL};

/* In the order of enum phase. Look-ups and logins are not judged by rules. */
static const char *const phase_words[] = {"submit", "poll", NULL};

/* --- statuses and phases --- */

/* "200", "2xx", "400-499". */
static bool
parse_status(const char *text, struct status_range *range)
{
	static const char digits[] = "0123456789";
	size_t length = strlen(text);

	if (length == 3 && text[0] >= '2' && text[0] <= '5' && strcmp(text + 1, "xx") == 0) {
		range->low = (text[0] - '0') * 100;
		range->high = range->low + 99;
		return true;
	}
	if ((length != 3 && length != 7) || strspn(text, digits) != 3)
		return false;
	range->low = range->high = atoi(text);
	if (length == 7) {
		if (text[3] != '-' || strspn(text + 4, digits) != 3)
			return false;
		range->high = atoi(text + 4);
	}
	return range->low >= STATUS_LOW && range->low <= range->high && range->high <= STATUS_HIGH;
}

static void
read_status_element(
    struct settings *settings, const config_setting_t *setting, struct status_range *range)
{
	if (config_setting_type(setting) == CONFIG_TYPE_INT) {
		range->low = range->high = config_setting_get_int(setting);
		if (range->low >= STATUS_LOW && range->high <= STATUS_HIGH)
			return;
		settings_problem(settings, setting, "%d is no final HTTP status; write %d to %d",
		    range->low, STATUS_LOW, STATUS_HIGH);
		return;
	}
	const char *text = settings_string(settings, setting, example_status);

	if (text != NULL && !parse_status(text, range))
		settings_problem(settings, setting,
		    "\"%s\" is no HTTP status from %d to %d; write %s", settings_shown(text),
		    STATUS_LOW, STATUS_HIGH, example_status);
}

static void
read_status(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct rule *rule = target;
	bool single = config_setting_is_scalar(setting) == CONFIG_TRUE;
	size_t count = 1;

	if (!single &&
	    !settings_is_list(settings, setting, 1, STATUSES_MAX, example_status, &count))
		return;
	rule->statuses = settings_array(settings, count, sizeof(*rule->statuses));
	if (rule->statuses == NULL)
		return;
	rule->status_count = count;
	for (size_t i = 0; i < count; i++)
		read_status_element(settings,
		    single ? setting : config_setting_get_elem(setting, (unsigned)i),
		    &rule->statuses[i]);
}

static void
read_phase(struct settings *settings, const config_setting_t *setting, void *target)
{
	static const char example[] = "\"submit\", \"poll\" or [\"submit\", \"poll\"]";
	struct rule *rule = target;
	char **words = NULL;
	size_t count = 0;

	if (settings_strings(settings, setting, 1, 2, example, &words, &count) != 0)
		return;
	for (size_t i = 0; i < count; i++) {
		unsigned phase = 0;

		while (phase_words[phase] != NULL && strcmp(words[i], phase_words[phase]) != 0)
			phase++;
		if (phase_words[phase] == NULL)
			settings_problem(settings, setting, "\"%s\" is no phase; write %s",
			    settings_shown(words[i]), example);
		else
			rule->phases |= 1u << phase;
	}
	settings_free_strings(words, count);
}

static void
read_operations(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct rule *rule = target;

	settings_strings(settings, setting, 1, PROFILE_OPERATIONS_MAX,
	    "[\"authorize\", \"capture\"]", &rule->operations, &rule->operation_count);
}

/* --- one rule --- */

#define FIELD(member) offsetof(struct rule, member)

static const struct setting_rule answer_rules[] = {
    {.name = "name",
	.type = SETTING_STRING,
	.required = true,
	.min = 1,
	.max = RULE_NAME_MAX,
	.offset = FIELD(name),
	.example = "\"accepted\""},
    {.name = "phase",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_phase,
	.example = "\"submit\""},
    {.name = "operations", .type = SETTING_OTHER, .read = read_operations},
    {.name = "status", .type = SETTING_OTHER, .read = read_status},
    {.name = "when", .type = SETTING_OTHER, .read = profile_when_read},
    {.name = "verdict",
	.type = SETTING_CHOICE,
	.required = true,
	.offset = FIELD(verdict),
	.choices = verdict_words,
	.example = "\"succeeded\""},
    {.name = "url_json",
	.type = SETTING_STRING,
	.min = 1,
	.max = 256,
	.offset = FIELD(url_pointer),
	.example = "\"/error/api_request\""},
    {.name = "url_header",
	.type = SETTING_STRING,
	.min = 1,
	.max = 64,
	.offset = FIELD(url_header),
	.example = "\"Location\""},
    {.name = "status_json",
	.type = SETTING_STRING,
	.min = 1,
	.max = 256,
	.offset = FIELD(status_pointer),
	.example = "\"/api_response_code\""},
    {.name = "body_json",
	.type = SETTING_STRING,
	.min = 1,
	.max = 256,
	.offset = FIELD(body_pointer),
	.example = "\"/api_response\""},
    {.name = "reason",
	.type = SETTING_STRING,
	.min = 1,
	.max = 200,
	.offset = FIELD(reason),
	.example = "\"declined\""},
    {.name = "reason_json",
	.type = SETTING_STRING,
	.min = 1,
	.max = 256,
	.offset = FIELD(reason_pointer),
	.example = "\"/error/message\""},
};

static void
check_name(struct settings *settings, const config_setting_t *setting,
    const struct profile *profile, const struct rule *rule)
{
	if (rule->name == NULL)
		return;
	if (strspn(rule->name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(rule->name))
		settings_problem(settings, setting,
		    "name \"%s\": write small letters, digits, - and _ only",
		    settings_shown(rule->name));
	for (const struct rule *other = profile->rules; other < rule; other++)
		if (other->name != NULL && strcmp(other->name, rule->name) == 0)
			settings_problem(settings, setting,
			    "name \"%s\" is taken by an earlier rule; write another name",
			    settings_shown(rule->name));
}

static void
check_pointers(struct settings *settings, const config_setting_t *setting, const struct rule *rule)
{
	const char *const pointers[] = {
	    rule->url_pointer, rule->status_pointer, rule->body_pointer, rule->reason_pointer};

	for (size_t i = 0; i < COUNT(pointers); i++) {
		const char *wrong = pointers[i] != NULL ? check_pointer(pointers[i]) : NULL;

		if (wrong != NULL)
			settings_problem(
			    settings, setting, "\"%s\": %s", settings_shown(pointers[i]), wrong);
	}
	if (rule->url_header != NULL && check_header_name(rule->url_header) != NULL)
		settings_problem(
		    settings, setting, "url_header: %s", check_header_name(rule->url_header));
	if (rule->reason != NULL && check_utf8(rule->reason) != NULL)
		settings_problem(settings, setting, "reason: %s", check_utf8(rule->reason));
}

/* A JSON condition makes sure that there is a document for url_json and status_json to point into.
 */
static bool
looks_at_json(const struct rule *rule)
{
	for (size_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].pointer != NULL)
			return true;
	return false;
}

/* What a verdict needs, and what it cannot use. */
static void
check_verdict(struct settings *settings, const config_setting_t *setting, const struct rule *rule)
{
	bool pending = rule->verdict == RULE_PENDING;
	bool not_ready = rule->verdict == RULE_NOT_READY;
	bool unwrap = rule->verdict == RULE_UNWRAP;
	int urls = (rule->url_pointer != NULL) + (rule->url_header != NULL);
	int insides = (rule->status_pointer != NULL) + (rule->body_pointer != NULL);

	if (rule->status_count == 0 && rule->match_count == 0)
		settings_problem(settings, setting,
		    "matches every answer; write status or when, so that it says which answers it "
		    "means");
	if (pending && urls != 1)
		settings_problem(settings, setting,
		    "\"pending\" needs the fetch URL; write one of url_json and url_header");
	if (not_ready && urls > 1)
		settings_problem(settings, setting, "write at most one of url_json and url_header");
	if (!pending && !not_ready && urls > 0)
		settings_problem(settings, setting,
		    "only \"pending\" and \"not_ready\" have a fetch URL; take url_json and "
		    "url_header out");
	if (pending && rule->phases != 1u << PHASE_SUBMIT)
		settings_problem(settings, setting,
		    "\"pending\" answers a submit; write phase = \"submit\", and \"not_ready\" for "
		    "polls");
	if (not_ready && rule->phases != 1u << PHASE_POLL)
		settings_problem(settings, setting,
		    "\"not_ready\" answers a poll; write phase = \"poll\", and \"pending\" for "
		    "submits");
	if (unwrap && rule->phases != 1u << PHASE_POLL)
		settings_problem(settings, setting,
		    "\"unwrap\" is for polls: what stands inside is judged as a submit; write "
		    "phase = \"poll\"");
	if (unwrap && insides != 2)
		settings_problem(settings, setting,
		    "\"unwrap\" needs the inner status and body; write status_json and body_json");
	if (!unwrap && insides > 0)
		settings_problem(settings, setting,
		    "only \"unwrap\" looks inside; take status_json and body_json out");
	if ((unwrap || ((pending || not_ready) && rule->url_pointer != NULL)) &&
	    !looks_at_json(rule))
		settings_problem(settings, setting,
		    "reads a JSON document without asking for one; write when with a json "
		    "condition");
}

static void
read_answer(struct settings *settings, const config_setting_t *setting, struct profile *profile,
    struct rule *rule)
{
	int before = settings->problem_count;

	if (!settings_is_group(settings, setting, example_rule))
		return;
	settings_walk(settings, setting, answer_rules, COUNT(answer_rules), rule);
	check_name(settings, setting, profile, rule);
	check_pointers(settings, setting, rule);
	if (settings->problem_count == before)
		check_verdict(settings, setting, rule);
}

void
profile_answers_read(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	size_t count;

	if (!settings_is_list(settings, setting, 1, RULES_MAX, example_rule, &count))
		return;
	profile->rules = settings_array(settings, count, sizeof(*profile->rules));
	if (profile->rules == NULL)
		return;
	profile->rule_count = count;
	for (size_t i = 0; i < count; i++)
		read_answer(settings, config_setting_get_elem(setting, (unsigned)i), profile,
		    &profile->rules[i]);
}

void
profile_answers_free(struct rule *rules, size_t count)
{
	for (size_t i = 0; rules != NULL && i < count; i++) {
		struct rule *rule = &rules[i];

		for (size_t j = 0; j < rule->match_count; j++) {
			free(rule->matches[j].pointer);
			free(rule->matches[j].header);
			settings_free_strings(
			    rule->matches[j].strings, rule->matches[j].string_count);
			free(rule->matches[j].integers);
		}
		free(rule->matches);
		free(rule->statuses);
		settings_free_strings(rule->operations, rule->operation_count);
		free(rule->name);
		free(rule->url_pointer);
		free(rule->url_header);
		free(rule->status_pointer);
		free(rule->body_pointer);
		free(rule->reason);
		free(rule->reason_pointer);
	}
	free(rules);
}
