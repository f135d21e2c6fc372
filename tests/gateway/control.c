/* control.c - /_fake/...: script, logs, counts and reset, for tests and for hands. */
#include "gateway.h"

#include <string.h>

static bool
control_identify(const struct world *world, struct exchange *exchange)
{
	(void)world;
	return strncmp(exchange->path, "/_fake/", 7) == 0;
}

static void
add_script(struct world *world, struct exchange *exchange)
{
	struct text error = {NULL, 0, 0};

	if (script_add(&world->script, text_get(&exchange->body), &error) == 0)
		answer_set(&exchange->answer, 200, "ok\n");
	else
		answer_set(&exchange->answer, 400, "%s", text_get(&error));
	text_free(&error);
	exchange->answer.content_type = "text/plain";
}

static void
control_serve(struct world *world, struct exchange *exchange)
{
	struct answer *answer = &exchange->answer;

	answer_set(answer, 200, "%s", "");
	if (exchange_is(exchange, "POST", "/_fake/script")) {
		add_script(world, exchange);
	} else if (exchange_is(exchange, "GET", "/_fake/script")) {
		text_puts(&answer->body, text_get(&world->script.source));
		answer->content_type = "text/plain";
	} else if (exchange_is(exchange, "GET", "/_fake/effects")) {
		ledger_array(&world->ledger, LEDGER_EFFECTS, &answer->body);
	} else if (exchange_is(exchange, "GET", "/_fake/requests")) {
		ledger_array(&world->ledger, LEDGER_REQUESTS, &answer->body);
	} else if (exchange_is(exchange, "GET", "/_fake/counts")) {
		ledger_counts(&world->ledger, &answer->body);
	} else if (exchange_is(exchange, "POST", "/_fake/reset")) {
		world_reset(world);
		answer_set(answer, 200, "ok\n");
		answer->content_type = "text/plain";
	} else {
		answer_set(answer, 404,
		    "POST /_fake/script | GET /_fake/script, effects, requests, counts | POST "
		    "/_fake/reset\n");
		answer->content_type = "text/plain";
	}
}

const struct dialect control_dialect = {"fake", control_identify, control_serve};
