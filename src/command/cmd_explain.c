/*
 * cmd_explain.c - outboxd explain: which rule matches an answer, and what would follow.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "command/command.h"
#include "core/policy.h"
#include "edge/profile.h"

enum { HEADERS_MAX = 32, BODY_MAX = 16 * 1024 * 1024 };

struct words {
	const char *profile;
	const char *operation;
	enum phase phase;
	int http_status;
	const char *headers[HEADERS_MAX];
	size_t header_count;
	const char *body_file;
};

static const char *
find_header(const void *source, const char *name)
{
	const struct words *words = source;
	size_t length = strlen(name);

	for (size_t i = 0; i < words->header_count; i++) {
		const char *line = words->headers[i];

		if (strncasecmp(line, name, length) != 0 || line[length] != ':')
			continue;
		line += length + 1;
		return line + strspn(line, " ");
	}
	return NULL;
}

static const char *
decision_in_words(const struct decision *decision)
{
	enum event last = decision->then;

	if (last == EVENT_FINISH) {
		switch (decision->result) {
		case RESULT_SUCCEEDED:
			return "succeeded";
		case RESULT_FAILED:
			return "failed";
		case RESULT_EXPIRED:
			return "expired";
		case RESULT_CANCELED:
			return "canceled";
		case RESULT_INVALID:
			return "invalid";
		case RESULT_UNKNOWN:
		case RESULT_NONE:
			return "unknown: a person decides";
		}
	}
	if (last == EVENT_HOLD)
		return "the row is held for a person";
	if (last == EVENT_PENDING)
		return "pending: polls the fetch URL";
	if (last == EVENT_NOT_READY)
		return "polls again";
	if (last == EVENT_AGAIN)
		return "sends again, under the same key";
	if (last == EVENT_UNPROCESSED)
		return "sends again: the gateway proved that nothing happened";
	return "sends later: nothing left";
}

static const char *
effect_in_words(enum destination_effect effect)
{
	switch (effect) {
	case EFFECT_NONE:
		return "";
	case EFFECT_HOLD_CREDENTIALS:
		return "; the destination is held until its credentials work";
	case EFFECT_HOLD_TRUST:
		return "; the destination is held until its certificate verifies";
	case EFFECT_HOLD_REDIRECT:
	case EFFECT_HOLD_RULE:
		return "; the destination is held until a person releases it";
	case EFFECT_LOGIN:
		return "; logs in first";
	}
	return "";
}

static void
print_case(const char *name, const struct operation *operation, const struct words *words,
    const struct verdict *verdict, bool exposed_before, bool late)
{
	struct txn txn = {.state = words->phase == PHASE_POLL ? STATE_PENDING : STATE_SENDING,
	    .frozen = true,
	    .kind = operation->kind,
	    .has_fetch_url = words->phase == PHASE_POLL,
	    .deadline_at = TIME_NONE,
	    .exposed_at = 1000,
	    .exposed_before = exposed_before ? 1000 : TIME_NONE};
	struct policy_facts facts = {.txn = &txn,
	    .phase = words->phase,
	    .answered = true,
	    .fetch = verdict->url == NULL ? FETCH_NONE : FETCH_ADMITTED,
	    .replay = operation->replay,
	    .now = 2000,
	    .now_trusted = true,
	    .key_window_ms = late ? 1 : 1000000,
	    .give_up_at = TIME_NONE,
	    .same_since = TIME_NONE};
	struct decision decision = policy_decide(&facts, verdict);

	(void)printf(
	    "  %-28s %s%s\n", name, decision_in_words(&decision), effect_in_words(decision.effect));
	if (decision.why != NULL)
		(void)printf("  %-28s (%s)\n", "", decision.why);
	if (verdict->http_status == 429)
		(void)printf(
		    "  %-28s (nothing else is sent there before Retry-After is over)\n", "");
}

static void
print_verdict(
    const struct operation *operation, const struct words *words, const struct verdict *verdict)
{
	(void)printf("rule: %s\nclass: %s\n", verdict->rule, answer_class_name(verdict->class));
	if (verdict->document_error != NULL)
		(void)printf("document: not acceptable: %s\n", verdict->document_error);
	if (verdict->unwrapped)
		(void)printf("unwrapped: HTTP status %d, %zu bytes\n", verdict->http_status,
		    verdict->body_length);
	if (verdict->reason[0] != '\0')
		(void)printf("reason: %s\n", verdict->reason);
	if (verdict->url != NULL)
		(void)printf(
		    "fetch URL: %s (it must lie in the destination's own origin)\n", verdict->url);
	(void)printf("what follows (%s operation):\n", kind_name(operation->kind));
	print_case("first attempt", operation, words, verdict, false, false);
	if (operation->kind != KIND_KEYED)
		return;
	print_case("later attempt", operation, words, verdict, true, false);
	print_case("later, key perhaps forgotten", operation, words, verdict, true, true);
}

/* The whole body; "-" is standard input. NULL: said why. */
static char *
read_body(const char *file, size_t *length)
{
	FILE *from = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
	char *body = malloc(BODY_MAX);

	if (from == NULL || body == NULL) {
		command_say("cannot read %s", file);
		free(body);
		body = NULL;
	} else {
		*length = fread(body, 1, BODY_MAX, from);
		if (ferror(from) || !feof(from)) { /* a directory; more than any answer */
			command_say("cannot read %s", file);
			free(body);
			body = NULL;
		}
	}
	if (from != NULL && from != stdin)
		(void)fclose(from);
	return body;
}

static int
explain(const struct profile *profile, const struct words *words)
{
	struct verdict_context context = {.profile = profile,
	    .operation = profile_operation(profile, words->operation),
	    .unprocessed = profile->unprocessed,
	    .unprocessed_count = profile->unprocessed_count};
	struct answer answer = {.phase = words->phase,
	    .evidence = EVIDENCE_ANSWERED,
	    .http_status = words->http_status,
	    .header = find_header,
	    .header_source = words};
	struct verdict verdict;
	char *body = NULL;

	if (context.operation == NULL) {
		command_say(
		    "profile %s has no operation %s; it has:", profile->name, words->operation);
		for (size_t i = 0; i < profile->operation_count; i++)
			(void)fprintf(stderr, "  %s\n", profile->operations[i].name);
		return EXIT_USAGE;
	}
	if (words->body_file != NULL) {
		body = read_body(words->body_file, &answer.body_length);
		if (body == NULL)
			return EXIT_USAGE;
		answer.body = body;
	}
	if (verdict_judge(&context, &answer, &verdict) == 0)
		print_verdict(context.operation, words, &verdict);
	else
		command_say("out of memory");
	verdict_free(&verdict);
	free(body);
	return EXIT_FINE;
}

/* PROFILE is a file, or the name of an installed profile. */
static struct profile *
load(const char *name)
{
	char path[512];
	struct text problems;
	struct profile *profile;

	text_init(&problems, 64 * 1024);
	(void)snprintf(path, sizeof(path), "%s", name);
	if (strchr(name, '/') == NULL && access(name, R_OK) != 0)
		(void)snprintf(path, sizeof(path), "%s/%s.conf", OUTBOXD_PROFILES_DIR, name);
	profile = profile_load(path, &problems);
	if (profile == NULL)
		(void)fputs(text_string(&problems), stderr);
	text_free(&problems);
	return profile;
}

static int
read_words(const struct command *command, int argc, char **argv, struct words *words)
{
	static const struct option options[] = {{"operation", required_argument, NULL, 'o'},
	    {"phase", required_argument, NULL, 'p'}, {"status", required_argument, NULL, 's'},
	    {"header", required_argument, NULL, 'h'}, {"body", required_argument, NULL, 'b'},
	    {NULL, 0, NULL, 0}};
	int64_t status;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			words->operation = optarg;
			break;
		case 'p':
			if (strcmp(optarg, "submit") != 0 && strcmp(optarg, "poll") != 0)
				return command_usage(command, "--phase is submit or poll");
			words->phase = strcmp(optarg, "poll") == 0 ? PHASE_POLL : PHASE_SUBMIT;
			break;
		case 's':
			status = command_number(optarg);
			if (status < 100 || status > 999)
				return command_usage(command, "%s is not an HTTP status", optarg);
			words->http_status = (int)status;
			break;
		case 'h':
			if (strchr(optarg, ':') == NULL)
				return command_usage(command, "--header is 'NAME: VALUE'");
			if (words->header_count == HEADERS_MAX)
				return command_usage(command, "too many headers");
			words->headers[words->header_count++] = optarg;
			break;
		case 'b':
			words->body_file = optarg;
			break;
		default:
			return command_usage(command, NULL);
		}
	}
	if (argc - optind != 1 || words->operation == NULL || words->http_status < 100)
		return command_usage(command, "say which profile, operation and status");
	words->profile = argv[optind];
	return EXIT_FINE;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct words words = {.phase = PHASE_SUBMIT};
	struct profile *profile;
	int code = read_words(command, argc, argv, &words);

	if (code != EXIT_FINE)
		return code;
	profile = load(words.profile);
	if (profile == NULL)
		return EXIT_CONFIG;
	code = explain(profile, &words);
	profile_free(profile);
	return code;
}

const struct command command_explain = {
    .name = "explain",
    .usage = "PROFILE --operation OP --phase submit|poll --status N [--header 'NAME: VALUE'] "
	     "[--body FILE]",
    .summary = "which rule matches an answer, and what would follow",
    .run = run,
};
