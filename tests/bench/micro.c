/*
 * micro.c - what our own additions cost a transaction: rules, strict JSON, key, hash, card check.
 * Time, and instructions under callgrind, which are the same on a busy machine.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/figure.h"
#include "bench/gateway.h"
#include "bench/harness.h"
#include "core/card.h"
#include "core/key.h"
#include "core/reply.h"
#include "core/verdict.h"
#include "edge/config.h"

static const char request[] =
    "{\"order\":{\"number\":\"A-1001\",\"totalGrossAmount\":49.90,\"currency\":\"EUR\","
    "\"items\":[{\"id\":\"sku-4711\",\"text\":\"Blue shirt, size "
    "M\",\"quantity\":1,\"grossUnitPrice\":49.90},"
    "{\"id\":\"sku-4712\",\"text\":\"Socks\",\"quantity\":2,\"grossUnitPrice\":4.90}]},"
    "\"customer\":{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"email\":\"jane.doe@example.com\"}"
    "}";
static const char answer_body[] = "{\"outcome\":\"Accepted\",\"checkoutId\":\"4b0c1f2e-9f6c-4b0e-"
				  "8a52-0d2d6a1f7c11\",\"reservationId\":"
				  "\"7f3a-11-884201\",\"customer\":{\"customerNumber\":\"100234\","
				  "\"firstName\":\"Jane\",\"lastName\":\"Doe\"},"
				  "\"expiresAt\":\"2030-01-01\"}";

/* What the pieces work on. */
struct bench_of_micro {
	struct config *config;
	struct reply *answer;
	struct key_maker *key_maker;
};

static void
parse_request(struct bench_of_micro *on)
{
	const char *why;

	(void)on;
	reply_free(reply_parse(request, sizeof(request) - 1, &why));
}

static void
card_request(struct bench_of_micro *on)
{
	const char *what;
	const char *why;

	(void)on;
	if (card_in_json(request, sizeof(request) - 1, &what, &why) || why != NULL)
		die("a card number where there is none");
}

static void
card_answer(struct bench_of_micro *on)
{
	const char *what;

	if (card_in_reply(on->answer, &what))
		die("a card number where there is none");
}

static void
derive_key(struct bench_of_micro *on)
{
	struct key_input input = {.destination = "shop0",
	    .operation = "post",
	    .method = "POST",
	    .path = "/d/1001",
	    .reference = "r-1001",
	    .id = 1001,
	    .created_at = 1790000000000,
	    .body = request,
	    .body_length = sizeof(request) - 1};
	char key[KEY_TEXT_SIZE];

	if (key_derive(on->key_maker, &input, key) == -1)
		die("no key");
}

static void
hash_request(struct bench_of_micro *on)
{
	struct key_request what = {.kind = KIND_KEYED,
	    .method = "POST",
	    .url = "http://127.0.0.1:8080/d/1001",
	    .key_header = "Idempotency-Key",
	    .key = "00000000-0000-4000-8000-000000001001",
	    .content_type = "application/json",
	    .body = request,
	    .body_length = sizeof(request) - 1};
	unsigned char hash[KEY_HASH_SIZE];

	(void)on;
	if (key_request_hash(&what, hash) == -1)
		die("no hash");
}

static const char *
no_header(const void *source, const char *name)
{
	(void)source;
	(void)name;
	return NULL;
}

static void
judge(struct bench_of_micro *on)
{
	const struct destination *destination = &on->config->destinations[0];
	struct verdict_context context = {.profile = destination->profile,
	    .operation = profile_operation(destination->profile, "post"),
	    .unprocessed = destination->unprocessed,
	    .unprocessed_count = destination->unprocessed_count};
	struct answer answer = {.phase = PHASE_SUBMIT,
	    .evidence = EVIDENCE_ANSWERED,
	    .http_status = 200,
	    .header = no_header,
	    .body = answer_body,
	    .body_length = sizeof(answer_body) - 1};
	struct verdict verdict;

	if (verdict_judge(&context, &answer, &verdict) == -1 || verdict.class != CLASS_SUCCEEDED)
		die("the answer was not understood");
	verdict_free(&verdict);
}

static const struct piece {
	const char *name;
	const char *label;
	void (*work)(struct bench_of_micro *on);
	double instructions_at_most; /* measured with gcc 12 on Debian 12, and a tenth */
} pieces[] = {
    {"json", "a JSON tree of the request (parse, free; not used for it)", parse_request, 0},
    {"card", "strict JSON and card check of a request", card_request, 8600},
    {"card-answer", "card check of an answer", card_answer, 6100},
    {"key", "key derivation", derive_key, 10700},
    {"hash", "hash of the request", hash_request, 19200},
    {"judge", "profile rules on an answer, with its parse", judge, 19600},
};
/* The same, of everything. */
#define DAEMON_INSTRUCTIONS_AT_MOST 292000
enum { PIECE_COUNT = sizeof(pieces) / sizeof(pieces[0]) };

static void
set_up(struct bench_of_micro *on, const char *config)
{
	static const unsigned char secret[KEY_SECRET_SIZE];
	struct text problems;
	const char *why;

	text_init(&problems, 4096);
	memset(on, 0, sizeof(*on));
	on->config = config_load(config, &problems);
	if (on->config == NULL)
		die("%s", text_string(&problems));
	on->answer = reply_parse(answer_body, sizeof(answer_body) - 1, &why);
	if (on->answer == NULL)
		die("%s", why);
	on->key_maker = key_maker_new(secret);
	if (on->key_maker == NULL)
		die("no keys");
	text_free(&problems);
}

static void
tear_down(struct bench_of_micro *on)
{
	key_maker_free(on->key_maker);
	reply_free(on->answer);
	config_free(on->config);
}

/* The hidden subcommand: "piece CONFIG NAME TIMES", for callgrind. */
int
piece_main(int argc, char **argv)
{
	struct bench_of_micro on;

	if (argc != 4)
		return 64;
	set_up(&on, argv[1]);
	for (int i = 0; i < PIECE_COUNT; i++)
		for (int n = 0; strcmp(pieces[i].name, argv[2]) == 0 && n < atoi(argv[3]); n++)
			pieces[i].work(&on);
	tear_down(&on);
	return 0;
}

static void
open_shop(struct shop *shop, const char *url)
{
	struct destination_plan plan = {.name = "shop0", .profile = "generic", .concurrency = 64};

	(void)snprintf(plan.base_url, sizeof(plan.base_url), "%s", url);
	shop_open(shop, &plan, 1, NULL);
}

void
bench_micro(void)
{
	struct samples times[PIECE_COUNT];
	struct samples parse = {0};
	int turns = settings.quick ? 2000 : 50000;
	struct bench_of_micro on;
	struct shop shop;

	memset(times, 0, sizeof(times));
	open_shop(&shop, "http://127.0.0.1:1");
	set_up(&on, shop.config);
	for (int run = 0; run < settings.runs; run++)
		for (int i = 0; i < PIECE_COUNT; i++) {
			int64_t begin = now_ns();

			for (int n = 0; n < turns; n++)
				pieces[i].work(&on);
			sample(&times[i], (double)(now_ns() - begin) / 1e3 / turns);
			if (i == 0)
				sample(&parse, times[0].value[run]);
		}
	tear_down(&on);
	shop_close(&shop);
	for (int i = 0; i < PIECE_COUNT; i++)
		figure_add(&(struct figure){.bench = "micro",
		    .name = pieces[i].label,
		    .unit = "us",
		    .value = times[i],
		    .reference = i == 0 ? NULL : "strict JSON of a request",
		    .reference_value = parse});
}

/* --- instructions --- */

static double
collected(const char *text)
{
	const char *line = strstr(text, "Collected : ");

	if (line == NULL)
		die("callgrind counted nothing:\n%s", text);
	return strtod(line + strlen("Collected : "), NULL);
}

static double
count_piece(const struct shop *shop, const char *name, const char *times)
{
	char program[600];
	char config[700];
	char *argv[] = {"valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
	    "piece", config, (char *)(uintptr_t)name, (char *)(uintptr_t)times, NULL};
	int status = 0;
	double count;
	char *text;

	(void)snprintf(program, sizeof(program), "%s/bench", settings.build);
	(void)snprintf(config, sizeof(config), "%s", shop->config);
	text = process_output(argv, &status);
	count = collected(text);
	free(text);
	return count;
}

/* The whole daemon, from start to stop, over so many rows. */
static double
count_drain(const char *url, int64_t rows)
{
	char program[600];
	char errors[700];
	char *run[] = {"valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
	    "run", "--config", NULL, NULL};
	static char text[65536];
	struct shop shop;
	double count;
	size_t length;
	FILE *file;

	open_shop(&shop, url);
	shop_fill(&shop, "shop0", "post", rows);
	progress("instructions: draining %lld rows", (long long)rows);
	(void)snprintf(program, sizeof(program), "%s/outboxd", settings.build);
	(void)snprintf(errors, sizeof(errors), "%s/callgrind", shop.directory);
	run[6] = shop.config;
	shop.daemon = process_start(run, NULL, errors);
	(void)shop_wait_drained(&shop, 300);
	shop_expect(&shop, "succeeded", rows);
	process_stop(shop.daemon, SIGTERM);
	shop.daemon = 0;
	/* The count stands at the end, behind a line or two for each row. */
	file = fopen(errors, "re");
	if (file == NULL)
		die("callgrind said nothing");
	(void)fseek(file, -(long)sizeof(text) + 1, SEEK_END);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	(void)fclose(file);
	count = collected(text);
	shop_close(&shop);
	return count;
}

static void
one_count(const char *name, double count, double limit)
{
	struct figure figure = {.bench = "instructions",
	    .name = name,
	    .unit = "",
	    .bound = limit > 0 ? AT_MOST : BOUND_NONE,
	    .limit = limit};

	sample(&figure.value, count);
	figure_add(&figure);
}

void
bench_instructions(void)
{
	struct nginx nginx;
	struct shop shop;
	double whole;

	nginx_start(&nginx);
	whole = count_drain(nginx.plain, 500);
	whole = (count_drain(nginx.plain, 1500) - whole) / 1000;
	open_shop(&shop, nginx.plain);
	one_count("a keyed transaction, the whole daemon", whole, DAEMON_INSTRUCTIONS_AT_MOST);
	for (int i = 0; i < PIECE_COUNT; i++) {
		double once;

		progress("instructions: %s", pieces[i].label);
		once = (count_piece(&shop, pieces[i].name, "600") -
			   count_piece(&shop, pieces[i].name, "100")) /
		       500;
		one_count(pieces[i].label, once, pieces[i].instructions_at_most);
	}
	shop_close(&shop);
	nginx_stop(&nginx);
}
