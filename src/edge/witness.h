/*
 * witness.h - what outboxd remembers outside the database.
 *
 * A restored backup, a copied file or a cloned machine looks, from inside, exactly like the
 * database that was served yesterday; sending from it would send again. One small file in state_dir
 * knows better.
 */
#ifndef OUTBOXD_EDGE_WITNESS_H
#define OUTBOXD_EDGE_WITNESS_H

#include <stdint.h>

#include "core/text.h"

struct witness {
	char database_id[37];
	int64_t epoch;         /* one more at each start of the daemon */
	int64_t write_counter; /* of the last commit known when this was written */
	int64_t outbox_id_max; /* highest outbox.id seen */
	int64_t new_keys;      /* how often an operator gave a row a new key */
	char path[4096];       /* real path of the database */
	int64_t inode;
	char machine_id[65]; /* /etc/machine-id, "" when there is none */
};

enum witness_found { WITNESS_FOUND, WITNESS_ABSENT, WITNESS_UNREADABLE };

/* Reads state_dir/witness. UNREADABLE: it exists but is damaged or cannot be opened (errno). */
enum witness_found witness_read(const char *state_dir, struct witness *witness);

/*
 * Notes what the next witness_write() will make durable: state_dir/witness.recent, overwritten in
 * place after each commit and not synced. It outlives a kill, not a power cut, and is believed only
 * when it is whole and later than the witness. *fd is -1 at first, and the caller's to close. 0, or
 * -1 with errno.
 */
int witness_note(const char *state_dir, const struct witness *witness, int *fd);

/*
 * Replaces it atomically: a temporary file, synced, renamed. A power cut leaves the old or the new
 * one, never half. durable: the directory is synced too, so it is the new one. 0, or -1 with errno.
 */
int witness_write(const char *state_dir, const struct witness *witness, int durable);

/* Fills path, inode and machine_id for the database at path. 0, or -1 with errno. */
int witness_place(const char *database, struct witness *witness);

/*
 * Compares what the database says of itself (now: id, epoch, counter and place) with the witness
 * (NULL: absent). 0 when it is the same one, no older: also when its epoch is one behind (the
 * daemon died between witness and commit), or when neither was ever served (epoch 0, no witness). 1
 * when the operator must adopt it, with a sentence in why that names what was found.
 */
int witness_compare(const struct witness *witness, const struct witness *now, struct text *why);

#endif
