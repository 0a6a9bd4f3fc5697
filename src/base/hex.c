/* SPDX-License-Identifier: MIT */
#include "base/hex.h"

#include <string.h>

void envm_hex_encode(const uint8_t *bytes, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * len] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool envm_hex_decode(envm_str s, uint8_t *ret_bytes, size_t len)
{
    if (s.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = digit_value(s.ptr[2 * i]);
        int low = digit_value(s.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool envm_sha256_parse(envm_str s, struct envm_sha256 *ret)
{
    struct envm_sha256 digest = {.known = true};

    if (!envm_hex_decode(s, digest.bytes, sizeof(digest.bytes)))
        return false;
    *ret = digest;
    return true;
}

bool envm_md5_parse(envm_str s, struct envm_md5 *ret)
{
    struct envm_md5 digest = {.known = true};

    if (!envm_hex_decode(s, digest.bytes, sizeof(digest.bytes)))
        return false;
    *ret = digest;
    return true;
}

bool envm_sha256_equal(const struct envm_sha256 *a, const struct envm_sha256 *b)
{
    return a->known && b->known && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct envm_hex_text envm_sha256_hex(const struct envm_sha256 *digest)
{
    struct envm_hex_text hex = {""};

    if (digest->known)
        envm_hex_encode(digest->bytes, sizeof(digest->bytes), hex.text);
    return hex;
}

struct envm_hex_text envm_md5_hex(const struct envm_md5 *digest)
{
    struct envm_hex_text hex = {""};

    if (digest->known)
        envm_hex_encode(digest->bytes, sizeof(digest->bytes), hex.text);
    return hex;
}
