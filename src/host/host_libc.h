/* SPDX-License-Identifier: MIT
 *
 * What the running system offers: its C library and its kernel.
 */
#ifndef ENVM_HOST_HOST_LIBC_H
#define ENVM_HOST_HOST_LIBC_H

#include "base/arena.h"

/* "2.36": major and minor version of the GNU C library, "" when it is another library. */
envm_str envm_host_glibc(struct envm_arena *arena);
/* "6.1.0": the kernel's version without what the distribution adds, "" when it cannot be told. */
envm_str envm_host_kernel(struct envm_arena *arena);
/* The leading numbers of a version, at most `parts` of them: ("6.1.0-18-amd64", 4) is "6.1.0";
 * "" when there are fewer than two. */
envm_str envm_host_leading_numbers(struct envm_arena *arena, envm_str text, unsigned parts);

#endif
