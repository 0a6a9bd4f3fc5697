/* SPDX-License-Identifier: MIT */
#include "repo/repodata_gateway.h"

#include <pthread.h>

#include "base/error.h"
#include "base/vec.h"
#include "repo/repodata_fetch.h"
#include "repo/repodata_source.h"
#include "sys/fs.h"
#include "sys/fs_sweep.h"
#include "sys/workers.h"

#define THREADS_MAX 16

/* One subdir, from the request to the end of the gateway. */
struct entry {
    struct envm_gateway *gateway;
    struct envm_arena arena;
    const struct envm_channel *channel;
    envm_str subdir;
    bool excluded; /* the channel was asked for other platforms only */
    struct envm_repodata_fetch fetch;
    struct envm_image_source source;
};

struct envm_gateway {
    struct envm_gateway_config config;
    int dirfd; /* of "repodata" in the cache; -1: none */
    envm_str boot_id;
    struct envm_arena arena;
    const struct envm_package_source *nothing; /* what a missing subdir has */
    pthread_mutex_t lock;                      /* guards the list: load may run in many threads */
    ENVM_VEC(struct entry *) entries;
};

enum envm_code envm_gateway_new(const struct envm_gateway_config *config,
                                struct envm_gateway **ret_gateway, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error trouble = {0};
    struct envm_gateway *gateway = envm_alloc_zero(1, sizeof(*gateway));
    const struct envm_relpath folder = ENVM_RELPATH("repodata");

    (void)err;
    gateway->config = *config;
    gateway->dirfd = -1;
    gateway->boot_id = envm_repodata_boot_id(&gateway->arena);
    gateway->nothing = envm_package_source_from_records(&gateway->arena, NULL, 0);
    pthread_mutex_init(&gateway->lock, NULL);
    if (config->cache_fd >= 0 &&
        (envm_fs_make_dirs(config->cache_fd, folder, 0700, &trouble) != ENVM_OK ||
         envm_fs_open_dir(config->cache_fd, folder, &gateway->dirfd, &trouble) != ENVM_OK))
        envm_sink_warn(config->sink, "repodata cannot be cached: %s", trouble.text);
    if (gateway->dirfd >= 0)
        envm_fs_sweep_files(gateway->dirfd, ENVM_REPODATA_TEMP_PREFIX, ENVM_REPODATA_TEMP_AGE);
    *ret_gateway = gateway;
    return ENVM_OK;
}

static void release_entry(struct entry *entry)
{
    if (atomic_load(&entry->source.damaged))
        envm_repodata_cache_drop(&entry->fetch.cache);
    envm_fs_unmap(entry->source.image.bytes);
    envm_arena_release(&entry->arena);
    envm_free(entry);
}

void envm_gateway_free(struct envm_gateway *gateway)
{
    if (!gateway)
        return;
    for (size_t i = 0; i < gateway->entries.count; i++)
        release_entry(gateway->entries.items[i]);
    envm_vec_release(&gateway->entries);
    envm_close_fd(&gateway->dirfd);
    pthread_mutex_destroy(&gateway->lock);
    envm_arena_release(&gateway->arena);
    envm_free(gateway);
}

/* --- one subdir ----------------------------------------------------------------------------- */

static bool is_asked_for(const struct envm_channel *channel, envm_str subdir)
{
    for (size_t i = 0; i < channel->platforms.count; i++)
        if (envm_str_equal(channel->platforms.items[i], subdir))
            return true;
    return channel->platforms.count == 0;
}

static struct entry *add_entry(struct envm_gateway *gateway, const struct envm_channel *channel,
                               envm_str subdir)
{
    struct entry *entry = envm_alloc_zero(1, sizeof(*entry));

    entry->gateway = gateway;
    entry->channel = channel;
    entry->subdir = envm_arena_str(&entry->arena, subdir);
    entry->excluded = !is_asked_for(channel, subdir);
    entry->source.channel = envm_arena_str(&entry->arena, channel->name);
    entry->source.only_tar_bz2 = gateway->config.use_only_tar_bz2;
    pthread_mutex_lock(&gateway->lock);
    envm_vec_push(&gateway->entries, entry);
    pthread_mutex_unlock(&gateway->lock);
    return entry;
}

static enum envm_code open_source(struct entry *entry, struct envm_error *err)
{
    entry->source.url = entry->fetch.url;
    entry->source.image = entry->fetch.image;
    return envm_image_source_init(&entry->source, err);
}

static enum envm_code load_entry(void *argument, struct envm_error *err)
{
    struct entry *entry = *(struct entry **)argument;
    struct envm_gateway *gateway = entry->gateway;
    struct envm_repodata_fetch *fetch = &entry->fetch;

    if (entry->excluded)
        return ENVM_OK;
    *fetch = (struct envm_repodata_fetch){
        .url = envm_channel_subdir_url(&entry->arena, entry->channel, entry->subdir),
        .subdir = entry->subdir,
        .downloader = gateway->config.downloader,
        .offline = gateway->config.offline,
        .sink = gateway->config.sink,
        .arena = &entry->arena,
    };
    ENVM_TRY(envm_repodata_cache_init(&fetch->cache, gateway->dirfd, fetch->url, gateway->boot_id,
                                      &entry->arena, err));
    ENVM_TRY(envm_repodata_fetch(fetch, err));
    return fetch->missing ? ENVM_OK : open_source(entry, err);
}

/* --- channels ------------------------------------------------------------------------------- */

static bool is_there(const struct entry *entry)
{
    return !entry->excluded && !entry->fetch.missing;
}

static enum envm_code fail_channel(const struct envm_channel *channel, struct envm_error *err)
{
    bool local = envm_str_starts_with(channel->base_url, ENVM_STR("file:"));
    enum envm_code code = local ? ENVM_IO : ENVM_NETWORK;

    envm_fail(err, code, "the channel '%.*s' has no repodata for any platform asked for",
              ENVM_STR_ARGS(channel->name));
    envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(channel->base_url));
    return envm_error_hint(err, code, "%s",
                           local ? "check the path: a channel is a directory that "
                                   "holds noarch/repodata.json"
                                 : "check the name of the channel for typing "
                                   "errors");
}

/* One row of entries: is there enough to call it a channel? */
static enum envm_code check_channel(struct entry *const *entries, size_t count,
                                    const struct envm_sink *sink, struct envm_error *err)
{
    bool any = false, all_excluded = true;

    for (size_t i = 0; i < count; i++) {
        any |= is_there(entries[i]);
        all_excluded &= entries[i]->excluded;
    }
    if (!any && !all_excluded)
        return fail_channel(entries[0]->channel, err);
    for (size_t i = 0; i < count; i++)
        if (entries[i]->fetch.missing && envm_str_equal_c(entries[i]->subdir, "noarch"))
            envm_sink_warn(sink, "the channel '%.*s' has no noarch subdir: taken as empty",
                           ENVM_STR_ARGS(entries[i]->channel->name));
    return ENVM_OK;
}

static struct envm_gateway_subdir describe(struct entry *entry)
{
    const struct envm_repodata_fetch *fetch = &entry->fetch;
    struct envm_gateway_subdir subdir = {
        .source = entry->gateway->nothing, .url = fetch->url, .from_cache = fetch->from_cache};

    if (entry->excluded)
        subdir.url = envm_channel_subdir_url(&entry->arena, entry->channel, entry->subdir);
    if (!is_there(entry))
        return subdir;
    subdir.source = &entry->source.source;
    subdir.source_url = envm_arena_printf(&entry->arena, "%.*s/%.*s", ENVM_STR_ARGS(fetch->url),
                                          ENVM_STR_ARGS(fetch->state.file));
    subdir.etag = fetch->state.etag;
    subdir.last_modified = fetch->state.last_modified;
    subdir.sha256 = fetch->state.sha256;
    subdir.record_count = envm_image_source_count(&entry->source);
    subdir.skipped_records = entry->source.image.header.skipped;
    return subdir;
}

static enum envm_code load_all(struct envm_gateway *gateway, struct entry **entries,
                               size_t channel_count, size_t subdir_count,
                               struct envm_gateway_subdir *ret_subdirs, struct envm_error *err)
{
    size_t count = channel_count * subdir_count;

    /* Most of them wait for the network most of the time: one thread each. */
    ENVM_TRY(envm_workers_each(count < THREADS_MAX ? (unsigned)count : THREADS_MAX, load_entry,
                               entries, sizeof(struct entry *), count, err));
    for (size_t i = 0; i < channel_count; i++)
        ENVM_TRY(
            check_channel(entries + i * subdir_count, subdir_count, gateway->config.sink, err));
    for (size_t i = 0; i < count; i++)
        ret_subdirs[i] = describe(entries[i]);
    return ENVM_OK;
}

enum envm_code envm_gateway_load(struct envm_gateway *gateway, const struct envm_channel *channels,
                                 size_t channel_count, const envm_str *subdirs, size_t subdir_count,
                                 struct envm_gateway_subdir *ret_subdirs, struct envm_error *err)
{
    size_t count = channel_count * subdir_count;
    ENVM_CLEANUP(envm_heap) struct entry **entries = envm_alloc_zero(count + 1, sizeof(*entries));

    if (count == 0)
        return ENVM_OK;
    for (size_t i = 0; i < count; i++)
        entries[i] = add_entry(gateway, &channels[i / subdir_count], subdirs[i % subdir_count]);
    return load_all(gateway, entries, channel_count, subdir_count, ret_subdirs, err);
}
