/* SPDX-License-Identifier: MIT
 *
 * Which of two records of a name is the better one: a preferred one, then fewest track_features,
 * then (flexible) the channel, the version (the newer one, unless the request wants the lowest of
 * the name), (disabled) the channel, the build number, deprecated
 * features that nobody asked for last, the variant whose dependencies are newest, and then the
 * order of conda/package_rank.h.
 */
#ifndef ENVM_SOLVE_SOLVER_POLICY_H
#define ENVM_SOLVE_SOLVER_POLICY_H

#include "solve/solver_prune.h"

/* Sets rank and tier of every live candidate, within each name from 1 (worst) upwards. */
void envm_solve_rank(const struct envm_solve_view *view);

#endif
