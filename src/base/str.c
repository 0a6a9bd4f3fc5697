/* SPDX-License-Identifier: MIT */
#include "base/str.h"

bool envm_str_equal_c(envm_str a, const char *b)
{
    return envm_str_equal(a, envm_str_from(b));
}

bool envm_str_equal_nocase(envm_str a, envm_str b)
{
    if (envm_str_equal(a, b)) /* most that are equal: a twentieth of a solve's instructions */
        return true;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (envm_to_lower(a.ptr[i]) != envm_to_lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool envm_str_starts_with(envm_str s, envm_str prefix)
{
    return s.len >= prefix.len && envm_str_equal(envm_str_n(s.ptr, prefix.len), prefix);
}

bool envm_str_ends_with(envm_str s, envm_str suffix)
{
    return s.len >= suffix.len &&
           envm_str_equal(envm_str_slice(s, s.len - suffix.len, s.len), suffix);
}

int envm_str_compare(envm_str a, envm_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

int envm_str_compare_qsort(const void *a, const void *b)
{
    return envm_str_compare(*(const envm_str *)a, *(const envm_str *)b);
}

bool envm_str_list_equal(struct envm_str_list a, struct envm_str_list b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++)
        if (!envm_str_equal(a.items[i], b.items[i]))
            return false;
    return true;
}

envm_str envm_str_slice(envm_str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return s.ptr ? envm_str_n(s.ptr + from, to - from) : s;
}

size_t envm_str_find_char(envm_str s, char c)
{
    const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t envm_str_find_last_char(envm_str s, char c)
{
    const char *hit = s.len ? memrchr(s.ptr, c, s.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t envm_str_find(envm_str s, envm_str needle)
{
    const char *hit;

    if (needle.len == 0)
        return 0;
    hit = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

bool envm_str_contains(envm_str s, envm_str needle)
{
    return envm_str_find(s, needle) != SIZE_MAX;
}

envm_str envm_str_trim(envm_str s)
{
    while (s.len > 0 && envm_is_space(s.ptr[0]))
        s = envm_str_n(s.ptr + 1, s.len - 1);
    while (s.len > 0 && envm_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool envm_str_split_next(envm_str *rest, char separator, envm_str *ret_part)
{
    size_t at;

    if (!rest->ptr)
        return false;
    at = envm_str_find_char(*rest, separator);
    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = (envm_str){0};
    } else {
        *ret_part = envm_str_n(rest->ptr, at);
        *rest = envm_str_n(rest->ptr + at + 1, rest->len - at - 1);
    }
    return true;
}

bool envm_str_next_word(envm_str *rest, envm_str *ret_word)
{
    envm_str text = envm_str_trim(*rest);
    size_t len = 0;

    if (text.len == 0) {
        *rest = (envm_str){0};
        return false;
    }
    while (len < text.len && !envm_is_space(text.ptr[len]))
        len++;
    *ret_word = envm_str_n(text.ptr, len);
    *rest = envm_str_skip(text, len);
    return true;
}

bool envm_str_parse_u64(envm_str s, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!envm_is_digit(s.ptr[i]) || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

/* Multiply-and-fold over 8-byte words (the idea of wyhash): names come from outside, so the seed
 * is what keeps an attacker from choosing collisions. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* At most seven bytes: no bit is lost, some are there twice. */
static uint64_t short_word(envm_str s)
{
    uint32_t first, last;

    if (s.len < 4)
        return s.len == 0
                   ? 0
                   : (uint64_t)(uint8_t)s.ptr[0] << 16 | (uint64_t)(uint8_t)s.ptr[s.len / 2] << 8 |
                         (uint8_t)s.ptr[s.len - 1];
    memcpy(&first, s.ptr, sizeof(first));
    memcpy(&last, s.ptr + s.len - 4, sizeof(last));
    return (uint64_t)first << 32 | last;
}

/* Takes blocks of 64 bytes from the front, in four sums that do not wait for each other: three
 * times as fast for what is long. */
static uint64_t hash_blocks(envm_str *rest, uint64_t hash, uint64_t key)
{
    uint64_t a = hash, b = ~hash, c = hash ^ key, d = ~hash ^ key;

    for (; rest->len >= 64; *rest = envm_str_n(rest->ptr + 64, rest->len - 64)) {
        const char *at = rest->ptr;

        a = fold(word_at(at) ^ key, word_at(at + 8) ^ a);
        b = fold(word_at(at + 16) ^ key, word_at(at + 24) ^ b);
        c = fold(word_at(at + 32) ^ key, word_at(at + 40) ^ c);
        d = fold(word_at(at + 48) ^ key, word_at(at + 56) ^ d);
    }
    return fold(fold(a ^ key, b) ^ key, c) ^ d;
}

/* The key is a secret, as the seed is: a word equal to a key that is known would blot out all that
 * stands before it. */
uint64_t envm_str_hash(envm_str s, uint64_t seed)
{
    const uint64_t k0 = UINT64_C(0xa0761d6478bd642f);
    const uint64_t key = UINT64_C(0xe7037ed1a0b428db) ^ (seed << 32 | seed >> 32);
    uint64_t hash = seed ^ k0;
    envm_str rest = s;

    if (rest.len >= 256)
        hash = hash_blocks(&rest, hash, key);
    for (; rest.len >= 16; rest = envm_str_n(rest.ptr + 16, rest.len - 16))
        hash = fold(word_at(rest.ptr) ^ key, word_at(rest.ptr + 8) ^ hash);
    if (rest.len >= 8)
        hash = fold(word_at(rest.ptr) ^ hash, key);
    if (s.len < 8)
        hash = fold(short_word(s) ^ hash, key);
    else if (rest.len % 8 > 0) /* with some bytes of the word before it */
        hash = fold(word_at(s.ptr + s.len - 8) ^ hash, key);
    return fold(hash ^ (uint64_t)s.len, k0 ^ seed);
}
