/* SPDX-License-Identifier: MIT
 *
 * What a change writes before its commit, all of it below .envm/txn/ID: the new files and records,
 * and the journal. For txn/transaction_change.c.
 */
#ifndef ENVM_TXN_CHANGE_STAGE_H
#define ENVM_TXN_CHANGE_STAGE_H

#include <stdatomic.h>

#include "txn/change_state.h"
#include "txn/prefix_journal.h"
#include "txn/transaction_package.h"

struct envm_stage {
    struct envm_change *change;
    const struct envm_transaction_plan *plan;
    struct envm_relpath id; /* folder below .envm/txn; empty: not made yet */
    int changes_fd, change_fd, new_fd;
    struct envm_link_place place;
    struct envm_journal journal;
    atomic_uint open_entries; /* packages whose descriptor is kept for linking */
    bool committed;
};

void envm_stage_init(struct envm_stage *stage, struct envm_change *change,
                     const struct envm_transaction_plan *plan);
/* Removes what was staged, unless it is committed. */
void envm_stage_release(struct envm_stage *stage);

/* Leaves the descriptor of an extracted package open, or closes it when there are many already.
 * Thread-safe. */
void envm_stage_keep_open(struct envm_stage *stage, struct envm_package_job *job);

enum envm_code envm_stage_open(struct envm_stage *stage, struct envm_error *err);

/* Links every job (NULL entries are skipped) and writes its record, in parallel. */
enum envm_code envm_stage_packages(struct envm_stage *stage, struct envm_package_job *const *jobs,
                                   size_t count, struct envm_error *err);

struct envm_stage_meta {
    struct envm_package_job *const *jobs; /* by index of the plan */
    const struct envm_prefix_record *const *kept;
    const struct envm_prefix_record *const *leaving;
    size_t leaving_count;
    envm_str lock_text;
};

/* Appends the operations on conda-meta: records, lock, variables, history. *ret_unchanged when
 * there is nothing to do at all. */
enum envm_code envm_stage_metadata(struct envm_stage *stage, const struct envm_stage_meta *meta,
                                   bool *ret_unchanged, struct envm_error *err);

/* Makes everything durable and writes the journal. Its rename is the commit: on failure before it
 * nothing was changed; after it stage->committed is true, also when this fails. */
enum envm_code envm_stage_commit(struct envm_stage *stage, struct envm_error *err);

#endif
