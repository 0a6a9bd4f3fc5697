/* SPDX-License-Identifier: MIT */
#include "env/search_needs.h"

#include "base/error.h"

enum envm_code envm_search_needs_parse(struct envm_arena *arena, const char *text,
                                       struct envm_search_needs *ret_needs, struct envm_error *err)
{
    const struct envm_match_spec *spec;
    enum envm_code code = envm_match_spec_parse(arena, envm_str_from(text), &spec, err);

    if (code != ENVM_OK)
        return envm_wrap(err, ENVM_USAGE, "--needs \"%s\"", text);
    /* Which versions would satisfy a dependency is a question for the solver. */
    if (envm_str_find_char(envm_match_spec_format(arena, spec), '[') != SIZE_MAX ||
        envm_match_spec_has_version(spec) || envm_match_spec_channel(spec).len > 0)
        return envm_fail(err, ENVM_USAGE, "--needs takes a name or a pattern, not \"%s\"", text);
    *ret_needs = (struct envm_search_needs){spec, envm_match_spec_exact_name(spec)};
    return ENVM_OK;
}

static bool is_name_char(char c)
{
    return envm_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* The name at the start of a dependency; almost every one is written in a way in which it can be
 * seen without parsing. */
static envm_str name_of(envm_str text, struct envm_arena *scratch)
{
    const struct envm_match_spec *spec;
    size_t len = 0;

    while (len < text.len && is_name_char(text.ptr[len]))
        len++;
    if (len > 0 && (len == text.len || envm_is_space(text.ptr[len])))
        return envm_str_slice(text, 0, len);
    if (envm_match_spec_parse(scratch, text, &spec, NULL) != ENVM_OK)
        return (envm_str){0};
    return envm_match_spec_exact_name(spec);
}

envm_str envm_search_needs_find(const struct envm_search_needs *needs,
                                const struct envm_package_record *record,
                                struct envm_arena *scratch)
{
    for (size_t i = 0; i < record->depends.count; i++) {
        envm_str name = name_of(record->depends.items[i], scratch);
        bool fits = needs->exact.len > 0
                        ? envm_str_equal_nocase(name, needs->exact)
                        : name.len > 0 && envm_match_spec_matches_name(needs->spec, name);

        if (fits)
            return record->depends.items[i];
    }
    return (envm_str){0};
}
