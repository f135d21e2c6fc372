/*
 * test_outboxd_place.c - where the daemon runs: a hostile environment (T37), what may be read of
 * its secrets (T38), a full disk (T8, T9), and a database that somebody holds for a minute (T12).
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/daemon.h"
#include "lib/oracle.h"
#include "lib/scratch.h"
#include "lib/tally.h"
#include "lib/traced.h"

/* --- the environment --- */

static void
set_hostile(struct stand *stand)
{
	static const char *const proxies[] = {"http_proxy", "HTTP_PROXY", "https_proxy",
	    "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "ftp_proxy", "CURL_PROXY"};
	static const char *const files[] = {"SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR",
	    "CURL_CA_BUNDLE", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "CURL_HOME",
	    "HOME", "XDG_CONFIG_HOME", "NETRC", "SQLITE_TMPDIR", "TMPDIR", "HOSTALIASES",
	    "RES_OPTIONS", "LOCALDOMAIN", "RANDFILE", "SQLITE_HISTORY"};
	const char *dir = scratch_path(stand->dir, "hostile");

	assert_int_equal(mkdir(dir, 0700), 0);
	scratch_write(scratch_path(dir, ".netrc"), "default login stolen password stolen\n", 37);
	scratch_write(scratch_path(dir, ".curlrc"), "proxy = http://127.0.0.1:1\n", 27);
	scratch_write(scratch_path(dir, "openssl.cnf"),
	    "openssl_conf = x\n[x]\nssl_conf = y\n[y]\nsystem_default = z\n[z]\nVerifyMode = "
	    "None\n",
	    78);
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		setenv(proxies[i], gateway_url(stand_canary(stand), ""), 1);
	setenv("NO_PROXY", "", 1);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[400];

		snprintf(path, sizeof(path), "%s%s", dir,
		    strcmp(files[i], "OPENSSL_CONF") == 0    ? "/openssl.cnf"
		    : strcmp(files[i], "SSLKEYLOGFILE") == 0 ? "/keys"
		    : strcmp(files[i], "SSL_CERT_FILE") == 0 ? "/ca.pem"
							     : "");
		setenv(files[i], path, 1);
	}
}

static void
make_certificate(struct stand *stand)
{
	char command[1200];

	snprintf(command, sizeof(command),
	    "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
	    " -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 -addext "
	    "subjectAltName=IP:127.0.0.1 2>/dev/null",
	    (char *)stand->dir);
	assert_int_equal(system(command), 0);
}

static void
a_hostile_environment_is_ignored(void **state)
{
	static char cert[400];
	static char key[400];
	static const char *const words[] = {
	    "--no-fsync", "--tls-cert", cert, "--tls-key", key, NULL};
	struct stand *stand = *state;
	const char *elsewhere = scratch_path(stand->dir, "tls");
	char settings[900];
	char options[500];
	bool traced = traced_possible();
	char *kept_tmp = getenv("TMPDIR") == NULL ? NULL : strdup(getenv("TMPDIR"));
	struct gateway *tls;

	make_certificate(stand);
	snprintf(cert, sizeof(cert), "%s/cert.pem", (char *)stand->dir);
	snprintf(key, sizeof(key), "%s/key.pem", (char *)stand->dir);
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	tls = gateway_start(elsewhere, words);
	assert_non_null(tls);
	snprintf(settings, sizeof(settings), "base_url = \"%s\"; ca_file = \"%s\";",
	    gateway_url(tls, ""), cert);
	stand_destination(stand, "tls", "riverty", settings);
	stand_destination(stand, "plain", "riverty", "");
	/* vouched for by the environment alone */
	snprintf(settings, sizeof(settings), "base_url = \"%s\";", gateway_url(tls, ""));
	stand_destination(stand, "untrusted", "riverty", settings);
	(void)stand_order(stand, "tls", "riverty", "e-1");
	(void)stand_order(stand, "plain", "riverty", "e-2");
	(void)stand_order(stand, "untrusted", "riverty", "e-3");
	set_hostile(stand);
	{
		char *text = scratch_read(cert, NULL);

		scratch_write(scratch_path(stand->dir, "hostile/ca.pem"), text, strlen(text));
		free(text);
	}
	snprintf(options, sizeof(options), "-e trace=%%file -o '%s.strace'", (char *)stand->dir);
	if (traced)
		traced_start(stand, options);
	else
		stand_start(stand);
	/* The test's own sqlite and curl must not live in that environment. */
	if (kept_tmp != NULL)
		setenv("TMPDIR", kept_tmp, 1);
	else
		unsetenv("TMPDIR");
	free(kept_tmp);
	assert_string_equal(stand_await(stand, 1), "succeeded");
	assert_string_equal(stand_await(stand, 2), "succeeded");
	assert_true(stand_wait(stand, "SELECT held AND cause = 'tls' OR count(*) FROM "
				      "outbox_destination WHERE destination = 'untrusted'"));
	stand_sleep_ms(300);
	assert_int_equal(
	    stand_number(stand, "SELECT result IS NULL FROM outbox_delivery WHERE outbox_id = 3"),
	    1);
	assert_int_equal(gateway_requests(tls, "e-3", NULL), 0);
	assert_int_equal(gateway_canary_hits(stand_canary(stand)), 0);
	assert_int_equal(access(scratch_path(stand->dir, "hostile/keys"), F_OK), -1);
	assert_int_equal(stand_stop(stand), 0);
	if (traced) {
		char path[400];
		char *log;

		stand_sleep_ms(200);
		snprintf(path, sizeof(path), "%s.strace", (char *)stand->dir);
		log = scratch_read(path, NULL);
		assert_non_null(strstr(log, "outboxd.conf"));
		if (strstr(log, "/hostile") != NULL)
			fail_msg("looked at: %.200s", strstr(log, "/hostile") - 60);
		free(log);
		unlink(path);
	}
	tally("hostile environment", 27, 0,
	    "TLS and plain delivered; proxy canary 0 connections, no key log, %s",
	    traced ? "no look at any named file" : "file accesses not traced");
	assert_int_equal(gateway_effects(tls, "e-1"), 1);
	gateway_stop(tls);
}

/* --- secrets --- */

#define SECRET_KEY "CANARYkey0a71c3"
#define SECRET_PASSWORD "CANARYpassword9f2e"
#define SECRET_BODY "CANARYbody77d1"
#define SECRET_HEADER "CANARYheader3b"
#define SECRET_ANSWER "CANARYanswer51"

static int
hits(const char *path, const char *needle)
{
	size_t length;
	char *bytes;
	int count = 0;

	if (access(path, R_OK) != 0)
		return 0;
	bytes = scratch_read(path, &length);
	for (char *at = bytes;
	     (at = memmem(at, length - (size_t)(at - bytes), needle, strlen(needle))) != NULL; at++)
		count++;
	free(bytes);
	if (count > 0)
		fprintf(stderr, "%s: %d times %s\n", path, count, needle);
	return count;
}

static int
hits_in_columns(struct stand *stand, const char *needle)
{
	static const char *const columns[] = {"outbox_attempt", "outbox_delivery",
	    "outbox_destination", "outbox_meta", "outbox_control"};
	int count = 0;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		sqlite3 *db;
		sqlite3_stmt *statement;
		char sql[100];

		assert_int_equal(
		    sqlite3_open_v2(stand->database, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
		sqlite3_busy_timeout(db, 10000);
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", columns[i]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW)
			for (int c = 0; c < sqlite3_column_count(statement); c++) {
				const char *text = (const char *)sqlite3_column_text(statement, c);

				if (text == NULL || strstr(text, needle) == NULL)
					continue;
				fprintf(stderr, "%s.%s: %s\n", columns[i],
				    sqlite3_column_name(statement, c), text);
				count++;
			}
		sqlite3_finalize(statement);
		sqlite3_close(db);
	}
	return count;
}

static void
secrets_stay_where_they_are(void **state)
{
	static const char *const faults[] = {"ok", "lose", "garbage",
	    "status 500 body " SECRET_ANSWER, "not-json", "truncate",
	    "status 400 body {\"error\":{\"code\":\"" SECRET_ANSWER "\"}}",
	    "status 401 body " SECRET_ANSWER, "redirect 302 http://127.0.0.1:1/" SECRET_ANSWER,
	    "header X-Y: " SECRET_ANSWER, "half-headers", "big-header 200000", "garble",
	    "body {\"x\":\"" SECRET_ANSWER "\"}"};
	enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };
	static const char *const profiles[] = {"vrio", "travlinq", "riverty", "generic"};
	struct stand *stand = *state;
	static const char *const everywhere[] = {SECRET_KEY, SECRET_PASSWORD};
	char proc[64];
	int found = 0;

	for (int p = 0; p < 4; p++) {
		static const char *const settings[] = {"headers = { X-Api-Key = \"" SECRET_KEY
						       "\"; };",
		    "headers = { X-API-KEY = \"" SECRET_KEY
		    "\"; }; login = { userName = \"u\"; password = \"" SECRET_PASSWORD
		    "\"; companyCode = \"C\"; };",
		    "headers = { X-Auth-Key = \"" SECRET_KEY "\"; };",
		    "headers = { Authorization = \"Bearer " SECRET_KEY "\"; };"};

		for (int f = 0; f < FAULTS; f++) {
			char name[64];
			char line[300];
			char body[600];

			snprintf(name, sizeof(name), "%s-%d", profiles[p], f);
			snprintf(line, sizeof(line), "%s submit 1 %s\n", name, faults[f]);
			assert_int_equal(gateway_script(stand->gateway, line), 0);
			stand_destination(stand, name, profiles[p], settings[p]);
			snprintf(body, sizeof(body),
			    "{\"connection_order_id\":\"%s\",\"offerId\":\"%s\",\"reference\":\"%"
			    "s\","
			    "\"action\":\"process\",\"order\":{\"number\":\"%s\","
			    "\"totalGrossAmount\":1.00},\"note\":\"" SECRET_BODY "\"}",
			    name, name, name, name);
			(void)stand_insert(stand,
			    "destination, operation, reference, path, headers, body",
			    "'%s', '%s', '%s', %s, %s, '%s'", name,
			    p == 0   ? "order"
			    : p == 1 ? "flight-book"
			    : p == 2 ? "authorize"
				     : "post",
			    name, p == 3 ? "'/generic/pay'" : "NULL",
			    p == 1 ? "'{\"conversationId\":\"" SECRET_HEADER "\"}'" : "NULL", body);
		}
	}
	stand_start(stand);
	stand_sleep_ms(300);
	snprintf(proc, sizeof(proc), "/proc/%d/cmdline", (int)stand->pid);
	found += hits(proc, SECRET_KEY) + hits(proc, SECRET_PASSWORD);
	snprintf(proc, sizeof(proc), "/proc/%d/environ", (int)stand->pid);
	found += hits(proc, SECRET_KEY) + hits(proc, SECRET_PASSWORD);
	/* Until nothing but rows behind a held destination is left. */
	assert_true(
	    stand_wait(stand, "SELECT count(*) = 0 FROM outbox_delivery WHERE state NOT IN "
			      "('done', 'held') AND destination"
			      " NOT IN (SELECT destination FROM outbox_destination WHERE held)"));
	found += hits_in_columns(stand, SECRET_BODY) + hits_in_columns(stand, SECRET_KEY) +
		 hits_in_columns(stand, SECRET_PASSWORD) + hits_in_columns(stand, SECRET_HEADER) +
		 hits_in_columns(stand, "sess-");
	/* with the WAL still there */
	for (int i = 0; i < 2; i++) {
		found += hits(stand->database, everywhere[i]);
		found += hits(scratch_path(stand->dir, "shop.db-wal"), everywhere[i]);
		found += hits(scratch_path(stand->dir, "state/witness"), everywhere[i]);
		found += hits(scratch_path(stand->dir, "outboxd.log"), everywhere[i]);
	}
	assert_int_equal(stand_stop(stand), 0);
	found += hits(scratch_path(stand->dir, "outboxd.log"), SECRET_BODY);
	found += hits(scratch_path(stand->dir, "outboxd.log"), SECRET_HEADER);
	found += hits(scratch_path(stand->dir, "outboxd.log"), SECRET_ANSWER);
	found += hits(stand->database, SECRET_KEY) + hits(stand->database, SECRET_PASSWORD);
	tally("secrets in logs, argv, environ, tables, WAL", 4 * FAULTS, found,
	    "five canaries, %d kinds of answer at four gateways", FAULTS);
	assert_int_equal(found, 0);
	oracle_check(stand, ORACLE_UNDERWAY);
}

/* --- a full disk --- */

static bool
small_disk(const char *path)
{
	if (mkdir(path, 0700) != 0)
		return false;
	if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", path, "tmpfs", 0, "size=3m,mode=0700") == 0)
		return true;
	printf("NOTE: skipped: without root no small disk can be mounted\n");
	return false;
}

/* To the last byte. */
static void
fill(const char *path)
{
	static char zeros[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	for (size_t size = sizeof(zeros); size > 0; size /= 2)
		while (write(fd, zeros, size) > 0)
			;
	close(fd);
}

static void
a_full_disk_loses_nothing(void **state)
{
	struct stand *stand = *state;
	const char *disk = scratch_path(stand->dir, "disk");
	char filler[400];
	const char *words[] = {"init", "--database", stand->database, NULL};
	long rounds =
	    extent_of(1, 2, 4); /* more rows than these fill the little disk by themselves */
	int64_t slowest = 0;
	long violations = 0;
	long met = 0;
	int status;

	if (!small_disk(disk))
		skip();
	snprintf(filler, sizeof(filler), "%s/filler", disk);
	snprintf(stand->database, sizeof(stand->database), "%s/shop.db", disk);
	(void)stand_command(stand, &status, words);
	assert_int_equal(status, 0);
	stand_destination(stand, "vrio", "vrio", "concurrency = 4;");
	stand_destination(stand, "riverty", "riverty", "concurrency = 4;");
	assert_int_equal(gateway_script(stand->gateway, "* submit * delay 500\n"), 0);
	stand_start(stand);
	for (long round = 0; round < rounds; round++) {
		int before;
		int during;
		int64_t began;

		for (int i = 0; i < 16; i++) {
			char name[64];

			snprintf(name, sizeof(name), "d%ld-%d", round, i);
			(void)stand_order(stand, i % 2 == 0 ? "vrio" : "riverty",
			    i % 2 == 0 ? "vrio" : "riverty", name);
		}
		assert_true(stand_wait(
		    stand, "SELECT count(*) >= 8 FROM outbox_delivery WHERE state = 'sending'"));
		stand_sleep_ms(100);
		fill(filler);
		stand_sleep_ms(1500); /* all eight answers came, and found no room */
		before = gateway_requests(stand->gateway, NULL, "submit");
		met += (long)stand_number(
		    stand, "SELECT count(*) FROM outbox_delivery WHERE state = 'sending'");
		stand_sleep_ms((int)extent_of(1500, 5000, 15000));
		during = gateway_requests(stand->gateway, NULL, "submit");
		if (!stand_runs(stand)) {
			fprintf(stderr, "the daemon ended on a full disk\n");
			violations++;
			stand_start(stand);
		}
		if (during != before) {
			fprintf(
			    stderr, "%d sent while results could not be stored\n", during - before);
			violations++;
		}
		assert_int_equal(unlink(filler), 0);
		began = stand_clock_ms();
		assert_true(stand_wait_settled(stand));
		if (stand_clock_ms() - began > slowest)
			slowest = stand_clock_ms() - began;
	}
	violations += oracle_violations(stand, ORACLE_FINISHED);
	violations += (long)stand_number(
	    stand, "SELECT count(*) FROM outbox_delivery WHERE result IS NOT 'succeeded'");
	violations += slowest > 30000;
	violations += met == 0;
	tally("disk full while results arrive", rounds, violations,
	    "%ld rows whose answer waited for room, all sent once; settled %lld ms after space"
	    " came back",
	    met, (long long)slowest);
	if (violations > 0)
		stand_show(stand);
	assert_int_equal(violations, 0);
	assert_int_equal(stand_stop(stand), 0);
	(void)umount2(disk, MNT_DETACH);
}

/* --- a database that is held --- */

static void
a_held_database_is_waited_for(void **state)
{
	struct stand *stand = *state;
	long seconds = extent_of(6, 20, 600);
	sqlite3 *db = NULL;
	double cpu;
	double share;
	int sent;

	stand_destination(stand, "vrio", "vrio", "concurrency = 4;");
	stand_destination(stand, "riverty", "riverty", "concurrency = 4;");
	stand_destination(stand, "travlinq", "travlinq", "concurrency = 4;");
	assert_int_equal(gateway_script(stand->gateway, "* submit * delay 500\n"), 0);
	for (int i = 0; i < 24; i++) {
		static const char *const profiles[] = {"vrio", "riverty", "travlinq"};
		char name[32];

		snprintf(name, sizeof(name), "%sb-%d", i % 6 == 2 ? "slow-" : "", i);
		(void)stand_order(stand, profiles[i % 3], profiles[i % 3], name);
	}
	stand_start(stand);
	assert_true(
	    stand_wait(stand, "SELECT count(*) >= 8 FROM outbox_delivery WHERE state = 'sending'"));
	assert_int_equal(sqlite3_open(stand->database, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	stand_sleep_ms(1500);
	sent = gateway_requests(stand->gateway, NULL, "submit");
	cpu = tally_cpu_s(stand->pid);
	stand_sleep_ms((int)seconds * 1000);
	share = (tally_cpu_s(stand->pid) - cpu) / (double)seconds;
	assert_true(stand_runs(stand));
	/* without durable intent nothing left */
	assert_int_equal(gateway_requests(stand->gateway, NULL, "submit"), sent);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_true(stand_wait_settled(stand));
	tally("database held by BEGIN IMMEDIATE", 1, share >= 0.05,
	    "%ld s, %.2f %% of a processor meanwhile; %lld of 24 rows"
	    " succeeded afterwards",
	    seconds, share * 100,
	    (long long)stand_number(
		stand, "SELECT count(*) FROM outbox_delivery WHERE result = 'succeeded'"));
	/* A booking that nobody could fetch for longer than the gateway's three minutes is unknown,
	 * and rightly so. */
	if (stand_number(stand,
		"SELECT count(*) FROM outbox_delivery WHERE result IS NOT 'succeeded' AND NOT (%d "
		"AND result = 'unknown' AND "
		"reference LIKE 'slow-%%')",
		seconds > 180) > 0) {
		stand_show(stand);
		fail_msg("not every row succeeded");
	}
	assert_true(share < 0.05);
	assert_int_equal(stand_stop(stand), 0);
	oracle_check(stand, ORACLE_FINISHED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stand_setup, stand_teardown)

int
main(void)
{
	/* The last leaves a hostile environment behind. */
	const struct CMUnitTest tests[] = {TEST(secrets_stay_where_they_are),
	    TEST(a_full_disk_loses_nothing), TEST(a_held_database_is_waited_for),
	    TEST(a_hostile_environment_is_ignored)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
