/* SPDX-License-Identifier: MIT
 *
 * What a record, or a request, asks for: its texts as ids of specs, with conditions and extras
 * taken apart.
 */
#ifndef ENVM_SOLVE_SOLVE_TERMS_H
#define ENVM_SOLVE_SOLVE_TERMS_H

#include "solve/solve_space.h"

/* Appends the specs that stand for a request or dependency (by the id of its text): the spec
 * itself, one for each extra, under its condition. None when its condition can never hold. */
enum envm_code envm_solve_terms(struct envm_solve_space *space, uint32_t spec,
                                struct envm_id_vec *terms, struct envm_error *err);
/* What a constraint is: the spec itself, still a constraint; or another id, a dependency on "what
 * it allows, or nothing of the name, or its condition does not hold"; or ENVM_SOLVE_NONE: nothing.
 */
enum envm_code envm_solve_constraint_term(struct envm_solve_space *space, uint32_t spec,
                                          uint32_t *ret_term, struct envm_error *err);
/* Fills depends and constrains of a candidate. */
enum envm_code envm_solve_space_expand(struct envm_solve_space *space, uint32_t candidate,
                                       struct envm_error *err);

#endif
