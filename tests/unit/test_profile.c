/*
 * test_profile.c - profiles: what is refused, with the right line and a remedy, and what the
 * shipped ones hold. What the shipped ones make of answers is in test_profile_answers.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/profile.h"
#include "lib/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One line each, so that lines can be counted. */
#define KEY "key = { header = \"Idempotency-Key\"; };\n"
#define KEYED "operations = { pay = { method = \"POST\"; path = \"/pay\"; kind = \"keyed\"; }; };\n"
#define KEYLESS                                                                                    \
	"operations = { pay = { method = \"POST\"; path = \"/pay\"; kind = \"keyless\"; }; };\n"
#define DONE "{ name = \"done\"; phase = \"submit\"; status = \"2xx\"; verdict = \"succeeded\"; }"
#define DONE_POLL                                                                                  \
	"{ name = \"done\"; phase = [ \"submit\", \"poll\" ]; status = \"200\"; verdict = "        \
	"\"succeeded\"; }"
#define ANSWERS "answers = ( " DONE " );\n"
/* A keyless profile whose second rule stands on line 3. */
#define RULE(text) KEYLESS "answers = ( " DONE_POLL ",\n" text ");\n"
#define ON_404 " phase = \"submit\"; status = \"404\"; "
#define FAILED " phase = \"submit\"; verdict = \"failed\"; "
#define OPERATION(text) "operations = { pay = {\n" text " }; };\n" ANSWERS
#define POST " method = \"POST\"; "
#define SAFE POST " kind = \"safe\"; "
#define LOGIN(text)                                                                                \
	"login = {\n" text                                                                         \
	" };\noperations = { pay = { method = \"POST\"; path = \"/p\"; kind = \"keyless\"; "       \
	"session = true; }; };\n" ANSWERS
#define SESSION " session_json = \"/s\"; header = \"S\"; "

struct bad {
	const char *text;
	unsigned line; /* 0: none is told */
	const char *what;
	const char *write;
};

static const struct bad bads_top[] = {
    {ANSWERS, 0, "operations is missing", "write operations ="},
    {KEYLESS, 0, "answers is missing", "write answers ="},
    {KEYLESS ANSWERS "anwers = ();\n", 3, "unknown setting", "write answers"},
    {KEYLESS ANSWERS "script = \"rm\";\n", 3, "unknown setting", "write one of"},
    {KEYLESS ANSWERS "base_url = \"http://127.0.0.1\";\n", 3, "plain http", "write https://"},
    {KEYLESS ANSWERS "base_url = \"https://a.example?x\";\n", 3, "query", "write https://"},
    {KEYLESS ANSWERS "required_headers = [ \"X Key\" ];\n", 3, "not a header name", "hyphens"},
    {KEYLESS ANSWERS "required_headers = [ \"Content-Length\" ];\n", 3, "itself", "take it out"},
    {KEYLESS ANSWERS "required_headers = [ \"X-Key\", \"x-key\" ];\n", 3, "given twice",
	"take one"},
    {KEYLESS ANSWERS "required_headers = 5;\n", 3, "must be an array", "[\"X-Api-Key\"]"},
    {KEYLESS ANSWERS "headers = { Accept = \"a\\nb\"; };\n", 3, "printable ASCII", "header value"},
    {KEYLESS ANSWERS "headers = {\nHost = \"a\"; };\n", 4, "itself", "take it out"},
    {KEYLESS ANSWERS "headers = \"Accept: x\";\n", 3, "must be a group", "{ Accept ="},
    {KEYLESS ANSWERS "unprocessed = [ 200 ];\n", 3, "200 is out of range", "400 to 599"},
    {KEYLESS ANSWERS "unprocessed_if_unexposed = [ \"503\" ];\n", 3, "must be a whole number",
	"[401, 429]"},
    {KEYLESS ANSWERS "answers_json = \"yes\";\n", 3, "true or false", "write true"},
    {KEYLESS ANSWERS "fetch_prefix = \"/fetch\";\n", 3, "ends with /", "\"/fetch\""},
    {KEYLESS ANSWERS "fetch_prefix = \"fetch/\";\n", 3, "begins with /", "\"fetch/\""},
    {KEYLESS ANSWERS "fetch_prefix = \"/a/../\";\n", 3, "\"..\"", "write the path"},
    {KEYLESS ANSWERS "poll_interval = 2;\n", 3, "must be a duration", "\"2s\""},
    {KEYLESS ANSWERS "poll_deadline = \"91d\";\n", 3, "out of range", "\"90d\""},
    {KEYLESS ANSWERS "unprocessed = [ 3000000000 ];\n", 3, "too large", "9 digits"},
    {KEYLESS ANSWERS "@include \"other.conf\"\n", 3, "@include", "into this file"},
    {"required_headers = [ \"X-Key\" ];\noperations = { pay = { path = \"/p\"; " SAFE
     "row_headers = [ \"x-key\" ]; }; };\n" ANSWERS,
	2, "already set", "take it out"},
    {"headers = { X-Key = \"1\"; }; required_headers = [ \"x-key\" ];\n" KEYLESS ANSWERS, 2,
	"comes from two", "take one out"},
    {KEY "required_headers = [ \"idempotency-key\" ];\n" KEYED ANSWERS, 3, "comes from two",
	"take one"},
    /* key */
    {KEY KEYLESS ANSWERS, 1, "no operation is keyed", "take key out"},
    {"key = { };\n" KEYED ANSWERS, 1, "header is missing", "write header ="},
    {"key = { header = \"a:b\"; };\n" KEYED ANSWERS, 1, "not a header name", "without a colon"},
    {"key = { header = \"Expect\"; };\n" KEYED ANSWERS, 1, "itself", "take it out"},
    {"key = { header = \"K\"; length_max = 35; };\n" KEYED ANSWERS, 1, "out of range", "36 to 255"},
    {"key = { header = \"K\"; length_min = 37; };\n" KEYED ANSWERS, 1, "out of range", "1 to 36"},
    {"key = { header = \"K\"; characters = \"A-Z0-9-\"; };\n" KEYED ANSWERS, 1, "own keys",
	"add them"},
    {"key = { header = \"K\"; characters = \"a-f 0-9-\"; };\n" KEYED ANSWERS, 1, "blank",
	"write for"},
    {"key = { header = \"K\"; characters = \"f-a0-9-\"; };\n" KEYED ANSWERS, 1, "low to high",
	"write"},
    {"key = { header = \"K\"; characters = \"!-~\"; quoted = true; };\n" KEYED ANSWERS, 1,
	"cannot hold", "write characters ="},
    {"key = { header = \"K\"; retention = \"15m\"; };\n" KEYED ANSWERS, 1, "out of range",
	"\"20m\""},
    {"key = { header = \"K\"; retention = 86400; };\n" KEYED ANSWERS, 1, "must be a duration",
	"\"24h\""},
    {"key = \"K\";\n" KEYED ANSWERS, 1, "must be a group", "{ header ="},
    /* login */
    {LOGIN("members = [ \"u\" ];" SESSION), 1, "path is missing", "write path"},
    {LOGIN("path = \"/l\";" SESSION), 1, "members is missing", "write members"},
    {LOGIN("path = \"/l\"; members = [ \"u\" ]; header = \"S\";"), 1, "session_json is missing",
	"write"},
    {LOGIN("path = \"/l\"; members = [ \"u\" ]; session_json = \"/s\";"), 1, "header is missing",
	"write"},
    {LOGIN("path = \"l\"; members = [ \"u\" ];" SESSION), 1, "begins with /", "\"l\""},
    {LOGIN("path = \"/l\"; members = [ \"u\" ]; session_json = \"s\"; header = \"S\";"), 1,
	"begins with /", "write for instance"},
    {LOGIN("path = \"/l\"; members = [ \"u\" ]; session_json = \"/~2\"; header = \"S\";"), 1,
	"~0 for ~", "write ~0"},
    {LOGIN("path = \"/l\"; members = [ ];" SESSION), 2, "0 elements", "1 to 16"},
    {LOGIN("path = \"/l\"; members = [ \"u\", \"u\" ];" SESSION), 2, "given twice", "take one out"},
    {LOGIN("path = \"/l\"; members = [ \"user name\" ];" SESSION), 2,
	"cannot be written as a setting", "write { member ="},
    {LOGIN("path = \"/l\"; members = ( { member = \"a b\"; } );" SESSION), 2, "setting is missing",
	"write setting"},
    {LOGIN("path = \"/l\"; members = [ \"u\" ]; method = \"GET\";" SESSION), 2, "not known",
	"\"POST\""},
    {LOGIN("path = \"/l\"; members = [ \"u\" ]; lifetime = \"0s\";" SESSION), 2, "out of range",
	"\"1s\""},
    {"login = { path = \"/l\"; members = [ \"u\" ];" SESSION "};\n" KEYLESS ANSWERS, 1,
	"no operation uses", "session = true"},
};

static const struct bad bads_operations[] = {
    {"operations = { };\n" ANSWERS, 1, "0 operations", "1 to 64"},
    {"operations = ( );\n" ANSWERS, 1, "must be a group", "{ order ="},
    {"operations = { pay = 5; };\n" ANSWERS, 1, "must be a group", "{ method ="},
    {OPERATION("path = \"/p\"; kind = \"safe\";"), 1, "method is missing", "method = \"POST\""},
    {OPERATION("path = \"/p\";" POST), 1, "kind is missing", "kind = \"keyed\""},
    {OPERATION(SAFE), 1, "has no path", "write path ="},
    {OPERATION("method = \"post\"; path = \"/p\"; kind = \"safe\";"), 2, "not known",
	"write \"POST\""},
    {OPERATION("method = \"CONNECT\"; path = \"/p\"; kind = \"safe\";"), 2, "not known",
	"\"PATCH\""},
    {OPERATION("path = \"/p\"; kind = \"keyles\";" POST), 2, "not known", "write \"keyless\""},
    {OPERATION("path = \"p\";" SAFE), 1, "begins with /", "\"p\""},
    {OPERATION("path = \"/p?x=1\";" SAFE), 1, "without query", "\"/p?x=1\""},
    {OPERATION("path = \"/a//b\";" SAFE), 1, "empty segment", "single slashes"},
    {OPERATION("path = \"/p/{id}\";" SAFE), 1, "a path holds", "write it without"},
    {OPERATION("path_pattern = \"/p\";" SAFE), 1, "needs a \"{name}\"", "write path instead"},
    {OPERATION("path_pattern = \"/{a...}/b\";" SAFE), 1, "at the end only", "write \"{name}\""},
    {OPERATION("path_pattern = \"/x{a}\";" SAFE), 1, "a path holds", "write"},
    {OPERATION("path_pattern = \"/{a}x\";" SAFE), 1, "whole segment", "write \"{name}\""},
    {OPERATION("path_pattern = \"/{\";" SAFE), 1, "whole segment", "write \"{name}\""},
    {OPERATION("path_pattern = \"/{}\";" SAFE), 1, "1 to 32 letters", "write \"{name}\""},
    {OPERATION("path_pattern = \"/{...}\";" SAFE), 1, "1 to 32 letters", "write \"{name}\""},
    {OPERATION("path_pattern = \"/{a}/\";" SAFE), 1, "empty segment", "single slashes"},
    {OPERATION("path = \"/p\"; replay = \"all\";" SAFE), 1, "replay says", "take it out"},
    {OPERATION("path = \"/p\"; kind = \"keyed\";" POST), 1, "there is no key", "write key ="},
    {OPERATION("path = \"/p\"; session = true;" SAFE), 1, "there is no login", "write login ="},
    {OPERATION("path = \"/p\"; session = 1;" SAFE), 2, "true or false", "write true"},
    {OPERATION("path = \"/p\"; row_headers = [ \"Host\" ];" SAFE), 2, "itself", "take it out"},
    {OPERATION("path = \"/p\"; timeout = \"5s\";" SAFE), 2, "unknown setting",
	"write one of method"},
};

static const struct bad bads_answers[] = {
    {KEYLESS "answers = ( );\n", 2, "0 elements", "1 to 256"},
    {KEYLESS "answers = { };\n", 2, "must be an array", "name = \"done\""},
    {KEYLESS "answers = ( 5 );\n", 2, "must be a group", "name = \"done\""},
    {RULE("{ verdict = \"failed\";" ON_404 "}"), 3, "name is missing", "name ="},
    {RULE("{ name = \"done\"; verdict = \"failed\";" ON_404 "}"), 3, "taken by an earlier",
	"another name"},
    {RULE("{ name = \"Not Found\"; verdict = \"failed\";" ON_404 "}"), 3, "small letters", "write"},
    {RULE("{ name = \"12345678901234567890123456789012345678901\"; verdict = \"failed\";" ON_404
	  "}"),
	3, "41 characters", "1 to 40"},
    {RULE("{ name = \"x\"; status = \"404\"; verdict = \"failed\"; }"), 3, "phase is missing",
	"phase ="},
    {RULE("{ name = \"x\"; phase = \"lookup\"; status = \"404\"; verdict = \"failed\"; }"), 3,
	"no phase", "\"submit\""},
    {RULE("{ name = \"x\"; phase = [ ]; status = \"404\"; verdict = \"failed\"; }"), 3,
	"0 elements", "\"poll\""},
    {RULE("{ name = \"x\";" ON_404 "}"), 3, "verdict is missing", "verdict ="},
    {RULE("{ name = \"x\"; verdict = \"success\";" ON_404 "}"), 3, "not known", "\"succeeded\""},
    {RULE("{ name = \"x\";" FAILED "}"), 3, "matches every answer", "write status or when"},
    {RULE("{ name = \"x\"; status = \"4XX\";" FAILED "}"), 3, "no HTTP status", "\"2xx\""},
    {RULE("{ name = \"x\"; status = \"1xx\";" FAILED "}"), 3, "no HTTP status", "\"2xx\""},
    {RULE("{ name = \"x\"; status = \"499-400\";" FAILED "}"), 3, "no HTTP status", "\"400-499\""},
    {RULE("{ name = \"x\"; status = \"404,405\";" FAILED "}"), 3, "no HTTP status", "\"400-499\""},
    {RULE("{ name = \"x\"; status = [ \"404\",\n\"6xx\" ];" FAILED "}"), 4, "no HTTP status",
	"\"2xx\""},
    {RULE("{ name = \"x\"; status = 100;" FAILED "}"), 3, "no final HTTP", "200 to 599"},
    {RULE("{ name = \"x\"; status = { };" FAILED "}"), 3, "must be an array", "\"2xx\""},
    {RULE("{ name = \"x\"; operations = [ \"pey\" ]; verdict = \"failed\";" ON_404 "}"), 3,
	"not in operations", "write \"pay\""},
    {RULE("{ name = \"x\"; verdict = \"failed\"; code = 5;" ON_404 "}"), 3, "unknown setting",
	"one of name"},
    {RULE("{ name = \"x\"; verdict = \"pending\";" ON_404 "}"), 3, "needs the fetch URL",
	"url_json"},
    {RULE("{ name = \"x\"; phase = \"submit\"; when = { json = \"/a\"; exists = true; };\n"
	  "verdict = \"pending\"; url_json = \"/u\"; url_header = \"L\"; }"),
	3, "needs the fetch URL", "write one of"},
    {RULE("{ name = \"x\"; phase = \"poll\"; status = \"202\"; verdict = \"pending\"; url_header = "
	  "\"L\"; }"),
	3, "answers a submit", "\"not_ready\""},
    {RULE("{ name = \"x\"; phase = \"submit\"; status = \"202\"; verdict = \"not_ready\"; }"), 3,
	"answers a poll", "\"pending\""},
    {RULE("{ name = \"x\"; verdict = \"pending\"; url_json = \"/u\";" ON_404 "}"), 3,
	"without asking for one", "write when"},
    {RULE("{ name = \"x\"; verdict = \"failed\"; url_json = \"/u\";" ON_404 "}"), 3,
	"have a fetch URL", "take url_json"},
    {RULE("{ name = \"x\"; phase = \"submit\"; when = { json = \"/a\"; exists = true; };\n"
	  "verdict = \"unwrap\"; status_json = \"/a\"; body_json = \"/b\"; }"),
	3, "is for polls", "write phase"},
    {RULE("{ name = \"x\"; phase = \"poll\"; when = { json = \"/a\"; exists = true; };\n"
	  "verdict = \"unwrap\"; status_json = \"/a\"; }"),
	3, "needs the inner", "body_json"},
    {RULE("{ name = \"x\"; phase = \"poll\"; status = \"200\"; verdict = \"failed\"; body_json = "
	  "\"/a\"; }"),
	3, "looks inside", "take status_json"},
    {RULE("{ name = \"x\"; verdict = \"login\";" ON_404 "}"), 3, "without a login block",
	"write login"},
    {RULE("{ name = \"x\"; verdict = \"retry\";" ON_404 "}"), 3, "\"pay\" twice",
	"\"unprocessed\""},
    {RULE("{ name = \"x\"; verdict = \"failed\"; reason = \"\";" ON_404 "}"), 3, "0 characters",
	"1 to 200"},
    {RULE("{ name = \"x\"; verdict = \"failed\"; reason_json = \"a\";" ON_404 "}"), 3,
	"begins with /", "write for instance"},
    {RULE("{ name = \"x\"; when = ( { equals = 1; } );" FAILED "}"), 3, "looks at one place",
	"json ="},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; header = \"A\"; equals = \"1\"; } );" FAILED
	  "}"),
	3, "looks at one place", "json = \"/pointer\""},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; } );" FAILED "}"), 3, "asks one thing",
	"one of equals"},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; equals = 1; exists = true; } );" FAILED "}"),
	3, "asks one thing", "one of equals"},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; equals = 1; one_of = [ 1 ]; } );" FAILED "}"),
	3, "asks one thing", "one of equals"},
    {RULE("{ name = \"x\"; when = ( { json = \"a\"; equals = 1; } );" FAILED "}"), 3,
	"begins with /", "write"},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; equals = 1.5; } );" FAILED "}"), 3,
	"decimal point", "whole number"},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; one_of = [ ]; } );" FAILED "}"), 3,
	"0 elements", "[1, 2]"},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; one_of = ( 1, \"1\" ); } );" FAILED "}"), 3,
	"one type", "write all"},
    {RULE("{ name = \"x\"; when = ( { json = \"/a\"; exists = \"yes\"; } );" FAILED "}"), 3,
	"true or false", "exists = true"},
    {RULE("{ name = \"x\"; when = ( { header = \"A\"; equals = 1; } );" FAILED "}"), 3,
	"value is text", "double quotes"},
    {RULE("{ name = \"x\"; when = ( );" FAILED "}"), 3, "0 elements", "1 to 16"},
    /* what can never end */
    {KEYLESS "answers = ( { name = \"no\"; verdict = \"failed\";" ON_404 "} );\n", 2,
	"can never succeed", "verdict = \"succeeded\""},
    {KEYLESS "answers = ( " DONE ", { name = \"p\"; phase = \"submit\"; status = \"202\"; verdict "
	     "= \"pending\"; url_header = \"L\"; } );\n",
	2, "what a finished poll looks like", "phase = \"poll\""},
};

static struct profile *
load(const char *directory, const char *name, const char *text, struct text *problems)
{
	const char *file = scratch_path(directory, name);

	scratch_write(file, text, strlen(text));
	text_init(problems, 1 << 20);
	return profile_load(file, problems);
}

/* One problem, at that line, with these words. */
static void
check_refused(const char *directory, const struct bad *bad)
{
	struct text problems;
	struct profile *profile = load(directory, "mine.conf", bad->text, &problems);
	const char *told = text_string(&problems);
	char place[64] = "/mine.conf: ";

	if (bad->line > 0)
		snprintf(place, sizeof(place), "/mine.conf:%u: ", bad->line);
	if (profile != NULL || strstr(told, place) == NULL || strstr(told, bad->what) == NULL ||
	    strstr(told, bad->write) == NULL || told[0] == '\0' ||
	    strchr(told, '\n') != told + strlen(told) - 1)
		fail_msg("%s\nexpected one problem at \"%s\" with \"%s\" and \"%s\", got:\n%s",
		    bad->text, place, bad->what, bad->write, told);
	profile_free(profile);
	text_free(&problems);
}

static void
test_bad_top(void **state)
{
	for (size_t i = 0; i < COUNT(bads_top); i++)
		check_refused(*state, &bads_top[i]);
}

static void
test_bad_operations(void **state)
{
	for (size_t i = 0; i < COUNT(bads_operations); i++)
		check_refused(*state, &bads_operations[i]);
}

static void
test_bad_answers(void **state)
{
	for (size_t i = 0; i < COUNT(bads_answers); i++)
		check_refused(*state, &bads_answers[i]);
}

static struct profile *
load_good(const char *directory, const char *text)
{
	struct text problems;
	struct profile *profile = load(directory, "mine.conf", text, &problems);

	if (profile == NULL)
		fail_msg("%s\nrefused:\n%s", text, text_string(&problems));
	assert_int_equal(problems.length, 0);
	text_free(&problems);
	return profile;
}

static void
test_file_names(void **state)
{
	struct text problems;

	assert_null(load(*state, "mine.txt", KEYLESS ANSWERS, &problems));
	assert_non_null(
	    strstr(text_string(&problems), "mine.txt: a profile's file is named NAME.conf"));
	text_free(&problems);
	assert_null(load(*state, ".conf", KEYLESS ANSWERS, &problems));
	text_free(&problems);
	text_init(&problems, 4096);
	assert_null(profile_load("/nonexistent/x.conf", &problems));
	assert_non_null(strstr(text_string(&problems), "/nonexistent/x.conf: cannot be opened"));
	text_free(&problems);
	profile_free(NULL);
}

/* The least, and what it comes to. */
static void
test_defaults(void **state)
{
	static const int usual[] = {401, 421, 425, 429};
	struct profile *profile = load_good(*state, KEY KEYED ANSWERS);

	assert_string_equal(profile->name, "mine");
	assert_null(profile->base_url);
	assert_true(profile->answers_json);
	assert_int_equal(profile->unprocessed_count, COUNT(usual));
	assert_memory_equal(profile->unprocessed, usual, sizeof(usual));
	assert_int_equal(profile->unprocessed_if_unexposed_count, 0);
	assert_int_equal(profile->key_retention_ms, 0);
	assert_int_equal(profile->key.length_min, 1);
	assert_int_equal(profile->key.length_max, 255);
	assert_string_equal(profile->key.characters,
	    "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
	assert_false(profile->key.quoted);
	assert_false(profile->key.header_configurable);
	assert_int_equal(profile->operations[0].replay, REPLAY_SUCCESS);
	assert_int_equal(profile->poll_interval_ms, 0);
	assert_null(profile->login);
	profile_free(profile);
	profile = load_good(*state, KEYLESS ANSWERS "unprocessed = [ ];\n");
	assert_int_equal(profile->unprocessed_count, 0);
	profile_free(profile);
}

/* Every way of writing the same thing. */
static void
test_spellings(void **state)
{
	static const char text[] = KEYLESS
	    "answers = ( " DONE_POLL ",\n"
	    "{ name = \"a\"; phase = \"submit\"; operations = \"pay\"; status = 404; verdict = "
	    "\"failed\";\n"
	    "  when = { json = \"\"; exists = true; }; reason = \"no\"; reason_json = \"/m~1n~0\"; "
	    "},\n"
	    "{ name = \"b\"; phase = [ \"poll\" ]; status = ( 404, \"405-407\", \"5xx\" ); verdict "
	    "= \"unknown\";\n"
	    "  when = ( { json = \"/b\"; equals = true; }, { json = \"/i\"; equals = -7; },\n"
	    "  { header = \"X-A\"; one_of = [ \"x\", \"y\" ]; }, { header = \"X-B\"; exists = "
	    "false; },\n"
	    "  { json = \"/l\"; one_of = ( 1, 2, 3 ); } ); } );\n";
	struct profile *profile = load_good(*state, text);
	const struct rule *a = &profile->rules[1];
	const struct rule *b = &profile->rules[2];

	assert_int_equal(profile->rule_count, 3);
	assert_int_equal(profile->rules[0].phases, 1u << PHASE_SUBMIT | 1u << PHASE_POLL);
	assert_int_equal(a->phases, 1u << PHASE_SUBMIT);
	assert_int_equal(a->operation_count, 1);
	assert_string_equal(a->operations[0], "pay");
	assert_int_equal(a->status_count, 1);
	assert_int_equal(a->statuses[0].low, 404);
	assert_int_equal(a->statuses[0].high, 404);
	assert_int_equal(a->match_count, 1);
	assert_string_equal(a->matches[0].pointer, "");
	assert_int_equal(a->matches[0].type, MATCH_EXISTS);
	assert_string_equal(a->reason, "no");
	assert_string_equal(a->reason_pointer, "/m~1n~0");
	assert_int_equal(b->phases, 1u << PHASE_POLL);
	assert_int_equal(b->verdict, RULE_UNKNOWN);
	assert_int_equal(b->status_count, 3);
	assert_int_equal(b->statuses[1].low, 405);
	assert_int_equal(b->statuses[1].high, 407);
	assert_int_equal(b->statuses[2].low, 500);
	assert_int_equal(b->statuses[2].high, 599);
	assert_int_equal(b->match_count, 5);
	assert_int_equal(b->matches[0].type, MATCH_BOOLEAN);
	assert_true(b->matches[0].boolean);
	assert_int_equal(b->matches[1].type, MATCH_INTEGER);
	assert_int_equal(b->matches[1].integers[0], -7);
	assert_int_equal(b->matches[2].type, MATCH_STRING);
	assert_string_equal(b->matches[2].header, "X-A");
	assert_null(b->matches[2].pointer);
	assert_int_equal(b->matches[2].string_count, 2);
	assert_string_equal(b->matches[2].strings[1], "y");
	assert_int_equal(b->matches[3].type, MATCH_ABSENT);
	assert_int_equal(b->matches[4].integer_count, 3);
	assert_int_equal(b->matches[4].integers[2], 3);
	profile_free(profile);
}

static void
test_collects(void **state)
{
	static const char text[] = "foo = 1;\nkey = { header = \"a b\"; };\nunprocessed = [ 1 ];\n"
				   "operations = { a = { method = \"X\";\nkind = \"y\"; }; "
				   "};\nanswers = ( { name = \"A\"; } );\n";
	struct text problems;

	assert_null(load(*state, "mine.conf", text, &problems));
	for (unsigned line = 1; line <= 6; line++) {
		char place[32];

		snprintf(place, sizeof(place), "/mine.conf:%u: ", line);
		if (strstr(text_string(&problems), place) == NULL)
			fail_msg("line %u is missing in\n%s", line, text_string(&problems));
	}
	text_free(&problems);
}

static void
test_members(void **state)
{
	struct profile *profile =
	    load_good(*state, LOGIN("path = \"/l\"; members = ( \"user\", { member = \"pass "
				    "word\"; setting = \"pass\"; } ); "
				    "method = \"PUT\";" SESSION));

	assert_string_equal(profile->login->method, "PUT");
	assert_int_equal(profile->login->member_count, 2);
	assert_string_equal(profile->login->members[0].setting, "user");
	assert_string_equal(profile->login->members[1].member, "pass word");
	assert_string_equal(profile->login->members[1].setting, "pass");
	assert_int_equal(profile->login->lifetime_ms, 0);
	assert_true(profile->operations[0].session);
	profile_free(profile);
}

/* --- the shipped ones --- */

static struct profile *
load_shipped(const char *name)
{
	struct text problems;
	struct profile *profile;
	char file[64];

	snprintf(file, sizeof(file), "etc/profiles/%s.conf", name);
	text_init(&problems, 1 << 20);
	profile = profile_load(file, &problems);
	if (profile == NULL)
		fail_msg("%s", text_string(&problems));
	text_free(&problems);
	assert_string_equal(profile->name, name);
	return profile;
}

static void
check_operation(const struct profile *profile, const char *name, const char *path, const char *fits,
    enum kind kind)
{
	const struct operation *operation = profile_operation(profile, name);

	assert_non_null(operation);
	assert_string_equal(operation->method, "POST");
	assert_int_equal(operation->kind, kind);
	if (path == NULL)
		assert_null(operation->path);
	else
		assert_string_equal(operation->path, path);
	if (fits == NULL)
		assert_null(operation->path_pattern);
	else
		assert_true(path_matches(operation->path_pattern, fits));
}

static void
test_riverty(void **state)
{
	struct profile *riverty = load_shipped("riverty");

	(void)state;
	assert_null(riverty->base_url);
	assert_int_equal(riverty->key_retention_ms, 0);
	assert_string_equal(riverty->key.header, "X-Idempotency-Key");
	assert_int_equal(riverty->key.length_min, 1);
	assert_int_equal(riverty->key.length_max, 50);
	assert_string_equal(riverty->key.characters,
	    "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
	assert_false(riverty->key.quoted);
	assert_int_equal(riverty->unprocessed_count, 2);
	assert_int_equal(riverty->unprocessed[0], 401);
	assert_int_equal(riverty->unprocessed[1], 429);
	assert_string_equal(riverty->required_headers[0], "X-Auth-Key");
	assert_int_equal(riverty->operation_count, 4);
	check_operation(riverty, "authorize", "/api/v3/checkout/authorize", NULL, KIND_KEYED);
	check_operation(riverty, "capture", NULL, "/api/v3/orders/A-1/captures", KIND_KEYED);
	check_operation(riverty, "refund", NULL, "/api/v3/orders/A-1/refunds", KIND_KEYED);
	check_operation(riverty, "void", NULL, "/api/v3/orders/A-1/voids", KIND_KEYED);
	for (size_t i = 0; i < riverty->operation_count; i++)
		assert_int_equal(riverty->operations[i].replay, REPLAY_ALL);
	profile_free(riverty);
}

static void
test_vrio(void **state)
{
	struct profile *vrio = load_shipped("vrio");

	(void)state;
	assert_string_equal(vrio->base_url, "https://api.vrio.app");
	assert_string_equal(vrio->required_headers[0], "X-Api-Key");
	assert_string_equal(vrio->fetch_prefix, "/api_requests/");
	assert_null(vrio->key.header);
	assert_int_equal(vrio->unprocessed_count, 3);
	assert_int_equal(vrio->operation_count, 4);
	check_operation(vrio, "order", "/orders", NULL, KIND_KEYLESS);
	check_operation(vrio, "process", NULL, "/orders/17/process", KIND_KEYLESS);
	check_operation(vrio, "authorize", NULL, "/orders/17/authorize", KIND_KEYLESS);
	check_operation(vrio, "complete", NULL, "/orders/17/complete", KIND_KEYLESS);
	profile_free(vrio);
}

static void
test_travlinq(void **state)
{
	struct profile *travlinq = load_shipped("travlinq");
	const struct login *login = travlinq->login;

	(void)state;
	assert_null(travlinq->base_url);
	assert_string_equal(travlinq->required_headers[0], "X-API-KEY");
	assert_int_equal(travlinq->fixed_header_count, 1);
	assert_string_equal(travlinq->fixed_headers[0], "Accept: application/json");
	assert_string_equal(travlinq->fetch_prefix, "/api/v1/fetch/");
	assert_int_equal(travlinq->poll_deadline_ms, 240000);
	assert_int_equal(travlinq->unprocessed_count, 2);
	assert_int_equal(travlinq->unprocessed_if_unexposed_count, 1);
	assert_int_equal(travlinq->unprocessed_if_unexposed[0], 503);
	check_operation(travlinq, "flight-search", "/api/v1/flight/search", NULL, KIND_SAFE);
	check_operation(
	    travlinq, "flight-book", "/api/v1/reservation/flight-book", NULL, KIND_KEYLESS);
	for (size_t i = 0; i < travlinq->operation_count; i++) {
		assert_true(travlinq->operations[i].session);
		assert_int_equal(travlinq->operations[i].row_header_count, 1);
		assert_string_equal(travlinq->operations[i].row_headers[0], "conversationId");
	}
	assert_non_null(login);
	assert_string_equal(login->method, "POST");
	assert_string_equal(login->path, "/api/v1/auth/login");
	assert_int_equal(login->member_count, 3);
	assert_string_equal(login->members[0].member, "userName");
	assert_string_equal(login->members[1].member, "password");
	assert_string_equal(login->members[2].member, "companyCode");
	assert_string_equal(login->session_pointer, "/data/0/sessionId");
	assert_string_equal(login->header, "sessionId");
	assert_int_equal(login->lifetime_ms, 6 * 3600000);
	profile_free(travlinq);
}

static void
test_generic(void **state)
{
	static const char *const names[] = {"post", "put", "patch", "delete"};
	struct profile *generic = load_shipped("generic");

	(void)state;
	assert_string_equal(generic->key.header, "Idempotency-Key");
	assert_true(generic->key.header_configurable);
	assert_int_equal(strlen(generic->key.characters), 0x7f - 0x21 - 2);
	assert_null(strpbrk(generic->key.characters, " \"\\"));
	assert_false(generic->answers_json);
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct operation *operation = profile_operation(generic, names[i]);

		assert_int_equal(operation->kind, KIND_KEYED);
		assert_int_equal(operation->replay, REPLAY_SUCCESS);
		assert_null(operation->path);
		assert_true(path_matches(operation->path_pattern, "/a/b-c/d"));
		assert_false(path_matches(operation->path_pattern, "/a?b"));
	}
	assert_int_equal(profile_operation(generic, "get")->kind, KIND_SAFE);
	assert_string_equal(profile_operation(generic, "delete")->method, "DELETE");
	profile_free(generic);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bad_top, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_bad_operations, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_bad_answers, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_file_names, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_defaults, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_spellings, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_collects, scratch_setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_members, scratch_setup, scratch_teardown),
	    cmocka_unit_test(test_riverty),
	    cmocka_unit_test(test_vrio),
	    cmocka_unit_test(test_travlinq),
	    cmocka_unit_test(test_generic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
