/*
 * settings.h - a libconfig file, walked against a table.
 *
 * libconfig 1.5 is silent about most mistakes: an unknown name is never looked at, a number that
 * does not fit becomes another number, a wrong type reads as "not there". So the bytes are scanned
 * first for what libconfig would change without a word, and the tree is then walked against tables:
 * what no table knows is a problem with its line. Problems are collected, not only the first one,
 * each as "FILE:LINE: setting: what is wrong, what to write".
 */
#ifndef OUTBOXD_EDGE_SETTINGS_H
#define OUTBOXD_EDGE_SETTINGS_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

enum {
	SETTINGS_FILE_MAX = 1024 * 1024, /* bytes */
	SETTINGS_DEPTH_MAX = 16,         /* groups, lists and arrays within each other */
	SETTINGS_DIGITS_MAX = 9,         /* of an integer: what always fits libconfig's 32 bits */
	SETTINGS_PROBLEMS_MAX = 100,     /* told per file */
};

struct settings {
	char *file;
	config_t tree;
	unsigned mode;           /* the file's permission bits */
	bool unread_credentials; /* files that only the daemon may read are not looked at */
	struct text *problems;
	int problem_count; /* also those beyond SETTINGS_PROBLEMS_MAX: 0 means that all is well */
};

/*
 * Reads, scans and parses file. -1 with the problems told when that fails. settings_close() is
 * right after either; it wipes what the file said, because credentials may stand in it.
 */
int settings_open(struct settings *settings, const char *file, struct text *problems);
void settings_close(struct settings *settings);

const config_setting_t *settings_root(const struct settings *settings);

/* Tells a problem at a setting's line, under its dotted name. where NULL: the file as a whole. */
void settings_problem(struct settings *settings, const config_setting_t *where, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* As settings_problem(), at a line and under no name. */
void settings_problem_line(struct settings *settings, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The lexical part: integers too long, @include, NUL bytes, nesting, strings left open. In
 * settings_scan.c. */
void settings_scan(struct settings *settings, const char *bytes, size_t length);

enum setting_type {
	SETTING_STRING,   /* char *; min and max are its length */
	SETTING_INTEGER,  /* int */
	SETTING_BOOLEAN,  /* bool */
	SETTING_DURATION, /* int64_t, in ms; "200ms", "25s", "10m", "24h", "90d" */
	SETTING_SIZE,     /* int64_t, in bytes; "500B", "64KiB", "1MiB" */
	SETTING_CHOICE,   /* int: which of choices (in the order of an enum) */
	SETTING_OTHER,    /* read does it all */
};

/* Reads one setting into target, the struct that settings_walk() was given. */
typedef void setting_reader(
    struct settings *settings, const config_setting_t *setting, void *target);

/* One known name. */
struct setting_rule {
	const char *name;
	enum setting_type type;
	bool required;
	int64_t min;
	int64_t max;
	size_t offset;              /* where the value goes in the target */
	const char *const *choices; /* ends with NULL */
	setting_reader *read;
	const char *example; /* what to write, as it would stand in the file */
};

/*
 * Reads every setting of group as the rules say; what is not in the file stays as it is in the
 * target. Strings are malloc'd and belong to the target.
 */
void settings_walk(struct settings *settings, const config_setting_t *group,
    const struct setting_rule *rules, size_t rule_count, void *target);

/* Reads one setting as its rule says. In settings_values.c, as everything below. */
void settings_read_value(struct settings *settings, const config_setting_t *setting,
    const struct setting_rule *rule, void *target);

/* Whether the setting is a group; tells the problem when it is not. example: what to write. */
bool settings_is_group(
    struct settings *settings, const config_setting_t *setting, const char *example);

/*
 * Whether the setting is an array or list of min to max elements; tells the problem when it is not.
 * *count is then its length.
 */
bool settings_is_list(struct settings *settings, const config_setting_t *setting, size_t min,
    size_t max, const char *example, size_t *count);

/* The setting's string, or NULL with the problem told. */
const char *settings_string(
    struct settings *settings, const config_setting_t *setting, const char *example);

/* One string, or an array or list of min to max of them. -1 with the problem told. The caller frees
 * with settings_free_strings(). */
int settings_strings(struct settings *settings, const config_setting_t *setting, size_t min,
    size_t max, const char *example, char ***strings, size_t *count);
void settings_free_strings(char **strings, size_t count);

/* An array or list of integers, each within [low, high]. -1 with the problem told. */
int settings_integers(struct settings *settings, const config_setting_t *setting, size_t max,
    int low, int high, const char *example, int **integers, size_t *count);

/* malloc'd copy; a problem is told when memory is short. */
char *settings_copy(struct settings *settings, const char *string);
/* calloc(), with a problem told when memory is short; NULL also for a count of 0. */
void *settings_array(struct settings *settings, size_t count, size_t size);

/* Which of words (ends with NULL) is meant by a mistyped word, or NULL when none is near. */
const char *settings_nearest(const char *word, const char *const *words);

/* Text from a file for a message: printable, at most 60 characters, in one of a few static buffers.
 */
const char *settings_shown(const char *string);

#endif
