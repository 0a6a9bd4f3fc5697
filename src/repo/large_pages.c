/* SPDX-License-Identifier: MIT */
#include "repo/large_pages.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"

#define LARGE_PAGE ((size_t)2 << 20)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static size_t round_up(size_t size)
{
    return (size + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
}

void *envm_large_alloc(size_t size)
{
    size_t mapped = round_up(size) + LARGE_PAGE;
    uintptr_t start, aligned;
    void *pointer;

    if (size < LARGE_PAGE)
        return envm_alloc_zero(size, 1);
    if (size > SIZE_MAX / 2)
        envm_end_without_memory(SIZE_MAX);
    pointer = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pointer == MAP_FAILED)
        envm_end_without_memory(SIZE_MAX);
    start = (uintptr_t)pointer;
    aligned = (start + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    if (aligned > start)
        munmap(pointer, aligned - start);
    munmap((void *)(aligned + round_up(size)), start + mapped - aligned - round_up(size));
    (void)!madvise((void *)aligned, round_up(size), MADV_HUGEPAGE);
    return (void *)aligned;
}

void *envm_large_alloc_filled(size_t size)
{
    void *pointer;

    if (size < LARGE_PAGE)
        return memset(envm_alloc(size), 0, size);
    pointer = envm_large_alloc(size); /* kernels before 5.14 do not know it: then it is slower */
    (void)!madvise(pointer, size, MADV_POPULATE_WRITE);
    return pointer;
}

void envm_large_free(void *pointer, size_t size)
{
    if (size < LARGE_PAGE)
        envm_free(pointer);
    else if (pointer)
        munmap(pointer, round_up(size));
}
