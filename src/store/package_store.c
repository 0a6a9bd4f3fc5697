/* SPDX-License-Identifier: MIT */
#include "store/package_store.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "store/package_check.h"
#include "store/package_extract.h"
#include "store/package_info.h"

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

/* What a look at an entry found. */
struct look {
    bool found;
    enum envm_check_result result;
    struct envm_manifest manifest;
    envm_str why; /* damaged: what it is; in the entry's arena */
};

/* A disk that gives wrong bytes or none is damage. Anything else (no descriptors left, no rights)
 * is this process's trouble, and no reason to throw the entry away. */
static enum envm_code settle(enum envm_code code, struct envm_store_entry *entry, struct look *look,
                             struct envm_error *fault, struct envm_error *err)
{
    if (code == ENVM_IO && fault->cause != 0 && fault->cause != ENOENT && fault->cause != ENOTDIR &&
        fault->cause != EIO && fault->cause != ESTALE) {
        envm_error_move(err, fault);
        return code;
    }
    if (code != ENVM_OK)
        look->why = envm_arena_str(&entry->arena, envm_str_from(fault->text));
    return ENVM_OK;
}

static enum envm_code load_parts(struct envm_store *store, const struct envm_store_place *place,
                                 const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                                 struct look *look, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_MANIFEST_MAX);
    ENVM_CLEANUP(envm_error) struct envm_error fault = {0};
    enum envm_code code = envm_fs_read_at(store->pkgs_fd, place->manifest, &text, &fault);

    if (code == ENVM_OK)
        code = envm_manifest_read(&entry->arena, envm_buf_str(&text), &look->manifest, &fault);
    if (code == ENVM_OK && !envm_sha256_equal(&look->manifest.sha256, sha256))
        code = envm_fail(&fault, ENVM_DAMAGED, "its manifest is that of another package");
    if (code == ENVM_OK)
        code = envm_fs_open_dir(store->pkgs_fd, place->tree, &entry->dirfd, &fault);
    return settle(code, entry, look, &fault, err);
}

/* Manifest and tree of an entry, unchecked. A manifest that is missing or cannot be read is damage.
 */
static enum envm_code load(struct envm_store *store, const struct envm_store_place *place,
                           const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                           struct look *look, struct envm_error *err)
{
    enum envm_fs_kind tree = ENVM_FS_ABSENT, manifest = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(store->pkgs_fd, place->tree, &tree, NULL, err));
    look->found = tree != ENVM_FS_ABSENT;
    if (!look->found)
        return ENVM_OK;
    ENVM_TRY(envm_fs_stat(store->pkgs_fd, place->manifest, &manifest, NULL, err));
    if (tree != ENVM_FS_DIRECTORY || manifest != ENVM_FS_FILE)
        look->why = ENVM_STR("it has no manifest");
    else
        return load_parts(store, place, sha256, entry, look, err);
    return ENVM_OK;
}

static enum envm_code look_at(struct envm_store *store, const struct envm_store_place *place,
                              const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                              struct look *ret_look, struct envm_error *err)
{
    envm_store_entry_release(entry);
    *ret_look = (struct look){.result = ENVM_CHECK_INTACT};
    ENVM_TRY(load(store, place, sha256, entry, ret_look, err));
    if (ret_look->found && ret_look->why.len == 0)
        ENVM_TRY(envm_package_check(&entry->arena, entry->dirfd, &ret_look->manifest,
                                    store->config.verify_all, &ret_look->result, &ret_look->why,
                                    err));
    if (ret_look->why.len > 0)
        ret_look->result = ENVM_CHECK_DAMAGED;
    return ENVM_OK;
}

/* Something was not as expected. It may be somebody else at work, so it counts only when it is
 * still so under the lock. */
static enum envm_code look_again(struct envm_store *store, const struct envm_store_place *place,
                                 const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                                 struct look *look, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_store_lock(store, place, &lock, err));
    ENVM_TRY(look_at(store, place, sha256, entry, look, err));
    if (look->result == ENVM_CHECK_REFRESHED)
        return envm_package_save_manifest(store, place->manifest, &look->manifest, err);
    if (look->result == ENVM_CHECK_INTACT)
        return ENVM_OK;
    envm_sink_warn(store->config.sink, "a cached package is damaged and was removed: %s: %.*s",
                   look->manifest.index ? envm_cstr(&entry->arena, look->manifest.index->name)
                                        : envm_sha256_hex(sha256).text,
                   ENVM_STR_ARGS(look->why));
    look->found = false;
    return envm_store_discard(store, place, err);
}

static enum envm_code find_checked(struct envm_store *store, const struct envm_store_place *place,
                                   const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                                   bool *ret_found, struct envm_error *err)
{
    struct look look;

    ENVM_TRY(look_at(store, place, sha256, entry, &look, err));
    if (look.result != ENVM_CHECK_INTACT)
        ENVM_TRY(look_again(store, place, sha256, entry, &look, err));
    *ret_found = look.found;
    if (look.found) {
        envm_package_fill_entry(entry, &look.manifest);
        entry->was_cached = true;
    }
    return ENVM_OK;
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
    ENVM_TRY_WRAP(find_checked(store, &place, sha256, &entry, &found, err), err,
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

    ENVM_TRY(find_for(store, record, &record->sha256, ret_entry, &found, err));
    if (found) {
        *ret_archive = NULL;
        return ENVM_OK;
    }
    return envm_package_fetch(store, record, ret_archive, err);
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

enum envm_code envm_store_sync(struct envm_store *store, struct envm_error *err)
{
    return envm_fs_sync_all(store->pkgs_fd, "the package cache", err);
}
