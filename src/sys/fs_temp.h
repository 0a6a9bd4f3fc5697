/* SPDX-License-Identifier: MIT
 *
 * Unpredictable temporary names below a root.
 */
#ifndef ENVM_SYS_FS_TEMP_H
#define ENVM_SYS_FS_TEMP_H

#include "sys/fs.h"

/* Makes directory (or 0600 file) dirfd/<prefix><random> with mode 0700 and returns its path. */
enum envm_code envm_fs_temp_dir(int dirfd, const char *prefix, struct envm_arena *arena,
                                struct envm_relpath *ret_path, struct envm_error *err);
enum envm_code envm_fs_temp_file(int dirfd, const char *prefix, struct envm_arena *arena,
                                 struct envm_relpath *ret_path, int *ret_fd,
                                 struct envm_error *err);

/* True for prefix + what the two functions above add: a name that envm made, not a user. */
bool envm_fs_is_temp_name(envm_str name, const char *prefix);

#endif
