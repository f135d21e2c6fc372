/*
 * fuzz_config.c - any file as outboxd.conf: refused with printable problems, or a configuration
 * that keeps every promise of its limits. "PROFILES" in the file stands for the directory of the
 * shipped profiles.
 */
#include "edge/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
with_profiles(const uint8_t *data, size_t size, size_t *length)
{
	const char *directory = fuzz_profiles_dir();
	const char *at = size == 0 ? NULL : memmem(data, size, "PROFILES", 8);
	size_t before = at == NULL ? size : (size_t)(at - (const char *)data);
	char *text = malloc(size + strlen(directory) + 1);

	assert(text != NULL);
	if (before > 0)
		memcpy(text, data, before);
	*length = before;
	if (at == NULL)
		return text;
	memcpy(text + before, directory, strlen(directory));
	memcpy(text + before + strlen(directory), at + 8, size - before - 8);
	*length = size - 8 + strlen(directory);
	return text;
}

static void
check(const struct config *config)
{
	assert(config->database != NULL && config->database[0] == '/');
	assert(config->state_dir != NULL && config->state_dir[0] == '/');
	assert(config->destination_count > 0);
	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination *destination = &config->destinations[i];
		bool plain = strncmp(destination->base_url, "http://", 7) == 0;

		assert(destination->profile != NULL);
		assert(config_destination(config, destination->name) == destination);
		assert(plain || strncmp(destination->base_url, "https://", 8) == 0);
		assert(!plain || destination->allow_plain_loopback);
		assert(!plain || strncmp(destination->base_url, "http://127.", 11) == 0 ||
		       strncmp(destination->base_url, "http://[::1]", 12) == 0 ||
		       strncmp(destination->base_url, "http://localhost", 16) == 0);
		assert(destination->concurrency > 0 && destination->poll_concurrency > 0);
		assert(destination->rate_per_second >= 0 && destination->request_timeout_ms > 0);
		assert(destination->retry_base_ms > 0 &&
		       destination->retry_base_ms <= destination->retry_cap_ms);
		for (size_t o = 0; o < destination->profile->operation_count; o++)
			assert(
			    destination->profile->operations[o].kind != KIND_KEYED ||
			    (destination->key_retention_ms > 0 && destination->key_header != NULL));
		for (size_t h = 0; h < destination->header_count; h++)
			assert(strpbrk(destination->headers[h].value, "\r\n") == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length;
	char *text = with_profiles(data, size, &length);
	const char *path = fuzz_file("fuzz.conf", text, length);
	struct config *config;
	struct text problems;

	free(text);
	text_init(&problems, 64 * 1024);
	config = config_load(path, &problems);
	assert((config == NULL) == (text_string(&problems)[0] != '\0'));
	assert(fuzz_is_printable(text_string(&problems)));
	if (config != NULL) {
		check(config);
		config_free(config);
	}
	text_free(&problems);
	return 0;
}
