/*
 * app.h - the merchant's side: an app that inserts orders, and an operator who decides, truthfully.
 */
#ifndef OUTBOXD_SIM_APP_H
#define OUTBOXD_SIM_APP_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes the database with the outbox tables that every run starts from. */
void app_make_template(void);

void app_begin(bool normal);
void app_open(void);
void app_close(void);
sqlite3 *app_db(void);
bool app_is_normal(void);

/* Inserts one order, or a bad row. */
void app_insert(void);
/* A plain accepted order for one destination (scripted runs). */
void app_insert_plain(int which);
/* From here on plain orders are worth nothing after so many ms. */
void app_orders_expire(int64_t lifetime);
/* Takes and gives back the write lock. */
void app_lock(void);
bool app_is_locked(void);
void app_unlock(void);
void app_checkpoint(void);

/* After a power cut or a restore: which rows are still there? Those that are not are forgotten. */
void app_recount(bool restored);

/* The operator does something, sensible or not. */
void operator_command(void);
/* The operator sets right what waits for a person; once in a while in calm times. */
void operator_tidy(void);
void operator_confirm_clock(void);
void operator_adopt(void);
/* Is a request open? */
bool operator_is_asked(void);
/* Requests that were answered since: their consequences for what is allowed. */
void operator_read_answers(void);

/* Every row has its final word, and nothing waits for anybody. */
bool app_is_settled(void);
/* What has not, or the first of it. */
void app_explain(char *why, int size);

/* A statement on the app's connection, prepared once (sql is compared by address); reset it after
 * use. */
sqlite3_stmt *app_statement(const char *sql);

/* Is this destination held, as far as the database says? */
bool app_held(const char *destination);

/* One number out of the database; -1 when there is none. */
int64_t app_number(const char *sql, int64_t argument);

#endif
