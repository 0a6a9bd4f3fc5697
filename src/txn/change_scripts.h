/* SPDX-License-Identifier: MIT
 *
 * Link scripts of a change, before its commit. For txn/transaction_change.c.
 */
#ifndef ENVM_TXN_CHANGE_SCRIPTS_H
#define ENVM_TXN_CHANGE_SCRIPTS_H

#include "txn/change_stage.h"

struct envm_change_scripts {
    struct envm_change *change;
    const struct envm_transaction_plan *plan;
    struct envm_stage *stage;             /* packages staged, operations on files in its journal */
    struct envm_package_job *const *jobs; /* by index of the plan; NULL: the package stays */
    const struct envm_prefix_record *const *kept;
    const struct envm_prefix_record *const *leaving;
    size_t leaving_count;
};

/* Runs the pre-unlink scripts of packages that go and the post-link scripts of those that come, as
 * far as they are agreed to, in a copy of the environment that stands at its path meanwhile. What
 * they change becomes part of the stage: files, operations, and records of the packages. The
 * reports of those that ran come before those in *reports. Nothing to run is success. */
enum envm_code envm_change_run_scripts(const struct envm_change_scripts *scripts,
                                       struct envm_script_reports *reports, struct envm_error *err);

#endif
