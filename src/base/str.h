/* SPDX-License-Identifier: MIT
 *
 * Slices: compare, search, split, trim, parse. All functions are pure and locale-free (ASCII).
 */
#ifndef ENVM_BASE_STR_H
#define ENVM_BASE_STR_H

#include <string.h>

#include <envm/api.h>

/* A slice of a string literal, usable in initialisers. */
#define ENVM_STR(literal) ((envm_str){(literal), sizeof(literal) - 1})
#define ENVM_STR_INIT(literal)                                                                     \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* For "%.*s". */
#define ENVM_STR_ARGS(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* NULL gives the empty slice. */
static inline envm_str envm_str_from(const char *text)
{
    return (envm_str){text, text ? strlen(text) : 0};
}

static inline envm_str envm_str_n(const char *ptr, size_t len)
{
    return (envm_str){ptr, len};
}

static inline bool envm_str_equal(envm_str a, envm_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool envm_str_equal_c(envm_str a, const char *b);
bool envm_str_equal_nocase(envm_str a, envm_str b);
bool envm_str_starts_with(envm_str s, envm_str prefix);
bool envm_str_ends_with(envm_str s, envm_str suffix);

/* Byte order, shorter first on a common prefix: <0, 0, >0. */
int envm_str_compare(envm_str a, envm_str b);
/* The same as a qsort callback over envm_str. */
int envm_str_compare_qsort(const void *a, const void *b);
/* The same strings in the same order. */
bool envm_str_list_equal(struct envm_str_list a, struct envm_str_list b);

/* s[from, to), clamped to the slice. */
envm_str envm_str_slice(envm_str s, size_t from, size_t to);
static inline envm_str envm_str_skip(envm_str s, size_t n)
{
    return envm_str_slice(s, n, s.len);
}

/* Index of the first (last) occurrence, or SIZE_MAX. */
size_t envm_str_find_char(envm_str s, char c);
size_t envm_str_find_last_char(envm_str s, char c);
size_t envm_str_find(envm_str s, envm_str needle);
bool envm_str_contains(envm_str s, envm_str needle);

/* Without spaces, tabs, CR and LF at both ends. */
envm_str envm_str_trim(envm_str s);

/* Takes the part of *rest before `separator` into *ret_part and leaves what follows it. Returns
 * false when nothing is left; "a,,b" gives "a", "", "b" and "a," gives "a", "". Start with
 * `rest.ptr != NULL`; at the end rest.ptr becomes NULL. */
bool envm_str_split_next(envm_str *rest, char separator, envm_str *ret_part);

/* Takes the next run of characters that are not white space. */
bool envm_str_next_word(envm_str *rest, envm_str *ret_word);

/* Strict decimal: digits only, no sign, no overflow. */
bool envm_str_parse_u64(envm_str s, uint64_t *ret_value);

uint64_t envm_str_hash(envm_str s, uint64_t seed);

static inline bool envm_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool envm_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool envm_is_alnum(char c)
{
    return envm_is_digit(c) || envm_is_alpha(c);
}

static inline bool envm_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline char envm_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

#endif
