/* SPDX-License-Identifier: MIT
 *
 * The part of sys/fs.h that works below a root: open the parent beneath, then act on the leaf with
 * a call that does not follow it.
 */
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/fs_beneath.h"

#define LINK_TARGET_MAX 4096

enum envm_code envm_fs_open_dir(int dirfd, struct envm_relpath path, int *ret_fd,
                                struct envm_error *err)
{
    int fd = envm_beneath_open(dirfd, path.s.ptr, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return envm_fs_fail_below(err, -fd, "opening directory", path.s);
    *ret_fd = fd;
    return ENVM_OK;
}

enum envm_code envm_fs_open_read(int dirfd, struct envm_relpath path, int *ret_fd,
                                 struct envm_error *err)
{
    struct stat status;
    /* O_NONBLOCK: a FIFO that somebody planted must not hang us. */
    ENVM_CLEANUP(envm_fd)
    int fd = envm_beneath_open(dirfd, path.s.ptr, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0) {
        int number = -ENVM_TAKE(fd, -1);

        return envm_fs_fail_below(err, number, "opening", path.s);
    }
    if (fstat(fd, &status) != 0)
        return envm_fs_fail_below(err, errno, "opening", path.s);
    if (!S_ISREG(status.st_mode))
        return envm_fail(err, ENVM_UNSAFE, "opening '%s': not a regular file", path.s.ptr);
    *ret_fd = ENVM_TAKE(fd, -1);
    return ENVM_OK;
}

/* Packages whose paths differ in the case of letters only can be installed where those differ. */
static enum envm_code fail_new(struct envm_error *err, int number, const char *doing, envm_str path)
{
    enum envm_code code = envm_fs_fail_below(err, number, doing, path);

    return number == EEXIST
               ? envm_error_hint(err, code,
                                 "something of that name is there, perhaps in other letters: does "
                                 "the file system tell upper from lower case?")
               : code;
}

enum envm_code envm_fs_create(int dirfd, struct envm_relpath path, mode_t mode, int *ret_fd,
                              struct envm_error *err)
{
    int fd = envm_beneath_open(dirfd, path.s.ptr, O_WRONLY | O_CREAT | O_EXCL, mode);

    if (fd < 0)
        return fail_new(err, -fd, "creating", path.s);
    *ret_fd = fd;
    return ENVM_OK;
}

enum envm_code envm_fs_mkdir(int dirfd, struct envm_relpath path, mode_t mode,
                             struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0 && mkdirat(place.dirfd, place.leaf, mode) != 0)
        status = -errno;
    if (status < 0)
        return envm_fs_fail_below(err, -status, "making directory", path.s);
    return ENVM_OK;
}

/* mkdirat where "is already there as a directory" is success. */
static int mkdir_or_exists(int dirfd, const char *leaf, mode_t mode)
{
    struct stat status;

    if (mkdirat(dirfd, leaf, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(dirfd, leaf, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (S_ISLNK(status.st_mode))
        return -ELOOP;
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

static int make_dirs_walk(int dirfd, struct envm_relpath path, mode_t mode)
{
    ENVM_CLEANUP(envm_fd) int held = -1;
    envm_str rest = path.s;
    envm_str component;
    int at = dirfd;

    while (envm_str_split_next(&rest, '/', &component)) {
        char name[256];
        int status;
        int next;

        if (component.len >= sizeof(name))
            return -ENAMETOOLONG;
        memcpy(name, component.ptr, component.len);
        name[component.len] = '\0';
        status = mkdir_or_exists(at, name, mode);
        if (status < 0)
            return status;
        next = envm_beneath_open(at, name, O_PATH | O_DIRECTORY, 0);
        if (next < 0)
            return next;
        envm_close_fd(&held);
        held = at = next;
    }
    return 0;
}

enum envm_code envm_fs_make_dirs(int dirfd, struct envm_relpath path, mode_t mode,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    /* Mostly the parent is there already. */
    if (status == 0)
        status = mkdir_or_exists(place.dirfd, place.leaf, mode);
    if (status == -ENOENT)
        status = make_dirs_walk(dirfd, path, mode);
    if (status < 0)
        return envm_fs_fail_below(err, -status, "making directory", path.s);
    return ENVM_OK;
}

enum envm_code envm_fs_symlink(int dirfd, struct envm_relpath path, const char *target,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0 && symlinkat(target, place.dirfd, place.leaf) != 0)
        status = -errno;
    if (status == -EPERM)
        return envm_error_hint(err, envm_fs_fail_below(err, EPERM, "making symbolic link", path.s),
                               "the file system may know no symbolic links (vfat, exfat, some "
                               "shares): choose a path on another one");
    if (status < 0)
        return fail_new(err, -status, "making symbolic link", path.s);
    return ENVM_OK;
}

enum envm_fs_kind envm_fs_kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return ENVM_FS_FILE;
    if (S_ISDIR(mode))
        return ENVM_FS_DIRECTORY;
    return S_ISLNK(mode) ? ENVM_FS_SYMLINK : ENVM_FS_OTHER;
}

enum envm_code envm_fs_stat(int dirfd, struct envm_relpath path, enum envm_fs_kind *ret_kind,
                            struct stat *ret_stat, struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    struct stat found;
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0 && fstatat(place.dirfd, place.leaf, &found, AT_SYMLINK_NOFOLLOW) != 0)
        status = -errno;
    if (status == -ENOENT || status == -ENOTDIR) {
        *ret_kind = ENVM_FS_ABSENT;
        return ENVM_OK;
    }
    if (status < 0)
        return envm_fs_fail_below(err, -status, "looking up", path.s);
    *ret_kind = envm_fs_kind_of(found.st_mode);
    if (ret_stat)
        *ret_stat = found;
    return ENVM_OK;
}

enum envm_code envm_fs_read_link(int dirfd, struct envm_relpath path, struct envm_arena *arena,
                                 envm_str *ret_target, struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    char target[LINK_TARGET_MAX];
    ssize_t len = 0;
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0) {
        len = readlinkat(place.dirfd, place.leaf, target, sizeof(target));
        status = len < 0 ? -errno : 0;
    }
    if (status == 0 && len == (ssize_t)sizeof(target))
        status = -ENAMETOOLONG;
    if (status < 0)
        return envm_fs_fail_below(err, -status, "reading symbolic link", path.s);
    *ret_target = envm_arena_str(arena, envm_str_n(target, (size_t)len));
    return ENVM_OK;
}

enum envm_code envm_fs_unlink(int dirfd, struct envm_relpath path, struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0 && unlinkat(place.dirfd, place.leaf, 0) != 0)
        status = -errno;
    if (status < 0)
        return envm_fs_fail_below(err, -status, "removing", path.s);
    return ENVM_OK;
}

enum envm_code envm_fs_rmdir(int dirfd, struct envm_relpath path, bool *ret_removed,
                             struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0 && unlinkat(place.dirfd, place.leaf, AT_REMOVEDIR) != 0)
        status = -errno;
    *ret_removed = status == 0;
    if (status == 0 || status == -ENOTEMPTY || status == -EEXIST || status == -ENOENT ||
        status == -ENOTDIR || status == -EBUSY)
        return ENVM_OK;
    return envm_fs_fail_below(err, -status, "removing directory", path.s);
}

enum envm_code envm_fs_check_writable(int dirfd, struct envm_relpath path, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd)
    int fd = envm_beneath_open(dirfd, path.s.ptr, O_PATH | O_DIRECTORY, 0);

    if (fd < 0) {
        int number = -ENVM_TAKE(fd, -1);

        return envm_fs_fail_below(err, number, "opening directory", path.s);
    }
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return envm_fs_fail_below(err, errno, "changing directory", path.s);
    return ENVM_OK;
}

/* The two ends of a rename; on failure the error is made. */
static enum envm_code open_ends(int from_dirfd, struct envm_relpath from, int to_dirfd,
                                struct envm_relpath to, struct envm_beneath_place *ends,
                                struct envm_error *err)
{
    int status = envm_beneath_place_open(from_dirfd, from, &ends[0]);

    ends[1] = (struct envm_beneath_place){.owned = -1};
    if (status < 0)
        return envm_fs_fail_below(err, -status, "renaming", from.s);
    status = envm_beneath_place_open(to_dirfd, to, &ends[1]);
    if (status == 0)
        return ENVM_OK;
    envm_beneath_place_close(&ends[0]);
    return envm_fs_fail_below(err, -status, "renaming to", to.s);
}

enum envm_code envm_fs_rename(int from_dirfd, struct envm_relpath from, int to_dirfd,
                              struct envm_relpath to, struct envm_error *err)
{
    struct envm_beneath_place ends[2] = {{.owned = -1}, {.owned = -1}};
    int number = 0;

    ENVM_TRY(open_ends(from_dirfd, from, to_dirfd, to, ends, err));
    if (renameat(ends[0].dirfd, ends[0].leaf, ends[1].dirfd, ends[1].leaf) != 0)
        number = errno;
    envm_beneath_place_close(&ends[0]);
    envm_beneath_place_close(&ends[1]);
    return number ? envm_fs_fail_below(err, number, "renaming to", to.s) : ENVM_OK;
}

int envm_beneath_rename_new_slow(const struct envm_beneath_place *ends)
{
    struct stat status;

    /* A file can be linked to its new name without a race; a directory has to be looked for. */
    if (linkat(ends[0].dirfd, ends[0].leaf, ends[1].dirfd, ends[1].leaf, 0) == 0)
        return unlinkat(ends[0].dirfd, ends[0].leaf, 0) == 0 ? 0 : -errno;
    if (errno == EEXIST)
        return -EEXIST;
    if (fstatat(ends[1].dirfd, ends[1].leaf, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    if (errno != ENOENT)
        return -errno;
    if (renameat(ends[0].dirfd, ends[0].leaf, ends[1].dirfd, ends[1].leaf) != 0)
        return -errno;
    return 0;
}

static int rename_new(const struct envm_beneath_place *ends)
{
    if (renameat2(ends[0].dirfd, ends[0].leaf, ends[1].dirfd, ends[1].leaf, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == ENOSYS || errno == EINVAL)
        return envm_beneath_rename_new_slow(ends);
    return -errno;
}

enum envm_code envm_fs_rename_new(int from_dirfd, struct envm_relpath from, int to_dirfd,
                                  struct envm_relpath to, bool *ret_existed, struct envm_error *err)
{
    struct envm_beneath_place ends[2] = {{.owned = -1}, {.owned = -1}};
    int status;

    ENVM_TRY(open_ends(from_dirfd, from, to_dirfd, to, ends, err));
    status = rename_new(ends);
    envm_beneath_place_close(&ends[0]);
    envm_beneath_place_close(&ends[1]);
    if (status < 0 && status != -EEXIST && status != -ENOTEMPTY)
        return envm_fs_fail_below(err, -status, "renaming to", to.s);
    *ret_existed = status < 0;
    return ENVM_OK;
}

enum envm_code envm_fs_read_at(int dirfd, struct envm_relpath path, struct envm_buf *buf,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_read(dirfd, path, &fd, err));
    return envm_fs_read_fd(fd, path.s.ptr, buf, err);
}
