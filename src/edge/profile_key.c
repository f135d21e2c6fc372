/*
 * profile_key.c - the parts of a profile that identify: "key" (the order, to the gateway) and
 * "login" (the merchant).
 */
#include <stdlib.h>
#include <string.h>

#include "edge/checks.h"
#include "edge/profile_parts.h"

enum {
	OWN_KEY_LENGTH = 36, /* outboxd's own keys: a lower-case UUID */
	KEY_LENGTH_MAX = 255,
	LOGIN_MEMBERS_MAX = 16,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)

static const char own_key_characters[] = "0123456789abcdef-";

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

	if (name != NULL && !profile_refuse(settings, setting, name, check_header_name(name)) &&
	    !profile_refuse(settings, setting, name, check_header_free(name)))
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
		profile_refuse(
		    settings, setting, set, wrong != NULL ? wrong : "out of memory; try again");
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

void
profile_key_read(struct settings *settings, const config_setting_t *setting, void *target)
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
	profile_refuse(settings, setting, member->member, check_utf8(member->member));
	if (!check_is_setting_name(member->setting))
		profile_refuse(settings, setting, member->setting,
		    "cannot be written as a setting; write { member = \"...\"; setting = "
		    "\"letters_and_digits\"; }");
	for (size_t i = 0; i + 1 < login->member_count; i++)
		if (login->members[i].member != NULL && login->members[i].setting != NULL &&
		    (strcmp(login->members[i].member, member->member) == 0 ||
			strcmp(login->members[i].setting, member->setting) == 0))
			profile_refuse(
			    settings, setting, member->member, "given twice; take one out");
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

void
profile_login_read(struct settings *settings, const config_setting_t *setting, void *target)
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
		profile_refuse(settings, setting, login->path, check_path(login->path));
	if (login->session_pointer != NULL)
		profile_refuse(settings, setting, login->session_pointer,
		    check_pointer(login->session_pointer));
	if (login->header != NULL &&
	    !profile_refuse(settings, setting, login->header, check_header_name(login->header)))
		profile_refuse(settings, setting, login->header, check_header_free(login->header));
}

void
profile_login_free(struct login *login)
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
