/* rules.c - reads script lines into rules; knows every fault's name, arguments and defaults. */
#include "rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* What follows the name of a fault. */
enum shape {
	NOTHING,
	NUMBER,          /* a count, a status, bytes or ms */
	NUMBER_OR_NONE,  /* the same, may be left out */
	STATUS,          /* N [retry-after V] [body TEXT] */
	NUMBER_AND_WORD, /* CODE URL */
	NUMBER_MAYBE_WORD,
	TEXT, /* the rest of the line */
	TEXT_OR_NONE,
};

struct fault_form {
	const char *name;
	enum fault_kind kind;
	enum fault_group group;
	enum shape shape;
	bool before; /* when neither before nor after is said */
	bool raw;    /* writes bytes past the HTTP library: plain http only */
};

static const struct fault_form forms[] = {
    {"ok", FAULT_OK, GROUP_TRANSPORT, NOTHING, false, false},
    {"lose", FAULT_LOSE, GROUP_TRANSPORT, NOTHING, false, false},
    {"reset", FAULT_RESET, GROUP_TRANSPORT, NOTHING, false, false},
    {"silence", FAULT_SILENCE, GROUP_TRANSPORT, NUMBER_OR_NONE, false, false},
    {"garbage", FAULT_GARBAGE, GROUP_TRANSPORT, NOTHING, false, true},
    {"http09", FAULT_HTTP09, GROUP_TRANSPORT, NOTHING, false, true},
    {"half-headers", FAULT_HALF_HEADERS, GROUP_TRANSPORT, NOTHING, false, true},
    {"only-1xx", FAULT_ONLY_1XX, GROUP_TRANSPORT, NOTHING, false, true},
    {"endless-1xx", FAULT_ENDLESS_1XX, GROUP_TRANSPORT, NOTHING, false, true},
    {"truncate", FAULT_TRUNCATE, GROUP_TRANSPORT, NOTHING, false, true},
    {"half-chunk", FAULT_HALF_CHUNK, GROUP_TRANSPORT, NOTHING, false, true},
    {"close-delimited", FAULT_CLOSE_DELIMITED, GROUP_TRANSPORT, NOTHING, false, true},
    {"endless", FAULT_ENDLESS, GROUP_TRANSPORT, NOTHING, false, true},
    {"big-header", FAULT_BIG_HEADER, GROUP_TRANSPORT, NUMBER, false, true},
    {"slow-headers", FAULT_SLOW_HEADERS, GROUP_TRANSPORT, NUMBER, false, true},
    {"slow-body", FAULT_SLOW_BODY, GROUP_TRANSPORT, NUMBER, false, true},
    {"status", FAULT_STATUS, GROUP_STATUS, STATUS, true, false},
    {"redirect", FAULT_REDIRECT, GROUP_STATUS, NUMBER_AND_WORD, true, false},
    {"http", FAULT_HTTP, GROUP_STATUS, NUMBER, false, false},
    {"delay", FAULT_DELAY, GROUP_DELAY, NUMBER, false, false},
    {"garble", FAULT_GARBLE, GROUP_BODY, NOTHING, false, false},
    {"not-json", FAULT_NOT_JSON, GROUP_BODY, NOTHING, false, false},
    {"trailing", FAULT_TRAILING, GROUP_BODY, NOTHING, false, false},
    {"duplicate-member", FAULT_DUPLICATE_MEMBER, GROUP_BODY, NOTHING, false, false},
    {"body", FAULT_BODY, GROUP_BODY, TEXT_OR_NONE, false, false},
    {"oversize", FAULT_OVERSIZE, GROUP_OVERSIZE, NUMBER, false, false},
    {"pending", FAULT_PENDING, GROUP_PENDING, NUMBER_MAYBE_WORD, false, false},
    {"not-ready-forever", FAULT_NOT_READY_FOREVER, GROUP_PENDING, NOTHING, false, false},
    {"fetch-url", FAULT_FETCH_URL, GROUP_FETCH, TEXT_OR_NONE, false, false},
    {"fetch-url-missing", FAULT_FETCH_URL_MISSING, GROUP_FETCH, NOTHING, false, false},
    {"reject", FAULT_REJECT, GROUP_OUTCOME, NOTHING, false, false},
    {"decline", FAULT_REJECT, GROUP_OUTCOME, NOTHING, false, false},
    {"action-required", FAULT_ACTION_REQUIRED, GROUP_OUTCOME, NOTHING, false, false},
    {"inner-status", FAULT_INNER_STATUS, GROUP_INNER_CODE, TEXT, false, false},
    {"inner-missing", FAULT_INNER_MISSING, GROUP_INNER_CODE, NOTHING, false, false},
    {"inner-raw", FAULT_INNER_RAW, GROUP_INNER_BODY, TEXT, false, false},
    {"inner-object", FAULT_INNER_OBJECT, GROUP_INNER_BODY, NOTHING, false, false},
    {"expire-session", FAULT_EXPIRE_SESSION, GROUP_SESSION, NOTHING, true, false},
    {"forget-key", FAULT_FORGET_KEY, GROUP_KEY, NOTHING, true, false},
    {"in-progress", FAULT_IN_PROGRESS, GROUP_KEY, NOTHING, true, false},
    {"date", FAULT_DATE, GROUP_DATE, TEXT, false, false},
    {"retry-after", FAULT_RETRY_AFTER, GROUP_RETRY_AFTER, TEXT, false, false},
    {"header", FAULT_HEADER, GROUP_HEADER, TEXT, false, false},
    {"echo-card", FAULT_ECHO_CARD, GROUP_ECHO, NOTHING, false, false},
};

const char *
fault_name(enum fault_kind kind)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].kind == kind)
			return forms[i].name;
	return "?";
}

/* Cuts the next word off *at; NULL at the end. */
static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");
	size_t length = strcspn(word, " \t");

	if (length == 0)
		return NULL;
	*at = word + length;
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

static char *
rest_of(char *at)
{
	return at + strspn(at, " \t");
}

static const char *
parse_when(struct rule *rule, const char *word)
{
	char *end;

	rule->first = 1;
	rule->last = LONG_MAX;
	if (strcmp(word, "*") == 0)
		return NULL;
	rule->first = strtol(word, &end, 10);
	if (end == word || rule->first < 1)
		return "WHEN is 1, 1-3, 3- or *";
	if (*end == '\0')
		rule->last = rule->first;
	else if (*end == '-' && end[1] != '\0')
		rule->last = strtol(end + 1, &end, 10);
	else if (*end == '-')
		end++;
	return *end != '\0' || rule->last < rule->first ? "WHEN is 1, 1-3, 3- or *" : NULL;
}

static const char *
parse_phases(struct rule *rule, const char *word)
{
	static const enum phase phases[] = {PHASE_SUBMIT, PHASE_POLL, PHASE_LOGIN, PHASE_ANY};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (strcmp(word, phase_name(phases[i])) == 0)
			rule->phases = (unsigned int)phases[i];
	return rule->phases == 0 ? "PHASE is submit, poll, login or any" : NULL;
}

static const char *
parse_status(struct fault *fault, char *at)
{
	char *word;

	while ((word = next_word(&at)) != NULL) {
		if (strcmp(word, "retry-after") == 0 && fault->retry_after == NULL) {
			/* an HTTP date has spaces: it ends at "body" or at the end of the line */
			char *value = rest_of(at);
			char *body = strstr(value, " body ");

			if (body != NULL)
				*body = '\0';
			fault->retry_after = must_strdup(value);
			at = body != NULL ? body + 1 : value + strlen(value);
		} else if (strcmp(word, "body") == 0) {
			fault->text = must_strdup(rest_of(at));
			return NULL;
		} else {
			return "status is N [retry-after V] [body TEXT]";
		}
	}
	return NULL;
}

static const char *
parse_arguments(struct fault *fault, enum shape shape, char *at)
{
	char *word;

	fault->number = -1;
	if (shape == TEXT || shape == TEXT_OR_NONE) {
		at = rest_of(at);
		fault->text = must_strdup(at);
		return shape == TEXT && *at == '\0' ? "this fault needs a text" : NULL;
	}
	if (shape != NOTHING && (word = next_word(&at)) != NULL) {
		fault->number = duration_ms(word);
		if (fault->number < 0)
			return "this fault needs a number (or a time like 250ms, 2s)";
	}
	if (shape != NOTHING && shape != NUMBER_OR_NONE && fault->number < 0)
		return "this fault needs a number";
	if (shape == STATUS)
		return parse_status(fault, at);
	if (shape == NUMBER_AND_WORD || shape == NUMBER_MAYBE_WORD) {
		word = next_word(&at);
		if (word != NULL)
			fault->text = must_strdup(word);
		else if (shape == NUMBER_AND_WORD)
			return "this fault needs a number and a URL";
	}
	return *rest_of(at) != '\0' ? "too many words" : NULL;
}

static const struct fault_form *
find_form(const char *name)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return NULL;
}

/* "before" or "after", wherever it stands beside the fault's name. */
static void
parse_order(struct fault *fault, char **word, char **at)
{
	while (*word != NULL && (strcmp(*word, "before") == 0 || strcmp(*word, "after") == 0)) {
		fault->before = **word == 'b';
		*word = next_word(at);
	}
}

static const char *
parse_fault(struct fault *fault, char *word, char *at, bool tls)
{
	const struct fault_form *form;
	bool said_before;
	bool said;
	char *peek;
	char *next;

	fault->before = false;
	said = word != NULL && (strcmp(word, "before") == 0 || strcmp(word, "after") == 0);
	parse_order(fault, &word, &at);
	said_before = fault->before;
	form = word == NULL ? NULL : find_form(word);
	if (form == NULL)
		return "no such fault (fakegw --help lists them)";
	if (form->raw && tls)
		return "this fault writes raw bytes: it is not supported under TLS";
	fault->kind = form->kind;
	fault->group = form->group;
	fault->before = said ? said_before : form->before;
	peek = rest_of(at);
	if (strncmp(peek, "before", 6) == 0 || strncmp(peek, "after", 5) == 0) {
		size_t length = strcspn(peek, " \t");

		if (length == (*peek == 'b' ? 6u : 5u)) {
			next = next_word(&at);
			fault->before = *next == 'b';
		}
	}
	return parse_arguments(fault, form->shape, at);
}

/* "capture:order-1": this operation's requests only, and counted among themselves. */
static void
set_reference(struct rule *rule, const char *word)
{
	static const char *const operations[] = {"authorize", "capture", "refund", "void", "order",
	    "process", "complete", "api_request", "login", "flight-search", "flight-book", "fetch",
	    "generic", "operation"};
	size_t length = strcspn(word, ":");

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (word[length] == ':' && strlen(operations[i]) == length &&
		    strncmp(word, operations[i], length) == 0) {
			rule->operation = must_strdup(operations[i]);
			word += length + 1;
			break;
		}
	}
	rule->reference = must_strdup(word);
}

static const char *
parse_line(struct rule *rule, char *line, bool tls)
{
	char *reference = next_word(&line);
	char *phase = next_word(&line);
	char *when = phase == NULL ? NULL : next_word(&line);
	char *word = when == NULL ? NULL : next_word(&line);
	const char *wrong;

	if (word == NULL)
		return "a line is REFERENCE PHASE WHEN [before|after] FAULT [ARGS]";
	wrong = parse_phases(rule, phase);
	if (wrong == NULL)
		wrong = parse_when(rule, when);
	if (wrong == NULL)
		wrong = parse_fault(&rule->fault, word, line, tls);
	set_reference(rule, reference);
	return wrong;
}

static void
rules_push(struct rules *rules, const struct rule *rule)
{
	rules->list = realloc(rules->list, (rules->count + 1) * sizeof(*rule));
	if (rules->list == NULL)
		abort();
	rules->list[rules->count++] = *rule;
}

int
rules_parse(struct rules *rules, const char *lines, const char *name, bool tls, bool *clear,
    struct text *error)
{
	char *copy = must_strdup(lines);
	char *next = copy;
	int number = 0;
	const char *wrong = NULL;

	while (wrong == NULL && next != NULL) {
		struct rule rule = {.reference = NULL};
		char *line = strsep(&next, "\n");

		number++;
		line += strspn(line, " \t");
		line[strcspn(line, "\r")] = '\0';
		for (char *end = line + strlen(line); end > line && strchr(" \t", end[-1]) != NULL;)
			*--end = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		if (strcmp(line, "clear") == 0) {
			*clear = true;
			rules_free(rules);
			continue;
		}
		wrong = parse_line(&rule, line, tls);
		rules_push(rules, &rule);
	}
	free(copy);
	if (wrong == NULL)
		return 0;
	text_printf(error, "%s:%d: %s\n", name, number, wrong);
	rules_free(rules);
	return -1;
}

void
rules_append(struct rules *rules, struct rules *more)
{
	for (size_t i = 0; i < more->count; i++)
		rules_push(rules, &more->list[i]);
	free(more->list);
	more->list = NULL;
	more->count = 0;
}

void
rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		free(rules->list[i].reference);
		free(rules->list[i].operation);
		free(rules->list[i].fault.text);
		free(rules->list[i].fault.retry_after);
	}
	free(rules->list);
	rules->list = NULL;
	rules->count = 0;
}
