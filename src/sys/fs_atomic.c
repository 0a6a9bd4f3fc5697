/* SPDX-License-Identifier: MIT */
#include "sys/fs_atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
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

#define WHOLE_FILE_MAX ((size_t)256 << 20)

/* How many bytes of `text` stand at `offset` already. False when something else does. Zeros are a
 * write of it that a loss of power has torn: the file had got its length and not all of its bytes.
 */
static bool written_there(int fd, uint64_t offset, envm_str text, size_t *ret_written)
{
    ENVM_CLEANUP(envm_heap) char *found = envm_alloc(text.len + 1);
    size_t got = 0;

    while (got < text.len) {
        ssize_t part = pread(fd, found + got, text.len - got, (off_t)(offset + got));

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            break;
        got += (size_t)part;
    }
    *ret_written = got;
    for (size_t i = got; i > 0; i--) {
        if (found[i - 1] == text.ptr[i - 1])
            continue;
        if (found[i - 1] != '\0')
            return false;
        *ret_written = i - 1;
    }
    return true;
}

/* Others have appended: the text goes behind that, unless it is the end already. */
static void find_end(int fd, const struct stat *status, envm_str text, uint64_t *ret_offset,
                     size_t *ret_written)
{
    uint64_t size = (uint64_t)status->st_size;

    *ret_offset = size > text.len ? size - text.len : 0;
    if (written_there(fd, *ret_offset, text, ret_written) && *ret_written == text.len)
        return;
    *ret_offset = size;
    *ret_written = 0;
}

static int append_at(int fd, uint64_t offset, envm_str text)
{
    while (text.len > 0) {
        ssize_t written = pwrite(fd, text.ptr, text.len, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text = envm_str_skip(text, (size_t)written);
        offset += (uint64_t)written;
    }
    return 0;
}

static enum envm_code append_to_copy(int dirfd, struct envm_relpath path, int fd, uint64_t offset,
                                     envm_str text, const struct stat *status, bool sync,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf whole = envm_buf_limit(WHOLE_FILE_MAX);

    ENVM_TRY(envm_fs_read_fd(fd, path.s.ptr, &whole, err));
    if (whole.len > offset) /* torn */
        whole.len = (size_t)offset;
    envm_buf_add_str(&whole, text);
    if (whole.overflowed)
        return envm_fail(err, ENVM_MALFORMED, "writing '%s': the file is too long", path.s.ptr);
    return envm_fs_write_atomic(dirfd, path, envm_buf_str(&whole), status->st_mode & 0777, sync,
                                err);
}

enum envm_code envm_fs_append_once(int dirfd, struct envm_relpath path, uint64_t offset,
                                   envm_str text, mode_t mode, bool sync, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = envm_beneath_open(dirfd, path.s.ptr, O_RDWR | O_NONBLOCK, 0);
    struct stat status;
    size_t written = 0;
    int result;

    if (fd == -ENOENT) {
        fd = -1;
        return envm_fs_write_atomic(dirfd, path, text, mode, sync, err);
    }
    if (fd < 0) {
        int number = -ENVM_TAKE(fd, -1);

        return envm_fs_fail_below(err, number, "writing", path.s);
    }
    if (fstat(fd, &status) != 0)
        return envm_fs_fail_below(err, errno, "writing", path.s);
    if (!S_ISREG(status.st_mode))
        return envm_fail(err, ENVM_UNSAFE, "writing '%s': not a regular file", path.s.ptr);
    if ((uint64_t)status.st_size < offset || !written_there(fd, offset, text, &written))
        find_end(fd, &status, text, &offset, &written);
    if (written < text.len && status.st_nlink > 1)
        return append_to_copy(dirfd, path, fd, offset + written, envm_str_skip(text, written),
                              &status, sync, err);
    result = append_at(fd, offset + written, envm_str_skip(text, written));
    if (result < 0)
        return envm_fs_fail_below(err, -result, "writing", path.s);
    return sync ? envm_fs_sync_fd(fd, path.s.ptr, err) : ENVM_OK;
}
