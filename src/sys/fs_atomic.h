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

/* Makes the file end with `text` where it had `offset` bytes, exactly once: what an earlier call
 * that was killed has written of it is recognised and completed, zeros that a loss of power has put
 * in the place of some of it, too. When others have appended
 * meanwhile, it goes behind that. A file with several names is replaced, so that the other names
 * keep theirs. Made with `mode` when absent; with `sync` fsynced. */
enum envm_code envm_fs_append_once(int dirfd, struct envm_relpath path, uint64_t offset,
                                   envm_str text, mode_t mode, bool sync, struct envm_error *err);

#endif
