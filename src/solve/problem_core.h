/* SPDX-License-Identifier: MIT
 *
 * Which of the requests really are in conflict, and which smallest change of them would solve.
 */
#ifndef ENVM_SOLVE_PROBLEM_CORE_H
#define ENVM_SOLVE_PROBLEM_CORE_H

#include "solve/solver_attempt.h"

/* A set of requests that has no solution although every smaller one has (as far as the bound on
 * attempts allows), in the order of `requests`. Requests that fail each by itself are all named,
 * and *ret_alone is true. */
enum envm_code envm_problem_core(struct envm_solve_space *space, struct envm_id_list requests,
                                 struct envm_id_list *ret_core, bool *ret_alone,
                                 struct envm_error *err);

struct envm_problem_relaxation {
    uint32_t request;
    bool dropped;   /* leave the request out; otherwise leave its version out */
    envm_str gives; /* "python 3.12.4": what would be chosen then; "" when dropped */
};

/* Changes of one request that were solved, best first. */
enum envm_code envm_problem_relaxations(struct envm_solve_space *space,
                                        struct envm_id_list requests, struct envm_id_list core,
                                        struct envm_problem_relaxation **ret_items,
                                        size_t *ret_count, struct envm_error *err);

#endif
