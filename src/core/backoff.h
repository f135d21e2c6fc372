/*
 * backoff.h - when to try again.
 *
 * Full jitter: the delay is uniform in [0, min(cap, base * 2^(failures - 1))], so that many rows
 * that failed together do not come back together.
 */
#ifndef OUTBOXD_CORE_BACKOFF_H
#define OUTBOXD_CORE_BACKOFF_H

#include <stdint.h>

/*
 * The delay in ms before the next try after `failures` failed ones (1 = the first). random is a
 * uniformly random word. base_ms and cap_ms are positive; the result is in [0, cap_ms].
 */
int64_t backoff_delay_ms(int64_t base_ms, int64_t cap_ms, int failures, uint64_t random);

/*
 * What a Retry-After header asks for, in ms from now: delta-seconds or an HTTP date (RFC 9110,
 * 10.2.3), with spaces and tabs around it. A negative number or past date is 0, more than cap_ms is
 * cap_ms; -1 when value is NULL, empty, or neither ("5, 10" and "1e9" are neither).
 */
int64_t backoff_retry_after_ms(const char *value, int64_t now_unix_ms, int64_t cap_ms);

/* An HTTP date (RFC 9110, 5.6.7) in Unix ms; -1 when value is NULL or not one. */
int64_t backoff_http_date_ms(const char *value);

#endif
