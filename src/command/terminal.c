/*
 * terminal.c - plain ANSI sequences; no library knows more about today's terminals than this.
 */
#include "command/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/text.h"

enum { SCREEN_MAX = 256 * 1024 };

static struct termios before;
static bool entered;
static volatile sig_atomic_t ended;

struct terminal_size
terminal_size(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == -1 || size.ws_col == 0 || size.ws_row == 0)
		return (struct terminal_size){.columns = 80, .lines = 24};
	return (struct terminal_size){.columns = size.ws_col, .lines = size.ws_row};
}

bool
terminal_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strcasestr(value, "utf-8") != NULL ||
			       strcasestr(value, "utf8") != NULL;
	}
	return false;
}

static void
on_signal(int number)
{
	ended = number;
}

static void
on_resize(int number)
{
	(void)number; /* interrupts the wait for a key */
}

static void
say(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			ended = SIGHUP;
			return;
		}
		text += written;
		length -= (size_t)written;
	}
}

int
terminal_enter(void)
{
	static const char enter[] = "\033[?1049h\033[?25l\033[2J";
	struct termios keys;
	struct sigaction end = {.sa_handler = on_signal};
	struct sigaction resize = {.sa_handler = on_resize};

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &before) == -1)
		return -1;
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG); /* Ctrl-C is a key, too */
	keys.c_cc[VMIN] = 0;
	keys.c_cc[VTIME] = 0;
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGHUP, &end, NULL);
	(void)sigaction(SIGWINCH, &resize, NULL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys) == -1)
		return -1;
	entered = true;
	say(enter, sizeof(enter) - 1);
	return 0;
}

void
terminal_leave(void)
{
	static const char leave[] = "\033[0m\033[?25h\033[?1049l";

	if (!entered)
		return;
	say(leave, sizeof(leave) - 1);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	entered = false;
}

int
terminal_key(int timeout_ms)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char key;
	int ready;

	if (ended != 0)
		return -1;
	ready = poll(&input, 1, timeout_ms);
	if (ended != 0 || (ready < 0 && errno != EINTR))
		return -1;
	if (ready <= 0)
		return 0;
	/* Readable, and nothing to read: the other end is gone. */
	return read(STDIN_FILENO, &key, 1) == 1 ? key : -1;
}

/* Bytes of the line's part that fits into `columns` cells. */
static size_t
fitting(const char *line, size_t length, int columns)
{
	size_t at = 0;
	int cells = 0;

	while (at < length) {
		size_t next = at + 1;

		if (line[at] == '\033') {
			while (next < length && line[next] != 'm')
				next++;
			at = next + (next < length);
			continue;
		}
		while (next < length && ((unsigned char)line[next] & 0xc0) == 0x80)
			next++;
		if (++cells > columns)
			break;
		at = next;
	}
	return at;
}

void
terminal_draw(const char *text)
{
	struct terminal_size size = terminal_size(STDOUT_FILENO);
	struct text screen;

	text_init(&screen, SCREEN_MAX);
	(void)text_format(&screen, "\033[H");
	for (int line = 0; line < size.lines && *text != '\0'; line++) {
		size_t length = strcspn(text, "\n");

		(void)text_format(&screen, "%s", line == 0 ? "" : "\r\n");
		(void)text_add(&screen, text, fitting(text, length, size.columns));
		(void)text_format(&screen, "\033[0m\033[K");
		text += length + (text[length] == '\n');
	}
	(void)text_format(&screen, "\033[J");
	say(text_string(&screen), screen.length);
	text_free(&screen);
}

void
terminal_bar(struct text *out, double share, int width, bool utf8)
{
	static const char *const parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int eighths = (int)(share * width * 8 + 0.5);

	if (share > 0 && eighths == 0)
		eighths = 1; /* something is not nothing */
	for (int cell = 0; cell < width; cell++, eighths -= 8) {
		if (!utf8)
			(void)text_format(
			    out, "%s", eighths >= 4 ? "#" : (eighths > 0 ? "-" : "."));
		else
			(void)text_format(
			    out, "%s", eighths >= 8 ? "█" : parts[eighths > 0 ? eighths : 0]);
	}
}
