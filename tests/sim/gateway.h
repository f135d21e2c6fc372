/*
 * gateway.h - the gateways of the simulation, and their own log of what happened: the witness of
 * every promise.
 *
 * Four destinations, one of each kind: riverty (keyed, replays every first answer), generic (keyed,
 * replays successes, fetch later), vrio (keyless, fetch later in an envelope), travlinq (keyless,
 * sessions, rotating fetch URLs).
 */
#ifndef OUTBOXD_SIM_GATEWAY_H
#define OUTBOXD_SIM_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gateway { GATEWAY_RIVERTY, GATEWAY_GENERIC, GATEWAY_VRIO, GATEWAY_TRAVLINQ, GATEWAY_COUNT };

enum {
	ORDERS_MAX = 64,
	KEY_RETENTION_MS = 60 * 60 * 1000,
	KEY_WINDOW_MS = 45 * 60 * 1000,
	NETWORK_DELAY_MAX_MS = 90 * 1000,
};

extern const char *const gateway_name[GATEWAY_COUNT];   /* the destination's */
extern const char *const gateway_origin[GATEWAY_COUNT]; /* "https://host" */

/* What the gateway does with an order, decided by the app when it is written. */
enum play {
	PLAY_ACCEPT,
	PLAY_DECLINE,
	PLAY_REFUSE,
	PLAY_CONTENT,
	PLAY_ACTION,
	PLAY_LATER,
	PLAY_LATER_DECLINE,
	PLAY_LATER_LOST,
	PLAY_COUNT
};

/* One order, as the gateway and the app know it. */
struct order {
	int number; /* its place; bodies carry it */
	enum gateway gateway;
	bool keyed;
	bool safe;
	enum play play;
	/* the app's side */
	int64_t row;      /* outbox.id, 0: not inserted (or undone by a restore) */
	int64_t lost_row; /* what it was before it was lost: a backup may bring it back */
	bool certain;     /* the insert's commit returned, at synchronous FULL */
	int64_t inserted; /* true time */
	bool wrong_clock; /* inserted while this machine's clock was wrong: the row's own times are
			     wrong */
	int64_t expires_at; /* as written, or -1 */
	int64_t after_row;
	char own_key[40];
	bool inserted_again; /* after a restore */
	bool misjudged; /* an operator's truth was overtaken by events: P1, P2, P6 say nothing more
			 */
	/* the gateway's side */
	int effects;
	int arrivals;
	int in_network;  /* requests under way to the gateway */
	int job_running; /* an effect may still come */
	/* what the wire saw leave */
	int sent;
	int unexcused;         /* sent, and not answered by "nothing happened" */
	int64_t exposed_since; /* true time of the first send not proven effect-free; -1 */
	bool frozen;
	bool rekeyed; /* a person ordered a new key */
	char method[8];
	char url[200];
	char key[64];
	char body[160];
	char fetch_url[200]; /* the newest that was delivered */
	/* the operator's */
	int64_t resubmit; /* outbox_control.id of a request not yet seen answered, 0 */
	int64_t decision; /* the same for a resolve */
	/* as last seen in the database */
	int state;
	int result;
	int64_t revision;
};

/* Everything that was ever ordered. */
struct order *order_new(void);
struct order *order_at(int number);
struct order *order_of_row(int64_t row);
int order_count(void);

/* A request on its way. */
struct message {
	enum gateway gateway;
	int64_t transfer; /* who waits for the answer */
	int fault;        /* enum wire_fault: what the way back does */
	char method[8];
	char path[200];
	char key[64];
	char session[32];
	char body[160];
	bool used;
};

/* What comes back. */
struct response {
	int status; /* 0: nothing */
	char body[400];
	char location[200];
	char retry_after[40];
	bool effect_free; /* the gateway proves that nothing happened */
	bool date_missing;
};

/* All forgotten. healthy: no fault at the gateway itself. */
void gateway_begin(void);
void gateway_calm(bool calm);
/* The app has lost what came after its backup: an own key that is used twice then is its own doing.
 */
void gateway_app_was_restored(void);
bool gateway_is_app_restored(void);
/* The request has arrived: what it does, and what it is answered. */
void gateway_receive(const struct message *message, struct response *response);
void gateway_job_ends(int64_t job);

/* Fetch URLs: one that the daemon was given, and one that it uses. A daemon that starts anew may
 * not know the newest. */
void gateway_url_delivered(const char *text);
bool gateway_url_is_newest(const char *url);
void gateway_urls_forgotten(void);

/* The order that a body belongs to, or NULL. */
struct order *gateway_order_of(const char *body);

#endif
