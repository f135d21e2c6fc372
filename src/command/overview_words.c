/*
 * overview_words.c - times, durations, sizes and JSON strings as people and programs read them.
 */
#include "command/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

void
words_time(int64_t ms, char text[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm broken;

	if (ms == TIME_NONE || gmtime_r(&seconds, &broken) == NULL)
		(void)snprintf(text, 32, "-");
	else
		(void)strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &broken);
}

void
words_duration(int64_t ms, char text[24])
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};

	if (ms < 0) {
		(void)snprintf(text, 24, "-");
		return;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double value = (double)ms / (double)units[i].ms;

		if (value < 1.0 || (units[i].ms > 1000 && value < 2.0))
			continue;
		(void)snprintf(text, 24,
		    value < 10.0 && units[i].ms == 1000 ? "%.1f %s" : "%.0f %s", value,
		    units[i].unit);
		return;
	}
	(void)snprintf(text, 24, "%" PRId64 " ms", ms);
}

void
words_clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++)
		if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) {
			if (*at == 0xc2)
				*at++ = '?'; /* U+0080 to U+009F are controls, too */
			*at = '?';
		}
}

void
words_bytes(int64_t bytes, char text[24])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024.0 && unit < 3) {
		value /= 1024.0;
		unit++;
	}
	(void)snprintf(text, 24, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* The length of the UTF-8 sequence at text, 0 when it is none. */
static size_t
sequence(const unsigned char *text)
{
	static const struct {
		unsigned char low, high;
		size_t length;
	} heads[] = {{0x00, 0x7f, 1}, {0xc2, 0xdf, 2}, {0xe0, 0xef, 3}, {0xf0, 0xf4, 4}};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (text[0] < heads[i].low || text[0] > heads[i].high)
			continue;
		for (size_t k = 1; k < heads[i].length; k++)
			if ((text[k] & 0xc0) != 0x80)
				return 0;
		if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
		    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
			return 0;
		return heads[i].length;
	}
	return 0;
}

void
words_json(struct text *out, const char *text)
{
	(void)text_add(out, "\"", 1);
	while (*text != '\0') {
		size_t length = sequence((const unsigned char *)text);

		if (length == 0)
			(void)text_format(out, "\\ufffd");
		else if (*text == '"' || *text == '\\')
			(void)text_format(out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			(void)text_format(out, "\\u%04x", (unsigned)*text);
		else
			(void)text_add(out, text, length);
		text += length == 0 ? 1 : length;
	}
	(void)text_add(out, "\"", 1);
}
