/*
 * fuzz_verdict.c - any answer to any operation of a shipped profile: what is not a complete answer
 * is never a success or a refusal, and what a person or the result will see is whole.
 */
#include "core/verdict.h"

#include <assert.h>
#include <string.h>

#include "fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
header(const void *source, const char *name)
{
	const char *value = source;

	(void)name;
	return value[0] == '\0' ? NULL : value;
}

static void
check(const struct answer *answer, const struct verdict *verdict)
{
	assert((unsigned)verdict->class < CLASS_COUNT);
	assert(answer_class_name(verdict->class)[0] != '\0');
	assert(fuzz_is_printable(verdict->reason) && fuzz_is_printable(verdict->rule));
	assert(strlen(verdict->rule) < sizeof(verdict->rule));
	if (answer->evidence == EVIDENCE_UNSENT)
		assert(verdict->class == CLASS_UNSENT || verdict->class == CLASS_UNUSABLE);
	if (answer->evidence == EVIDENCE_MAYBE_SENT)
		assert(verdict->class == CLASS_LOST ||
		       (verdict->class == CLASS_UNDECIDED && answer->http_status >= 200 &&
			   answer->http_status < 300));
	if (answer->evidence != EVIDENCE_ANSWERED)
		return;
	assert(verdict->class != CLASS_UNSENT && verdict->class != CLASS_LOST);
	/* an order exists only where a 2xx says so, its own or the one inside */
	if (verdict->class == CLASS_SUCCEEDED)
		assert(verdict->http_status >= 200 && verdict->http_status < 300 &&
		       answer->http_status >= 200 && answer->http_status < 300);
	assert(verdict->url == NULL || verdict->class == CLASS_PENDING ||
	       verdict->class == CLASS_NOT_READY);
	assert(verdict->class != CLASS_PENDING || verdict->url != NULL);
	assert(verdict->unwrapped || verdict->body == NULL || verdict->body == answer->body);
	assert(verdict->unwrapped || verdict->body_length <= answer->body_length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct profile *profile;
	struct verdict_context context = {0};
	struct answer answer = {0};
	struct verdict verdict;
	char *pieces[2];
	size_t lengths[2];

	if (size < 6)
		return 0;
	profile = fuzz_profile(data[0]);
	fuzz_split(data + 6, size - 6, pieces, lengths, 2);
	context.profile = profile;
	context.operation = &profile->operations[data[1] % profile->operation_count];
	context.unprocessed = profile->unprocessed;
	context.unprocessed_count = profile->unprocessed_count;
	context.exposed_earlier = (data[2] & 1) != 0;
	answer.phase = (data[2] & 2) != 0 ? PHASE_POLL : PHASE_SUBMIT;
	answer.evidence = data[3] < 240 ? EVIDENCE_ANSWERED : data[3] % EVIDENCE_COUNT;
	answer.oversize = answer.evidence == EVIDENCE_MAYBE_SENT && (data[2] & 4) != 0;
	answer.trouble = answer.evidence == EVIDENCE_UNSENT ? data[2] >> 3 & 3 : WIRE_TROUBLE_NONE;
	answer.http_status = (data[4] * 256 + data[5]) % 1000;
	answer.header = header;
	answer.header_source = pieces[0];
	answer.body = pieces[1];
	answer.body_length = lengths[1];
	assert(verdict_judge(&context, &answer, &verdict) == 0);
	check(&answer, &verdict);
	verdict_free(&verdict);
	return 0;
}
