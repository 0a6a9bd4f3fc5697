/* SPDX-License-Identifier: MIT
 *
 * Taking away what is in the way, and what killed processes have left.
 */
#ifndef ENVM_SYS_FS_SWEEP_H
#define ENVM_SYS_FS_SWEEP_H

#include "sys/fs.h"

/* For environments on their way out, in the folder that held them. */
#define ENVM_REMOVED_PREFIX ".envm-removed-"

/* Removes dirfd/name, a tree of one component: one rename to dirfd/<prefix><random> makes it
 * invisible at once, then it is deleted. What a killed call leaves is found by envm_fs_sweep_dirs.
 * A folder of the lower layer of an overlay cannot be renamed: it is deleted where it is, `last` (a
 * name in it, or NULL) at the end. */
enum envm_code envm_fs_discard(int dirfd, struct envm_relpath name, const char *prefix,
                               const char *last, struct envm_error *err);

/* The slow way alone. */
enum envm_code envm_fs_remove_tree_but_last(int dirfd, struct envm_relpath name, const char *last,
                                            struct envm_error *err);

/* Removes every directory <prefix><random> directly below dirfd that nobody holds a flock on. Other
 * names are never touched. Best effort. */
void envm_fs_sweep_dirs(int dirfd, const char *prefix);

/* The same for files <prefix><random> and the temporary files of envm_fs_write_atomic, when they
 * have not been written to for `min_age_s` seconds. */
void envm_fs_sweep_files(int dirfd, const char *prefix, int64_t min_age_s);

#endif
