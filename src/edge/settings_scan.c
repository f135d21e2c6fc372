/*
 * settings_scan.c - what must be seen before libconfig parses, because afterwards it is gone.
 *
 * 3000000000 comes out of libconfig 1.5 as a negative number; "@include" opens any file that the
 * daemon may read; a NUL byte ends the text; deep nesting ends the stack. This scanner knows
 * comments, strings and tokens, and nothing of the grammar.
 */
#include <ctype.h>
#include <string.h>

#include "edge/settings.h"

struct scan {
	struct settings *settings;
	const char *at;
	const char *end;
	unsigned line;
	int depth;
	bool stop; /* what follows cannot be trusted: one problem is enough */
};

static void
problem_stop(struct scan *scan, const char *what)
{
	settings_problem_line(scan->settings, scan->line, "%s", what);
	scan->stop = true;
}

static bool
starts(const struct scan *scan, const char *word)
{
	size_t length = strlen(word);

	return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, word, length) == 0;
}

static void
skip_line(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\n')
		scan->at++;
}

static void
skip_comment(struct scan *scan)
{
	unsigned opened = scan->line;

	for (scan->at += 2; scan->at < scan->end; scan->at++) {
		if (starts(scan, "*/")) {
			scan->at += 2;
			return;
		}
		if (*scan->at == '\n')
			scan->line++;
	}
	scan->line = opened;
	problem_stop(scan, "a comment is opened with /* and never closed; write */ where it ends");
}

/* Closed on its own line, so that a forgotten quote is told where it was forgotten. */
static void
skip_string(struct scan *scan)
{
	for (scan->at++; scan->at < scan->end; scan->at++) {
		unsigned char c = (unsigned char)*scan->at;

		if (c == '"') {
			scan->at++;
			return;
		}
		if (c == '\n' || c == '\r')
			break;
		if (c < 0x20 || c == 0x7f) {
			problem_stop(scan, "a control character stands in a string; take it out");
			return;
		}
		if (c != '\\')
			continue;
		if (starts(scan, "\\x00")) {
			problem_stop(scan, "\\x00 would end the string there; take it out");
			return;
		}
		scan->at++;
		if (scan->at == scan->end || strchr("\"\\nrtfx", *scan->at) == NULL ||
		    *scan->at == '\0') {
			problem_stop(
			    scan, "unknown escape in a string; write \\\\ for a backslash");
			return;
		}
	}
	problem_stop(scan, "a string is not closed on its line; write \" where it ends");
}

/* A number and whatever is glued to it. */
static void
scan_number(struct scan *scan)
{
	const char *start = scan->at;
	char token[48];
	size_t length;
	size_t digits = 0;
	bool hexadecimal;

	while (
	    scan->at < scan->end && (isalnum((unsigned char)*scan->at) || *scan->at == '.' ||
					*scan->at == '+' || *scan->at == '-' || *scan->at == '_'))
		scan->at++;
	length = (size_t)(scan->at - start);
	if (length >= sizeof(token)) {
		settings_problem_line(scan->settings, scan->line,
		    "a number of %zu characters; write at most %d digits", length,
		    SETTINGS_DIGITS_MAX);
		return;
	}
	memcpy(token, start, length);
	token[length] = '\0';

	start = token + (token[0] == '-' || token[0] == '+');
	hexadecimal = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
	if (hexadecimal) {
		settings_problem_line(scan->settings, scan->line,
		    "%s: a hexadecimal number; write it in decimal digits", token);
		return;
	}
	while (isdigit((unsigned char)start[digits]))
		digits++;
	if (start[digits] == 'L')
		settings_problem_line(scan->settings, scan->line,
		    "%s: take the L away and write at most %d digits", token, SETTINGS_DIGITS_MAX);
	else if (start[digits] != '\0' && start[digits] != '.' &&
		 strspn(start + digits, "eE+-0123456789") != strlen(start + digits))
		settings_problem_line(scan->settings, scan->line,
		    "%s: a value with a unit is a string; write \"%s\" in double quotes", token,
		    token);
	else if (digits > SETTINGS_DIGITS_MAX)
		settings_problem_line(scan->settings, scan->line,
		    "%s: the number is too large; write at most %d digits", token,
		    SETTINGS_DIGITS_MAX);
	else if (digits > 1 && start[0] == '0' && start[digits] == '\0')
		settings_problem_line(scan->settings, scan->line,
		    "%s: write the number without the leading 0", token);
}

static void
scan_token(struct scan *scan)
{
	unsigned char c = (unsigned char)*scan->at;

	if (c == '@') {
		problem_stop(
		    scan, starts(scan, "@include")
			      ? "@include is not allowed; write the settings into this file"
			      : "@ outside a string; write the value in double quotes");
	} else if (isalpha(c) || c == '*' || c == '_') {
		while (scan->at < scan->end &&
		       (isalnum((unsigned char)*scan->at) || strchr("*_-", *scan->at) != NULL) &&
		       *scan->at != '\0')
			scan->at++;
	} else if (isdigit(c) || c == '-' || c == '+' || c == '.') {
		scan_number(scan);
	} else if (strchr("{[(", c) != NULL) {
		scan->at++;
		if (++scan->depth > SETTINGS_DEPTH_MAX) {
			settings_problem_line(scan->settings, scan->line,
			    "nested deeper than %d; close what is open with } ] or )",
			    SETTINGS_DEPTH_MAX);
			scan->stop = true;
		}
	} else if (strchr("}])", c) != NULL) {
		scan->at++;
		scan->depth--;
	} else if (strchr(" \t\r\f=:;,", c) != NULL) {
		scan->at++;
	} else {
		problem_stop(scan,
		    c == 0xef
			? "the file begins with a byte order mark, or a character stands outside a "
			  "string; save it as plain UTF-8, and write text in double quotes"
			: "a character that has no meaning outside a string; write text in double "
			  "quotes");
	}
}

/* Wherever it stands, libconfig would stop reading there. */
static void
scan_nul(struct scan *scan)
{
	const char *nul = memchr(scan->at, '\0', (size_t)(scan->end - scan->at));

	if (nul == NULL)
		return;
	for (const char *at = scan->at; at < nul; at++)
		scan->line += *at == '\n';
	problem_stop(scan, "a NUL byte; this is no text file, write it anew");
}

void
settings_scan(struct settings *settings, const char *bytes, size_t length)
{
	struct scan scan = {.settings = settings, .at = bytes, .end = bytes + length, .line = 1};

	scan_nul(&scan);
	while (scan.at < scan.end && !scan.stop) {
		if (*scan.at == '\n') {
			scan.line++;
			scan.at++;
		} else if (*scan.at == '#' || starts(&scan, "//")) {
			skip_line(&scan);
		} else if (starts(&scan, "/*")) {
			skip_comment(&scan);
		} else if (*scan.at == '"') {
			skip_string(&scan);
		} else {
			scan_token(&scan);
		}
	}
}
