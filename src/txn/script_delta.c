/* SPDX-License-Identifier: MIT */
#include "txn/script_delta.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sys/fs_tree.h"
#include "txn/script_run.h"

void envm_tree_snapshot_release(struct envm_tree_snapshot *snapshot)
{
    envm_map_release(&snapshot->by_path);
    envm_vec_release(&snapshot->entries);
    envm_arena_release(&snapshot->arena);
    *snapshot = (struct envm_tree_snapshot){0};
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct envm_tree_snapshot *snapshot = user;
    struct envm_tree_entry seen = {
        .kind = entry->kind,
        .mode = entry->stat->st_mode & 07777,
        .size = (uint64_t)entry->stat->st_size,
        .inode = entry->stat->st_ino,
        .modified = entry->stat->st_mtim,
        .changed = entry->stat->st_ctim,
    };

    (void)skip;
    (void)err;
    if (envm_str_equal_c(entry->path, ENVM_SCRIPT_MESSAGES))
        return ENVM_OK;
    seen.path = envm_arena_str(&snapshot->arena, entry->path);
    envm_map_set(&snapshot->by_path, seen.path, snapshot->entries.count);
    envm_vec_push(&snapshot->entries, seen);
    return ENVM_OK;
}

enum envm_code envm_tree_snapshot_take(int dirfd, struct envm_tree_snapshot *ret_snapshot,
                                       struct envm_error *err)
{
    return envm_fs_walk(dirfd, visit, ret_snapshot, err);
}

/* --- difference --------------------------------------------------------------------------- */

static const struct envm_tree_entry *find(const struct envm_tree_snapshot *snapshot, envm_str path)
{
    const uint64_t *index = envm_map_find(&snapshot->by_path, path);

    return index ? &snapshot->entries.items[*index] : NULL;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const struct envm_tree_entry *a, const struct envm_tree_entry *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == ENVM_FS_DIRECTORY ||
           (a->mode == b->mode && a->size == b->size && a->inode == b->inode &&
            is_same_time(a->modified, b->modified) && is_same_time(a->changed, b->changed));
}

static enum envm_code refuse(envm_str path, const char *why, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, path, 256);
    return envm_fail(err, ENVM_UNSAFE, "it left '%s', which %s", envm_buf_str(&shown).ptr, why);
}

static enum envm_code check(const struct envm_tree_entry *before,
                            const struct envm_tree_entry *after, struct envm_error *err)
{
    const struct envm_tree_entry *entry = after ? after : before;
    bool was_folder = before && before->kind == ENVM_FS_DIRECTORY;
    bool is_folder = after && after->kind == ENVM_FS_DIRECTORY;
    const struct envm_relpath path = {entry->path};

    if (envm_relpath_is_below(path, ENVM_STR("conda-meta")) ||
        envm_relpath_is_below(path, ENVM_STR(".envm")))
        return refuse(entry->path, "only envm may change", err);
    if (after && after->kind == ENVM_FS_OTHER)
        return refuse(entry->path, "is neither a file nor a folder nor a link", err);
    if (before && after && was_folder != is_folder)
        return refuse(entry->path,
                      is_folder ? "was a file and is a folder" : "was a folder and is a file", err);
    return ENVM_OK;
}

struct differences {
    struct envm_arena *arena;
    ENVM_VEC(struct envm_delta_item) items;
};

static void differences_release(struct differences *differences)
{
    envm_vec_release(&differences->items);
}
ENVM_DEFINE_CLEANUP(differences, struct differences, differences_release)

static enum envm_code add(struct differences *differences, const struct envm_tree_entry *before,
                          const struct envm_tree_entry *after, struct envm_error *err)
{
    const struct envm_tree_entry *entry = after ? after : before;
    struct envm_delta_item item = {.kind = entry->kind, .removed = !after};

    ENVM_TRY(check(before, after, err));
    if (envm_relpath_parse(differences->arena, entry->path, &item.path, NULL) != ENVM_OK)
        return refuse(entry->path, "is no name for a file of an environment", err);
    envm_vec_push(&differences->items, item);
    return ENVM_OK;
}

static int compare_items(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_delta_item *)a)->path.s,
                            ((const struct envm_delta_item *)b)->path.s);
}

enum envm_code envm_delta_between(struct envm_arena *arena, const struct envm_tree_snapshot *before,
                                  const struct envm_tree_snapshot *after,
                                  struct envm_delta *ret_delta, struct envm_error *err)
{
    ENVM_CLEANUP(differences) struct differences found = {.arena = arena};

    for (size_t i = 0; i < after->entries.count; i++) {
        const struct envm_tree_entry *now = &after->entries.items[i];
        const struct envm_tree_entry *then = find(before, now->path);

        if (!then || !is_same(then, now))
            ENVM_TRY(add(&found, then, now, err));
    }
    for (size_t i = 0; i < before->entries.count; i++) {
        const struct envm_tree_entry *then = &before->entries.items[i];

        if (!find(after, then->path))
            ENVM_TRY(add(&found, then, NULL, err));
    }
    if (found.items.count > 1)
        qsort(found.items.items, found.items.count, sizeof(*found.items.items), compare_items);
    ret_delta->count = found.items.count;
    ret_delta->items =
        envm_arena_copy(arena, found.items.items, found.items.count * sizeof(*found.items.items));
    return ENVM_OK;
}
