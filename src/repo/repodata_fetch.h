/* SPDX-License-Identifier: MIT
 *
 * One subdir of one channel: from wherever it is to an open index.
 */
#ifndef ENVM_REPO_REPODATA_FETCH_H
#define ENVM_REPO_REPODATA_FETCH_H

#include "net/download.h"
#include "repo/repodata_cache.h"

struct envm_repodata_fetch {
    /* in */
    envm_str url; /* channel/subdir, clean, NUL-terminated */
    envm_str subdir;
    struct envm_repodata_cache cache;
    struct envm_downloader *downloader;
    bool offline;
    const struct envm_sink *sink;
    struct envm_arena *arena; /* of this subdir alone: subdirs are fetched in parallel */

    /* out */
    bool missing; /* neither file is there; no image */
    bool from_cache;
    struct envm_image image; /* mapped; the caller unmaps image.bytes */
    struct envm_repodata_state state;
};

/* ENVM_NETWORK, ENVM_IO, ENVM_MALFORMED, ENVM_UNSAFE, ENVM_INTERRUPTED, with the URL in `where`. */
enum envm_code envm_repodata_fetch(struct envm_repodata_fetch *fetch, struct envm_error *err);

#endif
