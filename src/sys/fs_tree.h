/* SPDX-License-Identifier: MIT
 *
 * Whole trees by dirfd: walk, remove. Never follows a symlink, never recurses on the C stack
 * deeper than the path limit allows.
 */
#ifndef ENVM_SYS_FS_TREE_H
#define ENVM_SYS_FS_TREE_H

#include "sys/fs.h"

struct envm_fs_entry {
    envm_str path; /* below the walked root; NUL-terminated, dead after the callback. Not an
                      envm_relpath: a tree on disk may hold names that envm refuses */
    enum envm_fs_kind kind;
    const struct stat *stat;
    int parent_fd; /* directory that holds it, for *at calls with `leaf` */
    const char *leaf;
};

/* Visits every entry below dirfd (not dirfd itself), parents before children, each directory in
 * byte order of names. A directory for which the callback sets *skip is not entered. */
typedef enum envm_code (*envm_fs_visit)(void *user, const struct envm_fs_entry *entry, bool *skip,
                                        struct envm_error *err);
enum envm_code envm_fs_walk(int dirfd, envm_fs_visit visit, void *user, struct envm_error *err);

/* rm -r of dirfd/path; absent is fine. Directories without write permission are made writable. */
enum envm_code envm_fs_remove_tree(int dirfd, struct envm_relpath path, struct envm_error *err);

#endif
