/* riverty.c - authorize, captures, refunds, voids: keyed by X-Idempotency-Key, first answer
 * replayed. */
#include "gateway.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "memory.h"

static bool
riverty_identify(const struct world *world, struct exchange *exchange)
{
	static const char *const pointers[] = {"/order/number", "/orderNumber", NULL};

	(void)world;
	if (exchange_is(exchange, "POST", "/api/v3/checkout/authorize"))
		exchange->operation = "authorize";
	else if (exchange_is(exchange, "POST", "/api/v3/orders/*/captures"))
		exchange->operation = "capture";
	else if (exchange_is(exchange, "POST", "/api/v3/orders/*/refunds"))
		exchange->operation = "refund";
	else if (exchange_is(exchange, "POST", "/api/v3/orders/*/voids"))
		exchange->operation = "void";
	else
		return false;
	exchange->phase = PHASE_SUBMIT;
	exchange->key = exchange_header(exchange, "X-Idempotency-Key");
	exchange_refer(exchange, pointers);
	return true;
}

/* Riverty's errors are a list of these. */
static void
refuse(
    struct exchange *exchange, int status, const char *type, const char *code, const char *message)
{
	answer_set(&exchange->answer, status,
	    "[{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"%s\",\"actionCode\":\"Unavailable\"}]",
	    type, code, message);
}

static bool
key_is_good(const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '-' && key[i] != '_')
			return false;
	return length >= 1 && length <= 50;
}

static void
authorize(struct world *world, struct exchange *exchange)
{
	char order[NAME_SIZE];
	char reservation[UUID_SIZE];
	char checkout[UUID_SIZE];
	const char *outcome = "Accepted";

	if (!json_text_at(exchange->json, "/order/number", order, sizeof(order)) &&
	    !json_text_at(exchange->json, "/reference", order, sizeof(order))) {
		refuse(exchange, 400, "BusinessError", "400.001",
		    "order number is missing: /order/number");
		return;
	}
	if (map_get(&world->orders, order) != NULL) {
		refuse(exchange, 400, "BusinessError", "400.105", "order number already used");
		return;
	}
	if (faults_have(&exchange->faults, FAULT_REJECT)) {
		uuid_new(checkout);
		answer_set(&exchange->answer, 200,
		    "{\"outcome\":\"Rejected\",\"checkoutId\":\"%s\",\"riskCheckMessages\":[{"
		    "\"type\":"
		    "\"BusinessError\",\"code\":\"200.103\",\"message\":\"The order cannot be "
		    "accepted\","
		    "\"customerFacingMessage\":\"Please choose another payment method\"}]}",
		    checkout);
		return;
	}
	if (faults_have(&exchange->faults, FAULT_ACTION_REQUIRED))
		outcome = "Pending";
	uuid_new(reservation);
	uuid_new(checkout);
	map_put(&world->orders, order, must_strdup("used"));
	memory_keep_order(world, order);
	exchange_effect(world, exchange, "authorize", reservation);
	answer_set(&exchange->answer, 200,
	    "{\"outcome\":\"%s\",\"reservationId\":\"%s\",\"checkoutId\":\"%s\"%s}", outcome,
	    reservation, checkout,
	    *outcome == 'P' ? ",\"secureLoginUrl\":\"https://login.example/strong\"" : "");
}

static void
manage(struct world *world, struct exchange *exchange)
{
	char number[UUID_SIZE];
	char amount[64] = "0.00";

	if (faults_have(&exchange->faults, FAULT_REJECT)) {
		refuse(
		    exchange, 400, "BusinessError", "400.301", "the amount exceeds what is left");
		return;
	}
	uuid_new(number);
	json_source_of(text_get(&exchange->body), "totalGrossAmount", amount, sizeof(amount));
	exchange_effect(world, exchange, exchange->operation, number);
	if (strcmp(exchange->operation, "capture") == 0)
		answer_set(&exchange->answer, 200,
		    "{\"capturedAmount\":%s,\"authorizedAmount\":%s,\"remainingAuthorizedAmount\":"
		    "0.00,"
		    "\"captureNumber\":\"%s\"}",
		    amount, amount, number);
	else if (strcmp(exchange->operation, "refund") == 0)
		answer_set(&exchange->answer, 200,
		    "{\"totalCapturedAmount\":%s,\"totalAuthorizedAmount\":0.00,\"refundNumbers\":["
		    "\"%s\"]}",
		    amount, number);
	else
		answer_set(&exchange->answer, 200,
		    "{\"totalCapturedAmount\":0.00,\"totalAuthorizedAmount\":0.00,"
		    "\"remainingAuthorizedAmount\":0.00,\"voidNumber\":\"%s\"}",
		    number);
}

/* True when there is nothing left to do: the answer is set. */
static bool
answered_by_key(struct world *world, struct exchange *exchange)
{
	switch (keys_look(world, exchange)) {
	case KEY_NEW:
		return false;
	case KEY_REPLAY:
		return true;
	case KEY_OTHER_PATH:
		refuse(exchange, 400, "BusinessError", "400.901",
		    "this idempotency key was used at another endpoint");
		return true;
	case KEY_OTHER_BODY:
		refuse(exchange, 409, "BusinessError", "409.902",
		    "this idempotency key was used with other transaction data");
		return true;
	case KEY_IN_PROGRESS:
		refuse(exchange, 409, "BusinessError", "409.903",
		    "a request with this idempotency key is in progress");
		return true;
	}
	return false;
}

static void
riverty_serve(struct world *world, struct exchange *exchange)
{
	const char *credential = exchange_header(exchange, "X-Auth-Key");

	if (credential == NULL || *credential == '\0') {
		refuse(exchange, 401, "Unauthorized", "401.001", "X-Auth-Key is missing");
		return;
	}
	if (exchange->key != NULL && !key_is_good(exchange->key)) {
		refuse(exchange, 400, "BusinessError", "400.900",
		    "an idempotency key has 1 to 50 letters, digits, hyphens and underscores");
		return;
	}
	if (exchange->json == NULL && exchange->body.length > 0) {
		refuse(exchange, 400, "BusinessError", "400.000", "the body is not JSON");
		return;
	}
	if (exchange->key != NULL && answered_by_key(world, exchange))
		return;
	if (strcmp(exchange->operation, "authorize") == 0)
		authorize(world, exchange);
	else
		manage(world, exchange);
	if (exchange->key != NULL)
		keys_keep(world, exchange, false);
}

const struct dialect riverty_dialect = {"riverty", riverty_identify, riverty_serve};
