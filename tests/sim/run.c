/*
 * run.c - the driver: what systemd, cron, the power company and the weather do to a daemon.
 */
#include "sim/run.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "edge/config.h"
#include "lib/fvfs.h"
#include "sim/app.h"
#include "sim/edges_sim.h"
#include "sim/gateway.h"
#include "sim/promises.h"
#include "sim/setting.h"
#include "sim/sometimes.h"
#include "sim/wire_sim.h"
#include "sim/world.h"

enum { SPIN_TURNS = 3000, TURNS_MAX = 200000 };

/* What may happen in a run: each seed takes about half of it. */
enum feature {
	FEATURE_KILL = 1 << 0,
	FEATURE_POWER = 1 << 1,
	FEATURE_DRAIN = 1 << 2,
	FEATURE_RELOAD = 1 << 3,
	FEATURE_RESTORE = 1 << 4,
	FEATURE_BUSY = 1 << 5,
	FEATURE_DISK = 1 << 6,
	FEATURE_CLOCK = 1 << 7,
	FEATURE_LONG = 1 << 8,
	FEATURE_OPERATOR = 1 << 9,
	FEATURE_WEATHER = 1 << 10,
	FEATURE_WITNESS = 1 << 11,
	FEATURE_TAMPER = 1 << 12,
};

static struct {
	struct agent *agent;
	const struct script *script;
	struct tally tally;
	unsigned features;
	int64_t backup_counter;
	bool adopt_was_seen; /* a daemon has started since, and knows */
	bool calm;
	bool syncing;
	int64_t end;   /* of the bad times, boot */
	int64_t up_at; /* when the daemon is started again */
	bool draining;
	int64_t turn_time;
	int turns;
	int turns_now;
	int64_t script_ends;
} run;

/* --- hooks of the disk --- */

static void
note_death(void)
{
	if (world_dead() == DEATH_POWER && wire_sim_in_flight() > 0)
		sometimes(power_lost_in_flight);
	if (wire_sim_in_hook())
		sometimes(killed_in_hook);
	if (world_dead() == DEATH_POWER && app_is_normal())
		sometimes(power_lost_app_normal);
	if (run.syncing)
		sometimes(killed_in_sync);
}

static void
before_call(void)
{
	if (world_dead() != DEATH_NONE)
		return;
	world_point();
	if (world_dead() != DEATH_NONE)
		note_death();
}

static void
cut(bool before)
{
	if (run.script == NULL || world_dead() != DEATH_NONE)
		return;
	if (before)
		run.tally.syncs++;
	if (run.tally.syncs == run.script->cut_at_sync && before == run.script->before_sync)
		world_die(DEATH_POWER);
}

static void
before_sync(void)
{
	run.syncing = true;
	cut(true);
}

static void
after_sync(void)
{
	cut(false);
	run.syncing = false;
}

static const struct fvfs_hooks hooks = {
    .wall_ms = world_wall,
    .sleep_us = world_sleep_us,
    .random = world_random,
    .before_call = before_call,
    .before_sync = before_sync,
    .after_sync = after_sync,
};

/* --- the daemon --- */

static void
start_daemon(void)
{
	enum agent_end end = AGENT_FAILED;
	struct text why;

	promises_clock_is_wrong(world_skew() != 0);
	gateway_urls_forgotten();
	text_init(&why, 4096);
	run.agent = agent_new(setting_current(), &why, &end);
	if (run.agent == NULL) {
		world_say("the daemon does not start (%d): %s", (int)end, text_string(&why));
		sometimes(start_refused);
		run.up_at = world_boot() + SECONDS(1);
		if (end == AGENT_CORRUPT)
			world_violation("integrity", "the daemon finds a corrupt database: %s",
			    text_string(&why));
		/* A faulty configuration: nobody starts it again, and there is none here. */
		if (end == AGENT_STOPPED)
			world_violation(
			    "P22", "the daemon gives up for good: %s", text_string(&why));
	} else {
		world_say("the daemon runs");
		run.adopt_was_seen = world_dead() == DEATH_NONE;
		run.draining = false;
	}
	text_free(&why);
}

static void
stop_daemon(int64_t down_ms)
{
	agent_free(run.agent);
	run.agent = NULL;
	run.up_at = world_boot() + down_ms;
}

static int64_t
a_while(void)
{
	if ((run.features & FEATURE_LONG) != 0 && world_chance(300)) {
		sometimes(down_for_long);
		return world_between(MINUTES(20), MINUTES(80));
	}
	return world_between(0, SECONDS(5));
}

/*
 * The clock. Nobody confirms one that is wrong: not while a person looks at it. And the very first
 * start has nothing to compare it with: it believes what it sees.
 */
static bool
may_go_wrong(void)
{
	return world_skew() == 0 && !operator_is_asked() &&
	       app_number(
		   "SELECT value FROM outbox_meta WHERE name = 'clock_mark' AND ?1 = 0", 0) != -1;
}

/* The ghost goes, and the disk is as it was when the daemon died. */
static void
bury(void)
{
	bool power = world_dead() == DEATH_POWER;
	bool starting = run.agent == NULL;
	/*
	 * Not asked for: that the power fails after a restore, before any daemon has looked. The
	 * note that knew of what is missing would be lost, and nobody could tell (of the last five
	 * seconds before the restore).
	 */
	bool unseen = !run.adopt_was_seen && promises_awaiting_adopt();

	stop_daemon(0);
	run.syncing = false;
	/* The app has seen what the ghost did: its connection would mistake the past for the future
	 * (SQLite's WAL index does not go back). */
	app_close();
	fvfs_thaw();
	for (int i = 0; run.script != NULL && i < run.script->survivors; i++)
		(void)world_random();
	if (power) {
		fvfs_power_loss(FVFS_SOME, world_random);
		if (!unseen)
			witness_sim_power_loss();
	}
	world_bury();
	fvfs_heal();
	allocations_heal();
	app_open();
	app_recount(false);
	promises_check_after_death(power);
	if (starting)
		sometimes(killed_at_start);
	if (power)
		sometimes(power_lost);
	else
		sometimes(killed);
	if ((run.features & FEATURE_CLOCK) != 0 && world_chance(200) && may_go_wrong()) {
		sometimes(clock_wrong_at_start);
		world_set_skew(world_chance(500) ? YEARS(10) : -YEARS(10));
		world_schedule(world_between(SECONDS(5), SECONDS(120)), HAPPENS_CLOCK_SET, 0);
	}
	run.up_at = world_boot() + a_while();
}

static void
ended(enum agent_end end)
{
	world_say("the daemon ended: %d", (int)end);
	if (end == AGENT_CORRUPT)
		world_violation("integrity", "the daemon finds a corrupt database");
	if (end == AGENT_REPLACED) {
		sometimes(replaced);
		promises_await_adopt(true);
		run.adopt_was_seen = false;
	}
	if (end == AGENT_STOPPED) {
		sometimes(drained);
		if (!run.draining)
			world_violation("P24", "the daemon stopped by itself");
	}
	stop_daemon(end == AGENT_STOPPED ? a_while() : SECONDS(1));
}

static void
watch_for_spin(void)
{
	run.turns_now = run.turn_time == world_boot() ? run.turns_now + 1 : 0;
	run.turn_time = world_boot();
	if (run.turns_now > SPIN_TURNS)
		world_violation("P11", "%d turns in one millisecond", run.turns_now);
	if (++run.turns > TURNS_MAX)
		world_violation("P11", "%d turns", run.turns);
}

static void
turn(int64_t wait_ms)
{
	bool signaled;
	enum agent_end end;

	watch_for_spin();
	end = agent_turn(run.agent, -1, wait_ms, &signaled);
	if (world_dead() != DEATH_NONE) {
		bury();
		return;
	}
	promises_check(false);
	if (end != AGENT_RUNS)
		ended(end);
}

void
driver_waits(int64_t timeout_ms)
{
	(void)timeout_ms;
}

bool
driver_drains(void)
{
	return run.draining;
}

/* One step of whoever is there: the daemon, or the world without it. */
static void
step(int64_t wait_ms)
{
	if (run.agent != NULL) {
		turn(wait_ms);
		return;
	}
	if (world_boot() < run.up_at)
		world_run(run.up_at, NULL);
	if (world_dead() == DEATH_NONE)
		start_daemon();
	if (world_dead() != DEATH_NONE)
		bury();
}

/* --- events --- */

static void
change_weather(void)
{
	if (run.calm)
		return;
	wire_sim_weather((enum gateway)world_below(GATEWAY_COUNT),
	    world_chance(300) ? WEATHER_FINE : (enum weather)world_below(WEATHER_COUNT));
	world_schedule(world_between(SECONDS(1), SECONDS(60)), HAPPENS_WEATHER, 0);
}

void
world_dispatch(const struct occasion *event)
{
	switch (event->what) {
	case HAPPENS_CONNECT:
		wire_sim_connect(event->subject);
		break;
	case HAPPENS_ARRIVAL:
		wire_sim_arrival(event->subject);
		break;
	case HAPPENS_ANSWER:
		wire_sim_answer(event->subject);
		break;
	case HAPPENS_RESET:
		wire_sim_reset(event->subject);
		break;
	case HAPPENS_JOB:
		gateway_job_ends(event->subject);
		break;
	case HAPPENS_INSERT:
		if (run.script != NULL)
			app_insert_plain((int)event->subject);
		else
			app_insert();
		break;
	case HAPPENS_COMMAND:
		operator_command();
		break;
	case HAPPENS_UNLOCK:
		app_unlock();
		break;
	case HAPPENS_WEATHER:
		change_weather();
		break;
	case HAPPENS_CLOCK_SET:
		world_set_skew(0);
		break;
	case HAPPENS_HEAL:
		fvfs_heal();
		break;
	case HAPPENS_NOTHING:
		break;
	}
}

/* --- misfortunes between two turns --- */

static void
disk_trouble(void)
{
	static const enum fvfs_error errors[] = {FVFS_EIO, FVFS_FULL, FVFS_SHORT};
	enum fvfs_error error = errors[world_below(3)];

	if (error == FVFS_FULL) {
		sometimes(disk_full);
		if (wire_sim_in_flight() > 0)
			sometimes(disk_full_with_answer);
	} else {
		sometimes(io_error);
	}
	fvfs_fail(error, world_between(1, 60), world_chance(500));
	world_schedule(world_between(50, SECONDS(20)), HAPPENS_HEAL, 0);
}

static void
restore_backup(void)
{
	struct witness witness;
	int64_t counter;
	bool newer;
	bool new_file = world_chance(500);

	if (!fvfs_has_backup()) {
		if (sqlite3_get_autocommit(app_db()) != 0) {
			fvfs_back_up();
			run.backup_counter = app_number(
			    "SELECT value FROM outbox_meta WHERE name = 'write_counter' AND ?1 = 0",
			    0);
		}
		return;
	}
	/*
	 * After a power cut the witness may be some seconds old. A backup out of these seconds
	 * cannot be told from the database that they belong to: not asked for.
	 */
	if (!witness_sim_get(&witness) || witness.write_counter <= run.backup_counter)
		return;
	if (run.agent != NULL)
		stop_daemon(a_while());
	if (world_dead() != DEATH_NONE) {
		bury();
		return;
	}
	counter =
	    app_number("SELECT value FROM outbox_meta WHERE name = 'write_counter' AND ?1 = 0", 0);
	app_close();
	fvfs_restore_backup(new_file);
	app_open();
	newer = witness_sim_get(&witness) &&
		witness.write_counter >
		    app_number(
			"SELECT value FROM outbox_meta WHERE name = 'write_counter' AND ?1 = 0", 0);
	world_say("restored: write counter was %lld, witness newer: %d, another file: %d",
	    (long long)counter, newer, new_file);
	if (new_file)
		sometimes(restored_new_file);
	else
		sometimes(restored_same_file);
	app_recount(true);
	promises_await_adopt(newer || (new_file && witness_sim_get(&witness)));
	run.adopt_was_seen = false;
}

static void
jump(void)
{
	static const int64_t jumps[] = {
	    YEARS(10), -YEARS(10), HOURS(24 * 365), -HOURS(24 * 40), SECONDS(30), -SECONDS(30)};

	if (!may_go_wrong())
		return;
	sometimes(clock_jumped);
	world_set_skew(jumps[world_below(6)]);
	world_schedule(world_between(SECONDS(1), MINUTES(10)), HAPPENS_CLOCK_SET, 0);
}

static void
reload(void)
{
	struct text why;

	if (run.agent == NULL)
		return;
	sometimes(reloaded);
	text_init(&why, 1000);
	if (agent_reconfigure(run.agent, setting_choose(world_below(SETTING_COUNT)), &why) == -1 &&
	    fvfs_failures() == 0)
		world_violation("reload", "%s", text_string(&why));
	text_free(&why);
	if (setting_current() == setting_at(SETTING_WITHOUT_GENERIC))
		sometimes(destination_removed);
}

static void
tamper(void)
{
	struct witness witness;

	if (run.agent == NULL || app_is_normal() || !witness_sim_get(&witness) ||
	    witness.write_counter < 2 || sqlite3_get_autocommit(app_db()) == 0)
		return;
	fvfs_quiet(true);
	(void)sqlite3_exec(app_db(),
	    "UPDATE outbox_meta SET value = 0 WHERE name = 'write_counter'", NULL, NULL, NULL);
	fvfs_quiet(false);
	world_say("somebody sets the database back");
}

static bool
may(enum feature feature, int per_mille)
{
	return (run.features & (unsigned)feature) != 0 && world_chance(per_mille);
}

static void
misfortune(void)
{
	if (may(FEATURE_KILL, 30))
		world_doom(DEATH_KILLED, world_between(1, 80));
	else if (may(FEATURE_POWER, 20))
		world_doom(DEATH_POWER, world_between(1, 80));
	if (may(FEATURE_DISK, 20))
		disk_trouble();
	if (may(FEATURE_BUSY, 30))
		app_lock();
	if (may(FEATURE_CLOCK, 10))
		jump();
	if (may(FEATURE_RELOAD, 15))
		reload();
	if (may(FEATURE_WITNESS, 10))
		witness_sim_fail(world_between(1, 3) > 1 ? 1 : 3);
	if (may(FEATURE_OPERATOR, 40))
		operator_command();
	if (world_chance(20))
		app_checkpoint();
	if (may(FEATURE_RESTORE, 8))
		restore_backup();
	if (may(FEATURE_TAMPER, 3))
		tamper();
	if (run.agent != NULL && may(FEATURE_DRAIN, 8)) {
		if (wire_sim_in_flight() > 0)
			sometimes(drained_with_flight);
		agent_drain(run.agent);
		run.draining = true;
	}
	/* Long quiet times, in which keys are forgotten. */
	if (may(FEATURE_LONG, 4) && run.agent != NULL) {
		int64_t until = world_boot() + world_between(MINUTES(10), MINUTES(60));

		while (world_boot() < until && !world_failed())
			step(SECONDS(20));
	}
}

/* --- calm --- */

static void
calm_down(void)
{
	struct text why;

	world_say("--- calm ---");
	run.features = 0;
	run.calm = true;
	world_doom(DEATH_NONE, 0);
	fvfs_heal();
	allocations_heal();
	witness_sim_fail(0);
	app_unlock();
	world_set_skew(0);
	gateway_calm(true);
	for (int i = 0; i < GATEWAY_COUNT; i++)
		wire_sim_weather((enum gateway)i, WEATHER_FINE);
	if (setting_current() == setting_at(SETTING_PLAIN) || run.agent == NULL) {
		(void)setting_choose(SETTING_PLAIN);
		return;
	}
	text_init(&why, 1000);
	if (agent_reconfigure(run.agent, setting_choose(SETTING_PLAIN), &why) == -1)
		world_violation("reload", "%s", text_string(&why));
	text_free(&why);
}

/* Liveness: with good weather and an operator who cares, everything ends. */
static void
settle(int64_t within)
{
	int64_t begun = world_boot();
	int64_t tidy_at = begun + SECONDS(40);
	char why[400] = "";

	while (!world_failed() && (run.agent == NULL || !app_is_settled())) {
		if (world_boot() >= tidy_at) {
			operator_tidy();
			/* Less often as time goes by: a gateway may ask for an hour's patience. */
			tidy_at = world_boot() + SECONDS(30) + (world_boot() - begun) / 8;
		}
		step(SECONDS(20));
		if (world_boot() > begun + within) {
			app_explain(why, sizeof(why));
			world_violation("liveness", "%s has not ended %lld s after the faults", why,
			    (long long)within / 1000);
		}
	}
}

static void
finish(void)
{
	/* What is still on its way arrives. */
	world_run(world_boot() + MINUTES(6), NULL);
	promises_check(true);
	if (run.agent != NULL && !world_failed()) {
		agent_drain(run.agent);
		run.draining = true;
		for (int i = 0; i < 100 && run.agent != NULL && !world_failed(); i++)
			step(SECONDS(1));
		if (run.agent != NULL)
			world_violation("P24", "the daemon does not stop");
	}
	agent_free(run.agent);
	run.agent = NULL;
	app_close();
	if (fvfs_frozen())
		fvfs_thaw();
	if (fvfs_open_files() != 0)
		world_violation("leak", "%d file(s) are still open", fvfs_open_files());
}

static void
begin(uint64_t seed, const struct script *script, bool verbose)
{
	memset(&run, 0, sizeof(run));
	run.script = script;
	world_begin(seed, verbose);
	fvfs_use_template();
	(void)sqlite3_randomness(0, NULL); /* it seeds itself from the world again */
	edges_begin();
	wire_sim_begin();
	gateway_begin();
	promises_begin();
	(void)setting_choose(SETTING_PLAIN);
}

bool
run_seed(uint64_t seed, bool verbose)
{
	int64_t length;

	begin(seed, NULL, verbose);
	run.features = (unsigned)world_random() | (world_chance(300) ? 0 : FEATURE_WEATHER);
	if (world_chance(150))
		run.features = FEATURE_WEATHER;
	app_begin((run.features & FEATURE_POWER) != 0 && world_chance(250));
	length = world_between(SECONDS(20), SECONDS(150));
	run.end = world_boot() + length;
	app_open();
	if ((run.features & FEATURE_WEATHER) != 0)
		for (int i = 0; i < 4; i++)
			change_weather();
	for (int i = (int)world_between(1, 14); i > 0; i--)
		world_schedule(world_between(0, length), HAPPENS_INSERT, 0);
	while (world_boot() < run.end && !world_failed()) {
		misfortune();
		step(world_between(1, 3000));
	}
	calm_down();
	settle(HOURS(4));
	finish();
	return !world_failed();
}

/* --- scripted runs --- */

static void
arm(const struct script *script)
{
	if (script->disk_fails_at > 0)
		fvfs_fail(
		    (enum fvfs_error)script->disk_error, script->disk_fails_at, script->for_ever);
	if (script->memory_fails_at > 0)
		allocations_fail(script->memory_fails_at, script->for_ever);
}

/* Rows stand at sending, and nobody knows of them but the database. */
static void
die_in_flight(void)
{
	while (wire_sim_in_flight() == 0 && world_boot() < run.end)
		step(10);
	stop_daemon(0);
}

/* The backup does not know that its row was sent. */
static void
come_from_a_backup(void)
{
	app_insert_plain(1);
	fvfs_back_up();
	run.end = world_boot() + SECONDS(10);
	while (world_boot() < run.end)
		step(SECONDS(1));
	stop_daemon(0);
	app_close();
	fvfs_restore_backup(true);
	app_open();
	app_recount(true);
	promises_await_adopt(true);
	run.adopt_was_seen = false;
	step(SECONDS(1));
	operator_adopt();
	run.end = world_boot() + SECONDS(20);
}

bool
run_script(uint64_t seed, const struct script *script, struct tally *tally, bool verbose)
{
	int64_t before;

	begin(seed, script, verbose);
	app_begin(false);
	app_open();
	run.end = world_boot() + SECONDS(20);
	for (int i = 0; i < 8 && !script->adopts; i++)
		world_schedule(i * 400, HAPPENS_INSERT, i);
	run.tally.syncs = 0;
	fvfs_skip_wal_syncs(script->skip_wal_syncs);
	if (script->restarts)
		die_in_flight();
	if (script->adopts)
		come_from_a_backup();
	before = allocations_count();
	arm(script);
	while (world_boot() < run.end && !world_failed()) {
		step(SECONDS(1));
		/* Of a start, no more than the start: the day has a sweep of its own. */
		if (!script->restarts || run.tally.allocations == 0)
			run.tally.allocations = allocations_count() - before;
	}
	run.tally.disk_calls = fvfs_calls();
	run.tally.faults = fvfs_failures() + allocations_failed();
	calm_down();
	/* A daemon that could not go on is started anew by whoever watches it. */
	if (script->for_ever && run.agent != NULL)
		stop_daemon(0);
	settle(HOURS(4));
	finish();
	*tally = run.tally;
	return !world_failed();
}

static void
go_on(int64_t ms)
{
	int64_t until = world_boot() + ms;

	while (world_boot() < until && !world_failed())
		step(SECONDS(1));
}

bool
run_confirmed_clock(uint64_t seed, bool verbose)
{
	begin(seed, NULL, verbose);
	app_begin(false);
	app_open();
	for (int i = 0; i < GATEWAY_COUNT; i++)
		wire_sim_weather((enum gateway)i, WEATHER_OUTAGE);
	app_orders_expire(HOURS(1));
	for (int i = 0; i < 8; i++)
		app_insert_plain(i);
	go_on(SECONDS(30));
	stop_daemon(0);
	world_set_skew(YEARS(10));
	go_on(SECONDS(10));
	world_set_skew(0);
	/* Said more than once: the word must hold at whatever moment it comes. */
	for (int i = 0; i < 4; i++) {
		operator_confirm_clock();
		go_on(SECONDS(10));
	}
	if (app_number("SELECT count(*) FROM outbox_delivery WHERE (result = 'expired' OR reason "
		       "LIKE '%forgotten its key%') "
		       "AND ?1 = 0",
		0) != 0)
		world_violation("P11", "a row has ended because of a clock that is right again");
	calm_down();
	settle(HOURS(4));
	finish();
	return !world_failed();
}

/* --- the process --- */

static void *(*sqlite_malloc)(int);
static void *(*sqlite_realloc)(void *, int);

/* SQLite's own allocations are counted with the daemon's. */
static void *
count_malloc(int size)
{
	return allocation_fails() ? NULL : sqlite_malloc(size);
}

static void *
count_realloc(void *old, int size)
{
	return allocation_fails() ? NULL : sqlite_realloc(old, size);
}

int
run_set_up(void)
{
	static sqlite3_mem_methods memory;

	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
	sqlite_malloc = memory.xMalloc;
	sqlite_realloc = memory.xRealloc;
	memory.xMalloc = count_malloc;
	memory.xRealloc = count_realloc;
	(void)sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
	(void)curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free, realloc, strdup, calloc);
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = malloc, .free_fn = free});
	fvfs_register(&hooks);
	world_begin(0, false);
	edges_begin();
	app_make_template();
	return setting_load();
}

void
run_tear_down(void)
{
	setting_free();
	(void)sqlite3_shutdown();
	curl_global_cleanup();
}
