/*
 * terminal.h - the little that a live view and a progress bar need of a terminal.
 */
#ifndef OUTBOXD_COMMAND_TERMINAL_H
#define OUTBOXD_COMMAND_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct text;

struct terminal_size {
	int columns;
	int lines;
};
/* 80 x 24 when it cannot be told. */
struct terminal_size terminal_size(int fd);

/* Whether it shows UTF-8, by the environment. */
bool terminal_utf8(void);

/*
 * A screen of its own on standard output: keys come one by one, the cursor is hidden. Ended by
 * terminal_leave(), also from SIGTERM and SIGHUP. -1: standard input or output is no terminal.
 */
int terminal_enter(void);
void terminal_leave(void);

/* The next key, 0 after timeout_ms (or a change of size), -1 when it is time to end (a signal, the
 * terminal is gone). */
int terminal_key(int timeout_ms);

/* Shows these lines from the top, cut to the size of the terminal; escape sequences take no room.
 */
void terminal_draw(const char *text);

/* Appends a bar of `width` cells, filled by share (0..1), with parts of a cell where blocks can be
 * shown. */
void terminal_bar(struct text *out, double share, int width, bool utf8);

#endif
