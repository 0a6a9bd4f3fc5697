/* SPDX-License-Identifier: MIT */
#include "store/package_check.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "sys/fs_tree.h"

struct check {
    struct envm_arena *arena;
    const struct envm_check_request *request;
    struct envm_check_result result;
    envm_str
        parent;    /* of parent_fd: paths are sorted, so most files share it with the one before */
    int parent_fd; /* -1: none, or the root */
    ENVM_VEC(struct envm_store_fault) faults;
};

static void release_check(struct check *check)
{
    envm_close_fd(&check->parent_fd);
    envm_vec_release(&check->faults);
}
ENVM_DEFINE_CLEANUP(check, struct check, release_check)

/* `st` NULL: there is nothing that could be linked elsewhere. */
static enum envm_code damaged(struct check *check, envm_str path, const char *what,
                              const struct stat *st)
{
    struct envm_store_fault fault = {.path = envm_arena_str(check->arena, path),
                                     .what = envm_str_from(what)};

    if (st && S_ISREG(st->st_mode)) {
        fault.links = (uint64_t)st->st_nlink;
        fault.device = (uint64_t)st->st_dev;
        fault.inode = (uint64_t)st->st_ino;
    }
    envm_vec_push(&check->faults, fault);
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

    *ret_fd = check->request->root_fd;
    if (slash == SIZE_MAX)
        return ENVM_OK;
    if (check->parent_fd < 0 ||
        !envm_str_equal(check->parent, envm_str_slice(path->path.s, 0, slash))) {
        envm_close_fd(&check->parent_fd);
        envm_relpath_parent(check->arena, path->path, &parent);
        check->parent = parent.s;
        code = envm_fs_open_dir(check->request->root_fd, parent, &check->parent_fd, &failure);
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
    check->result.refreshed = true;
    path->mtime_s = (int64_t)st->st_mtim.tv_sec;
    path->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    path->inode = (uint64_t)st->st_ino;
    path->mode = (uint32_t)(st->st_mode & 07777);
}

static enum envm_code unreadable(struct check *check, const struct envm_package_path *path,
                                 const struct stat *st, enum envm_code code,
                                 struct envm_error *failure, struct envm_error *err)
{
    if (is_damage(code, failure))
        return damaged(check, path->path.s, "cannot be read", st);
    envm_error_move(err, failure);
    return code;
}

/* The bytes are right; the mode may not be. A file of somebody else (a shared cache, a layer) is
 * good enough when it can be executed as it should. */
static enum envm_code settle_mode(struct check *check, int fd, struct envm_package_path *path,
                                  const struct stat *st, struct envm_error *err)
{
    mode_t mode = path->executable ? 0555 : 0444;
    struct stat now;

    if ((st->st_mode & 07777) != mode && !check->request->read_only && fchmod(fd, mode) != 0 &&
        errno != EPERM && errno != EROFS)
        return envm_fail_errno(err, errno, "putting the mode of \"%s\" back", path->path.s.ptr);
    if (fstat(fd, &now) != 0)
        return envm_fail_errno(err, errno, "looking at \"%s\"", path->path.s.ptr);
    if ((now.st_mode & 0111) != (mode & 0111) || (now.st_mode & 0444) != 0444)
        return damaged(check, path->path.s, "has another mode", st);
    renew_fingerprint(check, path, &now);
    return ENVM_OK;
}

static enum envm_code check_file(struct check *check, int parent_fd, struct envm_relpath leaf,
                                 struct envm_package_path *path, const struct stat *st,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    bool matches = fingerprint_matches(path, st);
    struct envm_sha256 actual = {0};
    enum envm_code code;

    if (matches && !check->request->read_all)
        return ENVM_OK;
    if ((uint64_t)st->st_size != path->size)
        return damaged(check, path->path.s, "has another size", st);
    code = envm_fs_open_read(parent_fd, leaf, &fd, &failure);
    if (code == ENVM_OK)
        code = envm_sha256_of_fd(fd, path->path.s.ptr, &actual, NULL, &failure);
    if (code != ENVM_OK)
        return unreadable(check, path, st, code, &failure, err);
    check->result.files++;
    check->result.bytes += path->size;
    if (!envm_sha256_equal(&actual, &path->sha256))
        return damaged(check, path->path.s, "has other content", st);
    return matches ? ENVM_OK : settle_mode(check, fd, path, st, err);
}

static enum envm_code check_link(struct check *check, int parent_fd, struct envm_relpath leaf,
                                 struct envm_package_path *path, const struct stat *st,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    bool matches = fingerprint_matches(path, st);
    envm_str target;
    enum envm_code code;

    if (matches && !check->request->read_all)
        return ENVM_OK;
    code = envm_fs_read_link(parent_fd, leaf, check->arena, &target, &failure);
    if (code != ENVM_OK)
        return unreadable(check, path, NULL, code, &failure, err);
    if (!envm_str_equal(target, path->link_target))
        return damaged(check, path->path.s, "leads elsewhere", NULL);
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
        return damaged(check, path->path.s, "is gone", NULL);
    if (kind != wanted[path->type])
        return damaged(check, path->path.s, "has become something else", &st);
    if (kind == ENVM_FS_FILE)
        return check_file(check, parent_fd, leaf, path, &st, err);
    if (kind == ENVM_FS_SYMLINK)
        return check_link(check, parent_fd, leaf, path, &st, err);
    return ENVM_OK;
}

static enum envm_code check_all(struct check *check, struct envm_package_path *paths, size_t count,
                                struct envm_error *err)
{
    for (size_t i = 0; i < count; i++)
        ENVM_TRY(check_path(check, &paths[i], err));
    return ENVM_OK;
}

/* Appends what was found to what the result holds already. */
static void hand_over(struct check *check, struct envm_check_result *result)
{
    size_t old = result->fault_count;
    struct envm_store_fault *faults =
        envm_arena_new_array(check->arena, struct envm_store_fault, old + check->faults.count);

    for (size_t i = 0; i < old; i++)
        faults[i] = result->faults[i];
    for (size_t i = 0; i < check->faults.count; i++)
        faults[old + i] = check->faults.items[i];
    result->faults = faults;
    result->fault_count = old + check->faults.count;
}

enum envm_code envm_package_check(struct envm_arena *arena,
                                  const struct envm_check_request *request,
                                  struct envm_check_result *ret_result, struct envm_error *err)
{
    ENVM_CLEANUP(check)
    struct check check = {.arena = arena, .request = request, .parent_fd = -1};
    struct envm_manifest *manifest = request->manifest;

    ENVM_TRY(check_all(&check, manifest->contents.paths, manifest->contents.path_count, err));
    ENVM_TRY(check_all(&check, manifest->others, manifest->other_count, err));
    check.result.complete = request->read_all;
    hand_over(&check, &check.result);
    *ret_result = check.result;
    return ENVM_OK;
}

/* --- what nobody names ---------------------------------------------------------------------- */

struct extra {
    struct check check;
    struct envm_map named;
    bool has_manifest;
};

static void release_extra(struct extra *extra)
{
    release_check(&extra->check);
    envm_map_release(&extra->named);
}
ENVM_DEFINE_CLEANUP(extra, struct extra, release_extra)

static enum envm_code visit_extra(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    struct extra *extra = user;

    (void)skip;
    (void)err;
    if (entry->kind == ENVM_FS_DIRECTORY || envm_map_find(&extra->named, entry->path))
        return ENVM_OK;
    if (extra->has_manifest)
        return damaged(&extra->check, entry->path, "does not belong to the package", entry->stat);
    if (entry->kind == ENVM_FS_FILE && entry->stat->st_nlink > 1)
        return damaged(&extra->check, entry->path, "cannot be judged", entry->stat);
    return ENVM_OK;
}

enum envm_code envm_package_check_extra(struct envm_arena *arena, int root_fd,
                                        const struct envm_manifest *manifest,
                                        struct envm_check_result *result, struct envm_error *err)
{
    ENVM_CLEANUP(extra)
    struct extra extra = {.check = {.arena = arena, .parent_fd = -1},
                          .has_manifest = manifest != NULL};

    for (size_t i = 0; manifest && i < manifest->contents.path_count; i++)
        envm_map_set(&extra.named, manifest->contents.paths[i].path.s, 1);
    for (size_t i = 0; manifest && i < manifest->other_count; i++)
        envm_map_set(&extra.named, manifest->others[i].path.s, 1);
    ENVM_TRY(envm_fs_walk(root_fd, visit_extra, &extra, err));
    hand_over(&extra.check, result);
    return ENVM_OK;
}
