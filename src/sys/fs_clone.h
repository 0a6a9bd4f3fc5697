/* SPDX-License-Identifier: MIT
 *
 * Putting a cached file into a prefix: hardlink, else reflink, else copy.
 */
#ifndef ENVM_SYS_FS_CLONE_H
#define ENVM_SYS_FS_CLONE_H

#include "sys/fs.h"

enum envm_link_mode {
    ENVM_LINK_AUTO, /* hardlink, else reflink, else copy, decided per file */
    ENVM_LINK_HARD, /* hardlink, else copy (the fallback is reported in ret_used) */
    ENVM_LINK_REFLINK,
    ENVM_LINK_COPY,
};

/* Makes to_dirfd/to a clone of from_dirfd/from; `to` must not exist and its parent must. A reflink
 * or copy gets `mode` (exactly) and the source's mtime. *ret_used (may be NULL) tells what was
 * done. EXDEV, EMLINK, EPERM, EOPNOTSUPP and ENOSYS fall through to the next way. */
enum envm_code envm_fs_clone(int from_dirfd, struct envm_relpath from, int to_dirfd,
                             struct envm_relpath to, mode_t mode, enum envm_link_mode wanted,
                             enum envm_link_mode *ret_used, struct envm_error *err);
/* The same for a file that was a regular one when it was looked at a moment ago: saves a system
 * call for each file, 3 % of making an environment. */
enum envm_code envm_fs_clone_checked(int from_dirfd, struct envm_relpath from, int to_dirfd,
                                     struct envm_relpath to, mode_t mode,
                                     enum envm_link_mode wanted, enum envm_link_mode *ret_used,
                                     struct envm_error *err);

#endif
