/* SPDX-License-Identifier: MIT */
#include "store/package_extract.h"

#include "base/error.h"
#include "base/vec.h"
#include "conda/package_record.h"
#include "store/package_container.h"
#include "sys/clock.h"
#include "sys/fs_atomic.h"
#include "sys/fs_sweep.h"
#include "sys/fs_sync.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"

#define PUBLISH_TRIES 8
#define TEMP_AGE_SECONDS 600

/* A tree in the making; gone at the end of the scope unless it was published. */
struct work {
    struct envm_store *store;
    struct envm_relpath path; /* in the run directory */
    struct envm_arena arena;  /* holds the path */
    bool made;
};

static void release_work(struct work *work)
{
    if (work->made && envm_fs_remove_tree(work->store->run_fd, work->path, NULL) != ENVM_OK)
        envm_sink_log(work->store->config.sink, ENVM_LOG_DEBUG,
                      "cannot remove %s from the cache's tmp", work->path.s.ptr);
    envm_arena_release(&work->arena);
}
ENVM_DEFINE_CLEANUP(work, struct work, release_work)

enum envm_code envm_package_save_manifest(struct envm_store *store, struct envm_relpath path,
                                          const struct envm_manifest *manifest, mode_t mode,
                                          struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_MANIFEST_MAX);

    envm_manifest_write(manifest, &text);
    if (text.overflowed)
        return envm_fail(err, ENVM_MALFORMED, "the package's list of files is too long");
    return envm_fs_write_atomic(store->pkgs_fd, path, envm_buf_str(&text), mode,
                                store->config.full_sync, err);
}

void envm_package_fill_entry(struct envm_store_entry *entry, const struct envm_manifest *manifest)
{
    entry->sha256 = manifest->sha256;
    entry->md5 = manifest->md5;
    entry->archive_size = manifest->archive_size;
    entry->contents = envm_arena_new(&entry->arena, struct envm_package_contents);
    *entry->contents = manifest->contents;
    entry->index = manifest->index;
}

/* What is in the tree but not linked; directories need no watching. */
static void collect_others(struct envm_arena *arena, const struct envm_tree_writer *writer,
                           struct envm_manifest *manifest)
{
    const struct envm_package_contents *contents = &manifest->contents;
    ENVM_VEC(struct envm_package_path) others = {0}; /* few: the size of all is not set aside */
    size_t next = 0;

    for (size_t i = 0; i < writer->entries.count; i++) {
        const struct envm_package_path *path = &writer->entries.items[i];

        while (next < contents->path_count &&
               envm_str_compare(contents->paths[next].path.s, path->path.s) < 0)
            next++;
        bool listed = next < contents->path_count &&
                      envm_str_equal(contents->paths[next].path.s, path->path.s);

        if (!listed && path->type != ENVM_PATH_DIRECTORY)
            envm_vec_push(&others, *path);
    }
    manifest->others =
        envm_arena_copy(arena, others.items, others.count * sizeof(struct envm_package_path));
    manifest->other_count = others.count;
    envm_vec_release(&others);
}

/* The record knows the name; a record made by hand may have only a URL. */
static enum envm_code kind_of(const struct envm_package_record *record,
                              enum envm_archive_kind *ret_kind, struct envm_error *err)
{
    envm_str name = record->file_name.len > 0 ? record->file_name : record->url;

    if (envm_str_ends_with(name, ENVM_STR(".conda")))
        *ret_kind = ENVM_KIND_CONDA;
    else if (envm_str_ends_with(name, ENVM_STR(".tar.bz2")))
        *ret_kind = ENVM_KIND_TAR_BZ2;
    else
        return envm_fail(err, ENVM_MALFORMED, "the name ends neither in .conda nor in .tar.bz2");
    return ENVM_OK;
}

/* Everything up to publication; the manifest's parts live in the entry's arena. */
static enum envm_code unpack(struct envm_store *store, const struct envm_package_record *record,
                             const struct envm_store_archive *archive,
                             struct envm_store_entry *entry, struct envm_manifest *manifest,
                             struct envm_error *err)
{
    ENVM_CLEANUP(envm_tree_writer) struct envm_tree_writer writer;
    envm_str name = envm_arena_str(&entry->arena, record->file_name);
    struct envm_package_file file = {.fd = archive->fd, .size = archive->size, .name = name.ptr};
    struct envm_package_info info;

    envm_tree_writer_init(&writer, entry->dirfd, &entry->arena, store->config.sink);
    ENVM_TRY(kind_of(record, &file.kind, err));
    ENVM_TRY(envm_package_unpack(&file, &writer, &info, err));
    ENVM_TRY(envm_package_index_check(info.index, record, err));
    ENVM_TRY(envm_tree_writer_finish(&writer, err));

    struct envm_package_parts parts = {
        .list = &info.list,
        .seen = writer.entries.items,
        .seen_count = writer.entries.count,
        .package = envm_package_record_stem(&entry->arena, info.index),
        .sink = store->config.sink,
    };
    ENVM_TRY(envm_package_contents_join(&entry->arena, &parts, &manifest->contents, err));
    manifest->contents.noarch = info.noarch;
    manifest->contents.entry_points = info.entry_points;
    manifest->index = info.index;
    manifest->sha256 = archive->sha256;
    manifest->md5 = archive->md5;
    manifest->archive_size = archive->size;
    manifest->url = record->url;
    manifest->boot = store->boot_id;
    manifest->checked = envm_clock_now();
    collect_others(&entry->arena, &writer, manifest);
    return ENVM_OK;
}

/* Manifests that a killed process was writing. */
static void sweep_shard(struct envm_store *store, const struct envm_store_place *place)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    if (envm_fs_open_dir(store->pkgs_fd, place->shard, &fd, NULL) == ENVM_OK)
        envm_fs_sweep_files(fd, ".envm-", TEMP_AGE_SECONDS);
}

/* Manifest and tree appear together for whoever holds the lock; without it the rename decides. */
static enum envm_code publish_once(struct envm_store *store, struct work *work,
                                   const struct envm_store_place *place,
                                   const struct envm_manifest *manifest, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    bool existed = false;

    ENVM_TRY(envm_store_lock(store, place, &lock, err));
    sweep_shard(store, place);
    ENVM_TRY(envm_fs_stat(store->pkgs_fd, place->tree, &kind, NULL, err));
    if (kind != ENVM_FS_ABSENT)
        return ENVM_OK;
    ENVM_TRY(envm_package_save_manifest(
        store, place->manifest, manifest,
        store->config.full_sync ? ENVM_MANIFEST_MODE_SYNCED : ENVM_MANIFEST_MODE, err));
    ENVM_TRY(
        envm_fs_rename_new(store->run_fd, work->path, store->pkgs_fd, place->tree, &existed, err));
    work->made = existed;
    if (!store->config.full_sync)
        envm_store_note_unsynced(store, &manifest->sha256);
    return ENVM_OK;
}

/* The name of the new package, and of a new shard. */
static enum envm_code sync_names(struct envm_store *store, const struct envm_store_place *place,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_dir(store->pkgs_fd, place->shard, &fd, err));
    ENVM_TRY(envm_fs_sync_fd(fd, place->shard.s.ptr, err));
    return envm_fs_sync_fd(store->pkgs_fd, "the package cache", err);
}

/* Somebody else may publish the same package at the same time: then theirs is taken, and ours goes
 * when the scope ends. */
static enum envm_code publish(struct envm_store *store, struct work *work,
                              const struct envm_manifest *manifest,
                              struct envm_store_entry *ret_theirs, bool *ret_is_theirs,
                              struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_store_place place = envm_store_place_of(&arena, &manifest->sha256);

    ENVM_TRY(envm_store_make_shard(store, place.shard, err));
    for (int i = 0; i < PUBLISH_TRIES; i++) {
        ENVM_TRY(publish_once(store, work, &place, manifest, err));
        if (!work->made)
            return store->config.full_sync ? sync_names(store, &place, err) : ENVM_OK;
        /* What is there is either good, or found bad and removed. */
        ENVM_TRY(envm_store_find(store, &manifest->sha256, ret_theirs, ret_is_theirs, err));
        if (*ret_is_theirs)
            return ENVM_OK;
    }
    return envm_fail(err, ENVM_LOCKED, "other processes keep changing the cache entry %s",
                     place.tree.s.ptr);
}

static enum envm_code extract(struct envm_store *store, const struct envm_package_record *record,
                              const struct envm_store_archive *archive,
                              struct envm_store_entry *ret_entry, struct envm_error *err)
{
    ENVM_CLEANUP(work) struct work work = {.store = store};
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    struct envm_manifest manifest = {0};
    bool is_theirs = false;

    ENVM_TRY(envm_fs_temp_dir(store->run_fd, "tree-", &work.arena, &work.path, err));
    work.made = true;
    ENVM_TRY(envm_fs_open_dir(store->run_fd, work.path, &entry.dirfd, err));
    ENVM_TRY(unpack(store, record, archive, &entry, &manifest, err));
    if (store->config.full_sync)
        ENVM_TRY(envm_fs_sync_tree(entry.dirfd, work.path.s.ptr, err));
    ENVM_TRY(publish(store, &work, &manifest, ret_entry, &is_theirs, err));
    if (is_theirs)
        return ENVM_OK;
    envm_package_fill_entry(&entry, &manifest);
    *ret_entry = ENVM_TAKE(entry, ENVM_STORE_ENTRY_EMPTY);
    return ENVM_OK;
}

enum envm_code envm_package_extract(struct envm_store *store,
                                    const struct envm_package_record *record,
                                    const struct envm_store_archive *archive,
                                    struct envm_store_entry *ret_entry, struct envm_error *err)
{
    enum envm_code code = extract(store, record, archive, ret_entry, err);

    if (code == ENVM_OK)
        return ENVM_OK;
    envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(record->url));
    return envm_wrap(err, code, "extracting %.*s", ENVM_STR_ARGS(record->file_name));
}
