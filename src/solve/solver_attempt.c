/* SPDX-License-Identifier: MIT */
#include "solve/solver_attempt.h"

#include "base/error.h"
#include "solve/solver_policy.h"

enum envm_code envm_solver_attempt(struct envm_solve_space *space, struct envm_id_list requests,
                                   enum envm_run_goal goal, struct envm_solve_attempt *ret_attempt,
                                   struct envm_error *err)
{
    struct envm_solve_attempt *attempt = ret_attempt;

    *attempt = (struct envm_solve_attempt){0};
    ENVM_TRY(envm_solve_space_check(space, err));
    ENVM_TRY(envm_solve_reach(space, requests, &attempt->reach, err));
    envm_solve_view_init(&attempt->view, &attempt->reach, goal == ENVM_RUN_EXPLAIN);
    if (attempt->view.gave_up)
        return envm_solve_space_check(space, err);
    if (attempt->view.failed)
        return ENVM_OK;
    envm_solve_rank(&attempt->view);
    return envm_solver_run(&attempt->view, goal, &attempt->answer, err);
}

void envm_solve_attempt_release(struct envm_solve_attempt *attempt)
{
    envm_solve_view_release(&attempt->view);
    envm_run_answer_release(&attempt->answer);
}
