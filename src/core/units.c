/*
 * units.c - durations and sizes as people write them.
 */
#include "core/units.h"

#include <stddef.h>
#include <string.h>

enum { DIGITS_MAX = 9 }; /* no product with a unit overflows */

const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
const struct unit size_units[] = {
    {"GiB", 1073741824}, {"MiB", 1048576}, {"KiB", 1024}, {"B", 1}, {NULL, 0}};

int
units_parse(const char *string, const struct unit *units, int64_t *value)
{
	size_t digits = strspn(string, "0123456789");
	int64_t number = 0;

	if (digits == 0 || digits > DIGITS_MAX || (digits > 1 && string[0] == '0'))
		return -1;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (string[i] - '0');
	for (; units->name != NULL; units++) {
		if (strcmp(string + digits, units->name) == 0) {
			*value = number * units->factor;
			return 0;
		}
	}
	return -1;
}
