/* SPDX-License-Identifier: MIT
 *
 * A lock by link(2), for file systems whose flock does not work (some NFS servers, FUSE). The lock
 * is a file LEAF.held that names its holder; link makes it come into being at once and complete. A
 * holder on the same host that is dead is recognised by boot id, process id and start time, and its
 * lock taken over; nothing can be said about a holder on another host. For the other files of
 * src/sys; speaks errno.
 */
#ifndef ENVM_SYS_FS_LOCK_LINK_H
#define ENVM_SYS_FS_LOCK_LINK_H

#include "base/buf.h"

/* Who holds a lock; one line of text. */
struct envm_lock_identity {
    char host[65];
    char boot[40];
    char command[64];
    long pid;
    unsigned long long start; /* of the process, in clock ticks after boot */
};

/* This process. */
void envm_lock_identity_own(struct envm_lock_identity *ret_identity);
/* "PID HOST BOOT START COMMAND\n"; the first two and the command are for people. */
void envm_lock_identity_write(const struct envm_lock_identity *identity, struct envm_buf *buf);
/* False for a text of another form. */
bool envm_lock_identity_read(envm_str text, struct envm_lock_identity *ret_identity);
/* True when it is certain that the process is gone. */
bool envm_lock_identity_is_dead(const struct envm_lock_identity *identity);

/* One try. 0: taken; -EAGAIN: held by another; else -errno. `leaf` is the name of the lock file in
 * dirfd. */
int envm_lock_link_try(int dirfd, const char *leaf);
void envm_lock_link_drop(int dirfd, const char *leaf);
/* The holder's line, or an empty buffer. */
void envm_lock_link_holder(int dirfd, const char *leaf, struct envm_buf *buf);

#endif
