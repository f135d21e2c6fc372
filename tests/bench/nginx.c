/*
 * nginx.c - the neutral server: one worker, no logs, the same 205 bytes for everybody, plain and
 * TLS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/gateway.h"
#include "bench/harness.h"

static const char answer[] = "{\"outcome\":\"Accepted\",\"checkoutId\":\"4b0c1f2e-9f6c-4b0e-8a52-"
			     "0d2d6a1f7c11\",\"reservationId\":"
			     "\"7f3a-11-884201\",\"customer\":{\"customerNumber\":\"100234\","
			     "\"firstName\":\"Jane\",\"lastName\":\"Doe\"},"
			     "\"expiresAt\":\"2030-01-01\"}";

int
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, size) == -1 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) == -1)
		die("no free port: %s", strerror(errno));
	(void)close(fd);
	return ntohs(address.sin_port);
}

static bool
listens(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = fd != -1 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	(void)close(fd);
	return connected;
}

static void
make_certificate(const char *directory, const char *errors)
{
	char key[700];
	char certificate[700];
	char *argv[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
	    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
	    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate, NULL};

	(void)snprintf(key, sizeof(key), "%s/key.pem", directory);
	(void)snprintf(certificate, sizeof(certificate), "%s/cert.pem", directory);
	process_run(argv, errors);
}

static void
write_config(const char *file, const char *directory, int plain, int tls)
{
	FILE *out = fopen(file, "we");

	if (out == NULL)
		die("cannot write %s: %s", file, strerror(errno));
	(void)fprintf(out,
	    "daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr "
	    "crit;\n"
	    "events { worker_connections 4096; multi_accept on; }\n"
	    "http {\n"
	    "  access_log off; keepalive_timeout 1h; keepalive_requests 1000000000; server_tokens "
	    "off;\n"
	    "  client_body_temp_path %s/a; proxy_temp_path %s/b; fastcgi_temp_path %s/c;\n"
	    "  uwsgi_temp_path %s/d; scgi_temp_path %s/e; default_type application/json;\n"
	    "  server {\n"
	    "    listen 127.0.0.1:%d backlog=4096; listen 127.0.0.1:%d ssl backlog=4096;\n"
	    "    ssl_certificate %s/cert.pem; ssl_certificate_key %s/key.pem; ssl_protocols "
	    "TLSv1.2 TLSv1.3;\n"
	    "    location / { return 200 '%s'; }\n"
	    "  }\n"
	    "}\n",
	    directory, directory, directory, directory, directory, directory, plain, tls, directory,
	    directory, answer);
	if (fclose(out) != 0)
		die("cannot write %s", file);
}

void
nginx_start(struct nginx *nginx)
{
	char directory[600];
	char errors[700];
	char file[700];
	char *argv[] = {"nginx", "-p", directory, "-c", file, "-e", "stderr", NULL};
	int plain = free_port();
	int tls = free_port();

	(void)snprintf(directory, sizeof(directory), "%s/nginx", settings.scratch);
	if (mkdir(directory, 0755) == -1 && errno != EEXIST)
		die("cannot create %s: %s", directory, strerror(errno));
	(void)snprintf(errors, sizeof(errors), "%s/errors", directory);
	(void)snprintf(file, sizeof(file), "%s/nginx.conf", directory);
	make_certificate(directory, errors);
	write_config(file, directory, plain, tls);
	(void)snprintf(nginx->plain, sizeof(nginx->plain), "http://127.0.0.1:%d", plain);
	(void)snprintf(nginx->tls, sizeof(nginx->tls), "https://127.0.0.1:%d", tls);
	(void)snprintf(nginx->ca_file, sizeof(nginx->ca_file), "%s/cert.pem", directory);
	nginx->pid = process_start(argv, NULL, errors);
	for (int i = 0; !listens(plain) || !listens(tls); i++) {
		if (i == 500 || !process_alive(nginx->pid))
			die("nginx does not start (see %s)", errors);
		sleep_ms(10);
	}
}

void
nginx_stop(struct nginx *nginx)
{
	process_stop(nginx->pid, SIGTERM);
	nginx->pid = 0;
}
