/* SPDX-License-Identifier: MIT */
#include "prefix/tree_digest.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "codec/digest.h"

#define LEVELS_MAX 64 /* one per bit of a count */

static void put_big_endian(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

struct envm_sha256 envm_tree_leaf_hash(const struct envm_tree_leaf *leaf)
{
    static const char type_letters[] = {
        [ENVM_PATH_FILE] = 'f', [ENVM_PATH_SYMLINK] = 'l', [ENVM_PATH_DIRECTORY] = 'd'};
    ENVM_CLEANUP(envm_buf) struct envm_buf bytes = envm_buf_text();
    struct envm_sha256 digest;
    uint8_t head[7] = {0};
    uint8_t size[8] = {0};
    bool is_file = leaf->type == ENVM_PATH_FILE;
    bool is_link = leaf->type == ENVM_PATH_SYMLINK;

    head[1] = (uint8_t)type_letters[leaf->type];
    head[2] = is_file && leaf->executable;
    put_big_endian(head + 3, leaf->path.len, 4);
    put_big_endian(size, is_file ? leaf->size : is_link ? leaf->link_target.len : 0, 8);

    envm_buf_append(&bytes, head, sizeof(head));
    envm_buf_add_str(&bytes, leaf->path);
    envm_buf_append(&bytes, size, sizeof(size));
    if (is_file)
        envm_buf_append(&bytes, leaf->sha256.bytes, sizeof(leaf->sha256.bytes));
    else if (is_link)
        envm_buf_add_str(&bytes, leaf->link_target);
    digest = envm_sha256_of(envm_buf_str(&bytes));
    digest.known = digest.known && !bytes.overflowed;
    return digest;
}

struct envm_sha256 envm_merkle_parent(const struct envm_sha256 *left,
                                      const struct envm_sha256 *right)
{
    char bytes[65] = {1};

    memcpy(bytes + 1, left->bytes, 32);
    memcpy(bytes + 33, right->bytes, 32);
    return envm_sha256_of(envm_str_n(bytes, sizeof(bytes)));
}

struct envm_sha256 envm_merkle_root(const struct envm_sha256 *leaves, size_t count)
{
    /* A binary counter: pending[i] is the root of a complete subtree of 2^i leaves. Folding what
     * is left from the right gives the left-heavy shape of RFC 6962. */
    struct envm_sha256 pending[LEVELS_MAX];
    struct envm_sha256 root = {0};

    if (count == 0)
        return envm_sha256_of(ENVM_STR(""));
    for (size_t i = 0; i < count; i++) {
        struct envm_sha256 node = leaves[i];
        size_t level = 0;

        for (; (i >> level) & 1; level++)
            node = envm_merkle_parent(&pending[level], &node);
        pending[level] = node;
    }
    for (size_t level = 0; level < LEVELS_MAX && (count >> level) != 0; level++) {
        if (((count >> level) & 1) == 0)
            continue;
        root = root.known ? envm_merkle_parent(&pending[level], &root) : pending[level];
    }
    return root;
}

struct envm_sha256 envm_package_path_leaf(const struct envm_package_path *path)
{
    struct envm_tree_leaf leaf = {.type = path->type,
                                  .executable = path->executable,
                                  .path = path->path.s,
                                  .size = path->size,
                                  .sha256 = path->sha256,
                                  .link_target = path->link_target};

    return envm_tree_leaf_hash(&leaf);
}

void envm_package_contents_digest(struct envm_package_contents *contents)
{
    ENVM_CLEANUP(envm_heap)
    struct envm_sha256 *leaves = envm_alloc_zero(contents->path_count, sizeof(*leaves));

    for (size_t i = 0; i < contents->path_count; i++)
        leaves[i] = envm_package_path_leaf(&contents->paths[i]);
    contents->digest = envm_merkle_root(leaves, contents->path_count);
}
