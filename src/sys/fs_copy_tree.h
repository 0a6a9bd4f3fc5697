/* SPDX-License-Identifier: MIT
 *
 * A second copy of a whole tree that shares no file with the first.
 */
#ifndef ENVM_SYS_FS_COPY_TREE_H
#define ENVM_SYS_FS_COPY_TREE_H

#include "sys/fs.h"

/* Makes below to_dirfd (an empty directory) what is below from_dirfd: directories, regular files (a
 * reflink where the file system can, else a copy; the owner may write), symbolic links. Left out:
 * the entry `skip` of the top ("" for none), sockets, pipes and devices, and names that no
 * envm_relpath can hold. ENVM_IO naming the path, ENVM_INTERRUPTED when `cancelled` (may be NULL)
 * says so. */
enum envm_code envm_fs_copy_tree(int from_dirfd, int to_dirfd, const char *skip,
                                 bool (*cancelled)(void *user), void *user, struct envm_error *err);

#endif
