/*
 * card.h - does a request body carry card data?
 *
 * An outbox row lies on disk, in the WAL and in backups; PCI DSS 3.3.1 forbids keeping card
 * verification codes after authorization and 3.5.1 wants card numbers unreadable. So a body that
 * carries them is refused unless the operator decided otherwise.
 *
 * A card number is a whole JSON string or number (or a whole value of a form-encoded body) of 14
 * to 19 digits, with a brand's prefix and length, and a valid Luhn sum; single spaces or hyphens
 * between groups of digits in a string are looked through. Member names are matched whole, from a
 * list, without regard to ASCII case (a form's "card[cvc]" is named by its last part); null, "",
 * true and false hold no code. Looser rules refuse good orders: one millisecond timestamp in ten
 * passes Luhn.
 */
#ifndef OUTBOXD_CORE_CARD_H
#define OUTBOXD_CORE_CARD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/reply.h"

/*
 * Whether the parsed body carries card data. *what then names the finding without its value
 * ("a card number", "a member named cvv").
 */
bool card_in_reply(const struct reply *body, const char **what);

/*
 * The same for a JSON text, which must end with a NUL behind length and is checked as reply_parse()
 * does it; *error is then set, and nothing was found, when it is not acceptable or memory is short.
 */
bool card_in_json(const char *json, size_t length, const char **what, const char **error);

/* The same for a body of type application/x-www-form-urlencoded. */
bool card_in_form(const char *body, size_t length, const char **what);

/*
 * The same for any other text, where only numbers can be told: one that stands alone, without a
 * letter, a digit or one of "._-" beside it.
 */
bool card_in_text(const char *text, size_t length, const char **what);

/* Whether these digits (no separators) are a card number. */
bool card_is_number(const char *digits, size_t length);

#endif
