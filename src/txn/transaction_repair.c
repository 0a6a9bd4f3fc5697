/* SPDX-License-Identifier: MIT */
#include "txn/transaction_repair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "conda/package_record.h"
#include "prefix/environment_digest.h"
#include "prefix/link_file.h"
#include "sys/fs_atomic.h"
#include "sys/fs_sweep.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"
#include "txn/transaction_package.h"

#define RECORD_SIZE_MAX ((size_t)256 << 20)
#define STAGE_PREFIX "repair-"
#define SAVED_SUFFIX ".envm-saved"
#define SAVED_TRIES 1000

void envm_repair_release(struct envm_repair *repair)
{
    envm_vec_release(&repair->restored);
    envm_vec_release(&repair->saved);
    envm_vec_release(&repair->unknown);
}

/* --- the package ---------------------------------------------------------------------------- */

/* One package in hand. */
struct mending {
    struct envm_repair *repair;
    struct envm_store_entry entry;
    struct envm_link_plan plan; /* in the repair's arena */
    struct envm_package_record *record;
    int own_fd;   /* PREFIX/.envm */
    int stage_fd; /* a folder in it, -1: none */
    struct envm_relpath stage;
    mode_t directory_mode;
};

static void release_mending(struct mending *mending)
{
    envm_close_fd(&mending->stage_fd);
    if (mending->stage.s.len > 0)
        (void)envm_fs_remove_tree(mending->own_fd, mending->stage, NULL);
    envm_close_fd(&mending->own_fd);
    envm_store_entry_release(&mending->entry);
}
ENVM_DEFINE_CLEANUP(mending, struct mending, release_mending)

static struct mending begin(struct envm_repair *repair)
{
    return (struct mending){
        .repair = repair, .entry = ENVM_STORE_ENTRY_EMPTY, .own_fd = -1, .stage_fd = -1};
}

static enum envm_code get_package(struct mending *mending, const struct envm_package_record *record,
                                  struct envm_error *err)
{
    struct envm_repair *repair = mending->repair;
    struct envm_link_request request = {.python = &repair->python, .platform = repair->platform};

    ENVM_TRY(envm_store_get(repair->store, record, &mending->entry, err));
    mending->record = envm_package_record_copy(repair->arena, record);
    if (!mending->record->sha256.known)
        mending->record->sha256 = mending->entry.sha256;
    if (!mending->record->md5.known)
        mending->record->md5 = mending->entry.md5;
    request.contents = mending->entry.contents;
    request.record = mending->record;
    return envm_link_plan_make(repair->arena, &request, &mending->plan, err);
}

/* --- the stage ------------------------------------------------------------------------------ */

static enum envm_code open_own(const struct envm_repair *repair, int *ret_fd,
                               struct envm_error *err)
{
    const struct envm_relpath own = ENVM_RELPATH(".envm");

    ENVM_TRY(envm_fs_make_dirs(repair->prefix_fd, own, 0777, err));
    return envm_fs_open_dir(repair->prefix_fd, own, ret_fd, err);
}

void envm_repair_sweep(const struct envm_repair *repair)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    if (envm_fs_open_dir(repair->prefix_fd, ENVM_RELPATH(".envm"), &fd, NULL) == ENVM_OK)
        envm_fs_sweep_dirs(fd, STAGE_PREFIX);
}

/* The kernel knows the umask: a folder made with all bits shows what it leaves. */
static enum envm_code open_stage(struct mending *mending, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st = {0};

    ENVM_TRY(open_own(mending->repair, &mending->own_fd, err));
    ENVM_TRY(envm_fs_temp_dir(mending->own_fd, STAGE_PREFIX, mending->repair->arena,
                              &mending->stage, err));
    ENVM_TRY(envm_fs_open_dir(mending->own_fd, mending->stage, &mending->stage_fd, err));
    ENVM_TRY(envm_fs_make_dirs(mending->own_fd, ENVM_RELPATH("modes"), 0777, err));
    ENVM_TRY(envm_fs_stat(mending->own_fd, ENVM_RELPATH("modes"), &kind, &st, err));
    mending->directory_mode = (st.st_mode & 0777) | 0700;
    return envm_fs_remove_tree(mending->own_fd, ENVM_RELPATH("modes"), err);
}

static enum envm_code link_to_stage(struct mending *mending, struct envm_link_plan *plan,
                                    struct envm_error *err)
{
    const struct envm_repair *repair = mending->repair;
    const struct envm_link_context context = {.from_fd = mending->entry.dirfd,
                                              .to_fd = mending->stage_fd,
                                              .prefix = repair->prefix,
                                              .link_mode = repair->link_mode,
                                              .plain_mode = 0666 & mending->directory_mode,
                                              .exec_mode = 0777 & mending->directory_mode};
    bool hardlinked = false;
    struct envm_relpath parent;

    for (size_t i = 0; i < plan->count && mending->stage_fd >= 0; i++) {
        if (envm_relpath_parent(repair->arena, plan->items[i].target.path, &parent))
            ENVM_TRY(envm_fs_make_dirs(mending->stage_fd, parent, 0700, err));
    }
    return envm_link_package(repair->arena, &context, plan, &hardlinked, err);
}

/* --- into place ----------------------------------------------------------------------------- */

/* NAME -> NAME.envm-saved, or with a number (.1, …) when that is taken. */
static enum envm_code move_aside(struct envm_repair *repair, struct envm_relpath path,
                                 struct envm_error *err)
{
    bool existed = true;

    for (int i = 0; existed && i < SAVED_TRIES; i++) {
        struct envm_relpath aside;
        envm_str text =
            i == 0 ? envm_arena_printf(repair->arena, "%s" SAVED_SUFFIX, path.s.ptr)
                   : envm_arena_printf(repair->arena, "%s" SAVED_SUFFIX ".%d", path.s.ptr, i);

        ENVM_TRY(envm_relpath_parse(repair->arena, text, &aside, err));
        ENVM_TRY(
            envm_fs_rename_new(repair->prefix_fd, path, repair->prefix_fd, aside, &existed, err));
        if (!existed)
            envm_vec_push(&repair->saved, text);
    }
    return existed ? envm_fail(err, ENVM_IO, "'%s' stands in the way", path.s.ptr) : ENVM_OK;
}

/* Whatever stands at the path and is not a folder goes aside. */
static enum envm_code make_folder(struct mending *mending, struct envm_relpath path,
                                  struct envm_error *err)
{
    struct envm_repair *repair = mending->repair;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(repair->prefix_fd, path, &kind, NULL, err));
    if (kind == ENVM_FS_DIRECTORY)
        return ENVM_OK;
    if (kind != ENVM_FS_ABSENT)
        ENVM_TRY(move_aside(repair, path, err));
    return envm_fs_mkdir(repair->prefix_fd, path, mending->directory_mode, err);
}

static enum envm_code make_parents(struct mending *mending, struct envm_relpath path,
                                   struct envm_error *err)
{
    for (size_t i = 1; i < path.s.len; i++) {
        struct envm_relpath parent;

        if (path.s.ptr[i] != '/')
            continue;
        ENVM_TRY(
            envm_relpath_parse(mending->repair->arena, envm_str_slice(path.s, 0, i), &parent, err));
        ENVM_TRY(make_folder(mending, parent, err));
    }
    return ENVM_OK;
}

/* Makes room where the user has something of his own. */
static enum envm_code clear_place(struct mending *mending, const struct envm_link_item *item,
                                  struct envm_error *err)
{
    struct envm_repair *repair = mending->repair;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(repair->prefix_fd, item->target.path, &kind, NULL, err));
    if (kind == ENVM_FS_DIRECTORY ||
        (kind == ENVM_FS_FILE && envm_path_is_editable(item->target.path)))
        return move_aside(repair, item->target.path, err);
    return ENVM_OK;
}

static enum envm_code put_in_place(struct mending *mending, const struct envm_link_item *item,
                                   struct envm_error *err)
{
    struct envm_repair *repair = mending->repair;

    ENVM_TRY(make_parents(mending, item->target.path, err));
    if (item->target.type == ENVM_PATH_DIRECTORY) {
        ENVM_TRY(make_folder(mending, item->target.path, err));
    } else {
        ENVM_TRY(clear_place(mending, item, err));
        ENVM_TRY(envm_fs_rename(mending->stage_fd, item->target.path, repair->prefix_fd,
                                item->target.path, err));
    }
    envm_vec_push(&repair->restored, envm_arena_str(repair->arena, item->target.path.s));
    return ENVM_OK;
}

/* --- records -------------------------------------------------------------------------------- */

static enum envm_code write_record(struct mending *mending, const struct envm_prefix_record *record,
                                   struct envm_buf *text, struct envm_error *err)
{
    struct envm_relpath path;

    ENVM_TRY(envm_prefix_record_path(mending->repair->arena, record->record, &path, err));
    if (text->overflowed)
        return envm_fail(err, ENVM_MALFORMED, "the package has too many files");
    return envm_fs_write_atomic(mending->repair->prefix_fd, path, envm_buf_str(text), 0644, true,
                                err);
}

/* The record with what linking has found out; written only when that is news. Records of other
 * tools are left to them. */
static enum envm_code update_record(struct mending *mending, const struct envm_prefix_record *old,
                                    const struct envm_link_plan *done, struct envm_error *err)
{
    struct envm_arena *arena = mending->repair->arena;
    ENVM_CLEANUP(envm_buf) struct envm_buf before = envm_buf_limit(RECORD_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf after = envm_buf_limit(RECORD_SIZE_MAX);
    struct envm_prefix_record record = *old;
    struct envm_sha256 digest;
    size_t next = 0;

    if (!old->by_envm)
        return ENVM_OK;
    record.paths = envm_arena_copy(arena, old->paths, old->path_count * sizeof(*old->paths));
    for (size_t i = 0; i < record.path_count && next < done->count; i++) {
        if (envm_str_equal(record.paths[i].path.s, done->items[next].target.path.s))
            record.paths[i] = done->items[next++].target;
    }
    digest = envm_installed_package_digest(record.paths, record.path_count);
    record.package_digest = envm_arena_printf(arena, "sha256:%s", envm_sha256_hex(&digest).text);
    envm_prefix_record_write(old, &before);
    envm_prefix_record_write(&record, &after);
    if (envm_str_equal(envm_buf_str(&before), envm_buf_str(&after)))
        return ENVM_OK;
    return write_record(mending, &record, &after, err);
}

/* --- paths ---------------------------------------------------------------------------------- */

/* The items of the plan that are to be put back; both lists are sorted. */
static struct envm_link_plan choose(struct mending *mending, struct envm_str_list paths)
{
    struct envm_repair *repair = mending->repair;
    struct envm_link_plan chosen = {
        .items = envm_arena_new_array(repair->arena, struct envm_link_item, paths.count)};
    size_t next = 0;

    for (size_t i = 0; i < paths.count; i++) {
        int order = 1;

        for (; next < mending->plan.count; next++) {
            order = envm_str_compare(mending->plan.items[next].target.path.s, paths.items[i]);
            if (order >= 0)
                break;
        }
        if (next < mending->plan.count && order == 0)
            chosen.items[chosen.count++] = mending->plan.items[next++];
        else
            envm_vec_push(&repair->unknown, envm_arena_str(repair->arena, paths.items[i]));
    }
    return chosen;
}

enum envm_code envm_repair_paths(struct envm_repair *repair,
                                 const struct envm_prefix_record *record,
                                 struct envm_str_list paths, struct envm_error *err)
{
    ENVM_CLEANUP(mending) struct mending mending = begin(repair);
    struct envm_link_plan plan;

    ENVM_TRY(get_package(&mending, record->record, err));
    plan = choose(&mending, paths);
    if (plan.count == 0)
        return ENVM_OK;
    ENVM_TRY(open_stage(&mending, err));
    ENVM_TRY(link_to_stage(&mending, &plan, err));
    for (size_t i = 0; i < plan.count; i++)
        ENVM_TRY(put_in_place(&mending, &plan.items[i], err));
    return update_record(&mending, record, &plan, err);
}

/* --- a lost record -------------------------------------------------------------------------- */

static void index_paths(const struct envm_prefix_record_list *installed, struct envm_map *owned)
{
    for (size_t i = 0; i < installed->count; i++)
        for (size_t j = 0; j < installed->items[i]->path_count; j++) {
            const struct envm_prefix_path *path = &installed->items[i]->paths[j];

            envm_map_set(owned, path->path.s, (uintptr_t)path);
        }
}

/* Another package's file stands there instead. */
static bool is_lost(const struct envm_map *owned, const struct envm_link_item *item)
{
    const uint64_t *place = envm_map_find(owned, item->target.path.s);

    return place && !envm_prefix_path_is_same((const struct envm_prefix_path *)(uintptr_t)*place,
                                              &item->target, true);
}

struct presence {
    size_t files, there;
    bool hardlinked;
};

static void look(const struct envm_repair *repair, const struct envm_link_item *item,
                 struct presence *presence)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st;

    if (item->target.type == ENVM_PATH_DIRECTORY)
        return;
    presence->files++;
    if (envm_fs_stat(repair->prefix_fd, item->target.path, &kind, &st, NULL) != ENVM_OK ||
        kind == ENVM_FS_ABSENT)
        return;
    presence->there++;
    presence->hardlinked |= kind == ENVM_FS_FILE && !item->copy && st.st_nlink > 1;
}

/* Keeps in the plan what belongs to the package, and only computes what its files are to be. */
static struct presence reduce(struct mending *mending,
                              const struct envm_prefix_record_list *installed,
                              struct envm_str_list *ret_lost)
{
    ENVM_CLEANUP(envm_map) struct envm_map owned = {0};
    envm_str *lost = envm_arena_new_array(mending->repair->arena, envm_str, mending->plan.count);
    struct presence presence = {0};
    size_t kept = 0;
    size_t lost_count = 0;

    index_paths(installed, &owned);
    for (size_t i = 0; i < mending->plan.count; i++) {
        struct envm_link_item *item = &mending->plan.items[i];

        if (is_lost(&owned, item)) {
            lost[lost_count++] = item->target.path.s;
            continue;
        }
        look(mending->repair, item, &presence);
        item->shared = true;
        mending->plan.items[kept++] = *item;
    }
    mending->plan.count = kept;
    *ret_lost = (struct envm_str_list){lost, lost_count};
    return presence;
}

enum envm_code envm_repair_record(struct envm_repair *repair,
                                  const struct envm_package_record *record,
                                  struct envm_str_list requested_specs,
                                  const struct envm_prefix_record_list *installed,
                                  bool only_if_there, bool *ret_written, struct envm_error *err)
{
    ENVM_CLEANUP(mending) struct mending mending = begin(repair);
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(RECORD_SIZE_MAX);
    struct envm_prefix_record made = {.requested_specs = requested_specs};
    struct presence presence;
    struct envm_sha256 digest;

    *ret_written = false;
    ENVM_TRY(get_package(&mending, record, err));
    presence = reduce(&mending, installed, &made.lost);
    if (only_if_there && presence.there * 2 < presence.files)
        return ENVM_OK;
    ENVM_TRY(link_to_stage(&mending, &mending.plan, err));
    made.record = mending.record;
    made.path_count = mending.plan.count;
    made.paths = envm_arena_new_array(repair->arena, struct envm_prefix_path, made.path_count);
    for (size_t i = 0; i < made.path_count; i++)
        made.paths[i] = mending.plan.items[i].target;
    digest = envm_installed_package_digest(made.paths, made.path_count);
    made.package_digest =
        envm_arena_printf(repair->arena, "sha256:%s", envm_sha256_hex(&digest).text);
    made.link_type = presence.hardlinked ? 1 : 3;
    envm_prefix_record_set_places(repair->arena, mending.entry.dirfd, &made);
    envm_prefix_record_write(&made, &text);
    ENVM_TRY(write_record(&mending, &made, &text, err));
    *ret_written = true;
    return ENVM_OK;
}
