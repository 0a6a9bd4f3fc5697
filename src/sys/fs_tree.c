/* SPDX-License-Identifier: MIT */
#include "sys/fs_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/fs_beneath.h"
#include "sys/fs_dirstack.h"

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static enum envm_code fail_at(const struct envm_dirstack *stack, int number, const char *doing,
                              struct envm_error *err)
{
    return envm_fs_fail_below(err, number, doing, envm_buf_str(&stack->path));
}

/* --- walk ----------------------------------------------------------------------------------- */

static enum envm_code enter(struct envm_dirstack *stack, const char *name, struct envm_error *err)
{
    int fd = openat(envm_dirstack_top(stack)->fd, name, OPEN_FLAGS);
    int status = fd < 0 ? -errno : envm_dirstack_push(stack, fd);

    return status < 0 ? fail_at(stack, -status, "reading directory", err) : ENVM_OK;
}

static enum envm_code visit_one(struct envm_dirstack *stack, const char *name, envm_fs_visit visit,
                                void *user, struct envm_error *err)
{
    struct stat status;
    bool skip = false;
    struct envm_fs_entry entry = {
        .path = envm_buf_str(&stack->path),
        .stat = &status,
        .parent_fd = envm_dirstack_top(stack)->fd,
        .leaf = name,
    };

    if (fstatat(entry.parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        /* Removed by somebody since the directory was read. */
        return errno == ENOENT ? ENVM_OK : fail_at(stack, errno, "looking up", err);
    }
    entry.kind = envm_fs_kind_of(status.st_mode);
    ENVM_TRY(visit(user, &entry, &skip, err));
    if (entry.kind != ENVM_FS_DIRECTORY || skip)
        return ENVM_OK;
    return enter(stack, name, err);
}

enum envm_code envm_fs_walk(int dirfd, envm_fs_visit visit, void *user, struct envm_error *err)
{
    ENVM_CLEANUP(envm_dirstack) struct envm_dirstack stack = {.path = envm_buf_text()};
    int fd = openat(dirfd, ".", OPEN_FLAGS);
    int status = fd < 0 ? -errno : envm_dirstack_push(&stack, fd);

    if (status < 0)
        return envm_fail_errno(err, -status, "reading a directory");
    while (envm_dirstack_top(&stack)) {
        const char *name = envm_dirstack_next(&stack);

        if (name) {
            ENVM_TRY(visit_one(&stack, name, visit, user, err));
            continue;
        }
        status = envm_dirstack_pop(&stack);
        if (status < 0)
            return fail_at(&stack, -status, "reading directory", err);
    }
    return ENVM_OK;
}

/* --- remove --------------------------------------------------------------------------------- */

/* Opens a directory that is about to be emptied and gives its owner all rights to it. */
static int open_for_removal(int parent_fd, const char *name)
{
    ENVM_CLEANUP(envm_fd) int fd = openat(parent_fd, name, OPEN_FLAGS);
    struct stat status;

    if (fd < 0 && errno == EACCES) {
        if (fchmodat(parent_fd, name, 0700, AT_SYMLINK_NOFOLLOW) != 0)
            return -errno;
        fd = openat(parent_fd, name, OPEN_FLAGS);
    }
    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    /* Not allowed to: then the removal itself says so, if it matters. */
    if ((status.st_mode & 0700) != 0700 && fchmod(fd, (status.st_mode & 0777) | 0700) != 0 &&
        errno != EPERM)
        return -errno;
    return ENVM_TAKE(fd, -1);
}

/* Removes what is not a directory; enters what is one. */
static int remove_entry(struct envm_dirstack *stack, int parent_fd, const char *name)
{
    struct stat status;
    int fd;

    if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    /* Linux says EISDIR for a directory, POSIX EPERM. */
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (errno == EPERM && fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISDIR(status.st_mode))
        return -EPERM;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0)
        return 0;
    fd = open_for_removal(parent_fd, name);
    return fd < 0 ? fd : envm_dirstack_push(stack, fd);
}

/* The directory on top is empty: remove it from the level below it. */
static int leave(struct envm_dirstack *stack)
{
    struct envm_dirstack_level *parent;
    const char *name;
    int status = envm_dirstack_pop(stack);

    parent = envm_dirstack_top(stack);
    if (status < 0 || !parent)
        return status;
    name = parent->names[parent->next - 1];
    if (unlinkat(parent->fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return -errno;
    return 0;
}

static enum envm_code empty_stack(struct envm_dirstack *stack, struct envm_error *err)
{
    while (envm_dirstack_top(stack)) {
        const char *name = envm_dirstack_next(stack);
        int status;

        if (name)
            status = remove_entry(stack, envm_dirstack_top(stack)->fd, name);
        else
            status = leave(stack);
        if (status < 0)
            return fail_at(stack, -status, "removing", err);
    }
    return ENVM_OK;
}

enum envm_code envm_fs_remove_tree(int dirfd, struct envm_relpath path, struct envm_error *err)
{
    ENVM_CLEANUP(envm_dirstack) struct envm_dirstack stack = {.path = envm_buf_text()};
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    envm_buf_add_str(&stack.path, path.s);
    if (status == 0)
        status = remove_entry(&stack, place.dirfd, place.leaf);
    if (status == -ENOENT)
        return ENVM_OK;
    if (status < 0)
        return envm_fs_fail_below(err, -status, "removing", path.s);
    ENVM_TRY(empty_stack(&stack, err));
    if (unlinkat(place.dirfd, place.leaf, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return envm_fs_fail_below(err, errno, "removing", path.s);
    return ENVM_OK;
}
