/* SPDX-License-Identifier: MIT */
/* links: codec */
/* What the reader of envm's own YAML accepts, libyaml accepts, and both see the same tree at the
 * same places. */
#include <stdlib.h>

#include "../support/yaml_same.h"
#include "base/str.h"
#include "codec/yaml_canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str text = envm_str_n((const char *)data, size);
    struct envm_yaml_node *quick = NULL;
    struct envm_yaml_node *root = NULL;
    struct envm_str_list comments = {0}; /* whoever asks for them gets libyaml */

    if (!envm_yaml_read_canonical(&arena, text, &quick))
        return 0;
    if (envm_yaml_read(&arena, text, "f", &root, &comments, NULL) != ENVM_OK || !root ||
        first_difference(root, quick))
        abort();
    return 0;
}
