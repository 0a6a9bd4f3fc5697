/* SPDX-License-Identifier: MIT */
/* links: prefix */
/* A history is read by every command that looks at an environment: as many blocks as are counted,
 * their packages by name, each with a side at least, and requests that can be read. */
#include <stdlib.h>

#include "base/str.h"
#include "prefix/prefix_history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_block(const struct envm_history_entry *entry)
{
    for (size_t i = 0; i < entry->move_count; i++) {
        if (entry->moves[i].from.len == 0 && entry->moves[i].to.len == 0)
            abort();
        if (i > 0 && envm_str_compare(entry->moves[i - 1].name, entry->moves[i].name) > 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str text = envm_str_n((const char *)data, size);
    struct envm_history_entries entries = envm_history_entries(&arena, text);

    if (entries.count != envm_history_count(text))
        abort();
    for (size_t i = 0; i < entries.count; i++)
        check_block(&entries.items[i]);
    (void)envm_history_specs(&arena, text);
    return 0;
}
