/* server.h - the HTTP library's side: connections in, answers out. */
#ifndef FAKEGW_SERVER_H
#define FAKEGW_SERVER_H

#include "gateway.h"

struct server;

/*
 * Serves world on listen_fd until server_stop. cert and key: PEM texts, or NULL for plain http.
 * NULL with a message on stderr when it cannot. From here on world belongs to the server's thread.
 */
struct server *server_start(struct world *world, int listen_fd, const char *cert, const char *key);
void server_stop(struct server *server);

/* A socket listening on 127.0.0.0/8 ("127.0.0.1:0"); *port is set. -1 with a message. */
int server_listen(const char *address, int *port);

/*
 * The canary: logs each connection's first bytes to log, answers nothing, closes; until a signal
 * ends it. canary_open: -1 with a message.
 */
int canary_open(const char *path);
void canary_run(int listen_fd, int log) __attribute__((noreturn));

#endif
