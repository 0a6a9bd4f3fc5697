/* SPDX-License-Identifier: MIT
 *
 * What is remembered about one subdir besides its index: a small JSON file beside it, with the
 * sha256 of its own text.
 */
#ifndef ENVM_REPO_REPODATA_STATE_H
#define ENVM_REPO_REPODATA_STATE_H

#include <sys/stat.h>

#include <envm/error.h>

#include "base/arena.h"
#include "base/relpath.h"

struct envm_file_stamp { /* of a local repodata file: when all of it is equal, so is the content */
    int64_t mtime_ns, ctime_ns;
    uint64_t size, inode, device;
};

struct envm_repodata_state {
    envm_str url;  /* of the subdir; must be the one asked for */
    bool missing;  /* there was no repodata at all */
    envm_str file; /* "repodata.json.zst" or "repodata.json" */
    envm_str etag, last_modified, cache_control;
    int64_t newest;         /* latest Last-Modified ever seen, seconds; 0: none */
    int64_t zst_missing_at; /* when the .zst file was last found missing, seconds; 0: it was not */
    struct envm_file_stamp stamp; /* file:// channels */
    int64_t checked_at;           /* when the index was made, seconds */
    struct envm_sha256 sha256;    /* of the plain repodata.json */
    uint64_t size;                /* of it */
    envm_str boot_id;             /* of the boot during which the index was written or checked */
};

/* False when there is none, it cannot be read, or is not what its checksum says: that is an empty
 * cache, not an error. */
bool envm_repodata_state_load(int dirfd, struct envm_relpath path, struct envm_arena *arena,
                              struct envm_repodata_state *ret_state);
enum envm_code envm_repodata_state_save(int dirfd, struct envm_relpath path,
                                        const struct envm_repodata_state *state,
                                        struct envm_error *err);

struct envm_file_stamp envm_file_stamp_of(const struct stat *info);
bool envm_file_stamp_equal(const struct envm_file_stamp *a, const struct envm_file_stamp *b);

#endif
