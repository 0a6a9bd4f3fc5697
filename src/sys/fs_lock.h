/* SPDX-License-Identifier: MIT
 *
 * Advisory locks that can always be given up: flock(LOCK_NB) polled until a deadline, never a
 * blocking call. A lock dies with its process. Where flock does not work (ENOLCK, ENOSYS, EIO and
 * their like: some NFS servers) a lock file made by link(2) stands in; there a shared lock is
 * exclusive too.
 */
#ifndef ENVM_SYS_FS_LOCK_H
#define ENVM_SYS_FS_LOCK_H

#include <envm/progress.h>

#include "sys/fs.h"

struct envm_fs_lock {
    int fd;          /* -1: not held */
    int link_dirfd;  /* only for the fallback of sys/fs_lock_link.h */
    char *link_leaf; /* NULL: flock is in use */
};

/* Locks dirfd/path (made when absent, opened O_RDWR). Writes "PID HOST BOOT START COMMAND" into it
 * so that a waiter can name the holder: after 2 s of waiting one info line goes to the sink, after
 * timeout_ms the error is ENVM_LOCKED naming the holder. */
enum envm_code envm_fs_lock_take(int dirfd, struct envm_relpath path, bool exclusive,
                                 unsigned timeout_ms, const struct envm_sink *sink,
                                 struct envm_fs_lock *ret_lock, struct envm_error *err);
/* Whether somebody holds the lock exclusively at this moment. Makes nothing, needs no right to
 * write, and says no where it cannot tell. */
bool envm_fs_lock_is_held(int dirfd, struct envm_relpath path);
void envm_fs_lock_drop(struct envm_fs_lock *lock);
ENVM_DEFINE_CLEANUP(envm_fs_lock, struct envm_fs_lock, envm_fs_lock_drop)

/* A file that one process at a time has in hand: opens dirfd/path (made when absent, 0600) and
 * locks it by flock, at once or not at all; *ret_fd is -1 when somebody else has it. Closing the
 * descriptor gives it up; whoever is done with the file unlinks it before that. ENVM_IO where flock
 * does not work. */
enum envm_code envm_fs_claim_file(int dirfd, struct envm_relpath path, int *ret_fd,
                                  struct envm_error *err);

#endif
