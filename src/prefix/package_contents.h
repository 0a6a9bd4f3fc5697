/* SPDX-License-Identifier: MIT
 *
 * What one extracted package holds: the files of paths.json (CEP 34) or of the old files,
 * has_prefix and no_link, with digests taken at extraction; and link.json's noarch and entry
 * points. It is what the store's manifest says and what linking reads.
 */
#ifndef ENVM_PREFIX_PACKAGE_CONTENTS_H
#define ENVM_PREFIX_PACKAGE_CONTENTS_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"
#include "base/relpath.h"

enum envm_path_type {
    ENVM_PATH_FILE,      /* "hardlink" in paths.json */
    ENVM_PATH_SYMLINK,   /* "softlink" */
    ENVM_PATH_DIRECTORY, /* "directory" */
};

enum envm_file_mode {
    ENVM_MODE_NONE, /* no placeholder */
    ENVM_MODE_TEXT,
    ENVM_MODE_BINARY,
};

struct envm_package_path {
    struct envm_relpath path;
    enum envm_path_type type;
    enum envm_file_mode file_mode;
    envm_str placeholder; /* "" when file_mode is NONE */
    bool no_link;         /* must not be a hardlink */
    bool executable;
    uint64_t size;
    struct envm_sha256 sha256;        /* of the bytes in the archive (placeholder form) */
    struct envm_sha256 listed_sha256; /* what paths.json claims; for conda-meta's records. For a
                                         softlink this is of its target (CEP 34) */
    bool has_listed_size;
    uint64_t listed_size;
    envm_str link_target; /* symlinks: text as in the archive */
    /* fingerprint of the cached file, to see whether it can be trusted without reading it */
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint64_t inode;
    uint32_t mode;
};

struct envm_package_contents {
    struct envm_package_path *paths; /* sorted by path bytes; no info/ entries */
    size_t path_count;
    enum envm_noarch noarch;           /* from link.json / index.json */
    struct envm_str_list entry_points; /* "cmd = mod:func" from link.json, unvalidated */
    struct envm_sha256 digest;         /* Merkle root over paths (reliability.md 4.8) */
    uint64_t total_size;
    struct envm_str_list link_scripts; /* bin/.NAME-post-link.sh etc. that the package ships */
};

#endif
