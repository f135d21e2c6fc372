/* usage.h - the help text, which is also the middle of README.md. */
#ifndef FAKEGW_USAGE_H
#define FAKEGW_USAGE_H

#include <stdbool.h>
#include <stdio.h>

void usage_print(FILE *out);
void usage_greet(FILE *out, int port, bool tls);

#endif
