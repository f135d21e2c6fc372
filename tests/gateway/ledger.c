/* ledger.c - appends to the logs and reads them back; see ledger.h. Dies when a line cannot be
 * kept. */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "tool.h"

static int
open_log(const char *path)
{
	FILE *nameless;
	int fd;

	if (path != NULL) {
		fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		if (fd < 0)
			fprintf(stderr, "fakegw: %s: %s\n", path, strerror(errno));
		return fd;
	}
	nameless = tmpfile();
	fd = nameless == NULL ? -1 : fcntl(fileno(nameless), F_DUPFD_CLOEXEC, 3);
	if (nameless != NULL)
		fclose(nameless);
	if (fd < 0)
		fprintf(stderr, "fakegw: no temporary file: %s\n", strerror(errno));
	return fd;
}

int
ledger_open(struct ledger *ledger, const char *effects, const char *requests)
{
	ledger->fd[LEDGER_EFFECTS] = open_log(effects);
	ledger->fd[LEDGER_REQUESTS] = open_log(requests);
	for (int i = 0; i < LEDGER_COUNT; i++) {
		if (ledger->fd[i] < 0)
			return -1;
		ledger->from[i] = lseek(ledger->fd[i], 0, SEEK_END);
	}
	return 0;
}

void
ledger_close(struct ledger *ledger)
{
	for (int i = 0; i < LEDGER_COUNT; i++)
		if (ledger->fd[i] >= 0)
			close(ledger->fd[i]);
}

/* Writes line and frees it. */
static void
append(struct ledger *ledger, enum ledger_log which, struct text *line)
{
	size_t done = 0;

	text_puts(line, "\n");
	while (done < line->length) {
		ssize_t wrote = write(ledger->fd[which], line->data + done, line->length - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			perror("fakegw: cannot write the log");
			abort();
		}
		done += (size_t)wrote;
	}
	if (!ledger->no_sync && fdatasync(ledger->fd[which]) != 0) {
		perror("fakegw: cannot sync the log");
		abort();
	}
	text_free(line);
}

static void
member(struct text *line, const char *name, const char *value)
{
	text_printf(line, ",\"%s\":", name);
	if (value == NULL)
		text_puts(line, "null");
	else
		text_json(line, value, strlen(value));
}

void
ledger_effect(struct ledger *ledger, const struct effect *effect)
{
	struct text line = {NULL, 0, 0};

	text_printf(&line, "{\"t\":%lld", (long long)clock_unix_ms());
	member(&line, "gateway", effect->gateway);
	member(&line, "operation", effect->operation);
	member(&line, "reference", effect->reference);
	member(&line, "key", effect->key);
	member(&line, "effect", effect->effect);
	member(&line, "id", effect->id);
	if (effect->amount != NULL)
		member(&line, "amount", effect->amount);
	text_puts(&line, "}");
	append(ledger, LEDGER_EFFECTS, &line);
}

void
ledger_request(struct ledger *ledger, const struct request_note *note)
{
	struct text line = {NULL, 0, 0};

	text_printf(&line, "{\"t\":%lld,\"n\":%lu,\"connection\":%lu", (long long)clock_unix_ms(),
	    note->n, note->connection);
	member(&line, "gateway", note->gateway);
	member(&line, "phase", note->phase);
	member(&line, "method", note->method);
	member(&line, "target", note->target);
	member(&line, "reference", note->reference);
	member(&line, "key", note->key);
	member(&line, "sha256", note->hash);
	text_printf(&line, ",\"body_length\":%zu,\"status\":%d", note->body_length, note->status);
	member(&line, "fault", note->fault);
	text_printf(&line, ",\"effect\":%s,\"replay\":%s,\"stale\":%s}",
	    note->effect ? "true" : "false", note->replay ? "true" : "false",
	    note->stale ? "true" : "false");
	append(ledger, LEDGER_REQUESTS, &line);
}

void
ledger_reset(struct ledger *ledger)
{
	for (int i = 0; i < LEDGER_COUNT; i++) {
		struct text line = {NULL, 0, 0};

		text_printf(&line, "{\"t\":%lld,\"reset\":true}", (long long)clock_unix_ms());
		append(ledger, i == LEDGER_EFFECTS ? LEDGER_EFFECTS : LEDGER_REQUESTS, &line);
		ledger->from[i] = lseek(ledger->fd[i], 0, SEEK_END);
	}
}

static void
read_back(const struct ledger *ledger, enum ledger_log which, struct text *lines)
{
	char chunk[65536];
	off_t at = ledger->from[which];
	ssize_t got;

	while ((got = pread(ledger->fd[which], chunk, sizeof(chunk), at)) > 0) {
		text_add(lines, chunk, (size_t)got);
		at += got;
	}
}

void
ledger_array(const struct ledger *ledger, enum ledger_log which, struct text *out)
{
	struct text lines = {NULL, 0, 0};

	read_back(ledger, which, &lines);
	text_puts(out, "[");
	for (size_t i = 0; i < lines.length; i++) {
		bool last = i + 1 == lines.length;

		if (lines.data[i] != '\n')
			text_add(out, lines.data + i, 1);
		else if (!last)
			text_puts(out, ",\n ");
	}
	text_puts(out, "]\n");
	text_free(&lines);
}

static void
count_one(cJSON *counts, const char *name)
{
	cJSON *counter = cJSON_GetObjectItemCaseSensitive(counts, name);

	if (counter == NULL)
		counter = cJSON_AddNumberToObject(counts, name, 0);
	if (counter != NULL)
		cJSON_SetNumberValue(counter, counter->valuedouble + 1);
}

static void
count_line(cJSON *counts, const char *line, bool effect)
{
	cJSON *json = cJSON_Parse(line);
	const cJSON *reference = cJSON_GetObjectItemCaseSensitive(json, "reference");
	const cJSON *phase = cJSON_GetObjectItemCaseSensitive(json, "phase");
	const char *name = effect                  ? "effects"
			   : cJSON_IsString(phase) ? phase->valuestring
						   : "requests";
	cJSON *all = cJSON_GetObjectItemCaseSensitive(counts, "references");
	cJSON *mine;

	count_one(counts, name);
	if (cJSON_IsString(reference)) {
		mine = cJSON_GetObjectItemCaseSensitive(all, reference->valuestring);
		if (mine == NULL)
			mine = cJSON_AddObjectToObject(all, reference->valuestring);
		if (mine != NULL)
			count_one(mine, name);
	}
	cJSON_Delete(json);
}

void
ledger_counts(const struct ledger *ledger, struct text *out)
{
	cJSON *counts = cJSON_CreateObject();
	char *printed;

	cJSON_AddNumberToObject(counts, "effects", 0);
	cJSON_AddNumberToObject(counts, "submit", 0);
	cJSON_AddNumberToObject(counts, "poll", 0);
	cJSON_AddNumberToObject(counts, "login", 0);
	cJSON_AddObjectToObject(counts, "references");
	for (int i = 0; i < LEDGER_COUNT; i++) {
		struct text lines = {NULL, 0, 0};
		char *line;
		char *next;

		read_back(ledger, i == LEDGER_EFFECTS ? LEDGER_EFFECTS : LEDGER_REQUESTS, &lines);
		next = lines.data;
		while ((line = strsep(&next, "\n")) != NULL)
			if (*line != '\0')
				count_line(counts, line, i == LEDGER_EFFECTS);
		text_free(&lines);
	}
	printed = cJSON_Print(counts);
	text_puts(out, printed == NULL ? "{}" : printed);
	text_puts(out, "\n");
	free(printed);
	cJSON_Delete(counts);
}
