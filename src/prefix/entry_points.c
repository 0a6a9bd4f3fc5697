/* SPDX-License-Identifier: MIT */
#include "prefix/entry_points.h"

#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"

#define COMMAND_MAX 128
#define DOTTED_MAX 512

static const char *const keywords[] = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
};

static bool is_identifier(envm_str text)
{
    if (text.len == 0 || envm_is_digit(text.ptr[0]))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!envm_is_alnum(text.ptr[i]) && text.ptr[i] != '_')
            return false;
    }
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (envm_str_equal_c(text, keywords[i]))
            return false;
    }
    return true;
}

static bool is_dotted(envm_str text)
{
    envm_str part;

    if (text.len == 0 || text.len > DOTTED_MAX)
        return false;
    while (envm_str_split_next(&text, '.', &part)) {
        if (!is_identifier(part))
            return false;
    }
    return true;
}

static bool is_command(envm_str text)
{
    if (text.len == 0 || text.len > COMMAND_MAX || text.ptr[0] == '.' || text.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!envm_is_alnum(text.ptr[i]) && !memchr("_.@+-", text.ptr[i], 5))
            return false;
    }
    return true;
}

static enum envm_code refuse(struct envm_error *err, enum envm_code code, envm_str text,
                             const char *why)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, text, 256);
    return envm_fail(err, code, "entry point \"%s\": %s", envm_buf_str(&shown).ptr, why);
}

enum envm_code envm_entry_point_parse(envm_str text, struct envm_entry_point *ret_point,
                                      struct envm_error *err)
{
    size_t equals = envm_str_find_char(text, '=');
    size_t colon = envm_str_find_last_char(text, ':');
    struct envm_entry_point point;

    if (equals == SIZE_MAX || colon == SIZE_MAX || colon < equals)
        return refuse(err, ENVM_MALFORMED, text, "expected \"command = module:function\"");
    point.command = envm_str_trim(envm_str_slice(text, 0, equals));
    point.module = envm_str_trim(envm_str_slice(text, equals + 1, colon));
    point.function = envm_str_trim(envm_str_skip(text, colon + 1));
    if (!is_command(point.command))
        return refuse(err, ENVM_UNSAFE, text, "the command is not a plain file name");
    if (!is_dotted(point.module))
        return refuse(err, ENVM_UNSAFE, text, "the module is not a dotted name");
    if (!is_dotted(point.function))
        return refuse(err, ENVM_UNSAFE, text, "the function is not a dotted name");
    *ret_point = point;
    return ENVM_OK;
}

envm_str envm_entry_point_script(struct envm_arena *arena, const struct envm_entry_point *point,
                                 envm_str interpreter)
{
    size_t dot = envm_str_find_char(point->function, '.');
    envm_str imported = envm_str_slice(point->function, 0, dot);

    return envm_arena_printf(arena,
                             "#!%s/%.*s\n"
                             "# -*- coding: utf-8 -*-\n"
                             "import sys\n"
                             "\n"
                             "from %.*s import %.*s\n"
                             "\n"
                             "if __name__ == '__main__':\n"
                             "    for ending in ('-script.pyw', '-script.py', '.exe'):\n"
                             "        if sys.argv[0].endswith(ending):\n"
                             "            sys.argv[0] = sys.argv[0][:-len(ending)]\n"
                             "            break\n"
                             "    sys.exit(%.*s())\n",
                             ENVM_GENERATED_PLACEHOLDER, ENVM_STR_ARGS(interpreter),
                             ENVM_STR_ARGS(point->module), ENVM_STR_ARGS(imported),
                             ENVM_STR_ARGS(point->function));
}
