/* SPDX-License-Identifier: MIT */
#include "store/package_upkeep.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/vec.h"
#include "conda/package_record.h"
#include "store/package_find.h"
#include "store/package_measure.h"
#include "sys/fs_tree.h"
#include "sys/workers.h"

#define HEX_LENGTH 64

/* --- what is there -------------------------------------------------------------------------- */

struct listing {
    struct envm_arena *arena;
    ENVM_VEC(struct envm_sha256) entries;
};

static void release_listing(struct listing *listing)
{
    envm_vec_release(&listing->entries);
}
ENVM_DEFINE_CLEANUP(listing, struct listing, release_listing)

/* "ab/ab…" of a tree; what is in a tree is not looked at. */
static enum envm_code visit_entry(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    struct listing *listing = user;
    struct envm_sha256 sha256 = {0};

    (void)err;
    if (envm_str_find_char(entry->path, '/') == SIZE_MAX)
        return ENVM_OK;
    *skip = true;
    if (strlen(entry->leaf) == HEX_LENGTH &&
        envm_sha256_parse(envm_str_from(entry->leaf), &sha256) &&
        envm_str_starts_with(envm_str_from(entry->leaf), envm_str_slice(entry->path, 0, 2)))
        envm_vec_push(&listing->entries, sha256);
    return ENVM_OK;
}

static enum envm_code list_entries(struct envm_store *store, struct listing *listing,
                                   struct envm_error *err)
{
    return envm_fs_walk(store->pkgs_fd, visit_entry, listing, err);
}

static void name_item(struct envm_store *store, struct envm_arena *arena,
                      const struct envm_store_place *place, struct envm_store_item *item)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_MANIFEST_MAX);
    struct envm_manifest manifest;

    if (envm_fs_read_at(store->pkgs_fd, place->manifest, &text, NULL) == ENVM_OK &&
        envm_manifest_read(&scratch, envm_buf_str(&text), &manifest, NULL) == ENVM_OK)
        item->package = envm_package_record_stem(arena, manifest.index);
    else
        item->package = envm_arena_str(arena, envm_str_from(envm_sha256_hex(&item->sha256).text));
}

enum envm_code envm_store_list(struct envm_store *store, struct envm_arena *arena,
                               struct envm_store_item_list *ret_list, struct envm_error *err)
{
    ENVM_CLEANUP(listing) struct listing listing = {.arena = arena};
    struct envm_store_item_list list = {0};

    ENVM_TRY_WRAP(list_entries(store, &listing, err), err, "package cache");
    list.count = listing.entries.count;
    list.items = envm_arena_new_array(arena, struct envm_store_item, list.count);
    for (size_t i = 0; i < list.count; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
        struct envm_store_place place = envm_store_place_of(&scratch, &listing.entries.items[i]);

        list.items[i].sha256 = listing.entries.items[i];
        name_item(store, arena, &place, &list.items[i]);
        envm_store_measure(store, &place, &list.items[i]);
    }
    *ret_list = list;
    return ENVM_OK;
}

/* --- verify --------------------------------------------------------------------------------- */

struct verify_job {
    struct envm_store *store;
    struct envm_sha256 sha256;
    struct envm_store_entry entry; /* its arena holds the result */
    struct envm_store_look look;
};

static enum envm_code look_twice(struct verify_job *job, const struct envm_store_view *view,
                                 const struct envm_store_place *place, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_store_look_at(view, place, &job->sha256, &job->entry, &job->look, err));
    if (job->look.has_manifest && job->entry.dirfd >= 0)
        ENVM_TRY(envm_package_check_extra(&job->entry.arena, job->entry.dirfd, &job->look.manifest,
                                          &job->look.check, err));
    if (!job->look.found || job->look.check.fault_count == 0)
        return ENVM_OK;
    /* Only what is still so under the lock counts: somebody may be replacing the package. */
    ENVM_TRY(envm_store_lock(job->store, place, &lock, err));
    ENVM_TRY(envm_store_look_at(view, place, &job->sha256, &job->entry, &job->look, err));
    if (job->entry.dirfd < 0)
        return ENVM_OK;
    return envm_package_check_extra(&job->entry.arena, job->entry.dirfd,
                                    job->look.has_manifest ? &job->look.manifest : NULL,
                                    &job->look.check, err);
}

static enum envm_code verify_entry(void *argument, struct envm_error *err)
{
    struct verify_job *job = argument;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_store_place place = envm_store_place_of(&arena, &job->sha256);
    const struct envm_store_view view = {
        .store = job->store, .pkgs_fd = job->store->pkgs_fd, .read_all = true};

    if (envm_sink_cancelled(job->store->config.sink))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
    ENVM_TRY_WRAP(look_twice(job, &view, &place, err), err, "package cache, entry %s",
                  place.tree.s.ptr);
    if (job->look.found && job->look.check.fault_count == 0)
        envm_store_keep_look(&view, &place, &job->entry, &job->look);
    envm_close_fd(&job->entry.dirfd);
    return ENVM_OK;
}

static struct envm_store_damage keep_damage(struct envm_arena *arena, const struct verify_job *job)
{
    struct envm_store_damage damage =
        envm_store_damage_of(arena, &job->sha256, &job->look, ENVM_STR(""));
    struct envm_store_fault *faults =
        envm_arena_copy(arena, damage.faults, damage.fault_count * sizeof(*faults));

    for (size_t i = 0; i < damage.fault_count; i++) {
        faults[i].path = envm_arena_str(arena, faults[i].path);
        faults[i].what = envm_arena_str(arena, faults[i].what);
    }
    damage.faults = faults;
    return damage;
}

static void collect(struct envm_arena *arena, struct verify_job *jobs, size_t count,
                    struct envm_store_verification *result)
{
    result->damages = envm_arena_new_array(arena, struct envm_store_damage, count);
    for (size_t i = 0; i < count; i++) {
        if (!jobs[i].look.found)
            continue;
        result->packages++;
        result->files += jobs[i].look.check.files;
        result->bytes += jobs[i].look.check.bytes;
        if (jobs[i].look.check.fault_count > 0)
            result->damages[result->damage_count++] = keep_damage(arena, &jobs[i]);
    }
}

enum envm_code envm_store_verify(struct envm_store *store, struct envm_arena *arena,
                                 unsigned threads, struct envm_store_verification *ret_result,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(listing) struct listing listing = {.arena = arena};
    struct envm_store_verification result = {0};
    struct verify_job *jobs;
    enum envm_code code;

    ENVM_TRY_WRAP(list_entries(store, &listing, err), err, "package cache");
    jobs = envm_alloc_zero(listing.entries.count + 1, sizeof(*jobs));
    for (size_t i = 0; i < listing.entries.count; i++)
        jobs[i] = (struct verify_job){
            .store = store, .sha256 = listing.entries.items[i], .entry = ENVM_STORE_ENTRY_EMPTY};
    code =
        envm_workers_each(threads, verify_entry, jobs, sizeof(*jobs), listing.entries.count, err);
    if (code == ENVM_OK)
        collect(arena, jobs, listing.entries.count, &result);
    for (size_t i = 0; i < listing.entries.count; i++)
        envm_store_entry_release(&jobs[i].entry);
    envm_free(jobs);
    if (code == ENVM_OK)
        *ret_result = result;
    return code;
}

/* --- by name -------------------------------------------------------------------------------- */

/* ".../SUBDIR/FILE": the channel is what stands before. */
static void fill_from_url(struct envm_arena *arena, envm_str url,
                          struct envm_package_record *record)
{
    size_t slash = envm_str_find_last_char(url, '/');
    envm_str folder = envm_str_slice(url, 0, slash == SIZE_MAX ? 0 : slash);
    size_t before = envm_str_find_last_char(folder, '/');

    record->url = envm_arena_str(arena, url);
    if (slash == SIZE_MAX || before == SIZE_MAX)
        return;
    record->file_name = envm_arena_str(arena, envm_str_skip(url, slash + 1));
    record->channel = envm_arena_str(arena, envm_str_slice(folder, 0, before));
    if (record->subdir.len == 0)
        record->subdir = envm_arena_str(arena, envm_str_skip(folder, before + 1));
}

static bool is_of_stem(const struct envm_manifest *manifest, envm_str stem)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    return manifest->url.len > 0 &&
           envm_str_equal(envm_package_record_stem(&arena, manifest->index), stem);
}

enum envm_code envm_store_record_of(struct envm_store *store, struct envm_arena *arena,
                                    envm_str stem, struct envm_package_record **ret_record,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(listing) struct listing listing = {.arena = arena};
    struct envm_package_record *found = NULL;
    size_t count = 0;

    *ret_record = NULL;
    ENVM_TRY_WRAP(list_entries(store, &listing, err), err, "package cache");
    for (size_t i = 0; i < listing.entries.count; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
        ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_MANIFEST_MAX);
        struct envm_store_place place = envm_store_place_of(&scratch, &listing.entries.items[i]);
        struct envm_manifest manifest;

        if (envm_fs_read_at(store->pkgs_fd, place.manifest, &text, NULL) != ENVM_OK ||
            envm_manifest_read(&scratch, envm_buf_str(&text), &manifest, NULL) != ENVM_OK ||
            !is_of_stem(&manifest, stem))
            continue;
        count++;
        found = envm_package_record_copy(arena, manifest.index);
        found->sha256 = manifest.sha256;
        found->md5 = manifest.md5;
        found->has_size = true;
        found->size = manifest.archive_size;
        fill_from_url(arena, manifest.url, found);
    }
    if (count == 1)
        *ret_record = found;
    return ENVM_OK;
}

enum envm_code envm_store_remove(struct envm_store *store, const struct envm_sha256 *sha256,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    struct envm_store_place place = envm_store_place_of(&arena, sha256);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(store->pkgs_fd, place.shard, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    ENVM_TRY(envm_store_lock(store, &place, &lock, err));
    return envm_store_discard(store, &place, err);
}
