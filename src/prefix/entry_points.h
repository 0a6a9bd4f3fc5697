/* SPDX-License-Identifier: MIT
 *
 * Entry points of noarch: python packages: "command = module.sub:function.attribute". The text
 * comes from a package and becomes a file name and program text, so the grammar is closed.
 */
#ifndef ENVM_PREFIX_ENTRY_POINTS_H
#define ENVM_PREFIX_ENTRY_POINTS_H

#include <envm/error.h>

#include "base/arena.h"

/* Stands for the prefix in the form of generated files that the tree digest sees; the default
 * placeholder of conda packages. */
#define ENVM_GENERATED_PLACEHOLDER "/opt/anaconda1anaconda2anaconda3"

struct envm_entry_point {
    envm_str command;  /* [A-Za-z0-9_.@+-]{1,128}, not starting with "." or "-" */
    envm_str module;   /* dotted identifiers */
    envm_str function; /* dotted identifiers */
};

/* Slices of `text`. ENVM_MALFORMED when "=" or ":" is missing; ENVM_UNSAFE when a part breaks its
 * grammar (a path as command, code as module or function, a keyword as identifier). */
enum envm_code envm_entry_point_parse(envm_str text, struct envm_entry_point *ret_point,
                                      struct envm_error *err);

/* The script, with ENVM_GENERATED_PLACEHOLDER as prefix; `interpreter` is the path of the python in
 * it ("bin/python3.11"). */
envm_str envm_entry_point_script(struct envm_arena *arena, const struct envm_entry_point *point,
                                 envm_str interpreter);

#endif
