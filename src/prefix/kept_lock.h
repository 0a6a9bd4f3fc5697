/* SPDX-License-Identifier: MIT
 *
 * conda-meta/envm.lock, the lock that an environment was made from, and beside it
 * conda-meta/envm.lock.sha256, in the form of sha256sum(1): nothing in a lock itself tells whether
 * a byte of it has changed since.
 */
#ifndef ENVM_PREFIX_KEPT_LOCK_H
#define ENVM_PREFIX_KEPT_LOCK_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/relpath.h"

#define ENVM_KEPT_LOCK ENVM_RELPATH("conda-meta/envm.lock")
#define ENVM_KEPT_LOCK_SUM ENVM_RELPATH("conda-meta/envm.lock.sha256")

/* The text of the file with the sum; nothing for an empty lock. */
void envm_kept_lock_sum(envm_str lock, struct envm_buf *out);

/* Reads the lock into the arena; *ret_exists is false when the environment keeps none. ENVM_DAMAGED
 * when it is not what its sum says; without a sum nothing is compared. */
enum envm_code envm_kept_lock_read(struct envm_arena *arena, int prefix_fd, envm_str *ret_text,
                                   bool *ret_exists, struct envm_error *err);

#endif
