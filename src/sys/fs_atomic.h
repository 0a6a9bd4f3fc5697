/* SPDX-License-Identifier: MIT
 *
 * Write beside, then rename: a half-written file cannot be seen.
 */
#ifndef ENVM_SYS_FS_ATOMIC_H
#define ENVM_SYS_FS_ATOMIC_H

#include "sys/fs.h"

/* Replaces (or makes) dirfd/path with the content; mode is exact (fchmod). With `sync` the file
 * and its directory are fsynced. */
enum envm_code envm_fs_write_atomic(int dirfd, struct envm_relpath path, envm_str content,
                                    mode_t mode, bool sync, struct envm_error *err);

#endif
