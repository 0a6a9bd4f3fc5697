/* SPDX-License-Identifier: MIT */
#include "codec/yaml_writer.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

/* Plain scalars need no judgement of indicators when they are made of these. */
static bool is_word_char(char c)
{
    return envm_is_alnum(c) || c == '_' || c == '.' || c == '/' || c == '+' || c == '-';
}

/* Allowed inside a plain scalar, but not at its beginning. */
static bool is_inner_char(char c)
{
    return is_word_char(c) || c == '=' || c == '<' || c == '>' || c == '!' || c == '*' ||
           c == '~' || c == '(' || c == ')' || c == '|' || c == '@' || c == '%' || c == '^' ||
           c == '$' || c == ';' || c == '?';
}

/* null, booleans and the special numbers of YAML 1.1 and 1.2, in any case. */
static bool is_special_word(envm_str text)
{
    static const char *const words[] = {"null", "true", "false", "yes",  "no",    "on",    "off",
                                        "y",    "n",    "~",     ".inf", "-.inf", "+.inf", ".nan",
                                        "inf",  "nan",  "---",   "...",  NULL};

    for (size_t i = 0; words[i]; i++)
        if (envm_str_equal_nocase(text, envm_str_from(words[i])))
            return true;
    return false;
}

/* True for everything that some reader may take for a number or a date: it begins like one and
 * holds only what numbers (hexadecimal, exponents, sexagesimals, underscores) and dates hold. */
static bool may_be_number(envm_str text)
{
    char c = text.ptr[0];

    if (!envm_is_digit(c) && c != '.' && c != '-' && c != '+')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        c = text.ptr[i];
        if (!envm_is_digit(c) && !(envm_to_lower(c) >= 'a' && envm_to_lower(c) <= 'f') &&
            !strchr(".-+_:xotzTZ ", c))
            return false;
    }
    return true;
}

/* A word, or "-x", ".x": nothing that looks like a list item or a document marker. */
static bool begins_plain(envm_str text)
{
    if (!is_word_char(text.ptr[0]))
        return false;
    return envm_is_alnum(text.ptr[0]) || text.ptr[0] == '_' || text.ptr[0] == '/' ||
           (text.len > 1 && envm_is_alnum(text.ptr[1]));
}

/* One blank between words and ':' inside a word (URLs) are safe in block and flow collections;
 * more is not worth a rule. */
static bool is_plain(envm_str text)
{
    if (text.len == 0 || !begins_plain(text) || is_special_word(text) || may_be_number(text))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        char next = i + 1 < text.len ? text.ptr[i + 1] : '\0';

        if (c == ' '   ? next == '\0' || next == ' '
            : c == ':' ? !is_word_char(next)
                       : !is_inner_char(c))
            return false;
    }
    return true;
}

static void add_escaped(struct envm_buf *out, uint32_t c)
{
    if (c == '\n')
        envm_buf_add_cstr(out, "\\n");
    else if (c == '\t')
        envm_buf_add_cstr(out, "\\t");
    else if (c <= 0xff)
        envm_buf_printf(out, "\\x%02X", (unsigned)c);
    else
        envm_buf_printf(out, "\\u%04X", (unsigned)c);
}

static void add_quoted(struct envm_buf *out, envm_str text)
{
    envm_buf_add_byte(out, '"');
    while (text.len > 0) {
        uint32_t c = 0;
        size_t len = envm_utf8_decode(text, &c);

        if (len == 0) {
            c = 0xfffd;
            len = 1;
        }
        if (c == '"' || c == '\\')
            envm_buf_add_byte(out, '\\');
        /* U+FEFF and the last two of the plane are not allowed as they are. */
        if (envm_utf8_is_control(c) || c == 0xfeff || c == 0xfffe || c == 0xffff ||
            (c == 0xfffd && len == 1))
            add_escaped(out, c);
        else
            envm_buf_append(out, text.ptr, len);
        text = envm_str_skip(text, len);
    }
    envm_buf_add_byte(out, '"');
}

void envm_yaml_add_scalar(struct envm_buf *out, envm_str text)
{
    if (is_plain(text))
        envm_buf_add_str(out, text);
    else
        add_quoted(out, text);
}

void envm_yaml_add_key(struct envm_buf *out, unsigned indent, envm_str key)
{
    envm_buf_add_repeat(out, ' ', indent);
    envm_yaml_add_scalar(out, key);
    envm_buf_add_byte(out, ':');
}

void envm_yaml_add_field(struct envm_buf *out, unsigned indent, const char *key, envm_str value)
{
    envm_yaml_add_key(out, indent, envm_str_from(key));
    envm_buf_add_byte(out, ' ');
    envm_yaml_add_scalar(out, value);
    envm_buf_add_byte(out, '\n');
}

void envm_yaml_add_u64(struct envm_buf *out, unsigned indent, const char *key, uint64_t value)
{
    envm_yaml_add_key(out, indent, envm_str_from(key));
    envm_buf_printf(out, " %" PRIu64 "\n", value);
}

void envm_yaml_add_list(struct envm_buf *out, unsigned indent, const char *key,
                        struct envm_str_list list, bool block)
{
    envm_yaml_add_key(out, indent, envm_str_from(key));
    if (list.count == 0 || !block) {
        envm_buf_add_cstr(out, " [");
        for (size_t i = 0; i < list.count; i++) {
            envm_buf_add_cstr(out, i ? ", " : "");
            envm_yaml_add_scalar(out, list.items[i]);
        }
        envm_buf_add_cstr(out, "]\n");
        return;
    }
    envm_buf_add_byte(out, '\n');
    for (size_t i = 0; i < list.count; i++) {
        envm_buf_add_repeat(out, ' ', indent + 2);
        envm_buf_add_cstr(out, "- ");
        envm_yaml_add_scalar(out, list.items[i]);
        envm_buf_add_byte(out, '\n');
    }
}
