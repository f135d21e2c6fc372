/* keys.h - answers kept under idempotency keys. */
#ifndef FAKEGW_KEYS_H
#define FAKEGW_KEYS_H

#include "gateway.h"

enum key_state {
	KEY_NEW,
	KEY_REPLAY, /* the stored answer is in exchange->answer */
	KEY_OTHER_PATH,
	KEY_OTHER_BODY,
	KEY_IN_PROGRESS,
};

struct stored {
	char target_hash[SHA256_TEXT_SIZE]; /* method and target */
	char body_hash[SHA256_TEXT_SIZE];
	struct answer answer;
	int64_t kept_until_ms; /* steady */
	bool busy;             /* its answer is still on its way */
};

/* What the gateway knows of the exchange's key (not NULL). Obeys forget-key and in-progress. */
enum key_state keys_look(struct world *world, struct exchange *exchange);

/* Keeps exchange->answer under the key. busy: until keys_done, another request meets
 * KEY_IN_PROGRESS. */
void keys_keep(struct world *world, struct exchange *exchange, bool busy);

/* The answer of the exchange has left (or never will). */
void keys_done(struct world *world, struct exchange *exchange);

void stored_free(void *value);

#endif
