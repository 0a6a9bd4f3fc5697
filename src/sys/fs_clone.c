/* SPDX-License-Identifier: MIT */
#include "sys/fs_clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sys/fs_beneath.h"

#define COPY_CHUNK ((size_t)1 << 20)
#define COPY_BUFFER ((size_t)128 * 1024)

struct ends {
    struct envm_beneath_place from;
    struct envm_beneath_place to;
    bool is_checked; /* `from` is a regular file */
};

/* "This way does not work here", as opposed to "this failed". */
static bool is_unsupported(int number)
{
    return number == EXDEV || number == EMLINK || number == EPERM || number == EOPNOTSUPP ||
           number == ENOSYS || number == ENOTTY || number == EINVAL || number == ETXTBSY;
}

static int hardlink(const struct ends *ends)
{
    struct stat status;

    /* linkat would link a symbolic link or a device just as well. */
    if (!ends->is_checked &&
        fstatat(ends->from.dirfd, ends->from.leaf, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (!ends->is_checked && !S_ISREG(status.st_mode))
        return -ELOOP;
    if (linkat(ends->from.dirfd, ends->from.leaf, ends->to.dirfd, ends->to.leaf, 0) != 0)
        return -errno;
    return 0;
}

static int write_all(int to, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(to, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

static int copy_by_hand(int from, int to)
{
    ENVM_CLEANUP(envm_heap) char *buffer = envm_alloc(COPY_BUFFER);

    for (;;) {
        ssize_t got = read(from, buffer, COPY_BUFFER);
        int status;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        status = write_all(to, buffer, (size_t)got);
        if (status < 0)
            return status;
    }
}

/* Both offsets move along, so that copy_by_hand can go on where copy_file_range gives up; it also
 * sees to the files whose end copy_file_range does not know (it answers 0 too early on some). */
static int copy_bytes(int from, int to)
{
    for (;;) {
        ssize_t moved = copy_file_range(from, NULL, to, NULL, COPY_CHUNK, 0);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0 && !is_unsupported(errno))
            return -errno;
        if (moved <= 0)
            return copy_by_hand(from, to);
    }
}

static int fill(int from, const struct stat *source, int to, mode_t mode, bool reflink,
                enum envm_link_mode *ret_used)
{
    struct timespec times[2] = {source->st_atim, source->st_mtim};
    int status = -1;

    *ret_used = ENVM_LINK_REFLINK;
    if (reflink)
        status = ioctl(to, FICLONE, from);
    if (reflink && status != 0 && !is_unsupported(errno))
        return -errno;
    if (status != 0) {
        *ret_used = ENVM_LINK_COPY;
        status = copy_bytes(from, to);
        if (status < 0)
            return status;
    }
    if (fchmod(to, mode) != 0 || futimens(to, times) != 0)
        return -errno;
    return 0;
}

static int copy(const struct ends *ends, mode_t mode, bool reflink, enum envm_link_mode *ret_used)
{
    ENVM_CLEANUP(envm_fd)
    int from = envm_beneath_open(ends->from.dirfd, ends->from.leaf, O_RDONLY | O_NONBLOCK, 0);
    ENVM_CLEANUP(envm_fd) int to = -1;
    struct stat source;
    int status;

    if (from < 0)
        return ENVM_TAKE(from, -1);
    if (fstat(from, &source) != 0)
        return -errno;
    if (!S_ISREG(source.st_mode))
        return -ELOOP;
    to = envm_beneath_open(ends->to.dirfd, ends->to.leaf, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (to < 0)
        return ENVM_TAKE(to, -1);
    status = fill(from, &source, to, mode, reflink, ret_used);
    if (status < 0)
        unlinkat(ends->to.dirfd, ends->to.leaf, 0);
    return status;
}

static int clone_between(const struct ends *ends, mode_t mode, enum envm_link_mode wanted,
                         enum envm_link_mode *ret_used)
{
    *ret_used = ENVM_LINK_HARD;
    if (wanted == ENVM_LINK_AUTO || wanted == ENVM_LINK_HARD) {
        int status = hardlink(ends);

        if (status == 0 || !is_unsupported(-status))
            return status;
    }
    return copy(ends, mode, wanted == ENVM_LINK_AUTO || wanted == ENVM_LINK_REFLINK, ret_used);
}

static enum envm_code clone(struct ends *ends, int from_dirfd, struct envm_relpath from,
                            int to_dirfd, struct envm_relpath to, mode_t mode,
                            enum envm_link_mode wanted, enum envm_link_mode *ret_used,
                            struct envm_error *err)
{
    enum envm_link_mode used = wanted;
    int status = envm_beneath_place_open(from_dirfd, from, &ends->from);

    if (status < 0)
        return envm_fs_fail_below(err, -status, "opening", from.s);
    status = envm_beneath_place_open(to_dirfd, to, &ends->to);
    if (status == 0)
        status = clone_between(ends, mode, wanted, &used);
    envm_beneath_place_close(&ends->from);
    envm_beneath_place_close(&ends->to);
    if (status < 0)
        return envm_fs_fail_below(
            err, -status,
            wanted == ENVM_LINK_REFLINK || wanted == ENVM_LINK_COPY ? "copying" : "linking", to.s);
    if (ret_used)
        *ret_used = used;
    return ENVM_OK;
}

enum envm_code envm_fs_clone(int from_dirfd, struct envm_relpath from, int to_dirfd,
                             struct envm_relpath to, mode_t mode, enum envm_link_mode wanted,
                             enum envm_link_mode *ret_used, struct envm_error *err)
{
    struct ends ends = {.from.owned = -1, .to.owned = -1};

    return clone(&ends, from_dirfd, from, to_dirfd, to, mode, wanted, ret_used, err);
}

enum envm_code envm_fs_clone_checked(int from_dirfd, struct envm_relpath from, int to_dirfd,
                                     struct envm_relpath to, mode_t mode,
                                     enum envm_link_mode wanted, enum envm_link_mode *ret_used,
                                     struct envm_error *err)
{
    struct ends ends = {.from.owned = -1, .to.owned = -1, .is_checked = true};

    return clone(&ends, from_dirfd, from, to_dirfd, to, mode, wanted, ret_used, err);
}
