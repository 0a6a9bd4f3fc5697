/* SPDX-License-Identifier: MIT
 *
 * Static satisfiability (lockfile.md, promise 3): does a lock satisfy a request, decided without a
 * solver and without network, never by a hash of the input.
 */
#ifndef ENVM_LOCK_LOCKFILE_CHECK_H
#define ENVM_LOCK_LOCKFILE_CHECK_H

#include "conda/match_spec.h"
#include "lock/lockfile.h"

struct envm_lock_question {
    envm_str platform;
    struct envm_str_list channels; /* canonical, in order */
    const struct envm_match_spec *const *specs;
    size_t spec_count;
    envm_str channel_priority;
    bool add_pip;
    struct envm_lock_terms terms;
    const struct envm_environment_variable *variables;
    size_t variable_count;
    struct envm_record_list virtual_packages; /* of the machine that will use it */
    bool packages_only; /* leave channels, options and variables out: `create --frozen` asks only
                           whether the locked packages fit together and fit the machine */
};

/* One sentence for each thing that does not fit; none means satisfied. The sentences and the list
 * are in the arena. */
enum envm_code envm_lockfile_check(struct envm_arena *arena, const struct envm_lockfile *lock,
                                   const struct envm_lock_question *question,
                                   struct envm_str_list *ret_reasons, struct envm_error *err);

#endif
