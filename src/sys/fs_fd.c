/* SPDX-License-Identifier: MIT
 *
 * The part of sys/fs.h that works on open descriptors.
 */
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/fs_beneath.h"

#define READ_CHUNK ((size_t)64 * 1024)

static ssize_t read_some(int fd, void *to, size_t size)
{
    ssize_t got;

    do
        got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The first read gets room for the whole file and one byte more, so that most files need one read
 * that fills and one that sees the end. */
static size_t first_chunk(int fd)
{
    struct stat status;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0)
        return READ_CHUNK;
    return (size_t)status.st_size + 1;
}

static enum envm_code too_long(struct envm_error *err, const char *name, size_t limit)
{
    return envm_fail(err, ENVM_MALFORMED, "reading '%s': longer than %zu bytes", name, limit);
}

enum envm_code envm_fs_read_fd(int fd, const char *name, struct envm_buf *buf,
                               struct envm_error *err)
{
    size_t chunk = first_chunk(fd);

    for (;;) {
        size_t left = buf->limit - buf->len;
        char past_limit;
        char *to = &past_limit;
        ssize_t got;

        if (chunk > left)
            chunk = left;
        if (chunk > 0)
            to = envm_buf_reserve(buf, chunk);
        if (!to)
            return too_long(err, name, buf->limit);
        got = read_some(fd, to, chunk > 0 ? chunk : 1);
        if (got < 0)
            return envm_fs_fail_user(err, errno, "reading", name);
        if (got == 0)
            return ENVM_OK;
        if (chunk == 0) {
            buf->overflowed = true;
            return too_long(err, name, buf->limit);
        }
        envm_buf_advance(buf, (size_t)got);
        chunk = READ_CHUNK;
    }
}

enum envm_code envm_fs_read_part(int fd, const char *name, size_t most, struct envm_buf *buf,
                                 bool *ret_end, struct envm_error *err)
{
    bool end = false;

    while (most > 0 && !end) {
        char *to = envm_buf_reserve(buf, most);
        ssize_t got;

        if (!to)
            return too_long(err, name, buf->limit);
        got = read_some(fd, to, most);
        if (got < 0)
            return envm_fs_fail_user(err, errno, "reading", name);
        envm_buf_advance(buf, (size_t)got);
        most -= (size_t)got;
        end = got == 0;
    }
    *ret_end = end;
    return ENVM_OK;
}

enum envm_code envm_fs_write_fd(int fd, const char *name, envm_str bytes, struct envm_error *err)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return envm_fs_fail_user(err, errno, "writing", name);
        bytes = envm_str_skip(bytes, (size_t)written);
    }
    return ENVM_OK;
}

bool envm_fs_cut_fd(int fd, uint64_t length)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return false;
    return !S_ISREG(status.st_mode) || (uint64_t)status.st_size <= length ||
           ftruncate(fd, (off_t)length) == 0;
}

enum envm_code envm_fs_write_fd_at(int fd, const char *name, envm_str bytes, uint64_t offset,
                                   struct envm_error *err)
{
    while (bytes.len > 0) {
        ssize_t written = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return envm_fs_fail_user(err, errno, "writing", name);
        bytes = envm_str_skip(bytes, (size_t)written);
        offset += (uint64_t)written;
    }
    return ENVM_OK;
}

enum envm_code envm_fs_sync_fd(int fd, const char *name, struct envm_error *err)
{
    /* Never retried: after a failed fsync the kernel may have thrown the dirty pages away. */
    if (fsync(fd) != 0)
        return envm_fs_fail_user(err, errno, "writing to disk", name);
    return ENVM_OK;
}

enum envm_code envm_fs_sync_all(int fd, const char *name, struct envm_error *err)
{
    if (syncfs(fd) == 0)
        return ENVM_OK;
    if (errno == ENOSYS)
        sync(); /* of all file systems; it tells no errors */
    else
        return envm_fs_fail_user(err, errno, "writing to disk", name);
    return ENVM_OK;
}

enum envm_code envm_fs_map(int fd, const char *name, envm_str *ret_bytes, struct envm_error *err)
{
    struct stat status;
    void *bytes;

    if (fstat(fd, &status) != 0)
        return envm_fs_fail_user(err, errno, "reading", name);
    if (!S_ISREG(status.st_mode))
        return envm_fail(err, ENVM_IO, "reading '%s': not a regular file", name);
    if (status.st_size == 0) {
        *ret_bytes = ENVM_STR("");
        return ENVM_OK;
    }
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return envm_fs_fail_user(err, errno, "mapping", name);
    *ret_bytes = envm_str_n(bytes, (size_t)status.st_size);
    return ENVM_OK;
}

void envm_fs_unmap(envm_str bytes)
{
    /* munmap wants a pointer to non-const; the pages stay read-only. */
    if (bytes.len > 0)
        munmap((void *)(uintptr_t)bytes.ptr, bytes.len);
}

enum envm_code envm_fs_free_space(int fd, uint64_t *ret_bytes, struct envm_error *err)
{
    struct statvfs status;

    while (fstatvfs(fd, &status) != 0) {
        if (errno != EINTR)
            return envm_fail_errno(err, errno, "looking up the free disk space");
    }
    *ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return ENVM_OK;
}
