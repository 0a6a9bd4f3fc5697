/* SPDX-License-Identifier: MIT */
#include "sys/fs_copy_tree.h"

#include "base/error.h"
#include "sys/fs_clone.h"
#include "sys/fs_tree.h"

struct copying {
    int to_dirfd;
    const char *skip;
    bool (*cancelled)(void *user);
    void *user;
};

static enum envm_code copy_link(const struct copying *copying, const struct envm_fs_entry *entry,
                                struct envm_arena *arena, struct envm_relpath path,
                                struct envm_error *err)
{
    struct envm_relpath leaf;
    envm_str text;

    ENVM_TRY(envm_relpath_parse(arena, envm_str_from(entry->leaf), &leaf, err));
    ENVM_TRY(envm_fs_read_link(entry->parent_fd, leaf, arena, &text, err));
    return envm_fs_symlink(copying->to_dirfd, path, text.ptr, err);
}

static enum envm_code copy_file(const struct copying *copying, const struct envm_fs_entry *entry,
                                struct envm_arena *arena, struct envm_relpath path,
                                struct envm_error *err)
{
    struct envm_relpath leaf;

    ENVM_TRY(envm_relpath_parse(arena, envm_str_from(entry->leaf), &leaf, err));
    return envm_fs_clone(entry->parent_fd, leaf, copying->to_dirfd, path,
                         (entry->stat->st_mode & 0777) | 0200, ENVM_LINK_REFLINK, NULL, err);
}

static enum envm_code copy_entry(void *user, const struct envm_fs_entry *entry, bool *skip,
                                 struct envm_error *err)
{
    const struct copying *copying = user;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath path;

    if (copying->cancelled && copying->cancelled(copying->user))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted; nothing was changed");
    *skip = envm_str_equal_c(entry->path, copying->skip) ||
            envm_relpath_parse(&arena, entry->path, &path, NULL) != ENVM_OK;
    if (*skip)
        return ENVM_OK;
    switch (entry->kind) {
    case ENVM_FS_DIRECTORY:
        return envm_fs_mkdir(copying->to_dirfd, path, (entry->stat->st_mode & 0777) | 0700, err);
    case ENVM_FS_FILE:
        return copy_file(copying, entry, &arena, path, err);
    case ENVM_FS_SYMLINK:
        return copy_link(copying, entry, &arena, path, err);
    case ENVM_FS_ABSENT:
    case ENVM_FS_OTHER:
        break;
    }
    return ENVM_OK;
}

enum envm_code envm_fs_copy_tree(int from_dirfd, int to_dirfd, const char *skip,
                                 bool (*cancelled)(void *user), void *user, struct envm_error *err)
{
    struct copying copying = {
        .to_dirfd = to_dirfd, .skip = skip, .cancelled = cancelled, .user = user};

    return envm_fs_walk(from_dirfd, copy_entry, &copying, err);
}
