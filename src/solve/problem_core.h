/* SPDX-License-Identifier: MIT
 *
 * Which of the requests really are in conflict.
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

#endif
