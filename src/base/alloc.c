/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void default_out_of_memory(size_t size)
{
    static const char message[] = "envm: error[io] out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

    (void)size;
    (void)ignored;
    _exit(8);
}

/* Written once at start-up, see the header. */
static void (*out_of_memory)(size_t size) = default_out_of_memory;

void envm_set_out_of_memory_handler(void (*handler)(size_t size))
{
    out_of_memory = handler ? handler : default_out_of_memory;
}

_Noreturn void envm_end_without_memory(size_t size)
{
    out_of_memory(size);
    abort(); /* a handler that returns has broken its contract */
}

static void *checked(void *pointer, size_t size)
{
    if (!pointer)
        envm_end_without_memory(size);
    return pointer;
}

void *envm_alloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *envm_alloc_zero(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        return checked(calloc(1, 1), 1);
    return checked(calloc(count, size), size);
}

void *envm_realloc(void *pointer, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    return checked(bytes > PTRDIFF_MAX ? NULL : realloc(pointer, bytes ? bytes : 1), bytes);
}

char *envm_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(envm_alloc(size), text, size);
}

void envm_free(void *pointer)
{
    free(pointer);
}
