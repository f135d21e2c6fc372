/*
 * reference.c - bare libcurl, bare SQLite, the bare disk.
 */
#include "bench/reference.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/harness.h"

static double
own_cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* --- libcurl --- */

struct exchange {
	CURL *easy;
	struct curl_slist *headers;
	char body[512];
	size_t received;
	char error[CURL_ERROR_SIZE];
};

struct curl_work {
	const struct curl_plan *plan;
	struct curl_run *run; /* shared */
};

static size_t
take(char *bytes, size_t size, size_t count, void *data)
{
	(void)bytes;
	*(size_t *)data += size * count;
	return size * count;
}

static size_t
ignore(char *bytes, size_t size, size_t count, void *data)
{
	(void)bytes;
	(void)data;
	return size * count;
}

static void
set_up(struct exchange *exchange, const struct curl_plan *plan)
{
	CURL *easy = exchange->easy = curl_easy_init();

	if (easy == NULL)
		_exit(1);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "outboxd");
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, ignore);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange->received);
	if (plan->ca_file != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, plan->ca_file);
	if (plan->fresh) {
		(void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		(void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
}

static void
send_one(CURLM *multi, struct exchange *exchange, const struct curl_plan *plan, int64_t number)
{
	char url[160];
	char key[96];
	int length = snprintf(exchange->body, sizeof(exchange->body),
	    "{\"order\":{\"number\":\"A-%lld\",\"totalGrossAmount\":49.90,\"currency\":\"EUR\","
	    "\"items\":["
	    "{\"id\":\"sku-4711\",\"text\":\"Blue shirt, size "
	    "M\",\"quantity\":1,\"grossUnitPrice\":49.90},"
	    "{\"id\":\"sku-4712\",\"text\":\"Socks\",\"quantity\":2,\"grossUnitPrice\":4.90}]},"
	    "\"customer\":{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"email\":\"jane.doe@"
	    "example.com\"}}",
	    (long long)number);

	(void)snprintf(url, sizeof(url), "%s/d/%lld", plan->url, (long long)number);
	(void)snprintf(key, sizeof(key), "Idempotency-Key: 00000000-0000-4000-8000-%012lld",
	    (long long)number);
	curl_slist_free_all(exchange->headers);
	exchange->headers = curl_slist_append(NULL, key);
	exchange->headers = curl_slist_append(exchange->headers, "Content-Type: application/json");
	exchange->headers = curl_slist_append(exchange->headers, "Accept:");
	exchange->headers = curl_slist_append(exchange->headers, "Expect:");
	exchange->received = 0;
	(void)curl_easy_setopt(exchange->easy, CURLOPT_URL, url);
	(void)curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
	(void)curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, exchange->body);
	(void)curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (curl_multi_add_handle(multi, exchange->easy) != CURLM_OK)
		_exit(1);
}

static void
check(const struct exchange *exchange, CURLcode code)
{
	long status = 0;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status == 200 && exchange->received > 0)
		return;
	(void)fprintf(stderr, "bench: bare libcurl: %s, status %ld\n", exchange->error, status);
	_exit(1);
}

static void
curl_worker(void *context)
{
	const struct curl_work *work = context;
	const struct curl_plan *plan = work->plan;
	CURLM *multi = curl_multi_init();
	struct exchange *exchanges = calloc((size_t)plan->concurrency, sizeof(*exchanges));
	int64_t sent = 0;
	int64_t done = 0;
	int running;
	int64_t begin;
	double cpu;

	if (multi == NULL || exchanges == NULL)
		_exit(1);
	(void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)plan->concurrency);
	(void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	begin = now_ns();
	cpu = own_cpu_us();
	for (int i = 0; i < plan->concurrency && sent < plan->requests; i++) {
		set_up(&exchanges[i], plan);
		send_one(multi, &exchanges[i], plan, sent++);
	}
	while (done < plan->requests) {
		struct CURLMsg *message;
		int left;

		(void)curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL) {
			struct exchange *exchange = NULL;
			CURLcode code = message->data.result;

			(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
			(void)curl_multi_remove_handle(multi, exchange->easy);
			check(exchange, code);
			done++;
			if (sent < plan->requests)
				send_one(multi, exchange, plan, sent++);
		}
		if (done < plan->requests)
			(void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	work->run->per_second = (double)done * 1e9 / (double)(now_ns() - begin);
	work->run->cpu_us = (own_cpu_us() - cpu) / (double)done;
}

struct curl_run
reference_curl(const struct curl_plan *plan)
{
	struct curl_run *shared =
	    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct curl_work work = {.plan = plan, .run = shared};
	struct curl_run run;

	if (shared == MAP_FAILED)
		die("out of memory");
	progress("bare libcurl, %d at a time", plan->concurrency);
	process_stop(process_fork(curl_worker, &work), 0);
	run = *shared;
	(void)munmap(shared, sizeof(*shared));
	if (run.per_second <= 0)
		die("bare libcurl failed");
	return run;
}

/* --- SQLite --- */

static void
prepare(sqlite3 *db, const char *text, sqlite3_stmt **statement)
{
	if (sqlite3_prepare_v2(db, text, -1, statement, NULL) != SQLITE_OK)
		die("%s: %s", text, sqlite3_errmsg(db));
}

static void
update_rows(sqlite3_stmt *statement, int64_t from, int64_t to)
{
	for (int64_t id = from; id < to; id++) {
		(void)sqlite3_bind_int64(statement, 1, id);
		if (sqlite3_step(statement) != SQLITE_DONE)
			die("bare SQLite failed");
		(void)sqlite3_reset(statement);
	}
}

struct sqlite_run
reference_sqlite(int64_t rows, int rows_per_commit)
{
	struct sqlite_run run;
	sqlite3_stmt *claim;
	sqlite3_stmt *result;
	char path[600];
	int64_t begin;
	double cpu;
	sqlite3 *db;

	progress("bare SQLite, %d rows a commit", rows_per_commit);
	(void)snprintf(path, sizeof(path), "%s/bare.db", settings.scratch);
	(void)unlink(path);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		die("cannot create %s", path);
	sql(db,
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
	    "CREATE TABLE t (id INTEGER PRIMARY KEY, state INTEGER, key TEXT, payload TEXT, answer "
	    "TEXT);"
	    "CREATE INDEX open ON t (id) WHERE state < 2;"
	    "INSERT INTO t (id, state, payload) WITH RECURSIVE n(i) AS "
	    "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= %lld) SELECT i, 0, %s FROM n;"
	    "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous = FULL;",
	    (long long)rows, body_sql);
	disk_settle();
	prepare(db,
	    "UPDATE t SET state = 1, key = '00000000-0000-4000-8000-000000000000' WHERE id = ?1",
	    &claim);
	prepare(db,
	    "UPDATE t SET state = 2, answer = "
	    "'{\"outcome\":\"Accepted\",\"checkoutId\":\"4b0c1f2e-9f6c-4b0e\","
	    "\"reservationId\":\"7f3a-11-884201\",\"customer\":{\"customerNumber\":\"100234\","
	    "\"firstName\":"
	    "\"Jane\",\"lastName\":\"Doe\"},\"expiresAt\":\"2030-01-01\"}' WHERE id = ?1",
	    &result);
	begin = now_ns();
	cpu = own_cpu_us();
	/* A commit records one batch and claims the next, as the daemon's turn does. */
	for (int64_t at = 1 - rows_per_commit; at <= rows; at += rows_per_commit) {
		int64_t next = at + rows_per_commit;
		int64_t end = next + rows_per_commit;

		sql(db, "BEGIN IMMEDIATE");
		if (at > 0)
			update_rows(result, at, next <= rows ? next : rows + 1);
		if (next <= rows)
			update_rows(claim, next, end <= rows ? end : rows + 1);
		sql(db, "COMMIT");
	}
	run.rows_per_second = (double)rows * 1e9 / (double)(now_ns() - begin);
	run.cpu_us = (own_cpu_us() - cpu) / (double)rows;
	(void)sqlite3_finalize(claim);
	(void)sqlite3_finalize(result);
	(void)sqlite3_close(db);
	(void)unlink(path);
	return run;
}

/* --- the disk --- */

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct disk_run
reference_disk(int count)
{
	static char block[4096];
	struct disk_run run;
	char path[600];
	int64_t *took = calloc((size_t)count, sizeof(*took));
	int fd;

	progress("the disk's fdatasync");
	(void)snprintf(path, sizeof(path), "%s/bare.sync", settings.scratch);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1 || took == NULL)
		die("cannot create %s: %s", path, strerror(errno));
	for (int i = 0; i < 1000; i++)
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			die("cannot write %s", path);
	(void)fsync(fd);
	for (int i = 0; i < count; i++) {
		int64_t begin = now_ns();

		if (pwrite(fd, block, sizeof(block), i % 1000 * 4096) != (ssize_t)sizeof(block) ||
		    fdatasync(fd) == -1)
			die("cannot write %s", path);
		took[i] = now_ns() - begin;
	}
	(void)close(fd);
	(void)unlink(path);
	qsort(took, (size_t)count, sizeof(*took), compare);
	run.p50_us = (double)took[count / 2] / 1000;
	run.p99_us = (double)took[count * 99 / 100] / 1000;
	free(took);
	return run;
}

/* --- the server --- */

double
reference_server(const char *url, int concurrency)
{
	char connections[32];
	char target[128];
	char *argv[] = {"wrk", "-t1", connections, settings.quick ? "-d1s" : "-d3s", target, NULL};
	double per_second = 0;
	char *text;
	char *line;
	int status = 0;

	progress("wrk");
	(void)snprintf(connections, sizeof(connections), "-c%d", concurrency);
	(void)snprintf(target, sizeof(target), "%s/d/1", url);
	text = process_output(argv, &status);
	line = status == 0 ? strstr(text, "Requests/sec:") : NULL;
	if (line != NULL)
		per_second = strtod(line + strlen("Requests/sec:"), NULL);
	free(text);
	return per_second;
}
