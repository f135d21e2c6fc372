/* serve.c - the life of one request: identify, meet the script, serve, bend, note. */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jobs.h"
#include "keys.h"
#include "memory.h"

static const struct dialect *const dialects[] = {
    &control_dialect,
    &riverty_dialect,
    &travlinq_dialect,
    &vrio_dialect,
    &generic_dialect,
};

static void
serve_nowhere(struct world *world, struct exchange *exchange)
{
	(void)world;
	answer_set(&exchange->answer, 404,
	    "{\"error\":{\"code\":\"not_found\",\"message\":\"no gateway answers %s here; "
	    "fakegw --help lists the paths\"}}\n",
	    exchange->method);
}

static bool
identify_nowhere(const struct world *world, struct exchange *exchange)
{
	(void)world;
	exchange->operation = "-";
	exchange->phase = strcmp(exchange->method, "GET") == 0 ? PHASE_POLL : PHASE_SUBMIT;
	strcpy(exchange->reference, "-");
	return true;
}

static const struct dialect nowhere = {"-", identify_nowhere, serve_nowhere};

static void
identify(const struct world *world, struct exchange *exchange)
{
	size_t length = strcspn(exchange->target, "?");

	exchange->path = strndup(exchange->target, length);
	if (exchange->path == NULL)
		abort();
	exchange->query = exchange->target + length + (exchange->target[length] == '?');
	if (exchange->body.length > 0)
		exchange->json = cJSON_ParseWithLength(exchange->body.data, exchange->body.length);
	exchange->dialect = &nowhere;
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (dialects[i]->identify(world, exchange)) {
			exchange->dialect = dialects[i];
			break;
		}
	}
	if (exchange->dialect == &nowhere)
		nowhere.identify(world, exchange);
}

static void
hash_request(struct exchange *exchange)
{
	const char *key = exchange->key == NULL ? "" : exchange->key;
	const struct bytes parts[] = {
	    {exchange->method, strlen(exchange->method)},
	    {exchange->target, strlen(exchange->target)},
	    {key, strlen(key)},
	    {text_get(&exchange->body), exchange->body.length},
	};

	sha256_text(parts, 4, exchange->hash);
}

/* The names of all faults met, joined by commas; the one that broke the answer comes first. */
static void
join_faults(const struct exchange *exchange, struct text *names)
{
	for (size_t i = 0; i < GROUP_COUNT; i++) {
		const struct fault *fault = exchange->faults.of[i];

		if (fault == NULL)
			continue;
		text_printf(names, "%s%s%s", names->length > 0 ? "," : "", fault_name(fault->kind),
		    i <= GROUP_STATUS && fault->before ? "(before)" : "");
	}
}

static void
print_line(const struct request_note *note)
{
	time_t now = time(NULL);
	struct tm local;
	char when[16];
	char status[16];

	localtime_r(&now, &local);
	strftime(when, sizeof(when), "%H:%M:%S", &local);
	if (note->status == 0)
		strcpy(status, "no answer");
	else
		snprintf(status, sizeof(status), "%d", note->status);
	printf("%s #%lu %s %s %s  reference=%s", when, note->n, note->gateway, note->method,
	    note->target, note->reference);
	if (note->key != NULL)
		printf(" key=%s", note->key);
	printf("  -> %s%s%s%s", status, note->effect ? "  EFFECT" : "",
	    note->replay ? "  replay" : "", note->stale ? "  old URL" : "");
	if (note->fault != NULL)
		printf("  [%s]", note->fault);
	printf("\n");
	fflush(stdout);
}

static void
note_request(struct world *world, struct exchange *exchange, const char *fault)
{
	struct text names = {NULL, 0, 0};
	struct request_note note = {
	    .n = exchange->n,
	    .connection = exchange->connection_number,
	    .gateway = exchange->dialect->name,
	    .method = exchange->method,
	    .target = exchange->target,
	    .phase = phase_name(exchange->phase),
	    .reference = exchange->reference,
	    .key = exchange->key,
	    .hash = exchange->hash,
	    .body_length = exchange->body.length,
	    .status = exchange->answer.status,
	    .effect = exchange->effect,
	    .replay = exchange->replay,
	    .stale = exchange->stale,
	};

	join_faults(exchange, &names);
	if (exchange_broken_by(exchange) != NULL)
		note.status = 0;
	note.fault = fault != NULL ? fault : names.data;
	exchange->noted = true;
	ledger_request(&world->ledger, &note);
	if (!world->quiet)
		print_line(&note);
	text_free(&names);
}

static bool
fails_before(const struct exchange *exchange)
{
	const struct fault *transport = exchange_fault(exchange, GROUP_TRANSPORT);
	const struct fault *status = exchange_fault(exchange, GROUP_STATUS);

	return (transport != NULL && transport->before) || (status != NULL && status->before);
}

void
world_serve(struct world *world, struct exchange *exchange)
{
	struct text error = {NULL, 0, 0};

	identify(world, exchange);
	if (exchange->dialect == &control_dialect) {
		exchange->noted = true;
		control_dialect.serve(world, exchange);
		return;
	}
	exchange->n = ++world->requests;
	hash_request(exchange);
	if (script_refresh(&world->script, &error) != 0)
		fprintf(stderr, "fakegw: the old script stays: %s", text_get(&error));
	text_free(&error);
	script_meet(&world->script, exchange->operation, exchange->reference, exchange->phase,
	    &exchange->faults);
	if (fails_before(exchange))
		answer_set(&exchange->answer, 500,
		    "{\"error\":{\"code\":\"scripted\",\"message\":\"failed before any effect\"}}");
	else
		exchange->dialect->serve(world, exchange);
	bend_answer(exchange);
	note_request(world, exchange, NULL);
}

void
world_note_incomplete(struct world *world, struct exchange *exchange)
{
	identify(world, exchange);
	exchange->noted = true;
	if (exchange->dialect == &control_dialect)
		return;
	exchange->n = ++world->requests;
	hash_request(exchange);
	note_request(world, exchange, "incomplete request");
}

void
world_reset(struct world *world)
{
	map_clear(&world->keys);
	map_clear(&world->orders);
	map_clear(&world->jobs);
	map_clear(&world->old_urls);
	map_clear(&world->sessions);
	memory_reset(world);
	script_reset(&world->script);
	ledger_reset(&world->ledger);
}

void
world_close(struct world *world)
{
	map_clear(&world->keys);
	map_clear(&world->orders);
	map_clear(&world->jobs);
	map_clear(&world->old_urls);
	map_clear(&world->sessions);
	memory_close(world);
	script_close(&world->script);
	ledger_close(&world->ledger);
}
