/* SPDX-License-Identifier: MIT
 *
 * Reading the cached indexes of channels back.
 */
#ifndef ENVM_REPO_REPODATA_VERIFY_H
#define ENVM_REPO_REPODATA_VERIFY_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"

struct envm_repodata_verification {
    struct envm_str_list damaged; /* file names, sorted; in the arena */
    size_t files;                 /* indexes and states that were read */
    uint64_t bytes;
};

/* Reads every index and every state in "repodata" (its descriptor). An index and a state that do
 * not belong together are no damage: nobody uses them. What others replace meanwhile is passed
 * over. ENVM_IO. */
enum envm_code envm_repodata_verify(struct envm_arena *arena, int dirfd,
                                    struct envm_repodata_verification *ret_result,
                                    struct envm_error *err);

#endif
