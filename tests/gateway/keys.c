/* keys.c - the idempotency store: first answer, retention, misuse; see keys.h. */
#include "keys.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static char *
keys_name(const struct exchange *exchange)
{
	struct text name = {NULL, 0, 0};

	text_printf(&name, "%s\n%s", exchange->dialect->name, exchange->key);
	return name.data;
}

static void
hash_parts(const struct exchange *exchange, char target[], char body[])
{
	const struct bytes line[] = {{exchange->method, strlen(exchange->method)},
	    {exchange->target, strlen(exchange->target)}};
	const struct bytes bytes = {text_get(&exchange->body), exchange->body.length};

	sha256_text(line, 2, target);
	sha256_text(&bytes, 1, body);
}

enum key_state
keys_look(struct world *world, struct exchange *exchange)
{
	char target[SHA256_TEXT_SIZE];
	char body[SHA256_TEXT_SIZE];
	char *name = keys_name(exchange);
	struct stored *stored = map_get(&world->keys, name);
	enum key_state state = KEY_NEW;

	if (stored != NULL && (faults_have(&exchange->faults, FAULT_FORGET_KEY) ||
				  stored->kept_until_ms <= clock_steady_ms())) {
		map_remove(&world->keys, name);
		stored = NULL;
	}
	if (faults_have(&exchange->faults, FAULT_IN_PROGRESS)) {
		state = KEY_IN_PROGRESS;
	} else if (stored != NULL) {
		hash_parts(exchange, target, body);
		if (strcmp(target, stored->target_hash) != 0)
			state = KEY_OTHER_PATH;
		else if (strcmp(body, stored->body_hash) != 0)
			state = KEY_OTHER_BODY;
		else if (stored->busy)
			state = KEY_IN_PROGRESS;
		else
			state = KEY_REPLAY;
	}
	if (state == KEY_REPLAY) {
		answer_copy(&exchange->answer, &stored->answer);
		exchange->replay = true;
	}
	free(name);
	return state;
}

void
keys_keep(struct world *world, struct exchange *exchange, bool busy)
{
	struct stored *stored = must_calloc(sizeof(*stored));
	char *name = keys_name(exchange);

	hash_parts(exchange, stored->target_hash, stored->body_hash);
	answer_copy(&stored->answer, &exchange->answer);
	stored->kept_until_ms = clock_steady_ms() + world->key_retention_ms;
	stored->busy = busy;
	map_put(&world->keys, name, stored);
	memory_keep_key(world, name, stored);
	if (busy)
		exchange->busy_key = name;
	else
		free(name);
}

void
keys_done(struct world *world, struct exchange *exchange)
{
	struct stored *stored;

	if (exchange->busy_key == NULL)
		return;
	stored = map_get(&world->keys, exchange->busy_key);
	if (stored != NULL)
		stored->busy = false;
	free(exchange->busy_key);
	exchange->busy_key = NULL;
}

void
stored_free(void *value)
{
	struct stored *stored = value;

	answer_free(&stored->answer);
	free(stored);
}
