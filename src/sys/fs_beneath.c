/* SPDX-License-Identifier: MIT */
#include "sys/fs_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"

#define OPENAT2_TRIES 16

/* open(O_NOFOLLOW | O_DIRECTORY) says ENOTDIR for a symbolic link; tell it from a plain file. */
static int refine_not_dir(int dirfd, const char *leaf)
{
    struct stat status;

    if (fstatat(dirfd, leaf, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
        return -ELOOP;
    return -ENOTDIR;
}

static int open_leaf(int dirfd, const char *leaf, int flags, mode_t mode)
{
    int fd;

    do
        fd = openat(dirfd, leaf, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    if (fd >= 0)
        return fd;
    if (errno == ENOTDIR && (flags & O_DIRECTORY))
        return refine_not_dir(dirfd, leaf);
    return -errno;
}

int envm_beneath_open_walk(int dirfd, const char *path, int flags, mode_t mode)
{
    ENVM_CLEANUP(envm_fd) int held = -1;
    int at = dirfd;

    for (;;) {
        const char *slash = strchr(path, '/');
        char component[256];
        size_t len;
        int next;

        if (!slash)
            return open_leaf(at, path, flags, mode);
        len = (size_t)(slash - path);
        if (len == 0 || len >= sizeof(component))
            return -ENAMETOOLONG;
        memcpy(component, path, len);
        component[len] = '\0';
        if (strcmp(component, "..") == 0)
            return -ELOOP;
        next = open_leaf(at, component, O_PATH | O_DIRECTORY, 0);
        if (next < 0)
            return next;
        envm_close_fd(&held);
        held = at = next;
        path = slash + 1;
    }
}

static int open_kernel(int dirfd, const char *path, int flags, mode_t mode)
{
    /* With O_PATH and O_NOFOLLOW the kernel would hand out a link itself instead of refusing it. */
    unsigned wanted = (unsigned)(flags | O_CLOEXEC | ((flags & O_DIRECTORY) ? 0 : O_NOFOLLOW));
    struct open_how how = {
        .flags = wanted,
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    /* EAGAIN: somebody renamed a directory on the way; the kernel asks for another try. */
    for (int i = 0; i < OPENAT2_TRIES; i++) {
        long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

        if (fd >= 0)
            return (int)fd;
        if (errno != EINTR && errno != EAGAIN)
            break;
    }
    return errno == EXDEV ? -ELOOP : -errno;
}

int envm_beneath_open(int dirfd, const char *path, int flags, mode_t mode)
{
    int fd;

    if (!strchr(path, '/'))
        return strcmp(path, "..") == 0 ? -ELOOP : open_leaf(dirfd, path, flags, mode);
    fd = open_kernel(dirfd, path, flags, mode);
    /* EPERM is what seccomp filters older than openat2 answer. */
    if (fd == -ENOSYS || fd == -EPERM || fd == -E2BIG || fd == -EAGAIN)
        fd = envm_beneath_open_walk(dirfd, path, flags, mode);
    return fd;
}

int envm_beneath_place_open(int dirfd, struct envm_relpath path,
                            struct envm_beneath_place *ret_place)
{
    size_t at = envm_str_find_last_char(path.s, '/');
    char parent[ENVM_RELPATH_MAX + 1];
    int fd;

    *ret_place = (struct envm_beneath_place){.dirfd = dirfd, .owned = -1, .leaf = path.s.ptr};
    if (at == SIZE_MAX)
        return path.s.len > 0 ? 0 : -EINVAL;
    if (at >= sizeof(parent))
        return -ENAMETOOLONG;
    memcpy(parent, path.s.ptr, at);
    parent[at] = '\0';
    fd = envm_beneath_open(dirfd, parent, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    ret_place->dirfd = ret_place->owned = fd;
    ret_place->leaf = path.s.ptr + at + 1;
    return 0;
}

void envm_beneath_place_close(struct envm_beneath_place *place)
{
    envm_close_fd(&place->owned);
}

static void add_hint(struct envm_error *err, enum envm_code code, int number)
{
    if (number == ENOSPC || number == EDQUOT)
        envm_error_hint(err, code, "free some space on that file system and run the command again");
    else if (number == EMFILE || number == ENFILE)
        envm_error_hint(err, code, "raise the limit of open files (see 'ulimit -n')");
}

static enum envm_code fail_path(struct envm_error *err, int number, const char *doing,
                                envm_str path)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    enum envm_code code;

    envm_buf_add_escaped(&shown, path, 512);
    code = envm_fail_errno(err, number, "%s '%s'", doing, envm_buf_str(&shown).ptr);
    add_hint(err, code, number);
    return code;
}

enum envm_code envm_fs_fail_below(struct envm_error *err, int number, const char *doing,
                                  envm_str path)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    if (number != ELOOP)
        return fail_path(err, number, doing, path);
    envm_buf_add_escaped(&shown, path, 512);
    envm_fail(err, ENVM_UNSAFE, "%s '%s': a symbolic link stands in the way", doing,
              envm_buf_str(&shown).ptr);
    if (err)
        err->cause = number;
    return ENVM_UNSAFE;
}

enum envm_code envm_fs_fail_user(struct envm_error *err, int number, const char *doing,
                                 const char *path)
{
    return fail_path(err, number, doing, envm_str_from(path));
}

int envm_beneath_sync_dir(int dirfd)
{
    ENVM_CLEANUP(envm_fd) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    /* EINVAL: a file system that has nothing to sync for directories. */
    if (fsync(fd) != 0 && errno != EINVAL)
        return -errno;
    return 0;
}

int envm_beneath_random_name(char *ret_name)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[ENVM_RANDOM_NAME_SIZE - 1];
    ssize_t got;

    do
        got = getrandom(bytes, sizeof(bytes), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(bytes))
        return got < 0 ? -errno : -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        ret_name[i] = digits[bytes[i] & 31];
    ret_name[sizeof(bytes)] = '\0';
    return 0;
}
