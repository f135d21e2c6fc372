/*
 * test_config.c - outboxd.conf: what is refused, with the right line and a remedy, and what good
 * ones come to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/config.h"
#include "lib/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Lines 1 and 2. */
#define TOP "database = \"shop.db\";\nstate_dir = \"state\";\n"
#define END "}; };\n"
/* Lines 3 to 5; what is tested begins on line 6. */
#define VRIO                                                                                       \
	"destinations = {\nd = { profile = \"vrio\";\nheaders = { X-Api-Key = \"file:key\"; };\n"
#define RIVERTY                                                                                    \
	"destinations = {\nd = { profile = \"riverty\"; base_url = \"https://a.example\";\n"       \
	"headers = { X-Auth-Key = \"file:key\"; };\n"
#define TRAVLINQ                                                                                   \
	"destinations = {\nd = { profile = \"travlinq\"; base_url = \"https://a.example\";\n"      \
	"headers = { X-API-KEY = \"file:key\"; };\n"
#define GENERIC                                                                                    \
	"destinations = {\nd = { profile = \"generic\"; base_url = \"https://a.example\";\n"       \
	"key_retention = \"24h\";\n"
#define LOGIN "login = { userName = \"u\"; password = \"file:key\"; companyCode = \"c\"; };\n"

struct bad {
	const char *text;
	unsigned line; /* 0: none is told */
	const char *what;
	const char *write;
};

static const struct bad bads[] = {
    /* the top */
    {"state_dir = \"state\";\n" VRIO END, 0, "database is missing", "write database = \"shop.db\""},
    {"database = \"shop.db\";\n" VRIO END, 0, "state_dir is missing", "write state_dir"},
    {TOP, 0, "destinations is missing", "write destinations = {"},
    {TOP "destinations = { };\n", 3, "has 0 destinations", "1 to 256"},
    {TOP "destinations = ( );\n", 3, "must be a group", "{ riverty ="},
    {TOP "destinations = { d = \"vrio\"; };\n", 3, "must be a group", "{ profile ="},
    {TOP "databse = \"x\";\n" VRIO END, 3, "unknown setting", "write database"},
    {TOP "drain = 75;\n" VRIO END, 3, "drain: must be a duration", "\"75s\""},
    {TOP "drain = \"2h\";\n" VRIO END, 3, "out of range", "\"0s\" to \"1h\""},
    {TOP "commit_window = \"2s\";\n" VRIO END, 3, "out of range", "\"0s\" to \"1s\""},
    {TOP "retention = \"0d\";\n" VRIO END, 3, "out of range", "\"1s\""},
    {TOP "response_max = \"1GiB\";\n" VRIO END, 3, "out of range", "\"16MiB\""},
    {TOP "body_max = 1048576;\n" VRIO END, 3, "must be a size", "\"1MiB\""},
    {TOP "log_format = \"xml\";\n" VRIO END, 3, "not known", "\"json\""},
    {TOP "metrics_file = \"\";\n" VRIO END, 3, "0 characters", "1 to 4095"},
    {TOP "profiles = \"nowhere\";\n" VRIO END, 3, "no directory", "name the one"},
    {TOP VRIO "concurrency = 3000000000;\n" END, 6, "too large", "9 digits"},
    /* a destination's profile */
    {TOP "destinations = { d = {\nbase_url = \"https://a.example\"; }; };\n", 3,
	"profile is missing", "profile = \"riverty\""},
    {TOP "destinations = { d = {\nprofile = \"vrios\"; }; };\n", 4, "no vrios.conf; looked in /",
	"write profile = \"vrio\";"},
    {TOP "destinations = { d = {\nprofile = \"quetzalcoatl\"; }; };\n", 4, "looked in /",
	"profiles = \"DIRECTORY\""},
    {TOP "destinations = { d = {\nprofile = \"../vrio\"; }; };\n", 4, "no profile name",
	"without directory"},
    {TOP "destinations = { d = {\nprofile = \"vrio.conf\"; }; };\n", 4, "no profile name",
	"without directory and .conf"},
    {TOP "destinations = { d = {\nprofile = 7; }; };\n", 4, "must be a string", "\"riverty\""},
    {TOP "destinations = { d* = {\nprofile = \"vrio\"; headers = { X-Api-Key = \"file:key\"; }; }; "
	 "};\n",
	3, "letters, digits", "write another"},
    {TOP VRIO "};\nD = { profile = \"vrio\"; headers = { X-Api-Key = \"file:key\"; };\n" END, 7,
	"in case only", "another name"},
    {TOP VRIO "};\nd = { profile = \"vrio\";\n" END, 7, "already given", "take one of them out"},
    /* base_url */
    {TOP "destinations = { d = {\nprofile = \"generic\"; key_retention = \"24h\"; }; };\n", 3,
	"base_url is missing", "write base_url"},
    {TOP VRIO "base_url = \"http://api.vrio.app\";\n" END, 6, "plain http", "write https://"},
    {TOP VRIO "base_url = \"http://127.0.0.1:8080\";\n" END, 6, "plain http", "write https://"},
    {TOP VRIO "allow_plain_loopback = true;\nbase_url = \"http://localhost:80\";\n" END, 7,
	"127.0.0.1", "write https://"},
    {TOP VRIO "allow_plain_loopback = true;\nbase_url = \"http://127.evil.example\";\n" END, 7,
	"127.0.0.1", "write https://"},
    {TOP VRIO "base_url = \"api.vrio.app\";\n" END, 6, "not an absolute URL", "write https://"},
    {TOP VRIO "base_url = \"ftp://api.vrio.app\";\n" END, 6, "must be https", "write https://"},
    {TOP VRIO "base_url = \"file:///etc/passwd\";\n" END, 6, "not allowed", "write https://"},
    {TOP VRIO "base_url = \"https://me:pw@api.vrio.app\";\n" END, 6, "user name", "write https://"},
    {TOP VRIO "base_url = \"https://api.vrio.app/?\";\n" END, 6, "query", "write https://"},
    {TOP VRIO "base_url = \"https://api.vrio.app/#x\";\n" END, 6, "fragment", "write https://"},
    {TOP VRIO "base_url = \"https://api.vrio.app/%2e%2e\";\n" END, 6, "percent", "write https://"},
    {TOP VRIO "base_url = \"https://api.vrio.app/a/../b\";\n" END, 6, "\"..\"",
	"path they lead to"},
    {TOP VRIO "base_url = \"https://api.vrio.app/..\";\n" END, 6, "\"..\"", "path they lead to"},
    {TOP VRIO "base_url = \"https://api.vrio.app.\";\n" END, 6, "ends with a dot",
	"write https://"},
    {TOP VRIO "base_url = \"https:///orders\";\n" END, 6, "not allowed", "write https://"},
    {TOP VRIO "base_url = \"https:////api.vrio.app\";\n" END, 6, "not allowed", "write https://"},
    {TOP VRIO "base_url = \"https://api.vrio.app//x\";\n" END, 6, "empty segment",
	"single slashes"},
    {TOP VRIO "base_url = \"https://api.vrio.app:99999\";\n" END, 6, "cannot parse",
	"write https://"},
    {TOP VRIO "base_url = \"https://api.vrio.app:0\";\n" END, 6, "port", "write https://"},
    {TOP VRIO "base_url = \"https://\xc3\xa4.example\";\n" END, 6, "non-ASCII", "write https://"},
    {TOP VRIO "base_url = \"https://a b.example\";\n" END, 6, "blank", "write https://"},
    /* headers and credentials */
    {TOP "destinations = { d = {\nprofile = \"vrio\"; }; };\n", 3, "needs the header X-Api-Key",
	"headers = { X-Api-Key ="},
    {TOP "destinations = { d = {\nprofile = \"vrio\";\nheaders = { X-Api-Kee = \"file:key\"; }; }; "
	 "};\n",
	5, "needs the header X-Api-Key", "headers = { X-Api-Key ="},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = "
	 "\"file:key\";\nx-api-key = \"file:key\"; }; }; };\n",
	5, "case makes no difference", "take one out"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \"file:none\"; }; }; "
	 "};\n",
	4, "cannot be opened", "create it"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \"file:open\"; }; }; "
	 "};\n",
	4, "mode 0644", "chmod 0640"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \"credential:k\"; }; "
	 "}; };\n",
	4, "CREDENTIALS_DIRECTORY", "LoadCredential=k"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \"\"; }; }; };\n", 4,
	"empty", "put the credential"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = 12345; }; }; };\n", 4,
	"must be a string", "\"file:/path\""},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \"a\\r\\nb\"; }; }; "
	 "};\n",
	4, "control character", "one line"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \" a\"; }; }; };\n",
	4, "begin or end with a blank", "take it out"},
    {TOP "destinations = { d = { profile = \"vrio\";\nheaders = { X-Api-Key = \"\xc3\xa4\"; }; }; "
	 "};\n",
	4, "printable ASCII", "a header value holds"},
    {TOP GENERIC "headers = {\nHost = \"x\"; };\n" END, 7, "sets this header itself",
	"take it out"},
    {TOP GENERIC "headers = {\ncontent-length = \"5\"; };\n" END, 7, "sets this header itself",
	"take it out"},
    {TOP GENERIC "headers = {\nTransfer-Encoding = \"chunked\"; };\n" END, 7, "itself",
	"take it out"},
    {TOP GENERIC "headers = {\nConnection = \"close\"; };\n" END, 7, "itself", "take it out"},
    {TOP GENERIC "headers = {\nExpect = \"100-continue\"; };\n" END, 7, "itself", "take it out"},
    {TOP GENERIC "headers = {\nContent-Type = \"text/xml\"; };\n" END, 7, "itself", "take it out"},
    {TOP GENERIC "headers = {\nidempotency-key = \"1\"; };\n" END, 7, "idempotency key",
	"take it out"},
    {TOP GENERIC "key_header = \"X-Key\"; headers = {\nx-key = \"1\"; };\n" END, 7,
	"idempotency key", "take it out"},
    {TOP TRAVLINQ LOGIN
	"};\ne = { profile = \"vrio\"; headers = { X-Api-Key = \"file:key\";\nA = 1; };\n" END,
	9, "must be a string", "the text"},
    {TOP "destinations = { d = { profile = \"travlinq\"; base_url = \"https://a.example\";\n" LOGIN
	 "headers = { X-API-KEY = \"file:key\";\nsessionID = \"1\"; };\n" END,
	6, "carries the session", "write login"},
    {TOP "destinations = { d = { profile = \"travlinq\"; base_url = \"https://a.example\";\n" LOGIN
	 "headers = { X-API-KEY = \"file:key\";\naccept = \"text/plain\"; };\n" END,
	6, "the profile sets this header", "take it out"},
    {TOP "destinations = { d = { profile = \"travlinq\"; base_url = \"https://a.example\";\n" LOGIN
	 "headers = { X-API-KEY = \"file:key\";\nconversationId = \"x\"; };\n" END,
	6, "each row set this header", "take it out"},
    /* login */
    {TOP TRAVLINQ "login = { userName = \"u\"; password = \"file:key\"; };\n" END, 6,
	"needs companyCode", "companyCode ="},
    {TOP TRAVLINQ LOGIN "login = { };\n" END, 7, "already given", "take one of them out"},
    {TOP TRAVLINQ "login = { userName = \"u\"; password = \"file:key\"; companyCode = "
		  "\"c\";\ncompany = \"c\"; };\n" END,
	7, "no such member", "write companyCode"},
    {TOP TRAVLINQ
	"login = { userName = \"u\"; companyCode = \"c\";\npassword = \"file:none\"; };\n" END,
	7, "cannot be opened", "create it"},
    {TOP TRAVLINQ
	"login = { userName = \"\xff\"; companyCode = \"c\"; password = \"file:key\"; };\n" END,
	6, "not UTF-8", "save it"},
    {TOP TRAVLINQ "login = \"x\";\n" END, 6, "must be a group", "{ userName ="},
    {TOP VRIO "login = { userName = \"u\"; };\n" END, 6, "has no login", "take this out"},
    /* keys */
    {TOP RIVERTY END, 4, "key_retention is missing", "key_retention = \"24h\""},
    {TOP RIVERTY "key_retention = \"19m\";\n" END, 6, "15 minutes", "\"20m\""},
    {TOP RIVERTY "key_retention = \"401d\";\n" END, 6, "out of range", "\"400d\""},
    {TOP RIVERTY "key_retention = 86400;\n" END, 6, "must be a duration", "\"24h\""},
    {TOP RIVERTY "allow_plain_loopback = true;\nkey_retention = \"500ms\";\n" END, 7,
	"out of range", "\"1s\""},
    {TOP RIVERTY "key_retention = \"24h\";\nkey_header = \"X-Key\";\n" END, 7,
	"fixes the key's header", "take this out"},
    {TOP VRIO "key_retention = \"24h\";\n" END, 6, "no keyed operation", "take this out"},
    {TOP VRIO "replay = \"all\";\n" END, 6, "no keyed operation", "take this out"},
    {TOP VRIO "key_quoted = true;\n" END, 6, "no keyed operation", "take this out"},
    {TOP GENERIC "key_header = \"X Key\";\n" END, 6, "not a header name", "hyphens"},
    {TOP GENERIC "key_header = \"Host\";\n" END, 6, "sets this header itself", "take it out"},
    {TOP GENERIC "replay = \"some\";\n" END, 6, "not known", "\"success\""},
    /* limits */
    {TOP VRIO "concurrency = 0;\n" END, 6, "out of range", "1 to 256"},
    {TOP VRIO "concurrency = 257;\n" END, 6, "out of range", "1 to 256"},
    {TOP VRIO "poll_concurrency = -1;\n" END, 6, "out of range", "1 to 1024"},
    {TOP VRIO "concurrency = \"8\";\n" END, 6, "must be a whole number", "write 8"},
    {TOP VRIO "rate = 50;\n" END, 6, "must be a string", "\"50/s\""},
    {TOP VRIO "rate = \"50\";\n" END, 6, "no rate", "\"50/s\""},
    {TOP VRIO "rate = \"0/s\";\n" END, 6, "no rate", "\"50/s\""},
    {TOP VRIO "rate = \"50/h\";\n" END, 6, "no rate", "\"30/m\""},
    {TOP VRIO "rate = \"10001/s\";\n" END, 6, "no rate", "1 to 10000"},
    {TOP VRIO "request_timeout = \"0s\";\n" END, 6, "out of range", "\"100ms\" to \"10m\""},
    {TOP VRIO "request_timout = \"60s\";\n" END, 6, "unknown setting", "write request_timeout"},
    {TOP VRIO "request_timeout = 60;\n" END, 6, "must be a duration", "\"60s\""},
    {TOP VRIO "poll_interval_max = \"10s\";\npoll_interval = \"20s\";\n" END, 7,
	"longer than poll_interval_max", "raise"},
    {TOP VRIO "retry_base = \"10m\";\nretry_cap = \"1m\";\n" END, 6, "longer than retry_cap",
	"raise"},
    {TOP VRIO "probe_interval = \"10m\";\nprobe_interval_max = \"1m\";\n" END, 6,
	"longer than probe_interval_max", "raise"},
    {TOP VRIO "unprocessed = [ 200 ];\n" END, 6, "200 is out of range", "400 to 599"},
    {TOP VRIO "unprocessed = \"401\";\n" END, 6, "must be an array", "[401, 429]"},
    {TOP VRIO "card_data = \"keep\";\n" END, 6, "not known", "\"erase\""},
    {TOP VRIO "allow_private = 1;\n" END, 6, "true or false", "write true"},
    {TOP VRIO "allow_private = \"yes\";\n" END, 6, "true or false", "write true"},
    {TOP VRIO "verify_peer = false;\n" END, 6, "unknown setting", "write one of profile"},
    {TOP VRIO "fetch_origins = [ \"https://a.example/path\" ];\n" END, 6, "no path",
	"write https://"},
    {TOP VRIO "fetch_origins = [ \"http://a.example\" ];\n" END, 6, "plain http", "write https://"},
    {TOP VRIO "fetch_origins = [ 5 ];\n" END, 6, "must be a string", "[\"https://"},
    {TOP VRIO "ca_file = \"none.pem\";\n" END, 6, "no file that can be read", "name a PEM"},
    {TOP VRIO "client_cert = \"open\"; client_key = \"open\";\n" END, 6, "mode 0644", "chmod 0640"},
    {TOP VRIO "client_key = \"key\";\n" END, 6, "without its certificate", "write client_cert"},
};

enum { BADS_MIN = 110 };

static void
copy_profile(const char *directory, const char *name)
{
	char from[100];
	char to[100];
	size_t length;
	char *bytes;

	snprintf(from, sizeof(from), "etc/profiles/%s.conf", name);
	snprintf(to, sizeof(to), "profiles/%s.conf", name);
	bytes = scratch_read(from, &length);
	scratch_write(scratch_path(directory, to), bytes, length);
	free(bytes);
}

/* A directory as a merchant has it: profiles beside the file, a credential, and one that is too
 * open. */
static int
setup(void **state)
{
	static const char *const names[] = {"riverty", "vrio", "travlinq", "generic"};

	unsetenv("CREDENTIALS_DIRECTORY");
	scratch_setup(state);
	assert_int_equal(mkdir(scratch_path(*state, "profiles"), 0755), 0);
	for (size_t i = 0; i < COUNT(names); i++)
		copy_profile(*state, names[i]);
	scratch_write(scratch_path(*state, "key"), "canary-key\n", 11);
	chmod(scratch_path(*state, "key"), 0600);
	scratch_write(scratch_path(*state, "open"), "canary-key\n", 11);
	chmod(scratch_path(*state, "open"), 0644);
	return 0;
}

static struct config *
load_mode(const char *directory, const char *text, mode_t mode, struct text *problems)
{
	const char *file = scratch_path(directory, "outboxd.conf");

	scratch_write(file, text, strlen(text));
	chmod(file, mode);
	text_init(problems, 1 << 20);
	return config_load(file, problems);
}

static struct config *
load(const char *directory, const char *text, struct text *problems)
{
	return load_mode(directory, text, 0640, problems);
}

static struct config *
load_good(const char *directory, const char *text)
{
	struct text problems;
	struct config *config = load(directory, text, &problems);

	if (config == NULL)
		fail_msg("%s\nrefused:\n%s", text, text_string(&problems));
	assert_int_equal(problems.length, 0);
	text_free(&problems);
	return config;
}

/* One problem, at that line, with these words. */
static void
check_refused(const char *directory, const struct bad *bad, mode_t mode)
{
	struct text problems;
	struct config *config = load_mode(directory, bad->text, mode, &problems);
	const char *told = text_string(&problems);
	char place[64] = "/outboxd.conf: ";

	if (bad->line > 0)
		snprintf(place, sizeof(place), "/outboxd.conf:%u: ", bad->line);
	if (config != NULL || strstr(told, place) == NULL || strstr(told, bad->what) == NULL ||
	    strstr(told, bad->write) == NULL || told[0] == '\0' ||
	    strchr(told, '\n') != told + strlen(told) - 1)
		fail_msg("%s\nexpected one problem at \"%s\" with \"%s\" and \"%s\", got:\n%s",
		    bad->text, place, bad->what, bad->write, told);
	assert_null(strstr(told, "canary"));
	config_free(config);
	text_free(&problems);
}

static void
test_bad(void **state)
{
	assert_true(COUNT(bads) >= BADS_MIN);
	for (size_t i = 0; i < COUNT(bads); i++)
		check_refused(*state, &bads[i], 0640);
}

/* Each of them at once: a line for every one. */
static void
test_collects(void **state)
{
	static const char text[] =
	    TOP "drain = 5;\n" VRIO "concurrency = 0;\nfoo = 1;\nrate = \"x\";\n"
		"headers2 = { };\n" END;
	struct text problems;
	unsigned lines[] = {3, 7, 8, 9, 10};

	assert_null(load(*state, text, &problems));
	for (size_t i = 0; i < COUNT(lines); i++) {
		char place[64];

		snprintf(place, sizeof(place), "/outboxd.conf:%u: ", lines[i]);
		assert_non_null(strstr(text_string(&problems), place));
	}
	text_free(&problems);
}

/* A broken profile is told once, under its own name and line, whoever uses it. */
static void
test_bad_profile(void **state)
{
	static const char broken[] = "answers = ();\nfoo = 1;\n";
	static const char text[] =
	    TOP "destinations = { a = { profile = \"mine\"; }; b = { profile = \"mine\"; }; };\n";
	struct text problems;
	const char *first;

	scratch_write(scratch_path(*state, "profiles/mine.conf"), broken, strlen(broken));
	assert_null(load(*state, text, &problems));
	first = strstr(text_string(&problems), "/profiles/mine.conf:2: ");
	assert_non_null(first);
	assert_null(strstr(first + 1, "/profiles/mine.conf:2: "));
	assert_non_null(
	    strstr(text_string(&problems), "/profiles/mine.conf: operations is missing"));
	text_free(&problems);
}

static void
test_state_dir_of_systemd(void **state)
{
	static const char text[] = "database = \"shop.db\";\n" VRIO END;
	struct config *config;
	struct text problems;

	setenv("STATE_DIRECTORY", "/var/lib/outboxd/shop:/var/lib/other", 1);
	config = load_good(*state, text);
	assert_string_equal(config->state_dir, "/var/lib/outboxd/shop");
	config_free(config);
	config = load_good(*state, TOP VRIO END); /* what is said counts more */
	assert_string_equal(config->state_dir, scratch_path(*state, "state"));
	config_free(config);
	unsetenv("STATE_DIRECTORY");
	/* A command beside the daemon needs none. */
	text_init(&problems, 4096);
	scratch_write(scratch_path(*state, "outboxd.conf"), text, strlen(text));
	config = config_load_without_credentials(scratch_path(*state, "outboxd.conf"), &problems);
	assert_non_null(config);
	assert_null(config->state_dir);
	config_free(config);
	text_free(&problems);
}

static void
test_defaults(void **state)
{
	struct config *config = load_good(*state, TOP VRIO END);
	const struct destination *destination = config_destination(config, "d");

	assert_string_equal(config->database, scratch_path(*state, "shop.db"));
	assert_string_equal(config->state_dir, scratch_path(*state, "state"));
	assert_string_equal(config->profiles_dir, scratch_path(*state, "profiles"));
	assert_int_equal(config->commit_window_ms, 2);
	assert_int_equal(config->drain_ms, 75000);
	assert_int_equal(config->retention_ms, 0);
	assert_int_equal(config->response_max, 1 << 20);
	assert_int_equal(config->body_max, 1 << 20);
	assert_int_equal(config->log_format, LOG_KEY_VALUE);
	assert_null(config->metrics_file);
	assert_non_null(destination);
	assert_null(config_destination(config, "D"));
	assert_string_equal(destination->base_url, "https://api.vrio.app");
	assert_string_equal(destination->profile->name, "vrio");
	assert_int_equal(destination->header_count, 1);
	assert_string_equal(destination->headers[0].name, "X-Api-Key");
	assert_string_equal(destination->headers[0].value, "canary-key");
	assert_null(destination->key_header);
	assert_int_equal(destination->concurrency, 8);
	assert_int_equal(destination->poll_concurrency, 64);
	assert_true(destination->rate_per_second == 0);
	assert_int_equal(destination->ramp_ms, 60000);
	assert_int_equal(destination->connect_timeout_ms, 10000);
	assert_int_equal(destination->request_timeout_ms, 60000);
	assert_int_equal(destination->poll_timeout_ms, 60000);
	assert_int_equal(destination->poll_interval_ms, 2000);
	assert_int_equal(destination->poll_interval_max_ms, 30000);
	assert_int_equal(destination->poll_deadline_ms, 86400000);
	assert_int_equal(destination->give_up_after_ms, 86400000);
	assert_int_equal(destination->retry_base_ms, 2000);
	assert_int_equal(destination->retry_cap_ms, 600000);
	assert_int_equal(destination->probe_interval_ms, 30000);
	assert_int_equal(destination->probe_interval_max_ms, 600000);
	assert_int_equal(destination->key_retention_ms, 0);
	assert_false(destination->replay_set);
	assert_int_equal(destination->unprocessed_count, 3);
	assert_int_equal(destination->unprocessed[1], 403);
	assert_int_equal(destination->card_data, CARD_NEVER);
	assert_false(destination->allow_plain_loopback);
	assert_false(destination->allow_private);
	config_free(config);
}

static void
test_everything(void **state)
{
	static const char text[] =
	    "database = \"/db/shop.db\"; state_dir = \"a/b\"; profiles = \"profiles\";\n"
	    "commit_window = \"0ms\"; drain = \"5s\"; retention = \"90d\"; response_max = "
	    "\"64KiB\";\n"
	    "body_max = \"500B\"; log_format = \"json\"; metrics_file = \"m.prom\";\n"
	    "destinations = { d = { profile = \"generic\"; base_url = "
	    "\"HTTPS://A.Example:443/v1/\";\n"
	    "headers = { Authorization = \"Bearer x\"; X-Tenant = \"file:key\"; };\n"
	    "key_retention = \"20m\"; key_header = \"X-Key\"; key_quoted = true; replay = "
	    "\"all\";\n"
	    "unprocessed = [ 401, 503 ]; concurrency = 256; poll_concurrency = 1; rate = \"30/m\"; "
	    "ramp = \"0s\";\n"
	    "connect_timeout = \"1s\"; request_timeout = \"2s\"; poll_timeout = \"3s\"; "
	    "poll_interval = \"4s\";\n"
	    "poll_interval_max = \"5s\"; poll_deadline = \"6s\"; give_up_after = \"7s\"; "
	    "retry_base = \"8s\";\n"
	    "retry_cap = \"9s\"; probe_interval = \"10s\"; probe_interval_max = \"11s\";\n"
	    "fetch_origins = [ \"https://F.example:8443/\" ]; card_data = \"erase\"; ca_file = "
	    "\"open\";\n"
	    "client_cert = \"open\"; client_key = \"key\"; allow_private = true; }; };\n";
	struct config *config = load_good(*state, text);
	const struct destination *destination = config_destination(config, "d");

	assert_string_equal(config->database, "/db/shop.db");
	assert_string_equal(config->state_dir, scratch_path(*state, "a/b"));
	assert_string_equal(config->metrics_file, scratch_path(*state, "m.prom"));
	assert_int_equal(config->commit_window_ms, 0);
	assert_int_equal(config->drain_ms, 5000);
	assert_int_equal(config->retention_ms, 90 * 86400000LL);
	assert_int_equal(config->response_max, 65536);
	assert_int_equal(config->body_max, 500);
	assert_int_equal(config->log_format, LOG_JSON);
	assert_string_equal(destination->base_url, "https://a.example/v1");
	assert_int_equal(destination->header_count, 2);
	assert_string_equal(destination->headers[0].value, "Bearer x");
	assert_string_equal(destination->key_header, "X-Key");
	assert_true(destination->key_quoted);
	assert_int_equal(destination->key_retention_ms, 1200000);
	assert_true(destination->replay_set);
	assert_int_equal(destination->replay, REPLAY_ALL);
	assert_int_equal(destination->unprocessed_count, 2);
	assert_int_equal(destination->unprocessed[1], 503);
	assert_int_equal(destination->concurrency, 256);
	assert_true(destination->rate_per_second == 0.5);
	assert_int_equal(destination->ramp_ms, 0);
	assert_int_equal(destination->connect_timeout_ms, 1000);
	assert_int_equal(destination->request_timeout_ms, 2000);
	assert_int_equal(destination->poll_timeout_ms, 3000);
	assert_int_equal(destination->poll_interval_ms, 4000);
	assert_int_equal(destination->poll_interval_max_ms, 5000);
	assert_int_equal(destination->poll_deadline_ms, 6000);
	assert_int_equal(destination->give_up_after_ms, 7000);
	assert_int_equal(destination->retry_base_ms, 8000);
	assert_int_equal(destination->retry_cap_ms, 9000);
	assert_int_equal(destination->probe_interval_ms, 10000);
	assert_int_equal(destination->probe_interval_max_ms, 11000);
	assert_int_equal(destination->fetch_origin_count, 1);
	assert_string_equal(destination->fetch_origins[0], "https://f.example:8443");
	assert_int_equal(destination->card_data, CARD_ERASE);
	assert_string_equal(destination->ca_file, scratch_path(*state, "open"));
	assert_string_equal(destination->client_key, scratch_path(*state, "key"));
	assert_true(destination->allow_private);
	config_free(config);
}

/* Three accounts of two profiles: each profile is loaded once. Logins and the profile's own
 * deadlines. */
static void
test_several(void **state)
{
	static const char text[] =
	    TOP "destinations = {\n"
		"b = { profile = \"travlinq\"; base_url = \"https://b.example\"; headers = { "
		"x-api-key = \"file:key\"; };\n" LOGIN "};\n"
		"a = { profile = \"travlinq\"; base_url = \"https://a.example\"; headers = { "
		"X-API-KEY = \"file:key\"; };\n" LOGIN "poll_deadline = \"1m\"; };\n"
		"r = { profile = \"riverty\"; base_url = \"https://r.example\"; key_retention = "
		"\"24h\";\n"
		"headers = { X-Auth-Key = \"file:key\"; }; }; };\n";
	struct config *config = load_good(*state, text);
	const struct destination *b = config_destination(config, "b");

	assert_int_equal(config->destination_count, 3);
	assert_int_equal(config->profile_count, 2);
	assert_ptr_equal(b->profile, config_destination(config, "a")->profile);
	assert_int_equal(b->login_count, 3);
	assert_string_equal(b->login[1].name, "password");
	assert_string_equal(b->login[1].value, "canary-key");
	assert_string_equal(b->login[2].value, "c");
	assert_int_equal(b->poll_deadline_ms, 240000);
	assert_int_equal(config_destination(config, "a")->poll_deadline_ms, 60000);
	assert_string_equal(config_destination(config, "r")->key_header, "X-Idempotency-Key");
	assert_false(config_destination(config, "r")->key_quoted);
	config_free(config);
}

/* What tests need: a fake gateway on this machine, keys that expire at once. */
static void
test_loopback(void **state)
{
	static const char *const urls[] = {
	    "http://127.0.0.1:8080", "http://[::1]:8080", "http://127.9.9.9"};
	char text[1000];

	for (size_t i = 0; i < COUNT(urls); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
		    TOP "destinations = { d = { allow_plain_loopback = true; profile = "
			"\"riverty\"; base_url = \"%s\";\n"
			"headers = { X-Auth-Key = \"plain\"; }; key_retention = \"1s\"; }; };\n",
		    urls[i]);
		config = load_good(*state, text);
		assert_string_equal(config->destinations[0].base_url, urls[i]);
		config_free(config);
	}
}

/* A limit that was not given follows the one that was. */
static void
test_pairs(void **state)
{
	struct config *config = load_good(*state, TOP VRIO
	    "poll_interval = \"1m\"; retry_cap = \"1s\"; probe_interval_max = \"100ms\";\n" END);
	const struct destination *destination = &config->destinations[0];

	assert_int_equal(destination->poll_interval_max_ms, 60000);
	assert_int_equal(destination->retry_base_ms, 1000);
	assert_int_equal(destination->probe_interval_ms, 100);
	config_free(config);
}

/* Credentials written into a file that everybody may read; and who may write to it. */
static void
test_modes(void **state)
{
	static const struct bad literal = {TOP
	    "destinations = { d = { profile = \"vrio\";\n"
	    "headers = { X-Api-Key = \"canary-literal\"; }; }; };\n",
	    4, "everybody may read", "chmod 0640"};
	static const struct bad login = {TOP TRAVLINQ
	    "login = { userName = \"u\"; companyCode = \"c\";\npassword = \"canary-pw\"; };\n" END,
	    7, "everybody may read", "\"file:/path\""};
	static const struct bad writable = {TOP VRIO END, 0, "everybody may write", "chmod o-w"};
	static const char local[] = TOP
	    "destinations = { d = { profile = \"vrio\"; base_url = \"https://localhost:8443\";\n"
	    "headers = { X-Api-Key = \"test\"; }; }; };\n";
	struct text problems;
	struct config *config;

	check_refused(*state, &literal, 0644);
	check_refused(*state, &login, 0644);
	check_refused(*state, &writable, 0646);
	config = load_mode(*state, literal.text, 0640, &problems);
	assert_non_null(config);
	config_free(config);
	text_free(&problems);
	config = load_mode(*state, TOP VRIO END, 0644, &problems);
	assert_non_null(config);
	config_free(config);
	text_free(&problems);
	config = load_mode(*state, local, 0644, &problems);
	assert_non_null(config);
	config_free(config);
	text_free(&problems);
}

/* Commands that send nothing do not need to read what only the daemon may; everything else is
 * checked as ever. */
static void
test_without_credentials(void **state)
{
	static const char missing[] = TOP "destinations = { d = { profile = \"vrio\"; headers = { "
					  "X-Api-Key = \"credential:none\"; }; }; };\n";
	static const char wrong[] = TOP "destinations = { d = { profile = \"vrio\"; headers = { "
					"X-Api-Kex = \"credential:none\"; }; }; };\n";
	const char *file = scratch_path(*state, "outboxd.conf");
	struct text problems;
	struct config *config;

	assert_null(load(*state, missing, &problems));
	text_free(&problems);
	text_init(&problems, 4096);
	config = config_load_without_credentials(file, &problems);
	assert_non_null(config);
	config_free(config);
	text_free(&problems);
	assert_null(load(*state, wrong, &problems));
	text_free(&problems);
	text_init(&problems, 4096);
	assert_null(config_load_without_credentials(file, &problems));
	text_free(&problems);
}

/* Neither a setting nor a directory beside the file: what was installed. */
static void
test_no_profiles(void **state)
{
	struct text problems;

	assert_int_equal(
	    rename(scratch_path(*state, "profiles"), scratch_path(*state, "elsewhere")), 0);
	assert_null(
	    load(*state, TOP "destinations = { d = { profile = \"nobodys\"; }; };\n", &problems));
	assert_non_null(strstr(text_string(&problems), "/profiles (no such directory) and /"));
	text_free(&problems);
	config_free(load_good(*state, "profiles = \"elsewhere\";" TOP VRIO END));
}

static void
test_too_many(void **state)
{
	struct text text;
	struct text problems;

	text_init(&text, 1 << 20);
	text_format(&text, TOP "destinations = {\n");
	for (int i = 0; i < 257; i++)
		text_format(&text, "d%d = { profile = \"vrio\"; };\n", i);
	text_format(&text, "};\n");
	assert_null(load(*state, text_string(&text), &problems));
	assert_non_null(strstr(text_string(&problems), "257 destinations; write 1 to 256"));
	text_free(&problems);
	text_free(&text);
}

/* In text, every from becomes to. */
static char *
replace(char *text, const char *from, const char *to)
{
	struct text into;
	const char *at = text;
	const char *found;
	char *copy;

	text_init(&into, 1 << 20);
	while ((found = strstr(at, from)) != NULL) {
		text_add(&into, at, (size_t)(found - at));
		text_format(&into, "%s", to);
		at = found + strlen(from);
	}
	text_format(&into, "%s", at);
	copy = strdup(text_string(&into));
	text_free(&into);
	free(text);
	return copy;
}

/* Takes the "#" away before every setting that is commented out. */
static void
uncomment(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if (*at == '#' && at[1] >= 'a' && at[1] <= 'z')
			*at = ' ';
}

static void
make_credential(const char *directory, const char *name)
{
	const char *path = scratch_path(directory, name);

	scratch_write(path, "canary", 6);
	chmod(path, 0600);
}

/* The sample is right as it stands and with everything in it switched on, and leaves no setting
 * out. */
static void
test_sample(void **state)
{
	static const char *const files[] = {"riverty.key", "vrio.key", "travlinq.key",
	    "travlinq.user", "travlinq.password", "shop-api.authorization", "ca.pem", "client.pem",
	    "client.key"};
	static const char *const settings[] = {"database", "state_dir", "profiles", "commit_window",
	    "drain", "retention", "response_max", "body_max", "log_format", "metrics_file",
	    "profile", "base_url", "headers", "login", "key_retention", "key_header", "key_quoted",
	    "replay", "unprocessed", "concurrency", "poll_concurrency", "rate", "ramp",
	    "connect_timeout", "request_timeout", "poll_timeout", "poll_interval",
	    "poll_interval_max", "poll_deadline", "give_up_after", "retry_base", "retry_cap",
	    "probe_interval", "probe_interval_max", "fetch_origins", "card_data", "ca_file",
	    "client_cert", "client_key", "allow_private", "allow_plain_loopback"};
	char *text = scratch_read("etc/outboxd.conf", NULL);

	for (size_t i = 0; i < COUNT(files); i++)
		make_credential(*state, files[i]);
	text = replace(text, "/etc/outboxd", *state);
	config_free(load_good(*state, text));
	uncomment(text);
	config_free(load_good(*state, text));
	for (size_t i = 0; i < COUNT(settings); i++) {
		char setting[64];

		snprintf(setting, sizeof(setting), " %s = ", settings[i]);
		if (strstr(text, setting) == NULL &&
		    strncmp(text, setting + 1, strlen(setting) - 1) != 0) {
			snprintf(setting, sizeof(setting), "\n%s = ", settings[i]);
			if (strstr(text, setting) == NULL)
				fail_msg("etc/outboxd.conf lacks %s", settings[i]);
		}
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bad, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_collects, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_bad_profile, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_state_dir_of_systemd, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_defaults, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_everything, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_several, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_loopback, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_pairs, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_modes, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_without_credentials, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_no_profiles, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_too_many, setup, scratch_teardown),
	    cmocka_unit_test_setup_teardown(test_sample, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
