/* SPDX-License-Identifier: MIT
 *
 * A whole tree on its way to the disk, file by file.
 */
#ifndef ENVM_SYS_FS_SYNC_H
#define ENVM_SYS_FS_SYNC_H

#include "sys/fs.h"

/* Every file and directory below dirfd, and dirfd itself, is on disk afterwards. All files are
 * handed to the disk before the first one is waited for. Unlike syncfs it does not wait for what
 * others write on the file system, but costs an fsync for each file. Symbolic links are on disk
 * with their directory. `name` is for messages. A failure is final: after a failed fsync the data
 * may be gone, so it is never tried again. */
enum envm_code envm_fs_sync_tree(int dirfd, const char *name, struct envm_error *err);

#endif
