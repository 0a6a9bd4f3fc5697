/* SPDX-License-Identifier: MIT
 *
 * What a program has changed in a tree: two looks at the tree, and the difference. A change of
 * content always shows in the time of the last change of the inode (ctime), which no program can
 * set, so nothing has to be hashed.
 */
#ifndef ENVM_TXN_SCRIPT_DELTA_H
#define ENVM_TXN_SCRIPT_DELTA_H

#include "base/map.h"
#include "base/vec.h"
#include "sys/fs.h"

struct envm_tree_entry {
    envm_str path;
    enum envm_fs_kind kind;
    mode_t mode;
    uint64_t size, inode;
    struct timespec modified, changed;
};

struct envm_tree_snapshot {
    struct envm_arena arena;
    ENVM_VEC(struct envm_tree_entry) entries;
    struct envm_map by_path; /* path -> index in entries */
};
void envm_tree_snapshot_release(struct envm_tree_snapshot *snapshot);
ENVM_DEFINE_CLEANUP(envm_tree_snapshot, struct envm_tree_snapshot, envm_tree_snapshot_release)

/* Fills a zeroed snapshot with everything below dirfd, but the file .messages.txt of the top. */
enum envm_code envm_tree_snapshot_take(int dirfd, struct envm_tree_snapshot *ret_snapshot,
                                       struct envm_error *err);

struct envm_delta_item {
    struct envm_relpath path;
    enum envm_fs_kind kind; /* that it has, or had when it was removed */
    bool removed;
};
struct envm_delta {
    const struct envm_delta_item *items; /* sorted by path */
    size_t count;
};

/* The difference, in the arena. ENVM_UNSAFE naming the path when it cannot be part of an
 * environment: a device, pipe or socket; a name that envm refuses; a folder in place of a file or a
 * file in place of a folder; anything in conda-meta or .envm. */
enum envm_code envm_delta_between(struct envm_arena *arena, const struct envm_tree_snapshot *before,
                                  const struct envm_tree_snapshot *after,
                                  struct envm_delta *ret_delta, struct envm_error *err);

#endif
