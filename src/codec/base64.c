/* SPDX-License-Identifier: MIT */
#include "codec/base64.h"

#include "base/str.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void envm_base64_encode(struct envm_buf *out, envm_str bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t count = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t group = 0;
        char text[4];

        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < count ? (unsigned char)bytes.ptr[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            text[i] = i <= count ? alphabet[group >> (18 - 6 * i) & 63] : '=';
        envm_buf_append(out, text, sizeof(text));
    }
}

static int value_of(char c)
{
    const char *place = c ? strchr(alphabet, c) : NULL;

    return place ? (int)(place - alphabet) : -1;
}

bool envm_base64_decode(struct envm_arena *arena, envm_str text, envm_str *ret_bytes)
{
    size_t padding = 0;
    char *out;
    size_t len = 0;

    if (text.len % 4 != 0)
        return false;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    out = envm_arena_alloc(arena, text.len / 4 * 3 + 1);
    for (size_t at = 0; at < text.len; at += 4) {
        size_t digits = at + 4 == text.len ? 4 - padding : 4;
        uint32_t group = 0;

        for (size_t i = 0; i < 4; i++) {
            int value = i < digits ? value_of(text.ptr[at + i]) : 0;

            if (value < 0)
                return false;
            group = group << 6 | (uint32_t)value;
        }
        if ((digits == 3 && group & 0xff) || (digits == 2 && group & 0xffff))
            return false;
        for (size_t i = 0; i + 1 < digits; i++)
            out[len++] = (char)(group >> (16 - 8 * i));
    }
    *ret_bytes = envm_str_n(out, len);
    return true;
}
