/* exchange.c - reading a request and setting an answer; shared by all dialects. */
#include "gateway.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
exchange_header(const struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *
exchange_query(const struct exchange *exchange, const char *name, char *out, size_t size)
{
	size_t name_length = strlen(name);
	const char *at = exchange->query;

	while (*at != '\0') {
		size_t length = strcspn(at, "&");

		if (length > name_length && strncmp(at, name, name_length) == 0 &&
		    at[name_length] == '=' && length - name_length - 1 < size) {
			length -= name_length + 1;
			memcpy(out, at + name_length + 1, length);
			out[length] = '\0';
			return out;
		}
		at += length + (at[length] == '&');
	}
	return NULL;
}

void
exchange_refer(struct exchange *exchange, const char *const *pointers)
{
	char *out = exchange->reference;

	if (json_text_at(exchange->json, "/reference", out, NAME_SIZE))
		return;
	for (; *pointers != NULL; pointers++)
		if (json_text_at(exchange->json, *pointers, out, NAME_SIZE))
			return;
	if (exchange->path_number[0] != '\0')
		snprintf(out, NAME_SIZE, "%s", exchange->path_number);
	else if (exchange->key != NULL && exchange->key[0] != '\0')
		snprintf(out, NAME_SIZE, "%s", exchange->key);
	else
		strcpy(out, "-");
}

bool
exchange_is(struct exchange *exchange, const char *method, const char *pattern)
{
	const char *path = exchange->path;
	const char *number = NULL;
	size_t length = 0;

	if (strcmp(method, exchange->method) != 0)
		return false;
	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '*') {
			number = path;
			length = strcspn(path, "/");
			if (length == 0 || length >= NAME_SIZE)
				return false;
			path += length;
		} else if (*pattern != *path++) {
			return false;
		}
	}
	if (*path != '\0')
		return false;
	if (number != NULL)
		snprintf(exchange->path_number, NAME_SIZE, "%.*s", (int)length, number);
	return true;
}

void
exchange_effect(struct world *world, struct exchange *exchange, const char *effect, const char *id)
{
	static const char *const names[] = {
	    "totalGrossAmount", "amount", "total", "order_total", "price", "totalAmount"};
	char amount[64];
	struct effect line = {
	    .gateway = exchange->dialect->name,
	    .operation = exchange->operation,
	    .reference = exchange->reference,
	    .key = exchange->key,
	    .effect = effect,
	    .id = id,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && line.amount == NULL; i++)
		if (json_source_of(text_get(&exchange->body), names[i], amount, sizeof(amount)))
			line.amount = amount;
	exchange->effect = true;
	ledger_effect(&world->ledger, &line);
}

const struct fault *
exchange_fault(const struct exchange *exchange, enum fault_group group)
{
	return exchange->faults.of[group];
}

const struct fault *
exchange_broken_by(const struct exchange *exchange)
{
	const struct fault *fault = exchange->faults.of[GROUP_TRANSPORT];

	if (fault == NULL || fault->kind == FAULT_SLOW_HEADERS || fault->kind == FAULT_SLOW_BODY ||
	    fault->kind == FAULT_BIG_HEADER)
		return NULL;
	return fault;
}

bool
exchange_answer_is_lost(const struct exchange *exchange)
{
	const struct fault *status = exchange->faults.of[GROUP_STATUS];

	return exchange_broken_by(exchange) != NULL || exchange->faults.of[GROUP_BODY] != NULL ||
	       (status != NULL && status->kind != FAULT_HTTP);
}

void
answer_set(struct answer *answer, int status, const char *format, ...)
{
	va_list arguments;
	char *printed = NULL;
	int length;

	va_start(arguments, format);
	length = vasprintf(&printed, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	answer->status = status;
	answer->content_type = "application/json";
	text_free(&answer->body);
	text_add(&answer->body, printed, (size_t)length);
	free(printed);
}

void
answer_header(struct answer *answer, const char *name, const char *value)
{
	text_printf(&answer->headers, "%s: %s\r\n", name, value);
}

void
answer_copy(struct answer *answer, const struct answer *from)
{
	answer->status = from->status;
	answer->content_type = from->content_type;
	text_copy(&answer->headers, &from->headers);
	text_copy(&answer->body, &from->body);
}

void
answer_free(struct answer *answer)
{
	text_free(&answer->headers);
	text_free(&answer->body);
}
