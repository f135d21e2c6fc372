/*
 * fuzz_intake.c - any row for any operation of a shipped profile: what is made ready cannot break
 * out of its URL, its headers or its key, is the same request the next time, and is held when the
 * row was changed in between.
 */
#include "agent/parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH, HEADERS, CONTENT_TYPE, KEY, REFERENCE, BODY, PIECES };

static const char base_url[] = "https://gateway.example/prefix";

static int
no_break(void *context, const char *name, const char *value)
{
	(void)context;
	assert(strpbrk(name, "\r\n: ") == NULL && strpbrk(value, "\r\n") == NULL);
	return 0;
}

static char *
or_null(uint8_t flags, int bit, char *piece)
{
	return (flags >> bit & 1) != 0 ? NULL : piece;
}

static void
check_ready(struct agent *agent, struct job *job, struct store_row *row)
{
	struct job again = *job;
	enum hold_cause cause;
	char why[256] = "";

	assert(strncmp(job->url, base_url, sizeof(base_url) - 1) == 0 &&
	       job->url[sizeof(base_url) - 1] == '/');
	for (const char *at = job->url; *at != '\0'; at++)
		assert(*at > 0x20 && *at < 0x7f && *at != '#' && *at != '?' && *at != '%' &&
		       *at != '\\');
	assert(strstr(job->url + 8, "//") == NULL && strstr(job->url, "/../") == NULL);
	assert((job->key != NULL) == (job->operation->kind == KIND_KEYED));
	for (const char *at = job->key; at != NULL && *at != '\0'; at++)
		assert(*at > 0x20 && *at < 0x7f);
	if (row->headers != NULL)
		assert(intake_headers(
			   job->operation, row->headers, no_break, NULL, why, sizeof(why)) == 0);
	/* as the next attempt finds it */
	row->method = job->method;
	row->url = job->url;
	row->key_header = job->key_header;
	row->key = job->key;
	memcpy(row->request_hash, job->hash, KEY_HASH_SIZE);
	again.own_url = NULL;
	assert(intake_prepare(agent, &again, why, sizeof(why), &cause) == INTAKE_READY);
	assert(!again.freezes || job->freezes);
	if (row->body_length > 0) {
		row->body_length--;
		assert(intake_prepare(agent, &again, why, sizeof(why), &cause) == INTAKE_HELD);
		row->body_length++;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char key_header[] = "Idempotency-Key";
	static char name[] = "d";
	static char url[sizeof(base_url)];
	static const unsigned char secret[KEY_SECRET_SIZE] = {1};
	static struct key_maker *key_maker;
	struct config config = {.body_max = 65536};
	struct generation generation = {.config = &config};
	struct agent agent = {.generation = &generation};
	struct lane lane = {.name = name};
	struct destination settings = {.name = name, .base_url = url, .key_header = key_header};
	struct store_row row = {
	    .txn = {.id = 7, .state = STATE_QUEUED}, .present = true, .destination = name};
	struct job job = {
	    .lane = &lane, .generation = &generation, .settings = &settings, .row = &row};
	char *pieces[PIECES];
	size_t lengths[PIECES];
	enum hold_cause cause;
	char why[256] = "";
	enum intake intake;

	if (size < 3)
		return 0;
	if (key_maker == NULL)
		key_maker = key_maker_new(secret);
	assert(key_maker != NULL);
	agent.key_maker = key_maker;
	memcpy(url, base_url, sizeof(url));
	settings.profile = fuzz_profile(data[0]);
	settings.card_data = (data[2] & 64) != 0 ? CARD_ERASE : CARD_NEVER;
	row.operation =
	    settings.profile->operations[data[1] % settings.profile->operation_count].name;
	fuzz_split(data + 3, size - 3, pieces, lengths, PIECES);
	row.path = or_null(data[2], 0, pieces[PATH]);
	row.headers = or_null(data[2], 1, pieces[HEADERS]);
	row.content_type = (data[2] & 4) != 0 ? "application/json" : pieces[CONTENT_TYPE];
	row.own_key = or_null(data[2], 3, pieces[KEY]);
	row.reference = or_null(data[2], 4, pieces[REFERENCE]);
	row.body = pieces[BODY];
	row.body_length = lengths[BODY];
	intake = intake_prepare(&agent, &job, why, sizeof(why), &cause);
	if (intake == INTAKE_READY)
		check_ready(&agent, &job, &row);
	else
		assert(intake == INTAKE_INVALID && why[0] != '\0' && fuzz_is_printable(why));
	free(job.own_url);
	return 0;
}
