/* SPDX-License-Identifier: MIT
 *
 * A problem graph in words, and the same as JSON.
 */
#ifndef ENVM_SOLVE_PROBLEM_REPORT_H
#define ENVM_SOLVE_PROBLEM_REPORT_H

#include "base/buf.h"
#include "solve/problem_graph.h"
#include "solve/problem_relax.h"

struct envm_problem_report {
    const struct envm_problem_graph *graph;
    bool is_conflict; /* the requests fail only together */
    const struct envm_problem_relaxation *relaxations;
    size_t relaxation_count;
};

/* One line without newline: what cannot be done, naming the requests. */
envm_str envm_problem_headline(const struct envm_problem_report *report);
/* The headline, the tree, and what would help; no trailing newline. */
envm_str envm_problem_text(const struct envm_problem_report *report);
/* One object: requests, message, tree, suggestions. */
envm_str envm_problem_json(const struct envm_problem_report *report);
/* One sentence that says what to do, or "". */
envm_str envm_problem_hint(const struct envm_problem_report *report);

#endif
