/* SPDX-License-Identifier: MIT
 *
 * The states of an environment: the blocks of its history, and which of them have their lock.
 */
#ifndef ENVM_ENV_REVISIONS_H
#define ENVM_ENV_REVISIONS_H

#include "prefix/kept_revisions.h"
#include "prefix/prefix_history.h"

struct envm_revisions {
    struct envm_history_entries blocks; /* the index is the number */
    struct envm_revision_numbers locks; /* a number may be of a change that is not completed */
};

/* Reads both below `fd`, the open environment at `prefix`. ENVM_MALFORMED for a history that is too
 * long, ENVM_IO. In the arena. */
enum envm_code envm_revisions_read(struct envm_arena *arena, int fd, envm_str prefix,
                                   struct envm_revisions *ret_revisions, struct envm_error *err);

bool envm_revisions_has_lock(const struct envm_revisions *revisions, uint64_t number);

/* The state that is meant: a number as text, or NULL for the newest but one. ENVM_USAGE that says
 * which there are, also when its lock is not kept. */
enum envm_code envm_revisions_choose(const struct envm_revisions *revisions, envm_str prefix,
                                     const char *text, uint64_t *ret_number,
                                     struct envm_error *err);

#endif
