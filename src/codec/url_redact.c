/* SPDX-License-Identifier: MIT
 *
 * Takes secrets out of text. The text is seen as a row of units, each one character that may be
 * written raw, percent-encoded once ("%40"), or more often ("%2540"); the number of encodings is
 * the unit's level. A URL found at one level is delimited by characters of that level or below:
 * what is encoded deeper is data of that URL.
 */
#include "codec/url.h"

#include "base/alloc.h"
#include "base/buf.h"

struct unit {
    size_t offset;
    unsigned char c;
    unsigned char level;
};

struct redaction {
    envm_str text;
    const struct unit *units; /* count + 1 of them, the last for the end */
    size_t count;
    bool whole;                  /* the text is one URL */
    unsigned char quote;         /* the quote before the current URL, which ends it */
    bool tokens;                 /* /t/TOKEN is looked for */
    size_t copied;               /* bytes of the text that are in `out` or replaced */
    size_t no_at_from, no_at_to; /* units known to hold no "@" */
    struct envm_buf *out;
};

static int hex_value(char c)
{
    if (envm_is_digit(c))
        return c - '0';
    c = envm_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the two digits at `at` spell, or -1. */
static int hex_pair(envm_str text, size_t at)
{
    int high;
    int low;

    if (at + 2 > text.len)
        return -1;
    high = hex_value(text.ptr[at]);
    low = hex_value(text.ptr[at + 1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Length of the unit at `at`. */
static size_t read_unit(envm_str text, size_t at, struct unit *ret_unit)
{
    size_t digits = at + 1;
    unsigned level = 1;
    int byte;

    *ret_unit = (struct unit){.offset = at, .c = (unsigned char)text.ptr[at]};
    if (text.ptr[at] == '\\' && at + 1 < text.len && text.ptr[at + 1] == '/') {
        ret_unit->c = '/';
        return 2;
    }
    if (text.ptr[at] != '%')
        return 1;
    while (hex_pair(text, digits) == '%' && hex_pair(text, digits + 2) >= 0 && level < 200) {
        digits += 2;
        level++;
    }
    byte = hex_pair(text, digits);
    if (byte < 0)
        return 1;
    ret_unit->c = (unsigned char)byte;
    ret_unit->level = (unsigned char)level;
    return digits + 2 - at;
}

static size_t read_units(envm_str text, struct unit *units)
{
    size_t count = 0;

    for (size_t at = 0; at < text.len; count++)
        at += read_unit(text, at, &units[count]);
    units[count] = (struct unit){.offset = text.len};
    return count;
}

static bool is_slash(const struct redaction *s, size_t i)
{
    return i < s->count && (s->units[i].c == '/' || s->units[i].c == '\\');
}

static bool is_char(const struct redaction *s, size_t i, char c)
{
    return i < s->count && s->units[i].c == (unsigned char)c;
}

static bool is_blank_or_quote(unsigned char c)
{
    return c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '`';
}

/* True where a URL of this level ends. */
static bool ends_url(const struct redaction *s, size_t i, unsigned level)
{
    if (i >= s->count)
        return true;
    if (s->whole || s->units[i].level > level)
        return false;
    return is_blank_or_quote(s->units[i].c) || (s->quote && s->units[i].c == s->quote);
}

static bool ends_authority(const struct redaction *s, size_t i, unsigned level)
{
    if (ends_url(s, i, level))
        return true;
    if (s->units[i].level > level)
        return false;
    return is_slash(s, i) || is_char(s, i, '?') || is_char(s, i, '#');
}

/* Replaces the units [from, to). */
static void hide(struct redaction *s, size_t from, size_t to)
{
    size_t begin = s->units[from].offset;

    envm_buf_append(s->out, s->text.ptr + s->copied, begin - s->copied);
    envm_buf_add_cstr(s->out, "***");
    s->copied = s->units[to].offset;
}

static bool is_word_start(const struct redaction *s, size_t i)
{
    unsigned char c;

    if (i == 0)
        return true;
    c = s->units[i - 1].c;
    return is_blank_or_quote(c) || c == '\'' || c == '(' || c == '[' || c == '=' || c == ',';
}

/* True when the units before `end` spell the lower-case word. */
static bool follows_word(const struct redaction *s, size_t end, const char *word)
{
    size_t len = strlen(word);

    if (end < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (envm_to_lower((char)s->units[end - len + i].c) != word[i])
            return false;
    return true;
}

static bool is_scheme_char(unsigned char c)
{
    return envm_is_alnum((char)c) || c == '+' || c == '-' || c == '.';
}

/* The quote that stands before the scheme which ends at `colon`. Schemes are short, and a limit
 * keeps hostile text linear. */
static unsigned char quote_before(const struct redaction *s, size_t colon)
{
    size_t at = colon;

    while (at > 0 && colon - at < 32 && is_scheme_char(s->units[at - 1].c))
        at--;
    return at > 0 && s->units[at - 1].c == '\'' ? '\'' : '\0';
}

static unsigned highest_level(const struct redaction *s, size_t from, size_t to)
{
    unsigned level = 0;

    for (size_t i = from; i < to; i++)
        if (s->units[i].level > level)
            level = s->units[i].level;
    return level;
}

/* If an authority follows at i ("://", "//" at the start of a word, "https:/"): where it begins,
 * else 0. */
static size_t authority_after(struct redaction *s, size_t i, unsigned *ret_level)
{
    bool web = false;
    bool file = false;
    size_t at = i;

    if (is_char(s, i, ':')) {
        web = follows_word(s, i, "http") || follows_word(s, i, "https");
        file = follows_word(s, i, "file");
        at++;
    } else if (!is_word_start(s, i)) {
        return 0;
    }
    if (!is_slash(s, at) || (!is_slash(s, at + 1) && !web))
        return 0;
    at += is_slash(s, at + 1) ? 2 : 1;
    *ret_level = highest_level(s, i, at);
    while (!file && is_slash(s, at) && s->units[at].level <= *ret_level)
        at++;
    s->tokens = !file;
    s->quote = is_char(s, i, ':') ? quote_before(s, i) : '\0';
    return at;
}

/* The last "@" of any level in [from, to), or SIZE_MAX. */
static size_t last_at_sign(const struct redaction *s, size_t from, size_t to)
{
    for (size_t i = to; i > from; i--)
        if (s->units[i - 1].c == '@')
            return i - 1;
    return SIZE_MAX;
}

/* "user:pa/ss@host" looks like a host with a port that is none. */
static bool has_odd_port(const struct redaction *s, size_t from, size_t to)
{
    bool brackets = false;

    for (size_t i = from; i < to; i++) {
        if (s->units[i].c == '[' || s->units[i].c == ']')
            brackets = s->units[i].c == '[';
        if (s->units[i].c != ':' || brackets)
            continue;
        while (++i < to)
            if (!envm_is_digit((char)s->units[i].c))
                return true;
    }
    return false;
}

/* The last "@" between `from` and the end of the URL. Each stretch of text is searched once. */
static size_t far_at_sign(struct redaction *s, size_t from, unsigned level)
{
    size_t to = from;
    size_t found;

    if (from >= s->no_at_from && from < s->no_at_to)
        return SIZE_MAX;
    while (!ends_url(s, to, level))
        to++;
    found = last_at_sign(s, from, to);
    s->no_at_from = found == SIZE_MAX ? from : found + 1;
    s->no_at_to = to;
    return found;
}

/* Hides the userinfo; returns where to go on. */
static size_t redact_authority(struct redaction *s, size_t from, unsigned level)
{
    size_t to = from;
    size_t at_sign;

    while (!ends_authority(s, to, level))
        to++;
    at_sign = last_at_sign(s, from, to);
    if (s->whole || (at_sign == SIZE_MAX && has_odd_port(s, from, to))) {
        size_t far = far_at_sign(s, from, level);

        at_sign = far == SIZE_MAX ? at_sign : far;
    }
    if (at_sign == SIZE_MAX)
        return to;
    hide(s, from, at_sign);
    return to > at_sign ? to : at_sign + 1;
}

/* At "?": hides the values; returns where the query ends. */
static size_t redact_query(struct redaction *s, size_t i, unsigned level)
{
    i++;
    for (;;) {
        size_t value = i;
        size_t end = i;

        while (!ends_url(s, end, level) &&
               !(s->units[end].level <= level &&
                 (is_char(s, end, '&') || is_char(s, end, ';') || is_char(s, end, '#')))) {
            if (value == i && s->units[end].level <= level && is_char(s, end, '='))
                value = end + 1;
            end++;
        }
        if (value < end)
            hide(s, value, end);
        if (ends_url(s, end, level) || is_char(s, end, '#'))
            return end;
        i = end + 1;
    }
}

/* If "/t/TOKEN" stands at i: hides the token and returns where it ends, else 0. */
static size_t redact_token(struct redaction *s, size_t i, unsigned level)
{
    size_t to = i + 3;
    unsigned deepest;

    if (!is_slash(s, i) || !is_char(s, i + 1, 't') || !is_slash(s, i + 2))
        return 0;
    deepest = highest_level(s, i, i + 3);
    if (deepest < level)
        deepest = level;
    while (!ends_authority(s, to, deepest))
        to++;
    if (to == i + 3)
        return 0;
    hide(s, i + 3, to);
    return to;
}

/* "host.name/t/TOKEN" and "/t/TOKEN" without a scheme: true when the word at i looks like that and
 * not like a path on this machine. */
static bool looks_remote(const struct redaction *s, size_t i)
{
    size_t at = i;
    bool dot = false;
    bool name = false;

    if (!is_word_start(s, i))
        return false;
    if (is_slash(s, i))
        return is_char(s, i + 1, 't') && is_slash(s, i + 2);
    for (; at < s->count && !is_slash(s, at); at++) {
        unsigned char c = s->units[at].c;

        if (!envm_is_alnum((char)c) && c != '.' && c != ':' && c != '-')
            return false;
        dot |= c == '.' || c == ':';
        name |= c != '.';
    }
    return name && (dot || follows_word(s, at, "localhost"));
}

static void redact_units(struct redaction *s)
{
    bool in_url = false;
    unsigned level = 0;
    size_t i = 0;

    while (i < s->count) {
        unsigned new_level = 0;
        size_t next = authority_after(s, i, &new_level);

        if (next) {
            in_url = true;
            level = new_level;
            i = redact_authority(s, next, level);
            continue;
        }
        if (in_url && ends_url(s, i, level)) {
            in_url = false;
            s->quote = '\0';
        }
        if (!in_url && looks_remote(s, i)) {
            in_url = s->tokens = true;
            level = 0;
        }
        next = in_url && s->tokens ? redact_token(s, i, level) : 0;
        if (!next && in_url && is_char(s, i, '?') && s->units[i].level <= level)
            next = redact_query(s, i, level);
        i = next ? next : i + 1;
    }
}

static envm_str redact(struct envm_arena *arena, envm_str text, bool whole)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit(SIZE_MAX / 2);
    ENVM_CLEANUP(envm_heap) struct unit *units = envm_alloc_zero(text.len + 1, sizeof(*units));
    struct redaction s = {.text = text, .units = units, .whole = whole, .out = &out};
    size_t at_sign;

    s.count = read_units(text, units);
    redact_units(&s);
    at_sign = last_at_sign(&s, 0, s.count);
    if (whole && s.copied == 0 && at_sign != SIZE_MAX)
        hide(&s, 0, at_sign);
    envm_buf_append(&out, text.ptr + s.copied, text.len - s.copied);
    return envm_arena_str(arena, envm_buf_str(&out));
}

envm_str envm_url_redact(struct envm_arena *arena, envm_str text)
{
    return redact(arena, text, false);
}

envm_str envm_url_redact_one(struct envm_arena *arena, envm_str text)
{
    return redact(arena, text, true);
}
