/* SPDX-License-Identifier: MIT */
#include "sys/fs_atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/fs_beneath.h"

static enum envm_code fill(int fd, struct envm_relpath path, envm_str content, mode_t mode,
                           bool sync, struct envm_error *err)
{
    ENVM_TRY(envm_fs_write_fd(fd, path.s.ptr, content, err));
    if (fchmod(fd, mode) != 0)
        return envm_fs_fail_below(err, errno, "setting the mode of", path.s);
    return sync ? envm_fs_sync_fd(fd, path.s.ptr, err) : ENVM_OK;
}

static enum envm_code replace(const struct envm_beneath_place *place, const char *temp,
                              struct envm_relpath path, envm_str content, mode_t mode, bool sync,
                              struct envm_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    ENVM_CLEANUP(envm_fd) int fd = openat(place->dirfd, temp, flags, 0600);
    enum envm_code code;

    if (fd < 0)
        return envm_fs_fail_below(err, errno, "writing", path.s);
    code = fill(fd, path, content, mode, sync, err);
    if (code == ENVM_OK && renameat(place->dirfd, temp, place->dirfd, place->leaf) != 0)
        code = envm_fs_fail_below(err, errno, "writing", path.s);
    if (code != ENVM_OK)
        unlinkat(place->dirfd, temp, 0);
    return code;
}

enum envm_code envm_fs_write_atomic(int dirfd, struct envm_relpath path, envm_str content,
                                    mode_t mode, bool sync, struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    char random[ENVM_RANDOM_NAME_SIZE];
    char temp[ENVM_RANDOM_NAME_SIZE + 16];
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0)
        status = envm_beneath_random_name(random);
    if (status < 0)
        return envm_fs_fail_below(err, -status, "writing", path.s);
    snprintf(temp, sizeof(temp), ".envm-%s.tmp", random);
    ENVM_TRY(replace(&place, temp, path, content, mode, sync, err));
    if (sync && (status = envm_beneath_sync_dir(place.dirfd)) < 0)
        return envm_fs_fail_below(err, -status, "writing to disk", path.s);
    return ENVM_OK;
}
