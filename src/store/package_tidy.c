/* SPDX-License-Identifier: MIT
 *
 * Taking packages away; the contract is in store/package_upkeep.h.
 */
#include "store/package_upkeep.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/vec.h"
#include "store/package_measure.h"
#include "sys/clock.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"

/* Packages that are hidden while others have to wait. */
#define BATCH 32

struct tidying {
    struct envm_store *store;
    struct envm_arena *arena;
    const struct envm_store_clean *request;
    struct envm_store_cleaned result;
    ENVM_VEC(struct envm_relpath) trash; /* in the run directory */
};

static void release_tidying(struct tidying *tidying)
{
    envm_vec_release(&tidying->trash);
}
ENVM_DEFINE_CLEANUP(tidying, struct tidying, release_tidying)

/* --- packages ------------------------------------------------------------------------------- */

static bool is_young(const struct tidying *tidying, const struct envm_store_item *item)
{
    return tidying->request->older_than_s > 0 &&
           envm_clock_now() - item->used < tidying->request->older_than_s;
}

/* Keeps in `list` what is to be removed. */
static void choose(struct tidying *tidying, struct envm_store_item_list *list)
{
    size_t chosen = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].linked)
            tidying->result.kept_linked++;
        else if (is_young(tidying, &list->items[i]))
            tidying->result.kept_young++;
        else
            list->items[chosen++] = list->items[i];
    }
    list->count = chosen;
}

/* Somebody may have made an environment from it since it was chosen. */
static enum envm_code hide_one(struct tidying *tidying, struct envm_store_item *item,
                               struct envm_error *err)
{
    struct envm_store_place place = envm_store_place_of(tidying->arena, &item->sha256);
    struct envm_relpath trash = {0};

    envm_store_measure(tidying->store, &place, item);
    if (item->linked || is_young(tidying, item)) {
        tidying->result.kept_linked += item->linked;
        tidying->result.kept_young += !item->linked;
        return ENVM_OK;
    }
    ENVM_TRY(envm_store_hide(tidying->store, &place, tidying->arena, &trash, err));
    if (trash.s.len > 0)
        envm_vec_push(&tidying->trash, trash);
    tidying->result.removed.items[tidying->result.removed.count++] = *item;
    tidying->result.bytes += item->freed;
    return ENVM_OK;
}

static enum envm_code empty_trash(struct tidying *tidying, struct envm_error *err)
{
    for (size_t i = 0; i < tidying->trash.count; i++)
        ENVM_TRY(envm_fs_remove_tree(tidying->store->run_fd, tidying->trash.items[i], err));
    tidying->trash.count = 0;
    return ENVM_OK;
}

static enum envm_code hide_batch(struct tidying *tidying, struct envm_store_item *items,
                                 size_t count, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_store_lock_alone(tidying->store, tidying->request->timeout_ms, &lock, err));
    for (size_t i = 0; i < count; i++)
        ENVM_TRY(hide_one(tidying, &items[i], err));
    return ENVM_OK;
}

static enum envm_code tidy_packages(struct tidying *tidying, struct envm_error *err)
{
    struct envm_store_item_list list = {0};

    ENVM_TRY(envm_store_list(tidying->store, tidying->arena, &list, err));
    choose(tidying, &list);
    if (tidying->request->dry_run) {
        tidying->result.removed = list;
        for (size_t i = 0; i < list.count; i++)
            tidying->result.bytes += list.items[i].freed;
        return ENVM_OK;
    }
    tidying->result.removed.items =
        envm_arena_new_array(tidying->arena, struct envm_store_item, list.count);
    for (size_t i = 0; i < list.count; i += BATCH) {
        size_t count = list.count - i < BATCH ? list.count - i : BATCH;

        if (envm_sink_cancelled(tidying->store->config.sink))
            return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
        ENVM_TRY(hide_batch(tidying, list.items + i, count, err));
        ENVM_TRY(empty_trash(tidying, err));
    }
    return ENVM_OK;
}

/* --- leftovers ------------------------------------------------------------------------------ */

struct leftovers {
    struct tidying *tidying;
    int dirfd; /* tmp or pkgs */
    bool in_pkgs;
    ENVM_VEC(struct envm_relpath) found;
};

static void release_leftovers(struct leftovers *leftovers)
{
    envm_vec_release(&leftovers->found);
}
ENVM_DEFINE_CLEANUP(leftovers, struct leftovers, release_leftovers)

/* A manifest whose package is gone, or a file that a killed process was writing. */
static bool is_leftover(const struct leftovers *leftovers, const struct envm_fs_entry *entry)
{
    envm_str suffix = ENVM_STR(".manifest");
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct envm_relpath tree;
    envm_str path = entry->path;

    if (envm_str_starts_with(envm_str_from(entry->leaf), ENVM_STR(".envm-")))
        return true;
    if (!envm_str_ends_with(path, suffix))
        return false;
    path = envm_str_slice(path, 0, path.len - suffix.len);
    return envm_relpath_parse(leftovers->tidying->arena, path, &tree, NULL) == ENVM_OK &&
           envm_fs_stat(leftovers->dirfd, tree, &kind, NULL, NULL) == ENVM_OK &&
           kind == ENVM_FS_ABSENT;
}

/* Asked in a dry run, when others may be at work. */
static bool is_alive(const struct leftovers *leftovers, struct envm_relpath path)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    ENVM_CLEANUP(envm_fd) int fd = -1;

    return leftovers->tidying->request->dry_run && !leftovers->in_pkgs &&
           envm_fs_open_dir(leftovers->dirfd, path, &fd, NULL) == ENVM_OK &&
           envm_fs_lock_take(fd, ENVM_RELPATH("lock"), true, 0, NULL, &lock, NULL) == ENVM_LOCKED;
}

static enum envm_code visit_leftover(void *user, const struct envm_fs_entry *entry, bool *skip,
                                     struct envm_error *err)
{
    struct leftovers *leftovers = user;
    struct tidying *tidying = leftovers->tidying;
    bool is_shard = leftovers->in_pkgs && envm_str_find_char(entry->path, '/') == SIZE_MAX;
    struct envm_relpath path;

    (void)err;
    if (is_shard)
        return ENVM_OK;
    *skip = true;
    if (leftovers->in_pkgs ? !is_leftover(leftovers, entry)
                           : envm_str_equal(entry->path, tidying->store->run.s))
        return ENVM_OK;
    if (envm_relpath_parse(tidying->arena, entry->path, &path, NULL) != ENVM_OK ||
        is_alive(leftovers, path))
        return ENVM_OK;
    envm_vec_push(&leftovers->found, path);
    tidying->result.temporary++;
    tidying->result.bytes += (uint64_t)entry->stat->st_blocks * 512;
    return ENVM_OK;
}

static enum envm_code tidy_leftovers_of(struct tidying *tidying, int dirfd, bool in_pkgs,
                                        struct envm_error *err)
{
    ENVM_CLEANUP(leftovers)
    struct leftovers leftovers = {.tidying = tidying, .dirfd = dirfd, .in_pkgs = in_pkgs};

    ENVM_TRY(envm_fs_walk(dirfd, visit_leftover, &leftovers, err));
    for (size_t i = 0; i < leftovers.found.count && !tidying->request->dry_run; i++) {
        struct envm_relpath trash, target;

        ENVM_TRY(envm_fs_temp_dir(tidying->store->run_fd, "trash-", tidying->arena, &trash, err));
        ENVM_TRY(envm_relpath_join(tidying->arena, trash, ENVM_STR("tree"), &target, err));
        ENVM_TRY(
            envm_fs_rename(dirfd, leftovers.found.items[i], tidying->store->run_fd, target, err));
        envm_vec_push(&tidying->trash, trash);
    }
    return ENVM_OK;
}

static enum envm_code tidy_leftovers(struct tidying *tidying, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    /* Whose files lie there is certain only when nobody else is at work; a dry run guesses. */
    if (!tidying->request->dry_run)
        ENVM_TRY(envm_store_lock_alone(tidying->store, tidying->request->timeout_ms, &lock, err));
    ENVM_TRY(tidy_leftovers_of(tidying, tidying->store->tmp_fd, false, err));
    ENVM_TRY(tidy_leftovers_of(tidying, tidying->store->pkgs_fd, true, err));
    envm_fs_lock_drop(&lock);
    return empty_trash(tidying, err);
}

enum envm_code envm_store_tidy(struct envm_store *store, struct envm_arena *arena,
                               const struct envm_store_clean *request,
                               struct envm_store_cleaned *ret_result, struct envm_error *err)
{
    ENVM_CLEANUP(tidying)
    struct tidying tidying = {.store = store, .arena = arena, .request = request};

    if (request->packages)
        ENVM_TRY_WRAP(tidy_packages(&tidying, err), err, "cleaning the package cache");
    if (request->temporary)
        ENVM_TRY_WRAP(tidy_leftovers(&tidying, err), err, "cleaning the package cache");
    *ret_result = tidying.result;
    return ENVM_OK;
}
