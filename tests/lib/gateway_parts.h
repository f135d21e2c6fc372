/* gateway_parts.h - what gateway.c tells gateway_log.c. */
#ifndef OUTBOXD_TESTS_GATEWAY_PARTS_H
#define OUTBOXD_TESTS_GATEWAY_PARTS_H

struct gateway;

const char *gateway_directory(const struct gateway *gateway);

#endif
