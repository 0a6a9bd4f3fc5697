/* SPDX-License-Identifier: MIT */
/* links: prefix */
/* The first byte chooses: paths.json, the three old lists (separated by NUL), or link.json. Lists
 * come out sorted, without duplicates, with placeholders that can be looked for. */
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "prefix/paths_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct envm_arena *arena, const struct envm_path_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct envm_listed_path *item = &list->items[i];
        struct envm_relpath path;

        if (envm_relpath_parse(arena, item->path.s, &path, NULL) != ENVM_OK)
            abort();
        if (i > 0 && envm_str_compare(list->items[i - 1].path.s, item->path.s) >= 0)
            abort();
        if ((item->file_mode == ENVM_MODE_NONE) != (item->placeholder.len == 0))
            abort();
        if (item->placeholder.len > 0 &&
            (item->placeholder.len < 8 || item->placeholder.len > 1024))
            abort();
    }
}

static enum envm_code parse(struct envm_arena *arena, uint8_t which, envm_str text,
                            struct envm_error *err)
{
    struct envm_path_list list = {0};
    struct envm_str_list points;
    enum envm_noarch noarch = ENVM_NOARCH_NO;
    envm_str files = {0}, has_prefix = {0}, no_link = {0};

    if (which == 2)
        return envm_link_json_parse(arena, text, &noarch, &points, err);
    if (which == 0) {
        ENVM_TRY(envm_paths_json_parse(arena, text, &list, err));
    } else {
        envm_str_split_next(&text, '\0', &files);
        envm_str_split_next(&text, '\0', &has_prefix);
        envm_str_split_next(&text, '\0', &no_link);
        ENVM_TRY(envm_paths_old_parse(arena, files, has_prefix, no_link, &list, err));
    }
    check(arena, &list);
    return ENVM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    enum envm_code code;

    if (size < 1)
        return 0;
    code = parse(&arena, data[0] % 3, envm_str_n((const char *)data + 1, size - 1), &err);
    if (code != ENVM_OK && code != ENVM_MALFORMED && code != ENVM_UNSAFE)
        abort();
    if ((code == ENVM_OK) != (err.text == NULL))
        abort();
    return 0;
}
