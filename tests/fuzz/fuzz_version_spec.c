/* SPDX-License-Identifier: MIT */
/* links: conda */
/* The first line is a version, the rest a specifier: its text without white space means the same,
 * and each way to combine it with itself means the same too. */
#include <stdlib.h>

#include "conda/version_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct envm_arena *arena, envm_str text, const struct envm_version *version,
                  bool expected)
{
    const struct envm_version_spec *spec;

    if (text.len > ENVM_VERSION_SPEC_LENGTH_MAX)
        return;
    if (envm_version_spec_parse(arena, text, &spec, NULL) != ENVM_OK ||
        envm_version_spec_matches(spec, version) != expected)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str rest = envm_str_n((const char *)data, size), line, text;
    const struct envm_version_spec *spec;
    const struct envm_version *version;
    bool matches;

    if (size == 0 || !envm_str_split_next(&rest, '\n', &line) || !rest.ptr ||
        envm_version_parse(&arena, line, &version, NULL) != ENVM_OK ||
        envm_version_spec_parse(&arena, rest, &spec, NULL) != ENVM_OK)
        return 0;
    matches = envm_version_spec_matches(spec, version);
    text = envm_version_spec_text(spec);
    check(&arena, text, version, matches);
    if (text.len == 0)
        return 0;
    check(&arena, envm_arena_printf(&arena, "%.*s|%.*s", ENVM_STR_ARGS(text), ENVM_STR_ARGS(text)),
          version, matches);
    check(&arena, envm_arena_printf(&arena, "%.*s,*", ENVM_STR_ARGS(text)), version,
          envm_version_spec_matches(spec, version));
    check(&arena, envm_arena_printf(&arena, "%.*s|*", ENVM_STR_ARGS(text)), version, true);
    return 0;
}
