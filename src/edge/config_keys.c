/*
 * config_keys.c - what a destination says about idempotency keys, against what its profile allows.
 */
#include <string.h>

#include "edge/checks.h"
#include "edge/config_destination.h"

/* The margin before a key expires is 15 min at least: less than this leaves nothing to work with.
 */
#define KEY_RETENTION_MIN_MS INT64_C(1200000)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
has_keyed(const struct profile *profile)
{
	for (size_t i = 0; i < profile->operation_count; i++)
		if (profile->operations[i].kind == KIND_KEYED)
			return true;
	return false;
}

static void
refuse_keys(const struct destination_reading *reading)
{
	static const char *const names[] = {"key_retention", "key_header", "key_quoted", "replay"};

	for (size_t i = 0; i < COUNT(names); i++)
		if (config_given(reading, names[i]) != NULL)
			settings_problem(reading->settings, config_given(reading, names[i]),
			    "profile \"%s\" has no keyed operation; take this out",
			    reading->profile->name);
}

static void
read_key_header(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "key_header");
	const struct key_rules *key = &reading->profile->key;
	const char *name = reading->draft->key_header;

	if (setting != NULL && !key->header_configurable) {
		settings_problem(reading->settings, setting,
		    "profile \"%s\" fixes the key's header to %s; take this out",
		    reading->profile->name, key->header);
		return;
	}
	if (name != NULL && (config_refuse(reading->settings, setting, check_header_name(name)) ||
				config_refuse(reading->settings, setting, check_header_free(name))))
		return;
	destination->key_header =
	    settings_copy(reading->settings, name != NULL ? name : key->header);
	destination->key_quoted =
	    config_given(reading, "key_quoted") != NULL ? reading->draft->key_quoted : key->quoted;
	if (destination->key_quoted && strpbrk(key->characters, "\"\\") != NULL)
		settings_problem(reading->settings, config_given(reading, "key_quoted"),
		    "profile \"%s\" allows \" or \\ in keys, which cannot be quoted; take this "
		    "out, or "
		    "narrow characters in the profile",
		    reading->profile->name);
}

static void
read_key(const struct destination_reading *reading)
{
	struct destination *destination = &reading->draft->destination;
	const config_setting_t *setting = config_given(reading, "key_retention");

	read_key_header(reading);
	if (setting == NULL) {
		destination->key_retention_ms = reading->profile->key_retention_ms;
		if (destination->key_retention_ms == 0)
			settings_problem(reading->settings, reading->group,
			    "key_retention is missing: how long the gateway remembers an "
			    "idempotency key (no "
			    "default, ask the gateway); write for instance key_retention = "
			    "\"24h\";");
	} else if (destination->key_retention_ms > 0 && !destination->allow_plain_loopback &&
		   destination->key_retention_ms < KEY_RETENTION_MIN_MS) {
		settings_problem(reading->settings, setting,
		    "out of range: keys are not used in the last 10 %% (15 minutes at least) of "
		    "this time; "
		    "write \"20m\" to \"400d\"");
	}
	destination->replay_set = config_given(reading, "replay") != NULL;
	destination->replay = (enum replay)reading->draft->replay;
}

void
config_keys_read(const struct destination_reading *reading)
{
	if (has_keyed(reading->profile))
		read_key(reading);
	else
		refuse_keys(reading);
}
