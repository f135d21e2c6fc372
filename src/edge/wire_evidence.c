/*
 * wire_evidence.c - what an exchange proves: libcurl's questions, and the conclusion from how they
 * were answered.
 *
 * The hook before the first byte is the only witness of "nothing was sent"; libcurl's result codes
 * occur on both sides of it and only choose words and trouble.
 */
#include "edge/wire_parts.h"

#include <stdio.h>

int
wire_on_before_send(void *data, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
	struct wire_transfer *transfer = data;
	struct wire *wire = transfer->wire;
	const struct wire_ends ends = {peer_ip, peer_port, own_port};
	(void)own_ip;

	if (transfer->released) {
		transfer->resend = true; /* the connection died, and libcurl would try another */
		return CURL_PREREQFUNC_ABORT;
	}
	if (transfer->state != WIRE_RUNNING)
		return CURL_PREREQFUNC_ABORT; /* given up while it was still connecting */
	if (!peer_allowed(peer_classify_text(peer_ip), &transfer->peer)) {
		transfer->forbidden = true; /* another request's connection, reused */
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->unclean = !wire_socket_is_clean(transfer, &ends);
	if (transfer->unclean)
		return CURL_PREREQFUNC_ABORT;

	wire->in_hook = true;
	transfer->refused = wire->before_send(wire->context, transfer->owner) != 0;
	wire->in_hook = false;
	if (transfer->refused)
		return CURL_PREREQFUNC_ABORT;
	transfer->released = true;
	return CURL_PREREQFUNC_OK;
}

size_t
wire_on_header(char *line, size_t size, size_t count, void *data)
{
	struct wire_transfer *transfer = data;

	return wire_answer_line(&transfer->answer, line, size * count) == 0 ? size * count : 0;
}

size_t
wire_on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct wire_transfer *transfer = data;

	return wire_answer_body(&transfer->answer, bytes, size * count) == 0 ? size * count : 0;
}

/* Any text to the outcome's printable one. */
void
wire_say(struct wire_transfer *transfer, const char *words)
{
	char *error = transfer->outcome.error;

	snprintf(error, sizeof(transfer->outcome.error), "%s", words);
	for (; *error; error++)
		if (*error < 0x20 || *error > 0x7e)
			*error = '?';
}

/* Only for transfers of which nothing was sent. */
static enum wire_trouble
trouble_of(const struct wire_transfer *transfer)
{
	if (transfer->refused)
		return WIRE_TROUBLE_REFUSED;
	if (transfer->forbidden)
		return WIRE_TROUBLE_FORBIDDEN;
	switch ((int)transfer->code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return WIRE_TROUBLE_TRUST;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_LOGIN_DENIED: /* a user name in the URL */
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
		return WIRE_TROUBLE_SETUP;
	default:
		return WIRE_TROUBLE_NETWORK;
	}
}

/* The one place that says what an exchange proves. Its words, if a cancel gave some, stay. */
void
wire_conclude(struct wire_transfer *transfer)
{
	struct wire_outcome *outcome = &transfer->outcome;
	const struct wire_answer *answer = &transfer->answer;
	const char *why = NULL;

	if (!transfer->released) {
		outcome->evidence = EVIDENCE_UNSENT;
		outcome->trouble = trouble_of(transfer);
	} else if (transfer->code == CURLE_OK && wire_answer_is_whole(answer, &why)) {
		outcome->evidence = EVIDENCE_ANSWERED;
		outcome->error[0] = '\0';
	} else {
		outcome->evidence = EVIDENCE_MAYBE_SENT;
	}
	outcome->oversize = answer->oversize || transfer->code == CURLE_FILESIZE_EXCEEDED;
	outcome->http_status = answer->status;
	outcome->body = answer->body.length > 0 ? answer->body.data : NULL;
	outcome->body_length = answer->body.length;
	if (outcome->evidence == EVIDENCE_ANSWERED || outcome->error[0])
		return;
	if (transfer->refused)
		wire_say(transfer, "refused before the first byte");
	else if (transfer->forbidden)
		wire_say(transfer, "the peer's address is not allowed");
	else if (transfer->resend)
		wire_say(transfer, "the connection died; sending again was refused");
	else if (answer->complaint || why)
		wire_say(transfer, answer->complaint ? answer->complaint : why);
	else
		wire_say(transfer,
		    transfer->words[0] ? transfer->words : curl_easy_strerror(transfer->code));
}
