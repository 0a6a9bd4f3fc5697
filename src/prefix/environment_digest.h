/* SPDX-License-Identifier: MIT
 *
 * The tree digest of an environment: one leaf per package over what it put into the prefix. Exact
 * definition and an example: docs/internals/TREE-DIGEST.md. Pure; any thread.
 */
#ifndef ENVM_PREFIX_ENVIRONMENT_DIGEST_H
#define ENVM_PREFIX_ENVIRONMENT_DIGEST_H

#include "prefix/prefix_record.h"

/* Merkle root over the paths, which are sorted. Entries without a digest are left out. */
struct envm_sha256 envm_installed_package_digest(const struct envm_prefix_path *paths,
                                                 size_t count);

struct envm_package_root {
    envm_str name;
    envm_str stem; /* name-version-build */
    struct envm_sha256 root;
};

/* Sorts the roots by name and gives the digest of the environment. */
struct envm_sha256 envm_environment_digest(struct envm_package_root *roots, size_t count);

#endif
