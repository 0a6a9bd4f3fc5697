/* SPDX-License-Identifier: MIT
 *
 * Specs by their text, each parsed once: of the dependencies of a lock two of three were there
 * before.
 */
#ifndef ENVM_CONDA_SPEC_TABLE_H
#define ENVM_CONDA_SPEC_TABLE_H

#include "conda/match_spec.h"

/* Belongs to the arena, with all specs in it; for one thread at a time, like the arena. */
struct envm_spec_table;

/* Room for `expected` texts without growing; a guess is enough. */
struct envm_spec_table *envm_spec_table_new(struct envm_arena *arena, size_t expected);

/* As envm_match_spec_parse. The text has to live as long as the table. What cannot be parsed is
 * tried again at each call, with its error. */
enum envm_code envm_spec_table_parse(struct envm_spec_table *table, envm_str text,
                                     const struct envm_match_spec **ret_spec,
                                     struct envm_error *err);

#endif
