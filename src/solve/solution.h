/* SPDX-License-Identifier: MIT
 *
 * A set of candidates as a solution: what leads to what in it.
 */
#ifndef ENVM_SOLVE_SOLUTION_H
#define ENVM_SOLVE_SOLUTION_H

#include "solve/solver_match.h"

/* Names of the chosen packages, from the requests outwards: requested ones in the order of the
 * requests, then by distance, then by name. *ret_roots is how many of them are requested. Packages
 * that nothing leads to are not in it. `chosen_of_name` has, by name, the candidate or
 * ENVM_SOLVE_NONE. */
void envm_solution_walk(const struct envm_solve_reach *reach, const uint32_t *chosen_of_name,
                        struct envm_id_vec *ret_names, size_t *ret_roots);

/* Records in dependency order (ties by name), in the arena. */
struct envm_record_list envm_solution_records(struct envm_arena *arena,
                                              const struct envm_solve_reach *reach,
                                              const uint32_t *chosen, size_t count);

#endif
