/* SPDX-License-Identifier: MIT
 *
 * What libsolv gets to see of a view: of the records of one name that it could not tell apart only
 * the best, and instead of specs the distinct lists of records that they stand for ("classes").
 */
#ifndef ENVM_SOLVE_SOLVER_MATCH_H
#define ENVM_SOLVE_SOLVER_MATCH_H

#include "solve/solver_prune.h"

struct envm_solve_load {
    struct envm_arena arena;
    const struct envm_solve_view *view;
    struct envm_id_list chosen;   /* the candidates for libsolv, ascending */
    uint32_t *stands_for;         /* by candidate: who represents it; ENVM_SOLVE_NONE: nobody */
    struct envm_id_list *classes; /* lists of candidates out of `chosen` */
    uint32_t class_count;
    uint32_t *depend_class;   /* by spec; ENVM_SOLVE_NONE: not in use, or met by the system */
    uint32_t *conflict_class; /* by spec: same name, not matching; ENVM_SOLVE_NONE: nothing */
};

/* Needs the ranks of the view's candidates. `dominate` drops more (see solver_collapse.h), after
 * which what stands for what no longer fails for the same reasons: not for explanations. */
void envm_solve_load_init(struct envm_solve_load *load, const struct envm_solve_view *view,
                          bool dominate);
void envm_solve_load_release(struct envm_solve_load *load);
ENVM_DEFINE_CLEANUP(envm_solve_load, struct envm_solve_load, envm_solve_load_release)

/* The classes that a chosen candidate depends on (conflicts with), sorted and distinct, put
 * into a vector of the caller that is emptied first. */
void envm_solve_load_depends(const struct envm_solve_load *load, uint32_t candidate,
                             struct envm_id_vec *ret_classes);
void envm_solve_load_conflicts(const struct envm_solve_load *load, uint32_t candidate,
                               struct envm_id_vec *ret_classes);

#endif
