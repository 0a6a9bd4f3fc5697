/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

void envm_buf_release(struct envm_buf *buf)
{
    envm_free(buf->ptr);
    *buf = (struct envm_buf){.limit = buf->limit};
}

void envm_buf_clear(struct envm_buf *buf)
{
    buf->len = 0;
    buf->overflowed = false;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

char *envm_buf_reserve(struct envm_buf *buf, size_t more)
{
    size_t needed;

    if (buf->overflowed || __builtin_add_overflow(buf->len, more, &needed) || needed > buf->limit) {
        buf->overflowed = true;
        return NULL;
    }
    if (!buf->ptr || needed >= buf->capacity) {
        size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;

        while (capacity <= needed)
            capacity *= 2;
        buf->ptr = envm_realloc(buf->ptr, capacity, 1);
        buf->capacity = capacity;
        buf->ptr[buf->len] = '\0';
    }
    return buf->ptr + buf->len;
}

void envm_buf_advance(struct envm_buf *buf, size_t written)
{
    buf->len += written;
    buf->ptr[buf->len] = '\0';
}

void envm_buf_append(struct envm_buf *buf, const void *bytes, size_t len)
{
    char *room = envm_buf_reserve(buf, len);

    if (!room || len == 0)
        return;
    memcpy(room, bytes, len);
    envm_buf_advance(buf, len);
}

void envm_buf_add_str(struct envm_buf *buf, envm_str s)
{
    envm_buf_append(buf, s.ptr, s.len);
}

void envm_buf_add_cstr(struct envm_buf *buf, const char *text)
{
    envm_buf_append(buf, text, strlen(text));
}

void envm_buf_add_words(struct envm_buf *buf, envm_str text)
{
    const char *between = "";
    envm_str word;

    while (envm_str_next_word(&text, &word)) {
        envm_buf_add_cstr(buf, between);
        envm_buf_add_str(buf, word);
        between = " ";
    }
}

void envm_buf_add_byte_slowly(struct envm_buf *buf, char byte)
{
    envm_buf_append(buf, &byte, 1);
}

void envm_buf_add_repeat(struct envm_buf *buf, char byte, size_t count)
{
    char *room = envm_buf_reserve(buf, count);

    if (!room || count == 0)
        return;
    memset(room, byte, count);
    envm_buf_advance(buf, count);
}

void envm_buf_printf(struct envm_buf *buf, const char *format, ...)
{
    va_list args;
    int len;
    char *room;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    room = len < 0 ? NULL : envm_buf_reserve(buf, (size_t)len);
    if (!room)
        return;
    va_start(args, format);
    vsnprintf(room, (size_t)len + 1, format, args);
    va_end(args);
    envm_buf_advance(buf, (size_t)len);
}

envm_str envm_buf_str(const struct envm_buf *buf)
{
    return envm_str_n(buf->ptr ? buf->ptr : "", buf->len);
}

char *envm_buf_steal(struct envm_buf *buf)
{
    char *text = buf->ptr ? buf->ptr : envm_strdup("");

    *buf = (struct envm_buf){.limit = buf->limit};
    return text;
}
