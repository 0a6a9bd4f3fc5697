/* SPDX-License-Identifier: MIT
 *
 * Time goes into three loops: white space, the plain part of strings, and finding the next key.
 * Everything else is written for reading.
 */
#include "codec/json_reader.h"

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/error.h"
#include "base/utf8.h"
#include "codec/json_escape.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

void envm_json_init(struct envm_json_reader *r, envm_str text)
{
    const char *start = text.ptr ? text.ptr : "";

    *r = (struct envm_json_reader){
        .start = start, .at = start, .end = start + text.len, .first = true};
    if (envm_str_starts_with(text, ENVM_STR("\xEF\xBB\xBF")))
        envm_json_fail(r, "the text begins with a byte order mark");
}

void envm_json_init_inside(struct envm_json_reader *r, envm_str text, unsigned objects)
{
    *r = (struct envm_json_reader){.start = text.ptr,
                                   .at = text.ptr,
                                   .end = text.ptr + text.len,
                                   .depth = objects,
                                   .in_object = UINT64_MAX >> (ENVM_JSON_DEPTH_MAX - objects)};
}

static bool fail_at(struct envm_json_reader *r, const char *place, const char *fault)
{
    if (!r->fault) {
        r->fault = fault;
        r->fault_offset = (size_t)(place - r->start);
    }
    return false;
}

void envm_json_fail(struct envm_json_reader *r, const char *fault)
{
    fail_at(r, r->at, fault);
}

/* What to say when something else than `wanted` stands at r->at. */
static __attribute__((noinline, cold)) bool unexpected(struct envm_json_reader *r,
                                                       const char *wanted)
{
    return fail_at(r, r->at, r->at == r->end ? "the text ends too early" : wanted);
}

static inline void skip_space(struct envm_json_reader *r)
{
    const char *at = r->at;

    while (at < r->end && (unsigned char)*at <= ' ' && envm_is_space(*at))
        at++;
    r->at = at;
}

bool envm_json_is_at_end(struct envm_json_reader *r)
{
    if (r->fault || r->first)
        return false;
    skip_space(r);
    return r->at == r->end;
}

/* The first byte of [at, end) that needs a look: quote, backslash, control, or not ASCII. */
static inline const char *scan_plain(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');

    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* The comparison is signed, so "less than a space" holds for bytes >= 0x80 too. */
        __m128i stop = _mm_or_si128(
            _mm_cmplt_epi8(bytes, space),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);

        if (mask)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#else
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t highs = 0x8080808080808080U;

    while (end - at >= 8) {
        uint64_t bytes;
        uint64_t quote;
        uint64_t backslash;

        memcpy(&bytes, at, sizeof(bytes));
        quote = bytes ^ (ones * '"');
        backslash = bytes ^ (ones * '\\');
        /* A high bit stays where a byte is zero, below a space, or not ASCII. */
        if ((((quote - ones) | (backslash - ones) | (bytes - ones * ' ')) | bytes) & highs)
            break;
        at += 8;
    }
#endif
    while (at < end && (unsigned char)*at >= ' ' && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    return at;
}

/* Length of the special sequence at `at` inside a string (an escape or a UTF-8 character), or 0
 * with the fault set. */
static size_t check_special(struct envm_json_reader *r, const char *at)
{
    unsigned char c = (unsigned char)*at;
    uint32_t code_point;
    size_t len;

    if (c >= 0x80) {
        len = envm_utf8_decode(envm_str_n(at, (size_t)(r->end - at)), &code_point);
        if (!len)
            fail_at(r, at, "invalid UTF-8 in a string");
        return len;
    }
    if (c != '\\') {
        fail_at(r, at, "a control character in a string (it must be escaped)");
        return 0;
    }
    if (r->end - at < 2) {
        fail_at(r, r->end, "the text ends too early");
        return 0;
    }
    if (at[1] == 'u') {
        len = envm_json_unicode_escape(at, r->end, &code_point);
        if (!len)
            fail_at(r, at, "a bad \\u escape or a lone surrogate in a string");
        return len;
    }
    if (envm_json_simple_escape(at[1]))
        return 2;
    fail_at(r, at, "an unknown escape in a string");
    return 0;
}

/* Takes the string at r->at (which shows the quote); *ret_raw is the text between the quotes. */
static inline bool take_string(struct envm_json_reader *r, envm_str *ret_raw, bool *ret_escaped)
{
    const char *begin = r->at + 1;
    const char *at = begin;

    *ret_escaped = false;
    for (;;) {
        size_t len;

        at = scan_plain(at, r->end);
        if (UNLIKELY(at == r->end))
            return fail_at(r, at, "the text ends inside a string");
        if (LIKELY(*at == '"'))
            break;
        *ret_escaped |= *at == '\\';
        len = check_special(r, at);
        if (!len)
            return false;
        at += len;
    }
    *ret_raw = envm_str_n(begin, (size_t)(at - begin));
    r->at = at + 1;
    return true;
}

/* Decodes a string that take_string has checked. */
static bool decode_string(struct envm_json_reader *r, struct envm_arena *arena, envm_str raw,
                          envm_str *ret_value)
{
    if (!arena)
        return fail_at(r, raw.ptr, "an escape where none is expected");
    return envm_json_decode(arena, raw, ret_value) ||
           fail_at(r, raw.ptr, "a NUL character in a string");
}

/* Positions on the next value; false when there is none. */
static inline bool at_value(struct envm_json_reader *r)
{
    if (UNLIKELY(r->fault))
        return false;
    skip_space(r);
    if (UNLIKELY(r->at == r->end))
        return unexpected(r, "");
    if (UNLIKELY(r->depth == 0 && !r->first))
        return fail_at(r, r->at, "more text after the end of the value");
    return true;
}

static inline enum envm_json_type type_of(char c)
{
    switch (c) {
    case '"':
        return ENVM_JSON_STRING;
    case '{':
        return ENVM_JSON_OBJECT;
    case '[':
        return ENVM_JSON_ARRAY;
    case 't':
    case 'f':
        return ENVM_JSON_BOOL;
    case 'n':
        return ENVM_JSON_NULL;
    default:
        return c == '-' || envm_is_digit(c) ? ENVM_JSON_NUMBER : ENVM_JSON_ERROR;
    }
}

enum envm_json_type envm_json_peek_any(struct envm_json_reader *r)
{
    enum envm_json_type type;

    if (!r->fault && r->depth == 0 && !r->first)
        return ENVM_JSON_ERROR;
    if (!at_value(r))
        return ENVM_JSON_ERROR;
    type = type_of(*r->at);
    if (type == ENVM_JSON_ERROR)
        unexpected(r, "expected a value");
    return type;
}

static inline bool in_object(const struct envm_json_reader *r)
{
    return r->in_object >> (r->depth - 1) & 1;
}

static inline bool begin_container(struct envm_json_reader *r, bool object)
{
    uint64_t bit;

    if (r->depth == ENVM_JSON_DEPTH_MAX)
        return fail_at(r, r->at, "nested more than 64 levels deep");
    bit = (uint64_t)1 << r->depth;
    r->in_object = object ? r->in_object | bit : r->in_object & ~bit;
    r->depth++;
    r->first = true;
    r->at++;
    return true;
}

static inline bool end_container(struct envm_json_reader *r)
{
    r->depth--;
    r->first = false;
    r->at++;
    return false;
}

bool envm_json_begin_object(struct envm_json_reader *r)
{
    if (!at_value(r))
        return false;
    return *r->at == '{' ? begin_container(r, true) : unexpected(r, "expected an object");
}

bool envm_json_begin_array(struct envm_json_reader *r)
{
    if (!at_value(r))
        return false;
    return *r->at == '[' ? begin_container(r, false) : unexpected(r, "expected an array");
}

/* Takes the comma between two elements. False at the closing bracket (consumed) or on an error. */
static inline bool next_item(struct envm_json_reader *r, char close, const char *wanted)
{
    if (UNLIKELY(r->fault))
        return false;
    skip_space(r);
    if (UNLIKELY(r->at == r->end))
        return unexpected(r, wanted);
    if (*r->at == close)
        return end_container(r);
    if (!r->first) {
        if (UNLIKELY(*r->at != ','))
            return unexpected(r, wanted);
        r->at++;
        skip_space(r);
    }
    r->first = false;
    return true;
}

static inline __attribute__((always_inline)) bool next_raw_key(struct envm_json_reader *r,
                                                               envm_str *ret_raw, bool *ret_escaped)
{
    if (!next_item(r, '}', "expected ',' or '}'"))
        return false;
    if (UNLIKELY(r->at == r->end || *r->at != '"'))
        return unexpected(r, "expected a key in double quotes");
    if (!take_string(r, ret_raw, ret_escaped))
        return false;
    skip_space(r);
    if (UNLIKELY(r->at == r->end || *r->at != ':'))
        return unexpected(r, "expected ':' after a key");
    r->at++;
    return true;
}

/* A key that is nothing special; otherwise nothing has happened. */
static inline bool take_plain_key(struct envm_json_reader *r, envm_str *ret_key)
{
    const char *begin, *close;

    if (UNLIKELY(r->fault))
        return false;
    skip_space(r);
    begin = r->at + !r->first;
    if (UNLIKELY(r->end - r->at < 3 || (!r->first && *r->at != ',') || *begin++ != '"'))
        return false;
    close = scan_plain(begin, r->end);
    if (UNLIKELY(r->end - close < 2 || close[0] != '"' || close[1] != ':'))
        return false;
    *ret_key = envm_str_n(begin, (size_t)(close - begin));
    r->at = close + 2;
    r->first = false;
    return true;
}

static __attribute__((noinline)) bool next_odd_key(struct envm_json_reader *r,
                                                   struct envm_arena *arena, envm_str *ret_key)
{
    envm_str raw;
    bool escaped = false;

    if (!next_raw_key(r, &raw, &escaped))
        return false;
    if (escaped)
        return decode_string(r, arena, raw, ret_key);
    *ret_key = raw;
    return true;
}

/* This and envm_json_string first try what nearly all keys and strings are: half of the
 * instructions for each, a tenth of reading repodata. */
bool envm_json_next_key(struct envm_json_reader *r, struct envm_arena *arena, envm_str *ret_key)
{
    return LIKELY(take_plain_key(r, ret_key)) || next_odd_key(r, arena, ret_key);
}

bool envm_json_next_element(struct envm_json_reader *r)
{
    if (!next_item(r, ']', "expected ',' or ']'"))
        return false;
    /* A closing bracket here follows a comma. */
    if (UNLIKELY(r->at == r->end || *r->at == ']'))
        return unexpected(r, "expected a value after ','");
    return true;
}

static inline bool take_plain_string(struct envm_json_reader *r, envm_str *ret_value)
{
    const char *begin = r->at + 1;
    const char *close;

    if (UNLIKELY(r->fault || r->depth == 0 || r->at == r->end || *r->at != '"'))
        return false;
    close = scan_plain(begin, r->end);
    if (UNLIKELY(close == r->end || *close != '"'))
        return false;
    *ret_value = envm_str_n(begin, (size_t)(close - begin));
    r->at = close + 1;
    r->first = false;
    return true;
}

static __attribute__((noinline)) bool odd_string(struct envm_json_reader *r,
                                                 struct envm_arena *arena, envm_str *ret_value)
{
    envm_str raw;
    bool escaped = false;

    if (!at_value(r))
        return false;
    if (UNLIKELY(*r->at != '"'))
        return unexpected(r, "expected a string");
    r->first = false;
    if (!take_string(r, &raw, &escaped))
        return false;
    if (escaped)
        return decode_string(r, arena, raw, ret_value);
    *ret_value = raw;
    return true;
}

bool envm_json_string(struct envm_json_reader *r, struct envm_arena *arena, envm_str *ret_value)
{
    return LIKELY(take_plain_string(r, ret_value)) || odd_string(r, arena, ret_value);
}

static inline const char *skip_digits(const char *at, const char *end)
{
    while (at < end && envm_is_digit(*at))
        at++;
    return at;
}

static const char *scan_digits(struct envm_json_reader *r, const char *at)
{
    const char *after = skip_digits(at, r->end);

    if (after == at)
        fail_at(r, at, at == r->end ? "the text ends too early" : "expected a digit");
    return after;
}

static inline bool take_number(struct envm_json_reader *r, envm_str *ret_text)
{
    const char *begin = r->at;
    const char *at = begin + (*begin == '-');

    if (at < r->end && *at == '0')
        at++;
    else
        at = scan_digits(r, at);
    if (at < r->end && *at == '.')
        at = scan_digits(r, at + 1);
    if (at < r->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < r->end && (*at == '+' || *at == '-'))
            at++;
        at = scan_digits(r, at);
    }
    if (UNLIKELY(r->fault))
        return false;
    if (at < r->end && (envm_is_alnum(*at) || *at == '.'))
        return fail_at(r, begin, "a malformed number");
    r->at = at;
    *ret_text = envm_str_n(begin, (size_t)(at - begin));
    return true;
}

bool envm_json_number_text(struct envm_json_reader *r, envm_str *ret_text)
{
    if (!at_value(r))
        return false;
    if (type_of(*r->at) != ENVM_JSON_NUMBER)
        return unexpected(r, "expected a number");
    r->first = false;
    return take_number(r, ret_text);
}

bool envm_json_u64(struct envm_json_reader *r, uint64_t *ret_value)
{
    const char *begin;
    envm_str text;

    if (!at_value(r))
        return false;
    begin = r->at;
    if (!envm_json_number_text(r, &text))
        return false;
    if (!envm_str_parse_u64(text, ret_value))
        return fail_at(r, begin, "expected a whole number from 0 to 18446744073709551615");
    return true;
}

static bool take_word(struct envm_json_reader *r, envm_str word, const char *wanted)
{
    if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0)
        return fail_at(r, r->at, wanted);
    r->at += word.len;
    r->first = false;
    if (r->at < r->end && envm_is_alnum(*r->at))
        return fail_at(r, r->at - word.len, wanted);
    return true;
}

bool envm_json_bool(struct envm_json_reader *r, bool *ret_value)
{
    bool value;

    if (!at_value(r))
        return false;
    value = *r->at == 't';
    if (!take_word(r, value ? ENVM_STR("true") : ENVM_STR("false"), "expected true or false"))
        return false;
    *ret_value = value;
    return true;
}

bool envm_json_null(struct envm_json_reader *r)
{
    return at_value(r) && take_word(r, ENVM_STR("null"), "expected null");
}

/* Takes a scalar, or the opening of a container. */
static inline bool enter_value(struct envm_json_reader *r)
{
    envm_str raw;
    bool ignored;

    if (!at_value(r))
        return false;
    switch (type_of(*r->at)) {
    case ENVM_JSON_STRING:
        r->first = false;
        return take_string(r, &raw, &ignored);
    case ENVM_JSON_NUMBER:
        r->first = false;
        return take_number(r, &raw);
    case ENVM_JSON_BOOL:
        return envm_json_bool(r, &ignored);
    case ENVM_JSON_NULL:
        return envm_json_null(r);
    case ENVM_JSON_OBJECT:
        return begin_container(r, true);
    case ENVM_JSON_ARRAY:
        return begin_container(r, false);
    case ENVM_JSON_ERROR:
        break;
    }
    return unexpected(r, "expected a value");
}

bool envm_json_skip(struct envm_json_reader *r, envm_str *ret_raw)
{
    unsigned depth = r->depth;
    const char *begin;

    if (!at_value(r))
        return false;
    begin = r->at;
    do {
        envm_str raw;
        bool ignored;

        if (!enter_value(r))
            return false;
        /* Leave every container that ends here; stop at the next value. */
        while (r->depth > depth &&
               !(in_object(r) ? next_raw_key(r, &raw, &ignored) : envm_json_next_element(r)))
            if (r->fault)
                return false;
    } while (r->depth > depth);
    if (ret_raw)
        *ret_raw = envm_str_n(begin, (size_t)(r->at - begin));
    return true;
}

bool envm_json_skip_member(struct envm_json_reader *r)
{
    envm_str raw;
    bool ignored;

    return next_raw_key(r, &raw, &ignored) && envm_json_skip(r, NULL);
}

static enum envm_code report(const struct envm_json_reader *r, struct envm_error *err)
{
    envm_str before = envm_str_n(r->start, r->fault_offset);
    const char *line_start = r->start;
    size_t line = 1;
    const char *newline;

    while ((newline = memchr(line_start, '\n', (size_t)(before.ptr + before.len - line_start)))) {
        line_start = newline + 1;
        line++;
    }
    return envm_fail(err, ENVM_MALFORMED, "%s at line %zu, column %zu (byte %zu)", r->fault, line,
                     (size_t)(before.ptr + before.len - line_start) + 1, r->fault_offset);
}

enum envm_code envm_json_end(struct envm_json_reader *r, struct envm_error *err)
{
    if (!r->fault) {
        skip_space(r);
        if (r->depth > 0 || r->first)
            unexpected(r, "the value was not read to its end");
        else if (r->at != r->end)
            envm_json_fail(r, "more text after the end of the value");
    }
    return r->fault ? report(r, err) : ENVM_OK;
}
