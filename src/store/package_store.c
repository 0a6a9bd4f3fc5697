/* SPDX-License-Identifier: MIT */
#include "store/package_store.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/package_extract.h"
#include "store/package_find.h"
#include "store/package_info.h"
#include "sys/fs_sync.h"

enum envm_code envm_store_new(const struct envm_store_config *config, struct envm_store **ret_store,
                              struct envm_error *err)
{
    struct envm_store *store = envm_alloc_zero(1, sizeof(*store));
    enum envm_code code;

    store->config = *config;
    code = envm_store_layout_open(store, err);
    if (code != ENVM_OK) {
        envm_store_free(store);
        return code;
    }
    *ret_store = store;
    return ENVM_OK;
}

void envm_store_free(struct envm_store *store)
{
    if (!store)
        return;
    envm_store_layout_close(store);
    envm_free(store);
}

void envm_store_entry_release(struct envm_store_entry *entry)
{
    envm_close_fd(&entry->dirfd);
    envm_arena_release(&entry->arena);
    *entry = ENVM_STORE_ENTRY_EMPTY;
}

enum envm_code envm_store_find(struct envm_store *store, const struct envm_sha256 *sha256,
                               struct envm_store_entry *ret_entry, bool *ret_found,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_store_place place;
    bool found = false;

    *ret_found = false;
    if (!sha256->known)
        return ENVM_OK;
    place = envm_store_place_of(&arena, sha256);
    ENVM_TRY_WRAP(envm_store_find_entry(store, &place, sha256, &entry, &found, err), err,
                  "package cache, entry %s", place.tree.s.ptr);
    if (found)
        *ret_entry = ENVM_TAKE(entry, ENVM_STORE_ENTRY_EMPTY);
    *ret_found = found;
    return ENVM_OK;
}

/* A find on behalf of a record, which must name the package that the hash leads to (B10). */
static enum envm_code find_for(struct envm_store *store, const struct envm_package_record *record,
                               const struct envm_sha256 *sha256, struct envm_store_entry *ret_entry,
                               bool *ret_found, struct envm_error *err)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    bool found = false;

    ENVM_TRY(envm_store_find(store, sha256, &entry, &found, err));
    if (found)
        ENVM_TRY_WRAP(envm_package_index_check(entry.index, record, err), err, "%.*s",
                      ENVM_STR_ARGS(record->file_name));
    if (found)
        *ret_entry = ENVM_TAKE(entry, ENVM_STORE_ENTRY_EMPTY);
    *ret_found = found;
    return ENVM_OK;
}

enum envm_code envm_store_fetch(struct envm_store *store, const struct envm_package_record *record,
                                struct envm_store_archive **ret_archive,
                                struct envm_store_entry *ret_entry, struct envm_error *err)
{
    bool found = false;

    /* Again when another process has published it meanwhile. */
    for (*ret_archive = NULL; !*ret_archive;) {
        ENVM_TRY(find_for(store, record, &record->sha256, ret_entry, &found, err));
        if (found)
            return ENVM_OK;
        ENVM_TRY(envm_package_fetch(store, record, ret_archive, err));
    }
    return ENVM_OK;
}

static bool has_tree(int pkgs_fd, const struct envm_store_place *place)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    return pkgs_fd >= 0 && envm_fs_stat(pkgs_fd, place->tree, &kind, NULL, NULL) == ENVM_OK &&
           kind != ENVM_FS_ABSENT;
}

bool envm_store_is_near(struct envm_store *store, const struct envm_package_record *record)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_store_place place;

    if (envm_str_starts_with(record->url, ENVM_STR("file:")))
        return true;
    if (!record->sha256.known)
        return false;
    place = envm_store_place_of(&arena, &record->sha256);
    if (has_tree(store->pkgs_fd, &place))
        return true;
    for (size_t i = 0; i < store->config.layer_count; i++)
        if (has_tree(store->layer_fds[i], &place))
            return true;
    return false;
}

enum envm_code envm_store_extract(struct envm_store *store,
                                  const struct envm_package_record *record,
                                  struct envm_store_archive *archive,
                                  struct envm_store_entry *ret_entry, struct envm_error *err)
{
    bool found = false;
    enum envm_code code = ENVM_OK;

    /* Only now is the key of a package without sha256 known. */
    if (!record->sha256.known)
        code = find_for(store, record, &archive->sha256, ret_entry, &found, err);
    if (code == ENVM_OK && !found)
        code = envm_package_extract(store, record, archive, ret_entry, err);
    envm_store_archive_free(archive);
    return code;
}

enum envm_code envm_store_get(struct envm_store *store, const struct envm_package_record *record,
                              struct envm_store_entry *ret_entry, struct envm_error *err)
{
    struct envm_store_archive *archive = NULL;

    ENVM_TRY(envm_store_fetch(store, record, &archive, ret_entry, err));
    return archive ? envm_store_extract(store, record, archive, ret_entry, err) : ENVM_OK;
}

/* Now it is known that they are on disk; that a manifest could not be marked costs a reading. */
static void mark_synced(struct envm_store *store, const struct envm_sha256 *sha256)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_store_place place = envm_store_place_of(&arena, sha256);

    if (envm_fs_open_read(store->pkgs_fd, place.manifest, &fd, NULL) == ENVM_OK &&
        fchmod(fd, ENVM_MANIFEST_MODE_SYNCED) != 0)
        envm_sink_log(store->config.sink, ENVM_LOG_DEBUG, "cannot mark %s as synced",
                      place.manifest.s.ptr);
}

/* A package that was cached before, perhaps without a sync. */
static enum envm_code sync_entry(struct envm_store *store, const struct envm_sha256 *sha256,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    ENVM_CLEANUP(envm_fd) int shard_fd = -1;
    struct envm_store_place place = envm_store_place_of(&arena, sha256);

    ENVM_TRY(envm_fs_open_dir(store->pkgs_fd, place.tree, &fd, err));
    ENVM_TRY(envm_fs_sync_tree(fd, place.tree.s.ptr, err));
    envm_close_fd(&fd);
    ENVM_TRY(envm_fs_open_read(store->pkgs_fd, place.manifest, &fd, err));
    ENVM_TRY(envm_fs_sync_fd(fd, place.manifest.s.ptr, err));
    ENVM_TRY(envm_fs_open_dir(store->pkgs_fd, place.shard, &shard_fd, err));
    return envm_fs_sync_fd(shard_fd, place.shard.s.ptr, err);
}

static enum envm_code sync_entries(struct envm_store *store, struct envm_error *err)
{
    for (size_t i = 0; i < store->unsynced.count; i++)
        ENVM_TRY(sync_entry(store, &store->unsynced.items[i], err));
    return envm_fs_sync_fd(store->pkgs_fd, "the package cache", err);
}

/* The workers have come to their end when this is called, so the list does not grow. */
enum envm_code envm_store_sync(struct envm_store *store, struct envm_error *err)
{
    if (store->config.full_sync)
        ENVM_TRY(sync_entries(store, err));
    else
        ENVM_TRY(envm_fs_sync_all(store->pkgs_fd, "the package cache", err));
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->unsynced.count; i++)
        mark_synced(store, &store->unsynced.items[i]);
    store->unsynced.count = 0;
    pthread_mutex_unlock(&store->mutex);
    return ENVM_OK;
}
