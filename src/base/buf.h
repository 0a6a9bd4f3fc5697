/* SPDX-License-Identifier: MIT
 *
 * A growable byte buffer with a mandatory limit. Writing past the limit drops the bytes and sets
 * `overflowed`, which the caller checks once at the end. The content is always followed by a NUL.
 */
#ifndef ENVM_BASE_BUF_H
#define ENVM_BASE_BUF_H

#include <envm/api.h>

#include "base/cleanup.h"

struct envm_buf {
    char *ptr; /* NULL until the first write */
    size_t len;
    size_t capacity;
    size_t limit; /* most bytes it may hold */
    bool overflowed;
};

static inline struct envm_buf envm_buf_limit(size_t limit)
{
    return (struct envm_buf){.limit = limit};
}

/* For text that envm itself makes: 64 MiB. */
static inline struct envm_buf envm_buf_text(void)
{
    return envm_buf_limit((size_t)64 << 20);
}

void envm_buf_release(struct envm_buf *buf);
ENVM_DEFINE_CLEANUP(envm_buf, struct envm_buf, envm_buf_release)

/* Forgets the content, keeps memory and limit. */
void envm_buf_clear(struct envm_buf *buf);

/* Makes room for `more` bytes after the content (within the limit) and returns where to write
 * them, or NULL when the limit forbids it (overflowed is set). Follow with envm_buf_advance. */
char *envm_buf_reserve(struct envm_buf *buf, size_t more);
void envm_buf_advance(struct envm_buf *buf, size_t written);

void envm_buf_append(struct envm_buf *buf, const void *bytes, size_t len);
void envm_buf_add_str(struct envm_buf *buf, envm_str s);
void envm_buf_add_cstr(struct envm_buf *buf, const char *text);
/* The words of `text` with one space between them: what was lined up in columns reads as a
 * sentence. */
void envm_buf_add_words(struct envm_buf *buf, envm_str text);
void envm_buf_add_byte_slowly(struct envm_buf *buf, char byte);
static inline void envm_buf_add_byte(struct envm_buf *buf, char byte)
{
    if (buf->overflowed || buf->len >= buf->limit || buf->len + 1 >= buf->capacity) {
        envm_buf_add_byte_slowly(buf, byte);
        return;
    }
    buf->ptr[buf->len++] = byte;
    buf->ptr[buf->len] = '\0';
}
void envm_buf_add_repeat(struct envm_buf *buf, char byte, size_t count);
void envm_buf_printf(struct envm_buf *buf, const char *format, ...) ENVM_PRINTF(2, 3);

/* The content; valid until the next write. Its ptr is never NULL and is NUL-terminated. */
envm_str envm_buf_str(const struct envm_buf *buf);

/* Hands the heap block (NUL-terminated) to the caller, who frees it with envm_free. */
char *envm_buf_steal(struct envm_buf *buf);

#endif
