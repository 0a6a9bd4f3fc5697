/* SPDX-License-Identifier: MIT
 *
 * Making an environment: fetch, extract and link in parallel into a folder beside the target,
 * records and history last, one barrier, one rename. A failure or a crash leaves no environment.
 */
#ifndef ENVM_TXN_TRANSACTION_CREATE_H
#define ENVM_TXN_TRANSACTION_CREATE_H

#include "txn/transaction_plan.h"

struct envm_create_target {
    envm_str prefix; /* absolute, cleaned */
    bool replace;    /* --force: an existing environment there is moved away and removed after */
};

/* Makes the environment of the plan. */
enum envm_code envm_transaction_create(struct envm_arena *arena, struct envm_store *store,
                                       const struct envm_create_target *place,
                                       const struct envm_transaction_plan *plan,
                                       envm_transaction_finish finish, void *user,
                                       struct envm_transaction_result *ret_result,
                                       struct envm_error *err);

#endif
