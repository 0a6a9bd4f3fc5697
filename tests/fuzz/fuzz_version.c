/* SPDX-License-Identifier: MIT */
/* links: conda */
/* The order of versions is total: three lines are three versions. */
#include <stdlib.h>

#include "conda/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pair(const struct envm_version *a, const struct envm_version *b)
{
    if (envm_version_compare(a, b) != -envm_version_compare(b, a) ||
        envm_version_compare(a, a) != 0 || !envm_version_starts_with(a, a))
        abort();
}

static void check_triple(const struct envm_version *a, const struct envm_version *b,
                         const struct envm_version *c)
{
    int ab = envm_version_compare(a, b), bc = envm_version_compare(b, c);
    int ac = envm_version_compare(a, c);

    if (ab <= 0 && bc <= 0 && ac > 0)
        abort();
    if (ab == 0 && bc != ac)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str rest = envm_str_n((const char *)data, size), line;
    const struct envm_version *v[3];
    size_t count = 0, i, j, k;

    while (count < 3 && envm_str_split_next(&rest, '\n', &line))
        if (envm_version_parse(&arena, line, &v[count], NULL) == ENVM_OK)
            count++;
    for (i = 0; i < count; i++)
        for (j = 0; j < count; j++) {
            check_pair(v[i], v[j]);
            for (k = 0; k < count; k++)
                check_triple(v[i], v[j], v[k]);
        }
    return 0;
}
