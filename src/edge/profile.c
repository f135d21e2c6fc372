/*
 * profile.c - etc/profiles/NAME.conf -> struct profile.
 *
 * Knows the grammar and what would be dangerous or useless in it; nothing of any one gateway.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/checks.h"
#include "edge/profile.h"
#include "edge/profile_answers.h"
#include "edge/settings.h"

enum {
	OPERATIONS_MAX = 64,
	OPERATION_NAME_MAX = 64,
	HEADERS_MAX = 32,
	STATUSES_MAX = 64,
	LOGIN_MEMBERS_MAX = 16,
	OWN_KEY_LENGTH = 36, /* outboxd's own keys: a lower-case UUID */
	KEY_LENGTH_MAX = 255,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static const char example_operation[] =
    "{ method = \"POST\"; path = \"/orders\"; kind = \"keyless\"; }";
static const char own_key_characters[] = "0123456789abcdef-";

/* The file while it is being read: readers get this, so the profile comes first. */
struct draft {
	struct profile profile;
	const config_setting_t *answers;
	bool unprocessed_given;
};

/* --- small things --- */

/* Tells what is wrong with a text at its setting. True when something is. */
static bool
refuse(
    struct settings *settings, const config_setting_t *setting, const char *text, const char *wrong)
{
	if (wrong != NULL)
		settings_problem(settings, setting, "\"%s\": %s", settings_shown(text), wrong);
	return wrong != NULL;
}

static bool
named(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

/* Header names, each valid, not reserved, and once. */
static void
read_header_names(struct settings *settings, const config_setting_t *setting, const char *example,
    char ***names, size_t *count)
{
	if (settings_strings(settings, setting, 0, HEADERS_MAX, example, names, count) != 0)
		return;
	for (size_t i = 0; i < *count; i++) {
		const char *name = (*names)[i];

		if (!refuse(settings, setting, name, check_header_name(name)))
			refuse(settings, setting, name, check_header_free(name));
		if (named(*names, i, name))
			refuse(settings, setting, name, "given twice; take one out");
	}
}

static void
read_statuses(
    struct settings *settings, const config_setting_t *setting, int **statuses, size_t *count)
{
	settings_integers(settings, setting, STATUSES_MAX, 400, 599, "[401, 429]", statuses, count);
}

/* --- the top of the file --- */

static void
read_base_url(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	const char *url = settings_string(settings, setting, "\"https://api.example.com\"");

	if (url != NULL)
		refuse(
		    settings, setting, url, check_base_url(url, false, false, &profile->base_url));
}

static void
read_required_headers(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;

	read_header_names(settings, setting, "[\"X-Api-Key\"]", &profile->required_headers,
	    &profile->required_header_count);
}

/* headers = { Accept = "application/json"; } becomes whole lines. */
static void
read_headers(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	size_t count = (size_t)config_setting_length(setting);

	if (!settings_is_group(settings, setting, "{ Accept = \"application/json\"; }"))
		return;
	if (count > HEADERS_MAX) {
		settings_problem(settings, setting, "write at most %d headers", HEADERS_MAX);
		return;
	}
	profile->fixed_headers = settings_array(settings, count, sizeof(char *));
	for (size_t i = 0; profile->fixed_headers != NULL && i < count; i++) {
		const config_setting_t *header = config_setting_get_elem(setting, (unsigned)i);
		const char *name = config_setting_name(header);
		const char *value = settings_string(settings, header, "\"text\"");
		char *line;

		if (value == NULL || refuse(settings, header, name, check_header_name(name)) ||
		    refuse(settings, header, name, check_header_free(name)) ||
		    refuse(settings, header, value, check_header_value(value)))
			continue;
		if (asprintf(&line, "%s: %s", name, value) < 0)
			settings_problem(settings, NULL, "out of memory; try again");
		else
			profile->fixed_headers[profile->fixed_header_count++] = line;
	}
}

static void
read_unprocessed(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft *draft = target;

	draft->unprocessed_given = true;
	read_statuses(
	    settings, setting, &draft->profile.unprocessed, &draft->profile.unprocessed_count);
}

static void
read_unprocessed_if_unexposed(
    struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;

	read_statuses(settings, setting, &profile->unprocessed_if_unexposed,
	    &profile->unprocessed_if_unexposed_count);
}

static void
read_fetch_prefix(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	const char *prefix = settings_string(settings, setting, "\"/api_requests/\"");

	if (prefix == NULL || refuse(settings, setting, prefix, check_path(prefix)))
		return;
	if (prefix[strlen(prefix) - 1] != '/')
		refuse(settings, setting, prefix,
		    "a prefix ends with /, or it would admit other paths");
	else
		profile->fetch_prefix = settings_copy(settings, prefix);
}

/* --- key --- */

struct draft_key {
	struct key_rules rules;
	int length_min;
	int length_max;
	int64_t retention_ms;
};

/* "A-Za-z0-9_-" -> every character spelled out; NULL with *wrong set. A hyphen at either end is
 * itself. */
static char *
spell_out(const char *set, const char **wrong)
{
	bool allowed[128] = {false};
	char spelled[128];
	size_t count = 0;

	*wrong = NULL;
	for (const char *at = set; *at != '\0'; at++) {
		unsigned char low = (unsigned char)*at;
		unsigned char high = low;

		if (at[1] == '-' && at[2] != '\0') {
			high = (unsigned char)at[2];
			at += 2;
		}
		if (low < 0x21 || high > 0x7e || low > high) {
			*wrong = "holds printable ASCII characters without blank, and ranges from "
				 "low to high; "
				 "write for instance \"A-Za-z0-9_-\"";
			return NULL;
		}
		for (unsigned c = low; c <= high; c++)
			allowed[c] = true;
	}
	for (unsigned c = 0x21; c <= 0x7e; c++)
		if (allowed[c])
			spelled[count++] = (char)c;
	spelled[count] = '\0';
	for (const char *own = own_key_characters; *own != '\0'; own++)
		if (!allowed[(unsigned char)*own])
			*wrong = "outboxd's own keys need a-f, 0-9 and the hyphen; add them";
	return *wrong == NULL ? strdup(spelled) : NULL;
}

static void
read_key_header(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_key *draft = target;
	const char *name = settings_string(settings, setting, "\"Idempotency-Key\"");

	if (name != NULL && !refuse(settings, setting, name, check_header_name(name)) &&
	    !refuse(settings, setting, name, check_header_free(name)))
		draft->rules.header = settings_copy(settings, name);
}

static void
read_key_characters(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_key *draft = target;
	const char *set = settings_string(settings, setting, "\"A-Za-z0-9_-\"");
	const char *wrong;

	if (set == NULL)
		return;
	draft->rules.characters = spell_out(set, &wrong);
	if (draft->rules.characters == NULL)
		refuse(settings, setting, set, wrong != NULL ? wrong : "out of memory; try again");
}

#define FIELD(member) offsetof(struct draft_key, member)

static const struct setting_rule key_rules[] = {
    {.name = "header",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_key_header,
	.example = "\"Idempotency-Key\""},
    {.name = "header_configurable",
	.type = SETTING_BOOLEAN,
	.offset = FIELD(rules.header_configurable),
	.example = "true"},
    {.name = "length_min",
	.type = SETTING_INTEGER,
	.min = 1,
	.max = OWN_KEY_LENGTH,
	.offset = FIELD(length_min),
	.example = "1"},
    {.name = "length_max",
	.type = SETTING_INTEGER,
	.min = OWN_KEY_LENGTH,
	.max = KEY_LENGTH_MAX,
	.offset = FIELD(length_max),
	.example = "50"},
    {.name = "characters", .type = SETTING_OTHER, .read = read_key_characters},
    {.name = "quoted", .type = SETTING_BOOLEAN, .offset = FIELD(rules.quoted), .example = "true"},
    {.name = "retention",
	.type = SETTING_DURATION,
	.min = 20 * MINUTE_MS,
	.max = 400 * DAY_MS,
	.offset = FIELD(retention_ms),
	.example = "\"24h\""},
};

#undef FIELD

static void
read_key(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	struct draft_key draft = {.length_min = 1, .length_max = KEY_LENGTH_MAX};
	const char *wrong;

	if (!settings_is_group(settings, setting, "{ header = \"Idempotency-Key\"; }"))
		return;
	settings_walk(settings, setting, key_rules, COUNT(key_rules), &draft);
	if (config_setting_get_member(setting, "characters") == NULL) {
		draft.rules.characters = spell_out("A-Za-z0-9_-", &wrong);
		if (draft.rules.characters == NULL)
			settings_problem(settings, NULL, "out of memory; try again");
	}
	draft.rules.length_min = (size_t)draft.length_min;
	draft.rules.length_max = (size_t)draft.length_max;
	profile->key = draft.rules;
	profile->key_retention_ms = draft.retention_ms;
	if (draft.rules.quoted && draft.rules.characters != NULL &&
	    strpbrk(draft.rules.characters, "\"\\") != NULL)
		settings_problem(settings, setting,
		    "a quoted key cannot hold \" or \\; write characters = \"!#-[]-~\" or fewer");
}

/* --- login --- */

struct draft_login {
	struct login login;
	int method;
};

static const char *const login_methods[] = {"POST", "PUT", NULL};

static const struct setting_rule member_rules[] = {
    {.name = "member",
	.type = SETTING_STRING,
	.required = true,
	.min = 1,
	.max = 64,
	.offset = offsetof(struct login_member, member),
	.example = "\"user name\""},
    {.name = "setting",
	.type = SETTING_STRING,
	.required = true,
	.min = 1,
	.max = 64,
	.offset = offsetof(struct login_member, setting),
	.example = "\"user_name\""},
};

/* libconfig's own rule for a name: the destination must be able to write it. */
static bool
is_setting_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return name[0] != '\0' && strchr(letters, name[0]) != NULL &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
		   strlen(name);
}

static void
read_member(struct settings *settings, const config_setting_t *setting, struct login *login)
{
	struct login_member *member = &login->members[login->member_count++];

	if (config_setting_type(setting) == CONFIG_TYPE_GROUP) {
		settings_walk(settings, setting, member_rules, COUNT(member_rules), member);
	} else {
		const char *name = settings_string(settings, setting, "\"userName\"");

		if (name == NULL)
			return;
		member->member = settings_copy(settings, name);
		member->setting = settings_copy(settings, name);
	}
	if (member->member == NULL || member->setting == NULL)
		return;
	refuse(settings, setting, member->member, check_utf8(member->member));
	if (!is_setting_name(member->setting))
		refuse(settings, setting, member->setting,
		    "cannot be written as a setting; write { member = \"...\"; setting = "
		    "\"letters_and_digits\"; }");
	for (size_t i = 0; i + 1 < login->member_count; i++)
		if (login->members[i].member != NULL && login->members[i].setting != NULL &&
		    (strcmp(login->members[i].member, member->member) == 0 ||
			strcmp(login->members[i].setting, member->setting) == 0))
			refuse(settings, setting, member->member, "given twice; take one out");
}

static void
read_members(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft_login *draft = target;
	size_t count;

	if (!settings_is_list(
		settings, setting, 1, LOGIN_MEMBERS_MAX, "[\"userName\", \"password\"]", &count))
		return;
	draft->login.members = settings_array(settings, count, sizeof(struct login_member));
	for (size_t i = 0; draft->login.members != NULL && i < count; i++)
		read_member(settings, config_setting_get_elem(setting, (unsigned)i), &draft->login);
}

#define FIELD(member) offsetof(struct draft_login, member)

static const struct setting_rule login_rules[] = {
    {.name = "method",
	.type = SETTING_CHOICE,
	.choices = login_methods,
	.offset = FIELD(method),
	.example = "\"POST\""},
    {.name = "path",
	.type = SETTING_STRING,
	.required = true,
	.min = 1,
	.max = PATH_LENGTH_MAX,
	.offset = FIELD(login.path),
	.example = "\"/api/login\""},
    {.name = "members",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_members,
	.example = "[\"userName\", \"password\"]"},
    {.name = "session_json",
	.type = SETTING_STRING,
	.required = true,
	.min = 1,
	.max = 256,
	.offset = FIELD(login.session_pointer),
	.example = "\"/data/0/sessionId\""},
    {.name = "header",
	.type = SETTING_STRING,
	.required = true,
	.min = 1,
	.max = 64,
	.offset = FIELD(login.header),
	.example = "\"sessionId\""},
    {.name = "lifetime",
	.type = SETTING_DURATION,
	.min = 1000,
	.max = 400 * DAY_MS,
	.offset = FIELD(login.lifetime_ms),
	.example = "\"6h\""},
};

#undef FIELD

static void
read_login(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	struct draft_login draft = {0};
	struct login *login;

	if (!settings_is_group(settings, setting, "{ path = \"/api/login\"; ... }"))
		return;
	login = settings_array(settings, 1, sizeof(*login));
	if (login == NULL)
		return;
	settings_walk(settings, setting, login_rules, COUNT(login_rules), &draft);
	*login = draft.login;
	login->method = settings_copy(settings, login_methods[draft.method]);
	profile->login = login;
	if (login->path != NULL)
		refuse(settings, setting, login->path, check_path(login->path));
	if (login->session_pointer != NULL)
		refuse(settings, setting, login->session_pointer,
		    check_pointer(login->session_pointer));
	if (login->header != NULL &&
	    !refuse(settings, setting, login->header, check_header_name(login->header)))
		refuse(settings, setting, login->header, check_header_free(login->header));
}

/* --- operations --- */

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

	read_header_names(settings, setting, "[\"conversationId\"]", &draft->operation.row_headers,
	    &draft->operation.row_header_count);
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
		refuse(settings, setting, operation->path, check_path(operation->path));
	if (operation->path_pattern != NULL)
		refuse(settings, setting, operation->path_pattern,
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
	if (strlen(name) > OPERATION_NAME_MAX || !is_setting_name(name))
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

static void
read_operations(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct profile *profile = target;
	size_t count = (size_t)config_setting_length(setting);

	if (!settings_is_group(settings, setting, "{ order = { ... }; }"))
		return;
	if (count < 1 || count > OPERATIONS_MAX) {
		settings_problem(
		    settings, setting, "has %zu operations; write 1 to %d", count, OPERATIONS_MAX);
		return;
	}
	profile->operations = settings_array(settings, count, sizeof(*profile->operations));
	for (size_t i = 0; profile->operations != NULL && i < count; i++)
		read_operation(settings, config_setting_get_elem(setting, (unsigned)i),
		    &profile->operations[profile->operation_count++]);
}

static void
read_answers(struct settings *settings, const config_setting_t *setting, void *target)
{
	struct draft *draft = target;

	draft->answers = setting;
	profile_answers_read(settings, setting, target);
}

/* --- the whole --- */

#define FIELD(member) offsetof(struct draft, profile.member)

static const struct setting_rule profile_rules[] = {
    {.name = "base_url", .type = SETTING_OTHER, .read = read_base_url},
    {.name = "required_headers", .type = SETTING_OTHER, .read = read_required_headers},
    {.name = "headers", .type = SETTING_OTHER, .read = read_headers},
    {.name = "key", .type = SETTING_OTHER, .read = read_key},
    {.name = "unprocessed", .type = SETTING_OTHER, .read = read_unprocessed},
    {.name = "unprocessed_if_unexposed",
	.type = SETTING_OTHER,
	.read = read_unprocessed_if_unexposed},
    {.name = "answers_json",
	.type = SETTING_BOOLEAN,
	.offset = FIELD(answers_json),
	.example = "true"},
    {.name = "fetch_prefix", .type = SETTING_OTHER, .read = read_fetch_prefix},
    {.name = "poll_interval",
	.type = SETTING_DURATION,
	.min = 10,
	.max = HOUR_MS,
	.offset = FIELD(poll_interval_ms),
	.example = "\"2s\""},
    {.name = "poll_deadline",
	.type = SETTING_DURATION,
	.min = 100,
	.max = 90 * DAY_MS,
	.offset = FIELD(poll_deadline_ms),
	.example = "\"4m\""},
    {.name = "login", .type = SETTING_OTHER, .read = read_login},
    {.name = "operations",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_operations,
	.example = "{ order = { method = \"POST\"; path = \"/orders\"; kind = \"keyless\"; }; }"},
    {.name = "answers",
	.type = SETTING_OTHER,
	.required = true,
	.read = read_answers,
	.example = "( { name = \"done\"; phase = \"submit\"; status = \"2xx\"; verdict = "
		   "\"succeeded\"; } )"},
};

#undef FIELD

/* One request must not carry the same header twice, from two places. */
static void
check_headers(struct settings *settings, const struct profile *profile)
{
	const config_setting_t *root = settings_root(settings);
	const char *names[3 + 2 * HEADERS_MAX];
	char fixed[HEADERS_MAX][65];
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
			if (named(profile->operations[j].row_headers,
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

/* What RFC 9110 and the usual gateways mean by these: refused before anything was done. */
static void
default_unprocessed(struct settings *settings, struct profile *profile)
{
	static const int usual[] = {401, 421, 425, 429};

	profile->unprocessed = settings_array(settings, COUNT(usual), sizeof(int));
	if (profile->unprocessed == NULL)
		return;
	memcpy(profile->unprocessed, usual, sizeof(usual));
	profile->unprocessed_count = COUNT(usual);
}

/* The file's own name without directory and ".conf". */
static void
read_name(struct settings *settings, struct profile *profile)
{
	const char *slash = strrchr(settings->file, '/');
	const char *start = slash != NULL ? slash + 1 : settings->file;
	size_t length = strlen(start);

	if (length <= strlen(".conf") || strcmp(start + length - strlen(".conf"), ".conf") != 0) {
		settings_problem(settings, NULL, "a profile's file is named NAME.conf; rename it");
		return;
	}
	profile->name = strndup(start, length - strlen(".conf"));
	if (profile->name == NULL)
		settings_problem(settings, NULL, "out of memory; try again");
}

static void
read_profile(struct settings *settings, struct draft *draft)
{
	read_name(settings, &draft->profile);
	settings_walk(
	    settings, settings_root(settings), profile_rules, COUNT(profile_rules), draft);
	if (!draft->unprocessed_given)
		default_unprocessed(settings, &draft->profile);
	/* Half-read parts would only bring problems that are none. */
	if (settings->problem_count == 0) {
		check_headers(settings, &draft->profile);
		check_parts(settings, &draft->profile);
		profile_answers_check(settings, draft->answers, &draft->profile);
	}
}

struct profile *
profile_load(const char *file, struct text *problems)
{
	struct settings settings;
	struct draft *draft = calloc(1, sizeof(*draft));
	struct profile *profile = (struct profile *)draft;

	if (draft == NULL) {
		text_format(problems, "%s: out of memory; try again\n", file);
		return NULL;
	}
	draft->profile.answers_json = true;
	if (settings_open(&settings, file, problems) == 0)
		read_profile(&settings, draft);
	if (settings.problem_count > 0) {
		profile_free(profile);
		profile = NULL;
	}
	settings_close(&settings);
	return profile;
}

static void
free_login(struct login *login)
{
	if (login == NULL)
		return;
	for (size_t i = 0; i < login->member_count; i++) {
		free(login->members[i].member);
		free(login->members[i].setting);
	}
	free(login->members);
	free(login->method);
	free(login->path);
	free(login->session_pointer);
	free(login->header);
	free(login);
}

void
profile_free(struct profile *profile)
{
	if (profile == NULL)
		return;
	for (size_t i = 0; i < profile->operation_count; i++) {
		struct operation *operation = &profile->operations[i];

		free(operation->name);
		free(operation->method);
		free(operation->path);
		free(operation->path_pattern);
		settings_free_strings(operation->row_headers, operation->row_header_count);
	}
	free(profile->operations);
	profile_answers_free(profile->rules, profile->rule_count);
	free_login(profile->login);
	settings_free_strings(profile->required_headers, profile->required_header_count);
	settings_free_strings(profile->fixed_headers, profile->fixed_header_count);
	free(profile->key.header);
	free(profile->key.characters);
	free(profile->unprocessed);
	free(profile->unprocessed_if_unexposed);
	free(profile->fetch_prefix);
	free(profile->base_url);
	free(profile->name);
	free(profile);
}
