/* SPDX-License-Identifier: MIT
 *
 * Leaving out candidates that cannot make a difference.
 */
#ifndef ENVM_SOLVE_SOLVER_COLLAPSE_H
#define ENVM_SOLVE_SOLVER_COLLAPSE_H

#include "solve/solver_match.h"

/* Takes out of load->chosen, given its classes,
 *  - all but the best of the candidates of one name that differ in nothing but rank, and
 *  - with `dominate`, every candidate that a better one of its name can stand in for wherever it
 *    may be used: it asks for no more, conflicts with no more, and is accepted wherever the other
 * is. Neither loses a solution that is as good. Who stands for whom goes to load->stands_for.
 * Returns whether any was taken out; the classes are stale then. */
bool envm_solve_collapse(struct envm_solve_load *load, bool dominate);

#endif
