/* SPDX-License-Identifier: MIT
 *
 * Link scripts of an environment that is being made. For txn/transaction_create.c.
 */
#ifndef ENVM_TXN_CREATE_SCRIPTS_H
#define ENVM_TXN_CREATE_SCRIPTS_H

#include "txn/transaction_package.h"
#include "txn/transaction_target.h"

struct envm_create_scripts {
    struct envm_arena *arena;
    const struct envm_transaction_plan *plan;
    const struct envm_target *target;
    const struct envm_link_place *place;  /* the staging folder */
    struct envm_package_job *const *jobs; /* by index of the plan, linked */
};

/* Runs the post-link scripts that are agreed to: the staging folder stands at the environment's
 * path meanwhile and comes back with what they made, and the packages' records say what that is.
 * Before, every file that is shared with the cache is replaced by a copy. The reports of those that
 * ran come before those in *reports. Nothing to run is success. */
enum envm_code envm_create_run_scripts(const struct envm_create_scripts *scripts,
                                       struct envm_script_reports *reports, struct envm_error *err);

#endif
