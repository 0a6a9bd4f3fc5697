/* SPDX-License-Identifier: MIT
 *
 * When the journal of a committed change cannot be read any more: it is made again from what lies
 * around it, the staged files and records, the records in place, and the lock that the change leads
 * to. docs/internals/TRANSACTION.md describes how.
 */
#ifndef ENVM_TXN_JOURNAL_REBUILD_H
#define ENVM_TXN_JOURNAL_REBUILD_H

#include <envm/package_record.h>

#include "txn/prefix_journal.h"

/* The committed journals of a prefix that are damaged, as paths below it, in the arena. What
 * another process takes away meanwhile is none. Needs no lock. ENVM_IO. */
enum envm_code envm_journals_damaged(struct envm_arena *arena, int prefix_fd,
                                     struct envm_str_list *ret_paths, struct envm_error *err);

/* Replaces each of them by one that does the same, so that recovery completes the change. By the
 * holder of the prefix's lock; a call that is killed can be repeated. *ret_paths as above.
 * ENVM_DAMAGED when the lock that the change leads to is not there, or is damaged as well, or
 * contradicts the staged records: then nothing was changed. ENVM_IO. */
enum envm_code envm_journals_rebuild(struct envm_arena *arena, int prefix_fd, envm_str platform,
                                     struct envm_str_list *ret_paths, struct envm_error *err);

#endif
