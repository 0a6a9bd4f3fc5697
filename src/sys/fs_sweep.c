/* SPDX-License-Identifier: MIT */
#include "sys/fs_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"

/* --- discard -------------------------------------------------------------------------------- */

static enum envm_code move_away(int dirfd, struct envm_relpath name, struct envm_relpath trash,
                                struct envm_arena *arena, struct envm_error *err)
{
    struct envm_relpath moved;

    ENVM_TRY(envm_relpath_join(arena, trash, ENVM_STR("tree"), &moved, err));
    return envm_fs_rename(dirfd, name, dirfd, moved, err);
}

struct removal {
    int fd;
    const char *last;
};

static enum envm_code remove_unless_last(void *user, const struct envm_fs_entry *entry, bool *skip,
                                         struct envm_error *err)
{
    const struct removal *removal = user;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath path;

    *skip = true;
    if (envm_str_equal_c(entry->path, removal->last) ||
        envm_relpath_parse(&arena, entry->path, &path, NULL) != ENVM_OK)
        return ENVM_OK; /* goes with the rest, whatever its name */
    return envm_fs_remove_tree(removal->fd, path, err);
}

enum envm_code envm_fs_remove_tree_but_last(int dirfd, struct envm_relpath name, const char *last,
                                            struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct removal removal = {.last = last};

    if (last) {
        ENVM_TRY(envm_fs_open_dir(dirfd, name, &fd, err));
        removal.fd = fd;
        ENVM_TRY(envm_fs_walk(fd, remove_unless_last, &removal, err));
    }
    return envm_fs_remove_tree(dirfd, name, err);
}

enum envm_code envm_fs_discard(int dirfd, struct envm_relpath name, const char *prefix,
                               const char *last, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_relpath trash;
    enum envm_code code;

    ENVM_TRY(envm_fs_temp_dir(dirfd, prefix, &arena, &trash, err));
    /* Tells a sweep that somebody is at it; without locks two at it do no harm either. */
    if (envm_fs_open_dir(dirfd, trash, &fd, NULL) == ENVM_OK)
        (void)flock(fd, LOCK_EX | LOCK_NB);
    code = move_away(dirfd, name, trash, &arena, &failure);
    if (code == ENVM_OK)
        return envm_fs_remove_tree(dirfd, trash, err);
    (void)envm_fs_remove_tree(dirfd, trash, NULL);
    if (failure.cause == EXDEV)
        return envm_fs_remove_tree_but_last(dirfd, name, last, err);
    if (err)
        envm_error_move(err, &failure);
    return code;
}

/* --- sweep ---------------------------------------------------------------------------------- */

struct sweep {
    int dirfd;
    const char *prefix;
    int64_t written_before;
};

static enum envm_code sweep_dir(void *user, const struct envm_fs_entry *entry, bool *skip,
                                struct envm_error *err)
{
    const struct sweep *sweep = user;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_relpath path;

    (void)err;
    *skip = true;
    if (entry->kind != ENVM_FS_DIRECTORY || !envm_fs_is_temp_name(entry->path, sweep->prefix) ||
        envm_relpath_parse(&arena, entry->path, &path, NULL) != ENVM_OK ||
        envm_fs_open_dir(sweep->dirfd, path, &fd, NULL) != ENVM_OK)
        return ENVM_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)envm_fs_remove_tree(sweep->dirfd, path, NULL);
    return ENVM_OK;
}

void envm_fs_sweep_dirs(int dirfd, const char *prefix)
{
    struct sweep sweep = {.dirfd = dirfd, .prefix = prefix};

    (void)envm_fs_walk(dirfd, sweep_dir, &sweep, NULL);
}

/* ".envm-RANDOM.tmp", of envm_fs_write_atomic */
static bool is_atomic_temp(envm_str name)
{
    envm_str suffix = ENVM_STR(".tmp");

    return envm_str_ends_with(name, suffix) &&
           envm_fs_is_temp_name(envm_str_slice(name, 0, name.len - suffix.len), ".envm-");
}

static enum envm_code sweep_file(void *user, const struct envm_fs_entry *entry, bool *skip,
                                 struct envm_error *err)
{
    const struct sweep *sweep = user;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_FILE && (int64_t)entry->stat->st_mtime <= sweep->written_before &&
        (envm_fs_is_temp_name(entry->path, sweep->prefix) || is_atomic_temp(entry->path)))
        (void)unlinkat(entry->parent_fd, entry->leaf, 0);
    return ENVM_OK;
}

void envm_fs_sweep_files(int dirfd, const char *prefix, int64_t min_age_s)
{
    struct sweep sweep = {
        .dirfd = dirfd, .prefix = prefix, .written_before = envm_clock_now() - min_age_s};

    (void)envm_fs_walk(dirfd, sweep_file, &sweep, NULL);
}
