/* SPDX-License-Identifier: MIT */
/* links: conda */
/* Every refusal of an environment file has a place, and everything accepted is usable. */
#include <stdlib.h>

#include "conda/environment_spec.h"
#include "conda/match_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spec(struct envm_arena *arena, const struct envm_environment_spec *spec)
{
    const struct envm_match_spec *parsed;
    size_t i;

    if (spec->name.len > 0 && !envm_environment_name_is_valid(spec->name))
        abort();
    for (i = 0; i < spec->specs.count; i++)
        if (envm_match_spec_parse(arena, spec->specs.items[i], &parsed, NULL) != ENVM_OK ||
            spec->spec_lines[i] == 0)
            abort();
    for (i = 0; i < spec->variable_count; i++)
        if (!envm_variable_name_is_valid(spec->variables[i].name) ||
            (i > 0 && envm_str_compare(spec->variables[i - 1].name, spec->variables[i].name) >= 0))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_environment_spec spec;
    struct envm_error err = {0};
    struct envm_sink sink = {0};

    if (envm_environment_spec_parse(&arena, envm_str_n((const char *)data, size), "f",
                                    ENVM_STR("linux-64"), &sink, &spec, &err) == ENVM_OK)
        check_spec(&arena, &spec);
    else if (!err.text || !err.where)
        abort();
    envm_error_release(&err);
    return 0;
}
