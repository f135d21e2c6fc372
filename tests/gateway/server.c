/* server.c - libmicrohttpd: one thread serves all; slow and broken answers go by way of the pump.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys.h"
#include "pump.h"

enum { BODY_MAX = 64 * 1024 * 1024, CONNECTIONS_MAX = 60000 };

struct server {
	struct world *world;
	struct MHD_Daemon *daemon;
	struct pump *pump;
};

/*
 * The library's epoll is edge-triggered: an end of stream that came together with the last bytes
 * stays unseen, and a request broken off there would never be noted. shutdown() makes a new edge.
 */
static void
notice_the_end(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char byte;

	if (info != NULL && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		shutdown(info->connect_fd, SHUT_RD);
}

static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *exchange = must_calloc(sizeof(*exchange));

	(void)cls;
	exchange->connection = connection;
	exchange->target = must_strdup(uri);
	notice_the_end(connection);
	exchange->method = "?"; /* until the headers are complete */
	return exchange;
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **cookie,
    enum MHD_ConnectionNotificationCode code)
{
	struct server *server = cls;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*cookie = (void *)(uintptr_t)++server->world->connections;
}

static enum MHD_Result
add_headers(struct MHD_Response *response, const struct answer *answer)
{
	char *copy = must_strdup(text_get(&answer->headers));
	char *next = copy;
	char *line;
	enum MHD_Result result = MHD_YES;

	while ((line = strsep(&next, "\n")) != NULL) {
		char *value = strchr(line, ':');

		line[strcspn(line, "\r")] = '\0';
		if (*line == '\0' || value == NULL)
			continue;
		*value++ = '\0';
		if (MHD_add_response_header(response, line, value + strspn(value, " ")) != MHD_YES)
			fprintf(stderr, "fakegw: the header %s cannot be sent\n", line);
	}
	free(copy);
	return result;
}

static enum MHD_Result
send_answer(struct exchange *exchange)
{
	const struct answer *answer = &exchange->answer;
	struct MHD_Response *response = MHD_create_response_from_buffer(
	    answer->body.length, (void *)(uintptr_t)text_get(&answer->body), MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", answer->content_type);
	add_headers(response, answer);
	result = MHD_queue_response(exchange->connection, (unsigned int)answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
complete(struct server *server, struct exchange *exchange)
{
	const union MHD_ConnectionInfo *info;
	struct plan plan;

	world_serve(server->world, exchange);
	if (!plan_make(exchange, &plan))
		return send_answer(exchange);
	info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL) {
		plan_free(&plan);
		return MHD_NO;
	}
	MHD_suspend_connection(exchange->connection);
	exchange->parcel = pump_send(server->pump, exchange->connection, info->connect_fd, &plan);
	return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **cookie)
{
	struct server *server = cls;
	struct exchange *exchange = *cookie;
	const union MHD_ConnectionInfo *info;

	(void)url;
	(void)version;
	if (!exchange->begun) {
		info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
		exchange->begun = true;
		exchange->method = method;
		exchange->connection_number =
		    info == NULL ? 0 : (unsigned long)(uintptr_t)info->socket_context;
		notice_the_end(connection);
		return MHD_YES;
	}
	if (*upload_size > 0) {
		if (exchange->body.length + *upload_size > BODY_MAX)
			return MHD_NO;
		text_add(&exchange->body, upload, *upload_size);
		*upload_size = 0;
		notice_the_end(connection);
		return MHD_YES;
	}
	if (exchange->parcel == NULL)
		return complete(server, exchange);
	/* the pump has given the connection back */
	return exchange->parcel->plan.end == END_ANSWER ? send_answer(exchange) : MHD_NO;
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **cookie,
    enum MHD_RequestTerminationCode code)
{
	struct server *server = cls;
	struct exchange *exchange = *cookie;

	(void)connection;
	(void)code;
	if (exchange == NULL)
		return;
	if (!exchange->noted)
		world_note_incomplete(server->world, exchange);
	keys_done(server->world, exchange);
	parcel_free(exchange->parcel);
	cJSON_Delete(exchange->json);
	answer_free(&exchange->answer);
	text_free(&exchange->body);
	free(exchange->target);
	free(exchange->path);
	free(exchange);
	*cookie = NULL;
}

int
server_listen(const char *address, int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);
	char host[64];
	char *end = NULL;
	const char *colon = strrchr(address, ':');
	long number = colon == NULL ? -1 : strtol(colon + 1, &end, 10);
	int yes = 1;
	int fd;

	snprintf(host, sizeof(host), "%.*s", colon == NULL ? 0 : (int)(colon - address), address);
	if (number < 0 || number > 65535 || *end != '\0' ||
	    inet_pton(AF_INET, host, &at.sin_addr) != 1 ||
	    (ntohl(at.sin_addr.s_addr) >> 24) != 127) {
		fprintf(stderr,
		    "fakegw: --listen %s: want 127.0.0.1:PORT; only loopback is served\n", address);
		return -1;
	}
	at.sin_port = htons((uint16_t)number);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
		fprintf(stderr, "fakegw: --listen %s: %s\n", address, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

struct server *
server_start(struct world *world, int listen_fd, const char *cert, const char *key)
{
	struct server *server = must_calloc(sizeof(*server));
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
	    {MHD_OPTION_END, 0, NULL},
	};

	if (cert != NULL)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	server->world = world;
	server->pump = pump_start();
	if (server->pump != NULL)
		server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server,
		    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		    (unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		    (size_t)65536, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_URI_LOG_CALLBACK,
		    on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		    MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_ARRAY, tls,
		    MHD_OPTION_END);
	if (server->daemon != NULL)
		return server;
	fputs("fakegw: the HTTP server does not start\n", stderr);
	if (server->pump != NULL) {
		pump_stop(server->pump);
		pump_free(server->pump);
	}
	free(server);
	return NULL;
}

void
server_stop(struct server *server)
{
	pump_stop(server->pump);
	MHD_stop_daemon(server->daemon);
	pump_free(server->pump);
	free(server);
}
