/* SPDX-License-Identifier: MIT
 *
 * What the live records of a needed name have in common. One of them will be installed, so what all
 * of them depend on is needed too, and a record that none of them goes with cannot be.
 */
#ifndef ENVM_SOLVE_SOLVER_SUPPORT_H
#define ENVM_SOLVE_SOLVER_SUPPORT_H

#include "solve/solver_prune.h"

/* Scratch space for one view. */
struct envm_support *envm_support_new(const struct envm_solve_reach *reach);
void envm_support_free(struct envm_support *support);

/* Draws what follows from a needed name with several live candidates: names become needed, other
 * candidates are killed (settling is the caller's). */
void envm_support_draw(struct envm_solve_view *view, uint32_t name);

#endif
