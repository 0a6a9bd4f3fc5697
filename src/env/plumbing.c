/* SPDX-License-Identifier: MIT */
#include <envm/plumbing.h>

#include <envm/version.h>

#include "base/error.h"
#include "conda/archive_name.h"
#include "conda/match_spec.h"
#include "env/context.h"

#define FIELDS_MAX 5

static size_t split_tabs(envm_str line, envm_str fields[FIELDS_MAX])
{
    size_t count = 0;
    envm_str field;

    line = line.ptr ? line : ENVM_STR("");
    while (envm_str_split_next(&line, '\t', &field)) {
        if (count < FIELDS_MAX)
            fields[count] = field;
        count++;
    }
    return count;
}

envm_str envm_plumbing_compare_versions(struct envm_memory *memory, envm_str line)
{
    envm_str fields[FIELDS_MAX];
    int order = 0;

    (void)memory;
    if (split_tabs(line, fields) != 2 ||
        envm_version_compare_text(fields[0], fields[1], &order, NULL) != ENVM_OK)
        return ENVM_STR("invalid");
    if (order == 0)
        return ENVM_STR("0");
    return order < 0 ? ENVM_STR("-1") : ENVM_STR("1");
}

envm_str envm_plumbing_match(struct envm_memory *memory, envm_str line)
{
    envm_str fields[FIELDS_MAX] = {0};
    struct envm_package_record record = {0};
    const struct envm_match_spec *spec;

    if (split_tabs(line, fields) != FIELDS_MAX ||
        envm_match_spec_parse(&memory->arena, fields[0], &spec, NULL) != ENVM_OK ||
        !envm_str_parse_u64(fields[4], &record.build_number))
        return ENVM_STR("invalid");
    record.name = fields[1];
    record.version = fields[2];
    record.build = fields[3];
    return envm_match_spec_matches(spec, &record) ? ENVM_STR("true") : ENVM_STR("false");
}

envm_str envm_plumbing_parse_spec(struct envm_memory *memory, envm_str line)
{
    const struct envm_match_spec *spec;
    struct envm_error err = {0};
    envm_str answer;

    if (envm_match_spec_parse(&memory->arena, line, &spec, &err) == ENVM_OK)
        return envm_match_spec_format(&memory->arena, spec);
    answer = envm_arena_printf(&memory->arena, "invalid: %s", err.text);
    envm_error_release(&err);
    return answer;
}
