/* SPDX-License-Identifier: MIT
 *
 * The manifest of a cached package: what its archive was and what every file of the tree is, so
 * that a later run trusts the tree without reading it, or finds out that it may not. Text, one
 * item a line, fields separated by tabs (no name or text in it may hold a control character), and
 * a last line with the SHA-256 of everything before it. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_MANIFEST_H
#define ENVM_STORE_PACKAGE_MANIFEST_H

#include <envm/package_record.h>

#include "base/buf.h"
#include "prefix/package_contents.h"

#define ENVM_MANIFEST_MAX ((size_t)1 << 30)

struct envm_manifest {
    struct envm_sha256 sha256; /* of the archive */
    struct envm_md5 md5;
    uint64_t archive_size;
    envm_str url;    /* where the archive came from, without credentials; "" when not known */
    envm_str boot;   /* boot id of the system that wrote the tree; see store_layout.h */
    int64_t checked; /* when every byte of the tree was last read, seconds since the epoch */
    struct envm_package_record *index; /* info/index.json */
    struct envm_package_contents contents;
    struct envm_package_path *others; /* files and links that are not linked: info/, unlisted */
    size_t other_count;
};

void envm_manifest_write(const struct envm_manifest *manifest, struct envm_buf *out);
/* Texts are copied into the arena. ENVM_DAMAGED when the checksum or anything else is wrong. */
enum envm_code envm_manifest_read(struct envm_arena *arena, envm_str text,
                                  struct envm_manifest *ret_manifest, struct envm_error *err);

#endif
