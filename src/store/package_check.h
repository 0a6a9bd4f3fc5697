/* SPDX-License-Identifier: MIT
 *
 * Whether a cached tree still is what its manifest says. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_CHECK_H
#define ENVM_STORE_PACKAGE_CHECK_H

#include "store/package_manifest.h"

enum envm_check_result {
    ENVM_CHECK_INTACT,    /* every fingerprint matches */
    ENVM_CHECK_REFRESHED, /* some did not, but the bytes are right: the manifest was corrected */
    ENVM_CHECK_DAMAGED,
};

/* Compares each path of the manifest with the tree below root_fd: type, and for files size, mtime,
 * inode and mode. Where these differ (or always, with `read_all`) the file is read and hashed; if
 * it is right its fingerprint in `manifest` is renewed and a changed mode put back. *ret_why (in
 * the arena) tells what is damaged. ENVM_IO only when reading fails. */
enum envm_code envm_package_check(struct envm_arena *arena, int root_fd,
                                  struct envm_manifest *manifest, bool read_all,
                                  enum envm_check_result *ret_result, envm_str *ret_why,
                                  struct envm_error *err);

#endif
