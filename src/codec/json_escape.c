/* SPDX-License-Identifier: MIT */
#include "codec/json_escape.h"

#include "base/str.h"

static int hex_digit(char c)
{
    if (envm_is_digit(c))
        return c - '0';
    c = envm_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits at `at`; UINT32_MAX when they are not there. */
static uint32_t hex4(const char *at, const char *end)
{
    uint32_t value = 0;

    if (end - at < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return UINT32_MAX;
        value = value << 4 | (uint32_t)digit;
    }
    return value;
}

size_t envm_json_unicode_escape(const char *at, const char *end, uint32_t *ret_code_point)
{
    uint32_t high = hex4(at + 2, end);
    uint32_t low;

    if (high == UINT32_MAX || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    *ret_code_point = high;
    if (high < 0xd800 || high > 0xdbff)
        return 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return 0;
    low = hex4(at + 8, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret_code_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

char envm_json_simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

static size_t encode_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool envm_json_decode(struct envm_arena *arena, envm_str raw, envm_str *ret_value)
{
    const char *at = raw.ptr;
    const char *end = raw.ptr + raw.len;
    /* No escape is shorter than what it stands for. */
    char *out = envm_arena_alloc(arena, raw.len + 1);
    size_t len = 0;

    while (at < end) {
        uint32_t code_point = 0;

        if (*at != '\\') {
            out[len++] = *at++;
        } else if (at[1] != 'u') {
            out[len++] = envm_json_simple_escape(at[1]);
            at += 2;
        } else {
            at += envm_json_unicode_escape(at, end, &code_point);
            if (code_point == 0)
                return false;
            len += encode_utf8(code_point, out + len);
        }
    }
    *ret_value = envm_str_n(out, len);
    return true;
}
