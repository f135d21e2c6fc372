/*
 * test_outboxd_report.c - outboxd report: well-formed, self-contained, with what happened in it;
 * and rendered, where a browser is.
 */
#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/scratch.h"

enum { DEPTH_MAX = 64, BROWSER_MS = 120000 };

/* --- strict, and small: every element is closed by its own name, attributes are quoted, entities
 * are known --- */

static const char *
check_entity(const char *at)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(at, known[i], strlen(known[i])) == 0)
			return at + strlen(known[i]);
	fail_msg("unknown entity: %.20s", at);
	return at;
}

/* Behind the element's '>'. *empty: it ended with "/>". */
static const char *
check_attributes(const char *at, bool *empty)
{
	*empty = false;
	while (*at != '>') {
		if (*at == '/') {
			*empty = true;
			at++;
			assert_int_equal(*at, '>');
			break;
		}
		assert_int_equal(*at, ' ');
		for (at++; isalnum((unsigned char)*at) || *at == '-'; at++)
			continue;
		assert_int_equal(at[0], '=');
		assert_int_equal(at[1], '"');
		for (at += 2; *at != '"';) {
			if (*at == '<' || *at == '\0')
				fail_msg("in an attribute: %.40s", at);
			at = *at == '&' ? check_entity(at) : at + 1;
		}
		at++;
	}
	return at + 1;
}

static void
check_well_formed(const char *at)
{
	const char *open[DEPTH_MAX];
	size_t depth = 0;
	bool empty;

	assert_memory_equal(at, "<!DOCTYPE html>\n", 16);
	for (at += 16; *at != '\0';) {
		if (*at == '&') {
			at = check_entity(at);
		} else if (*at != '<') {
			assert_true((unsigned char)*at >= 0x20 || *at == '\n');
			at++;
		} else if (at[1] == '/') {
			size_t length = strcspn(at + 2, ">");

			assert_true(depth > 0);
			depth--;
			if (strncmp(open[depth], at + 2, length) != 0 ||
			    isalnum((unsigned char)open[depth][length]))
				fail_msg("%.30s ends %.20s", at, open[depth]);
			at += length + 3;
		} else {
			assert_true(depth < DEPTH_MAX);
			open[depth++] = at + 1;
			for (at++; isalnum((unsigned char)*at); at++)
				continue;
			at = check_attributes(at, &empty);
			depth -= empty;
		}
	}
	assert_int_equal(depth, 0);
}

/* --- a day's work --- */

static void
work(struct stand *stand)
{
	stand_destination(stand, "riverty", "riverty", "");
	stand_destination(stand, "vrio", "vrio", "");
	stand_start(stand);
	gateway_script(
	    stand->gateway, "R-2 submit 1 lose\nR-3 submit 1 reject\nV-1 submit 1 lose\n");
	(void)stand_order(stand, "riverty", "riverty", "R-1");
	(void)stand_order(stand, "riverty", "riverty", "R-2");
	(void)stand_order(stand, "riverty", "riverty", "R-3");
	(void)stand_order(stand, "vrio", "vrio", "V-1");
	(void)stand_insert(
	    stand, "destination, operation, reference", "'no<b>where&', 'x', 'quote\" <i>'");
	assert_true(stand_wait_settled(stand));
	assert_string_equal(stand_ask(stand, "command, destination, text, created_by",
				"'hold', 'vrio', '<script>alert(1)</script>', 'jane & joe'", NULL),
	    "done");
}

/* Its path. */
static const char *
report(struct stand *stand, const char *since)
{
	const char *words[] = {"report", "--config", stand->config, "--since", since, NULL};
	const char *page = scratch_path(stand->dir, "report.html");
	int code;

	(void)stand_command(stand, &code, words);
	assert_int_equal(code, 0);
	assert_int_equal(rename(scratch_path(stand->dir, "command.out"), page), 0);
	return page;
}

static void
assert_page_has(const char *page, const char *part)
{
	if (strstr(page, part) == NULL)
		fail_msg("\"%s\" is not in the page", part);
}

static void
the_page_is_well_formed_and_tells_what_happened(void **state)
{
	static const char *const periods[] = {"1h", "7d", "90d"};
	struct stand *stand = *state;

	work(stand);
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		char *page = scratch_read(report(stand, periods[i]), NULL);

		check_well_formed(page);
		assert_page_has(page, "<b>4</b><span>results</span>");
		assert_page_has(page, "<b>50.00 %</b><span>succeeded</span>");
		assert_page_has(page, "<b>1</b><span>unknown</span>");
		assert_page_has(page, "<b>1</b><span>retries</span>");
		assert_page_has(page, "V-1");
		assert_page_has(page, "no&lt;b&gt;where&amp;");
		assert_page_has(page, "jane &amp; joe");
		assert_page_has(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
		assert_page_has(page, "exchanges failed</title>");
		assert_page_has(page, i == 0 ? "Results per hour" : "Results per day");
		/* Self-contained: nothing is loaded, nothing runs. */
		assert_null(strstr(page, "://"));
		assert_null(strstr(page, "src="));
		assert_null(strstr(page, "url("));
		assert_null(strstr(page, "<script"));
		free(page);
	}
}

static void
an_empty_period_is_a_page_too(void **state)
{
	struct stand *stand = *state;
	char *page;

	stand_destination(stand, "vrio", "vrio", "");
	stand_configure(stand);
	page = scratch_read(report(stand, "7d"), NULL);
	check_well_formed(page);
	assert_page_has(page, "<b>0</b><span>results</span>");
	assert_null(strstr(page, "nan"));
	free(page);
}

/* --- a browser --- */

static const char *
browser(void)
{
	static const char *const names[] = {"/usr/bin/chromium", "/usr/bin/chromium-browser",
	    "/usr/bin/google-chrome", "/snap/bin/chromium"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (access(names[i], X_OK) == 0)
			return names[i];
	return NULL;
}

static void
become_browser(const char *program, struct stand *stand, const char *page)
{
	char home[400];
	char profile[440];
	char picture[440];
	char address[440];
	int quiet = open(scratch_path(stand->dir, "browser.log"), O_WRONLY | O_CREAT, 0600);

	snprintf(home, sizeof(home), "%s", (char *)stand->dir);
	snprintf(profile, sizeof(profile), "--user-data-dir=%s/profile", home);
	snprintf(picture, sizeof(picture), "--screenshot=%s/report.png", home);
	snprintf(address, sizeof(address), "file://%s", page);
	dup2(quiet, 1);
	dup2(quiet, 2);
	setenv("HOME", home, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
	    "--no-first-run", "--disable-background-networking", "--disable-component-update",
	    "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
	    "--window-size=1100,2000", profile, picture, address, (char *)NULL);
	_exit(127);
}

/* Big-endian, as in a PNG's header. */
static unsigned
number(const unsigned char *bytes)
{
	return (unsigned)bytes[0] << 24 | (unsigned)bytes[1] << 16 | (unsigned)bytes[2] << 8 |
	       bytes[3];
}

static void
a_browser_renders_it(void **state)
{
	struct stand *stand = *state;
	const char *program = browser();
	int64_t until = stand_clock_ms() + BROWSER_MS;
	const char *page;
	unsigned char *picture;
	size_t length;
	int status = 0;
	pid_t pid;

	if (program == NULL) {
		print_message("no chromium here: the page is not rendered\n");
		skip();
	}
	work(stand);
	page = report(stand, "24h");
	pid = fork();
	if (pid == 0)
		become_browser(program, stand, page);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (stand_clock_ms() > until)
			kill(pid, SIGKILL);
		stand_sleep_ms(50);
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	picture = (unsigned char *)scratch_read(scratch_path(stand->dir, "report.png"), &length);
	assert_true(length > 20000); /* an empty page of this size has a few KB */
	assert_memory_equal(picture, "\x89PNG\r\n\x1a\n", 8);
	assert_int_equal(number(picture + 16), 1100);
	free(picture);
	if (getenv("OUTBOXD_KEEP_REPORT") != NULL)
		(void)rename(scratch_path(stand->dir, "report.png"), getenv("OUTBOXD_KEEP_REPORT"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)
	    TEST(the_page_is_well_formed_and_tells_what_happened),
	    TEST(an_empty_period_is_a_page_too),
	    TEST(a_browser_renders_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
