/* SPDX-License-Identifier: MIT */
#include "store/package_check.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "sys/fs.h"

struct check {
    struct envm_arena *arena;
    int root_fd;
    bool read_all;
    bool refreshed;
    envm_str
        parent;    /* of parent_fd: paths are sorted, so most files share it with the one before */
    int parent_fd; /* -1: none, or the root */
    envm_str why;  /* not empty: damaged */
};

static void release_check(struct check *check)
{
    envm_close_fd(&check->parent_fd);
}
ENVM_DEFINE_CLEANUP(check, struct check, release_check)

static enum envm_code damaged(struct check *check, const struct envm_package_path *path,
                              const char *what)
{
    check->why = envm_arena_printf(check->arena, "%s %s", path->path.s.ptr, what);
    return ENVM_OK;
}

/* A file that went away meanwhile, or that the disk cannot give back, is damage; other failures (no
 * descriptors left) are no reason to throw the entry away. */
static bool is_damage(enum envm_code code, const struct envm_error *err)
{
    return code == ENVM_UNSAFE || err->cause == ENOENT || err->cause == ENOTDIR ||
           err->cause == EIO || err->cause == ESTALE;
}

/* The directory of the path; *ret_fd is -1 when it is not there (any more). */
static enum envm_code enter(struct check *check, const struct envm_package_path *path, int *ret_fd,
                            struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    size_t slash = envm_str_find_last_char(path->path.s, '/');
    struct envm_relpath parent;
    enum envm_code code;

    *ret_fd = check->root_fd;
    if (slash == SIZE_MAX)
        return ENVM_OK;
    if (check->parent_fd < 0 ||
        !envm_str_equal(check->parent, envm_str_slice(path->path.s, 0, slash))) {
        envm_close_fd(&check->parent_fd);
        envm_relpath_parent(check->arena, path->path, &parent);
        check->parent = parent.s;
        code = envm_fs_open_dir(check->root_fd, parent, &check->parent_fd, &failure);
        if (code != ENVM_OK && !is_damage(code, &failure)) {
            envm_error_move(err, &failure);
            return code;
        }
    }
    *ret_fd = check->parent_fd;
    return ENVM_OK;
}

static bool fingerprint_matches(const struct envm_package_path *path, const struct stat *st)
{
    return (path->type == ENVM_PATH_SYMLINK || (uint64_t)st->st_size == path->size) &&
           (int64_t)st->st_mtim.tv_sec == path->mtime_s &&
           (uint32_t)st->st_mtim.tv_nsec == path->mtime_ns && (uint64_t)st->st_ino == path->inode &&
           (uint32_t)(st->st_mode & 07777) == path->mode;
}

static void renew_fingerprint(struct check *check, struct envm_package_path *path,
                              const struct stat *st)
{
    check->refreshed = true;
    path->mtime_s = (int64_t)st->st_mtim.tv_sec;
    path->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    path->inode = (uint64_t)st->st_ino;
    path->mode = (uint32_t)(st->st_mode & 07777);
}

static enum envm_code unreadable(struct check *check, const struct envm_package_path *path,
                                 enum envm_code code, struct envm_error *err)
{
    if (!err || !is_damage(code, err))
        return code;
    envm_error_release(err);
    return damaged(check, path, "cannot be read");
}

static enum envm_code check_file(struct check *check, int parent_fd, struct envm_relpath leaf,
                                 struct envm_package_path *path, const struct stat *st,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    mode_t mode = path->executable ? 0555 : 0444;
    bool matches = fingerprint_matches(path, st);
    struct envm_sha256 actual = {0};
    enum envm_code code;
    struct stat now;

    if (matches && !check->read_all)
        return ENVM_OK;
    if ((uint64_t)st->st_size != path->size)
        return damaged(check, path, "has another size");
    code = envm_fs_open_read(parent_fd, leaf, &fd, err);
    if (code == ENVM_OK)
        code = envm_sha256_of_fd(fd, path->path.s.ptr, &actual, NULL, err);
    if (code != ENVM_OK)
        return unreadable(check, path, code, err);
    if (!envm_sha256_equal(&actual, &path->sha256))
        return damaged(check, path, "has other content");
    if (matches)
        return ENVM_OK;
    if ((st->st_mode & 07777) != mode && fchmod(fd, mode) != 0)
        return envm_fail_errno(err, errno, "putting the mode of \"%s\" back", path->path.s.ptr);
    if (fstat(fd, &now) != 0)
        return envm_fail_errno(err, errno, "looking at \"%s\"", path->path.s.ptr);
    renew_fingerprint(check, path, &now);
    return ENVM_OK;
}

static enum envm_code check_link(struct check *check, int parent_fd, struct envm_relpath leaf,
                                 struct envm_package_path *path, const struct stat *st,
                                 struct envm_error *err)
{
    bool matches = fingerprint_matches(path, st);
    envm_str target;

    if (matches && !check->read_all)
        return ENVM_OK;
    enum envm_code code = envm_fs_read_link(parent_fd, leaf, check->arena, &target, err);

    if (code != ENVM_OK)
        return unreadable(check, path, code, err);
    if (!envm_str_equal(target, path->link_target))
        return damaged(check, path, "leads elsewhere");
    if (!matches)
        renew_fingerprint(check, path, st);
    return ENVM_OK;
}

static enum envm_code check_path(struct check *check, struct envm_package_path *path,
                                 struct envm_error *err)
{
    static const enum envm_fs_kind wanted[] = {[ENVM_PATH_FILE] = ENVM_FS_FILE,
                                               [ENVM_PATH_SYMLINK] = ENVM_FS_SYMLINK,
                                               [ENVM_PATH_DIRECTORY] = ENVM_FS_DIRECTORY};
    /* The leaf of a checked path is one checked component. */
    struct envm_relpath leaf = {envm_relpath_leaf(path->path)};
    int parent_fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st;

    ENVM_TRY(enter(check, path, &parent_fd, err));
    if (parent_fd >= 0)
        ENVM_TRY(envm_fs_stat(parent_fd, leaf, &kind, &st, err));
    if (kind == ENVM_FS_ABSENT)
        return damaged(check, path, "is gone");
    if (kind != wanted[path->type])
        return damaged(check, path, "has become something else");
    if (kind == ENVM_FS_FILE)
        return check_file(check, parent_fd, leaf, path, &st, err);
    if (kind == ENVM_FS_SYMLINK)
        return check_link(check, parent_fd, leaf, path, &st, err);
    return ENVM_OK;
}

static enum envm_code check_all(struct check *check, struct envm_package_path *paths, size_t count,
                                struct envm_error *err)
{
    for (size_t i = 0; i < count && check->why.len == 0; i++)
        ENVM_TRY(check_path(check, &paths[i], err));
    return ENVM_OK;
}

enum envm_code envm_package_check(struct envm_arena *arena, int root_fd,
                                  struct envm_manifest *manifest, bool read_all,
                                  enum envm_check_result *ret_result, envm_str *ret_why,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(check)
    struct check check = {
        .arena = arena, .root_fd = root_fd, .read_all = read_all, .parent_fd = -1};

    ENVM_TRY(check_all(&check, manifest->contents.paths, manifest->contents.path_count, err));
    ENVM_TRY(check_all(&check, manifest->others, manifest->other_count, err));
    *ret_why = check.why;
    *ret_result = check.why.len > 0 ? ENVM_CHECK_DAMAGED
                  : check.refreshed ? ENVM_CHECK_REFRESHED
                                    : ENVM_CHECK_INTACT;
    return ENVM_OK;
}
