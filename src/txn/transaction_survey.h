/* SPDX-License-Identifier: MIT
 *
 * From two sets of packages, the one that leaves a prefix and the one that comes, to the operations
 * that turn one into the other, by looking at what is really there. Nothing is changed.
 */
#ifndef ENVM_TXN_TRANSACTION_SURVEY_H
#define ENVM_TXN_TRANSACTION_SURVEY_H

#include "txn/prefix_journal.h"
#include "txn/transaction_clobber.h"
#include "txn/transaction_pool.h"

struct envm_survey {
    int prefix_fd;
    const struct envm_path_registry *registry; /* settled */
    const struct envm_prefix_record *const *leaving;
    size_t leaving_count;
    const struct envm_prefix_record_list
        *installed;                       /* all, for what their scripts left; may be NULL */
    struct envm_package_job *const *jobs; /* what comes; NULL entries are skipped */
    size_t job_count;
    enum envm_clobber_policy clobber; /* LAST: a file of nobody that is in the way is kept under
                                         another name; REFUSE: ENVM_CLOBBER */
    unsigned threads;
};

/* Appends the operations on files and folders (not on conda-meta) to journal->ops, in an order in
 * which they can be carried out. Files that are not what their package's record says are the
 * user's: they are kept under another name. A file that belongs to no package and has other bytes
 * than the one that comes is a conflict. ENVM_IO when the disk cannot be read or a folder may not
 * be written to. Paths live in the arena, in the records and in the jobs. */
enum envm_code envm_survey_operations(struct envm_arena *arena, const struct envm_survey *survey,
                                      struct envm_journal *journal, struct envm_error *err);

/* Bytes that linking the jobs writes at least. */
uint64_t envm_survey_bytes(const struct envm_survey *survey, bool copy_all);

#endif
