/* SPDX-License-Identifier: MIT */
#include "conda/pattern.h"

#include "base/error.h"
#include "base/glob.h"
#include "base/str.h"

static bool is_only_stars(envm_str text)
{
    size_t i;

    for (i = 0; i < text.len; i++)
        if (text.ptr[i] != '*')
            return false;
    return true;
}

enum envm_code envm_pattern_parse(struct envm_arena *arena, envm_str text,
                                  struct envm_pattern *ret_pattern, struct envm_error *err)
{
    struct envm_pattern pattern = {.text = envm_arena_str(arena, text)};
    bool begins = text.len > 0 && text.ptr[0] == '^';
    bool ends = text.len > 0 && text.ptr[text.len - 1] == '$';

    if (begins != ends)
        return envm_fail(err, ENVM_MALFORMED,
                         "a regular expression starts with '^' and ends with '$'");
    if (begins) {
        pattern.kind = ENVM_PATTERN_REGEX;
        ENVM_TRY(envm_regex_compile(arena, text, true, &pattern.regex, err));
    } else if (is_only_stars(text)) {
        pattern.kind = ENVM_PATTERN_ANY;
    } else if (envm_str_find_char(text, '*') != SIZE_MAX) {
        pattern.kind = ENVM_PATTERN_GLOB;
    } else {
        pattern.kind = ENVM_PATTERN_EXACT;
    }
    *ret_pattern = pattern;
    return ENVM_OK;
}

bool envm_pattern_matches(const struct envm_pattern *pattern, envm_str text)
{
    switch (pattern->kind) {
    case ENVM_PATTERN_ANY:
        return true;
    case ENVM_PATTERN_EXACT:
        return envm_str_equal_nocase(pattern->text, text);
    case ENVM_PATTERN_GLOB:
        return envm_glob_match(pattern->text, text, true);
    case ENVM_PATTERN_REGEX:
        return envm_regex_search(pattern->regex, text);
    }
    return false;
}
