/* SPDX-License-Identifier: MIT */
#include "sys/fs_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/fs_beneath.h"

#define TRIES 16

static enum envm_code next_name(const char *prefix, struct envm_arena *arena,
                                struct envm_relpath *ret_path, struct envm_error *err)
{
    char random[ENVM_RANDOM_NAME_SIZE];
    int status = envm_beneath_random_name(random);
    envm_str name;

    if (status < 0)
        return envm_fail_errno(err, -status, "making a temporary name");
    name = envm_arena_concat(arena, envm_str_from(prefix), envm_str_from(random));
    return envm_relpath_parse(arena, name, ret_path, err);
}

/* The mode is set again because a strange umask may have taken bits that the owner needs. */
static int make_dir(int dirfd, struct envm_relpath path)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status < 0)
        return status;
    if (mkdirat(place.dirfd, place.leaf, 0700) != 0)
        return -errno;
    return fchmodat(place.dirfd, place.leaf, 0700, 0) == 0 ? 0 : -errno;
}

enum envm_code envm_fs_temp_dir(int dirfd, const char *prefix, struct envm_arena *arena,
                                struct envm_relpath *ret_path, struct envm_error *err)
{
    struct envm_relpath path = {0};
    int status = -EEXIST;

    for (int i = 0; i < TRIES && status == -EEXIST; i++) {
        ENVM_TRY(next_name(prefix, arena, &path, err));
        status = make_dir(dirfd, path);
    }
    if (status < 0)
        return envm_fs_fail_below(err, -status, "making temporary directory", path.s);
    *ret_path = path;
    return ENVM_OK;
}

enum envm_code envm_fs_temp_file(int dirfd, const char *prefix, struct envm_arena *arena,
                                 struct envm_relpath *ret_path, int *ret_fd, struct envm_error *err)
{
    struct envm_relpath path = {0};
    int fd = -EEXIST;

    for (int i = 0; i < TRIES && fd == -EEXIST; i++) {
        ENVM_TRY(next_name(prefix, arena, &path, err));
        fd = envm_beneath_open(dirfd, path.s.ptr, O_RDWR | O_CREAT | O_EXCL, 0600);
    }
    if (fd < 0)
        return envm_fs_fail_below(err, -fd, "making temporary file", path.s);
    *ret_path = path;
    *ret_fd = fd;
    return ENVM_OK;
}

bool envm_fs_is_temp_name(envm_str name, const char *prefix)
{
    envm_str start = envm_str_from(prefix);
    envm_str random = envm_str_skip(name, start.len);

    if (!envm_str_starts_with(name, start) || random.len != ENVM_RANDOM_NAME_SIZE - 1)
        return false;
    for (size_t i = 0; i < random.len; i++)
        if ((random.ptr[i] < 'a' || random.ptr[i] > 'z') &&
            (random.ptr[i] < '2' || random.ptr[i] > '7'))
            return false;
    return true;
}
