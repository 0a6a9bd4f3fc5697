/* SPDX-License-Identifier: MIT
 *
 * One attempt at a set of requests, from reaching to the answer.
 */
#ifndef ENVM_SOLVE_SOLVER_ATTEMPT_H
#define ENVM_SOLVE_SOLVER_ATTEMPT_H

#include "solve/solver_run.h"

struct envm_solve_attempt {
    struct envm_solve_reach reach;
    struct envm_solve_view view; /* settled; points to reach, so an attempt is not moved */
    struct envm_run_answer answer;
};

/* Pruning alone may show that there is no solution; then the view has failed and libsolv was not
 * asked. Explaining prunes past the first failure, so that every reason is there. */
enum envm_code envm_solver_attempt(struct envm_solve_space *space, struct envm_id_list requests,
                                   enum envm_run_goal goal, struct envm_solve_attempt *ret_attempt,
                                   struct envm_error *err);
void envm_solve_attempt_release(struct envm_solve_attempt *attempt);
ENVM_DEFINE_CLEANUP(envm_solve_attempt, struct envm_solve_attempt, envm_solve_attempt_release)

#endif
