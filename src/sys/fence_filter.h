/* SPDX-License-Identifier: MIT
 *
 * The system calls that a fenced program may not use: a seccomp filter. It covers what Landlock
 * does not, or not in older kernels.
 */
#ifndef ENVM_SYS_FENCE_FILTER_H
#define ENVM_SYS_FENCE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#define ENVM_FENCE_FILTER_MAX 640

struct envm_fence_filter {
    struct sock_filter code[ENVM_FENCE_FILTER_MAX];
    unsigned short count;
};

/* Writes the filter for a kernel with this Landlock ABI. False when there is none for this
 * processor. */
bool envm_fence_filter_make(int landlock_abi, bool network, struct envm_fence_filter *ret_filter);

/* Puts the calling thread under it; PR_SET_NO_NEW_PRIVS must be set. 0 or an errno.
 * Async-signal-safe. */
int envm_fence_filter_install(const struct envm_fence_filter *filter);

#endif
