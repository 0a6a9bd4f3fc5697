/* SPDX-License-Identifier: MIT
 *
 * Digests over trees of files (lockfile.md, reliability.md 4.8): independent of the prefix path, of
 * the machine and of time. Every digest is a Merkle root in the shape of RFC 6962:
 *
 *     leaf     = SHA-256(0x00 | type | xbit | u32be len(path) | path | u64be size | content)
 *     interior = SHA-256(0x01 | left | right)        of nothing: SHA-256("")
 *
 * `type` is 'f', 'l' or 'd'; `xbit` is 1 for an executable regular file, else 0; `size` is in
 * bytes, of the link text for a symlink and 0 for a directory; `content` is the 32 bytes of the
 * file's SHA-256, the link text, or nothing. Leaves are sorted by path bytes. Pure; any thread.
 */
#ifndef ENVM_PREFIX_TREE_DIGEST_H
#define ENVM_PREFIX_TREE_DIGEST_H

#include "prefix/package_contents.h"

struct envm_tree_leaf {
    enum envm_path_type type;
    bool executable; /* looked at for regular files only */
    envm_str path;
    uint64_t size;             /* regular files only */
    struct envm_sha256 sha256; /* regular files only; must be known */
    envm_str link_target;      /* symlinks only */
};

struct envm_sha256 envm_tree_leaf_hash(const struct envm_tree_leaf *leaf);

/* SHA-256(0x01 | left | right). Both must be known. */
struct envm_sha256 envm_merkle_parent(const struct envm_sha256 *left,
                                      const struct envm_sha256 *right);

/* The root over leaf hashes that are already in order. Does not change or keep `leaves`. */
struct envm_sha256 envm_merkle_root(const struct envm_sha256 *leaves, size_t count);

/* The leaf of one path of a package, as it is in the archive (placeholder form). */
struct envm_sha256 envm_package_path_leaf(const struct envm_package_path *path);

/* Fills contents->digest from its paths (which must be sorted and have their digests). */
void envm_package_contents_digest(struct envm_package_contents *contents);

#endif
