/* gateway_ask.c - a small client for tests of the fake gateway; see gateway_ask.h. */
#include "lib/gateway_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lib/gateway.h"

struct growing {
	char *data;
	size_t length;
};

static size_t
collect(char *data, size_t size, size_t count, void *cookie)
{
	struct growing *into = cookie;
	char *grown = realloc(into->data, into->length + size * count + 1);

	if (grown == NULL)
		return 0;
	memcpy(grown + into->length, data, size * count);
	into->data = grown;
	into->length += size * count;
	into->data[into->length] = '\0';
	return size * count;
}

static char *
or_empty(struct growing *from)
{
	return from->data == NULL ? calloc(1, 1) : from->data;
}

struct gateway_answer
gateway_ask(struct gateway *gateway, const char *path, const char *const *headers, const char *body,
    int timeout_ms)
{
	struct growing head = {NULL, 0};
	struct growing rest = {NULL, 0};
	struct curl_slist *list = NULL;
	struct gateway_answer answer = {.curl = CURLE_FAILED_INIT};
	CURL *curl = curl_easy_init();
	long status = 0;

	if (curl == NULL)
		abort();
	for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
		list = curl_slist_append(list, headers[i]);
	curl_easy_setopt(curl, CURLOPT_URL, *path == '/' ? gateway_url(gateway, path) : path);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &rest);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	answer.curl = (int)curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	answer.status = (int)status;
	answer.headers = or_empty(&head);
	answer.body = or_empty(&rest);
	curl_slist_free_all(list);
	curl_easy_cleanup(curl);
	return answer;
}

void
gateway_answer_free(struct gateway_answer *answer)
{
	free(answer->headers);
	free(answer->body);
	memset(answer, 0, sizeof(*answer));
}

const char *
gateway_pick(const struct gateway_answer *answer, const char *before)
{
	static char picked[4096];
	const char *at = strstr(answer->body, before);
	size_t length;

	picked[0] = '\0';
	if (at == NULL)
		return picked;
	at += strlen(before);
	length = strcspn(at, "\"");
	snprintf(picked, sizeof(picked), "%.*s", (int)length, at);
	return picked;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
connect_to(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		abort();
	return fd;
}

void
gateway_send_bytes(struct gateway *gateway, const char *bytes)
{
	int fd = connect_to(gateway_port(gateway));

	if (write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		abort();
	close(fd);
}

struct raw_answer
gateway_raw(struct gateway *gateway, const char *path, const char *body, int timeout_ms, size_t max)
{
	struct raw_answer answer = {.end = RAW_TIMEOUT};
	struct growing bytes = {NULL, 0};
	int64_t start = now_ms();
	int fd = connect_to(gateway_port(gateway));
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	char chunk[4096];

	dprintf(fd, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s", path,
	    strlen(body), body);
	while (answer.end == RAW_TIMEOUT && now_ms() - start < timeout_ms) {
		ssize_t got;

		if (poll(&readable, 1, 20) == 0)
			continue;
		got = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (got > 0)
			collect(chunk, 1, (size_t)got, &bytes);
		else if (got == 0)
			answer.end = RAW_FIN;
		else if (errno == ECONNRESET)
			answer.end = RAW_RESET;
		if (answer.end == RAW_TIMEOUT && bytes.length >= max)
			answer.end = RAW_FULL;
	}
	close(fd);
	answer.ms = (int)(now_ms() - start);
	answer.length = bytes.length;
	answer.bytes = or_empty(&bytes);
	return answer;
}
