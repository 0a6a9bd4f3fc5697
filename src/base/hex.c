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

/* A digit's value + 1; 0 for what is no digit. Digests are random, so branches on their digits are
 * mispredicted all the time: with comparisons this was a tenth of reading repodata. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool envm_hex_decode(envm_str s, uint8_t *ret_bytes, size_t len)
{
    bool good = true;

    if (s.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned high = digit_values[(uint8_t)s.ptr[2 * i]];
        unsigned low = digit_values[(uint8_t)s.ptr[2 * i + 1]];

        good &= (high != 0) & (low != 0);
        ret_bytes[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return good;
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
