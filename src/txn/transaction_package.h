/* SPDX-License-Identifier: MIT
 *
 * What a transaction does with one extracted package: plan its links, make them, write its record.
 */
#ifndef ENVM_TXN_TRANSACTION_PACKAGE_H
#define ENVM_TXN_TRANSACTION_PACKAGE_H

#include <sys/types.h>

#include "txn/transaction_pool.h"

/* Where packages are put. */
struct envm_link_place {
    int fd;                       /* conda-meta is there */
    envm_str prefix;              /* the path that is written into files */
    mode_t plain_mode, exec_mode; /* of files that are written anew */
};

/* Fills job->plan. */
enum envm_code envm_package_job_plan(struct envm_package_job *job, struct envm_error *err);

/* Opens the cached package again when its descriptor was given up; the cache may have changed
 * meanwhile, so that it is fetched once more. */
enum envm_code envm_package_job_open(struct envm_package_job *job, struct envm_error *err);

/* Makes every file of the plan that is neither shared nor lost; their directories exist. Writes
 * conda-meta/STEM.json, fills job->digest, and closes the descriptor of the entry. ENVM_IO when the
 * disk has no room for it. */
enum envm_code envm_package_job_link(struct envm_package_job *job,
                                     const struct envm_link_place *place, struct envm_error *err);

/* Fills link_source and archive_path: where the cache has the package whose tree is `entry_fd`, for
 * people and other tools that read the record. */
void envm_prefix_record_set_places(struct envm_arena *arena, int entry_fd,
                                   struct envm_prefix_record *record);

/* Fills records, tree, downloaded and the scripts that are not run for an environment that consists
 * of the jobs and of `kept`: installed records that stay, by index of the plan (NULL where there is
 * a job; may be NULL altogether). */
void envm_transaction_collect(struct envm_arena *arena, const struct envm_transaction_plan *plan,
                              struct envm_package_job *const *jobs,
                              const struct envm_prefix_record *const *kept,
                              struct envm_transaction_result *ret_result);

/* The tree digest of installed packages as their records have it; unknown when another tool wrote
 * one of them. */
struct envm_sha256 envm_transaction_installed_tree(struct envm_arena *arena,
                                                   const struct envm_prefix_record_list *installed);

#endif
