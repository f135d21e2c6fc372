/*
 * bench.h - the subcommands, one file each.
 */
#ifndef OUTBOXD_BENCH_BENCH_H
#define OUTBOXD_BENCH_BENCH_H

void bench_limits(void);  /* limits.c: disk, SQLite, libcurl, the server */
void bench_drain(void);   /* drain.c */
void bench_delayed(void); /* drain.c: a 50 ms gateway */
void bench_slow(void);    /* drain.c: fsyncs that take longer */
void bench_tls(void);     /* drain.c */
void bench_keyless(void); /* drain.c */
void bench_log(void);     /* drain.c: what the log costs */
void bench_insert(void);
void bench_wake(void);
void bench_idle(void);
void bench_destinations(void);
void bench_backlog(void);
void bench_micro(void);
void bench_instructions(void);
int piece_main(int argc, char **argv); /* micro.c, under callgrind */

#endif
