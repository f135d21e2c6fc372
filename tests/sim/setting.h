/*
 * setting.h - the configurations of the simulation, read once by the real code.
 */
#ifndef OUTBOXD_SIM_SETTING_H
#define OUTBOXD_SIM_SETTING_H

struct config;

enum setting { SETTING_PLAIN, SETTING_NARROW, SETTING_WITHOUT_GENERIC, SETTING_COUNT };

/* 0, or -1 with a message on standard error. Run from the top of the source tree. */
int setting_load(void);
void setting_free(void);
struct config *setting_at(enum setting setting);
struct config *setting_choose(int setting);
struct config *setting_current(void);

#endif
