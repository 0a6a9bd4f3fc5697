/* SPDX-License-Identifier: MIT */
#include "shell/activation_path.h"

#include "base/buf.h"
#include "base/str.h"

#define DEFAULT_PATH "/usr/bin:/bin"

static envm_str starting_path(const char *path)
{
    return path && *path ? envm_str_from(path) : ENVM_STR(DEFAULT_PATH);
}

static envm_str without_trailing_slashes(envm_str s)
{
    while (s.len > 1 && s.ptr[s.len - 1] == '/')
        s.len--;
    return s;
}

static bool is_bin_of(envm_str entry, envm_str prefix)
{
    entry = without_trailing_slashes(entry);
    prefix = without_trailing_slashes(prefix);
    return entry.len == prefix.len + 4 && envm_str_starts_with(entry, prefix) &&
           envm_str_ends_with(entry, ENVM_STR("/bin"));
}

static void add_entry(struct envm_buf *out, bool *first, envm_str entry)
{
    if (!*first)
        envm_buf_add_byte(out, ':');
    *first = false;
    envm_buf_add_str(out, entry);
}

envm_str envm_activation_path_add(struct envm_arena *arena, const char *path, envm_str prefix)
{
    envm_str rest = starting_path(path);

    return envm_arena_printf(arena, "%.*s/bin:%.*s",
                             ENVM_STR_ARGS(without_trailing_slashes(prefix)), ENVM_STR_ARGS(rest));
}

envm_str envm_activation_path_replace(struct envm_arena *arena, const char *path,
                                      envm_str old_prefix, envm_str new_prefix)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    envm_str rest = starting_path(path);
    envm_str part;
    bool found = false;
    bool first = true;

    while (envm_str_split_next(&rest, ':', &part)) {
        if (found || !is_bin_of(part, old_prefix)) {
            add_entry(&out, &first, part);
            continue;
        }
        found = true;
        if (new_prefix.len > 0)
            add_entry(
                &out, &first,
                envm_arena_concat(arena, without_trailing_slashes(new_prefix), ENVM_STR("/bin")));
    }
    if (!found && new_prefix.len > 0)
        return envm_activation_path_add(arena, path, new_prefix);
    if (first)
        return ENVM_STR(DEFAULT_PATH);
    return envm_arena_str(arena, envm_buf_str(&out));
}
