/* SPDX-License-Identifier: MIT */
#include "codec/json_writer.h"

#include <inttypes.h>

#include "base/utf8.h"

void envm_json_writer_init(struct envm_json_writer *w, struct envm_buf *out, unsigned indent)
{
    *w = (struct envm_json_writer){.out = out, .indent = indent, .first = true};
}

static void new_line(struct envm_json_writer *w)
{
    if (w->indent == 0)
        return;
    envm_buf_add_byte(w->out, '\n');
    envm_buf_add_repeat(w->out, ' ', (size_t)w->indent * w->depth);
}

/* What stands before a key, or before a value that has none. */
static void begin_item(struct envm_json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (!w->first)
        envm_buf_add_byte(w->out, ',');
    if (w->depth > 0)
        new_line(w);
    w->first = false;
}

static void open_container(struct envm_json_writer *w, char bracket)
{
    begin_item(w);
    envm_buf_add_byte(w->out, bracket);
    w->depth++;
    w->first = true;
}

static void close_container(struct envm_json_writer *w, char bracket)
{
    bool empty = w->first;

    w->depth--;
    w->first = false;
    if (!empty)
        new_line(w);
    envm_buf_add_byte(w->out, bracket);
}

void envm_json_open_object(struct envm_json_writer *w)
{
    open_container(w, '{');
}

void envm_json_close_object(struct envm_json_writer *w)
{
    close_container(w, '}');
}

void envm_json_open_array(struct envm_json_writer *w)
{
    open_container(w, '[');
}

void envm_json_close_array(struct envm_json_writer *w)
{
    close_container(w, ']');
}

static void add_escape(struct envm_buf *out, char c)
{
    static const char letters[] = "btn\0fr"; /* from \b (8) to \r (13) */

    if (c == '"' || c == '\\') {
        envm_buf_add_byte(out, '\\');
        envm_buf_add_byte(out, c);
    } else if (c >= '\b' && c <= '\r' && letters[c - '\b']) {
        envm_buf_add_byte(out, '\\');
        envm_buf_add_byte(out, letters[c - '\b']);
    } else {
        envm_buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

static void add_quoted(struct envm_buf *out, envm_str s)
{
    size_t at = 0;

    envm_buf_add_byte(out, '"');
    while (at < s.len) {
        size_t from = at;
        uint32_t code_point;
        size_t len;

        while (at < s.len && is_plain(s.ptr[at]))
            at++;
        envm_buf_append(out, s.ptr + from, at - from);
        if (at == s.len)
            break;
        if ((unsigned char)s.ptr[at] < 0x80) {
            add_escape(out, s.ptr[at++]);
            continue;
        }
        len = envm_utf8_decode(envm_str_skip(s, at), &code_point);
        /* What could control a terminal is written as what it is not: the value stays the same. All
         * of it lies below U+10000. */
        if (len && envm_utf8_is_control(code_point))
            envm_buf_printf(out, "\\u%04x", (unsigned)code_point);
        else if (len)
            envm_buf_append(out, s.ptr + at, len);
        else
            envm_buf_add_cstr(out, "\xEF\xBF\xBD");
        at += len ? len : 1;
    }
    envm_buf_add_byte(out, '"');
}

void envm_json_key_str(struct envm_json_writer *w, envm_str key)
{
    begin_item(w);
    add_quoted(w->out, key);
    envm_buf_add_cstr(w->out, w->indent ? ": " : ":");
    w->after_key = true;
}

void envm_json_key(struct envm_json_writer *w, const char *key)
{
    envm_json_key_str(w, envm_str_from(key));
}

void envm_json_put_str(struct envm_json_writer *w, envm_str value)
{
    begin_item(w);
    add_quoted(w->out, value);
}

void envm_json_put_cstr(struct envm_json_writer *w, const char *value)
{
    if (value)
        envm_json_put_str(w, envm_str_from(value));
    else
        envm_json_put_null(w);
}

void envm_json_put_u64(struct envm_json_writer *w, uint64_t value)
{
    begin_item(w);
    envm_buf_printf(w->out, "%" PRIu64, value);
}

void envm_json_put_i64(struct envm_json_writer *w, int64_t value)
{
    begin_item(w);
    envm_buf_printf(w->out, "%" PRId64, value);
}

void envm_json_put_bool(struct envm_json_writer *w, bool value)
{
    envm_json_put_raw(w, value ? ENVM_STR("true") : ENVM_STR("false"));
}

void envm_json_put_null(struct envm_json_writer *w)
{
    envm_json_put_raw(w, ENVM_STR("null"));
}

void envm_json_put_raw(struct envm_json_writer *w, envm_str json)
{
    begin_item(w);
    envm_buf_add_str(w->out, json);
}

void envm_json_field_str(struct envm_json_writer *w, const char *key, envm_str value)
{
    envm_json_key(w, key);
    envm_json_put_str(w, value);
}

void envm_json_field_cstr(struct envm_json_writer *w, const char *key, const char *value)
{
    envm_json_key(w, key);
    envm_json_put_cstr(w, value);
}

void envm_json_field_u64(struct envm_json_writer *w, const char *key, uint64_t value)
{
    envm_json_key(w, key);
    envm_json_put_u64(w, value);
}

void envm_json_field_bool(struct envm_json_writer *w, const char *key, bool value)
{
    envm_json_key(w, key);
    envm_json_put_bool(w, value);
}

void envm_json_field_list(struct envm_json_writer *w, const char *key, struct envm_str_list list)
{
    envm_json_key(w, key);
    envm_json_open_array(w);
    for (size_t i = 0; i < list.count; i++)
        envm_json_put_str(w, list.items[i]);
    envm_json_close_array(w);
}

void envm_json_field_groups(struct envm_json_writer *w, const char *key,
                            const struct envm_extra_group *groups, size_t count)
{
    envm_json_key(w, key);
    envm_json_open_object(w);
    for (size_t i = 0; i < count; i++) {
        envm_json_key_str(w, groups[i].name);
        envm_json_open_array(w);
        for (size_t k = 0; k < groups[i].depends.count; k++)
            envm_json_put_str(w, groups[i].depends.items[k]);
        envm_json_close_array(w);
    }
    envm_json_close_object(w);
}
