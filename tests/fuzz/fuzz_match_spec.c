/* SPDX-License-Identifier: MIT */
/* links: conda */
/* The canonical form parses, prints to itself and matches the same records. */
#include <stdlib.h>

#include "conda/match_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct envm_package_record records[] = {
    {.name = ENVM_STR_INIT("numpy"),
     .version = ENVM_STR_INIT("1.26.4"),
     .build = ENVM_STR_INIT("py311h64a7726_0"),
     .subdir = ENVM_STR_INIT("linux-64"),
     .channel = ENVM_STR_INIT("conda-forge"),
     .file_name = ENVM_STR_INIT("numpy-1.26.4-py311h64a7726_0.conda"),
     .license = ENVM_STR_INIT("BSD-3-Clause")},
    {.name = ENVM_STR_INIT("a"),
     .version = ENVM_STR_INIT("1!2.0_b+c"),
     .build = ENVM_STR_INIT("0"),
     .build_number = 7,
     .subdir = ENVM_STR_INIT("noarch"),
     .channel = ENVM_STR_INIT("https://host/c")},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_match_spec *spec, *again;
    struct envm_error err = {0};
    envm_str form;
    size_t i;

    if (envm_match_spec_parse(&arena, envm_str_n((const char *)data, size), &spec, &err) !=
        ENVM_OK) {
        if (err.code != ENVM_MALFORMED || !err.text)
            abort();
        envm_error_release(&err);
        return 0;
    }
    form = envm_match_spec_format(&arena, spec);
    if (form.len > ENVM_MATCH_SPEC_LENGTH_MAX)
        return 0;
    if (envm_match_spec_parse(&arena, form, &again, NULL) != ENVM_OK ||
        !envm_str_equal(envm_match_spec_format(&arena, again), form))
        abort();
    for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        bool matches = envm_match_spec_matches(spec, &records[i]);
        /* A spec from a file's URL keeps the URL, which its canonical form spells out. */
        if (envm_match_spec_url(spec).len == 0 &&
            envm_match_spec_matches(again, &records[i]) != matches)
            abort();
    }
    return 0;
}
