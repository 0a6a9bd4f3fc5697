/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#define BLOCK_SIZE ((size_t)64 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct envm_arena_block {
    struct envm_arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

void envm_arena_release(struct envm_arena *arena)
{
    struct envm_arena_block *block = arena->block;

    while (block) {
        struct envm_arena_block *next = block->next;

        envm_free(block);
        block = next;
    }
    *arena = (struct envm_arena){0};
}

static struct envm_arena_block *add_block(struct envm_arena *arena, size_t size)
{
    struct envm_arena_block *block = envm_alloc(sizeof(*block) + size);

    *block = (struct envm_arena_block){.size = size};
    /* A large block goes behind the current one, whose free space stays in use. */
    if (arena->block && size > BLOCK_SIZE) {
        block->next = arena->block->next;
        arena->block->next = block;
    } else {
        block->next = arena->block;
        arena->block = block;
    }
    return block;
}

void *envm_arena_alloc(struct envm_arena *arena, size_t size)
{
    struct envm_arena_block *block = arena->block;
    void *result;

    if (size > PTRDIFF_MAX / 2)
        envm_end_without_memory(SIZE_MAX);
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (!block || block->size - block->used < size)
        block = add_block(arena, size > BLOCK_SIZE / 4 ? (size > BLOCK_SIZE ? size : BLOCK_SIZE + 1)
                                                       : BLOCK_SIZE);
    result = block->bytes + block->used;
    block->used += size;
    arena->used += size;
    return memset(result, 0, size);
}

void *envm_arena_alloc_array(struct envm_arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    return envm_arena_alloc(arena, bytes);
}

void *envm_arena_copy(struct envm_arena *arena, const void *bytes, size_t size)
{
    void *copy = envm_arena_alloc(arena, size);

    return size ? memcpy(copy, bytes, size) : copy;
}

envm_str envm_arena_str(struct envm_arena *arena, envm_str s)
{
    char *copy = envm_arena_alloc(arena, s.len + 1);

    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return envm_str_n(copy, s.len);
}

char *envm_cstr(struct envm_arena *arena, envm_str s)
{
    char *copy = envm_arena_alloc(arena, s.len + 1);

    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

envm_str envm_arena_vprintf(struct envm_arena *arena, const char *format, va_list args)
{
    va_list again;
    int len;
    char *text;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return (envm_str){0};
    text = envm_arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, args);
    return envm_str_n(text, (size_t)len);
}

envm_str envm_arena_printf(struct envm_arena *arena, const char *format, ...)
{
    va_list args;
    envm_str text;

    va_start(args, format);
    text = envm_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

envm_str envm_arena_concat(struct envm_arena *arena, envm_str left, envm_str right)
{
    char *text = envm_arena_alloc(arena, left.len + right.len + 1);

    if (left.len)
        memcpy(text, left.ptr, left.len);
    if (right.len)
        memcpy(text + left.len, right.ptr, right.len);
    return envm_str_n(text, left.len + right.len);
}

envm_str envm_arena_join(struct envm_arena *arena, struct envm_str_list list, const char *between)
{
    size_t gap = strlen(between), len = 0;

    for (size_t i = 0; i < list.count; i++)
        len += list.items[i].len + (i ? gap : 0);
    char *text = envm_arena_alloc(arena, len + 1), *at = text;
    for (size_t i = 0; i < list.count; i++) {
        envm_str item = list.items[i];

        if (i)
            at = mempcpy(at, between, gap);
        if (item.len > 0)
            at = mempcpy(at, item.ptr, item.len);
    }
    return envm_str_n(text, len);
}

struct envm_str_list envm_arena_str_list(struct envm_arena *arena, struct envm_str_list list)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, list.count);

    for (size_t i = 0; i < list.count; i++)
        items[i] = envm_arena_str(arena, list.items[i]);
    return (struct envm_str_list){items, list.count};
}
