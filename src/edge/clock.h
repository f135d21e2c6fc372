/*
 * clock.h - the one place where time and randomness are read.
 */
#ifndef OUTBOXD_EDGE_CLOCK_H
#define OUTBOXD_EDGE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void); /* CLOCK_REALTIME, Unix ms: may jump */
int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME, ms: never jumps, counts suspend */
int64_t clock_boot_us(void); /* the same clock, us: how long something took */
uint64_t clock_random(void); /* a uniformly random word (getrandom) */

#endif
