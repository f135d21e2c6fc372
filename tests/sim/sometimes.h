/*
 * sometimes.h - what a campaign must have seen. A counter that is zero at the end means that the
 * campaign proved less than it says.
 */
#ifndef OUTBOXD_SIM_SOMETIMES_H
#define OUTBOXD_SIM_SOMETIMES_H

#include <stdint.h>

/* clang-format off */
#define SOMETIMES(X) \
	/* faults on the wire */ \
	X(refused) X(connect_hangs) X(untrusted) X(lost_before_effect) X(lost_after_effect) X(silent) X(too_late) \
	X(truncated) X(oversize) X(garbage) X(status_400) X(status_401) X(status_403) X(status_408) X(status_409) \
	X(status_422) X(status_429) X(status_500) X(status_502_before) X(status_502_after) X(status_503) X(redirect) \
	X(see_other) X(hostile_url) X(no_url) X(date_wrong_or_absent) \
	/* at the gateway */ \
	X(replayed) X(fetch_later) X(url_rotated) X(old_url_gone) X(job_lost) X(session_expired) X(login_refused) \
	X(retention_passed) X(delayed_in_network) X(action_required) \
	/* around the daemon */ \
	X(killed) X(killed_in_hook) X(killed_in_sync) X(killed_at_start) X(power_lost) X(power_lost_in_flight) \
	X(power_lost_app_normal) X(drained) X(drained_with_flight) X(reloaded) X(destination_removed) X(restored_same_file) \
	X(restored_new_file) X(adopted) X(database_busy) X(busy_in_hook) X(disk_full) X(disk_full_with_answer) X(io_error) \
	X(clock_jumped) X(clock_wrong_at_start) X(down_for_long) X(hint_lost) X(witness_failed) X(checkpointed) \
	X(start_refused) X(replaced) \
	/* the operator and the app */ \
	X(command_done) X(command_refused) X(canceled) X(resubmitted) X(retried_new_key) X(resolved) \
	X(destination_held) X(destination_released) X(chain_released) X(chain_canceled) X(inserted_bad) \
	/* states and results */ \
	X(killed_while_claimed) X(killed_while_sending) X(killed_while_pending) X(recovered_unknown) X(resent_same_key) \
	X(succeeded) X(failed) X(expired) X(invalid) X(unknown) X(held) X(unknown_key_window) X(waits_for_years)
/* clang-format on */

#define SOMETIMES_NAME(name) SOMETIMES_##name,
enum sometimes { SOMETIMES(SOMETIMES_NAME) SOMETIMES_COUNT };
#undef SOMETIMES_NAME

extern int64_t sometimes_count[SOMETIMES_COUNT];
const char *sometimes_name(int which);
#define sometimes(name) ((void)sometimes_count[SOMETIMES_##name]++)

#endif
