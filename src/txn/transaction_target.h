/* SPDX-License-Identifier: MIT
 *
 * Where an environment is made: a folder beside the target that nobody looks at, which takes the
 * target's name in one rename, or goes away.
 */
#ifndef ENVM_TXN_TRANSACTION_TARGET_H
#define ENVM_TXN_TRANSACTION_TARGET_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/sink.h"
#include "sys/fs_lock.h"
#include "txn/transaction_plan.h"

struct envm_target {
    struct envm_arena *arena;
    envm_str prefix;
    int parent_fd;
    int staging_fd;              /* an exclusive flock on it tells others that it is in use */
    struct envm_relpath name;    /* of the environment in the parent */
    struct envm_relpath staging; /* ".NAME.envm-RANDOM" in the parent */
    mode_t directory_mode, plain_mode, exec_mode; /* as the umask wants them */
    bool replaces;                                /* an environment stands at the target */
    bool was_empty;                               /* an empty folder stands at the target */
    bool published;
    struct envm_fs_lock lock; /* of the environment that is replaced */
    size_t made_parents;      /* number of folders above the target that were made for it */
};

/* Refuses what cannot be a prefix (ENVM_USAGE: relative, newline, ":", not UTF-8, too long;
 * ENVM_UNSAFE: "/" and $HOME) and what is there already: ENVM_USAGE, or with `replace` only what is
 * no environment; then its lock is taken (ENVM_LOCKED), so that no change of it gets lost. Sweeps
 * what killed runs left behind for this name, makes the staging folder and conda-meta in it. On
 * failure nothing is left behind. */
enum envm_code envm_target_open(struct envm_arena *arena, envm_str prefix, bool replace,
                                const struct envm_sink *sink, struct envm_target *ret_target,
                                struct envm_error *err);

/* One barrier, one rename, fsync of the parent. ENVM_USAGE when another environment appeared at the
 * target meanwhile. The environment that was replaced is removed; a failure to do so is a warning.
 */
enum envm_code envm_target_publish(struct envm_target *target, enum envm_durability durability,
                                   const struct envm_sink *sink, struct envm_error *err);

/* Removes the staging folder and the parents that were made, unless published; closes. */
void envm_target_release(struct envm_target *target);
#define ENVM_TARGET_EMPTY                                                                          \
    ((struct envm_target){.parent_fd = -1, .staging_fd = -1, .lock = {.fd = -1}})
ENVM_DEFINE_CLEANUP(envm_target, struct envm_target, envm_target_release)

#endif
