/*
 * cmd_check.c - outboxd check: configuration, profiles, credentials and database. Nothing is sent,
 * nothing is changed.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "edge/lock.h"
#include "edge/witness.h"

static void
check_owner(const struct config *config)
{
	int64_t holder = lock_holder(config->database);

	if (holder > 0)
		(void)printf("daemon: running, pid %lld\n", (long long)holder);
	else
		(void)printf("daemon: not running\n");
}

/* 1 when the operator must adopt the database. */
static int
check_witness(const struct config *config, struct store *store)
{
	struct store_identity identity;
	struct witness found;
	struct witness now = {.epoch = 0};
	struct text why;
	enum witness_found present = witness_read(config->state_dir, &found);
	int result;

	if (store_identity(store, &identity) != STORE_OK ||
	    witness_place(config->database, &now) == -1)
		return 0;
	memcpy(now.database_id, identity.database_id, sizeof(now.database_id));
	now.epoch = identity.epoch;
	now.write_counter = identity.write_counter;
	now.outbox_id_max = identity.outbox_id_max;
	text_init(&why, 2048);
	result = present == WITNESS_UNREADABLE
		     ? 1
		     : witness_compare(present == WITNESS_FOUND ? &found : NULL, &now, &why);
	if (result != 0)
		command_say("%s", present == WITNESS_UNREADABLE
				      ? "the witness in state_dir cannot be read"
				      : text_string(&why));
	text_free(&why);
	return result;
}

static int
check_database(const struct config *config)
{
	struct text triggers;
	int code = EXIT_CONFIG;
	struct store *store = command_store(config, &code);

	if (store == NULL)
		return code;
	(void)printf("database: %s, schema %d\n", config->database, store_schema_version());
	text_init(&triggers, 16 * 1024);
	if (store_foreign_triggers(store, &triggers) == STORE_OK && triggers.length > 0)
		(void)printf("note: these triggers do not run for what outboxd writes:\n%s",
		    text_string(&triggers));
	text_free(&triggers);
	code = check_witness(config, store) == 0 ? EXIT_FINE : EXIT_TEMPORARY;
	store_close(store);
	return code;
}

static int
check(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
	const char *file = NULL;
	struct config *config;
	bool fit;
	int option;
	int code = EXIT_CONFIG;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'c')
			return command_usage(command, NULL);
		file = optarg;
	}
	if (optind != argc)
		return command_usage(command, "what is \"%s\"?", argv[optind]);
	if (file == NULL)
		return command_usage(command, "say which configuration: --config FILE");
	config = command_config(file, true, &code);
	if (config == NULL)
		return code;
	for (size_t i = 0; i < config->destination_count; i++)
		(void)printf("destination %s: profile %s, %s\n", config->destinations[i].name,
		    config->destinations[i].profile->name, config->destinations[i].base_url);
	check_owner(config);
	fit = command_place(config);
	code = check_database(config);
	if (code == EXIT_FINE && !fit)
		code = EXIT_CONFIG;
	if (code == EXIT_FINE)
		(void)printf("all is well\n");
	config_free(config);
	return code;
}

const struct command command_check = {
    .name = "check",
    .usage = "--config FILE",
    .summary = "validate configuration, profiles, credentials and database; nothing is sent",
    .run = check,
};
