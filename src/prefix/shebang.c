/* SPDX-License-Identifier: MIT */
#include "prefix/shebang.h"

#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"

struct shebang {
    envm_str interpreter; /* absolute path */
    envm_str arguments;   /* what follows it, with the leading blank */
};

envm_str envm_shebang_line(envm_str bytes)
{
    size_t end = 0;

    if (!envm_str_starts_with(bytes, ENVM_STR("#!")))
        return (envm_str){0};
    end = envm_str_find_char(bytes, '\n');
    return end == SIZE_MAX ? bytes : envm_str_slice(bytes, 0, end);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool shebang_parse(envm_str line, struct shebang *ret_shebang)
{
    size_t at = 2;
    size_t end = 0;

    while (at < line.len && is_blank(line.ptr[at]))
        at++;
    if (at >= line.len || line.ptr[at] != '/')
        return false;
    for (end = at; end < line.len && !is_blank(line.ptr[end]); end++) {
        if (line.ptr[end] == '\\' && end + 1 < line.len && line.ptr[end + 1] == ' ')
            end++;
    }
    ret_shebang->interpreter = envm_str_slice(line, at, end);
    ret_shebang->arguments = envm_str_skip(line, end);
    while (ret_shebang->arguments.len > 0 &&
           is_blank(ret_shebang->arguments.ptr[ret_shebang->arguments.len - 1]))
        ret_shebang->arguments.len--;
    return true;
}

/* python, python3, python3.11, python3.13t */
static bool is_python(envm_str name)
{
    envm_str rest = name;
    size_t digits = 0;

    if (!envm_str_starts_with(rest, ENVM_STR("python")))
        return false;
    rest = envm_str_skip(rest, 6);
    for (bool dotted = false; rest.len > 0; rest = envm_str_skip(rest, 1)) {
        char c = rest.ptr[0];

        if (envm_is_digit(c)) {
            digits++;
        } else if (c == '.' && !dotted && digits > 0) {
            dotted = true;
            digits = 0;
        } else {
            return c == 't' && rest.len == 1 && digits > 0;
        }
    }
    return digits > 0 || name.len == 6;
}

static envm_str replace_all(struct envm_arena *arena, envm_str text, envm_str from, envm_str to)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    size_t at = 0;

    while ((at = envm_str_find(text, from)) != SIZE_MAX) {
        envm_buf_add_str(&out, envm_str_slice(text, 0, at));
        envm_buf_add_str(&out, to);
        text = envm_str_skip(text, at + from.len);
    }
    envm_buf_add_str(&out, text);
    return envm_arena_str(arena, envm_buf_str(&out));
}

/* Inside double quotes sh reads these four. */
static void add_quoted(struct envm_buf *out, envm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (memchr("\"\\$`", text.ptr[i], 4))
            envm_buf_add_byte(out, '\\');
        envm_buf_add_byte(out, text.ptr[i]);
    }
}

static envm_str interpreter_name(envm_str path)
{
    size_t slash = envm_str_find_last_char(path, '/');

    return envm_str_skip(path, slash + 1);
}

bool envm_shebang_rewrite(struct envm_arena *arena, envm_str line, envm_str placeholder,
                          envm_str prefix, envm_str *ret_text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct shebang shebang = {0};
    envm_str name;
    envm_str arguments;
    bool has_space =
        envm_str_find_char(prefix, ' ') != SIZE_MAX || envm_str_find_char(prefix, '\t') != SIZE_MAX;

    /* The record of the original line is JSON: only text can be kept there. */
    if (placeholder.len == 0 || !envm_utf8_is_valid(line) || !shebang_parse(line, &shebang) ||
        !envm_str_contains(shebang.interpreter, placeholder))
        return false;
    if (!has_space && replace_all(arena, line, placeholder, prefix).len <= ENVM_SHEBANG_MAX)
        return false;

    name = interpreter_name(shebang.interpreter);
    arguments = replace_all(arena, shebang.arguments, placeholder, prefix);
    /* A quote in the arguments could end the string that Python sees. */
    if (is_python(name) && envm_str_find_char(arguments, '\'') == SIZE_MAX) {
        envm_buf_add_cstr(&out, "#!/bin/sh\n'''exec' \"");
        add_quoted(&out, replace_all(arena, shebang.interpreter, placeholder, prefix));
        envm_buf_printf(&out, "\"%.*s \"$0\" \"$@\" #'''", ENVM_STR_ARGS(arguments));
    } else {
        envm_buf_printf(&out, "#!/usr/bin/env %.*s%.*s", ENVM_STR_ARGS(name),
                        ENVM_STR_ARGS(arguments));
    }
    *ret_text = envm_arena_str(arena, envm_buf_str(&out));
    return true;
}
