/* SPDX-License-Identifier: MIT
 *
 * The tree digest of packages that are not being installed (lockfile.md, promise 2).
 */
#ifndef ENVM_ENV_LOCK_TREE_H
#define ENVM_ENV_LOCK_TREE_H

#include "conda/link_script.h"
#include "conda/package_source.h"
#include "env/context.h"

struct envm_lock_tree_request {
    envm_str platform;
    bool fetch;                                /* get what is not in the cache */
    const struct envm_script_consent *scripts; /* what is agreed to becomes part of the records */
};

/* The digest that an environment of these packages will have, when every package is in the cache
 * or may be fetched; else *ret_tree stays unknown and the records stay as they are. With `fetch`
 * the records' missing hashes are filled in too. ENVM_INTEGRITY as envm_script_decide. */
enum envm_code envm_lock_tree(struct envm_context *context, struct envm_arena *arena,
                              const struct envm_lock_tree_request *request,
                              struct envm_record_list *packages, struct envm_sha256 *ret_tree,
                              struct envm_error *err);

#endif
