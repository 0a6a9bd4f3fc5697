/* SPDX-License-Identifier: MIT
 *
 * RepoData of channels x subdirs: fetched conditionally, cached, indexed once into a mapped file
 * that is sorted by name, and served to the solver as package sources.
 */
#ifndef ENVM_REPO_REPODATA_GATEWAY_H
#define ENVM_REPO_REPODATA_GATEWAY_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/sink.h"
#include "conda/channel.h"
#include "conda/package_source.h"
#include "net/download.h"

struct envm_gateway;

struct envm_gateway_config {
    int cache_fd; /* root of the cache; the gateway uses its "repodata" folder below it. -1: no
                     cache can be written: index in memory */
    struct envm_downloader *downloader;
    bool offline; /* use what is cached */
    bool use_only_tar_bz2;
    const struct envm_sink *sink;
};

struct envm_gateway_subdir {
    const struct envm_package_source *source;
    envm_str url;        /* channel/subdir, clean */
    envm_str source_url; /* the repodata file that was read, clean; "" for a missing noarch */
    envm_str etag, last_modified;
    struct envm_sha256 sha256; /* of the plain repodata.json bytes */
    uint64_t record_count;
    uint64_t skipped_records; /* bad ones, named in one warning */
    bool from_cache;          /* no body was transferred */
};

enum envm_code envm_gateway_new(const struct envm_gateway_config *config,
                                struct envm_gateway **ret_gateway, struct envm_error *err);
void envm_gateway_free(struct envm_gateway *gateway);

/* Loads channels[i] x subdirs[j] in parallel; ret_subdirs[i*subdir_count + j] stays valid until
 * envm_gateway_free. A missing noarch is an empty one (with a warning); a missing platform subdir
 * is empty when noarch exists; a channel with neither is ENVM_NETWORK (remote) or ENVM_IO (local)
 * naming the channel. */
enum envm_code envm_gateway_load(struct envm_gateway *gateway, const struct envm_channel *channels,
                                 size_t channel_count, const envm_str *subdirs, size_t subdir_count,
                                 struct envm_gateway_subdir *ret_subdirs, struct envm_error *err);

#endif
