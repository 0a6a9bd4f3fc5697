/* SPDX-License-Identifier: MIT
 *
 * Conditions (CEP 43) and extras (CEP 44) as records and specs that the rest of the solver treats
 * like any others ("auxiliary"). For a condition C there is a record "not C" that conflicts with
 * whatever makes C true; a dependency D under C is then met by D's records or by "not C". An extra
 * is a name with two records, on and off; who asks for the extra depends on the first, and what
 * the extra brings is a dependency that the second also meets. Why so: docs/internals/SOLVER.md.
 */
#ifndef ENVM_SOLVE_SOLVE_CONDITION_H
#define ENVM_SOLVE_SOLVE_CONDITION_H

#include "solve/solve_space.h"

/* A condition that the system alone decides (virtual packages) is one of these. */
#define ENVM_CONDITION_TRUE (UINT32_MAX - 1)
#define ENVM_CONDITION_FALSE (UINT32_MAX - 2)

/* *ret_condition is an id of space->conditions, or one of the two above. NULL is always true. */
enum envm_code envm_solve_condition(struct envm_solve_space *space,
                                    const struct envm_condition *condition, envm_str text,
                                    uint32_t *ret_condition, struct envm_error *err);
/* The condition "somebody asks for this extra of the package". */
uint32_t envm_solve_extra(struct envm_solve_space *space, uint32_t name, envm_str extra);

/* A spec that what `inner` (or ENVM_SOLVE_NONE) matches meets, or the candidate `also` (or
 * ENVM_SOLVE_NONE), or that one of the `when` (at most 2 conditions, not the two above) does not
 * hold. `text` is how it is called in explanations. */
uint32_t envm_solve_either(struct envm_solve_space *space, uint32_t inner, uint32_t also,
                           struct envm_id_list when, envm_str text);
/* An auxiliary candidate that constrains by `spec` and does nothing else. */
uint32_t envm_solve_constrainer(struct envm_solve_space *space, uint32_t spec);

/* Which conditions hold, into is_true[] (one for each of space->conditions), given whether a spec
 * is met. */
void envm_solve_conditions_judge(const struct envm_solve_space *space,
                                 bool (*is_met)(void *user, uint32_t spec), void *user,
                                 uint8_t *is_true);
/* All conditions of an EITHER spec hold; true for other specs. */
bool envm_solve_conditions_hold(const struct envm_solve_space *space, uint32_t spec,
                                const uint8_t *is_true);

#endif
