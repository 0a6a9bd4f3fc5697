/* SPDX-License-Identifier: MIT
 *
 * Scope owns resources. `ENVM_CLEANUP(envm_buf) struct envm_buf text = …;` releases on every way
 * out. Never use it on a value that leaves the scope; hand such a value over with ENVM_TAKE.
 */
#ifndef ENVM_BASE_CLEANUP_H
#define ENVM_BASE_CLEANUP_H

#include <unistd.h>

/* For a large local array of which a counted part is used: hardened builds zero all of every local
 * variable. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define ENVM_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#if !defined(ENVM_UNINITIALIZED)
#define ENVM_UNINITIALIZED
#endif

/* Defines the handler that ENVM_CLEANUP(name) calls: `release(&value)` at the end of the scope. */
#define ENVM_DEFINE_CLEANUP(name, type, release)                                                   \
    static inline __attribute__((unused)) void envm_cleanup_##name(type *value)                    \
    {                                                                                              \
        release(value);                                                                            \
    }

#define ENVM_CLEANUP(name) __attribute__((cleanup(envm_cleanup_##name)))

/* The value, leaving the "nothing to release" value behind. */
#define ENVM_TAKE(variable, empty)                                                                 \
    (__extension__({                                                                               \
        __typeof__(variable) envm_taken_ = (variable);                                             \
        (variable) = (empty);                                                                      \
        envm_taken_;                                                                               \
    }))

static inline void envm_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ENVM_CLEANUP(envm_fd) int fd = -1; */
ENVM_DEFINE_CLEANUP(envm_fd, int, envm_close_fd)

#endif
