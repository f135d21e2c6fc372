/*
 * write_fixture.c - writes tests/upgrade/schema-N.sql and schema-N.gateway: what an outboxd of this
 * version leaves behind when it is killed with rows in every state. `make fixture` runs it; see
 * README.md here.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/store.h"
#include "lib/kept.h"
#include "lib/scratch.h"

static void
must(bool condition, struct stand *stand, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "write_fixture: %s\n", what);
	stand_show(stand);
	exit(1);
}

/* The merchant's own things beside ours: an upgrade must not touch them. */
static void
make_shop(struct stand *stand)
{
	stand_exec(stand,
	    "CREATE TABLE orders (number TEXT PRIMARY KEY, total TEXT NOT NULL, state TEXT);"
	    "CREATE INDEX orders_state ON orders (state);"
	    "CREATE VIEW open_orders AS SELECT number FROM orders WHERE state IS NULL;"
	    "CREATE TRIGGER orders_once BEFORE UPDATE OF number ON orders BEGIN SELECT "
	    "RAISE(ABORT, 'no'); END;"
	    "INSERT INTO orders VALUES ('A-1001', '49.90', NULL), ('A-1002', '0.10', 'sent')");
}

static void
long_order(struct stand *stand, const char *reference)
{
	(void)stand_insert(stand, "destination, operation, reference, body",
	    "'vrio', 'order', '%s', "
	    "'{\"connection_order_id\":\"%s\",\"bill_lname\":\"testlongrequest\"}'",
	    reference, reference);
}

/* Everything that comes to an end, and what waits for a person. */
static void
finished_rows(struct stand *stand)
{
	(void)gateway_script(stand->gateway,
	    "failed submit 1 reject\nlost submit 1 lose\nresolved submit 1 lose\n"
	    "foreign submit 1 pending 1\nforeign submit 1 fetch-url http://127.0.0.1:1/x\n");
	stand_start(stand);
	must(strcmp(stand_ask(stand, "command, destination, text, created_by",
			"'hold', 'paused', 'stock count', 'kim'", NULL),
		 "done") == 0,
	    stand, "hold of a destination");
	(void)stand_order(stand, "riverty", "riverty", "done-keyed");
	(void)stand_order(stand, "vrio", "vrio", "done-keyless");
	(void)stand_order(stand, "travlinq", "travlinq", "done-booked");
	(void)stand_insert(stand, "destination, operation, reference, path, body, idempotency_key",
	    "'generic', 'post', 'done-own-key', '/generic/pay', "
	    "'{\"reference\":\"done-own-key\"}', 'my-own-key-0001'");
	long_order(stand, "done-polled");
	(void)stand_order(stand, "vrio", "vrio", "failed");
	(void)stand_insert(stand, "destination, operation, reference, body",
	    "'riverty', 'authorize', 'invalid', 'no JSON'");
	(void)stand_insert(stand, "destination, operation, reference, body, expires_at",
	    "'riverty', 'authorize', 'expired', '{}', 1000");
	(void)stand_order(stand, "riverty", "riverty", "deleted");
	must(stand_wait_settled(stand), stand, "the first rows");
	stand_exec(stand, "DELETE FROM outbox WHERE reference = 'deleted'");
	(void)stand_order(stand, "vrio", "vrio", "lost");
	must(stand_wait_settled(stand), stand, "lost");
	(void)stand_order(stand, "vrio", "vrio", "resolved");
	long_order(stand, "foreign");
	must(stand_wait_settled(stand), stand, "resolved and foreign");
	(void)stand_order(stand, "paused", "riverty", "canceled");
	(void)stand_order(stand, "paused", "riverty", "held");
	(void)stand_order(stand, "paused", "riverty", "waiting");
	for (int i = 0; i < 4; i++) {
		static const struct {
			const char *values, *answer;
		} requests[] = {
		    {"'cancel', (SELECT id FROM outbox WHERE reference = 'canceled'), NULL, NULL",
			"done"},
		    {"'hold', (SELECT id FROM outbox WHERE reference = 'held'), NULL, 'is it a "
		     "fraud?'",
			"done"},
		    {"'resolve', (SELECT id FROM outbox WHERE reference = 'resolved'), "
		     "'succeeded', 'seen in the portal'",
			"done"},
		    {"'retry', (SELECT id FROM outbox WHERE reference = 'done-keyed'), NULL, NULL",
			"refused"}};

		must(strcmp(stand_ask(stand, "command, outbox_id, argument, text",
				requests[i].values, NULL),
			 requests[i].answer) == 0,
		    stand, requests[i].values);
	}
	must(stand_stop(stand) == 0, stand, "stop");
}

/* Whoever connects here waits: the only way to be seen while connecting. */
static int
dead_host(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(KEPT_DEAD_PORT),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int yes = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 5) != 0) {
		perror("write_fixture: the dead host's port");
		exit(1);
	}
	return fd;
}

/* Everything that is open when the power of kill -9 strikes, and what the app and an operator write
 * afterwards. */
static void
open_rows(struct stand *stand)
{
	int dead = dead_host();

	(void)gateway_script(stand->gateway,
	    "sending-keyed submit 1 silence\nsending-keyless submit 1 silence\n"
	    "retry submit 1 after status 503 retry-after 600\n"
	    "polled submit 1 pending 20\nslow-polled submit 1 pending 20\n");
	(void)stand_order(stand, "riverty", "riverty", "sending-keyed");
	(void)stand_order(stand, "vrio", "vrio", "sending-keyless");
	(void)stand_order(stand, "generic", "generic", "retry");
	(void)stand_order(stand, "vrio", "vrio", "polled");
	(void)stand_order(stand, "travlinq", "travlinq", "slow-polled");
	(void)stand_order(stand, "dead", "vrio", "claimed");
	(void)stand_insert(stand, "destination, operation, reference, after_id, body",
	    "'riverty', 'authorize', 'child', (SELECT id FROM outbox WHERE reference = 'polled'),"
	    " '{\"order\":{\"number\":\"child\",\"totalGrossAmount\":10.10}}'");
	stand_start(stand);
	must(stand_wait(stand, "SELECT (SELECT count(*) FROM outbox_delivery WHERE state = "
			       "'sending') = 2 AND (SELECT count(*)"
			       " FROM outbox_delivery WHERE state = 'pending' AND polls >= 3) = 2 "
			       "AND (SELECT count(*) FROM"
			       " outbox_delivery WHERE state = 'retry') = 1 AND (SELECT count(*) "
			       "FROM outbox_delivery WHERE"
			       " state = 'claimed') = 1 AND (SELECT count(*) FROM outbox_delivery "
			       "WHERE state = 'blocked') = 1"),
	    stand, "open rows");
	stand_kill(stand);
	close(dead);
	(void)stand_order(stand, "riverty", "riverty", "queued-keyed");
	(void)stand_order(stand, "vrio", "vrio", "queued-keyless");
	(void)stand_insert(stand, "destination, operation, reference, body, expires_at",
	    "'riverty', 'authorize', 'queued-expires', "
	    "'{\"order\":{\"number\":\"queued-expires\",\"totalGrossAmount\":1.00}}',"
	    " CAST(strftime('%%s', 'now') AS INTEGER) * 1000 + 86400000");
	stand_exec(stand, "INSERT INTO outbox_control (command, outbox_id, text, created_by)"
			  " SELECT 'cancel', id, 'the customer went away', 'kim' FROM outbox WHERE "
			  "reference = 'claimed'");
}

int
main(int argc, char **argv)
{
	void *directory;
	char memory[400];
	char command[1600];
	struct stand *stand;
	int status;

	if (argc != 2) {
		fputs("usage: write_fixture DIRECTORY\n", stderr);
		return 64;
	}
	(void)scratch_setup(&directory);
	snprintf(memory, sizeof(memory), "%s/memory", (char *)directory);
	stand = kept_stand(memory);
	make_shop(stand);
	finished_rows(stand);
	open_rows(stand);
	snprintf(command, sizeof(command),
	    "sqlite3 '%s' .dump >'%s/schema-%d.sql' && install -m 644 '%s' '%s/schema-%d.gateway'",
	    stand->database, argv[1], store_schema_version(), memory, argv[1],
	    store_schema_version());
	status = system(command);
	stand_free(stand);
	scratch_teardown(&directory);
	return status == 0 ? 0 : 1;
}
