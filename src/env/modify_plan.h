/* SPDX-License-Identifier: MIT
 *
 * From two sets of packages to a plan that a person can read: what changes, and because of what.
 * Pure.
 */
#ifndef ENVM_ENV_MODIFY_PLAN_H
#define ENVM_ENV_MODIFY_PLAN_H

#include <envm/modify.h>

#include "env/wishes.h"

struct envm_modify_sets {
    struct envm_record_list before, after; /* by name */
    struct envm_wish_list requests;        /* that hold afterwards */
    struct envm_wish_list asked;           /* in this call: specs, or names of update and remove */
    bool all;                              /* an update of everything */
    bool removes;                          /* `asked` are to go */
};

/* One entry for each package that changes, by name. In the arena. */
void envm_modify_plan_make(struct envm_arena *arena, const struct envm_modify_sets *sets,
                           const struct envm_modify_entry **ret_entries, size_t *ret_count);

/* The same as lines, each with `prefix` in front: "numpy 1.26.4 -> 2.0.1: asked for",
 * "+ scipy 1.13.0: needed by pandas 2.2.0", "- six 1.16.0: nothing needs it any more". */
struct envm_str_list envm_modify_plan_lines(struct envm_arena *arena, const char *prefix,
                                            const struct envm_modify_sets *sets);

/* What of the user's was moved aside: "share/conf, now share/conf.envm-saved", one each. */
struct envm_str_list envm_modify_saved_lines(struct envm_arena *arena,
                                             const struct envm_saved_files *saved);

/* Why `wanted`, which is of a package in `graph`, is not what the set holds: the request or the
 * package that does not go with it, as a phrase, or "" when nothing in the set says so. */
envm_str envm_modify_obstacle(struct envm_arena *arena, const struct envm_need_graph *graph,
                              struct envm_wish_list requests,
                              const struct envm_package_record *wanted);

#endif
