/* SPDX-License-Identifier: MIT
 *
 * The terms of a solve that are usually left at their defaults: part of a request, recorded in the
 * lock, and compared with it.
 */
#ifndef ENVM_LOCK_LOCKFILE_TERMS_H
#define ENVM_LOCK_LOCKFILE_TERMS_H

#include "base/buf.h"
#include "codec/yaml_reader.h"

struct envm_lock_terms {
    struct envm_str_list pins;    /* canonical MatchSpecs, sorted */
    uint64_t exclude_newer_ms;    /* milliseconds since the epoch; 0: no limit */
    bool exclude_newer_is_moving; /* of a request: a duration before now, so that an earlier moment
                                     in the lock satisfies it; not recorded */
    envm_str resolution;          /* "highest" (or ""), "lowest-direct", "lowest" */
    bool no_deps;                 /* only what was asked for, without what it needs */
    bool only_deps;               /* only what that needs */
};

/* Whether dependencies may be missing from the packages. */
bool envm_lock_terms_is_partial(const struct envm_lock_terms *terms);
/* Appends those that are not at their default, as keys of `options:`, at `indent`. */
void envm_lock_terms_write(struct envm_buf *out, unsigned indent,
                           const struct envm_lock_terms *terms);
/* Reads them out of the mapping `options:`, whose other keys are not looked at. The texts are those
 * of the nodes. Returns NULL, or what is wrong with the node in *ret_where. */
const char *envm_lock_terms_read(struct envm_arena *arena, const struct envm_yaml_node *options,
                                 struct envm_lock_terms *ret_terms,
                                 const struct envm_yaml_node **ret_where);
/* One sentence for each of the terms that the lock was not made with; in the arena. */
struct envm_str_list envm_lock_terms_compare(struct envm_arena *arena,
                                             const struct envm_lock_terms *asked,
                                             const struct envm_lock_terms *locked);

#endif
