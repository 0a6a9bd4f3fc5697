/* SPDX-License-Identifier: MIT
 *
 * Hash tables and texts of hundreds of megabytes are walked at random and touched once: with pages
 * of 4 KiB a good part of the time goes into page faults and address translation.
 */
#ifndef ENVM_REPO_LARGE_PAGES_H
#define ENVM_REPO_LARGE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/* Asks the kernel to back the whole 2 MiB pages within by such; a hint, never an error. */
static inline void envm_use_large_pages(const void *bytes, size_t len)
{
    const uintptr_t page = (uintptr_t)2 << 20;
    uintptr_t from = ((uintptr_t)bytes + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)bytes + len) & ~(page - 1);

    if (from < to)
        (void)!madvise((void *)from, to - from, MADV_HUGEPAGE);
}

#endif
