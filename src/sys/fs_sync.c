/* SPDX-License-Identifier: MIT */
#include "sys/fs_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/fs_tree.h"

struct pass {
    const char *name;
    bool wait; /* else only begin to write */
};

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    const struct pass *pass = user;
    ENVM_CLEANUP(envm_fd) int fd = -1;

    (void)skip;
    if (entry->kind != ENVM_FS_FILE && !(entry->kind == ENVM_FS_DIRECTORY && pass->wait))
        return ENVM_OK;
    fd = openat(entry->parent_fd, entry->leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    /* A file that its owner may not read (mode 000) cannot be synced alone. */
    if (fd < 0 && errno == EACCES)
        return pass->wait ? envm_fs_sync_all(entry->parent_fd, pass->name, err) : ENVM_OK;
    if (fd < 0)
        return envm_fail_errno(err, errno, "writing '%s' to disk", pass->name);
    if (pass->wait)
        return envm_fs_sync_fd(fd, pass->name, err);
    /* Only to save time: a file system that cannot do it is waited for in the second pass. */
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return ENVM_OK;
}

enum envm_code envm_fs_sync_tree(int dirfd, const char *name, struct envm_error *err)
{
    struct pass pass = {.name = name};

    ENVM_TRY(envm_fs_walk(dirfd, visit, &pass, err));
    pass.wait = true;
    ENVM_TRY(envm_fs_walk(dirfd, visit, &pass, err));
    return envm_fs_sync_fd(dirfd, name, err);
}
