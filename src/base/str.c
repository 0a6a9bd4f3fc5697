/* SPDX-License-Identifier: MIT */
#include "base/str.h"

bool envm_str_equal_c(envm_str a, const char *b)
{
    return envm_str_equal(a, envm_str_from(b));
}

bool envm_str_equal_nocase(envm_str a, envm_str b)
{
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

uint64_t envm_str_hash(envm_str s, uint64_t seed)
{
    const uint64_t k0 = UINT64_C(0xa0761d6478bd642f);
    const uint64_t k1 = UINT64_C(0xe7037ed1a0b428db);
    uint64_t hash = seed ^ k0;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;

        memcpy(&word, s.ptr + i, 8);
        hash = fold(hash ^ word, k1);
    }
    if (i < s.len) {
        uint64_t word = 0;

        memcpy(&word, s.ptr + i, s.len - i);
        hash = fold(hash ^ word, k1);
    }
    return fold(hash ^ (uint64_t)s.len, k0 ^ seed);
}
