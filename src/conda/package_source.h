/* SPDX-License-Identifier: MIT
 *
 * Where the solver gets its records: one subdir of one channel. `repo` implements it over the
 * mapped index; tests and lock files over arrays.
 */
#ifndef ENVM_CONDA_PACKAGE_SOURCE_H
#define ENVM_CONDA_PACKAGE_SOURCE_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"

struct envm_record_list {
    const struct envm_package_record **items;
    size_t count;
};

struct envm_package_source {
    void *self;
    /* All records of a name, in no particular order; the structs are in the arena, their texts may
     * point into the source, which must outlive them. An unknown name gives an empty list. */
    enum envm_code (*records)(void *self, envm_str name, struct envm_arena *arena,
                              struct envm_record_list *ret_records, struct envm_error *err);
    /* All names, sorted bytewise; for globs, regexes and suggestions. Slices as above. */
    enum envm_code (*names)(void *self, struct envm_arena *arena, struct envm_str_list *ret_names,
                            struct envm_error *err);
};

/* A source over an array (virtual packages, locks, tests); lives in the arena. */
struct envm_package_source *
envm_package_source_from_records(struct envm_arena *arena,
                                 const struct envm_package_record *const *records, size_t count);

#endif
