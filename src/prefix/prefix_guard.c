/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_guard.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "sys/fs.h"
#include "sys/fs_tree.h"

static bool is_same_folder(const struct stat *prefix, const char *path)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct stat other;

    return envm_fs_open_root(path, &fd, NULL) == ENVM_OK && fstat(fd, &other) == 0 &&
           other.st_dev == prefix->st_dev && other.st_ino == prefix->st_ino;
}

static enum envm_code check_home(int prefix_fd, const char *path, const char *home,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct stat prefix;
    envm_str at;

    if (!home || home[0] != '/' || fstat(prefix_fd, &prefix) != 0)
        return ENVM_OK;
    if (is_same_folder(&prefix, home))
        return envm_fail(err, ENVM_UNSAFE, "'%s' is your home folder: it is left alone", path);
    ENVM_TRY(envm_fs_absolute(&arena, home, &at, err));
    while (at.len > 1) {
        size_t slash = envm_str_find_last_char(at, '/');

        at = envm_str_n(at.ptr, slash > 0 ? slash : 1);
        if (is_same_folder(&prefix, envm_cstr(&arena, at)))
            return envm_fail(err, ENVM_UNSAFE, "'%s' holds your home folder: it is left alone",
                             path);
    }
    return ENVM_OK;
}

struct search {
    struct envm_arena *arena;
    envm_str found; /* name of an environment; "" while there is none */
};

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct search *search = user;
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct envm_relpath name;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_DIRECTORY && search->found.len == 0 &&
        envm_relpath_parse(search->arena, entry->path, &name, NULL) == ENVM_OK &&
        envm_fs_open_dir(entry->parent_fd, name, &fd, NULL) == ENVM_OK &&
        envm_fs_stat(fd, ENVM_RELPATH("conda-meta/history"), &kind, NULL, NULL) == ENVM_OK &&
        kind == ENVM_FS_FILE)
        search->found = name.s;
    return ENVM_OK;
}

static enum envm_code check_nested(int prefix_fd, const char *path, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct search search = {.arena = &arena};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_RELPATH("envs"), &kind, NULL, err));
    if (kind != ENVM_FS_DIRECTORY)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_dir(prefix_fd, ENVM_RELPATH("envs"), &fd, err));
    ENVM_TRY(envm_fs_walk(fd, visit, &search, err));
    if (search.found.len == 0)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_UNSAFE, "'%s' holds other environments, such as envs/%.*s", path,
                    ENVM_STR_ARGS(search.found));
    return envm_error_hint(err, ENVM_UNSAFE, "remove those first, or move them away");
}

enum envm_code envm_prefix_check_expendable(int prefix_fd, const char *path, const char *home,
                                            struct envm_error *err)
{
    ENVM_TRY(check_home(prefix_fd, path, home, err));
    return check_nested(prefix_fd, path, err);
}
