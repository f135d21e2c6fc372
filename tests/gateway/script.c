/* script.c - holds the rules and matches requests against them; parsing is in rules.c. */
#include "script.h"

#include <errno.h>
#include <fnmatch.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules.h"

const char *
phase_name(enum phase phase)
{
	switch (phase) {
	case PHASE_SUBMIT:
		return "submit";
	case PHASE_POLL:
		return "poll";
	case PHASE_LOGIN:
		return "login";
	case PHASE_ANY:
		break;
	}
	return "any";
}

bool
faults_have(const struct faults *faults, enum fault_kind kind)
{
	for (size_t i = 0; i < GROUP_COUNT; i++)
		if (faults->of[i] != NULL && faults->of[i]->kind == kind)
			return true;
	return false;
}

int
script_add(struct script *script, const char *lines, struct text *error)
{
	struct rules parsed = {NULL, 0};
	bool clear = false;

	if (rules_parse(&parsed, lines, "script", script->tls, &clear, error) != 0)
		return -1;
	if (clear) {
		rules_free(&script->added);
		text_free(&script->source);
	}
	rules_append(&script->added, &parsed);
	text_puts(&script->source, lines);
	if (script->source.length > 0 && script->source.data[script->source.length - 1] != '\n')
		text_puts(&script->source, "\n");
	return 0;
}

static int
read_all(const char *path, struct text *content)
{
	char chunk[4096];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		text_add(content, chunk, (size_t)got);
	close(fd);
	return got < 0 ? -1 : 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int
script_refresh(struct script *script, struct text *error)
{
	struct text content = {NULL, 0, 0};
	struct rules parsed = {NULL, 0};
	struct stat now;
	bool clear = false;
	int result = -1;

	if (script->path == NULL)
		return 0;
	if (stat(script->path, &now) != 0) {
		text_printf(error, "%s: %s\n", script->path, strerror(errno));
		return -1;
	}
	if (same_file(&now, &script->file_seen) && !script->reload)
		return 0;
	script->file_seen = now;
	script->reload = false;
	if (read_all(script->path, &content) != 0)
		text_printf(error, "%s: %s\n", script->path, strerror(errno));
	else
		result = rules_parse(
		    &parsed, text_get(&content), script->path, script->tls, &clear, error);
	if (result == 0) {
		rules_free(&script->from_file);
		script->from_file = parsed;
	}
	text_free(&content);
	return result;
}

static bool
rule_fits(const struct rule *rule, const char *operation, const char *reference, enum phase phase,
    const struct faults *faults)
{
	long seen = rule->operation == NULL ? faults->seen : faults->seen_as;

	return (rule->phases & (unsigned int)phase) != 0 && seen >= rule->first &&
	       seen <= rule->last &&
	       (rule->operation == NULL || strcmp(rule->operation, operation) == 0) &&
	       fnmatch(rule->reference, reference, 0) == 0;
}

static void
match(const struct rules *rules, const char *operation, const char *reference, enum phase phase,
    struct faults *faults)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->list[i];

		if (!rule_fits(rule, operation, reference, phase, faults))
			continue;
		if (rule->fault.kind == FAULT_OK)
			memset(faults->of, 0, sizeof(faults->of));
		else
			faults->of[rule->fault.group] = &rule->fault;
	}
}

static long
count_seen(struct script *script, const char *operation, const char *reference, enum phase phase)
{
	struct text name = {NULL, 0, 0};
	long seen;

	text_printf(&name, "%s\n%s\n%s", phase_name(phase), operation, reference);
	script->seen.release = free;
	seen = map_count(&script->seen, name.data);
	text_free(&name);
	return seen;
}

void
script_meet(struct script *script, const char *operation, const char *reference, enum phase phase,
    struct faults *faults)
{
	memset(faults, 0, sizeof(*faults));
	faults->seen = count_seen(script, "", reference, phase);
	faults->seen_as = count_seen(script, operation, reference, phase);
	match(&script->from_file, operation, reference, phase, faults);
	match(&script->added, operation, reference, phase, faults);
}

void
script_reset(struct script *script)
{
	rules_free(&script->added);
	text_free(&script->source);
	map_clear(&script->seen);
}

void
script_close(struct script *script)
{
	script_reset(script);
	rules_free(&script->from_file);
}
