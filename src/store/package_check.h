/* SPDX-License-Identifier: MIT
 *
 * Whether a cached tree still is what its manifest says. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_CHECK_H
#define ENVM_STORE_PACKAGE_CHECK_H

#include "store/package_manifest.h"
#include "store/package_store.h"

struct envm_check_request {
    int root_fd;                    /* of the tree */
    struct envm_manifest *manifest; /* its fingerprints are renewed */
    bool read_all;  /* read and hash every file; else only those whose fingerprint differs */
    bool read_only; /* nothing on disk is mended: a layer, or only a look */
};

struct envm_check_result {
    bool refreshed;                  /* fingerprints were renewed: the manifest is worth saving */
    bool complete;                   /* every file was read and hashed */
    struct envm_store_fault *faults; /* what is damaged, in the order of the manifest */
    size_t fault_count;
    uint64_t files, bytes; /* that were read */
};

/* Compares each path of the manifest with the tree: type, and for files size, mtime, inode and
 * mode. Where these differ (or always, with `read_all`) the file is read and hashed; if it is right
 * its fingerprint in the manifest is renewed and a changed mode put back. The result lives in the
 * arena. ENVM_IO only when looking fails for want of rights or descriptors. */
enum envm_code envm_package_check(struct envm_arena *arena,
                                  const struct envm_check_request *request,
                                  struct envm_check_result *ret_result, struct envm_error *err);

/* What is in the tree although the manifest does not name it, and what a tree without a manifest
 * holds (`manifest` NULL: every file that something outside the tree links to). Appends to the
 * result. */
enum envm_code envm_package_check_extra(struct envm_arena *arena, int root_fd,
                                        const struct envm_manifest *manifest,
                                        struct envm_check_result *result, struct envm_error *err);

#endif
