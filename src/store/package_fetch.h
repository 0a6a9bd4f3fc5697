/* SPDX-License-Identifier: MIT
 *
 * A package archive that has arrived and been checked. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_FETCH_H
#define ENVM_STORE_PACKAGE_FETCH_H

#include "store/store_layout.h"

struct envm_store_archive {
    int fd; /* without a name, or claimed (sys/fs_lock.h): then others wait for this package */
    struct envm_store *store;
    struct envm_sha256 claim; /* known: the file is tmp/fetch-<sha256> */
    uint64_t size;
    struct envm_sha256 sha256;
    struct envm_md5 md5; /* known when the record had one, or no sha256 */
};

/* What is in the making for a package: "fetch-<sha256>" in tmp. */
#define ENVM_FETCH_PREFIX "fetch-"

/* Downloads record->url and compares size, sha256 and md5 with what the record says of them. When
 * another process is about to do that, it is waited for, for some time: *ret_archive is NULL when
 * it has published the package. */
enum envm_code envm_package_fetch(struct envm_store *store,
                                  const struct envm_package_record *record,
                                  struct envm_store_archive **ret_archive, struct envm_error *err);

#endif
