/* SPDX-License-Identifier: MIT
 *
 * Memory for hash tables and texts of many megabytes, which are walked at random and touched once:
 * with pages of 4 KiB a fifth of the time goes into page faults and address translation.
 */
#ifndef ENVM_REPO_LARGE_PAGES_H
#define ENVM_REPO_LARGE_PAGES_H

#include <stddef.h>

/* Zeroed memory; never NULL. From 2 MiB on in pages of 2 MiB, where the kernel has such; below that
 * on the heap. */
void *envm_large_alloc(size_t size) __attribute__((returns_nonnull));
/* The same, for what will be filled at random: its pages are there at once. A read of a page that
 * was never written maps the zero page, and the write after it then costs an interrupt of all
 * processors. */
void *envm_large_alloc_filled(size_t size) __attribute__((returns_nonnull));
/* `size` as it was asked for; NULL is fine. */
void envm_large_free(void *pointer, size_t size);

#endif
