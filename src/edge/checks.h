/*
 * checks.h - what both configuration files must get right: header names, paths, pointers, URLs.
 *
 * Each check returns NULL when the text is fine, else a constant sentence fragment: what is wrong
 * and what to write.
 */
#ifndef OUTBOXD_EDGE_CHECKS_H
#define OUTBOXD_EDGE_CHECKS_H

#include <stdbool.h>

/* An HTTP token of 1 to 64 characters. */
const char *check_header_name(const char *name);

/* A header that outboxd or libcurl sets itself, or that would change how the message is framed. */
const char *check_header_free(const char *name);

/* Whether libconfig reads it as a setting's name: a letter, then letters, digits, - and _. */
bool check_is_setting_name(const char *name);

/* 1 to 4096 printable ASCII characters, no blank at either end. */
const char *check_header_value(const char *value);

/* Well-formed UTF-8 without control characters, for what goes into a JSON document. */
const char *check_utf8(const char *value);

/* An absolute path of plain segments: no query, no percent sign, no "." or ".." or empty segment (a
 * last "/" is fine). */
const char *check_path(const char *path);

/* As check_path(), with at least one "{name}" segment; the last may be "{name...}" (see
 * path_matches()). */
const char *check_path_pattern(const char *pattern);

/* An RFC 6901 JSON pointer of at most 256 characters. */
const char *check_pointer(const char *pointer);

/*
 * "https://host[:port][/prefix]", or http to a loopback address when plain_loopback. On success
 * *normal is the malloc'd URL as libcurl understands it, without a trailing slash and a default
 * port. origin: no prefix either.
 */
const char *check_base_url(const char *url, bool plain_loopback, bool origin, char **normal);

/* Whether a URL that passed check_base_url() names this very machine: 127.0.0.0/8, ::1 or
 * localhost. */
bool check_is_loopback(const char *url);

#endif
