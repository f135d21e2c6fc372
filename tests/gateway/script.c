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

static void
match(const struct rules *rules, const char *reference, enum phase phase, struct faults *faults)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->list[i];

		if ((rule->phases & (unsigned int)phase) == 0 || faults->seen < rule->first ||
		    faults->seen > rule->last || fnmatch(rule->reference, reference, 0) != 0)
			continue;
		if (rule->fault.kind == FAULT_OK)
			memset(faults->of, 0, sizeof(faults->of));
		else
			faults->of[rule->fault.group] = &rule->fault;
	}
}

void
script_meet(struct script *script, const char *reference, enum phase phase, struct faults *faults)
{
	struct text name = {NULL, 0, 0};

	text_printf(&name, "%s\n%s", phase_name(phase), reference);
	memset(faults, 0, sizeof(*faults));
	script->seen.release = free;
	faults->seen = map_count(&script->seen, name.data);
	match(&script->from_file, reference, phase, faults);
	match(&script->added, reference, phase, faults);
	text_free(&name);
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
