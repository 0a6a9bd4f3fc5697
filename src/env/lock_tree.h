/* SPDX-License-Identifier: MIT
 *
 * The tree digest of packages that are not being installed (lockfile.md, promise 2).
 */
#ifndef ENVM_ENV_LOCK_TREE_H
#define ENVM_ENV_LOCK_TREE_H

#include "conda/package_source.h"
#include "env/context.h"

/* The digest that an environment of these packages will have, when every package is in the cache
 * or `fetch` allows to get it; else *ret_tree stays unknown. With `fetch` the records' missing
 * hashes are filled in too. */
enum envm_code envm_lock_tree(struct envm_context *context, struct envm_arena *arena,
                              envm_str platform, struct envm_record_list *packages, bool fetch,
                              struct envm_sha256 *ret_tree, struct envm_error *err);

#endif
