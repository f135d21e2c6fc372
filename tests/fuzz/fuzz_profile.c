/*
 * fuzz_profile.c - any file as a profile: refused with printable problems, or a whole profile that
 * verdicts can be made with.
 */
#include "edge/profile.h"

#include <assert.h>
#include <string.h>

#include "core/verdict.h"
#include "fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
no_header(const void *source, const char *name)
{
	(void)source;
	return strcmp(name, "Location") == 0 ? "/fetch/1" : NULL;
}

static void
judge_with(const struct profile *profile, const struct operation *operation)
{
	static const char *const bodies[] = {
	    "", "{}", "{\"error\":{\"code\":\"x\"},\"status\":1}", "[1]", "no"};
	static const int statuses[] = {200, 202, 302, 400, 401, 404, 409, 500, 503, 999};

	for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++)
		for (size_t s = 0; s < sizeof(statuses) / sizeof(statuses[0]); s++) {
			struct verdict_context context = {.profile = profile,
			    .operation = operation,
			    .unprocessed = profile->unprocessed,
			    .unprocessed_count = profile->unprocessed_count};
			struct answer answer = {.phase = s % 2 == 0 ? PHASE_SUBMIT : PHASE_POLL,
			    .evidence = EVIDENCE_ANSWERED,
			    .http_status = statuses[s],
			    .body = bodies[b],
			    .body_length = strlen(bodies[b]),
			    .header = no_header};
			struct verdict verdict;

			assert(verdict_judge(&context, &answer, &verdict) == 0);
			assert((unsigned)verdict.class < CLASS_COUNT);
			assert(
			    fuzz_is_printable(verdict.reason) && fuzz_is_printable(verdict.rule));
			verdict_free(&verdict);
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file("profile.conf", data, size);
	struct profile *profile;
	struct text problems;

	text_init(&problems, 64 * 1024);
	profile = profile_load(path, &problems);
	assert((profile == NULL) == (text_string(&problems)[0] != '\0'));
	assert(fuzz_is_printable(text_string(&problems)));
	for (size_t i = 0; profile != NULL && i < profile->operation_count; i++) {
		const struct operation *operation = &profile->operations[i];

		assert(profile_operation(profile, operation->name) == operation);
		assert(operation->path != NULL || operation->path_pattern != NULL);
		assert(operation->kind != KIND_KEYED || profile->key.header != NULL);
		judge_with(profile, operation);
	}
	if (profile != NULL)
		profile_free(profile);
	text_free(&problems);
	return 0;
}
