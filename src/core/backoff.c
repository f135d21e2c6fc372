/*
 * backoff.c - why: a gateway that comes back must not meet every waiting row in the same second,
 * and what it says about when to come back is honoured, but only as far as our own cap. The clock
 * and the random word come from the caller.
 */
#include "core/backoff.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

enum { DATE_LENGTH_MAX = 40 };

int64_t
backoff_delay_ms(int64_t base_ms, int64_t cap_ms, int failures, uint64_t random)
{
	int64_t window_ms = base_ms < cap_ms ? base_ms : cap_ms;

	for (int n = 1; n < failures && window_ms < cap_ms; n++)
		window_ms = window_ms > cap_ms / 2 ? cap_ms : window_ms * 2;
	if (window_ms <= 0)
		return 0;
	return (int64_t)(random % ((uint64_t)window_ms + 1));
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* All of it decimal digits, and at least one. */
static bool
is_digits(const char *text, size_t length)
{
	return length > 0 && strspn(text, "0123456789") >= length;
}

static int64_t
seconds_to_ms(const char *digits, size_t length, int64_t cap_ms)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < length; i++) {
		seconds = seconds * 10 + (digits[i] - '0');
		if (seconds > cap_ms / 1000)
			return cap_ms;
	}
	return seconds * 1000;
}

/*
 * Whether it has the look of one of the three forms of an HTTP date. Asked first, because
 * curl_getdate also takes "20301231", "tomorrow's" zone names and other things that no gateway
 * means.
 */
static bool
looks_like_date(const char *text, size_t length)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	size_t colons = 0;

	if (length < strlen("Sun Nov  6 08:49:37 1994") || length > DATE_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		colons += text[i] == ':';
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		if (strncmp(text, days[i], 3) == 0)
			return colons == 2;
	return false;
}

/* Unix ms, or -1. */
static int64_t
date_to_ms(const char *text, size_t length)
{
	char date[DATE_LENGTH_MAX + 1];

	if (!looks_like_date(text, length))
		return -1;
	memcpy(date, text, length);
	date[length] = '\0';
	time_t at = curl_getdate(date, NULL);
	if (at < 0)
		return -1;
	return at > INT64_MAX / 1000 ? INT64_MAX : (int64_t)at * 1000;
}

/* Without the white space around it. */
static const char *
trim(const char *value, size_t *length)
{
	while (is_space(*value))
		value++;
	*length = strlen(value);
	while (*length > 0 && is_space(value[*length - 1]))
		(*length)--;
	return value;
}

int64_t
backoff_http_date_ms(const char *value)
{
	size_t length;

	if (value == NULL)
		return -1;
	value = trim(value, &length);
	return date_to_ms(value, length);
}

int64_t
backoff_retry_after_ms(const char *value, int64_t now_unix_ms, int64_t cap_ms)
{
	size_t length;

	if (value == NULL)
		return -1;
	value = trim(value, &length);
	if (is_digits(value, length))
		return seconds_to_ms(value, length, cap_ms);
	if (length > 1 && value[0] == '-' && is_digits(value + 1, length - 1))
		return 0;
	int64_t at_ms = date_to_ms(value, length);
	if (at_ms == -1)
		return -1;
	if (at_ms <= now_unix_ms)
		return 0;
	uint64_t ahead_ms = (uint64_t)at_ms - (uint64_t)now_unix_ms;
	return ahead_ms > (uint64_t)cap_ms ? cap_ms : (int64_t)ahead_ms;
}
