/* SPDX-License-Identifier: MIT
 *
 * The inside of struct envm_context, and what every use case shares. One thread at a time.
 */
#ifndef ENVM_ENV_CONTEXT_H
#define ENVM_ENV_CONTEXT_H

#include <pthread.h>

#include <envm/context.h>

#include "base/arena.h"
#include "base/vec.h"
#include "conda/channel.h"
#include "env/config.h"
#include "repo/repodata_gateway.h"
#include "store/package_store.h"
#include "sys/environ.h"

struct envm_memory {
    struct envm_arena arena;
};

struct envm_context {
    struct envm_arena arena; /* lives as long as the context */
    struct envm_environ *environment;
    struct envm_config config;
    struct envm_sink caller; /* as given */
    struct envm_sink sink;   /* serialises calls from worker threads into `caller` */
    pthread_mutex_t sink_mutex;
    envm_str root;  /* absolute */
    envm_str cache; /* absolute */
    int cache_fd;   /* -1 until opened, or where no cache can be written */
    bool cache_tried;
    bool read_cached_packages; /* set before the store is made: every cached file is hashed */
    envm_str repaired_prefix;  /* whose damaged files are being put back: no need to tell of them */
    struct envm_store_layer *layers; /* opened with the store */
    size_t layer_count;
    pthread_mutex_t damage_mutex; /* one search for the holders of damaged files at a time */
    unsigned threads;
    bool insecure;
    uint64_t
        now_ms; /* since the epoch, when the context was made: one moment for all that it does */
    const char *ca_bundle;
    bool confine;           /* not yet confined, and wanted */
    bool has_host_packages; /* asked for before the process was confined */
    struct envm_record_list host_packages;
    ENVM_VEC(envm_str) made_folders;              /* by envm_confine, the outermost first */
    ENVM_VEC(struct envm_credential) credentials; /* collected from channels */
    struct envm_downloader *downloader;           /* made at first use */
    struct envm_gateway *gateway;
    struct envm_store *store;
};

/* Opens (and makes) the cache directory once. Without `needed` a failure leaves cache_fd at -1. */
enum envm_code envm_context_cache(struct envm_context *context, bool needed,
                                  struct envm_error *err);
/* A folder of the configuration: "~/pkgs", "$SHARED/pkgs" or a path; absolute afterwards. */
enum envm_code envm_context_folder(struct envm_context *context, envm_str text, envm_str *ret_path,
                                   struct envm_error *err);
/* Made at first use; belong to the context. Credentials of channels must be known before. */
enum envm_code envm_context_downloader(struct envm_context *context,
                                       struct envm_downloader **ret_downloader,
                                       struct envm_error *err);
enum envm_code envm_context_gateway(struct envm_context *context, struct envm_gateway **ret_gateway,
                                    struct envm_error *err);
enum envm_code envm_context_store(struct envm_context *context, struct envm_store **ret_store,
                                  struct envm_error *err);

/* Parses a channel as written ("defaults" may become several), keeps its credentials for the
 * downloader, and appends to the growing array. Relative paths are taken from `directory`. */
struct envm_channel_vec {
    struct envm_channel *items;
    size_t count;
    size_t capacity;
};
enum envm_code envm_context_add_channel(struct envm_context *context, struct envm_arena *arena,
                                        envm_str text, envm_str directory,
                                        struct envm_channel_vec *channels, struct envm_error *err);

/* Keeps the credentials of the configured channels. Neither they nor tokens stand in locks and
 * records: whoever fetches what those name calls this before. */
enum envm_code envm_context_learn_channels(struct envm_context *context, struct envm_arena *arena,
                                           struct envm_error *err);

/* Keeps the credentials that stand in the URL of a package (or of a line of an @EXPLICIT list), for
 * its folder. Anything without credentials is ignored. */
void envm_context_keep_url_credential(struct envm_context *context, envm_str url);

#endif
