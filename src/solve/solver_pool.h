/* SPDX-License-Identifier: MIT
 *
 * One question to libsolv. This is the only file that includes its headers. libsolv sees opaque
 * names, ranks as versions, and dependencies as namespace ids that a callback answers from the
 * classes of the load (docs/internals/SOLVER.md).
 */
#ifndef ENVM_SOLVE_SOLVER_POOL_H
#define ENVM_SOLVE_SOLVER_POOL_H

#include "solve/solver_match.h"

enum envm_rule_kind {
    ENVM_RULE_DEPENDS,    /* from depends on spec */
    ENVM_RULE_CONSTRAINS, /* from constrains by spec, which leaves out to */
    ENVM_RULE_SAME_NAME,  /* from and to are two records of one name */
    ENVM_RULE_EXCLUDED,   /* CONSTRAINS from the other side: to constrains by spec, and leaves out
                             from */
};

struct envm_solve_rule {
    uint32_t kind; /* enum envm_rule_kind */
    uint32_t from, to, spec;
};

struct envm_rule_vec {
    struct envm_solve_rule *items;
    size_t count, capacity;
};

/* True when there is a solution: its candidates, ascending, go to *ret_chosen. Otherwise the rules
 * of the first problem go to *ret_rules (may be NULL), spoken in candidates and specs, with all
 * candidates that the named ones stand for. Both vectors are emptied first and are the caller's. */
bool envm_solver_ask(const struct envm_solve_view *view, struct envm_id_vec *ret_chosen,
                     struct envm_rule_vec *ret_rules, uint32_t *ret_candidates);

#endif
