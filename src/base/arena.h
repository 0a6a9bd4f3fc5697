/* SPDX-License-Identifier: MIT
 *
 * Arenas: memory freed all at once, by lifetime (one repodata subdir, one solve, one command).
 * An arena belongs to one thread at a time. Zeroed is a valid empty arena.
 */
#ifndef ENVM_BASE_ARENA_H
#define ENVM_BASE_ARENA_H

#include <stdarg.h>

#include <envm/api.h>

#include "base/cleanup.h"

struct envm_arena_block;

struct envm_arena {
    struct envm_arena_block *block; /* newest first */
    size_t used;                    /* bytes handed out in total */
};

void envm_arena_release(struct envm_arena *arena);
ENVM_DEFINE_CLEANUP(envm_arena, struct envm_arena, envm_arena_release)

/* Zeroed memory, aligned for any type; never NULL. */
void *envm_arena_alloc(struct envm_arena *arena, size_t size) __attribute__((returns_nonnull));
/* The same for an array, with an overflow check. */
void *envm_arena_alloc_array(struct envm_arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull));

#define envm_arena_new(arena, type) ((type *)envm_arena_alloc((arena), sizeof(type)))
#define envm_arena_new_array(arena, type, count)                                                   \
    ((type *)envm_arena_alloc_array((arena), (count), sizeof(type)))

/* Copies; each result is followed by a NUL that is not counted in its length. */
envm_str envm_arena_str(struct envm_arena *arena, envm_str s);
char *envm_cstr(struct envm_arena *arena, envm_str s) __attribute__((returns_nonnull));
envm_str envm_arena_printf(struct envm_arena *arena, const char *format, ...) ENVM_PRINTF(2, 3);
envm_str envm_arena_vprintf(struct envm_arena *arena, const char *format, va_list args)
    ENVM_PRINTF(2, 0);
/* left + right. */
envm_str envm_arena_concat(struct envm_arena *arena, envm_str left, envm_str right);
/* The items with `between` between them; "" for none. */
envm_str envm_arena_join(struct envm_arena *arena, struct envm_str_list list, const char *between);
/* Copies the array and every item. */
struct envm_str_list envm_arena_str_list(struct envm_arena *arena, struct envm_str_list list);
/* Copies `size` bytes. */
void *envm_arena_copy(struct envm_arena *arena, const void *bytes, size_t size);

#endif
