/* SPDX-License-Identifier: MIT
 *
 * Running libsolv where it can do no harm: in a forked child with limits on time and memory, since
 * it has no time limit of its own and aborts when memory runs out.
 */
#ifndef ENVM_SOLVE_SOLVER_RUN_H
#define ENVM_SOLVE_SOLVER_RUN_H

#include "solve/solver_pool.h"

enum envm_run_goal {
    ENVM_RUN_CHECK,   /* only whether there is a solution */
    ENVM_RUN_BEST,    /* a polished solution */
    ENVM_RUN_EXPLAIN, /* the rules in conflict */
};

struct envm_run_answer {
    bool solved;
    struct envm_id_vec chosen;  /* BEST */
    struct envm_rule_vec rules; /* EXPLAIN */
    uint32_t candidates;        /* given to libsolv in the first question */
    uint32_t questions;         /* asked while polishing */
};

void envm_run_answer_release(struct envm_run_answer *answer);
ENVM_DEFINE_CLEANUP(envm_run_answer, struct envm_run_answer, envm_run_answer_release)

/* The view is settled, has not failed, and its candidates are ranked. ENVM_GAVE_UP names the limit
 * that was passed; ENVM_INTERRUPTED when the sink says so. */
enum envm_code envm_solver_run(const struct envm_solve_view *view, enum envm_run_goal goal,
                               struct envm_run_answer *ret_answer, struct envm_error *err);

#endif
