/* SPDX-License-Identifier: MIT */
#include "sys/fs_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sink.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/fs_beneath.h"
#include "sys/fs_lock_link.h"

#define POLL_MS 50
#define TELL_AFTER_MS 2000
#define LINE_MAX_BYTES 1024
#define CLAIM_TRIES 16

struct attempt {
    const struct envm_beneath_place *place;
    struct envm_relpath path;
    int fd;
    bool exclusive;
    bool by_link; /* flock does not work here */
};

static bool is_unsupported(int number)
{
    return number == ENOLCK || number == ENOSYS || number == EOPNOTSUPP || number == EIO ||
           number == EBADF || number == EINVAL;
}

/* 0: taken; -EAGAIN: held by another; else -errno. */
static int try_once(struct attempt *attempt)
{
    int how = (attempt->exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;

    if (!attempt->by_link) {
        if (flock(attempt->fd, how) == 0)
            return 0;
        if (errno == EWOULDBLOCK || errno == EINTR)
            return -EAGAIN;
        if (!is_unsupported(errno))
            return -errno;
        attempt->by_link = true;
    }
    return envm_lock_link_try(attempt->place->dirfd, attempt->place->leaf);
}

/* "process 12 (envm) on host", from what the holder wrote. */
static void describe_holder(const struct attempt *attempt, struct envm_buf *ret_text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_limit(LINE_MAX_BYTES);
    struct envm_lock_identity holder;

    if (attempt->by_link)
        envm_lock_link_holder(attempt->place->dirfd, attempt->place->leaf, &line);
    else if (lseek(attempt->fd, 0, SEEK_SET) == 0)
        (void)envm_fs_read_fd(attempt->fd, attempt->path.s.ptr, &line, NULL);
    if (envm_lock_identity_read(envm_buf_str(&line), &holder))
        envm_buf_printf(ret_text, "process %ld (%s) on %s", holder.pid, holder.command,
                        holder.host);
    else
        envm_buf_add_cstr(ret_text, "another process");
}

/* For people only, so a failure does not matter. */
static void write_holder(int fd)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_limit(LINE_MAX_BYTES);
    struct envm_lock_identity own;

    envm_lock_identity_own(&own);
    envm_lock_identity_write(&own, &line);
    if (pwrite(fd, line.ptr, line.len, 0) < 0 || !envm_fs_cut_fd(fd, line.len))
        errno = 0;
}

static enum envm_code fail_locked(const struct attempt *attempt, unsigned timeout_ms,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf holder = envm_buf_text();
    enum envm_code code;

    describe_holder(attempt, &holder);
    code = envm_fail(
        err, ENVM_LOCKED, "waiting for the lock '%s': held by %s for more than %u.%u s",
        attempt->path.s.ptr, envm_buf_str(&holder).ptr, timeout_ms / 1000, timeout_ms % 1000 / 100);
    return envm_error_hint(err, code, "wait for that process to end, or end it, and try again");
}

static enum envm_code wait_for_lock(struct attempt *attempt, unsigned timeout_ms,
                                    const struct envm_sink *sink, struct envm_error *err)
{
    uint64_t start = envm_clock_monotonic_ms();
    bool told = false;

    for (;;) {
        int status = try_once(attempt);
        uint64_t waited = envm_clock_monotonic_ms() - start;

        if (status == 0)
            return ENVM_OK;
        if (status != -EAGAIN)
            return envm_fs_fail_below(err, -status, "locking", attempt->path.s);
        if (waited >= timeout_ms)
            return fail_locked(attempt, timeout_ms, err);
        if (envm_sink_cancelled(sink))
            return envm_fail(err, ENVM_INTERRUPTED, "waiting for the lock '%s': interrupted",
                             attempt->path.s.ptr);
        if (!told && waited >= TELL_AFTER_MS) {
            ENVM_CLEANUP(envm_buf) struct envm_buf holder = envm_buf_text();

            describe_holder(attempt, &holder);
            envm_sink_log(sink, ENVM_LOG_INFO, "waiting for the lock '%s', held by %s",
                          attempt->path.s.ptr, envm_buf_str(&holder).ptr);
            told = true;
        }
        envm_clock_sleep_ms(timeout_ms - waited < POLL_MS ? (unsigned)(timeout_ms - waited)
                                                          : POLL_MS);
    }
}

/* Keeps what envm_fs_lock_drop needs to take the lock file of the link(2) way away. */
static enum envm_code keep_link(const struct attempt *attempt, struct envm_fs_lock *lock,
                                struct envm_error *err)
{
    int dirfd = openat(attempt->place->dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dirfd < 0) {
        int number = errno;

        envm_lock_link_drop(attempt->place->dirfd, attempt->place->leaf);
        return envm_fs_fail_below(err, number, "locking", attempt->path.s);
    }
    lock->link_dirfd = dirfd;
    lock->link_leaf = envm_strdup(attempt->place->leaf);
    return ENVM_OK;
}

enum envm_code envm_fs_lock_take(int dirfd, struct envm_relpath path, bool exclusive,
                                 unsigned timeout_ms, const struct envm_sink *sink,
                                 struct envm_fs_lock *ret_lock, struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    struct attempt attempt = {.place = &place, .path = path, .exclusive = exclusive};
    int status = envm_beneath_place_open(dirfd, path, &place);

    if (status == 0)
        status = lock.fd = envm_beneath_open(place.dirfd, place.leaf, O_RDWR | O_CREAT, 0644);
    if (status < 0)
        return envm_fs_fail_below(err, -status, "locking", path.s);
    attempt.fd = lock.fd;
    ENVM_TRY(wait_for_lock(&attempt, timeout_ms, sink, err));
    if (attempt.by_link)
        ENVM_TRY(keep_link(&attempt, &lock, err));
    else
        write_holder(lock.fd);
    *ret_lock = ENVM_TAKE(lock, (struct envm_fs_lock){.fd = -1});
    return ENVM_OK;
}

void envm_fs_lock_drop(struct envm_fs_lock *lock)
{
    if (lock->link_leaf) {
        envm_lock_link_drop(lock->link_dirfd, lock->link_leaf);
        envm_close_fd(&lock->link_dirfd);
        envm_free(lock->link_leaf);
        lock->link_leaf = NULL;
    }
    envm_close_fd(&lock->fd);
}

bool envm_fs_lock_is_held(int dirfd, struct envm_relpath path)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    ENVM_CLEANUP(envm_buf) struct envm_buf holder = envm_buf_limit(LINE_MAX_BYTES);
    ENVM_CLEANUP(envm_fd) int fd = -1;

    if (envm_beneath_place_open(dirfd, path, &place) != 0)
        return false;
    fd = envm_beneath_open(place.dirfd, place.leaf, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) {
        fd = -1;
        return false;
    }
    if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
        envm_lock_link_holder(place.dirfd, place.leaf, &holder);
        return holder.len > 0;
    }
    return errno == EWOULDBLOCK;
}

/* Whether the name still leads to the file that was locked: who had it before may have unlinked it.
 */
static bool is_named(const struct envm_beneath_place *place, int fd)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 &&
           fstatat(place->dirfd, place->leaf, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

enum envm_code envm_fs_claim_file(int dirfd, struct envm_relpath path, int *ret_fd,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(envm_beneath_place) struct envm_beneath_place place = {.owned = -1};
    int status = envm_beneath_place_open(dirfd, path, &place);

    for (int i = 0; status == 0 && i < CLAIM_TRIES; i++) {
        ENVM_CLEANUP(envm_fd)
        int fd = envm_beneath_open(place.dirfd, place.leaf, O_RDWR | O_CREAT, 0600);

        if (fd < 0) {
            status = fd;
        } else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (is_named(&place, fd)) {
                *ret_fd = ENVM_TAKE(fd, -1);
                return ENVM_OK;
            }
        } else if (errno == EWOULDBLOCK) {
            *ret_fd = -1;
            return ENVM_OK;
        } else if (errno != EINTR) {
            status = -errno;
        }
    }
    if (status < 0)
        return envm_fs_fail_below(err, -status, "locking", path.s);
    *ret_fd = -1;
    return ENVM_OK;
}
