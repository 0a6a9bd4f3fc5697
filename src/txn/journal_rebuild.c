/* SPDX-License-Identifier: MIT */
#include "txn/journal_rebuild.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "codec/digest.h"
#include "conda/package_record.h"
#include "lock/lockfile.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_metadata.h"
#include "prefix/prefix_history.h"
#include "prefix/prefix_record.h"
#include "sys/fs_atomic.h"
#include "sys/fs_tree.h"
#include "txn/journal_apply.h"
#include "txn/python_cache.h"
#include "txn/transaction_recover.h"

#define LOCK_SIZE_MAX ((size_t)64 << 20)
#define SUM_SIZE_MAX ((size_t)4096)

/* --- which are damaged -------------------------------------------------------------------- */

struct search {
    struct envm_arena *arena;
    ENVM_VEC(envm_str) ids; /* folders below .envm/txn */
};

static void search_release(struct search *search)
{
    envm_vec_release(&search->ids);
}
ENVM_DEFINE_CLEANUP(search, struct search, search_release)

static bool is_whole(int change_fd)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_JOURNAL_SIZE_MAX);
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    if (envm_fs_stat(change_fd, ENVM_RELPATH(ENVM_CHANGE_COMMITTED), &kind, NULL, NULL) !=
            ENVM_OK ||
        kind != ENVM_FS_FILE)
        return true; /* none */
    if (envm_fs_read_at(change_fd, ENVM_RELPATH(ENVM_CHANGE_COMMITTED), &text, NULL) != ENVM_OK)
        return true; /* gone meanwhile, or not to be read: another error tells */
    return envm_journal_read(&arena, envm_buf_str(&text), &journal, &failure) != ENVM_DAMAGED;
}

static enum envm_code visit_change(void *user, const struct envm_fs_entry *entry, bool *skip,
                                   struct envm_error *err)
{
    struct search *search = user;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_relpath leaf;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_DIRECTORY &&
        envm_relpath_parse(&arena, envm_str_from(entry->leaf), &leaf, NULL) == ENVM_OK &&
        envm_fs_open_dir(entry->parent_fd, leaf, &fd, NULL) == ENVM_OK && !is_whole(fd))
        envm_vec_push(&search->ids, envm_arena_str(search->arena, leaf.s));
    return ENVM_OK;
}

static enum envm_code find_damaged(struct search *search, int prefix_fd, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &kind, NULL, err));
    if (kind != ENVM_FS_DIRECTORY)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_dir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &fd, err));
    return envm_fs_walk(fd, visit_change, search, err);
}

static struct envm_str_list paths_of(const struct search *search)
{
    envm_str *paths = envm_arena_new_array(search->arena, envm_str, search->ids.count);

    for (size_t i = 0; i < search->ids.count; i++)
        paths[i] =
            envm_arena_printf(search->arena, ENVM_PREFIX_CHANGES "/%.*s/" ENVM_CHANGE_COMMITTED,
                              ENVM_STR_ARGS(search->ids.items[i]));
    return (struct envm_str_list){paths, search->ids.count};
}

enum envm_code envm_journals_damaged(struct envm_arena *arena, int prefix_fd,
                                     struct envm_str_list *ret_paths, struct envm_error *err)
{
    ENVM_CLEANUP(search) struct search search = {.arena = arena};

    ENVM_TRY(find_damaged(&search, prefix_fd, err));
    *ret_paths = paths_of(&search);
    return ENVM_OK;
}

/* --- what the change leads to ------------------------------------------------------------- */

struct rebuild {
    struct envm_arena *arena;
    int prefix_fd, new_fd;
    const struct envm_record_list *target;  /* packages of the new lock */
    struct envm_prefix_record_list present; /* records in place */
    struct envm_prefix_record_list staged;
    struct envm_map old;  /* path -> struct envm_prefix_path of a record in place */
    struct envm_map kept; /* paths that the packages of the new state have */
    struct envm_map folders;
    struct envm_journal journal;
};

static void rebuild_release(struct rebuild *rebuild)
{
    envm_close_fd(&rebuild->new_fd);
    envm_map_release(&rebuild->old);
    envm_map_release(&rebuild->kept);
    envm_map_release(&rebuild->folders);
    envm_journal_release(&rebuild->journal);
}
ENVM_DEFINE_CLEANUP(rebuild, struct rebuild, rebuild_release)

/* A file of the new state: staged still, or in its place already. *ret_there is false when neither
 * is. */
static enum envm_code read_new(const struct rebuild *rebuild, struct envm_relpath path,
                               struct envm_buf *text, bool *ret_there, struct envm_error *err)
{
    const int folders[] = {rebuild->new_fd, rebuild->prefix_fd};

    *ret_there = false;
    for (size_t i = 0; i < 2 && !*ret_there; i++) {
        enum envm_fs_kind kind = ENVM_FS_ABSENT;

        ENVM_TRY(envm_fs_stat(folders[i], path, &kind, NULL, err));
        if (kind != ENVM_FS_FILE)
            continue;
        ENVM_TRY(envm_fs_read_at(folders[i], path, text, err));
        *ret_there = true;
    }
    return ENVM_OK;
}

static enum envm_code fail(const char *why, struct envm_error *err)
{
    (void)envm_fail(err, ENVM_DAMAGED, "the journal of an interrupted change is damaged, and %s",
                    why);
    return envm_error_hint(err, ENVM_DAMAGED,
                           "make the environment anew from its file or lock: envm create --force");
}

static enum envm_code read_lock(struct rebuild *rebuild, envm_str platform, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(LOCK_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf sum = envm_buf_limit(SUM_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf wanted = envm_buf_text();
    struct envm_lockfile *lock = envm_arena_new(rebuild->arena, struct envm_lockfile);
    const struct envm_lock_platform *block;
    bool has_lock = false;
    bool has_sum = false;

    ENVM_TRY(read_new(rebuild, ENVM_KEPT_LOCK, &text, &has_lock, err));
    ENVM_TRY(read_new(rebuild, ENVM_KEPT_LOCK_SUM, &sum, &has_sum, err));
    if (!has_lock)
        return fail("there is no lock that tells what it was to lead to", err);
    envm_kept_lock_sum(envm_buf_str(&text), &wanted);
    if (!has_sum || !envm_str_equal(envm_buf_str(&sum), envm_buf_str(&wanted)) ||
        envm_lockfile_read(rebuild->arena, envm_arena_str(rebuild->arena, envm_buf_str(&text)),
                           "envm.lock", lock, NULL) != ENVM_OK)
        return fail("so is the lock that tells what it was to lead to", err);
    block = envm_lockfile_platform(lock, platform);
    if (!block && lock->platform_count == 1)
        block = &lock->platforms[0];
    if (!block)
        return fail("its lock has no packages for this platform", err);
    rebuild->target = &block->packages;
    rebuild->journal.new_tree = block->tree;
    return ENVM_OK;
}

static bool is_wanted(const struct rebuild *rebuild, const struct envm_package_record *record)
{
    for (size_t i = 0; i < rebuild->target->count; i++) {
        if (envm_package_record_is_same(rebuild->target->items[i], record))
            return true;
    }
    return false;
}

static const struct envm_prefix_record *find_by_name(const struct envm_prefix_record_list *list,
                                                     envm_str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (envm_str_equal(list->items[i]->record->name, name))
            return list->items[i];
    }
    return NULL;
}

/* Stays as it is: the others of the records in place are replaced or go. */
static bool stays(const struct rebuild *rebuild, const struct envm_prefix_record *record)
{
    return is_wanted(rebuild, record->record) &&
           !find_by_name(&rebuild->staged, record->record->name);
}

static void note_paths(struct envm_map *map, const struct envm_prefix_record *record)
{
    for (size_t i = 0; i < record->path_count; i++)
        envm_map_set(map, record->paths[i].path.s, (uint64_t)(uintptr_t)&record->paths[i]);
}

static enum envm_code load(struct rebuild *rebuild, envm_str platform, struct envm_error *err)
{
    struct envm_arena *arena = rebuild->arena;

    ENVM_TRY(envm_prefix_records_load(arena, rebuild->prefix_fd, true, &rebuild->present, err));
    ENVM_TRY(envm_prefix_records_load(arena, rebuild->new_fd, true, &rebuild->staged, err));
    ENVM_TRY(read_lock(rebuild, platform, err));
    if (rebuild->staged.bad_files.count > 0)
        return fail("so is a staged record", err);
    for (size_t i = 0; i < rebuild->staged.count; i++) {
        if (!is_wanted(rebuild, rebuild->staged.items[i]->record))
            return fail("its lock does not agree with its records", err);
        note_paths(&rebuild->kept, rebuild->staged.items[i]);
    }
    for (size_t i = 0; i < rebuild->present.count; i++) {
        const struct envm_prefix_record *record = rebuild->present.items[i];

        note_paths(&rebuild->old, record);
        if (stays(rebuild, record))
            note_paths(&rebuild->kept, record);
    }
    return ENVM_OK;
}

/* --- operations on files ------------------------------------------------------------------ */

static void add(struct rebuild *rebuild, enum envm_journal_kind kind, struct envm_relpath path,
                const struct envm_seen *seen)
{
    struct envm_journal_op op = {.kind = kind, .path = path};

    if (seen)
        op.seen = *seen;
    envm_vec_push(&rebuild->journal.ops, op);
}

/* What a package's record says of a path; what is not that when the journal is carried out is the
 * user's, and kept. */
static struct envm_seen as_recorded(const struct envm_prefix_path *path)
{
    if (!path)
        return (struct envm_seen){0};
    if (path->type == ENVM_PATH_SYMLINK)
        return (struct envm_seen){.kind = ENVM_SEEN_SYMLINK,
                                  .sha256 = envm_sha256_of(path->link_target)};
    return (struct envm_seen){.kind = ENVM_SEEN_FILE,
                              .sha256 = path->sha256_in_prefix.known ? path->sha256_in_prefix
                                                                     : path->sha256};
}

static const struct envm_prefix_path *find_old(const struct rebuild *rebuild, envm_str path)
{
    const uint64_t *value = envm_map_find(&rebuild->old, path);

    return value ? (const struct envm_prefix_path *)(uintptr_t)*value : NULL;
}

static void note_folders(struct rebuild *rebuild, envm_str path)
{
    for (size_t slash = envm_str_find_last_char(path, '/'); slash != SIZE_MAX;
         slash = envm_str_find_last_char(path, '/')) {
        path = envm_str_slice(path, 0, slash);
        envm_map_set(&rebuild->folders, path, 1);
    }
}

/* Files of packages that leave or are replaced, as far as no package of the new state has them. */
static enum envm_code add_removals(struct rebuild *rebuild, struct envm_error *err)
{
    ENVM_CLEANUP(envm_python_cache) struct envm_python_cache cache = {.arena = rebuild->arena};

    for (size_t i = 0; i < rebuild->present.count; i++) {
        const struct envm_prefix_record *record = rebuild->present.items[i];

        for (size_t j = 0; !stays(rebuild, record) && j < record->path_count; j++) {
            const struct envm_prefix_path *path = &record->paths[j];
            struct envm_seen seen = as_recorded(path);

            note_folders(rebuild, path->path.s);
            envm_python_cache_add(&cache, path->path.s);
            if (path->type == ENVM_PATH_DIRECTORY)
                envm_map_set(&rebuild->folders, path->path.s, 1);
            else if (!envm_map_find(&rebuild->kept, path->path.s))
                add(rebuild, ENVM_JOURNAL_REMOVE, path->path, &seen);
        }
    }
    ENVM_TRY(envm_python_cache_find(&cache, rebuild->prefix_fd, err));
    for (size_t i = 0; i < cache.files.count; i++) {
        if (envm_map_find(&rebuild->kept, cache.files.items[i].s))
            continue;
        note_folders(rebuild, cache.files.items[i].s);
        add(rebuild, ENVM_JOURNAL_REMOVE, cache.files.items[i],
            &(struct envm_seen){.kind = ENVM_SEEN_FILE});
        rebuild->journal.ops.items[rebuild->journal.ops.count - 1].disposable = true;
    }
    return ENVM_OK;
}

static int compare_deepest_first(const void *a, const void *b)
{
    return -envm_str_compare_qsort(a, b);
}

static enum envm_code add_folder_removals(struct rebuild *rebuild, struct envm_error *err)
{
    struct envm_relpath *paths =
        envm_arena_new_array(rebuild->arena, struct envm_relpath, rebuild->folders.count);
    envm_str path;
    uint64_t value;
    size_t position = 0;
    size_t count = 0;

    while (envm_map_next(&rebuild->folders, &position, &path, &value)) {
        const uint64_t *kept = envm_map_find(&rebuild->kept, path);

        /* An empty folder of a package of the new state stays. */
        if (!kept ||
            ((const struct envm_prefix_path *)(uintptr_t)*kept)->type != ENVM_PATH_DIRECTORY)
            ENVM_TRY(envm_relpath_parse(rebuild->arena, path, &paths[count++], err));
    }
    if (count > 1)
        qsort(paths, count, sizeof(*paths), compare_deepest_first);
    for (size_t i = 0; i < count; i++)
        add(rebuild, ENVM_JOURNAL_RMDIR, paths[i], NULL);
    return ENVM_OK;
}

static bool is_metadata(envm_str path)
{
    return envm_str_starts_with(path, ENVM_STR("conda-meta/"));
}

/* What lies ready. Folders stand before what is in them, so nothing has to be sorted. */
static enum envm_code visit_staged(void *user, const struct envm_fs_entry *entry, bool *skip,
                                   struct envm_error *err)
{
    struct rebuild *rebuild = user;
    struct envm_relpath path;
    struct envm_seen seen;

    (void)skip;
    if (envm_str_equal_c(entry->path, "conda-meta") || is_metadata(entry->path))
        return ENVM_OK;
    ENVM_TRY(envm_relpath_parse(rebuild->arena, entry->path, &path, err));
    seen = as_recorded(find_old(rebuild, path.s));
    add(rebuild, entry->kind == ENVM_FS_DIRECTORY ? ENVM_JOURNAL_MKDIR : ENVM_JOURNAL_PUT, path,
        &seen);
    return ENVM_OK;
}

static void add_empty_folders(struct rebuild *rebuild)
{
    for (size_t i = 0; i < rebuild->staged.count; i++) {
        const struct envm_prefix_record *record = rebuild->staged.items[i];

        for (size_t j = 0; j < record->path_count; j++) {
            if (record->paths[j].type == ENVM_PATH_DIRECTORY)
                add(rebuild, ENVM_JOURNAL_MKDIR, record->paths[j].path, NULL);
        }
    }
}

/* --- operations on conda-meta ------------------------------------------------------------- */

/* envm's own files: whatever is there is replaced. */
static enum envm_code add_seen(struct rebuild *rebuild, enum envm_journal_kind kind,
                               struct envm_relpath path, struct envm_error *err)
{
    struct envm_seen seen;

    ENVM_TRY(envm_journal_look(rebuild->prefix_fd, path, true, &seen, NULL, err));
    add(rebuild, kind, path, &seen);
    return ENVM_OK;
}

static enum envm_code add_record_removals(struct rebuild *rebuild, struct envm_error *err)
{
    for (size_t i = 0; i < rebuild->present.count; i++) {
        const struct envm_package_record *record = rebuild->present.items[i]->record;
        const struct envm_prefix_record *staged = find_by_name(&rebuild->staged, record->name);
        struct envm_relpath path;

        if (stays(rebuild, rebuild->present.items[i]) ||
            (staged && envm_str_equal(envm_package_record_stem(rebuild->arena, record),
                                      envm_package_record_stem(rebuild->arena, staged->record))))
            continue;
        ENVM_TRY(envm_prefix_record_path(rebuild->arena, record, &path, err));
        ENVM_TRY(add_seen(rebuild, ENVM_JOURNAL_REMOVE, path, err));
    }
    return ENVM_OK;
}

static enum envm_code visit_metadata(void *user, const struct envm_fs_entry *entry, bool *skip,
                                     struct envm_error *err)
{
    struct rebuild *rebuild = user;
    struct envm_relpath path;

    (void)skip;
    if (!is_metadata(entry->path) || envm_str_equal(entry->path, ENVM_HISTORY.s))
        return ENVM_OK;
    ENVM_TRY(envm_relpath_parse(rebuild->arena, entry->path, &path, err));
    if (entry->kind != ENVM_FS_DIRECTORY)
        return add_seen(rebuild, ENVM_JOURNAL_PUT, path, err);
    add(rebuild, ENVM_JOURNAL_MKDIR, path, NULL);
    return ENVM_OK;
}

/* Where the staged block belongs: behind all that is there, or where a killed run has begun to
 * write it. */
static uint64_t append_offset(envm_str history, envm_str block)
{
    envm_str first = envm_str_slice(block, 0, envm_str_find_char(block, '\n'));
    uint64_t found = history.len;

    for (size_t at = 0; first.len > 0 && at < history.len;) {
        size_t end = envm_str_find_char(envm_str_skip(history, at), '\n');

        if (envm_str_starts_with(block, envm_str_skip(history, at)))
            return at;
        at = end == SIZE_MAX ? history.len : at + end + 1;
    }
    return found;
}

static enum envm_code add_history(struct rebuild *rebuild, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf block = envm_buf_limit(ENVM_HISTORY_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf history = envm_buf_limit(ENVM_HISTORY_SIZE_MAX);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct envm_seen seen = {.kind = ENVM_SEEN_FILE};

    ENVM_TRY(envm_fs_stat(rebuild->new_fd, ENVM_HISTORY, &kind, NULL, err));
    if (kind != ENVM_FS_FILE)
        return ENVM_OK;
    ENVM_TRY(envm_fs_read_at(rebuild->new_fd, ENVM_HISTORY, &block, err));
    ENVM_TRY(envm_fs_stat(rebuild->prefix_fd, ENVM_HISTORY, &kind, NULL, err));
    if (kind == ENVM_FS_FILE)
        ENVM_TRY(envm_fs_read_at(rebuild->prefix_fd, ENVM_HISTORY, &history, err));
    seen.size = append_offset(envm_buf_str(&history), envm_buf_str(&block));
    add(rebuild, ENVM_JOURNAL_APPEND, ENVM_HISTORY, &seen);
    return ENVM_OK;
}

/* --- the whole ---------------------------------------------------------------------------- */

static enum envm_code make_journal(struct rebuild *rebuild, envm_str platform,
                                   struct envm_error *err)
{
    ENVM_TRY(load(rebuild, platform, err));
    ENVM_TRY(add_removals(rebuild, err));
    ENVM_TRY(add_folder_removals(rebuild, err));
    ENVM_TRY(envm_fs_walk(rebuild->new_fd, visit_staged, rebuild, err));
    add_empty_folders(rebuild);
    ENVM_TRY(add_record_removals(rebuild, err));
    ENVM_TRY(envm_fs_walk(rebuild->new_fd, visit_metadata, rebuild, err));
    return add_history(rebuild, err);
}

static enum envm_code replace_journal(struct rebuild *rebuild, int change_fd,
                                      struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_JOURNAL_SIZE_MAX);

    envm_journal_write(&rebuild->journal, &text);
    if (text.overflowed)
        return envm_fail(err, ENVM_GAVE_UP, "the change has too many files for one journal");
    return envm_fs_write_atomic(change_fd, ENVM_RELPATH(ENVM_CHANGE_COMMITTED), envm_buf_str(&text),
                                0600, true, err);
}

static enum envm_code rebuild_one(struct envm_arena *arena, int prefix_fd, envm_str name,
                                  envm_str platform, struct envm_error *err)
{
    ENVM_CLEANUP(rebuild)
    struct rebuild rebuild = {.arena = arena, .prefix_fd = prefix_fd, .new_fd = -1};
    ENVM_CLEANUP(envm_fd) int changes_fd = -1;
    ENVM_CLEANUP(envm_fd) int change_fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct envm_relpath id;

    ENVM_TRY(envm_relpath_parse(arena, name, &id, err));
    ENVM_TRY(envm_fs_open_dir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &changes_fd, err));
    ENVM_TRY(envm_fs_open_dir(changes_fd, id, &change_fd, err));
    ENVM_TRY(envm_fs_stat(change_fd, ENVM_RELPATH(ENVM_CHANGE_NEW), &kind, NULL, err));
    /* Without staged files it was carried out: recovery would ask the journal for nothing. */
    if (kind == ENVM_FS_DIRECTORY) {
        ENVM_TRY(envm_fs_open_dir(change_fd, ENVM_RELPATH(ENVM_CHANGE_NEW), &rebuild.new_fd, err));
        ENVM_TRY(make_journal(&rebuild, platform, err));
    }
    return replace_journal(&rebuild, change_fd, err);
}

enum envm_code envm_journals_rebuild(struct envm_arena *arena, int prefix_fd, envm_str platform,
                                     struct envm_str_list *ret_paths, struct envm_error *err)
{
    ENVM_CLEANUP(search) struct search search = {.arena = arena};

    ENVM_TRY(find_damaged(&search, prefix_fd, err));
    for (size_t i = 0; i < search.ids.count; i++)
        ENVM_TRY(rebuild_one(arena, prefix_fd, search.ids.items[i], platform, err));
    *ret_paths = paths_of(&search);
    return ENVM_OK;
}
