/* SPDX-License-Identifier: MIT
 *
 * A spec that no record matches: what exactly is missing, and what there is instead.
 */
#ifndef ENVM_SOLVE_PROBLEM_MISSING_H
#define ENVM_SOLVE_PROBLEM_MISSING_H

#include "base/buf.h"
#include "solve/problem_graph.h"

/* One of the MISSING_*, WRONG_* and SYSTEM reasons. The spec has been matched, without a match. */
enum envm_problem_reason envm_problem_missing_reason(struct envm_solve_space *space, uint32_t spec);
/* The same in words: a sentence without full stop. */
void envm_problem_say_missing(struct envm_buf *out, struct envm_solve_space *space,
                              enum envm_problem_reason reason, uint32_t spec);

#endif
