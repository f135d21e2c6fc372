/*
 * log.c - one line per event, written with one write(2) so that lines never mix.
 *
 * In the journal a line begins with its priority ("<6>", sd-daemon(3)) and carries no time of its
 * own; anywhere else it carries both in words. Knows nothing of what an event means.
 */
#include "edge/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	TEXT_CHARACTERS_MAX = 200,
	CHARACTER_BYTES_MAX = 6, /* the longest escape: \u00NN */
	FIELD_BYTES_MAX = TEXT_CHARACTERS_MAX * CHARACTER_BYTES_MAX + 128,
	LINE_BYTES_MAX = 16384,
	GATHERED_FIRST = 32 * 1024,
	GATHERED_MAX = 4 * 1024 * 1024,
};

static bool log_json;
static enum log_level log_most_verbose = LOG_LEVEL_INFO;

struct line {
	size_t length;
	char data[LINE_BYTES_MAX];
};

static void
line_add(struct line *line, const char *bytes, size_t length)
{
	size_t room = sizeof(line->data) - line->length;

	if (length > room)
		length = room;
	memcpy(line->data + line->length, bytes, length);
	line->length += length;
}

static void
line_byte(struct line *line, char byte)
{
	if (line->length < sizeof(line->data))
		line->data[line->length++] = byte;
}

static void
line_string(struct line *line, const char *string)
{
	line_add(line, string, strlen(string));
}

static void line_format(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
line_format(struct line *line, const char *format, ...)
{
	char piece[64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	line_string(line, piece);
}

/*
 * Bytes of the UTF-8 character at text: 0 when it is none, or one that moves the cursor or the
 * reading direction of whoever looks at the log.
 */
static size_t
harmless_character(const unsigned char *text)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));

	if (length == 1)
		return code >= 0x20 && code != 0x7f;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	if (code < 0xa0 || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
		return 0;
	return length;
}

static void
line_escaped_byte(struct line *line, unsigned char byte)
{
	if (byte == '\n')
		line_string(line, "\\n");
	else if (byte == '\r')
		line_string(line, "\\r");
	else if (byte == '\t')
		line_string(line, "\\t");
	else if (!log_json)
		line_format(line, "\\x%02x", byte);
	else if (byte < 0x80)
		line_format(line, "\\u%04x", byte);
	else
		line_string(line, "\\ufffd"); /* JSON has no bytes, only characters */
}

/* Between quotation marks. */
static void
line_quoted(struct line *line, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	line_string(line, "\"");
	for (int count = 0; *at != '\0'; count++) {
		size_t length = harmless_character(at);

		if (count == TEXT_CHARACTERS_MAX) {
			line_string(line, "...");
			break;
		}
		if (*at == '"' || *at == '\\')
			line_string(line, "\\");
		if (length == 0)
			line_escaped_byte(line, *at);
		else
			line_add(line, (const char *)at, length);
		at += length == 0 ? 1 : length;
	}
	line_string(line, "\"");
}

/* A word that needs no quotation marks in a key=value line. (A line begins after a '>': line_name.)
 */
static bool
is_plain(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > TEXT_CHARACTERS_MAX)
		return false;
	for (const char *at = text; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\' || *at == '=' ||
		    *at == '>')
			return false;
	}
	return true;
}

static void
line_name(struct line *line, const char *name)
{
	char last = line->length == 0 ? '>' : line->data[line->length - 1];

	if (log_json) {
		line_string(line, last == '{' ? "\"" : ",\"");
		line_string(line, name);
		line_string(line, "\":");
	} else {
		if (last != '>')
			line_byte(line, ' ');
		line_string(line, name);
		line_byte(line, '=');
	}
}

static void
line_text(struct line *line, const char *name, const char *text)
{
	line_name(line, name);
	if (!log_json && is_plain(text))
		line_string(line, text);
	else
		line_quoted(line, text);
}

static void
line_number(struct line *line, const char *name, int64_t number)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*--at = '-';
	line_name(line, name);
	line_add(line, at, (size_t)(digits + sizeof(digits) - at));
}

/* A stamp for people; nothing is decided by it, so it need not be the daemon's clock. */
static void
line_time(struct line *line)
{
	static time_t second = -1; /* that stamp tells */
	static char stamp[32];     /* with a full stop behind it */
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		gmtime_r(&now.tv_sec, &utc);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S.", &utc);
		second = now.tv_sec;
	}
	line_name(line, "time");
	if (log_json)
		line_byte(line, '"');
	line_string(line, stamp);
	for (long unit = 100000000; unit >= 1000000; unit /= 10)
		line_byte(line, (char)('0' + now.tv_nsec / unit % 10));
	line_string(line, log_json ? "Z\"" : "Z");
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	}
	return "?";
}

/* $JOURNAL_STREAM names the journal's own socket: standard error may have been redirected since
 * (systemd.exec(5)). */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat status;

	if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	return strcmp(stream, own) == 0;
}

static void
write_all(const char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t wrote = write(STDERR_FILENO, bytes + done, length - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return; /* there is nobody left to tell */
		done += (size_t)wrote;
	}
}

static struct {
	bool open;
	size_t length;
	size_t room;
	char *data;
	int64_t lost; /* lines for which there was no room */
} gathered;

static bool
make_room(size_t length)
{
	size_t room = gathered.room == 0 ? GATHERED_FIRST : gathered.room;
	char *data;

	while (length > room - gathered.length)
		room *= 2;
	if (room == gathered.room)
		return true;
	data = room > GATHERED_MAX ? NULL : realloc(gathered.data, room);
	if (data == NULL)
		return false;
	gathered.data = data;
	gathered.room = room;
	return true;
}

/* Never waits while lines are gathered: whoever reads them may be slow, or gone to sleep. */
static void
line_write(const struct line *line)
{
	if (!gathered.open) {
		write_all(line->data, line->length);
	} else if (gathered.lost > 0 || !make_room(line->length)) {
		gathered.lost++;
	} else {
		memcpy(gathered.data + gathered.length, line->data, line->length);
		gathered.length += line->length;
	}
}

void
log_gather(void)
{
	gathered.open = true;
}

void
log_release(void)
{
	int saved_errno = errno;

	gathered.open = false;
	write_all(gathered.data, gathered.length);
	gathered.length = 0;
	if (gathered.room > GATHERED_FIRST) {
		free(gathered.data);
		gathered.data = NULL;
		gathered.room = 0;
	}
	if (gathered.lost > 0) {
		int64_t lost = gathered.lost;

		gathered.lost = 0;
		log_write(LOG_LEVEL_ERROR, "log_lost", LOG_NUMBER("lines", lost));
	}
	errno = saved_errno;
}

void
log_configure(bool json, enum log_level most_verbose)
{
	log_json = json;
	log_most_verbose = most_verbose;
}

void
log_event(enum log_level level, const char *event, const struct log_field *fields)
{
	int saved_errno = errno;
	bool journal;
	static struct line
	    line; /* one thread logs; 16 KiB on the stack would be cleared each time */

	if (level > log_most_verbose)
		return;
	journal = is_journal();
	line.length = 0;
	if (journal)
		line_format(&line, "<%d>", (int)level);
	if (log_json)
		line_string(&line, "{");
	if (!journal)
		line_time(&line);
	if (!journal || log_json)
		line_text(&line, "level", level_name(level));
	line_text(&line, "event", event);
	for (; fields->name != NULL; fields++) {
		if (sizeof(line.data) - line.length < FIELD_BYTES_MAX) {
			line_number(&line, "cut", 1);
			break;
		}
		if (fields->text != NULL)
			line_text(&line, fields->name, fields->text);
		else
			line_number(&line, fields->name, fields->number);
	}
	line_string(&line, log_json ? "}\n" : "\n");
	line_write(&line);
	errno = saved_errno;
}
