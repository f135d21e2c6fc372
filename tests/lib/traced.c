/*
 * traced.c - strace in front of the daemon: a script in $OUTBOXD that execs both.
 */
#include "lib/traced.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/daemon_parts.h"
#include "lib/scratch.h"

bool
traced_possible(void)
{
	/* -D as below: some sandboxes allow a traced child and not this. */
	if (system("strace -D -o /dev/null -e inject=getppid:error=EPERM:when=1 true >/dev/null "
		   "2>&1") == 0)
		return true;
	printf("NOTE: strace is not here, or may not trace: this test is skipped\n");
	return false;
}

void
traced_start(struct stand *stand, const char *options)
{
	const char *given = getenv("OUTBOXD");
	char *real = given == NULL ? NULL : strdup(given);
	char binary[PATH_MAX];
	char *script;
	const char *path = scratch_path(stand->dir, "traced.sh");
	int length;

	snprintf(binary, sizeof(binary), "%s", stand_binary());
	/* LeakSanitizer cannot work while someone else traces. */
	length = asprintf(&script,
	    "#!/bin/sh\nASAN_OPTIONS=detect_leaks=0 exec strace -D -f %s '%s' \"$@\"\n", options,
	    binary);
	stand_must(length > 0, "memory");
	scratch_write(path, script, (size_t)length);
	free(script);
	stand_must(chmod(path, 0700) == 0, path);
	setenv("OUTBOXD", path, 1);
	stand_start(stand);
	if (real == NULL)
		unsetenv("OUTBOXD");
	else
		setenv("OUTBOXD", real, 1);
	free(real);
}

static const char *
log_path(struct stand *stand)
{
	static char path[PATH_MAX];

	/* Beside the stand, not in it: the daemon watches its database's directory. */
	snprintf(path, sizeof(path), "%s.strace", (char *)stand->dir);
	return path;
}

void
traced_start_counting(struct stand *stand)
{
	char options[PATH_MAX + 16];

	unlink(log_path(stand));
	snprintf(options, sizeof(options), "-o '%s'", log_path(stand));
	traced_start(stand, options);
}

size_t
traced_counts(struct stand *stand, struct traced_call calls[TRACED_CALLS])
{
	size_t used = 0;
	bool own = false;
	char line[4096];
	FILE *log;

	stand_sleep_ms(100); /* strace ends after its child */
	log = fopen(log_path(stand), "r");
	stand_must(log != NULL, log_path(stand));
	while (fgets(line, sizeof(line), log) != NULL) {
		const char *name = line + strspn(line, "0123456789 ");
		size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
		size_t i = 0;

		if (length == 0 || name[length] != '(' || length >= sizeof(calls[0].name))
			continue; /* a signal, an end, "resumed" */
		if (strstr(line, "outboxd.conf") != NULL && strncmp(name, "exec", 4) != 0)
			own = true;
		while (i < used &&
		       (strncmp(calls[i].name, name, length) != 0 || calls[i].name[length] != '\0'))
			i++;
		if (i == TRACED_CALLS)
			continue;
		if (i == used) {
			memset(&calls[used], 0, sizeof(calls[used]));
			memcpy(calls[used++].name, name, length);
		}
		calls[i].count++;
		if (!own)
			calls[i].skipped++;
	}
	fclose(log);
	unlink(log_path(stand));
	return used;
}
