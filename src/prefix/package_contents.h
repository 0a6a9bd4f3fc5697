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
#include "base/sink.h"

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

struct envm_path_list; /* prefix/paths_json.h */

/* What envm_package_contents_join brings together. */
struct envm_package_parts {
    const struct envm_path_list *list;    /* what the package says it holds */
    const struct envm_package_path *seen; /* what extraction found, sorted by path: type, size,
                                             sha256, executable, link_target and fingerprint; with
                                             info/ and every directory, implied ones too */
    size_t seen_count;
    envm_str package; /* stem, for messages */
    const struct envm_sink *sink;
};

/* Fills paths, digest, total_size and link_scripts of *ret_contents in the arena (noarch and entry
 * points are the caller's). ENVM_INTEGRITY when a listed file is missing or differs in type, size
 * or sha256; ENVM_UNSAFE when the package ships files in conda-meta/ or .envm/. Files that no list
 * names are left out, with one warning that counts them. The sha256 that is listed for a softlink
 * is of its target and often stale: a difference is only a debug message. */
enum envm_code envm_package_contents_join(struct envm_arena *arena,
                                          const struct envm_package_parts *parts,
                                          struct envm_package_contents *ret_contents,
                                          struct envm_error *err);

#endif
