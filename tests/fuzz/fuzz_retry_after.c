/* fuzz_retry_after.c - any header value, clock and cap: the answer is -1 or within [0, cap]. */
#include "core/backoff.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t now_ms;
	int64_t cap_ms;

	if (size < 16)
		return 0;
	memcpy(&now_ms, data, 8);
	memcpy(&cap_ms, data + 8, 8);
	cap_ms &= INT64_MAX;
	char *value = malloc(size - 16 + 1);
	assert(value != NULL);
	memcpy(value, data + 16, size - 16);
	value[size - 16] = '\0';

	int64_t delay_ms = backoff_retry_after_ms(value, now_ms, cap_ms);
	assert(delay_ms >= -1 && delay_ms <= cap_ms);
	assert(value[0] != '\0' || delay_ms == -1);
	delay_ms = backoff_delay_ms((now_ms & INT64_MAX) | 1, cap_ms, (int)size, (uint64_t)now_ms);
	assert(delay_ms >= 0 && delay_ms <= cap_ms);
	free(value);
	return 0;
}
