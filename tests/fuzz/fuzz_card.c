/* fuzz_card.c - any body, as a form and as JSON; a finding comes with words that hold no digits of
 * it. */
#include "core/card.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *body = (const char *)data;
	const char *what;
	const char *why;

	bool found = card_in_form(body, size, &what);
	assert(found == (what != NULL));
	assert(what == NULL || strlen(what) < 64);
	found = card_in_text(body, size, &what);
	assert(found == (what != NULL));
	(void)card_is_number(body, size);
	struct reply *reply = reply_parse(body, size, &why);
	if (reply != NULL) {
		found = card_in_reply(reply, &what);
		assert(found == (what != NULL));
	}
	reply_free(reply);
	return 0;
}
