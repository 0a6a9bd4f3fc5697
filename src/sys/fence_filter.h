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

struct envm_fence_filter_kind {
    int landlock_abi;
    bool network;
    bool asks; /* calls that change attributes wait for the supervisor's answer, else they fail */
};

/* Writes the filter. False when there is none for this processor. */
bool envm_fence_filter_make(const struct envm_fence_filter_kind *kind,
                            struct envm_fence_filter *ret_filter);

/* Puts the calling thread under it; PR_SET_NO_NEW_PRIVS must be set. 0 or an errno. With
 * ret_listener, for a filter that asks, the descriptor by which it does (O_CLOEXEC): EBUSY when a
 * filter around this process has one already. Async-signal-safe. */
int envm_fence_filter_install(const struct envm_fence_filter *filter, int *ret_listener);

#endif
