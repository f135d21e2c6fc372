/*
 * textfile.h - a file that other programs read at any moment: replaced whole, never half written.
 */
#ifndef OUTBOXD_EDGE_TEXTFILE_H
#define OUTBOXD_EDGE_TEXTFILE_H

#include <stddef.h>

/* Writes path.tmp, mode 0644, and renames it. Not synced: it is a view, not a record. 0, or -1 with
 * errno. */
int textfile_replace(const char *path, const char *text, size_t length);

#endif
