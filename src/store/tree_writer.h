/* SPDX-License-Identifier: MIT
 *
 * Unpacks archives into a fresh directory, one entry after the other, hashing what it writes
 * (reliability.md 4.2). Every entry goes into a table first: duplicates, a file where a directory
 * is, and a path through a link are found there, before the file system is asked. Symlinks are made
 * last, so nothing can be written through one. For the other files of src/store only.
 */
#ifndef ENVM_STORE_TREE_WRITER_H
#define ENVM_STORE_TREE_WRITER_H

#include "base/map.h"
#include "base/sink.h"
#include "base/vec.h"
#include "codec/archive.h"
#include "prefix/package_contents.h"

/* Which half of a package an archive may hold (C14). */
enum envm_package_part {
    ENVM_PART_WHOLE, /* .tar.bz2 */
    ENVM_PART_INFO,  /* info-*.tar.zst: info/ only */
    ENVM_PART_PKG,   /* pkg-*.tar.zst: no info/ */
};

#define ENVM_TREE_PARENTS 16

struct envm_tree_writer {
    int root_fd;
    struct envm_arena *arena;
    const struct envm_sink *sink;
    struct envm_map index; /* path -> place in entries */
    ENVM_VEC(struct envm_package_path) entries;
    struct envm_tree_parent {
        envm_str path;
        int fd; /* -1: free */
        uint64_t used;
    } parents[ENVM_TREE_PARENTS]; /* open directories, least recently used goes first */
    uint64_t clock;
};

/* root_fd is an empty directory of mode 0700, the caller's. Paths and texts go into the arena. */
void envm_tree_writer_init(struct envm_tree_writer *writer, int root_fd, struct envm_arena *arena,
                           const struct envm_sink *sink);
void envm_tree_writer_release(struct envm_tree_writer *writer);
ENVM_DEFINE_CLEANUP(envm_tree_writer, struct envm_tree_writer, envm_tree_writer_release)

/* Writes every entry of the archive. ENVM_MALFORMED or ENVM_UNSAFE by reliability.md 1.3,
 * ENVM_INTERRUPTED when the sink says so. */
enum envm_code envm_tree_writer_unpack(struct envm_tree_writer *writer,
                                       struct envm_archive *archive, enum envm_package_part part,
                                       struct envm_error *err);

/* Makes the symlinks, gives directories their final mode 0755 and sorts `entries` by path: after
 * this the index is gone and the tree complete. */
enum envm_code envm_tree_writer_finish(struct envm_tree_writer *writer, struct envm_error *err);

/* The entry of that path, or NULL; only before finish. */
const struct envm_package_path *envm_tree_writer_find(const struct envm_tree_writer *writer,
                                                      envm_str path);

#endif
