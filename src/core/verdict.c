/*
 * verdict.c - rules over a strictly checked document, then the status classes.
 */
#include "core/verdict.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/card.h"
#include "core/text.h"

static const char *const class_names[CLASS_COUNT] = {
    [CLASS_UNSENT] = "unsent",
    [CLASS_UNUSABLE] = "unusable",
    [CLASS_LOST] = "lost",
    [CLASS_SUCCEEDED] = "succeeded",
    [CLASS_FAILED] = "failed",
    [CLASS_PENDING] = "pending",
    [CLASS_PENDING_NO_URL] = "pending-no-url",
    [CLASS_NOT_READY] = "not-ready",
    [CLASS_UNPROCESSED] = "unprocessed",
    [CLASS_AUTH_UNPROCESSED] = "credentials-refused",
    [CLASS_LOGIN] = "login",
    [CLASS_HOLD] = "hold",
    [CLASS_RETRY] = "retry",
    [CLASS_UNKNOWN] = "unknown",
    [CLASS_INNER_SERVER] = "inner-5xx",
    [CLASS_INNER_UNDECIDED] = "inner-undecided",
    [CLASS_UNDECIDED] = "undecided",
    [CLASS_REDIRECT] = "redirect",
    [CLASS_SEE_OTHER] = "status-303",
    [CLASS_BAD_REQUEST] = "status-400",
    [CLASS_AUTH] = "credentials",
    [CLASS_NOT_FOUND] = "status-404",
    [CLASS_REFUSED] = "refused-4xx",
    [CLASS_TIMEOUT] = "status-408",
    [CLASS_CONFLICT] = "status-409",
    [CLASS_CONTENT] = "status-422",
    [CLASS_EARLY] = "status-425",
    [CLASS_RATE] = "status-429",
    [CLASS_OTHER_4XX] = "other-4xx",
    [CLASS_SERVER] = "server-5xx",
    [CLASS_GATEWAY] = "gateway-5xx",
    [CLASS_UNAVAILABLE] = "status-503",
    [CLASS_ODD] = "odd-status",
};

static const char *const evidence_names[EVIDENCE_COUNT] = {
    [EVIDENCE_UNSENT] = "unsent",
    [EVIDENCE_MAYBE_SENT] = "maybe_sent",
    [EVIDENCE_ANSWERED] = "answered",
};

/* First match wins. */
static const struct {
	int low;
	int high;
	enum answer_class class;
} status_classes[] = {
    {200, 299, CLASS_UNDECIDED},
    {303, 303, CLASS_SEE_OTHER},
    {300, 399, CLASS_REDIRECT},
    {400, 400, CLASS_BAD_REQUEST},
    {401, 401, CLASS_AUTH},
    {403, 403, CLASS_AUTH},
    {407, 407, CLASS_AUTH},
    {404, 404, CLASS_NOT_FOUND},
    {402, 402, CLASS_REFUSED},
    {405, 405, CLASS_REFUSED},
    {410, 410, CLASS_REFUSED},
    {413, 413, CLASS_REFUSED},
    {415, 415, CLASS_REFUSED},
    {451, 451, CLASS_REFUSED},
    {408, 408, CLASS_TIMEOUT},
    {409, 409, CLASS_CONFLICT},
    {422, 422, CLASS_CONTENT},
    {421, 421, CLASS_EARLY},
    {425, 425, CLASS_EARLY},
    {429, 429, CLASS_RATE},
    {400, 499, CLASS_OTHER_4XX},
    {502, 502, CLASS_GATEWAY},
    {504, 504, CLASS_GATEWAY},
    {520, 530, CLASS_GATEWAY},
    {503, 503, CLASS_UNAVAILABLE},
    {500, 599, CLASS_SERVER},
};

static const enum answer_class rule_classes[RULE_VERDICT_COUNT] = {
    [RULE_SUCCEEDED] = CLASS_SUCCEEDED,
    [RULE_FAILED] = CLASS_FAILED,
    [RULE_PENDING] = CLASS_PENDING,
    [RULE_NOT_READY] = CLASS_NOT_READY,
    [RULE_UNWRAP] = CLASS_INNER_UNDECIDED,
    [RULE_UNPROCESSED] = CLASS_UNPROCESSED,
    [RULE_LOGIN] = CLASS_LOGIN,
    [RULE_HOLD] = CLASS_HOLD,
    [RULE_RETRY] = CLASS_RETRY,
    [RULE_UNKNOWN] = CLASS_UNKNOWN,
};

/* One look at one document: the outer answer, or what was unwrapped from it. */
struct view {
	const struct verdict_context *context;
	const struct answer *answer;
	const struct reply *document; /* NULL: none that is acceptable */
	enum phase phase;
	int http_status;
	bool inner;
};

const char *answer_class_name(enum answer_class class)
{
	return class_names[class];
}

const char *
evidence_name(enum evidence evidence)
{
	return evidence_names[evidence];
}

static enum answer_class
class_of_status(int http_status)
{
	for (size_t i = 0; i < sizeof(status_classes) / sizeof(status_classes[0]); i++)
		if (http_status >= status_classes[i].low && http_status <= status_classes[i].high)
			return status_classes[i].class;
	return CLASS_ODD;
}

static bool
contains(const int *statuses, size_t count, int status)
{
	for (size_t i = 0; i < count; i++)
		if (statuses[i] == status)
			return true;
	return false;
}

static const char *
answer_header(const struct answer *answer, const char *name)
{
	return answer->header == NULL ? NULL : answer->header(answer->header_source, name);
}

static bool
one_of(const struct match *match, const char *value)
{
	for (size_t i = 0; value != NULL && i < match->string_count; i++)
		if (strcmp(value, match->strings[i]) == 0)
			return true;
	return false;
}

static bool
json_holds(const struct match *match, const struct reply *document)
{
	int64_t integer;
	bool boolean;

	if (document == NULL)
		return false;
	switch (match->type) {
	case MATCH_EXISTS:
		return reply_type_at(document, match->pointer) != REPLY_ABSENT;
	case MATCH_ABSENT:
		return reply_type_at(document, match->pointer) == REPLY_ABSENT;
	case MATCH_STRING:
		return one_of(match, reply_string_at(document, match->pointer));
	case MATCH_INTEGER:
		if (reply_integer_at(document, match->pointer, &integer) == -1)
			return false;
		for (size_t i = 0; i < match->integer_count; i++)
			if (match->integers[i] == integer)
				return true;
		return false;
	case MATCH_BOOLEAN:
		return reply_boolean_at(document, match->pointer, &boolean) == 0 &&
		       boolean == match->boolean;
	}
	return false;
}

static bool
header_holds(const struct match *match, const struct answer *answer)
{
	const char *value = answer_header(answer, match->header);

	if (match->type == MATCH_ABSENT)
		return value == NULL;
	if (match->type == MATCH_EXISTS)
		return value != NULL;
	return match->type == MATCH_STRING && one_of(match, value);
}

static bool
status_fits(const struct rule *rule, int http_status)
{
	if (rule->status_count == 0)
		return true;
	for (size_t i = 0; i < rule->status_count; i++)
		if (http_status >= rule->statuses[i].low && http_status <= rule->statuses[i].high)
			return true;
	return false;
}

static bool
operation_fits(const struct rule *rule, const struct operation *operation)
{
	if (rule->operation_count == 0)
		return true;
	for (size_t i = 0; i < rule->operation_count; i++)
		if (strcmp(rule->operations[i], operation->name) == 0)
			return true;
	return false;
}

static bool
rule_matches(const struct rule *rule, const struct view *view)
{
	bool final = rule->verdict == RULE_SUCCEEDED || rule->verdict == RULE_FAILED;

	if ((rule->phases & (1u << view->phase)) == 0 || !status_fits(rule, view->http_status) ||
	    !operation_fits(rule, view->context->operation))
		return false;
	/* A final word needs a document where the profile expects one. */
	if (final && view->context->profile->answers_json && view->document == NULL)
		return false;
	if (view->inner && rule->verdict == RULE_UNWRAP)
		return false; /* one envelope, not a chain of them */
	for (size_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];

		if (match->pointer != NULL ? !json_holds(match, view->document)
					   : !header_holds(match, view->answer))
			return false;
	}
	return true;
}

static const struct rule *
first_rule(const struct view *view)
{
	const struct profile *profile = view->context->profile;

	for (size_t i = 0; i < profile->rule_count; i++)
		if (rule_matches(&profile->rules[i], view))
			return &profile->rules[i];
	return NULL;
}

/* Text from outside must neither break a log line nor a terminal. */
static void
copy_printable(char *to, size_t size, const char *from)
{
	const unsigned char *at = (const unsigned char *)from;
	size_t n = 0;

	while (*at != '\0') {
		size_t length = *at < 0xc0 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
		bool control =
		    *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0); /* C0, DEL, C1 */

		if (strnlen((const char *)at, length) < length || n + length >= size)
			break; /* cut: no half UTF-8 sequence */
		if (control)
			to[n++] = ' ';
		else
			memcpy(to + n, at, length);
		n += control ? 0 : length;
		at += length;
	}
	to[n] = '\0';
}

static void
set_reason(struct verdict *verdict, const struct rule *rule, const struct reply *document)
{
	const char *detail = NULL;
	const char *what;
	char line[512];

	if (rule->reason_pointer != NULL && document != NULL)
		detail = reply_string_at(document, rule->reason_pointer);
	/* Reasons are kept and logged. */
	if (detail != NULL && card_in_text(detail, strlen(detail), &what))
		detail = NULL;
	if (rule->reason != NULL && detail != NULL)
		(void)snprintf(line, sizeof(line), "%.200s: %.300s", rule->reason, detail);
	else if (rule->reason != NULL || detail != NULL)
		text_copy(line, sizeof(line), detail != NULL ? detail : rule->reason);
	else
		return;
	copy_printable(verdict->reason, sizeof(verdict->reason), line);
}

static void
set_url(struct verdict *verdict, const struct rule *rule, const struct view *view)
{
	if (rule->url_pointer != NULL && view->document != NULL)
		verdict->url = reply_string_at(view->document, rule->url_pointer);
	else if (rule->url_header != NULL)
		verdict->url = answer_header(view->answer, rule->url_header);
	if (verdict->url != NULL && verdict->url[0] == '\0')
		verdict->url = NULL;
	if (verdict->class == CLASS_PENDING && verdict->url == NULL)
		verdict->class = CLASS_PENDING_NO_URL;
}

static void
name_rule(struct verdict *verdict, const char *name)
{
	text_copy(verdict->rule, sizeof(verdict->rule), name);
}

static void
judge_by_rule(struct verdict *verdict, const struct rule *rule, const struct view *view)
{
	verdict->class = rule_classes[rule->verdict];
	name_rule(verdict, rule->name);
	set_reason(verdict, rule, view->document);
	if (rule->verdict == RULE_PENDING || rule->verdict == RULE_NOT_READY)
		set_url(verdict, rule, view);
}

static bool is_refusal(enum answer_class class)
{
	return class == CLASS_BAD_REQUEST || class == CLASS_NOT_FOUND || class == CLASS_REFUSED ||
	       class == CLASS_CONTENT || class == CLASS_OTHER_4XX;
}

static void
judge_by_status(struct verdict *verdict, const struct view *view)
{
	const struct verdict_context *context = view->context;
	const struct profile *profile = context->profile;
	int status = view->http_status;

	verdict->class = class_of_status(status);
	/* A refusal is final only when it is the gateway's own document, not a proxy's page. */
	if (profile->answers_json && view->document == NULL && is_refusal(verdict->class))
		verdict->class = CLASS_UNDECIDED;
	if (contains(context->unprocessed, context->unprocessed_count, status) ||
	    (!context->exposed_earlier && contains(profile->unprocessed_if_unexposed,
					      profile->unprocessed_if_unexposed_count, status)))
		verdict->class =
		    verdict->class == CLASS_AUTH ? CLASS_AUTH_UNPROCESSED : CLASS_UNPROCESSED;
	if (verdict->class == CLASS_UNPROCESSED)
		(void)snprintf(verdict->rule, sizeof(verdict->rule), "unprocessed-%d", status);
	else
		name_rule(verdict, answer_class_name(verdict->class));
}

/* The gateway's own final word stands inside: a 4xx there, with its document (null, a bare text or
 * number is none), is a refusal of this very request. */
static void
judge_inner_by_status(struct verdict *verdict, int status)
{
	enum reply_type type =
	    verdict->documents[1] == NULL ? REPLY_ABSENT : reply_type_at(verdict->documents[1], "");

	if (status >= 400 && status <= 499 && (type == REPLY_OBJECT || type == REPLY_ARRAY))
		verdict->class = CLASS_FAILED;
	else if (status >= 500 && status <= 599)
		verdict->class = CLASS_INNER_SERVER;
	else
		verdict->class = CLASS_INNER_UNDECIDED;
	if (verdict->class == CLASS_FAILED)
		(void)snprintf(verdict->rule, sizeof(verdict->rule), "inner-%d", status);
	else
		name_rule(verdict, answer_class_name(verdict->class));
}

/* Finds the inner document: an object's own bytes, or the text of a string. */
static int
inner_document(struct verdict *verdict, const struct rule *rule, const struct reply *outer)
{
	const char *text = reply_string_at(outer, rule->body_pointer);
	size_t length;

	if (text != NULL)
		length = strlen(text);
	else if (reply_slice_at(outer, rule->body_pointer, &text, &length) == -1)
		return 0;
	verdict->body = text;
	verdict->body_length = length;
	verdict->documents[1] = reply_parse(text, length, &verdict->document_error);
	if (verdict->documents[1] == NULL && verdict->document_error != NULL &&
	    strcmp(verdict->document_error, "out of memory") == 0)
		return -1;
	return 0;
}

static int
unwrap(struct verdict *verdict, const struct rule *rule, const struct view *outer)
{
	struct view inner = *outer;
	const struct rule *inner_rule;
	int64_t status;

	verdict->unwrapped = true;
	verdict->body_length = 0;
	verdict->body = NULL;
	if (inner_document(verdict, rule, outer->document) == -1)
		return -1;
	if (reply_integer_at(outer->document, rule->status_pointer, &status) == -1 ||
	    status < 100 || status > 599) {
		verdict->http_status = 0;
		verdict->class = CLASS_INNER_UNDECIDED;
		name_rule(verdict, answer_class_name(verdict->class));
		return 0;
	}
	verdict->http_status = (int)status;
	inner.document = verdict->documents[1];
	inner.http_status = (int)status;
	inner.phase = PHASE_SUBMIT;
	inner.inner = true;
	inner_rule = first_rule(&inner);
	if (inner_rule != NULL)
		judge_by_rule(verdict, inner_rule, &inner);
	else
		judge_inner_by_status(verdict, (int)status);
	return 0;
}

static void
judge_unanswered(struct verdict *verdict, const struct answer *answer)
{
	if (answer->evidence == EVIDENCE_UNSENT) {
		bool unusable = answer->trouble == WIRE_TROUBLE_TRUST ||
				answer->trouble == WIRE_TROUBLE_SETUP ||
				answer->trouble == WIRE_TROUBLE_FORBIDDEN;

		verdict->class = unusable ? CLASS_UNUSABLE : CLASS_UNSENT;
	} else if (answer->http_status >= 200 && answer->http_status <= 299 &&
		   (answer->body_length > 0 || answer->oversize)) {
		verdict->class =
		    CLASS_UNDECIDED; /* a success that was cut off: a replay may be readable */
	} else {
		verdict->class = CLASS_LOST;
	}
	name_rule(verdict, answer_class_name(verdict->class));
}

int
verdict_judge(
    const struct verdict_context *context, const struct answer *answer, struct verdict *verdict)
{
	struct view view = {.context = context,
	    .answer = answer,
	    .phase = answer->phase,
	    .http_status = answer->http_status};
	const struct rule *rule;

	memset(verdict, 0, sizeof(*verdict));
	verdict->http_status = answer->http_status;
	if (answer->evidence != EVIDENCE_ANSWERED) {
		judge_unanswered(verdict, answer);
		return 0;
	}
	verdict->body = answer->body;
	verdict->body_length = answer->body_length;
	if (answer->body_length > 0) {
		verdict->documents[0] =
		    reply_parse(answer->body, answer->body_length, &verdict->document_error);
		if (verdict->documents[0] == NULL &&
		    strcmp(verdict->document_error, "out of memory") == 0)
			return -1;
	}
	view.document = verdict->documents[0];
	rule = first_rule(&view);
	if (rule == NULL)
		judge_by_status(verdict, &view);
	else if (rule->verdict == RULE_UNWRAP)
		return unwrap(verdict, rule, &view);
	else
		judge_by_rule(verdict, rule, &view);
	return 0;
}

void
verdict_free(struct verdict *verdict)
{
	reply_free(verdict->documents[0]);
	reply_free(verdict->documents[1]);
	memset(verdict, 0, sizeof(*verdict));
}
