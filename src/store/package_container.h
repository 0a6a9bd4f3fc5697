/* SPDX-License-Identifier: MIT
 *
 * The two package formats, unpacked: .conda (a ZIP of an info and a pkg archive, info first) and
 * .tar.bz2. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_CONTAINER_H
#define ENVM_STORE_PACKAGE_CONTAINER_H

#include "conda/archive_name.h"
#include "store/package_info.h"

struct envm_package_file {
    int fd;
    uint64_t size;
    const char *name;            /* for messages */
    enum envm_archive_kind kind; /* by its name; the magic must agree */
};

/* Unpacks the file through the writer (not finished) and reads its info. The bytes of the file
 * have been checked against its record. Errors by reliability.md 1.3, ENVM_IO when the disk cannot
 * hold what paths.json announces. */
enum envm_code envm_package_unpack(const struct envm_package_file *file,
                                   struct envm_tree_writer *writer,
                                   struct envm_package_info *ret_info, struct envm_error *err);

#endif
