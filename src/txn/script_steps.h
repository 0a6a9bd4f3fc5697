/* SPDX-License-Identifier: MIT
 *
 * From the packages of a transaction to the scripts that run, and from what they made to the
 * packages' records. What making and changing an environment have in common.
 */
#ifndef ENVM_TXN_SCRIPT_STEPS_H
#define ENVM_TXN_SCRIPT_STEPS_H

#include "txn/script_session.h"
#include "txn/transaction_package.h"

struct envm_script_steps {
    struct envm_script_step *items;
    size_t count;
};

/* The post-link scripts of the jobs (NULL entries are skipped) that are to be run, in the order of
 * the plan. */
struct envm_script_steps envm_script_post_link_steps(struct envm_arena *arena,
                                                     struct envm_package_job *const *jobs,
                                                     size_t count);
/* The pre-unlink scripts of packages that go, dependents before what they depend on. What is not
 * run is appended to *skipped. ENVM_INTEGRITY as envm_script_judge. */
enum envm_code envm_script_pre_unlink_steps(struct envm_arena *arena,
                                            const struct envm_script_consent *consent,
                                            const struct envm_prefix_record *const *leaving,
                                            size_t count, struct envm_script_steps *ret_steps,
                                            struct envm_script_reports *skipped,
                                            struct envm_error *err);

/* Every path that packages have, with the bytes that it has in the prefix, so that what a script
 * leaves can be compared. Keys live in the jobs and records. */
void envm_script_index_paths(struct envm_map *paths, struct envm_package_job *const *jobs,
                             const struct envm_prefix_record *const *kept, size_t count);
/* Whether the output is what the package brought, or is not there and was no package's. `user` is
 * such a map. */
bool envm_script_is_as_packaged(void *user, const struct envm_script_output *output);

/* Writes conda-meta/STEM.json of every job whose script left something anew, in `place`. What
 * `is_not_the_scripts` (envm_script_is_as_packaged, say) says so of is left out. */
enum envm_code envm_script_record_outputs(const struct envm_script_session *session,
                                          struct envm_package_job *const *jobs, size_t count,
                                          const struct envm_link_place *place,
                                          envm_script_is_packaged is_not_the_scripts, void *user,
                                          struct envm_error *err);

#endif
