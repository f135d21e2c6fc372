/* bend.c - faults that change an answer's content; how its bytes then travel is plan.c's business.
 */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

static void
bend_status(struct answer *answer, const struct fault *fault)
{
	answer->status = (int)fault->number;
	if (fault->kind == FAULT_HTTP)
		return;
	answer_free(answer);
	answer->content_type = "application/json";
	if (fault->kind == FAULT_REDIRECT) {
		answer_header(answer, "Location", fault->text);
		return;
	}
	if (fault->retry_after != NULL)
		answer_header(answer, "Retry-After", fault->retry_after);
	if (fault->text != NULL)
		text_puts(&answer->body, fault->text);
	else
		text_printf(&answer->body,
		    "{\"error\":{\"code\":\"scripted\",\"message\":\"status %lld from the "
		    "script\"}}",
		    (long long)fault->number);
}

/* Puts bytes before the last '}' of the body, or at its end. */
static void
insert_members(struct text *body, const char *bytes, size_t length)
{
	const char *end = body->data == NULL ? NULL : strrchr(body->data, '}');
	struct text bent = {NULL, 0, 0};
	size_t at = end == NULL ? body->length : (size_t)(end - body->data);

	text_add(&bent, body->data, at);
	if (at > 1)
		text_puts(&bent, ",");
	text_add(&bent, bytes, length);
	text_puts(&bent, "}");
	text_free(body);
	*body = bent;
}

static void
bend_duplicate(struct text *body)
{
	struct text bent = {NULL, 0, 0};
	const char *name = strchr(text_get(body), '"');
	const char *end = name == NULL ? NULL : strchr(name + 1, '"');

	if (end == NULL)
		return;
	text_printf(&bent, "{%.*s:\"duplicate\",%s", (int)(end + 1 - name), name, name);
	text_free(body);
	*body = bent;
}

static void
bend_body(struct answer *answer, const struct fault *fault)
{
	struct text *body = &answer->body;

	if (fault->kind == FAULT_GARBLE) {
		for (size_t i = 0; i < body->length; i += 11)
			body->data[i] = (char)(body->data[i] ^ 0x20); /* '{' becomes '[' */
	} else if (fault->kind == FAULT_NOT_JSON) {
		text_free(body);
		text_puts(body, "<html><body><h1>We will be back soon</h1></body></html>\n");
		answer->content_type = "text/html";
	} else if (fault->kind == FAULT_TRAILING) {
		text_puts(body, "\n{\"and\": then");
	} else if (fault->kind == FAULT_DUPLICATE_MEMBER) {
		bend_duplicate(body);
	} else if (fault->kind == FAULT_BODY) {
		text_free(body);
		text_puts(body, fault->text);
	}
}

static void
bend_size(struct text *body, size_t wanted)
{
	struct text padding = {NULL, 0, 0};
	char run[1024];

	memset(run, 'x', sizeof(run));
	text_puts(&padding, "\"padding\":\"");
	while (padding.length + body->length < wanted)
		text_add(&padding, run, sizeof(run));
	text_puts(&padding, "\"");
	insert_members(body, padding.data, padding.length);
	text_free(&padding);
}

static void
bend_header(struct answer *answer, const char *line)
{
	text_printf(&answer->headers, "%s\r\n", line);
}

void
bend_answer(struct exchange *exchange)
{
	static const char card[] = "\"card_number\":\"4111111111111111\",\"cvv\":\"123\"";
	struct answer *answer = &exchange->answer;
	const struct fault *fault;

	if ((fault = exchange_fault(exchange, GROUP_STATUS)) != NULL)
		bend_status(answer, fault);
	if (exchange_fault(exchange, GROUP_ECHO) != NULL)
		insert_members(&answer->body, card, strlen(card));
	if ((fault = exchange_fault(exchange, GROUP_OVERSIZE)) != NULL)
		bend_size(&answer->body, (size_t)fault->number);
	if ((fault = exchange_fault(exchange, GROUP_BODY)) != NULL)
		bend_body(answer, fault);
	if ((fault = exchange_fault(exchange, GROUP_DATE)) != NULL)
		answer_header(answer, "Date", fault->text);
	if ((fault = exchange_fault(exchange, GROUP_RETRY_AFTER)) != NULL)
		answer_header(answer, "Retry-After", fault->text);
	if ((fault = exchange_fault(exchange, GROUP_HEADER)) != NULL)
		bend_header(answer, fault->text);
}
