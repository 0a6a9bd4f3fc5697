/* SPDX-License-Identifier: MIT */
#include "prefix/environment_digest.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/str.h"
#include "codec/digest.h"
#include "prefix/tree_digest.h"

struct envm_sha256 envm_installed_package_digest(const struct envm_prefix_path *paths, size_t count)
{
    ENVM_CLEANUP(envm_heap)
    struct envm_sha256 *leaves = envm_alloc_zero(count + 1, sizeof(*leaves));
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        struct envm_tree_leaf leaf = {.type = paths[i].type,
                                      .executable = paths[i].executable,
                                      .path = paths[i].path.s,
                                      .size = paths[i].size,
                                      .sha256 = paths[i].sha256,
                                      .link_target = paths[i].link_target};

        if (leaf.type == ENVM_PATH_FILE && !leaf.sha256.known)
            continue;
        leaves[used++] = envm_tree_leaf_hash(&leaf);
    }
    return envm_merkle_root(leaves, used);
}

static struct envm_sha256 package_leaf(const struct envm_package_root *package)
{
    ENVM_CLEANUP(envm_hasher) struct envm_hasher hasher;
    struct envm_sha256 digest = {0};
    uint8_t head[6] = {0, 'P'};

    for (size_t i = 0; i < 4; i++)
        head[2 + i] = (uint8_t)(package->stem.len >> (8 * (3 - i)));
    envm_hasher_init(&hasher, false);
    envm_hasher_update(&hasher, head, sizeof(head));
    envm_hasher_update(&hasher, package->stem.ptr, package->stem.len);
    envm_hasher_update(&hasher, package->root.bytes, sizeof(package->root.bytes));
    envm_hasher_final(&hasher, &digest, NULL);
    return digest;
}

static int compare_roots(const void *a, const void *b)
{
    const struct envm_package_root *left = a;
    const struct envm_package_root *right = b;
    int order = envm_str_compare(left->name, right->name);

    return order ? order : envm_str_compare(left->stem, right->stem);
}

struct envm_sha256 envm_environment_digest(struct envm_package_root *roots, size_t count)
{
    ENVM_CLEANUP(envm_heap)
    struct envm_sha256 *leaves = envm_alloc_zero(count + 1, sizeof(*leaves));

    if (count > 1)
        qsort(roots, count, sizeof(*roots), compare_roots);
    for (size_t i = 0; i < count; i++)
        leaves[i] = package_leaf(&roots[i]);
    return envm_merkle_root(leaves, count);
}
