/* SPDX-License-Identifier: MIT
 *
 * A package archive that has arrived and been checked. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_FETCH_H
#define ENVM_STORE_PACKAGE_FETCH_H

#include "store/store_layout.h"

struct envm_store_archive {
    int fd; /* its name is gone already: nothing is left when the process dies */
    uint64_t size;
    struct envm_sha256 sha256;
    struct envm_md5 md5; /* known when the record had one, or no sha256 */
};

/* Downloads record->url and compares size, sha256 and md5 with what the record says of them. */
enum envm_code envm_package_fetch(struct envm_store *store,
                                  const struct envm_package_record *record,
                                  struct envm_store_archive **ret_archive, struct envm_error *err);

#endif
