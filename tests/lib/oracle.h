/*
 * oracle.h - the judge of every end-to-end test: what outboxd says against what the gateway wrote
 * down.
 *
 * Every outbox row needs a reference of its own (two rows of one order differ by operation), which
 * the gateway sees too. Rows of a "safe" operation have no effects and are only counted.
 */
#ifndef OUTBOXD_TESTS_ORACLE_H
#define OUTBOXD_TESTS_ORACLE_H

#include "lib/daemon.h"

/* A GET of this path, sent by a test after each kill, marks it in the gateway's log: judged more
 * strictly then. */
#define ORACLE_MARK "/api_requests/mark"

enum oracle_scope {
	ORACLE_FINISHED, /* no row is open: done, held, or blocked behind a row that is unknown or
			    needs action */
	ORACLE_UNDERWAY, /* rows may be open */
	ORACLE_RESTORED, /* the database was set back meanwhile: the delivery does not know all
			    attempts */
};

/* How many promises are broken; each is told on stderr. */
int oracle_violations(struct stand *stand, enum oracle_scope scope);

/* The same as an assertion, with stand_show() when it fails. */
#define oracle_check(stand, scope) oracle_assert(stand, scope, __FILE__, __LINE__)
void oracle_assert(struct stand *stand, enum oracle_scope scope, const char *file, int line);

#endif
