/* SPDX-License-Identifier: MIT
 *
 * What the files that implement txn/transaction_change.h share. Nobody else includes this.
 */
#ifndef ENVM_TXN_CHANGE_STATE_H
#define ENVM_TXN_CHANGE_STATE_H

#include "sys/fs.h"
#include "sys/fs_lock.h"
#include "txn/transaction_change.h"

struct envm_change {
    struct envm_arena *arena;
    struct envm_store *store;
    envm_str prefix;
    int prefix_fd;
    struct envm_fs_lock lock;
    struct envm_prefix_record_list installed;
};

/* The installed record of a package, or NULL. */
struct envm_prefix_record *envm_change_find(const struct envm_change *change, envm_str name);

/* Whether python stays but changes the place of site-packages or the name of its interpreter, so
 * that noarch: python packages have to be linked anew. */
enum envm_code envm_change_moves_python(struct envm_arena *arena, const struct envm_change *change,
                                        const struct envm_package_record *const *packages,
                                        size_t count, envm_str platform, bool *ret_moves,
                                        struct envm_error *err);

void envm_change_sort_steps(struct envm_change_step *steps, size_t count);

#endif
