/* SPDX-License-Identifier: MIT
 *
 * What link scripts have left in a prefix, as the records say, and what is really there.
 */
#ifndef ENVM_PREFIX_SCRIPT_OUTPUT_H
#define ENVM_PREFIX_SCRIPT_OUTPUT_H

#include "base/map.h"
#include "prefix/prefix_record.h"

/* One of the records' outputs of a path. */
struct envm_script_output_entry {
    const struct envm_script_output *output;
    const struct envm_prefix_record *record;
    const struct envm_script_output_entry *next; /* of the same path, in another record */
};

/* Fills `map` (path -> entry) from all records. Entries live in the arena. */
void envm_script_outputs_index(struct envm_arena *arena,
                               const struct envm_prefix_record *const *records, size_t count,
                               struct envm_map *map);
/* The first entry of a path, or NULL. */
const struct envm_script_output_entry *envm_script_outputs_find(const struct envm_map *map,
                                                                envm_str path);

/* What is at a path now, in the same words. ENVM_UNSAFE when a folder above it is a symbolic link,
 * ENVM_IO. */
enum envm_code envm_script_output_look(int prefix_fd, struct envm_relpath path,
                                       struct envm_script_output *ret_output,
                                       struct envm_error *err);
/* Whether both tell of the same state. */
bool envm_script_output_is_same(const struct envm_script_output *a,
                                const struct envm_script_output *b);
/* Whether a path is as one of the entries says; false also when it cannot be looked at. */
bool envm_script_output_is_there(int prefix_fd, struct envm_relpath path,
                                 const struct envm_script_output_entry *entry);

#endif
