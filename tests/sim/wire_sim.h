/*
 * wire_sim.h - the scripted wire: edge/wire.h as the simulation has it, and its weather.
 */
#ifndef OUTBOXD_SIM_WIRE_SIM_H
#define OUTBOXD_SIM_WIRE_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/gateway.h"

enum weather {
	WEATHER_FINE,
	WEATHER_SHOWERS, /* some exchanges go wrong */
	WEATHER_STORM,   /* most do */
	WEATHER_OUTAGE,  /* nobody can be reached */
	WEATHER_COUNT,
};

void wire_sim_begin(void);
void wire_sim_weather(enum gateway gateway, enum weather weather);
/* Events that belong to the wire. */
void wire_sim_connect(int64_t transfer);
void wire_sim_arrival(int64_t message);
void wire_sim_answer(int64_t transfer);
void wire_sim_reset(int64_t transfer);

/* Exchanges that the daemon has handed over and not taken back. */
int wire_sim_in_flight(void);
/* Is the pre-request hook running? */
bool wire_sim_in_hook(void);

#endif
