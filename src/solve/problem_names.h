/* SPDX-License-Identifier: MIT
 *
 * Names that somebody who typed another one may have meant.
 */
#ifndef ENVM_SOLVE_PROBLEM_NAMES_H
#define ENVM_SOLVE_PROBLEM_NAMES_H

#include "solve/solve_space.h"

/* Number of edits (insert, delete, replace, swap neighbours) from a to b, or `limit` + 1 when it
 * is more than `limit` or one of them is longer than 64 bytes. */
unsigned envm_edit_distance(envm_str a, envm_str b, unsigned limit);

/* Up to three names of the channels that are close to `name`, nearest first, ties by name. A
 * source that fails to list its names is passed over: this only improves a message. */
struct envm_str_list envm_problem_close_names(struct envm_solve_space *space, envm_str name);

#endif
