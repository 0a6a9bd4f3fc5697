/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include "base/str.h"

static size_t sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

size_t envm_utf8_decode(envm_str s, uint32_t *ret_code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = sequence_length((unsigned char)s.ptr[0]);
    uint32_t value;

    if (length == 0 || length > s.len)
        return 0;
    value = (unsigned char)s.ptr[0] & lead_mask[length];
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];

        if ((byte & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (byte & 0x3f);
    }
    if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *ret_code_point = value;
    return length;
}

bool envm_utf8_is_valid(envm_str s)
{
    uint32_t code_point;

    while (s.len > 0) {
        size_t length = envm_utf8_decode(s, &code_point);

        if (length == 0)
            return false;
        s = envm_str_skip(s, length);
    }
    return true;
}

bool envm_utf8_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

void envm_buf_add_escaped(struct envm_buf *buf, envm_str s, size_t max)
{
    envm_str rest = s.len > max ? envm_str_n(s.ptr, max) : s;

    while (rest.len > 0) {
        uint32_t code_point = 0;
        size_t length = envm_utf8_decode(rest, &code_point);

        if (length > 0 && !envm_utf8_is_control(code_point)) {
            envm_buf_append(buf, rest.ptr, length);
        } else {
            length = length ? length : 1;
            for (size_t i = 0; i < length; i++)
                envm_buf_printf(buf, "\\x%02X", (unsigned)(unsigned char)rest.ptr[i]);
        }
        rest = envm_str_skip(rest, length);
    }
    if (s.len > max)
        envm_buf_add_cstr(buf, "…");
}

size_t envm_utf8_width(envm_str s)
{
    size_t width = 0;

    for (size_t i = 0; i < s.len; i++)
        width += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return width;
}
