/* SPDX-License-Identifier: MIT
 *
 * Memory. Ordinary allocations cannot fail: they end in one hook, which the program sets to
 * "message, exit 8" and an embedding program to its own. Sizes that come from outside are limited
 * before they get here. The hook is the one process-wide setting of the library: it is set once
 * before any other call and only read afterwards.
 */
#ifndef ENVM_BASE_ALLOC_H
#define ENVM_BASE_ALLOC_H

#include <stddef.h>

#include "base/cleanup.h"

/* Returns `size` bytes, uninitialised; never NULL. A size of 0 gives a unique pointer. */
void *envm_alloc(size_t size) __attribute__((malloc, returns_nonnull));

/* count * size zeroed bytes; an overflow is treated as out of memory. */
void *envm_alloc_zero(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* Grows or shrinks; pointer may be NULL; never returns NULL. */
void *envm_realloc(void *pointer, size_t count, size_t size) __attribute__((returns_nonnull));

/* A NUL-terminated copy, to be freed with envm_free. */
char *envm_strdup(const char *text) __attribute__((malloc, returns_nonnull));

void envm_free(void *pointer);

/* Calls the handler, for memory that was asked of somebody else (a library, the kernel) in vain. */
_Noreturn void envm_end_without_memory(size_t size);

/* `handler` must not return; NULL restores the default, which writes a line to stderr and ends the
 * process with status 8. Call before any thread is started. */
void envm_set_out_of_memory_handler(void (*handler)(size_t size));

static inline void envm_free_pointer(void *pointer_to_pointer)
{
    envm_free(*(void **)pointer_to_pointer);
}

/* ENVM_CLEANUP(envm_heap) char *text = …; works for any pointer from this module. */
static inline __attribute__((unused)) void envm_cleanup_envm_heap(void *pointer_to_pointer)
{
    envm_free_pointer(pointer_to_pointer);
}

#endif
